//! The statistics of all images for a page about likelihoods: their numbers are read twice, some at a time, so that
//! neither memory nor the page grows with them.
//!
//! First, sums that show which structures lead, and a sample that gives the range of the charts; then what depends on
//! these.

use verglas_core::error::Result;
use verglas_scoring::LikelihoodFolder;

use super::compared::{Chunk, Compared};
use super::counted::Counted;
use super::directions::Directions;
use super::displacements::DisplacementCounts;
use super::right::{RightSample, RightSurvey, for_each};
use super::top::Top;
use crate::plots::RunningSum;
use crate::statistics::quantile;

/// Images that fit worst, or decide most, that are listed.
pub(super) const N_LISTED: usize = 20;
/// Images that fit best, and of those that fit worst, that are shown beside their templates.
pub(super) const N_BESIDE: usize = 4;
/// Numbers of images and structures that the sample holds, at most.
const MOST_SAMPLED: usize = 2_000_000;
/// Images in the sample, at most.
const MOST_IMAGES_SAMPLED: usize = 100_000;

/// The findings.
#[derive(Debug)]
pub(super) struct Survey {
    /// Images that have results.
    pub(super) n_images: usize,
    /// Images that were left out.
    pub(super) n_left_out: usize,
    /// Images whose numbers medians and quantiles are of.
    pub(super) n_sampled: usize,
    /// In the order of [`Compared::structures`].
    pub(super) structures: Vec<StructureNumbers>,
    /// The two structures with the largest sums of log-likelihoods: places among those that are compared.
    pub(super) leader: usize,
    pub(super) second: Option<Second>,
    /// Of the best structure.
    pub(super) cross_correlation: Counted,
    pub(super) directions: Directions,
    pub(super) displacements: DisplacementCounts,
    /// The largest correlation first, and the smallest.
    pub(super) best: Vec<Listed>,
    pub(super) worst: Vec<Listed>,
    /// What a right likelihood says beside.
    pub(super) right: Option<RightSurvey>,
}

/// The statistics of one structure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StructureNumbers {
    /// Images that go best with it, of these those at the rim of the displacements.
    pub(super) n_best: usize,
    pub(super) n_at_rim: usize,
    /// Sum and, of an image, mean and standard deviation of its log-likelihood minus that with the structure of the largest sum.
    pub(super) sum: f64,
    pub(super) mean: f64,
    pub(super) deviation: f64,
    /// The values below which 5, 25, 50, 75 and 95 % of the images lie: correlation, and log-likelihood minus the
    /// structure of the largest sum.
    pub(super) cross_correlation: [f64; 5],
    pub(super) difference: [f64; 5],
}

/// The structure that comes second, against the one that leads.
#[derive(Debug)]
pub(super) struct Second {
    pub(super) place: usize,
    /// log-likelihood of the first minus that of the second structure by sums.
    pub(super) lead: Counted,
    /// log-likelihood of an image's best minus that of its next best structure.
    pub(super) gap: Counted,
    /// Images that go better with the first one.
    pub(super) n_for_leader: usize,
    pub(super) running: RunningSum,
    /// Those that decide most: the largest difference first, whichever its sign.
    pub(super) decisive: Vec<Listed>,
}

/// An image that is listed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Listed {
    pub(super) stack: usize,
    /// Within the stack.
    pub(super) index: usize,
    /// The structure that it goes best with: its place among those that are compared.
    pub(super) best: usize,
    /// With that.
    pub(super) cross_correlation: f64,
    pub(super) is_at_rim: bool,
    /// log-likelihood of the first minus that of the second structure by sums, if there is one.
    pub(super) lead: Option<f64>,
}

/// The result of the first reading.
struct FirstLook {
    n_images: usize,
    n_left_out: usize,
    /// Of log-likelihoods minus that of the first structure.
    sums: Vec<f64>,
    /// Images sampled, `[images, structures]`: correlations and log-likelihoods.
    cross_correlations: Vec<f64>,
    log_likelihoods: Vec<f64>,
    right: RightSample,
}

/// Reads all numbers of `compared`.
///
/// # Errors
/// When a unit's file can't be read.
pub(super) fn survey(folder: &LikelihoodFolder, compared: &Compared) -> Result<Survey> {
    let mut first = first_look(folder, compared)?;
    let sample = std::mem::take(&mut first.right);
    let n_structures = compared.structures.len();
    let by_sum = |a: &usize, b: &usize| first.sums[*b].total_cmp(&first.sums[*a]).then(a.cmp(b));
    let mut order: Vec<usize> = (0..n_structures).collect();
    order.sort_by(by_sum);
    let (leader, second) = (order[0], order.get(1).copied());
    let right = RightSurvey::new(folder, sample)?;
    second_look(folder, compared, &first, (leader, second), right)
}

