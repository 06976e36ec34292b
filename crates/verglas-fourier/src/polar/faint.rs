//! Images of which a grid sees little, transformed in double precision for a result in single.
//!
//! Rounding in single precision spreads an image's power evenly over all frequencies, at about 5e-7 of it. If the grid
//! sees as much power per area as there is elsewhere, or more, as it does for noise and for every real image, that is
//! the result's relative error. A plane wave beyond the grid's reach, or noise without its low frequencies, leaves so
//! little on the grid that the error grows past 1e-6 of it. Such images are recognised by what was found on the grid,
//! and done again.

use std::f64::consts::PI;
use std::sync::{Mutex, PoisonError};

use num_complex::Complex;

use super::directly::{Directly, LEAST_SEEN_IN_SINGLE};
use super::plan::{Plan, PlanScratch};
use super::real::Real;
use super::scalar::{Pixel, Scalar};
use super::simd::InstructionSet;
use super::squares::sum_of_squares;
use crate::grid::PolarGrid;

/// Amplitude on the grid, as a part of what the same power spread over all frequencies would leave there, below which an
/// image is done again. Errors in single precision, times this part, are at most 7.5e-7.
const LEAST_SEEN: f64 = 0.75;
/// Grids that reach no further than this part of the way to Nyquist see too few frequencies for averages to hold.
const LEAST_REACH: f64 = 0.1;

/// A plan in double precision for the images that need it; made when the first one comes, for hardly any data set has one.
/// There is one set of buffers, which threads take in turn.
#[derive(Debug)]
pub(super) struct FaintImages {
    set: InstructionSet,
    n_pixels: usize,
    grid: PolarGrid,
    /// Square of the norm, for an image whose squares add up to 1, below which it is done again.
    least_square_norm: f64,
    planned: Mutex<Option<Box<Planned>>>,
}

#[derive(Debug)]
struct Planned {
    plan: Plan<f64>,
    /// For images of which the grid sees next to nothing.
    directly: Option<Directly>,
    scratch: PlanScratch<f64>,
    values: Vec<Complex<f64>>,
}

impl FaintImages {
    pub(super) fn new(set: InstructionSet, n_pixels: usize, grid: &PolarGrid) -> Self {
        // All frequencies fill a square of side N/2 in the unit of the radii; Σ |F|² · weight over all of it is
        // (2π)² · Σ I².
        let nyquist = n_pixels as f64 / 4.0;
        let reach = grid.radius_max() / nyquist;
        let least_square_norm = if reach < LEAST_REACH {
            f64::INFINITY
        } else {
            LEAST_SEEN.powi(2) * PI * reach * reach / 4.0 * (2.0 * PI).powi(2)
        };
        Self { set, n_pixels, grid: grid.clone(), least_square_norm, planned: Mutex::new(None) }
    }

    /// Bytes that it takes once an image needs it.
    pub(super) fn bytes(set: InstructionSet, n_pixels: usize, n_shells: usize, n_inplanes: usize) -> usize {
        let planned = Plan::<f64>::bytes(set, n_pixels, n_shells, n_inplanes);
        planned.plan + planned.scratch + n_shells * n_inplanes * size_of::<Complex<f64>>()
    }

    /// Whether so little of `image` is on the grid, by the norm found, that it must be done again.
    pub(super) fn is_needed<P: Pixel>(&self, image: &[P], norm: f64) -> bool {
        norm * norm < self.least_square_norm * sum_of_squares(image)
    }

    /// Transforms `image` to `out`, divided by its norm if asked; returns the norm.
    pub(super) fn apply<P: Pixel, T: Scalar>(&self, image: &[P], out: &mut [Complex<T>], normalize: bool) -> f64 {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let planned = planned.get_or_insert_with(|| {
            let plan = f64::new_plan(self.set, self.n_pixels, &self.grid);
            let directly = Directly::new(self.n_pixels, &self.grid, LEAST_SEEN_IN_SINGLE);
            let (scratch, values) = (f64::new_scratch(&plan), vec![Complex::default(); plan.output_len()]);
            Box::new(Planned { plan, directly, scratch, values })
        });
        let Planned { plan, directly, scratch, values } = &mut **planned;
        let norm = match (P::as_single(image), P::as_double(image)) {
            (Some(image), _) => f64::run_single(plan, image, values, normalize, scratch),
            (_, Some(image)) => f64::run_double(plan, image, values, normalize, scratch),
            _ => unreachable!("pixels are in single or in double precision"),
        };
        let norm = match directly {
            Some(directly) if directly.is_needed(image, norm) => directly.apply(image, values, normalize),
            _ => norm,
        };
        for (rounded, value) in out.iter_mut().zip(values) {
            *rounded = Complex::new(T::rounded(value.re), T::rounded(value.im));
        }
        norm
    }
}
