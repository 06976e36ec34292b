//! Which structures and images of a folder are compared on its page.

use std::ops::Range;

use verglas_core::error::Result;
use verglas_scoring::{LikelihoodFolder, UnitScores};

/// Structures and stacks all of whose results with each other are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compared {
    /// Places among the folder's structures, ascending.
    pub(super) structures: Vec<usize>,
    /// Ascending.
    pub(super) stacks: Vec<usize>,
    /// Images of these stacks.
    pub(super) n_images: usize,
}

/// Some images of one stack, against all structures that are compared.
pub(super) struct Chunk {
    pub(super) stack: usize,
    /// Within the stack.
    pub(super) images: Range<usize>,
    /// In the order of [`Compared::structures`].
    pub(super) scores: Vec<UnitScores>,
}

impl Compared {
    /// The part of the results with the most pairs of image and structure: the structures that are complete for all
    /// stacks, or all that have started with the stacks that all of them have. `None` if there is nothing.
    pub(super) fn choose(folder: &LikelihoodFolder) -> Option<Self> {
        Self::choose_of(folder.n_structures(), folder.n_images(), |structure, stack| folder.has(structure, stack))
    }

    fn choose_of(n_structures: usize, n_images: &[usize], has: impl Fn(usize, usize) -> bool) -> Option<Self> {
        let stacks = 0..n_images.len();
        let of = |structures: Vec<usize>, stacks: Vec<usize>| {
            let n_images = stacks.iter().map(|&stack| n_images[stack]).sum();
            Self { structures, stacks, n_images }
        };
        let whole: Vec<usize> =
            (0..n_structures).filter(|&structure| stacks.clone().all(|stack| has(structure, stack))).collect();
        let begun: Vec<usize> =
            (0..n_structures).filter(|&structure| stacks.clone().any(|stack| has(structure, stack))).collect();
        let shared = stacks.clone().filter(|&stack| begun.iter().all(|&structure| has(structure, stack))).collect();
        let ways = [of(whole, stacks.collect()), of(begun, shared)];
        // Two structures at least, where there are two: one alone compares nothing.
        let worth = |way: &Self| (way.structures.len().min(2), way.structures.len().saturating_mul(way.n_images));
        let ways = ways.into_iter().filter(|way| way.n_images > 0 && !way.structures.is_empty());
        ways.reduce(|best, way| if worth(&way) > worth(&best) { way } else { best })
    }

    /// Shows all images to `look`, some at a time, in the order of the stacks.
    ///
    /// # Errors
    /// When a file can't be read, or `look` fails.
    pub(super) fn for_each_chunk(
        &self,
        folder: &LikelihoodFolder,
        mut look: impl FnMut(&Chunk) -> Result<()>,
    ) -> Result<()> {
        /// Pairs of image and structure that are held at once, about.
        const MOST_PAIRS: usize = 1 << 19;
        let at_once = (MOST_PAIRS / self.structures.len().max(1)).clamp(64, 8192);
        for &stack in &self.stacks {
            let n = folder.n_images()[stack];
            for first in (0..n).step_by(at_once) {
                let images = first..n.min(first + at_once);
                let scores = |&structure: &usize| folder.scores(structure, stack, images.clone());
                let scores: Vec<UnitScores> = self.structures.iter().map(scores).collect::<Result<_>>()?;
                look(&Chunk { stack, images, scores })?;
            }
        }
        Ok(())
    }
}

impl Chunk {
    /// The log-likelihoods of an image, in the order of the structures; `None` for one that was left out.
    pub(super) fn log_likelihoods(&self, image: usize) -> Option<impl Iterator<Item = f64> + Clone> {
        let is_known =
            |unit: &UnitScores| unit.log_likelihood[image].is_finite() && unit.cross_correlation[image].is_finite();
        self.scores.iter().all(is_known).then(|| self.scores.iter().map(move |unit| unit.log_likelihood[image]))
    }

    /// The structure of the largest log-likelihood, the first of equals.
    pub(super) fn best(log_likelihoods: impl Iterator<Item = f64>) -> usize {
        let larger = |best: (usize, f64), (place, value)| if value > best.1 { (place, value) } else { best };
        log_likelihoods.enumerate().fold((0, f64::NEG_INFINITY), larger).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_is_the_largest_part_that_is_there() {
        // Three structures, stacks of 10, 10 and 5 images; units by structure, then stack.
        let of = |n_units: usize| {
            let compared = Compared::choose_of(3, &[10, 10, 5], |structure, stack| 3 * structure + stack < n_units)?;
            Some((compared.structures, compared.stacks, compared.n_images))
        };
        assert_eq!(of(0), None);
        assert_eq!(of(2), Some((vec![0], vec![0, 1], 20)));
        assert_eq!(of(3), Some((vec![0], vec![0, 1, 2], 25)));
        // A second one has begun: 2 × 10 pairs say more than 25 images of one structure.
        assert_eq!(of(4), Some((vec![0, 1], vec![0], 10)));
        // Of a third one the first stack is there: 3 × 10 pairs are fewer than 2 × 25.
        assert_eq!(of(7), Some((vec![0, 1], vec![0, 1, 2], 25)));
        assert_eq!(of(8), Some((vec![0, 1, 2], vec![0, 1], 20)));
        assert_eq!(of(9), Some((vec![0, 1, 2], vec![0, 1, 2], 25)));
    }

    #[test]
    fn images_that_were_left_out_are_none() {
        let unit = |log_likelihood: [f64; 2]| UnitScores {
            cross_correlation: vec![0.5, 0.5],
            log_likelihood: log_likelihood.to_vec(),
        };
        let chunk = Chunk { stack: 0, images: 0..2, scores: vec![unit([1.0, f64::NAN]), unit([3.0, 2.0])] };
        assert_eq!(chunk.log_likelihoods(0).unwrap().collect::<Vec<_>>(), [1.0, 3.0]);
        assert!(chunk.log_likelihoods(1).is_none());
        assert_eq!(Chunk::best([1.0, 3.0, 3.0].into_iter()), 1);
    }
}
