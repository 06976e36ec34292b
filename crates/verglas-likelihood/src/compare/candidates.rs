//! The best poses that the search finds, and their evaluation in full.

use num_complex::Complex;

use crate::direct::{AtPose, Pose, at_pose};
use crate::displacements::Displacements;
use crate::error::LikelihoodError;
use crate::formula::{Formula, LogLikelihood};
use crate::geometry::Geometry;
use crate::real::Real;
use crate::sets::{ImageSet, TemplateSet};
use crate::sums::{ImageSums, displace};

/// A pose, and the correlation that the search found for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate<T> {
    pub cross_correlation: T,
    pub pose: Pose,
}

/// The most candidates of an image that are evaluated.
const MOST: usize = 256;

/// Bytes that the best poses of one image take at most, in one thread.
pub(crate) const fn bytes_of_candidates<T>() -> usize {
    2 * MOST * size_of::<Candidate<T>>()
}

/// The best poses of one image so far.
#[derive(Debug, Clone)]
pub(crate) struct Candidates<T> {
    largest: T,
    list: Vec<Candidate<T>>,
}

impl<T: Real> Candidates<T> {
    pub fn new() -> Self {
        Self { largest: T::from_f64(-4.0), list: Vec::new() }
    }

    /// What a correlation must reach to be one of them, if this one has been found.
    #[inline(always)]
    pub fn least(&mut self, found: T) -> T {
        self.largest = self.largest.larger(found);
        self.largest - T::from_f64(2.0 * T::SEARCH_ERROR)
    }

    pub fn push(&mut self, candidate: Candidate<T>) {
        self.list.push(candidate);
        if self.list.len() >= 2 * MOST {
            self.shorten();
        }
    }

    /// Keeps those within the search's error of the largest, and of these the first `MOST` in the order of correlation, then
    /// pose: an order that no thread or block changes.
    fn shorten(&mut self) {
        let least = self.least(self.largest);
        self.list.retain(|candidate| candidate.cross_correlation >= least);
        self.list.sort_by(|a, b| {
            b.cross_correlation.to_f64().total_cmp(&a.cross_correlation.to_f64()).then(a.pose.cmp(&b.pose))
        });
        self.list.truncate(MOST);
    }

    /// Takes over what another thread has found.
    pub fn join(&mut self, other: &mut Self) {
        self.least(other.largest);
        self.list.append(&mut other.list);
        self.shorten();
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

    /// The best of the candidates in double precision, of equals the lowest pose.
    pub fn best(
        &mut self,
        images: &ImageSet<T>,
        image: usize,
        mut candidates: Candidates<T>,
    ) -> Result<(Pose, AtPose), LikelihoodError> {
        images.fill(self.geometry, image, &mut self.sums.values, &mut self.sums.contrast)?;
        self.sums.sum(self.geometry, self.formula, image)?;
        candidates.shorten();
        let mut poses: Vec<Pose> = candidates.list.iter().map(|candidate| candidate.pose).collect();
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
            if best.is_none_or(|(_, best)| found.cross_correlation > best.cross_correlation) {
                best = Some((pose, found));
            }
        }
        // Every image has a largest correlation; there is none where all of them were NaN.
        best.ok_or(LikelihoodError::ImageNorm { image })
    }
}
