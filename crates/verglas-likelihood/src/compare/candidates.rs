//! The best poses that the search finds, and their evaluation in full.

use num_complex::Complex;

use crate::direct::{AtPose, at_pose};
use crate::displacements::Displacements;
use crate::error::LikelihoodError;
use crate::formula::{ContrastSign, Formula, LogLikelihood};
use crate::geometry::Geometry;
use crate::pose::{Candidate, Pose};
use crate::real::Real;
use crate::sets::{ImageSet, TemplateSet};
use crate::sums::{ImageSums, displace};

/// The most candidates of an image that are evaluated.
const MOST: usize = 256;

/// Bytes that the best poses of one image take at most, in one thread.
pub(crate) const fn bytes_of_candidates() -> usize {
    2 * MOST * size_of::<Candidate>()
}

/// The best poses of one image so far.
#[derive(Debug, Clone)]
pub(crate) struct Candidates {
    largest: f64,
    /// How far below the largest score a pose may lie.
    window: f64,
    /// The least score of as many as are kept: what lies below is none of them.
    floor: f64,
    list: Vec<Candidate>,
}

impl Candidates {
    /// None so far; those whose score is less than the largest minus `window` are not kept.
    pub fn new(window: f64) -> Self {
        Self { largest: f64::NEG_INFINITY, window, floor: f64::NEG_INFINITY, list: Vec::new() }
    }

    /// What a score must reach to be one of them, if this one has been found.
    #[inline(always)]
    pub fn least(&mut self, found: f64) -> f64 {
        self.largest = self.largest.max(found);
        self.floor.max(self.largest - self.window)
    }

    pub fn push(&mut self, candidate: Candidate) {
        self.list.push(candidate);
        if self.list.len() >= 2 * MOST {
            self.shorten();
        }
    }

    /// Keeps those within the window, and of these the first `MOST` in the order of score, then pose: an order that no thread
    /// or block changes.
    fn shorten(&mut self) {
        let least = self.least(self.largest);
        self.list.retain(|candidate| candidate.score >= least);
        self.list.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.pose.cmp(&b.pose)));
        self.list.truncate(MOST);
        if let Some(last) = self.list.get(MOST - 1) {
            self.floor = last.score;
        }
    }

    /// Takes over what another thread has found.
    pub fn join(&mut self, other: &mut Self) {
        self.least(other.largest);
        self.list.append(&mut other.list);
        self.shorten();
    }

    /// The poses, best first.
    pub fn sorted(&self) -> Vec<Candidate> {
        let mut all = self.clone();
        all.shorten();
        all.list
    }
}

/// Evaluates candidates of one image after the other.
pub(crate) struct Evaluator<'a, T: Real> {
    geometry: &'a Geometry,
    templates: &'a TemplateSet<'a, T>,
    displacements: &'a Displacements,
    formula: Formula,
    likelihood: LogLikelihood,
    sums: ImageSums,
    displaced: Vec<Complex<f64>>,
}

impl<'a, T: Real> Evaluator<'a, T> {
    pub fn new(
        geometry: &'a Geometry,
        templates: &'a TemplateSet<'a, T>,
        displacements: &'a Displacements,
        formula: Formula,
        likelihood: LogLikelihood,
    ) -> Self {
        let displaced = vec![Complex::default(); geometry.n_points()];
        Self { geometry, templates, displacements, formula, likelihood, sums: ImageSums::new(geometry), displaced }
    }

    /// Takes the next image.
    pub fn take(&mut self, images: &ImageSet<T>, image: usize) -> Result<(), LikelihoodError> {
        images.fill(self.geometry, image, &mut self.sums.values, &mut self.sums.contrast)?;
        self.sums.sum(self.geometry, self.formula, image)
    }

    /// Moves the image taken last back by a displacement in Å.
    pub fn move_back(&mut self, displacement: [f64; 2]) {
        self.sums.move_back(self.geometry, displacement);
    }

    /// The image taken last.
    pub fn sums(&self) -> &ImageSums {
        &self.sums
    }

    /// A pose of the image taken last, in double precision.
    pub fn evaluate(&mut self, pose: Pose) -> AtPose {
        let template = self.templates.template(pose.template);
        let displacement = self.displacements.angstrom()[pose.displacement];
        displace(self.geometry, template, displacement, &mut self.displaced);
        at_pose(self.geometry, &self.likelihood, self.formula, &self.sums, &self.displaced, template, pose)
    }

    /// The best of the candidates in double precision, of equals the lowest pose. `candidates` are in falling order.
    pub fn best(&mut self, image: usize, candidates: &[Candidate]) -> Result<(Pose, AtPose), LikelihoodError> {
        let is_positive = self.likelihood.sign() == ContrastSign::Positive;
        let score = |found: &AtPose| if is_positive { found.log_likelihood } else { found.cross_correlation };
        // Those that the search's error may have put behind.
        let window = match is_positive {
            false => 2.0 * T::SEARCH_ERROR,
            true => 4.0 * self.likelihood.mu() * T::SEARCH_ERROR + 1e-3,
        };
        let least = candidates.first().map_or(0.0, |first| first.score - window);
        let near = candidates.iter().take_while(|candidate| candidate.score >= least);
        let mut poses: Vec<Pose> = near.map(|candidate| candidate.pose).collect();
        poses.sort();
        let mut best: Option<(Pose, AtPose)> = None;
        let mut stands = None;
        for pose in poses {
            let template = self.templates.template(pose.template);
            if stands != Some((pose.template, pose.displacement)) {
                stands = Some((pose.template, pose.displacement));
                let displacement = self.displacements.angstrom()[pose.displacement];
                displace(self.geometry, template, displacement, &mut self.displaced);
            }
            let found =
                at_pose(self.geometry, &self.likelihood, self.formula, &self.sums, &self.displaced, template, pose);
            if best.is_none_or(|(_, best)| score(&found) > score(&best)) {
                best = Some((pose, found));
            }
        }
        // Every image has a largest correlation; there is none where all of them were NaN.
        best.ok_or(LikelihoodError::ImageNorm { image })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_are_the_best_in_whatever_order_they_come() {
        // Scores of which many are equal, within the window and below it.
        let all: Vec<Candidate> = (0..4000)
            .map(|i| {
                let score = ((i * 7919) % 997 / 5) as f64 * 0.1;
                Candidate { score, pose: Pose { template: i % 61, displacement: i / 61, rotation: 0 } }
            })
            .collect();
        let mut expected = all.clone();
        expected.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.pose.cmp(&b.pose)));
        expected.truncate(MOST);
        assert!(expected[0].score - expected[MOST - 1].score < 12.0);
        for step in [1, 17, 1999, 3999] {
            let mut found = [Candidates::new(12.0), Candidates::new(12.0)];
            for i in 0..all.len() {
                let candidate = all[i * step % all.len()];
                let of_thread = &mut found[i % 2];
                if candidate.score >= of_thread.least(candidate.score) {
                    of_thread.push(candidate);
                }
            }
            let [mut found, mut other] = found;
            found.join(&mut other);
            let poses =
                |list: &[Candidate]| list.iter().map(|candidate| (candidate.score, candidate.pose)).collect::<Vec<_>>();
            assert_eq!(poses(&found.sorted()), poses(&expected), "{step}");
        }
    }
}