fn first_look(folder: &LikelihoodFolder, compared: &Compared) -> Result<FirstLook> {
    let n_structures = compared.structures.len();
    let most = MOST_IMAGES_SAMPLED.min(MOST_SAMPLED / n_structures).max(1);
    let step = compared.n_images.div_ceil(most).max(1);
    let mut found = FirstLook {
        n_images: 0,
        n_left_out: 0,
        sums: vec![0.0; n_structures],
        cross_correlations: Vec::new(),
        log_likelihoods: Vec::new(),
        right: RightSample::default(),
    };
    compared.for_each_chunk(folder, |chunk| {
        let mut sampled = vec![None; chunk.images.len()];
        for (image, sampled) in sampled.iter_mut().enumerate() {
            let Some(values) = chunk.log_likelihoods(image) else {
                found.n_left_out += 1;
                continue;
            };
            let reference = values.clone().next().unwrap_or(0.0);
            found.sums.iter_mut().zip(values.clone()).for_each(|(sum, value)| *sum += value - reference);
            if found.n_images.is_multiple_of(step) {
                *sampled = Some(Chunk::best(values.clone()));
                found.log_likelihoods.extend(values);
                found.cross_correlations.extend(chunk.scores.iter().map(|unit| unit.cross_correlation[image]));
            }
            found.n_images += 1;
        }
        for_each((folder, compared), chunk, &sampled, |numbers, ln_l| found.right.add(numbers, ln_l))
    })?;
    Ok(found)
}

impl FirstLook {
    /// The sampled images, each with the log-likelihoods of all structures.
    fn sampled(&self) -> impl Iterator<Item = &[f64]> {
        self.log_likelihoods.chunks_exact(self.sums.len())
    }

    /// The values below which 5, 25, 50, 75 and 95 % of a structure's numbers lie, over the sampled images.
    fn quantiles(&self, of: impl Fn(usize) -> f64) -> [f64; 5] {
        let n = self.log_likelihoods.len() / self.sums.len();
        if n == 0 {
            return [f64::NAN; 5];
        }
        let mut values: Vec<f64> = (0..n).map(of).collect();
        [0.05, 0.25, 0.5, 0.75, 0.95].map(|fraction| quantile(&mut values, fraction))
    }

    /// Of the sampled images, correlations with the best structure.
    fn best_cross_correlations(&self) -> Vec<f64> {
        let best = self.sampled().map(|values| Chunk::best(values.iter().copied()));
        self.cross_correlations.chunks_exact(self.sums.len()).zip(best).map(|(values, best)| values[best]).collect()
    }
}

/// An image's largest log-likelihood minus the next.
fn gap(values: impl Iterator<Item = f64>) -> f64 {
    let (largest, next) = values.fold((f64::NEG_INFINITY, f64::NEG_INFINITY), |(largest, next), value| {
        if value > largest { (value, largest) } else { (largest, next.max(value)) }
    });
    largest - next
}

