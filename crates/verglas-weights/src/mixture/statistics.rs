//! Statistics of weights over resamples, and of images under weights.

use serde::{Deserialize, Serialize};

use super::likelihoods::Likelihoods;

/// Quantiles of a number over resamples.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Interval {
    /// 2.5 %.
    pub lo95: f64,
    /// 16 %.
    pub lo68: f64,
    /// 50 %.
    pub median: f64,
    /// 84 %.
    pub hi68: f64,
    /// 97.5 %.
    pub hi95: f64,
}

impl Interval {
    /// Of these numbers, in any order; they are sorted. `None` of none.
    pub fn of(numbers: &mut [f64]) -> Option<Self> {
        if numbers.is_empty() {
            return None;
        }
        numbers.sort_unstable_by(f64::total_cmp);
        let [lo95, lo68, median, hi68, hi95] = [0.025, 0.16, 0.5, 0.84, 0.975].map(|share| at(numbers, share));
        Some(Self { lo95, lo68, median, hi68, hi95 })
    }
}

/// The value below which this share of some numbers lies, linear between neighbours (NumPy's default); they are sorted.
///
/// # Panics
/// If there are none.
pub fn quantile(numbers: &mut [f64], share: f64) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    at(numbers, share)
}

fn at(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    match sorted.get(below + 1) {
        Some(above) => sorted[below] + part * (above - sorted[below]),
        None => sorted[below],
    }
}

/// exp(−Σ w ln w): how many structures of equal weight would be equally mixed.
pub fn effective_number(weights: &[f64]) -> f64 {
    let entropy: f64 = weights.iter().filter(|weight| **weight > 0.0).map(|weight| -weight * weight.ln()).sum();
    entropy.exp()
}

/// Two structures whose weights go against each other over the resamples: the images determine their sum better than
/// each of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Their places, the first one smaller.
    pub structures: [usize; 2],
    /// Of their weights over the resamples.
    pub correlation: f64,
}

/// How many times as much the difference of two weights must vary as it does where images are simply counted.
const MORE_THAN_COUNTS: f64 = 1.5;

/// Pairs of structures whose weights `[resamples, structures]`, by `n_images` images, are correlated below `below`, the strongest
/// first.
///
/// Weights of structures that images tell apart perfectly go against each other, too, since they sum to 1: of two structures
/// always. So pairs are left out whose difference varies no more than that of counted images,
/// var(w₁ − w₂) = (w₁ + w₂ − (w₁ − w₂)²)/n.
pub fn not_told_apart(resamples: &[f64], n_structures: usize, n_images: usize, below: f64) -> Vec<Pair> {
    let n = resamples.len() / n_structures.max(1);
    let mean = |of: &dyn Fn(&[f64]) -> f64| resamples.chunks_exact(n_structures).map(of).sum::<f64>() / n as f64;
    let varies_like_counts = |a: usize, b: usize| {
        let (sum, difference) = (mean(&|w| w[a] + w[b]), mean(&|w| w[a] - w[b]));
        let variance = mean(&|w| (w[a] - w[b] - difference).powi(2));
        variance <= MORE_THAN_COUNTS * (sum - difference * difference) / n_images as f64
    };
    let column = |structure: usize| resamples.iter().skip(structure).step_by(n_structures);
    // Each structure's weights, as unit vectors about their mean; of weights that don't vary nothing is known.
    let centred: Vec<Option<Vec<f64>>> = (0..n_structures)
        .map(|structure| {
            let mean = column(structure).sum::<f64>() / n as f64;
            let vector: Vec<f64> = column(structure).map(|weight| weight - mean).collect();
            let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
            (norm > 1e-12).then(|| vector.iter().map(|x| x / norm).collect())
        })
        .collect();
    let mut pairs = Vec::new();
    for (first, a) in centred.iter().enumerate() {
        for (second, b) in centred.iter().enumerate().skip(first + 1) {
            let (Some(a), Some(b)) = (a, b) else { continue };
            let correlation: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
            if correlation < below && !varies_like_counts(first, second) {
                pairs.push(Pair { structures: [first, second], correlation });
            }
        }
    }
    pairs.sort_by(|a, b| a.correlation.total_cmp(&b.correlation).then(a.structures.cmp(&b.structures)));
    pairs
}

