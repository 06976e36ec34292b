//! The numbers that vectors hold.

use bytemuck::Pod;
use verglas_fft::FftNum;

/// A floating point number: `f32` or `f64`.
pub trait Number: FftNum + Default + Pod + Sealed {
    /// The nearest number of this type.
    fn rounded(value: f64) -> Self;
    /// The same number in double precision.
    fn widened(self) -> f64;
}

impl Number for f32 {
    #[inline(always)]
    fn rounded(value: f64) -> Self {
        value as f32
    }

    #[inline(always)]
    fn widened(self) -> f64 {
        f64::from(self)
    }
}

impl Number for f64 {
    #[inline(always)]
    fn rounded(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn widened(self) -> f64 {
        self
    }
}

pub use sealed::Sealed;

mod sealed {
    /// Keeps other types out: the kernel's error is known for these two.
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}
