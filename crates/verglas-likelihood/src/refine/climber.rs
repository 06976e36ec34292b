//! From a pose of the grid to the maximum near it: where what is left of an image is the noise alone.

use super::chart::{Local, Moves};
use super::frame::{Refinement, moves_of, steps_of};
use super::mode::climb;
use super::posterior::Posterior;
use crate::displacements::Displacements;
use crate::error::LikelihoodError;
use crate::formula::{Formula, LogLikelihood};
use crate::geometry::Geometry;
use crate::pose::ContinuousPose;
use crate::real::Real;
use crate::sets::ImageSet;
use crate::sums::ImageSums;

/// Finds the maximum of ℓ₊ near a pose, for one image after the other.
pub struct Climber<'a> {
    geometry: &'a Geometry,
    sums: ImageSums,
    posterior: Posterior<'a>,
    moves: Moves,
    steps: Local,
    /// Displacements farther out are none, Å.
    farthest_angstrom: f64,
}

impl<'a> Climber<'a> {
    /// For one structure.
    pub fn new(
        refinement: &Refinement<'a>,
        geometry: &'a Geometry,
        likelihood: &'a LogLikelihood,
        displacements: &Displacements,
    ) -> Self {
        let steps = steps_of(geometry, refinement.views.len(), displacements);
        let reach: f64 = displacements.angstrom().iter().map(|d| d[0].hypot(d[1])).fold(0.0, f64::max);
        Self {
            geometry,
            sums: ImageSums::new(geometry),
            posterior: Posterior::new(geometry, likelihood, refinement.slices, None),
            moves: moves_of(displacements),
            steps,
            farthest_angstrom: reach + 2.0 * refinement.pixel_angstrom,
        }
    }

    /// The maximum near `start` of an image, or `start` itself where there is none; it may lie as far out as the displacements
    /// reach, or `start` does.
    ///
    /// # Errors
    /// Values that are not finite; an image that is 0 or constant; templates that can't be taken.
    pub fn climb<T: Real>(
        &mut self,
        images: &ImageSet<T>,
        image: usize,
        start: ContinuousPose,
    ) -> Result<ContinuousPose, LikelihoodError> {
        images.fill(self.geometry, image, &mut self.sums.values, &mut self.sums.contrast)?;
        self.sums.sum(self.geometry, Formula::Right, image)?;
        self.posterior.take(&self.sums, None);
        let [x, y] = start.shift_angstrom;
        let farthest = self.farthest_angstrom.max(x.hypot(y));
        let mode = climb(&mut self.posterior, start, self.moves, &self.steps, (farthest, f64::NEG_INFINITY))?;
        Ok(mode.map_or(start, |mode| *mode.chart.center()))
    }
}
