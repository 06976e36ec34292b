//! AVX-512: vectors of 512 bits.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::{Kernel, Part, Simd};
use crate::real::{LEAST_POWER, POWER_SERIES, ROUNDER, Real};

/// The token of the set; exists where the processor has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// The token, if this processor has the instructions.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f")).then_some(Self(()))
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
            #[target_feature(enable = "avx512f")]
            fn enter<K: Kernel<$real>>(simd: Avx512, kernel: K) {
                kernel.run(simd);
            }
            // SAFETY: a token exists only where `detect` found the features that `enter` is compiled for.
            unsafe { enter(self, kernel) }
        }

        #[inline(always)]
        fn call<P: Part<$real, Self>>(self, part: P) -> P::Output {
            #[inline(never)]
            #[target_feature(enable = "avx512f")]
            fn enter<P: Part<$real, Avx512>>(simd: Avx512, part: P) -> P::Output {
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

impl Simd<f32> for Avx512 {
    type V = __m512;
    shared!(f32, 16, _mm512_loadu_ps, _mm512_storeu_ps);

    intrinsics! {
        fn splat(value: f32) -> Self::V = _mm512_set1_ps(value);
        fn add(a: Self::V, b: Self::V) -> Self::V = _mm512_add_ps(a, b);
        fn sub(a: Self::V, b: Self::V) -> Self::V = _mm512_sub_ps(a, b);
        fn mul(a: Self::V, b: Self::V) -> Self::V = _mm512_mul_ps(a, b);
        fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V = _mm512_fmadd_ps(a, b, c);
        fn fnma(a: Self::V, b: Self::V, c: Self::V) -> Self::V = _mm512_fnmadd_ps(a, b, c);
        fn max(a: Self::V, b: Self::V) -> Self::V = _mm512_max_ps(a, b);
        fn min(a: Self::V, b: Self::V) -> Self::V = _mm512_min_ps(a, b);
        fn by_sign(x: Self::V, negative: Self::V, other: Self::V) -> Self::V = {
            let is_negative = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(x, _mm512_setzero_ps());
            _mm512_mask_blend_ps(is_negative, other, negative)
        };
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
            let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(shifted));
            _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(sum), exponent))
        }
    }

    #[inline(always)]
    fn minus_ln_one_minus(self, u: Self::V) -> Self::V {
        let mut numbers = [0.0_f32; 16];
        Simd::<f32>::store(self, u, &mut numbers);
        Simd::<f32>::load(self, &numbers.map(Real::minus_ln_one_minus))
    }
}

impl Simd<f64> for Avx512 {
    type V = __m512d;
    shared!(f64, 8, _mm512_loadu_pd, _mm512_storeu_pd);

    intrinsics! {
        fn splat(value: f64) -> Self::V = _mm512_set1_pd(value);
        fn add(a: Self::V, b: Self::V) -> Self::V = _mm512_add_pd(a, b);
        fn sub(a: Self::V, b: Self::V) -> Self::V = _mm512_sub_pd(a, b);
        fn mul(a: Self::V, b: Self::V) -> Self::V = _mm512_mul_pd(a, b);
        fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V = _mm512_fmadd_pd(a, b, c);
        fn fnma(a: Self::V, b: Self::V, c: Self::V) -> Self::V = _mm512_fnmadd_pd(a, b, c);
        fn max(a: Self::V, b: Self::V) -> Self::V = _mm512_max_pd(a, b);
        fn min(a: Self::V, b: Self::V) -> Self::V = _mm512_min_pd(a, b);
        fn by_sign(x: Self::V, negative: Self::V, other: Self::V) -> Self::V = {
            let is_negative = _mm512_cmp_pd_mask::<_CMP_LT_OQ>(x, _mm512_setzero_pd());
            _mm512_mask_blend_pd(is_negative, other, negative)
        };
    }

    #[inline(always)]
    fn power_of_two(self, x: Self::V) -> Self::V {
        let mut numbers = [0.0_f64; 8];
        Simd::<f64>::store(self, x, &mut numbers);
        Simd::<f64>::load(self, &numbers.map(Real::power_of_two))
    }

    #[inline(always)]
    fn minus_ln_one_minus(self, u: Self::V) -> Self::V {
        let mut numbers = [0.0_f64; 8];
        Simd::<f64>::store(self, u, &mut numbers);
        Simd::<f64>::load(self, &numbers.map(Real::minus_ln_one_minus))
    }
}
