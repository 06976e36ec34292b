//! The transform in each number type, compiled only here: crates that use it don't compile its kernels again.

use num_complex::Complex;

use super::plan::{Plan, PlanScratch};
use super::scalar::Scalar;
use super::simd::InstructionSet;
use crate::grid::PolarGrid;

/// The type that a transform computes in: `f32` or `f64`.
pub trait Real: Scalar {
    /// [`Plan::new`].
    #[doc(hidden)]
    fn new_plan(set: InstructionSet, n_pixels: usize, grid: &PolarGrid) -> Plan<Self>;

    /// [`Plan::scratch`].
    #[doc(hidden)]
    fn new_scratch(plan: &Plan<Self>) -> PlanScratch<Self>;

    /// [`Plan::run`] of pixels in single precision.
    #[doc(hidden)]
    fn run_single(
        plan: &Plan<Self>,
        image: &[f32],
        out: &mut [Complex<Self>],
        normalize: bool,
        scratch: &mut PlanScratch<Self>,
    ) -> f64;

    /// [`Plan::run`] of pixels in double precision.
    #[doc(hidden)]
    fn run_double(
        plan: &Plan<Self>,
        image: &[f64],
        out: &mut [Complex<Self>],
        normalize: bool,
        scratch: &mut PlanScratch<Self>,
    ) -> f64;
}

macro_rules! compile {
    ($($real:ty),+) => {
        $(impl Real for $real {
            #[inline(never)]
            fn new_plan(set: InstructionSet, n_pixels: usize, grid: &PolarGrid) -> Plan<Self> {
                Plan::new(set, n_pixels, grid)
            }

            #[inline(never)]
            fn new_scratch(plan: &Plan<Self>) -> PlanScratch<Self> {
                plan.scratch()
            }

            #[inline(never)]
            fn run_single(
                plan: &Plan<Self>,
                image: &[f32],
                out: &mut [Complex<Self>],
                normalize: bool,
                scratch: &mut PlanScratch<Self>,
            ) -> f64 {
                plan.run(image, out, normalize, scratch)
            }

            #[inline(never)]
            fn run_double(
                plan: &Plan<Self>,
                image: &[f64],
                out: &mut [Complex<Self>],
                normalize: bool,
                scratch: &mut PlanScratch<Self>,
            ) -> f64 {
                plan.run(image, out, normalize, scratch)
            }
        })+
    };
}

compile!(f32, f64);
