//! The number types of the transform: what kernels compute in, and what pixels may be.

use super::number::{Number, Sealed};
use super::simd::{InstructionSet, Kernel, Simd, run_in_any_set};
use crate::grid::Precision;

/// The type that a transform computes in: `f32` or `f64`.
pub trait Scalar: Number {
    /// The precision that this type gives.
    const PRECISION: Precision;
    /// Number of grid points that the interpolation takes along each axis.
    #[doc(hidden)]
    const KERNEL_WIDTH: usize;
    /// Shape and stretch of the scaling that goes with it.
    #[doc(hidden)]
    const KERNEL_SHAPE: [f64; 2];
    /// Number of grid points along axis 1 on the octant grid, where they begin at a multiple of
    /// [`FOLDED_ALIGNMENT`](Self::FOLDED_ALIGNMENT).
    #[doc(hidden)]
    const FOLDED_WIDTH: usize;
    /// How many elements of the octant grid fill a cache line.
    #[doc(hidden)]
    const FOLDED_ALIGNMENT: usize;

    /// Runs a kernel compiled for an instruction set.
    #[doc(hidden)]
    fn run<K: Kernel<Self>>(set: InstructionSet, kernel: K) -> K::Output;
    /// Numbers of this type in a vector of an instruction set.
    #[doc(hidden)]
    fn lanes(set: InstructionSet) -> usize {
        Self::run(set, CountLanes)
    }
}

struct CountLanes;

impl<T: Number> Kernel<T> for CountLanes {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd<T>>(self, _: S) -> usize {
        S::LANES
    }
}

impl Scalar for f32 {
    const PRECISION: Precision = Precision::Single;
    const KERNEL_WIDTH: usize = 7;
    const KERNEL_SHAPE: [f64; 2] = [0.9745, 1.0065];
    const FOLDED_WIDTH: usize = 8;
    const FOLDED_ALIGNMENT: usize = 2;

    run_in_any_set!();
}

impl Scalar for f64 {
    const PRECISION: Precision = Precision::Double;
    const KERNEL_WIDTH: usize = 14;
    const KERNEL_SHAPE: [f64; 2] = [1.0108, 1.0222];
    const FOLDED_WIDTH: usize = 14;
    const FOLDED_ALIGNMENT: usize = 1;

    run_in_any_set!();
}

/// The type of an image's pixels: `f32` or `f64`.
pub trait Pixel: Copy + Send + Sync + Sealed {
    /// The pixel's value in the type that the transform computes in, rounded if it must be.
    #[doc(hidden)]
    fn to_real<T: Scalar>(self) -> T;
    /// The pixels, if they are in single precision.
    #[doc(hidden)]
    fn as_single(pixels: &[Self]) -> Option<&[f32]>;
    /// The pixels, if they are in double precision.
    #[doc(hidden)]
    fn as_double(pixels: &[Self]) -> Option<&[f64]>;
}

impl Pixel for f32 {
    #[inline(always)]
    fn to_real<T: Scalar>(self) -> T {
        T::rounded(f64::from(self))
    }

    #[inline(always)]
    fn as_single(pixels: &[Self]) -> Option<&[f32]> {
        Some(pixels)
    }

    #[inline(always)]
    fn as_double(_: &[Self]) -> Option<&[f64]> {
        None
    }
}

impl Pixel for f64 {
    #[inline(always)]
    fn to_real<T: Scalar>(self) -> T {
        T::rounded(self)
    }

    #[inline(always)]
    fn as_single(_: &[Self]) -> Option<&[f32]> {
        None
    }

    #[inline(always)]
    fn as_double(pixels: &[Self]) -> Option<&[f64]> {
        Some(pixels)
    }
}
