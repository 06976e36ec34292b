//! Advanced SIMD of AArch64: vectors of 128 bits.
#![allow(unsafe_code)]

use std::arch::aarch64::*;

use bytemuck::{Pod, Zeroable};

use super::{Kernel, OCTET, Simd};

/// The token of Advanced SIMD; exists where the processor has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neon(());

impl Neon {
    /// The token, if this processor has the instructions.
    ///
    /// Only where they belong to the target's baseline, so that no kernel needs a function of its own to enter.
    pub fn detect() -> Option<Self> {
        cfg!(target_feature = "neon").then_some(Self(()))
    }
}

impl Neon {
    /// The first complex numbers of two registers that hold two each.
    #[inline(always)]
    fn first_of(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token says that the processor has the instruction; the casts only rename the bits.
        unsafe { vreinterpretq_f32_f64(vtrn1q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b))) }
    }

    /// The second complex numbers of two registers that hold two each.
    #[inline(always)]
    fn second_of(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: as above.
        unsafe { vreinterpretq_f32_f64(vtrn2q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b))) }
    }
}

/// Four numbers in a register.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct F32x4(float32x4_t);

/// Two numbers in a register.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct F64x2(float64x2_t);

// SAFETY: four `f32` without padding, any bits valid, as `[f32; 4]`.
unsafe impl Zeroable for F32x4 {}
// SAFETY: as above.
unsafe impl Pod for F32x4 {}
// SAFETY: two `f64` without padding, any bits valid, as `[f64; 2]`.
unsafe impl Zeroable for F64x2 {}
// SAFETY: as above.
unsafe impl Pod for F64x2 {}

