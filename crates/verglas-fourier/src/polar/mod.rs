//! The polar Fourier transform of particle images.
//!
//! ```text
//! F[s, j] = (4π / N) · Σ_{a,b} I[a, b] · exp(−i · (4π r_s / N) · (a′ cos θ_j + b′ sin θ_j))
//! a′ = a − ⌊N/2⌋,   b′ = b − ⌊N/2⌋
//! ```
//!
//! [`PolarTransform`] computes it by gridding: all that depends on the points alone is made once, in
//! [`PolarTransform::plan`], and an image costs an oversampled FFT and an interpolation. [`direct`] holds the slow sum that it is
//! tested against. `docs/math.md` derives the method and its error.

pub(crate) mod aligned;
pub mod direct;
mod fft;
mod folded;
mod gridding;
mod in_double;
pub(crate) mod kernel;
mod octants;
mod real;
pub(crate) mod simd;
mod spectrum;

use crate::grid::{MAX_PIXELS, PolarGrid, Precision};
use folded::{Folded, FoldedScratch};
use gridding::{Gridding, GriddingScratch};
use in_double::InDouble;
use num_complex::Complex;
pub use real::{Pixel, Real};
use simd::InstructionSet;
use std::marker::PhantomData;
use thiserror::Error;

/// Why a transform cannot be planned.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PlanError {
    /// A box side out of range.
    #[error("box side is {0} pixels, expected 1 to {MAX_PIXELS}")]
    Pixels(usize),
    /// Shells past the Nyquist frequency, where the pixels determine nothing new.
    #[error(
        "the polar grid reaches to radius {radius_max}, past the Nyquist frequency of the box, {} for {n_pixels} pixels",
        *n_pixels as f64 / 4.0
    )]
    Radius {
        /// The grid's largest radius.
        radius_max: f64,
        /// The box side.
        n_pixels: usize,
    },
    /// An instruction set that this processor does not have, or none at all.
    #[error("no instruction set `{0}` on this processor, expected one of {known}", known = instruction_sets().join(", "))]
    InstructionSet(String),
}

/// How many bytes a plan takes, shared by all threads, and how many each thread's scratch takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransformBytes {
    /// Size of the plan.
    pub plan: usize,
    /// Size of one scratch.
    pub scratch: usize,
}

/// A planned transform from `n_pixels`² real pixels to the points of one polar grid.
///
/// Plan once, then share by reference: it is `Send + Sync`, and all that changes while an image is transformed is in a
/// [`PolarScratch`], one per thread. The result is the same to the last bit whatever thread, scratch or order.
///
/// `T` is `f32` (relative L2 error below 1e-6) or `f64` (below 1e-12).
///
/// ```
/// use num_complex::Complex;
/// use verglas_fourier::grid::PolarGrid;
/// use verglas_fourier::polar::PolarTransform;
///
/// let grid = PolarGrid::new(2.0, 0.25, 16)?;
/// let transform = PolarTransform::<f32>::plan(8, &grid)?;
/// let mut scratch = transform.scratch();
/// let mut stack = vec![Complex::default(); transform.output_len()];
///
/// let mut image = vec![0.0_f32; 64];
/// image[4 * 8 + 4] = 1.0; // the centre
/// transform.apply(&image, &mut stack, &mut scratch);
/// assert!(stack.iter().all(|value| (value - 4.0 * std::f32::consts::PI / 8.0).norm() < 1e-5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PolarTransform<T: Real> {
    set: InstructionSet,
    n_pixels: usize,
    n_shells: usize,
    n_inplanes: usize,
    /// Integration weight of a point, by shell.
    point_weights: Vec<f64>,
    method: Method<T>,
    /// For a result in single precision, which not every image leaves as exact as promised.
    in_double: Option<InDouble>,
}

/// How the points are reached.
#[derive(Debug)]
enum Method<T: Real> {
    /// Any polar grid.
    General(Gridding<T>),
    /// Polar grids whose number of angles 4 divides.
    Folded(Folded<T>),
}

/// The buffers that one thread needs to transform images; made by [`PolarTransform::scratch`] for its own plan.
#[derive(Debug)]
pub struct PolarScratch<T: Real> {
    method: MethodScratch,
    /// Box side, shells and angles of its plan, and the instruction set: other plans rely on zeros elsewhere.
    shape: ([usize; 3], InstructionSet),
    precision: PhantomData<T>,
}