/// To which structures images belong, as the weights have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignments {
    /// For how many images each structure has the largest likelihood, the first of equals; weights play no part.
    pub n_best: Vec<usize>,
    /// Sum over images of each structure's responsibility w_k L_ik/Σ_j w_j L_ij: how many images it explains.
    pub responsibility: Vec<f64>,
    /// Images whose largest responsibility is above 0.999.
    pub n_one_hot: usize,
    /// Images that are as likely with each structure as with any other.
    pub n_alike: usize,
}

/// Goes through the images once more.
pub fn assignments(likelihoods: &Likelihoods, weights: &[f64]) -> Assignments {
    const ONE: f64 = 0.999;
    let n = likelihoods.n_structures();
    let mut found = Assignments { n_best: vec![0; n], responsibility: vec![0.0; n], n_one_hot: 0, n_alike: 0 };
    for image in 0..likelihoods.n_images() {
        let row = likelihoods.row(image);
        let best = row.iter().enumerate().fold(0, |best, (place, value)| if *value > row[best] { place } else { best });
        found.n_best[best] += 1;
        let density: f64 = row.iter().zip(weights).map(|(value, weight)| value * weight).sum();
        let mut largest = 0.0_f64;
        for ((value, weight), sum) in row.iter().zip(weights).zip(&mut found.responsibility) {
            let share = value * weight / density;
            *sum += share;
            largest = largest.max(share);
        }
        found.n_one_hot += usize::from(largest > ONE);
        found.n_alike += usize::from(row.iter().all(|value| *value == row[0]));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numpys() {
        // numpy.quantile([1, 2, 4, 8], [0.025, 0.16, 0.5, 0.84, 0.975])
        let interval = Interval::of(&mut [8.0, 1.0, 4.0, 2.0]).unwrap();
        let found = [interval.lo95, interval.lo68, interval.median, interval.hi68, interval.hi95];
        assert!(found.iter().zip([1.075, 1.48, 3.0, 6.08, 7.7]).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        assert_eq!(Interval::of(&mut []), None);
        assert_eq!(quantile(&mut [5.0], 0.9), 5.0);
    }

    #[test]
    fn equal_weights_count_each_structure() {
        assert!((effective_number(&[0.25; 4]) - 4.0).abs() < 1e-12);
        assert_eq!(effective_number(&[1.0, 0.0]), 1.0);
    }

    #[test]
    fn weights_that_go_against_each_other_are_a_pair() {
        // Structure 3 never varies.
        let resamples = [0.1, 0.5, 0.3, 0.1, 0.4, 0.2, 0.3, 0.1, 0.2, 0.45, 0.25, 0.1, 0.35, 0.2, 0.35, 0.1];
        let pairs = not_told_apart(&resamples, 4, 1000, -0.5);
        let places: Vec<[usize; 2]> = pairs.iter().map(|pair| pair.structures).collect();
        assert_eq!(places, [[0, 1], [1, 2]]);
        // numpy.corrcoef
        let expected = [-0.973_562_8, -0.637_576_71];
        assert!(pairs.iter().zip(expected).all(|(pair, x)| (pair.correlation - x).abs() < 1e-8), "{pairs:?}");
    }

    #[test]
    fn counted_images_tell_structures_apart() {
        // 0.5 ± 0.05 and 0.5 ∓ 0.05, as 100 images have it.
        let resamples = [0.45, 0.55, 0.55, 0.45];
        assert_eq!(not_told_apart(&resamples, 2, 100, -0.5), []);
        // Of 1,000 images it should be three times as narrow.
        assert_eq!(not_told_apart(&resamples, 2, 1000, -0.5).len(), 1);
    }

    #[test]
    fn images_are_assigned() {
        let logs = vec![0.0, -20.0, -1.0, 0.0, 0.0, -0.5];
        let likelihoods = Likelihoods::from_logarithms(logs, 2);
        let found = assignments(&likelihoods, &[0.5, 0.5]);
        assert_eq!((found.n_best, found.n_one_hot, found.n_alike), (vec![2, 1], 1, 0));
        let share = |difference: f64| 1.0 / (1.0 + difference.exp());
        let expected = share(-20.0) + share(1.0) + share(-0.5);
        assert!(
            (found.responsibility[0] - expected).abs() < 1e-12
                && (found.responsibility.iter().sum::<f64>() - 3.0).abs() < 1e-12
        );
    }
}
