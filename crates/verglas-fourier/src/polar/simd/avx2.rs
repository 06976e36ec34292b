//! AVX2 with FMA: vectors of 256 bits.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use bytemuck::{Pod, Zeroable};

use super::{Kernel, OCTET, Simd};
use crate::polar::number::Number;

/// The token of AVX2 with FMA; exists where the processor has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Avx2(());

impl Avx2 {
    /// The token, if this processor has the instructions.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }

    /// Runs a kernel in a function that is compiled for this set.
    pub fn run<T: Number, K: Kernel<T>>(self, kernel: K) -> K::Output
    where
        Self: Simd<T>,
    {
        #[inline(never)]
        #[target_feature(enable = "avx2,fma")]
        fn enter<T: Number, S: Simd<T>, K: Kernel<T>>(simd: S, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: a token exists only where `detect` found the features that `enter` is compiled for.
        unsafe { enter(self, kernel) }
    }
}

/// Eight numbers in a register.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct F32x8(__m256);

/// Four numbers in a register.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct F64x4(__m256d);

// SAFETY: eight `f32` without padding, any bits valid, as `[f32; 8]`.
unsafe impl Zeroable for F32x8 {}
// SAFETY: as above.
unsafe impl Pod for F32x8 {}
// SAFETY: four `f64` without padding, any bits valid, as `[f64; 4]`.
unsafe impl Zeroable for F64x4 {}
// SAFETY: as above.
unsafe impl Pod for F64x4 {}

/// One method that is one intrinsic.
macro_rules! intrinsics {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty = $body:expr;)*) => {
        $(
            #[inline(always)]
            fn $name(self, $($argument: $type),*) -> $result {
                // SAFETY: the token `self` exists only where the processor has the instruction, and every memory
                // operand is an array of the length that the instruction reads or writes.
                unsafe { $body }
            }
        )*
    };
}
pub(super) use intrinsics;

/// What the sets of this architecture share for a number type: entering kernels, and prefetching.
macro_rules! shared {
    ($real:ty) => {
        #[inline(always)]
        fn call<K: Kernel<$real>>(self, kernel: K) -> K::Output {
            self.run(kernel)
        }

        #[inline(always)]
        fn prefetch<V>(self, target: &V) {
            // SAFETY: SSE is part of the architecture, and a prefetch changes nothing but the cache.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(target).cast()) };
        }
    };
}
pub(super) use shared;

/// Elements in single precision, which fill a register of 256 bits.
macro_rules! single_octets {
    () => {
        intrinsics! {
            fn load_octet(from: &[f32; OCTET]) -> __m256 = _mm256_loadu_ps(from.as_ptr());
            fn store_octet(value: __m256, to: &mut [f32; OCTET]) -> () = _mm256_storeu_ps(to.as_mut_ptr(), value);
            fn splat_octet(value: f32) -> __m256 = _mm256_set1_ps(value);
            fn mul_octet(a: __m256, b: __m256) -> __m256 = _mm256_mul_ps(a, b);
            fn mul_add_octet(a: __m256, b: __m256, c: __m256) -> __m256 = _mm256_fmadd_ps(a, b, c);
            fn reverse_octet(value: __m256) -> __m256 =
                _mm256_castpd_ps(_mm256_permute4x64_pd::<0b00_01_10_11>(_mm256_castps_pd(value)));
            fn add_octet(a: __m256, b: __m256) -> __m256 = _mm256_add_ps(a, b);
        }

        #[inline(always)]
        fn transpose_octets(self, [a, b, c, d]: [__m256; 4]) -> [__m256; 4] {
            // SAFETY: as for the one-line methods. A complex number moves as one double.
            unsafe {
                let [a, b, c, d] = [_mm256_castps_pd(a), _mm256_castps_pd(b), _mm256_castps_pd(c), _mm256_castps_pd(d)];
                let (ab, ab_high) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
                let (cd, cd_high) = (_mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d));
                [
                    _mm256_castpd_ps(_mm256_permute2f128_pd::<0x20>(ab, cd)),
                    _mm256_castpd_ps(_mm256_permute2f128_pd::<0x20>(ab_high, cd_high)),
                    _mm256_castpd_ps(_mm256_permute2f128_pd::<0x31>(ab, cd)),
                    _mm256_castpd_ps(_mm256_permute2f128_pd::<0x31>(ab_high, cd_high)),
                ]
            }
        }
    };
}
pub(super) use single_octets;

impl Simd<f32> for Avx2 {
    shared!(f32);
    single_octets!();

