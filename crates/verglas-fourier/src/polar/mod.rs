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
mod bytes;
pub mod direct;
mod directly;
mod faint;
mod fft;
mod folded;
mod gridding;
pub(crate) mod kernel;
mod number;
mod octants;
mod plan;
mod real;
mod scalar;
pub(crate) mod simd;
pub(crate) mod spectrum;
mod squares;

use num_complex::Complex;
use thiserror::Error;

use crate::grid::{MAX_PIXELS, PolarGrid, Precision, brief};
pub use bytes::TransformBytes;
use directly::{Directly, LEAST_SEEN};
use faint::FaintImages;
pub use number::Number;
use plan::{Plan, PlanScratch};
pub use real::Real;
pub use scalar::{Pixel, Scalar};
use simd::InstructionSet;

/// Why a transform cannot be planned.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PlanError {
    /// A box side out of range.
    #[error("box side is {0} pixels, expected 1 to {MAX_PIXELS}")]
    Pixels(usize),
    /// Shells past the Nyquist frequency, where the pixels determine nothing new.
    #[error(
        "the polar grid reaches to radius {}, past the Nyquist frequency of the box, {} for {n_pixels} pixels",
        brief(*radius_max),
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
    plan: Plan<T>,
    /// For a result in single precision, which not every image leaves as exact as promised.
    faint: Option<FaintImages>,
    /// For a result in double precision, which not every image leaves as exact as promised.
    directly: Option<Directly>,
}

/// The buffers that one thread needs to transform images; made by [`PolarTransform::scratch`] for its own plan.
#[derive(Debug)]
pub struct PolarScratch<T: Real> {
    plan: PlanScratch<T>,
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
        Ok(Self {
            plan: T::new_plan(set, n_pixels, grid),
            faint: (T::PRECISION == Precision::Single).then(|| FaintImages::new(set, n_pixels, grid)),
            directly: match T::PRECISION {
                Precision::Single => None,
                Precision::Double => Directly::new(n_pixels, grid, LEAST_SEEN),
            },
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
        PolarScratch { plan: T::new_scratch(&self.plan) }
    }

    /// Box side N.
    pub fn n_pixels(&self) -> usize {
        self.plan.n_pixels
    }

    /// Number of shells S.
    pub fn n_shells(&self) -> usize {
        self.plan.n_shells
    }

    /// Number of angles per shell.
    pub fn n_inplanes(&self) -> usize {
        self.plan.n_inplanes
    }

    /// Number of values in a result: S · n_inplanes.
    pub fn output_len(&self) -> usize {
        self.plan.output_len()
    }

    /// The precision of `T`.
    pub fn precision(&self) -> Precision {
        T::PRECISION
    }

    /// Size of this plan in memory.
    pub fn plan_bytes(&self) -> usize {
        bytes::<T>(self.plan.set, self.n_pixels(), self.n_shells(), self.n_inplanes()).plan
    }

    /// Size in memory of one scratch.
    pub fn scratch_bytes(&self) -> usize {
        bytes::<T>(self.plan.set, self.n_pixels(), self.n_shells(), self.n_inplanes()).scratch
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

    /// Transforms one image, divided by its norm if asked; returns the norm.
    fn run<P: Pixel>(
        &self,
        image: &[P],
        out: &mut [Complex<T>],
        normalize: bool,
        scratch: &mut PolarScratch<T>,
    ) -> f64 {
        let (plan, scratch) = (&self.plan, &mut scratch.plan);
        let norm = match (P::as_single(image), P::as_double(image)) {
            (Some(image), _) => T::run_single(plan, image, out, normalize, scratch),
            (_, Some(image)) => T::run_double(plan, image, out, normalize, scratch),
            _ => unreachable!("pixels are in single or in double precision"),
        };
        match (&self.faint, &self.directly) {
            (Some(faint), _) if faint.is_needed(image, norm) => faint.apply(image, out, normalize),
            (_, Some(directly)) if directly.is_needed(image, norm) => directly.apply(image, out, normalize),
            _ => norm,
        }
    }
}

/// The requirements of every plan: a box side in range, and no shell past Nyquist.
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

/// The memory that plan and scratch take.
fn bytes<T: Real>(set: InstructionSet, n_pixels: usize, n_shells: usize, n_inplanes: usize) -> TransformBytes {
    let mut bytes = Plan::<T>::bytes(set, n_pixels, n_shells, n_inplanes);
    bytes.plan += size_of::<PolarTransform<T>>() - size_of::<Plan<T>>();
    if T::PRECISION == Precision::Single {
        bytes.plan += FaintImages::bytes(set, n_pixels, n_shells, n_inplanes);
    } else {
        bytes.scratch += Directly::scratch_bytes(n_pixels, n_shells, n_inplanes);
    }
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
            assert_eq!(PolarTransform::<f32>::plan_on(set, 8, &grid).unwrap().plan.set.name(), set);
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
