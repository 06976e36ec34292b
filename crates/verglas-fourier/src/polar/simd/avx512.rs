//! AVX-512: vectors of 512 bits, and twice as many registers as AVX2 has.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use bytemuck::{Pod, Zeroable};

use super::avx2::{Avx2, intrinsics, shared, single_octets};
use super::{Kernel, OCTET, Simd, assert_within};
use crate::polar::number::Number;

/// The token of AVX-512 F, VL and DQ, with AVX2 and FMA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Avx512(());

impl Avx512 {
    /// The token, if this processor has the instructions.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && Avx2::detect().is_some())
        .then_some(Self(()))
    }

    /// Runs a kernel in a function that is compiled for this set.
    pub fn run<T: Number, K: Kernel<T>>(self, kernel: K) -> K::Output
    where
        Self: Simd<T>,
    {
        #[inline(never)]
        #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512dq")]
        fn enter<T: Number, S: Simd<T>, K: Kernel<T>>(simd: S, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: a token exists only where `detect` found the features that `enter` is compiled for.
        unsafe { enter(self, kernel) }
    }
}

/// Sixteen numbers in a register.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct F32x16(__m512);

/// Eight numbers in a register.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct F64x8(__m512d);

// SAFETY: sixteen `f32` without padding, any bits valid, as `[f32; 16]`.
unsafe impl Zeroable for F32x16 {}
// SAFETY: as above.
unsafe impl Pod for F32x16 {}
// SAFETY: eight `f64` without padding, any bits valid, as `[f64; 8]`.
unsafe impl Zeroable for F64x8 {}
// SAFETY: as above.
unsafe impl Pod for F64x8 {}

impl Simd<f32> for Avx512 {
    type Vector = F32x16;
    type Octet = __m256;
    const LANES: usize = 16;
    const OCTET_SUMS: usize = 8;

    shared!(f32);
    single_octets!();

    intrinsics! {
        fn splat(value: f32) -> F32x16 = F32x16(_mm512_set1_ps(value));
        fn add(a: F32x16, b: F32x16) -> F32x16 = F32x16(_mm512_add_ps(a.0, b.0));
        fn sub(a: F32x16, b: F32x16) -> F32x16 = F32x16(_mm512_sub_ps(a.0, b.0));
        fn mul(a: F32x16, b: F32x16) -> F32x16 = F32x16(_mm512_mul_ps(a.0, b.0));
        fn mul_add(a: F32x16, b: F32x16, c: F32x16) -> F32x16 = F32x16(_mm512_fmadd_ps(a.0, b.0, c.0));
        fn mul_sub(a: F32x16, b: F32x16, c: F32x16) -> F32x16 = F32x16(_mm512_fmsub_ps(a.0, b.0, c.0));
        fn neg_mul_add(a: F32x16, b: F32x16, c: F32x16) -> F32x16 = F32x16(_mm512_fnmadd_ps(a.0, b.0, c.0));
    }

    #[inline(always)]
    fn split_quads(self, [a, b]: [F32x16; 2]) -> [F32x16; 2] {
        // SAFETY: the token says that the processor has the instructions.
        unsafe { [F32x16(_mm512_shuffle_f32x4::<0x88>(a.0, b.0)), F32x16(_mm512_shuffle_f32x4::<0xDD>(a.0, b.0))] }
    }

