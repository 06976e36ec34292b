//! The number types of the transform: what it computes in, and what pixels may be.

use bytemuck::Pod;
use verglas_fft::FftNum;

use super::simd::{InstructionSet, Kernel, run_in_any_set};
use crate::grid::Precision;

/// The type that a transform computes in: `f32` or `f64`.
pub trait Real: FftNum + Default + Pod + sealed::Sealed {
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

    /// The nearest number of this type.
    fn rounded(value: f64) -> Self;
    /// The same number in double precision.
    fn widened(self) -> f64;
    /// Runs a kernel compiled for an instruction set.
    #[doc(hidden)]
    fn run<K: Kernel<Self>>(set: InstructionSet, kernel: K) -> K::Output;
}

impl Real for f32 {
    const PRECISION: Precision = Precision::Single;
    const KERNEL_WIDTH: usize = 7;
    const KERNEL_SHAPE: [f64; 2] = [0.9745, 1.0065];
    const FOLDED_WIDTH: usize = 8;
    const FOLDED_ALIGNMENT: usize = 2;

    #[inline(always)]
    fn rounded(value: f64) -> Self {
        value as f32
    }

    #[inline(always)]
    fn widened(self) -> f64 {
        f64::from(self)
    }

    run_in_any_set!();
}

impl Real for f64 {
    const PRECISION: Precision = Precision::Double;
    const KERNEL_WIDTH: usize = 14;
    const KERNEL_SHAPE: [f64; 2] = [1.0108, 1.0222];
    const FOLDED_WIDTH: usize = 14;
    const FOLDED_ALIGNMENT: usize = 1;

    #[inline(always)]
    fn rounded(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn widened(self) -> f64 {
        self
    }

    run_in_any_set!();
}

/// What an image's pixels may be: `f32` or `f64`.
pub trait Pixel: Copy + Send + Sync + sealed::Sealed {
    /// The pixel's value in the type that the transform computes in, rounded if it must be.
    #[doc(hidden)]
    fn to_real<T: Real>(self) -> T;
}

impl Pixel for f32 {
    #[inline(always)]
    fn to_real<T: Real>(self) -> T {
        T::rounded(f64::from(self))
    }
}

impl Pixel for f64 {
    #[inline(always)]
    fn to_real<T: Real>(self) -> T {
        T::rounded(self)
    }
}

mod sealed {
    /// Keeps other types out: the kernel's error is known for these two.
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}
