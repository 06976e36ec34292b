//! AVX2 with FMA: vectors of 256 bits.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::{Kernel, Part, Simd};
use crate::real::{LEAST_POWER, POWER_SERIES, ROUNDER, Real};

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
        fn call<P: Part<$real, Self>>(self, part: P) -> P::Output {
            #[inline(never)]
            #[target_feature(enable = "avx2,fma")]
            fn enter<P: Part<$real, Avx2>>(simd: Avx2, part: P) -> P::Output {
                part.run(simd)
            }
            // SAFETY: as above.
            unsafe { enter(self, part) }
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
        fn by_sign(x: Self::V, negative: Self::V, other: Self::V) -> Self::V = _mm256_blendv_ps(other, negative, x);
    }

    /// The polynomial of [`Real::power_of_two`].
    #[inline(always)]
    fn power_of_two(self, x: Self::V) -> Self::V {
        let rounder = Simd::<f32>::splat(self, ROUNDER);
        let x = Simd::<f32>::max(self, x, Simd::<f32>::splat(self, LEAST_POWER));
        let shifted = Simd::<f32>::add(self, x, rounder);
        let rest = Simd::<f32>::sub(self, x, Simd::<f32>::sub(self, shifted, rounder));
        let mut sum = Simd::<f32>::splat(self, POWER_SERIES[0]);
        for term in &POWER_SERIES[1..] {
            sum = Simd::<f32>::fma(self, sum, rest, Simd::<f32>::splat(self, *term));
        }
        // SAFETY: the token. n, which stands in the last bits of `shifted`, is added to the exponent.
        unsafe {
            let exponent = _mm256_slli_epi32::<23>(_mm256_castps_si256(shifted));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(sum), exponent))
        }
    }

    #[inline(always)]
    fn minus_ln_one_minus(self, u: Self::V) -> Self::V {
        let mut numbers = [0.0_f32; 8];
        Simd::<f32>::store(self, u, &mut numbers);
        Simd::<f32>::load(self, &numbers.map(Real::minus_ln_one_minus))
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
        fn by_sign(x: Self::V, negative: Self::V, other: Self::V) -> Self::V = _mm256_blendv_pd(other, negative, x);
    }

    #[inline(always)]
    fn power_of_two(self, x: Self::V) -> Self::V {
        let mut numbers = [0.0_f64; 4];
        Simd::<f64>::store(self, x, &mut numbers);
        Simd::<f64>::load(self, &numbers.map(Real::power_of_two))
    }

    #[inline(always)]
    fn minus_ln_one_minus(self, u: Self::V) -> Self::V {
        let mut numbers = [0.0_f64; 4];
        Simd::<f64>::store(self, u, &mut numbers);
        Simd::<f64>::load(self, &numbers.map(Real::minus_ln_one_minus))
    }
}
