//! The weights of the largest f.
//!
//! A few plain updates (w_k ← w_k·g_k, which never lower f) begin. Then each step goes to the best point, among those without negative
//! weights, of the quadratic function that f looks like, as far along the way as f grows: a projected Newton method, after Kim,
//! Carbonetto, Stephens and Anitescu (2020), "A fast algorithm for maximum likelihood estimation of mixture proportions using sequential
//! quadratic programming". A dozen steps do what thousands of plain updates don't, and the last ones each square the error.

use std::sync::atomic::Ordering;

use verglas_core::StopFlag;

use super::likelihoods::Likelihoods;
use super::quadratic::minimise;
use super::sums::{Sample, Slope};

/// Weights of structures, with the proof that they are the best.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// One of each structure; they sum to 1.
    pub weights: Vec<f64>,
    /// max_k g_k − 1: f is at most so far below its maximum.
    pub gap: f64,
    /// f: the mean over images of ln Σ_k w_k L_ik.
    pub mean_log_likelihood: f64,
    /// Passes over the images that f and g were computed in.
    pub n_passes: usize,
}

/// Why there are no weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NoFit {
    /// It was stopped.
    Stopped,
    /// Rounding does not let the gap fall to what was asked for.
    Stalled {
        /// The smallest gap that was reached.
        gap: f64,
    },
}

/// The smallest gap that can be requested: rounding in a mean of a million numbers is of this size.
pub const MIN_TOLERANCE: f64 = 1e-12;
/// And the largest that means anything.
pub const MAX_TOLERANCE: f64 = 0.1;

/// Plain updates at the beginning, of few and of many structures: with many it pays to get rid of most before second derivatives are
/// computed.
const FEW_UPDATES: usize = 3;
const MANY_UPDATES: usize = 30;
const MANY_STRUCTURES: usize = 64;
/// Steps until it is given up.
const MOST_STEPS: usize = 1000;
/// Steps that may be made beyond the tolerance, while they help: there the error is squared each time.
const N_POLISHING: usize = 3;
/// Gaps below this are rounding.
const NO_GAP: f64 = 1e-14;

/// The weights of the largest f, from equal ones, to a gap of at most `tolerance`; usually it is far smaller.
///
/// If structures can't be told apart at all, several sets of weights are best: those found are near those that plain
/// updates from equal weights lead to, and equal for equal structures.
///
/// # Errors
/// When it is stopped, and when rounding forbids such a gap.
pub fn fit(likelihoods: &Likelihoods, tolerance: f64, n_threads: usize, stop: &StopFlag) -> Result<Fit, NoFit> {
    let n = likelihoods.n_structures();
    let sample = Sample::new(likelihoods, None, n_threads);
    let mut fit = maximise(&sample, vec![1.0 / n as f64; n], tolerance, N_POLISHING, stop)?;
    fit.mean_log_likelihood += likelihoods.mean_offset();
    Ok(fit)
}

/// From some weights, all positive; f is that of the scaled likelihoods.
pub(super) fn maximise(
    sample: &Sample<'_>,
    start: Vec<f64>,
    tolerance: f64,
    n_polishing: usize,
    stop: &StopFlag,
) -> Result<Fit, NoFit> {
    let n_updates = if sample.n_structures() > MANY_STRUCTURES { MANY_UPDATES } else { FEW_UPDATES };
    let mut densities = vec![0.0; sample.n_images()];
    let mut changes = vec![0.0; sample.n_images()];
    let mut weights = start;
    let mut best: Option<Fit> = None;
    let mut n_left = n_polishing;
    for n_passes in 1..=n_updates + MOST_STEPS {
        if stop.load(Ordering::Relaxed) {
            return Err(NoFit::Stopped);
        }
        let slope = sample.slope(&weights, &mut densities);
        let gap = slope.gradient.iter().copied().fold(f64::NEG_INFINITY, f64::max) - 1.0;
        let is_better = best.as_ref().is_none_or(|best| gap < best.gap);
        if is_better {
            // Rounding can put it below 0.
            let (weights, gap) = (weights.clone(), gap.max(0.0));
            best = Some(Fit { weights, gap, mean_log_likelihood: slope.mean_log, n_passes });
        }
        if let Some(best) =
            best.take_if(|best| best.gap <= tolerance && (!is_better || best.gap <= NO_GAP || n_left == 0))
        {
            return Ok(best);
        }
        if gap <= tolerance {
            n_left -= 1;
        }
        if n_passes <= n_updates {
            update(&mut weights, &slope.gradient);
            if n_passes == n_updates {
                drop_unlikely(&mut weights, &slope.gradient, sample.total());
            }
        } else if !step(sample, &mut weights, &slope, &densities, &mut changes) {
            break;
        }
    }
    match best {
        Some(best) if best.gap <= tolerance => Ok(best),
        best => Err(NoFit::Stalled { gap: best.map_or(f64::INFINITY, |best| best.gap) }),
    }
}

