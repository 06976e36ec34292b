//! AVX2 with FMA: vectors of 256 bits.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::{Kernel, Simd};
use crate::real::Real;

/// The token of the set; exists where the processor has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The token, if this processor has the instructions.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }
}

/// Methods that are one expression of intrinsics.
macro_rules! intrinsics {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty = $body:expr;)*) => {
        $(
            #[inline(always)]
            fn $name(self, $($argument: $type),*) -> $result {
                // SAFETY: the token `self` exists only where the processor has the instruction.
                unsafe { $body }
            }
        )*
    };
}

/// What does not depend on the number type but by name.
macro_rules! shared {
    ($real:ty, $lanes:literal, $load:ident, $store:ident) => {
        const LANES: usize = $lanes;

        #[inline]
        fn run<K: Kernel<$real>>(self, kernel: K) {
            #[inline(never)]
            #[target_feature(enable = "avx2,fma")]
            fn enter<K: Kernel<$real>>(simd: Avx2, kernel: K) {
                kernel.run(simd);
            }
            // SAFETY: a token exists only where `detect` found the features that `enter` is compiled for.
            unsafe { enter(self, kernel) }
        }

        #[inline(always)]
        fn load(self, from: &[$real]) -> Self::V {
            let from = &from[..$lanes];
            // SAFETY: the token, and the slice has as many numbers as are read.
            unsafe { $load(from.as_ptr()) }
        }

        #[inline(always)]
        fn store(self, v: Self::V, to: &mut [$real]) {
            let to = &mut to[..$lanes];
            // SAFETY: the token, and the slice has room for as many numbers as are written.
            unsafe { $store(to.as_mut_ptr(), v) }
        }
    };
}

impl Simd<f32> for Avx2 {
    type V = __m256;
    shared!(f32, 8, _mm256_loadu_ps, _mm256_storeu_ps);

    intrinsics! {
        fn splat(value: f32) -> Self::V = _mm256_set1_ps(value);
        fn add(a: Self::V, b: Self::V) -> Self::V = _mm256_add_ps(a, b);
        fn sub(a: Self::V, b: Self::V) -> Self::V = _mm256_sub_ps(a, b);
        fn mul(a: Self::V, b: Self::V) -> Self::V = _mm256_mul_ps(a, b);
        fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V = _mm256_fmadd_ps(a, b, c);
        fn fnma(a: Self::V, b: Self::V, c: Self::V) -> Self::V = _mm256_fnmadd_ps(a, b, c);
        fn max(a: Self::V, b: Self::V) -> Self::V = _mm256_max_ps(a, b);
        fn min(a: Self::V, b: Self::V) -> Self::V = _mm256_min_ps(a, b);
    }

    /// The series of [`Real::exp_of_negative`].
    #[inline(always)]
    fn exp(self, x: Self::V) -> Self::V {
        let splat = |value: f32| Simd::<f32>::splat(self, value);
        let rounder = splat(12_582_912.0);
        let x = Simd::<f32>::max(self, x, splat(-87.0));
        let shifted = Simd::<f32>::fma(self, x, splat(std::f32::consts::LOG2_E), rounder);
        let n = Simd::<f32>::sub(self, shifted, rounder);
        let rest = Simd::<f32>::fnma(self, n, splat(0.693_359_4), x);
        let rest = Simd::<f32>::fma(self, n, splat(2.121_944_4e-4), rest);
        let mut series = splat(1.0 / 720.0);
        for term in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
            series = Simd::<f32>::fma(self, series, rest, splat(term));
        }
        // SAFETY: the token. n stands in the last bits of `shifted`; with the bias it becomes the exponent.
        let power = unsafe {
            let bits = _mm256_add_epi32(_mm256_castps_si256(shifted), _mm256_set1_epi32(127_i32.wrapping_sub(0x4B40_0000)));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(bits))
        };
        Simd::<f32>::mul(self, series, power)
    }

    #[inline(always)]
    fn minus_ln_one_minus(self, u: Self::V, series: bool) -> Self::V {
        if series {
            let splat = |value: f32| Simd::<f32>::splat(self, value);
            let mut sum = splat(1.0 / 6.0);
            for term in [1.0 / 5.0, 0.25, 1.0 / 3.0, 0.5] {
                sum = Simd::<f32>::fma(self, sum, u, splat(term));
            }
            let square = Simd::<f32>::mul(self, u, u);
            return Simd::<f32>::fma(self, square, sum, u);
        }
        let mut numbers = [0.0_f32; 8];
        Simd::<f32>::store(self, u, &mut numbers);
        Simd::<f32>::load(self, &numbers.map(|u| u.minus_ln_one_minus(false)))
    }
}

impl Simd<f64> for Avx2 {
    type V = __m256d;
    shared!(f64, 4, _mm256_loadu_pd, _mm256_storeu_pd);

    intrinsics! {
        fn splat(value: f64) -> Self::V = _mm256_set1_pd(value);
        fn add(a: Self::V, b: Self::V) -> Self::V = _mm256_add_pd(a, b);
        fn sub(a: Self::V, b: Self::V) -> Self::V = _mm256_sub_pd(a, b);
        fn mul(a: Self::V, b: Self::V) -> Self::V = _mm256_mul_pd(a, b);
        fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V = _mm256_fmadd_pd(a, b, c);
        fn fnma(a: Self::V, b: Self::V, c: Self::V) -> Self::V = _mm256_fnmadd_pd(a, b, c);
        fn max(a: Self::V, b: Self::V) -> Self::V = _mm256_max_pd(a, b);
        fn min(a: Self::V, b: Self::V) -> Self::V = _mm256_min_pd(a, b);
    }

    #[inline(always)]
    fn exp(self, x: Self::V) -> Self::V {
        let mut numbers = [0.0_f64; 4];
        Simd::<f64>::store(self, x, &mut numbers);
        Simd::<f64>::load(self, &numbers.map(Real::exp_of_negative))
    }

    #[inline(always)]
    fn minus_ln_one_minus(self, u: Self::V, series: bool) -> Self::V {
        let mut numbers = [0.0_f64; 4];
        Simd::<f64>::store(self, u, &mut numbers);
        Simd::<f64>::load(self, &numbers.map(|u| u.minus_ln_one_minus(series)))
    }
}