    type Vector = F32x8;
    type Octet = __m256;
    const LANES: usize = 8;
    const OCTET_SUMS: usize = 8;

    intrinsics! {
        fn splat(value: f32) -> F32x8 = F32x8(_mm256_set1_ps(value));
        fn add(a: F32x8, b: F32x8) -> F32x8 = F32x8(_mm256_add_ps(a.0, b.0));
        fn sub(a: F32x8, b: F32x8) -> F32x8 = F32x8(_mm256_sub_ps(a.0, b.0));
        fn mul(a: F32x8, b: F32x8) -> F32x8 = F32x8(_mm256_mul_ps(a.0, b.0));
        fn mul_add(a: F32x8, b: F32x8, c: F32x8) -> F32x8 = F32x8(_mm256_fmadd_ps(a.0, b.0, c.0));
        fn mul_sub(a: F32x8, b: F32x8, c: F32x8) -> F32x8 = F32x8(_mm256_fmsub_ps(a.0, b.0, c.0));
        fn neg_mul_add(a: F32x8, b: F32x8, c: F32x8) -> F32x8 = F32x8(_mm256_fnmadd_ps(a.0, b.0, c.0));
    }

    #[inline(always)]
    fn split_quads(self, [a, b]: [F32x8; 2]) -> [F32x8; 2] {
        // SAFETY: as for the one-line methods.
        unsafe { [F32x8(_mm256_permute2f128_ps::<0x20>(a.0, b.0)), F32x8(_mm256_permute2f128_ps::<0x31>(a.0, b.0))] }
    }

    #[inline(always)]
    fn load_twice(self, from: &[f32]) -> F32x8 {
        let from = &from[..4];
        // SAFETY: as for the one-line methods.
        unsafe {
            let four = _mm256_castps128_ps256(_mm_loadu_ps(from.as_ptr()));
            F32x8(_mm256_permutevar8x32_ps(four, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3)))
        }
    }

    #[inline(always)]
    fn interleave(self, a: F32x8, b: F32x8) -> [F32x8; 2] {
        // SAFETY: as for the one-line methods.
        unsafe {
            let (low, high) = (_mm256_unpacklo_ps(a.0, b.0), _mm256_unpackhi_ps(a.0, b.0));
            [F32x8(_mm256_permute2f128_ps::<0x20>(low, high)), F32x8(_mm256_permute2f128_ps::<0x31>(low, high))]
        }
    }

    #[inline(always)]
    fn transpose(self, square: &mut [F32x8]) {
        let [a, b, c, d, e, f, g, h]: [F32x8; 8] = square.try_into().expect("a square of eight rows");
        // SAFETY: as for the one-line methods.
        let rows = unsafe {
            // Pairs of rows, then quads within each half register, then the halves.
            let (ab, ab_high) = (_mm256_unpacklo_ps(a.0, b.0), _mm256_unpackhi_ps(a.0, b.0));
            let (cd, cd_high) = (_mm256_unpacklo_ps(c.0, d.0), _mm256_unpackhi_ps(c.0, d.0));
            let (ef, ef_high) = (_mm256_unpacklo_ps(e.0, f.0), _mm256_unpackhi_ps(e.0, f.0));
            let (gh, gh_high) = (_mm256_unpacklo_ps(g.0, h.0), _mm256_unpackhi_ps(g.0, h.0));
            let upper = [
                _mm256_shuffle_ps::<0x44>(ab, cd),
                _mm256_shuffle_ps::<0xEE>(ab, cd),
                _mm256_shuffle_ps::<0x44>(ab_high, cd_high),
                _mm256_shuffle_ps::<0xEE>(ab_high, cd_high),
            ];
            let lower = [
                _mm256_shuffle_ps::<0x44>(ef, gh),
                _mm256_shuffle_ps::<0xEE>(ef, gh),
                _mm256_shuffle_ps::<0x44>(ef_high, gh_high),
                _mm256_shuffle_ps::<0xEE>(ef_high, gh_high),
            ];
            [
                _mm256_permute2f128_ps::<0x20>(upper[0], lower[0]),
                _mm256_permute2f128_ps::<0x20>(upper[1], lower[1]),
                _mm256_permute2f128_ps::<0x20>(upper[2], lower[2]),
                _mm256_permute2f128_ps::<0x20>(upper[3], lower[3]),
                _mm256_permute2f128_ps::<0x31>(upper[0], lower[0]),
                _mm256_permute2f128_ps::<0x31>(upper[1], lower[1]),
                _mm256_permute2f128_ps::<0x31>(upper[2], lower[2]),
                _mm256_permute2f128_ps::<0x31>(upper[3], lower[3]),
            ]
        };
        square.copy_from_slice(&rows.map(F32x8));
    }

    #[inline(always)]
    fn store_quads(self, [a, b, c, d]: [F32x8; 4], to: &mut [[f32; OCTET]], first: usize, stride: usize, half: usize) {
        assert!(first + 7 * stride < to.len() && half <= 4, "elements for eight lanes");
        // SAFETY: as for the one-line methods; the place of the last lane is within the slice, those of the
        // others lie before it, and the half lies within an element. Stores through checked slices took 9 % of
        // the transform at N = 256, these take 6 %.
        unsafe {
            let (ab, ab_high) = (_mm256_unpacklo_ps(a.0, b.0), _mm256_unpackhi_ps(a.0, b.0));
            let (cd, cd_high) = (_mm256_unpacklo_ps(c.0, d.0), _mm256_unpackhi_ps(c.0, d.0));
            let quads = [
                _mm256_shuffle_ps::<0x44>(ab, cd),
                _mm256_shuffle_ps::<0xEE>(ab, cd),
                _mm256_shuffle_ps::<0x44>(ab_high, cd_high),
                _mm256_shuffle_ps::<0xEE>(ab_high, cd_high),
            ];
            let to = to.as_mut_ptr().add(first).cast::<f32>().add(half);
            let stride = stride * OCTET;
            _mm_storeu_ps(to, _mm256_castps256_ps128(quads[0]));
            _mm_storeu_ps(to.add(stride), _mm256_castps256_ps128(quads[1]));
            _mm_storeu_ps(to.add(2 * stride), _mm256_castps256_ps128(quads[2]));
            _mm_storeu_ps(to.add(3 * stride), _mm256_castps256_ps128(quads[3]));
            _mm_storeu_ps(to.add(4 * stride), _mm256_extractf128_ps::<1>(quads[0]));
            _mm_storeu_ps(to.add(5 * stride), _mm256_extractf128_ps::<1>(quads[1]));
            _mm_storeu_ps(to.add(6 * stride), _mm256_extractf128_ps::<1>(quads[2]));
            _mm_storeu_ps(to.add(7 * stride), _mm256_extractf128_ps::<1>(quads[3]));
        }
    }
}