/// One method that is one expression of intrinsics.
macro_rules! intrinsics {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty = $body:expr;)*) => {
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

impl Simd<f32> for Neon {
    type Vector = F32x4;
    type Octet = [float32x4_t; 2];
    const LANES: usize = 4;
    const OCTET_SUMS: usize = 8;

    #[inline(always)]
    fn prefetch<V>(self, _: &V) {}

    intrinsics! {
        fn splat(value: f32) -> F32x4 = F32x4(vdupq_n_f32(value));
        fn add(a: F32x4, b: F32x4) -> F32x4 = F32x4(vaddq_f32(a.0, b.0));
        fn sub(a: F32x4, b: F32x4) -> F32x4 = F32x4(vsubq_f32(a.0, b.0));
        fn mul(a: F32x4, b: F32x4) -> F32x4 = F32x4(vmulq_f32(a.0, b.0));
        fn mul_add(a: F32x4, b: F32x4, c: F32x4) -> F32x4 = F32x4(vfmaq_f32(c.0, a.0, b.0));
        fn mul_sub(a: F32x4, b: F32x4, c: F32x4) -> F32x4 = F32x4(vfmaq_f32(vnegq_f32(c.0), a.0, b.0));
        fn neg_mul_add(a: F32x4, b: F32x4, c: F32x4) -> F32x4 = F32x4(vfmsq_f32(c.0, a.0, b.0));

        fn load_octet(from: &[f32; OCTET]) -> [float32x4_t; 2] =
            [vld1q_f32(from.as_ptr()), vld1q_f32(from[4..].as_ptr())];
        fn store_octet(value: [float32x4_t; 2], to: &mut [f32; OCTET]) -> () = {
            vst1q_f32(to.as_mut_ptr(), value[0]);
            vst1q_f32(to[4..].as_mut_ptr(), value[1]);
        };
        fn splat_octet(value: f32) -> [float32x4_t; 2] = [vdupq_n_f32(value); 2];
        fn add_octet(a: [float32x4_t; 2], b: [float32x4_t; 2]) -> [float32x4_t; 2] =
            [vaddq_f32(a[0], b[0]), vaddq_f32(a[1], b[1])];
        fn mul_octet(a: [float32x4_t; 2], b: [float32x4_t; 2]) -> [float32x4_t; 2] =
            [vmulq_f32(a[0], b[0]), vmulq_f32(a[1], b[1])];
        fn mul_add_octet(a: [float32x4_t; 2], b: [float32x4_t; 2], c: [float32x4_t; 2]) -> [float32x4_t; 2] =
            [vfmaq_f32(c[0], a[0], b[0]), vfmaq_f32(c[1], a[1], b[1])];
    }

    #[inline(never)]
    fn call<K: Kernel<f32>>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(always)]
    fn split_quads(self, vectors: [F32x4; 2]) -> [F32x4; 2] {
        vectors
    }

    #[inline(always)]
    fn load_twice(self, from: &[f32]) -> F32x4 {
        let from = &from[..2];
        // SAFETY: as for the one-line methods.
        unsafe {
            let two = vld1_f32(from.as_ptr());
            F32x4(vcombine_f32(vzip1_f32(two, two), vzip2_f32(two, two)))
        }
    }

    #[inline(always)]
    fn interleave(self, a: F32x4, b: F32x4) -> [F32x4; 2] {
        // SAFETY: as for the one-line methods.
        unsafe { [F32x4(vzip1q_f32(a.0, b.0)), F32x4(vzip2q_f32(a.0, b.0))] }
    }

    #[inline(always)]
    fn transpose(self, square: &mut [F32x4]) {
        let [a, b, c, d]: [F32x4; 4] = square.try_into().expect("a square of four rows");
        // SAFETY: as for the one-line methods; the casts only rename the bits.
        let rows = unsafe {
            let (ab, ab_odd) =
                (vreinterpretq_f64_f32(vtrn1q_f32(a.0, b.0)), vreinterpretq_f64_f32(vtrn2q_f32(a.0, b.0)));
            let (cd, cd_odd) =
                (vreinterpretq_f64_f32(vtrn1q_f32(c.0, d.0)), vreinterpretq_f64_f32(vtrn2q_f32(c.0, d.0)));
            [
                vreinterpretq_f32_f64(vtrn1q_f64(ab, cd)),
                vreinterpretq_f32_f64(vtrn1q_f64(ab_odd, cd_odd)),
                vreinterpretq_f32_f64(vtrn2q_f64(ab, cd)),
                vreinterpretq_f32_f64(vtrn2q_f64(ab_odd, cd_odd)),
            ]
        };
        square.copy_from_slice(&rows.map(F32x4));
    }

    #[inline(always)]
    fn store_quads(self, mut rows: [F32x4; 4], to: &mut [[f32; OCTET]], first: usize, stride: usize, half: usize) {
        Simd::<f32>::transpose(self, &mut rows);
        for (lane, row) in rows.iter().enumerate() {
            // SAFETY: as for the one-line methods.
            unsafe { vst1q_f32(to[first + lane * stride][half..half + 4].as_mut_ptr(), row.0) };
        }
    }

    #[inline(always)]
    fn transpose_octets(self, [a, b, c, d]: [[float32x4_t; 2]; 4]) -> [[float32x4_t; 2]; 4] {
        [
            [self.first_of(a[0], b[0]), self.first_of(c[0], d[0])],
            [self.second_of(a[0], b[0]), self.second_of(c[0], d[0])],
            [self.first_of(a[1], b[1]), self.first_of(c[1], d[1])],
            [self.second_of(a[1], b[1]), self.second_of(c[1], d[1])],
        ]
    }

    #[inline(always)]
    fn reverse_octet(self, value: [float32x4_t; 2]) -> [float32x4_t; 2] {
        // SAFETY: as for the one-line methods.
        unsafe { [vextq_f32::<2>(value[1], value[1]), vextq_f32::<2>(value[0], value[0])] }
    }
}

impl Simd<f64> for Neon {
    type Vector = F64x2;
    type Octet = [float64x2_t; 4];
    const LANES: usize = 2;
    const OCTET_SUMS: usize = 7;

    #[inline(always)]
    fn prefetch<V>(self, _: &V) {}

    intrinsics! {
        fn splat(value: f64) -> F64x2 = F64x2(vdupq_n_f64(value));
        fn add(a: F64x2, b: F64x2) -> F64x2 = F64x2(vaddq_f64(a.0, b.0));
        fn sub(a: F64x2, b: F64x2) -> F64x2 = F64x2(vsubq_f64(a.0, b.0));
        fn mul(a: F64x2, b: F64x2) -> F64x2 = F64x2(vmulq_f64(a.0, b.0));
        fn mul_add(a: F64x2, b: F64x2, c: F64x2) -> F64x2 = F64x2(vfmaq_f64(c.0, a.0, b.0));
        fn mul_sub(a: F64x2, b: F64x2, c: F64x2) -> F64x2 = F64x2(vfmaq_f64(vnegq_f64(c.0), a.0, b.0));
        fn neg_mul_add(a: F64x2, b: F64x2, c: F64x2) -> F64x2 = F64x2(vfmsq_f64(c.0, a.0, b.0));

        fn splat_octet(value: f64) -> [float64x2_t; 4] = [vdupq_n_f64(value); 4];
    }