fn second_look(
    folder: &LikelihoodFolder,
    compared: &Compared,
    first: &FirstLook,
    (leader, second): (usize, Option<usize>),
    right: Option<RightSurvey>,
) -> Result<Survey> {
    let n = compared.structures.len();
    let numbers = |structure: usize| StructureNumbers {
        n_best: 0,
        n_at_rim: 0,
        sum: 0.0,
        mean: 0.0,
        deviation: 0.0,
        cross_correlation: first.quantiles(|image| first.cross_correlations[image * n + structure]),
        difference: first.quantiles(|image| {
            first.log_likelihoods[image * n + structure] - first.log_likelihoods[image * n + leader]
        }),
    };
    let mut survey = Survey {
        n_images: first.n_images,
        n_left_out: first.n_left_out,
        n_sampled: first.log_likelihoods.len() / n,
        structures: (0..n).map(numbers).collect(),
        leader,
        second: second.map(|place| Second {
            place,
            lead: Counted::for_sample(first.sampled().map(|values| values[leader] - values[place]).collect()),
            gap: Counted::for_sample(first.sampled().map(|values| gap(values.iter().copied())).collect()),
            n_for_leader: 0,
            running: RunningSum::new(first.n_images),
            decisive: Vec::new(),
        }),
        cross_correlation: Counted::for_sample(first.best_cross_correlations()),
        directions: Directions::new(folder, &compared.structures),
        displacements: DisplacementCounts::new(folder.settings()),
        best: Vec::new(),
        worst: Vec::new(),
        right,
    };
    let (mut top, mut worst, mut decisive) = (Top::new(N_BESIDE), Top::new(N_LISTED), Top::new(N_LISTED));
    let mut squares = vec![0.0; n];
    compared.for_each_chunk(folder, |chunk| {
        let best: Vec<Option<usize>> =
            (0..chunk.images.len()).map(|image| chunk.log_likelihoods(image).map(Chunk::best)).collect();
        let is_at_rim = add_poses(folder, compared, chunk, &best, &mut survey)?;
        if let Some(right) = &mut survey.right {
            for_each((folder, compared), chunk, &best, |numbers, ln_l| right.add(numbers, ln_l))?;
        }
        for (image, best) in best.iter().enumerate() {
            let (Some(best), Some(values)) = (*best, chunk.log_likelihoods(image)) else { continue };
            let of_leader = chunk.scores[leader].log_likelihood[image];
            for ((numbers, squares), value) in survey.structures.iter_mut().zip(&mut squares).zip(values.clone()) {
                numbers.sum += value - of_leader;
                *squares += (value - of_leader).powi(2);
            }
            survey.structures[best].n_best += 1;
            survey.structures[best].n_at_rim += usize::from(is_at_rim[image]);
            let cross_correlation = chunk.scores[best].cross_correlation[image];
            survey.cross_correlation.histogram.add(cross_correlation);
            let lead = survey.second.as_mut().map(|second| {
                let lead = of_leader - chunk.scores[second.place].log_likelihood[image];
                second.lead.histogram.add(lead);
                second.gap.histogram.add(gap(values));
                second.n_for_leader += usize::from(lead > 0.0);
                second.running.add(lead);
                lead
            });
            let (stack, index, is_at_rim) = (chunk.stack, chunk.images.start + image, is_at_rim[image]);
            let listed = || Listed { stack, index, best, cross_correlation, is_at_rim, lead };
            top.add(cross_correlation, listed);
            worst.add(-cross_correlation, listed);
            if let Some(lead) = lead {
                decisive.add(lead.abs(), listed);
            }
        }
        Ok(())
    })?;
    let n_images = survey.n_images as f64;
    for (numbers, squares) in survey.structures.iter_mut().zip(squares) {
        numbers.mean = numbers.sum / n_images;
        // Of a sample: n − 1.
        let variance = (squares - numbers.sum * numbers.mean) / (n_images - 1.0);
        numbers.deviation = if n_images > 1.0 { variance.max(0.0).sqrt() } else { f64::NAN };
    }
    survey.best = top.finish();
    survey.worst = worst.finish();
    if let Some(second) = &mut survey.second {
        second.decisive = decisive.finish();
    }
    Ok(survey)
}

/// Counts views and displacements of the images of a chunk with their best structures; whether each image is at the rim.
fn add_poses(
    folder: &LikelihoodFolder,
    compared: &Compared,
    chunk: &Chunk,
    best: &[Option<usize>],
    survey: &mut Survey,
) -> Result<Vec<bool>> {
    let mut is_at_rim = vec![false; best.len()];
    for (place, &structure) in compared.structures.iter().enumerate() {
        if !best.contains(&Some(place)) {
            continue;
        }
        let poses = folder.poses(structure, chunk.stack, chunk.images.clone())?;
        for image in (0..best.len()).filter(|&image| best[image] == Some(place)) {
            if let Ok(view) = usize::try_from(poses.template[image]) {
                survey.directions.add(place, view);
            }
            let displacement = poses.displacement_angstrom[image];
            is_at_rim[image] = match poses.at_edge_of_known[image] {
                None => survey.displacements.add(displacement),
                Some(is_at_edge) => {
                    survey.displacements.add_known(displacement, is_at_edge);
                    is_at_edge
                }
            };
        }
    }
    Ok(is_at_rim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_is_between_the_two_largest() {
        assert_eq!(gap([1.0, 7.0, 4.5].into_iter()), 2.5);
        assert_eq!(gap([7.0, 7.0, 1.0].into_iter()), 0.0);
        assert_eq!(gap([1.0, 2.0, 7.0].into_iter()), 5.0);
    }
}