impl Simd<f64> for Avx2 {
    shared!(f64);

    type Vector = F64x4;
    type Octet = [__m256d; 2];
    const LANES: usize = 4;
    const OCTET_SUMS: usize = 7;

    intrinsics! {
                fn splat(value: f64) -> F64x4 = F64x4(_mm256_set1_pd(value));
                fn add(a: F64x4, b: F64x4) -> F64x4 = F64x4(_mm256_add_pd(a.0, b.0));
                fn sub(a: F64x4, b: F64x4) -> F64x4 = F64x4(_mm256_sub_pd(a.0, b.0));
                fn mul(a: F64x4, b: F64x4) -> F64x4 = F64x4(_mm256_mul_pd(a.0, b.0));
                fn mul_add(a: F64x4, b: F64x4, c: F64x4) -> F64x4 = F64x4(_mm256_fmadd_pd(a.0, b.0, c.0));
                fn mul_sub(a: F64x4, b: F64x4, c: F64x4) -> F64x4 = F64x4(_mm256_fmsub_pd(a.0, b.0, c.0));
                fn neg_mul_add(a: F64x4, b: F64x4, c: F64x4) -> F64x4 = F64x4(_mm256_fnmadd_pd(a.0, b.0, c.0));
                fn load_octet(from: &[f64; OCTET]) -> [__m256d; 2] =
        [_mm256_loadu_pd(from.as_ptr()), _mm256_loadu_pd(from[4..].as_ptr())];
    fn store_octet(value: [__m256d; 2], to: &mut [f64; OCTET]) -> () = {
        _mm256_storeu_pd(to.as_mut_ptr(), value[0]);
        _mm256_storeu_pd(to[4..].as_mut_ptr(), value[1]);
    };
    fn splat_octet(value: f64) -> [__m256d; 2] = [_mm256_set1_pd(value); 2];
    fn mul_octet(a: [__m256d; 2], b: [__m256d; 2]) -> [__m256d; 2] =
        [_mm256_mul_pd(a[0], b[0]), _mm256_mul_pd(a[1], b[1])];
    fn mul_add_octet(a: [__m256d; 2], b: [__m256d; 2], c: [__m256d; 2]) -> [__m256d; 2] =
        [_mm256_fmadd_pd(a[0], b[0], c[0]), _mm256_fmadd_pd(a[1], b[1], c[1])];
    fn transpose_octets(square: [[__m256d; 2]; 4]) -> [[__m256d; 2]; 4] = {
        let [a, b, c, d] = square;
        [
            [_mm256_permute2f128_pd::<0x20>(a[0], b[0]), _mm256_permute2f128_pd::<0x20>(c[0], d[0])],
            [_mm256_permute2f128_pd::<0x31>(a[0], b[0]), _mm256_permute2f128_pd::<0x31>(c[0], d[0])],
            [_mm256_permute2f128_pd::<0x20>(a[1], b[1]), _mm256_permute2f128_pd::<0x20>(c[1], d[1])],
            [_mm256_permute2f128_pd::<0x31>(a[1], b[1]), _mm256_permute2f128_pd::<0x31>(c[1], d[1])],
        ]
    };
    fn reverse_octet(value: [__m256d; 2]) -> [__m256d; 2] =
        [_mm256_permute2f128_pd::<0x01>(value[1], value[1]), _mm256_permute2f128_pd::<0x01>(value[0], value[0])];
    fn add_octet(a: [__m256d; 2], b: [__m256d; 2]) -> [__m256d; 2] =
        [_mm256_add_pd(a[0], b[0]), _mm256_add_pd(a[1], b[1])];
            }

