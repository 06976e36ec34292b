//! The number types that images and templates are stored in.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`: what images and templates are stored in, and what products of the search are summed in.
///
/// Log-likelihoods and sums of their exponentials are `f64` for both.
pub trait Real:
    sealed::Sealed
    + Copy
    + Debug
    + Default
    + PartialEq
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    /// The least that 1 − cc² is let be: 2⁻²³ or 2⁻⁵².
    const LEAST_RESIDUAL: f64;
    /// How far the search may be off in cc.
    const SEARCH_ERROR: f64;
    /// Whether it is `f32`.
    const IS_SINGLE: bool;

    /// Rounded from double precision.
    fn from_f64(value: f64) -> Self;
    /// Exactly.
    fn to_f64(self) -> f64;
    /// `self`·`b` + `c` with one rounding.
    fn fused(self, b: Self, c: Self) -> Self;
    /// eˣ for x ≤ 0; what is below the smallest normal number may be 0 or that number.
    fn exp_of_negative(self) -> Self;
    /// −ln(1 − u) for 0 ≤ u ≤ `largest`, which decides the series that is used.
    fn minus_ln_one_minus(self, series: bool) -> Self;
    /// The larger of two numbers, neither of which is NaN.
    fn larger(self, other: Self) -> Self;
    /// The smaller of two numbers, neither of which is NaN.
    fn smaller(self, other: Self) -> Self;
}

/// Up to here −ln(1 − u) is summed as a series in single precision: the first term that is left out is 6e-9 of it.
pub(crate) const SERIES_LIMIT: f64 = 0.06;

impl Real for f32 {
    const LEAST_RESIDUAL: f64 = 1.0 / (1_u32 << 23) as f64;
    const SEARCH_ERROR: f64 = 1e-6;
    const IS_SINGLE: bool = true;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as f32
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn fused(self, b: Self, c: Self) -> Self {
        self.mul_add(b, c)
    }

    /// Within 2e-7, relative: 2ⁿ times a series on ±½ ln 2; no branches, so that loops become vector code.
    #[inline(always)]
    fn exp_of_negative(self) -> Self {
        // 1.5·2²³: adding it rounds to an integer, which then stands in the last bits.
        const ROUNDER: f32 = 12_582_912.0;
        let x = if self > -87.0 { self } else { -87.0 };
        let shifted = x * std::f32::consts::LOG2_E + ROUNDER;
        let n = shifted - ROUNDER;
        // ln 2 in two parts, the first of few bits.
        let rest = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
        let series = 1.0 / 120.0 + rest * (1.0 / 720.0);
        let series = 1.0 / 24.0 + rest * series;
        let series = 1.0 / 6.0 + rest * series;
        let series = 0.5 + rest * series;
        let series = 1.0 + rest * series;
        let series = 1.0 + rest * series;
        let power = f32::from_bits(shifted.to_bits().wrapping_add(127_u32.wrapping_sub(ROUNDER.to_bits())) << 23);
        series * power
    }

    #[inline(always)]
    fn minus_ln_one_minus(self, series: bool) -> Self {
        if series {
            let u = self;
            let sum = 1.0 / 5.0 + u * (1.0 / 6.0);
            let sum = 0.25 + u * sum;
            let sum = 1.0 / 3.0 + u * sum;
            let sum = 0.5 + u * sum;
            u + u * u * sum
        } else {
            -(-self.to_f64()).ln_1p() as f32
        }
    }

    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        if self > other { self } else { other }
    }

    #[inline(always)]
    fn smaller(self, other: Self) -> Self {
        if self < other { self } else { other }
    }
}

impl Real for f64 {
    const LEAST_RESIDUAL: f64 = f64::EPSILON;
    const SEARCH_ERROR: f64 = 1e-12;
    const IS_SINGLE: bool = false;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }

    #[inline(always)]
    fn fused(self, b: Self, c: Self) -> Self {
        self.mul_add(b, c)
    }

    #[inline(always)]
    fn exp_of_negative(self) -> Self {
        self.exp()
    }

    #[inline(always)]
    fn minus_ln_one_minus(self, _series: bool) -> Self {
        -(-self).ln_1p()
    }

    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        if self > other { self } else { other }
    }

    #[inline(always)]
    fn smaller(self, other: Self) -> Self {
        if self < other { self } else { other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_exponentials_and_logarithms_are_those_of_double() {
        for step in 0..20_000 {
            let x = -0.004 * step as f32;
            let (value, expected) = (x.exp_of_negative(), f64::from(x).exp());
            assert!((f64::from(value) - expected).abs() < 3e-7 * expected, "{x}: {value} {expected}");
        }
        assert!((-1e4_f32).exp_of_negative() < 1e-37);
        for step in 0..=1000 {
            let u = (SERIES_LIMIT * f64::from(step) / 1000.0) as f32;
            let expected = -(-f64::from(u)).ln_1p();
            assert!((f64::from(u.minus_ln_one_minus(true)) - expected).abs() <= 2e-7 * expected, "{u}");
            assert!((f64::from(u.minus_ln_one_minus(false)) - expected).abs() <= 2e-7 * expected, "{u}");
        }
    }
}
