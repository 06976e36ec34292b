//! Images of which a grid sees little, transformed in double precision for a result in single.
//!
//! Rounding in single precision spreads an image's power over all frequencies alike, at some 5e-7 of it. Where the grid sees as
//! much power per area as lies elsewhere, or more, as it does of noise and of every image of something, that is the
//! result's relative error. A plane wave beyond the grid's reach, or noise without its low frequencies, leaves so little on
//! the grid that the error grows past 1e-6 of it. Such images are recognised by what was found on the grid, and done again.

use std::f64::consts::PI;
use std::sync::{Mutex, PoisonError};

use num_complex::Complex;

use super::{Pixel, PolarScratch, PolarTransform, Real};
use crate::grid::PolarGrid;

/// Amplitude on the grid, as a part of what the same power spread over all frequencies would leave there, below which an
/// image is done again. Errors in single precision, times this part, are at most 7.5e-7.
const LEAST_SEEN: f64 = 0.75;
/// Grids that reach no further than this part of the way to Nyquist see too few frequencies for averages to hold.
const LEAST_REACH: f64 = 0.1;

/// A plan in double precision for the images that need it; made when the first one comes, for hardly any data set has one.
/// There is one set of buffers, which threads take in turn.
#[derive(Debug)]
pub(super) struct InDouble {
    n_pixels: usize,
    grid: PolarGrid,
    /// Square of the norm, for an image whose squares add up to 1, below which it is done again.
    least_square_norm: f64,
    planned: Mutex<Option<Box<Planned>>>,
}

#[derive(Debug)]
struct Planned {
    transform: PolarTransform<f64>,
    scratch: PolarScratch<f64>,
    values: Vec<Complex<f64>>,
}

impl InDouble {
    pub(super) fn new(n_pixels: usize, grid: &PolarGrid) -> Self {
        // All frequencies fill a square of side N/2 in the unit of the radii; Σ |F|² · weight over all of it is
        // (2π)² · Σ I².
        let nyquist = n_pixels as f64 / 4.0;
        let reach = grid.radius_max() / nyquist;
        let least_square_norm = if reach < LEAST_REACH {
            f64::INFINITY
        } else {
            LEAST_SEEN.powi(2) * PI * reach * reach / 4.0 * (2.0 * PI).powi(2)
        };
        Self { n_pixels, grid: grid.clone(), least_square_norm, planned: Mutex::new(None) }
    }

    /// Bytes that it takes once an image needs it.
    pub(super) fn bytes(n_pixels: usize, n_shells: usize, n_inplanes: usize) -> usize {
        let planned = super::bytes::<f64>(super::fastest(), n_pixels, n_shells, n_inplanes);
        planned.plan + planned.scratch + n_shells * n_inplanes * size_of::<Complex<f64>>()
    }

    /// Whether so little of `image` is on the grid, by the norm that was found, that it is to be done again.
    pub(super) fn is_needed<P: Pixel>(&self, image: &[P], norm: f64) -> bool {
        norm * norm < self.least_square_norm * sum_of_squares(image)
    }

    /// Transforms `image` to `out`, divided by its norm if asked; returns the norm.
    pub(super) fn apply<P: Pixel, T: Real>(&self, image: &[P], out: &mut [Complex<T>], normalize: bool) -> f64 {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let planned = planned.get_or_insert_with(|| {
            let transform = PolarTransform::<f64>::plan(self.n_pixels, &self.grid)
                .expect("what was planned in single precision can be planned in double");
            let (scratch, values) = (transform.scratch(), vec![Complex::default(); transform.output_len()]);
            Box::new(Planned { transform, scratch, values })
        });
        let Planned { transform, scratch, values } = &mut **planned;
        let norm = transform.run(image, values, normalize, scratch);
        for (rounded, value) in out.iter_mut().zip(values) {
            *rounded = Complex::new(T::rounded(value.re), T::rounded(value.im));
        }
        norm
    }
}

fn sum_of_squares<P: Pixel>(image: &[P]) -> f64 {
    // Sums of their own, so that none waits for another.
    const N_SUMS: usize = 16;
    let (groups, rest) = image.as_chunks::<N_SUMS>();
    let mut sums = [0.0; N_SUMS];
    for group in groups {
        for (sum, pixel) in sums.iter_mut().zip(group) {
            let pixel: f64 = pixel.to_real();
            *sum += pixel * pixel;
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|pixel| pixel.to_real::<f64>().powi(2)).sum::<f64>()
}
