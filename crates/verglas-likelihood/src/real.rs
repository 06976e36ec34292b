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
    /// 2ˣ for x up to some tens; what is below the smallest normal number may be 0 or about that number.
    fn power_of_two(self) -> Self;
    /// −ln(1 − u) for 0 ≤ u < 1.
    fn minus_ln_one_minus(self) -> Self;
    /// The larger of two numbers, neither of which is NaN.
    fn larger(self, other: Self) -> Self;
    /// The smaller of two numbers, neither of which is NaN.
    fn smaller(self, other: Self) -> Self;
}

/// 1.5·2²³: adding it rounds to an integer, which then stands in the last bits.
pub(crate) const ROUNDER: f32 = 12_582_912.0;
/// Below it 2ˣ is about the smallest normal number.
pub(crate) const LEAST_POWER: f32 = -125.0;
/// 2ˣ on ±½ by powers of x, the highest first: lnᵏ 2/k!.
pub(crate) const POWER_SERIES: [f32; 7] =
    [1.540_353e-4, 1.333_355_8e-3, 9.618_129e-3, 5.550_411e-2, 0.240_226_5, std::f32::consts::LN_2, 1.0];

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

    /// Within 3e-7, relative: 2ⁿ times a polynomial on ±½; no branches, so that loops become vector code.
    #[inline(always)]
    fn power_of_two(self) -> Self {
        let x = if self > LEAST_POWER { self } else { LEAST_POWER };
        let shifted = x + ROUNDER;
        let rest = x - (shifted - ROUNDER);
        let mut sum = POWER_SERIES[0];
        for term in &POWER_SERIES[1..] {
            sum = sum * rest + term;
        }
        // n, which stands in the last bits of `shifted`, is added to the exponent.
        f32::from_bits(sum.to_bits().wrapping_add(shifted.to_bits() << 23))
    }

    #[inline(always)]
    fn minus_ln_one_minus(self) -> Self {
        -(-self.to_f64()).ln_1p() as f32
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
    fn power_of_two(self) -> Self {
        self.exp2()
    }

    #[inline(always)]
    fn minus_ln_one_minus(self) -> Self {
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
    fn single_powers_are_those_of_double() {
        for step in 0..20_000 {
            let x = 3.0 - 0.0063 * step as f32;
            let (value, expected) = (x.power_of_two(), f64::from(x).exp2());
            assert!((f64::from(value) - expected).abs() < 3e-7 * expected, "{x}: {value} {expected}");
        }
        assert!((-1e4_f32).power_of_two() < 1e-37);
    }
}