#[derive(Debug)]
enum MethodScratch {
    General(GriddingScratch),
    Folded(FoldedScratch),
}

impl<T: Real> PolarTransform<T> {
    /// Plans the transform of boxes of `n_pixels` × `n_pixels` to the points of `grid`.
    ///
    /// Any side from 1 to [`MAX_PIXELS`], even or odd, and any polar grid out to N/4 will do; a number of angles that 4
    /// divides, as in the default grid, is the fastest.
    ///
    /// # Errors
    /// When the side is 0 or above [`MAX_PIXELS`], or the grid's radius is above N/4 by more than rounding.
    pub fn plan(n_pixels: usize, grid: &PolarGrid) -> Result<Self, PlanError> {
        Self::plan_with(fastest(), n_pixels, grid)
    }

    /// Plans a transform that uses one of [`instruction_sets`], for tests and measurements.
    ///
    /// All but `portable` give the same bytes.
    ///
    /// # Errors
    /// Those of [`plan`](Self::plan), and when this processor lacks the set.
    pub fn plan_on(instruction_set: &str, n_pixels: usize, grid: &PolarGrid) -> Result<Self, PlanError> {
        let set = InstructionSet::available().into_iter().find(|set| set.name() == instruction_set);
        let set = set.ok_or_else(|| PlanError::InstructionSet(instruction_set.to_owned()))?;
        Self::plan_with(set, n_pixels, grid)
    }

    fn plan_with(set: InstructionSet, n_pixels: usize, grid: &PolarGrid) -> Result<Self, PlanError> {
        check(n_pixels, grid)?;
        let method = if grid.n_inplanes().is_multiple_of(4) {
            Method::Folded(Folded::plan(set, n_pixels, grid))
        } else {
            Method::General(Gridding::plan(set, n_pixels, grid))
        };
        Ok(Self {
            set,
            n_pixels,
            n_shells: grid.n_shells(),
            n_inplanes: grid.n_inplanes(),
            point_weights: (0..grid.n_shells()).map(|s| grid.point_weight(s)).collect(),
            method,
            in_double: (T::PRECISION == Precision::Single).then(|| InDouble::new(n_pixels, grid)),
        })
    }

    /// How many bytes [`plan`](Self::plan) and [`scratch`](Self::scratch) will take, known before anything is allocated.
    ///
    /// # Errors
    /// Those of [`plan`](Self::plan).
    pub fn estimate_bytes(n_pixels: usize, grid: &PolarGrid) -> Result<TransformBytes, PlanError> {
        check(n_pixels, grid)?;
        Ok(bytes::<T>(fastest(), n_pixels, grid.n_shells(), grid.n_inplanes()))
    }

    /// New buffers for [`apply`](Self::apply).
    pub fn scratch(&self) -> PolarScratch<T> {
        PolarScratch {
            method: match &self.method {
                Method::General(gridding) => MethodScratch::General(gridding.scratch()),
                Method::Folded(folded) => MethodScratch::Folded(folded.scratch()),
            },
            shape: self.shape(),
            precision: PhantomData,
        }
    }

    /// Box side N.
    pub fn n_pixels(&self) -> usize {
        self.n_pixels
    }

    /// Number of shells S.
    pub fn n_shells(&self) -> usize {
        self.n_shells
    }

    /// Number of angles per shell.
    pub fn n_inplanes(&self) -> usize {
        self.n_inplanes
    }

    /// Number of values in a result: S · n_inplanes.
    pub fn output_len(&self) -> usize {
        self.n_shells * self.n_inplanes
    }

    /// The precision that `T` stands for.
    pub fn precision(&self) -> Precision {
        T::PRECISION
    }

    /// Size of this plan in memory.
    pub fn plan_bytes(&self) -> usize {
        bytes::<T>(self.set, self.n_pixels, self.n_shells, self.n_inplanes).plan
    }

    /// Size in memory of one scratch.
    pub fn scratch_bytes(&self) -> usize {
        bytes::<T>(self.set, self.n_pixels, self.n_shells, self.n_inplanes).scratch
    }