    #[inline(always)]
    fn load_twice(self, from: &[f32]) -> F32x16 {
        let from = &from[..8];
        // SAFETY: the token says that the processor has the instructions; eight numbers are there.
        unsafe {
            let eight = _mm512_castps256_ps512(_mm256_loadu_ps(from.as_ptr()));
            F32x16(_mm512_permutexvar_ps(_mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7), eight))
        }
    }

    #[inline(always)]
    fn interleave(self, a: F32x16, b: F32x16) -> [F32x16; 2] {
        // SAFETY: the token says that the processor has the instructions.
        unsafe {
            let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
            [F32x16(_mm512_permutex2var_ps(a.0, low, b.0)), F32x16(_mm512_permutex2var_ps(a.0, high, b.0))]
        }
    }

    #[inline(always)]
    fn transpose(self, square: &mut [F32x16]) {
        let square: &mut [F32x16; 16] = square.try_into().expect("a square of sixteen rows");
        // SAFETY: the token says that the processor has the instructions.
        unsafe {
            let mut quads = [[_mm512_setzero_ps(); 4]; 4];
            for (quad, rows) in quads.iter_mut().zip(square.chunks_exact(4)) {
                *quad = transpose_quads([rows[0].0, rows[1].0, rows[2].0, rows[3].0]);
            }
            for k in 0..4 {
                let quarters = transpose_quarters([quads[0][k], quads[1][k], quads[2][k], quads[3][k]]);
                for (quarter, row) in quarters.into_iter().enumerate() {
                    square[4 * quarter + k] = F32x16(row);
                }
            }
        }
    }

    #[inline(always)]
    fn store_quads(self, [a, b, c, d]: [F32x16; 4], to: &mut [[f32; OCTET]], first: usize, stride: usize, half: usize) {
        assert!(first + 15 * stride < to.len() && half <= 4, "elements for sixteen lanes");
        // SAFETY: the token says that the processor has the instructions; the place of the last lane is within the slice,
        // those of the others lie before it, and the half lies within an element.
        unsafe {
            let to = to.as_mut_ptr().add(first).cast::<f32>().add(half);
            let stride = stride * OCTET;
            for (k, quad) in transpose_quads([a.0, b.0, c.0, d.0]).into_iter().enumerate() {
                _mm_storeu_ps(to.add(k * stride), _mm512_castps512_ps128(quad));
                _mm_storeu_ps(to.add((4 + k) * stride), _mm512_extractf32x4_ps::<1>(quad));
                _mm_storeu_ps(to.add((8 + k) * stride), _mm512_extractf32x4_ps::<2>(quad));
                _mm_storeu_ps(to.add((12 + k) * stride), _mm512_extractf32x4_ps::<3>(quad));
            }
        }
    }

    /// As the sets of narrower registers sum, two elements at a time.
    #[inline(always)]
    fn weighted_square<const A: usize, const B: usize>(
        self,
        elements: &[[f32; OCTET]],
        start: usize,
        stride: usize,
        along_a: &[f32],
        along_b: &[f32],
    ) -> __m256 {
        let (along_a, along_b): (&[f32], &[f32; 8]) =
            (&along_a[..A], along_b[..B].try_into().expect("a weight for each half of four sums"));
        assert_within::<A, B>(elements.len(), start, stride);
        // SAFETY: the token says that the processor has the instructions; a is below A and 2p + 1 below B, and the place of
        // the last of all has been checked.
        unsafe {
            let first = elements.as_ptr().add(start);
            let mut sums = [_mm512_setzero_ps(); 4];
            for (a, &weight) in along_a.iter().enumerate() {
                let weight = _mm512_set1_ps(weight);
                for (p, sum) in sums.iter_mut().enumerate() {
                    let pair = _mm512_loadu_ps(first.add(a * stride + 2 * p).cast());
                    *sum = if a == 0 { _mm512_mul_ps(weight, pair) } else { _mm512_fmadd_ps(weight, pair, *sum) };
                }
            }
            let weights = _mm512_castps256_ps512(_mm256_loadu_ps(along_b.as_ptr()));
            // Each of two weights for one element.
            let mut places = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
            let mut total = _mm512_mul_ps(_mm512_permutexvar_ps(places, weights), sums[0]);
            for &sum in &sums[1..] {
                places = _mm512_add_epi32(places, _mm512_set1_epi32(2));
                total = _mm512_fmadd_ps(_mm512_permutexvar_ps(places, weights), sum, total);
            }
            _mm256_add_ps(_mm512_castps512_ps256(total), _mm512_extractf32x8_ps::<1>(total))
        }
    }
}