/// w_k ← w_k·g_k.
fn update(weights: &mut [f64], gradient: &[f64]) {
    weights.iter_mut().zip(gradient).for_each(|(weight, g)| *weight *= g);
    normalise(weights);
}

fn normalise(weights: &mut [f64]) {
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
}

/// Takes out structures that have less than a small part of one image between them and are losing it; should they be needed
/// after all, their g is above 1, and they come back. No image can lose much of its density by that.
fn drop_unlikely(weights: &mut [f64], gradient: &[f64], n_images: f64) {
    const SHARE_OF_AN_IMAGE: f64 = 1e-3;
    let most = SHARE_OF_AN_IMAGE / weights.len() as f64;
    for (weight, &g) in weights.iter_mut().zip(gradient) {
        if g < 1.0 && *weight * n_images < most {
            *weight = 0.0;
        }
    }
    normalise(weights);
}

/// One step; whether f grew.
fn step(sample: &Sample<'_>, weights: &mut [f64], slope: &Slope, densities: &[f64], changes: &mut [f64]) -> bool {
    let gradient = &slope.gradient;
    // Weights of 0 that f wants to grow take part; those that it does not, stay.
    let chosen: Vec<usize> =
        (0..weights.len()).filter(|&k| gradient[k] > 0.0 && (weights[k] > 0.0 || gradient[k] > 1.0)).collect();
    if let Some(direction) = newton_direction(sample, &chosen, weights, gradient, densities)
        && walk(sample, weights, (&chosen, &direction), gradient, densities, changes)
    {
        return true;
    }
    // Where rounding spoils second derivatives: towards the structure that f wants most.
    let mut towards: Vec<f64> = weights.iter().map(|weight| -weight).collect();
    let most = (0..weights.len()).max_by(|&a, &b| gradient[a].total_cmp(&gradient[b]));
    let Some(most) = most else { return false };
    towards[most] += 1.0;
    let all: Vec<usize> = (0..weights.len()).collect();
    walk(sample, weights, (&all, &towards), gradient, densities, changes)
}

/// From the weights of `chosen` to the best point of the model
/// φ(y) = −(2g − 1)ᵀy + ½ yᵀHy, y ≥ 0, of −f(y) + Σ y, whose smallest value has Σ y = 1 by itself.
fn newton_direction(
    sample: &Sample<'_>,
    chosen: &[usize],
    weights: &[f64],
    gradient: &[f64],
    densities: &[f64],
) -> Option<Vec<f64>> {
    // Relative to H's diagonal: makes similar structures share, and does not change where the path ends.
    const RIDGE: f64 = 1e-8;
    let n = chosen.len();
    let mut h = sample.curvature(chosen, densities);
    let scale: Vec<f64> = (0..n).map(|i| h[i * n + i].sqrt().recip()).collect();
    if !scale.iter().all(|scale| scale.is_finite()) {
        return None;
    }
    let at = |i: usize| weights[chosen[i]];
    for (place, value) in h.iter_mut().enumerate() {
        let (i, j) = (place / n, place % n);
        *value = *value * scale[i] * scale[j] + if i == j { RIDGE } else { 0.0 };
    }
    let b: Vec<f64> = (0..n).map(|i| scale[i] * (2.0 * gradient[chosen[i]] - 1.0) + RIDGE * at(i) / scale[i]).collect();
    let mean = (0..n).map(|i| at(i) / scale[i]).sum::<f64>() / n as f64;
    let y = minimise(&h, &b, mean)?;
    Some((0..n).map(|i| y[i] * scale[i] - at(i)).collect())
}

