//! One-dimensional discrete Fourier transforms, by `rustfft` and `realfft`, in the number types that verglas needs.
//!
//! A crate of its own for one reason: those libraries are generic, and compiling them for a number type takes longer than
//! all of verglas. Here that happens once, and not with every change of the code that transforms something. (The polar
//! transform has FFTs of its own, for most of what it transforms is zero.)
//!
//! Nothing is normalised: forth and back multiplies by the length. The sign of the exponent is − forth and + back.

use std::sync::Arc;

pub use realfft::{ComplexToReal, RealToComplex};
pub use rustfft::{Fft, FftNum};

use realfft::RealFftPlanner;
use rustfft::FftPlanner;

/// The transform of `n` real numbers to ⌊n/2⌋ + 1 complex ones, in single precision.
#[inline(never)]
pub fn plan_real_forward_f32(n: usize) -> Arc<dyn RealToComplex<f32>> {
    RealFftPlanner::new().plan_fft_forward(n)
}

/// The way back from [`plan_real_forward_f32`], to `n` real numbers.
#[inline(never)]
pub fn plan_real_inverse_f32(n: usize) -> Arc<dyn ComplexToReal<f32>> {
    RealFftPlanner::new().plan_fft_inverse(n)
}

/// The transform of `n` complex numbers, in single precision.
#[inline(never)]
pub fn plan_complex_forward_f32(n: usize) -> Arc<dyn Fft<f32>> {
    FftPlanner::new().plan_fft_forward(n)
}

/// The way back from [`plan_complex_forward_f32`].
#[inline(never)]
pub fn plan_complex_inverse_f32(n: usize) -> Arc<dyn Fft<f32>> {
    FftPlanner::new().plan_fft_inverse(n)
}

/// The transform of `n` real numbers to ⌊n/2⌋ + 1 complex ones, in double precision.
#[inline(never)]
pub fn plan_real_forward_f64(n: usize) -> Arc<dyn RealToComplex<f64>> {
    RealFftPlanner::new().plan_fft_forward(n)
}

/// The way back from [`plan_real_forward_f64`], to `n` real numbers.
#[inline(never)]
pub fn plan_real_inverse_f64(n: usize) -> Arc<dyn ComplexToReal<f64>> {
    RealFftPlanner::new().plan_fft_inverse(n)
}

/// The transform of `n` complex numbers, in double precision.
#[inline(never)]
pub fn plan_complex_forward_f64(n: usize) -> Arc<dyn Fft<f64>> {
    FftPlanner::new().plan_fft_forward(n)
}

/// The way back from [`plan_complex_forward_f64`].
#[inline(never)]
pub fn plan_complex_inverse_f64(n: usize) -> Arc<dyn Fft<f64>> {
    FftPlanner::new().plan_fft_inverse(n)
}