    #[inline(always)]
    fn split_quads(self, [a, b]: [F64x4; 2]) -> [F64x4; 2] {
        // SAFETY: as for the one-line methods.
        unsafe { [F64x4(_mm256_permute2f128_pd::<0x20>(a.0, b.0)), F64x4(_mm256_permute2f128_pd::<0x31>(a.0, b.0))] }
    }

    #[inline(always)]
    fn load_twice(self, from: &[f64]) -> F64x4 {
        let from = &from[..2];
        // SAFETY: as for the one-line methods.
        unsafe {
            let two = _mm256_castpd128_pd256(_mm_loadu_pd(from.as_ptr()));
            F64x4(_mm256_permute4x64_pd::<0b01_01_00_00>(two))
        }
    }

    #[inline(always)]
    fn interleave(self, a: F64x4, b: F64x4) -> [F64x4; 2] {
        // SAFETY: as for the one-line methods.
        unsafe {
            let (low, high) = (_mm256_unpacklo_pd(a.0, b.0), _mm256_unpackhi_pd(a.0, b.0));
            [F64x4(_mm256_permute2f128_pd::<0x20>(low, high)), F64x4(_mm256_permute2f128_pd::<0x31>(low, high))]
        }
    }

    #[inline(always)]
    fn transpose(self, square: &mut [F64x4]) {
        let [a, b, c, d]: [F64x4; 4] = square.try_into().expect("a square of four rows");
        // SAFETY: as for the one-line methods.
        let rows = unsafe {
            let (ab, ab_high) = (_mm256_unpacklo_pd(a.0, b.0), _mm256_unpackhi_pd(a.0, b.0));
            let (cd, cd_high) = (_mm256_unpacklo_pd(c.0, d.0), _mm256_unpackhi_pd(c.0, d.0));
            [
                _mm256_permute2f128_pd::<0x20>(ab, cd),
                _mm256_permute2f128_pd::<0x20>(ab_high, cd_high),
                _mm256_permute2f128_pd::<0x31>(ab, cd),
                _mm256_permute2f128_pd::<0x31>(ab_high, cd_high),
            ]
        };
        square.copy_from_slice(&rows.map(F64x4));
    }

    #[inline(always)]
    fn store_quads(self, mut rows: [F64x4; 4], to: &mut [[f64; OCTET]], first: usize, stride: usize, half: usize) {
        assert!(first + 3 * stride < to.len() && half <= 4, "elements for four lanes");
        Simd::<f64>::transpose(self, &mut rows);
        // SAFETY: as for the one-line methods; the place of the last lane is within the slice, those of the
        // others lie before it, and the half lies within an element.
        unsafe {
            let to = to.as_mut_ptr().add(first).cast::<f64>().add(half);
            let stride = stride * OCTET;
            _mm256_storeu_pd(to, rows[0].0);
            _mm256_storeu_pd(to.add(stride), rows[1].0);
            _mm256_storeu_pd(to.add(2 * stride), rows[2].0);
            _mm256_storeu_pd(to.add(3 * stride), rows[3].0);
        }
    }
}