/// Goes along a direction, as far as f grows as it promises, at most to its end; whether it grew.
fn walk(
    sample: &Sample<'_>,
    weights: &mut [f64],
    (chosen, direction): (&[usize], &[f64]),
    gradient: &[f64],
    densities: &[f64],
    changes: &mut [f64],
) -> bool {
    /// At least this share of what the slope promises must be gained.
    const LEAST_SHARE: f64 = 1e-4;
    const MOST_HALVINGS: usize = 50;
    let sum: f64 = direction.iter().sum();
    let promise = chosen.iter().zip(direction).map(|(&k, part)| gradient[k] * part).sum::<f64>() - sum;
    if promise.is_nan() || promise <= 0.0 {
        return false;
    }
    sample.changes(chosen, direction, changes);
    let mut length = (0.99 * sample.longest_step(densities, changes)).min(1.0);
    for _ in 0..MOST_HALVINGS {
        let growth = sample.growth(densities, changes, length) - length * sum;
        if growth >= LEAST_SHARE * length * promise {
            for (&k, part) in chosen.iter().zip(direction) {
                weights[k] = (weights[k] + length * part).max(0.0);
            }
            normalise(weights);
            return true;
        }
        length /= 2.0;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(log_likelihoods: Vec<f64>, n_structures: usize, tolerance: f64) -> Fit {
        let likelihoods = Likelihoods::from_logarithms(log_likelihoods, n_structures);
        fit(&likelihoods, tolerance, 2, &StopFlag::new(false)).unwrap()
    }

    #[track_caller]
    fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= tolerance), "{found:?} {expected:?}");
    }

    #[test]
    fn images_that_are_told_apart_are_counted() {
        // Three of four images show the first structure.
        let fit = fitted(vec![0.0, -1e4, 5.0, -1e4, -3.0, -1e4, -1e4, -1.0], 2, 1e-6);
        assert_close(&fit.weights, &[0.75, 0.25], 1e-12);
        let expected = (0.0 + 5.0 - 3.0 - 1.0) / 4.0 + 0.75 * 0.75_f64.ln() + 0.25 * 0.25_f64.ln();
        assert!((fit.mean_log_likelihood - expected).abs() < 1e-12, "{fit:?}");
        assert!(fit.gap <= 1e-12, "{fit:?}");
    }

    #[test]
    fn two_structures_by_hand() {
        // f = ½ ln(w + (1 − w)/2) + ½ ln(w/4 + (1 − w)): its slope is 0 at w = 1/6 of the way: (1 + w)⁻¹ = 3(4 − 3w)⁻¹ gives w = 1/6.
        let fit = fitted(vec![0.0, 0.5_f64.ln(), 0.25_f64.ln(), 0.0], 2, 1e-6);
        assert_close(&fit.weights, &[1.0 / 6.0, 5.0 / 6.0], 1e-12);
    }

    #[test]
    fn structures_that_are_alike_share() {
        let row = |a: f64, b: f64| [a, b, a, a];
        // By symmetry the second has half, and the others the other half.
        let fit = fitted([row(0.0, -2.0), row(-1.0, 0.0), row(0.0, -1.0), row(-2.0, 0.0)].concat(), 4, 1e-6);
        assert_close(&fit.weights, &[1.0 / 6.0, 0.5, 1.0 / 6.0, 1.0 / 6.0], 1e-6);
    }

    #[test]
    fn a_structure_that_fits_nothing_gets_nothing() {
        let fit = fitted(vec![0.0, -1e5, -1.0, -1.0, -1e5, 0.0], 3, 1e-6);
        assert_close(&fit.weights, &[0.5, 0.0, 0.5], 1e-9);
    }

    #[test]
    fn the_smallest_tolerance_is_reached() {
        // Overlapping structures, 1,000 images.
        let value = |at: usize| {
            let (image, structure) = (at / 8, at % 8);
            let x = (image * 7919 % 1000) as f64 / 1000.0 * 8.0 - 0.5;
            -0.5 * ((x - structure as f64) / 0.8).powi(2)
        };
        let fit = fitted((0..8000).map(value).collect(), 8, MIN_TOLERANCE);
        assert!(fit.gap <= MIN_TOLERANCE && fit.n_passes < 40, "{fit:?}");
        assert!((fit.weights.iter().sum::<f64>() - 1.0).abs() < 1e-14);
    }

    #[test]
    fn it_can_be_stopped() {
        let likelihoods = Likelihoods::from_logarithms(vec![0.0, -1.0], 2);
        assert_eq!(fit(&likelihoods, 1e-6, 1, &StopFlag::new(true)), Err(NoFit::Stopped));
    }
}