    /// Transforms one image, without normalising.
    ///
    /// * `image`: `[N, N]`, row-major, real space; axis 0 is the slow (row) axis of the MRC section.
    /// * `out`: `[n_shells, n_inplanes]`, row-major, in the unit of `image`; all of it is overwritten.
    ///
    /// Pixels that are not finite make values that are not finite.
    ///
    /// # Panics
    /// When `image` or `out` has another length, or `scratch` was made for a plan of another box or grid.
    pub fn apply<P: Pixel>(&self, image: &[P], out: &mut [Complex<T>], scratch: &mut PolarScratch<T>) {
        self.run(image, out, false, scratch);
    }

    /// Transforms one image and divides it by its norm, sqrt(Σ |F|² · integration weight), which it returns.
    ///
    /// The norm is summed in double precision, and right for images of any brightness whose values are numbers of type
    /// `T`. When it is 0 or not finite, as it is for an empty image or one with
    /// pixels that are not finite, `out` is left as [`apply`](Self::apply) makes it, and the caller decides.
    ///
    /// Arguments and panics are those of [`apply`](Self::apply).
    pub fn apply_normalized<P: Pixel>(
        &self,
        image: &[P],
        out: &mut [Complex<T>],
        scratch: &mut PolarScratch<T>,
    ) -> f64 {
        self.run(image, out, true, scratch)
    }

    fn shape(&self) -> ([usize; 3], InstructionSet) {
        ([self.n_pixels, self.n_shells, self.n_inplanes], self.set)
    }

    /// Transforms one image, divided by its norm if asked; returns the norm.
    fn run<P: Pixel>(
        &self,
        image: &[P],
        out: &mut [Complex<T>],
        normalize: bool,
        scratch: &mut PolarScratch<T>,
    ) -> f64 {
        assert_eq!(image.len(), self.n_pixels * self.n_pixels, "an image of {0} × {0} pixels", self.n_pixels);
        assert_eq!(out.len(), self.output_len(), "a result of {} × {} values", self.n_shells, self.n_inplanes);
        assert_eq!(scratch.shape, self.shape(), "a scratch of this plan");
        let norm = match (&self.method, &mut scratch.method) {
            (Method::General(gridding), MethodScratch::General(scratch)) => {
                gridding.apply(image, out, &self.point_weights, normalize, scratch)
            }
            (Method::Folded(folded), MethodScratch::Folded(scratch)) => {
                folded.apply(image, out, &self.point_weights, normalize, scratch)
            }
            _ => unreachable!("the number of angles decides the method"),
        };
        match &self.in_double {
            Some(in_double) if in_double.is_needed(image, norm) => in_double.apply(image, out, normalize),
            _ => norm,
        }
    }
}

/// What every plan needs: a box side in range, and no shell past Nyquist.
fn check(n_pixels: usize, grid: &PolarGrid) -> Result<(), PlanError> {
    if n_pixels == 0 || n_pixels > MAX_PIXELS {
        return Err(PlanError::Pixels(n_pixels));
    }
    // F·N/4 may come out of a descriptor a few roundings above N/4; the kernel's reach has room for a millionth.
    if grid.radius_max() > n_pixels as f64 / 4.0 * (1.0 + 1e-9) {
        return Err(PlanError::Radius { radius_max: grid.radius_max(), n_pixels });
    }
    Ok(())
}

/// The names of the instruction sets that transforms can use on this processor, the fastest first; [`PolarTransform::plan`]
/// takes that one.
pub fn instruction_sets() -> Vec<&'static str> {
    InstructionSet::available().into_iter().map(InstructionSet::name).collect()
}

/// The fastest instruction set of this processor.
pub(crate) fn fastest() -> InstructionSet {
    InstructionSet::available()[0]
}