    #[inline(always)]
    fn load_octet(self, from: &[f64; OCTET]) -> [float64x2_t; 4] {
        // SAFETY: as for the one-line methods; pair k is within the array.
        std::array::from_fn(|k| unsafe { vld1q_f64(from[2 * k..2 * k + 2].as_ptr()) })
    }

    #[inline(always)]
    fn store_octet(self, value: [float64x2_t; 4], to: &mut [f64; OCTET]) {
        for (pair, to) in value.into_iter().zip(to.chunks_exact_mut(2)) {
            // SAFETY: as for the one-line methods.
            unsafe { vst1q_f64(to.as_mut_ptr(), pair) };
        }
    }

    #[inline(always)]
    fn add_octet(self, a: [float64x2_t; 4], b: [float64x2_t; 4]) -> [float64x2_t; 4] {
        // SAFETY: the token says that the processor has the instruction.
        std::array::from_fn(|k| unsafe { vaddq_f64(a[k], b[k]) })
    }

    #[inline(always)]
    fn mul_octet(self, a: [float64x2_t; 4], b: [float64x2_t; 4]) -> [float64x2_t; 4] {
        // SAFETY: as for the one-line methods.
        std::array::from_fn(|k| unsafe { vmulq_f64(a[k], b[k]) })
    }

    #[inline(always)]
    fn mul_add_octet(self, a: [float64x2_t; 4], b: [float64x2_t; 4], c: [float64x2_t; 4]) -> [float64x2_t; 4] {
        // SAFETY: as for the one-line methods.
        std::array::from_fn(|k| unsafe { vfmaq_f64(c[k], a[k], b[k]) })
    }

    #[inline(never)]
    fn call<K: Kernel<f64>>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(always)]
    fn split_quads(self, vectors: [F64x2; 2]) -> [F64x2; 2] {
        vectors
    }

    #[inline(always)]
    fn load_twice(self, from: &[f64]) -> F64x2 {
        Simd::<f64>::splat(self, from[0])
    }

    #[inline(always)]
    fn interleave(self, a: F64x2, b: F64x2) -> [F64x2; 2] {
        // SAFETY: as for the one-line methods.
        unsafe { [F64x2(vtrn1q_f64(a.0, b.0)), F64x2(vtrn2q_f64(a.0, b.0))] }
    }

    #[inline(always)]
    fn transpose(self, square: &mut [F64x2]) {
        let [a, b]: [F64x2; 2] = square.try_into().expect("a square of two rows");
        // SAFETY: as for the one-line methods.
        let rows = unsafe { [vtrn1q_f64(a.0, b.0), vtrn2q_f64(a.0, b.0)] };
        square.copy_from_slice(&rows.map(F64x2));
    }

    #[inline(always)]
    fn store_quads(self, [a, b, c, d]: [F64x2; 4], to: &mut [[f64; OCTET]], first: usize, stride: usize, half: usize) {
        // SAFETY: as for the one-line methods.
        unsafe {
            let lane = &mut to[first][half..half + 4];
            vst1q_f64(lane.as_mut_ptr(), vtrn1q_f64(a.0, b.0));
            vst1q_f64(lane[2..].as_mut_ptr(), vtrn1q_f64(c.0, d.0));
            let lane = &mut to[first + stride][half..half + 4];
            vst1q_f64(lane.as_mut_ptr(), vtrn2q_f64(a.0, b.0));
            vst1q_f64(lane[2..].as_mut_ptr(), vtrn2q_f64(c.0, d.0));
        }
    }

    #[inline(always)]
    fn transpose_octets(self, [a, b, c, d]: [[float64x2_t; 4]; 4]) -> [[float64x2_t; 4]; 4] {
        // A complex number fills a register.
        [[a[0], b[0], c[0], d[0]], [a[1], b[1], c[1], d[1]], [a[2], b[2], c[2], d[2]], [a[3], b[3], c[3], d[3]]]
    }

    #[inline(always)]
    fn reverse_octet(self, [a, b, c, d]: [float64x2_t; 4]) -> [float64x2_t; 4] {
        [d, c, b, a]
    }
}