/// Within each quarter of four registers, the transpose of a square of four numbers.
#[target_feature(enable = "avx512f")]
#[inline]
fn transpose_quads([a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
    let (ab, ab_high) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    let (cd, cd_high) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    [
        _mm512_shuffle_ps::<0x44>(ab, cd),
        _mm512_shuffle_ps::<0xEE>(ab, cd),
        _mm512_shuffle_ps::<0x44>(ab_high, cd_high),
        _mm512_shuffle_ps::<0xEE>(ab_high, cd_high),
    ]
}

/// The transpose of a square of four quarter registers.
#[target_feature(enable = "avx512f")]
#[inline]
fn transpose_quarters([a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
    let (even, odd) = (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xDD>(a, b));
    let (even_high, odd_high) = (_mm512_shuffle_f32x4::<0x88>(c, d), _mm512_shuffle_f32x4::<0xDD>(c, d));
    [
        _mm512_shuffle_f32x4::<0x88>(even, even_high),
        _mm512_shuffle_f32x4::<0x88>(odd, odd_high),
        _mm512_shuffle_f32x4::<0xDD>(even, even_high),
        _mm512_shuffle_f32x4::<0xDD>(odd, odd_high),
    ]
}

impl Simd<f64> for Avx512 {
    type Vector = F64x8;
    type Octet = __m512d;
    const LANES: usize = 8;
    const OCTET_SUMS: usize = 14;

    shared!(f64);

    intrinsics! {
        fn splat(value: f64) -> F64x8 = F64x8(_mm512_set1_pd(value));
        fn add(a: F64x8, b: F64x8) -> F64x8 = F64x8(_mm512_add_pd(a.0, b.0));
        fn sub(a: F64x8, b: F64x8) -> F64x8 = F64x8(_mm512_sub_pd(a.0, b.0));
        fn mul(a: F64x8, b: F64x8) -> F64x8 = F64x8(_mm512_mul_pd(a.0, b.0));
        fn mul_add(a: F64x8, b: F64x8, c: F64x8) -> F64x8 = F64x8(_mm512_fmadd_pd(a.0, b.0, c.0));
        fn mul_sub(a: F64x8, b: F64x8, c: F64x8) -> F64x8 = F64x8(_mm512_fmsub_pd(a.0, b.0, c.0));
        fn neg_mul_add(a: F64x8, b: F64x8, c: F64x8) -> F64x8 = F64x8(_mm512_fnmadd_pd(a.0, b.0, c.0));

        fn load_octet(from: &[f64; OCTET]) -> __m512d = _mm512_loadu_pd(from.as_ptr());
        fn store_octet(value: __m512d, to: &mut [f64; OCTET]) -> () = _mm512_storeu_pd(to.as_mut_ptr(), value);
        fn splat_octet(value: f64) -> __m512d = _mm512_set1_pd(value);
        fn add_octet(a: __m512d, b: __m512d) -> __m512d = _mm512_add_pd(a, b);
        fn mul_octet(a: __m512d, b: __m512d) -> __m512d = _mm512_mul_pd(a, b);
        fn mul_add_octet(a: __m512d, b: __m512d, c: __m512d) -> __m512d = _mm512_fmadd_pd(a, b, c);
        fn transpose_octets(square: [__m512d; 4]) -> [__m512d; 4] = {
            let [a, b, c, d] = square;
            let (a, b, c, d) = (_mm512_castpd_ps(a), _mm512_castpd_ps(b), _mm512_castpd_ps(c), _mm512_castpd_ps(d));
            let [a, b, c, d] = transpose_quarters([a, b, c, d]);
            [_mm512_castps_pd(a), _mm512_castps_pd(b), _mm512_castps_pd(c), _mm512_castps_pd(d)]
        };
        fn reverse_octet(value: __m512d) -> __m512d = _mm512_shuffle_f64x2::<0b00_01_10_11>(value, value);
    }

    #[inline(always)]
    fn split_quads(self, [a, b]: [F64x8; 2]) -> [F64x8; 2] {
        // SAFETY: the token says that the processor has the instructions.
        unsafe { [F64x8(_mm512_shuffle_f64x2::<0x88>(a.0, b.0)), F64x8(_mm512_shuffle_f64x2::<0xDD>(a.0, b.0))] }
    }

    #[inline(always)]
    fn load_twice(self, from: &[f64]) -> F64x8 {
        let from = &from[..4];
        // SAFETY: the token says that the processor has the instructions; four numbers are there.
        unsafe {
            let four = _mm512_castpd256_pd512(_mm256_loadu_pd(from.as_ptr()));
            F64x8(_mm512_permutexvar_pd(_mm512_setr_epi64(0, 0, 1, 1, 2, 2, 3, 3), four))
        }
    }

    #[inline(always)]
    fn interleave(self, a: F64x8, b: F64x8) -> [F64x8; 2] {
        // SAFETY: the token says that the processor has the instructions.
        unsafe {
            let low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
            let high = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
            [F64x8(_mm512_permutex2var_pd(a.0, low, b.0)), F64x8(_mm512_permutex2var_pd(a.0, high, b.0))]
        }
    }

    #[inline(always)]
    fn transpose(self, square: &mut [F64x8]) {
        let square: &mut [F64x8; 8] = square.try_into().expect("a square of eight rows");
        // SAFETY: the token says that the processor has the instructions.
        unsafe {
            let mut pairs = [[_mm512_setzero_ps(); 2]; 4];
            for (pair, rows) in pairs.iter_mut().zip(square.chunks_exact(2)) {
                let (low, high) = (_mm512_unpacklo_pd(rows[0].0, rows[1].0), _mm512_unpackhi_pd(rows[0].0, rows[1].0));
                *pair = [_mm512_castpd_ps(low), _mm512_castpd_ps(high)];
            }
            for k in 0..2 {
                let quarters = transpose_quarters([pairs[0][k], pairs[1][k], pairs[2][k], pairs[3][k]]);
                for (quarter, row) in quarters.into_iter().enumerate() {
                    square[2 * quarter + k] = F64x8(_mm512_castps_pd(row));
                }
            }
        }
    }

    #[inline(always)]
    fn store_quads(self, [a, b, c, d]: [F64x8; 4], to: &mut [[f64; OCTET]], first: usize, stride: usize, half: usize) {
        assert!(first + 7 * stride < to.len() && half <= 4, "elements for eight lanes");
        // SAFETY: as for single precision.
        unsafe {
            let to = to.as_mut_ptr().add(first).cast::<f64>().add(half);
            let stride = stride * OCTET;
            let (low, high) =
                (_mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15));
            let evens = (_mm512_unpacklo_pd(a.0, b.0), _mm512_unpacklo_pd(c.0, d.0));
            let odds = (_mm512_unpackhi_pd(a.0, b.0), _mm512_unpackhi_pd(c.0, d.0));
            for (k, (ab, cd)) in [evens, odds].into_iter().enumerate() {
                for (places, lane) in [(low, k), (high, 4 + k)] {
                    let two = _mm512_permutex2var_pd(ab, places, cd);
                    _mm256_storeu_pd(to.add(lane * stride), _mm512_castpd512_pd256(two));
                    _mm256_storeu_pd(to.add((lane + 2) * stride), _mm512_extractf64x4_pd::<1>(two));
                }
            }
        }
    }
}