/// What plan and scratch take in memory.
fn bytes<T: Real>(set: InstructionSet, n_pixels: usize, n_shells: usize, n_inplanes: usize) -> TransformBytes {
    let mut bytes = if n_inplanes.is_multiple_of(4) {
        Folded::<T>::estimate_bytes(set, n_pixels, n_shells, n_inplanes)
    } else {
        Gridding::<T>::estimate_bytes(set, n_pixels, n_shells, n_inplanes)
    };
    bytes.plan += size_of::<PolarTransform<T>>() + n_shells * size_of::<f64>();
    if T::PRECISION == Precision::Single {
        bytes.plan += InDouble::bytes(n_pixels, n_shells, n_inplanes);
    }
    bytes.scratch += size_of::<PolarScratch<T>>();
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise from a linear congruential generator, −0.5 … 0.5, exact in single precision.
    fn noise(n_pixels: usize) -> Vec<f32> {
        let mut state = n_pixels as u64;
        (0..n_pixels * n_pixels)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 40) as f32 / (1 << 24) as f32 - 0.5
            })
            .collect()
    }

    fn apply<T: Real>(set: InstructionSet, image: &[f32], n_pixels: usize, grid: &PolarGrid) -> Vec<Complex<T>> {
        let plan = PolarTransform::<T>::plan_with(set, n_pixels, grid).unwrap();
        let mut out = vec![Complex::default(); plan.output_len()];
        plan.apply(image, &mut out, &mut plan.scratch());
        out
    }

    fn relative_error<T: Real>(values: &[Complex<T>], expected: &[Complex<f64>]) -> f64 {
        let (mut error, mut norm) = (0.0, 0.0);
        for (value, expected) in values.iter().zip(expected) {
            error += (Complex::new(value.re.widened(), value.im.widened()) - expected).norm_sqr();
            norm += expected.norm_sqr();
        }
        (error / norm).sqrt()
    }

    /// Boxes that fill whole vectors and such that do not, both methods, angles that fill whole fours and not.
    const CASES: [(usize, usize); 8] = [(1, 4), (5, 12), (16, 32), (30, 60), (31, 62), (33, 61), (50, 100), (64, 128)];

    #[test]
    fn every_instruction_set_is_accurate() {
        for (n_pixels, n_inplanes) in CASES {
            let grid = PolarGrid::new(n_pixels as f64 / 4.0, 0.25, n_inplanes).unwrap();
            let image = noise(n_pixels);
            let wide: Vec<f64> = image.iter().map(|&pixel| f64::from(pixel)).collect();
            let expected = direct::transform_directly(&wide, n_pixels, &grid);
            for set in InstructionSet::available() {
                let single = relative_error(&apply::<f32>(set, &image, n_pixels, &grid), &expected);
                let double = relative_error(&apply::<f64>(set, &image, n_pixels, &grid), &expected);
                // The promises; tests/suite/polar_accuracy.rs has tighter ones and more of them, for the fastest set.
                assert!(single <= 1e-6, "{}: N {n_pixels}, {n_inplanes} angles: {single:e}", set.name());
                assert!(double <= 2e-13, "{}: N {n_pixels}, {n_inplanes} angles: {double:e}", set.name());
            }
        }
    }

    #[test]
    fn instruction_sets_go_by_their_names() {
        let grid = PolarGrid::new(2.0, 0.25, 16).unwrap();
        assert!(instruction_sets().contains(&"portable"));
        for set in instruction_sets() {
            assert_eq!(PolarTransform::<f32>::plan_on(set, 8, &grid).unwrap().set.name(), set);
        }
        let error = PolarTransform::<f32>::plan_on("mmx", 8, &grid).unwrap_err().to_string();
        assert!(error.starts_with("no instruction set `mmx` on this processor, expected one of "), "{error}");
    }

    #[test]
    fn instruction_sets_that_fuse_agree_to_the_last_bit() {
        let sets = InstructionSet::available();
        let fusing: Vec<_> = sets.into_iter().filter(|set| !matches!(set, InstructionSet::Portable(_))).collect();
        for (n_pixels, n_inplanes) in CASES {
            let grid = PolarGrid::new(n_pixels as f64 / 4.0, 0.25, n_inplanes).unwrap();
            let image = noise(n_pixels);
            for pair in fusing.windows(2) {
                let single = pair.iter().map(|&set| apply::<f32>(set, &image, n_pixels, &grid));
                let [one, other]: [Vec<_>; 2] = single.collect::<Vec<_>>().try_into().unwrap();
                assert_eq!(one, other);
                let double = pair.iter().map(|&set| apply::<f64>(set, &image, n_pixels, &grid));
                let [one, other]: [Vec<_>; 2] = double.collect::<Vec<_>>().try_into().unwrap();
                assert_eq!(one, other);
            }
        }
    }
}
