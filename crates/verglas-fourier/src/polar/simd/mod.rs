//! Vectors of numbers, for one instruction set each.
//!
//! An instruction set is a token: a zero-sized value that exists only when the processor has the instructions, so that
//! its methods are safe to call. A [`Kernel`] is run by [`InstructionSet::run`], which enters a function compiled for the
//! set; every function below it is `#[inline(always)]`, and takes no closures, which would be compiled for the baseline.
//! That is all the `unsafe` there is, and what it buys is in `docs/performance.md`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

use bytemuck::Pod;

use super::number::Number;

/// Numbers in the eight-number rows of a grid element: four complex values.
pub const OCTET: usize = 8;

/// Arithmetic on vectors of `T` in one instruction set.
///
/// The element-wise operations round the same in all sets but the portable one, whose `mul_add` rounds twice.
pub trait Simd<T: Number>: Copy {
    /// [`LANES`](Self::LANES) numbers, for work on that many columns at once.
    type Vector: Pod;
    /// Eight numbers: an element of the octant grid.
    type Octet: Copy;
    /// Numbers in a vector; 16, 8, 4 or 2.
    const LANES: usize;
    /// Sums of octets that fit in the registers at once; 7, 8 or 14.
    const OCTET_SUMS: usize;

    /// Runs a kernel in a function of its own, compiled once for this set: less to compile than the same code inlined
    /// wherever it is needed.
    fn call<K: Kernel<T>>(self, kernel: K) -> K::Output;

    /// The first [`LANES`](Self::LANES) numbers of a slice.
    #[inline(always)]
    fn load(self, from: &[T]) -> Self::Vector {
        bytemuck::pod_read_unaligned(bytemuck::cast_slice(&from[..Self::LANES]))
    }
    /// The first half as many numbers of a slice, each twice.
    fn load_twice(self, from: &[T]) -> Self::Vector;
    /// [a₀, b₀, a₁, b₁, …], in two vectors.
    fn interleave(self, a: Self::Vector, b: Self::Vector) -> [Self::Vector; 2];
    /// Of two vectors, one after the other, every other 128 bits from the first on, and from the second on.
    fn split_quads(self, vectors: [Self::Vector; 2]) -> [Self::Vector; 2];
    /// All lanes the same.
    fn splat(self, value: T) -> Self::Vector;
    /// a + b
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a − b
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a · b
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a · b + c
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// a · b − c
    fn mul_sub(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// c − a · b
    fn neg_mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// Transposes a square of [`LANES`](Self::LANES) vectors.
    fn transpose(self, square: &mut [Self::Vector]);
    /// Stores one lane of four vectors after the other into halves of elements: lane k into `to[first + k·stride]`, at
    /// place `half`, 0 or 4, and after it.
    ///
    /// # Panics
    /// When `to` ends before that.
    fn store_quads(self, rows: [Self::Vector; 4], to: &mut [[T; OCTET]], first: usize, stride: usize, half: usize);

    /// Asks for the cache line of `target` ahead of its use.
    fn prefetch<V>(self, target: &V);

    /// Eight numbers from memory.
    fn load_octet(self, from: &[T; OCTET]) -> Self::Octet;
    /// Eight numbers to memory.
    fn store_octet(self, value: Self::Octet, to: &mut [T; OCTET]);
    /// Eight times the same.
    fn splat_octet(self, value: T) -> Self::Octet;
    /// a · b
    fn mul_octet(self, a: Self::Octet, b: Self::Octet) -> Self::Octet;
    /// a · b + c
    fn mul_add_octet(self, a: Self::Octet, b: Self::Octet, c: Self::Octet) -> Self::Octet;
    /// Transposes a square of four by four complex numbers.
    fn transpose_octets(self, square: [Self::Octet; 4]) -> [Self::Octet; 4];
    /// The four complex numbers in reverse order.
    fn reverse_octet(self, value: Self::Octet) -> Self::Octet;

    /// a + b
    fn add_octet(self, a: Self::Octet, b: Self::Octet) -> Self::Octet;

    /// Σ_a Σ_b along_a[a] · along_b[b] · elements[start + a·stride + b] over `A` × `B` elements.
    ///
    /// One sum per b runs along a, so that many are under way at once; as many as there are registers for. Those of even b
    /// are added up, those of odd b, and then the two.
    ///
    /// # Panics
    /// When the elements reach past the end of `elements`, or there are fewer weights than `A` and `B`.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn weighted_square<const A: usize, const B: usize>(
        self,
        elements: &[[T; OCTET]],
        start: usize,
        stride: usize,
        along_a: &[T],
        along_b: &[T],
    ) -> Self::Octet {
        let (along_a, along_b) = (&along_a[..A], &along_b[..B]);
        assert_within::<A, B>(elements.len(), start, stride);
        let mut totals = [self.splat_octet(T::zero()); 2];
        for first in (0..B).step_by(Self::OCTET_SUMS) {
            let columns = first..B.min(first + Self::OCTET_SUMS);
            let mut sums = [self.splat_octet(T::zero()); B];
            for (a, &weight) in along_a.iter().enumerate() {
                let weight = self.splat_octet(weight);
                for (b, sum) in columns.clone().zip(&mut sums) {
                    // SAFETY: a is below A and b below B, and the place of the last of all has been checked. With a check
                    // for every element the whole transform takes twice as long in single precision (N = 256: 0.83 ms
                    // against 0.42 ms), and 15 % longer in double.
                    let element = self.load_octet(unsafe { elements.get_unchecked(start + a * stride + b) });
                    *sum = if a == 0 {
                        self.mul_octet(weight, element)
                    } else {
                        self.mul_add_octet(weight, element, *sum)
                    };
                }
            }
            for (b, &sum) in columns.zip(&sums) {
                totals[b % 2] = self.mul_add_octet(self.splat_octet(along_b[b]), sum, totals[b % 2]);
            }
        }
        self.add_octet(totals[0], totals[1])
    }
}

/// Panics unless `A` lines of `B` elements, `stride` apart from `start` on, lie within `len` elements.
#[inline(always)]
fn assert_within<const A: usize, const B: usize>(len: usize, start: usize, stride: usize) {
    assert!(start < len && (A - 1) * stride + B <= len - start, "the square lies within the grid");
}

/// A computation that can be compiled for any instruction set.
pub trait Kernel<T: Number> {
    /// The return value.
    type Output;
    /// Does it. Implementations are `#[inline(always)]`, and so is all they call.
    fn run<S: Simd<T>>(self, simd: S) -> Self::Output;
}

/// The instruction sets that a transform may be compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    /// The set that every processor of the target has.
    Portable(portable::Portable),
    /// AVX2 with FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    /// AVX-512 F, VL and DQ.
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
    /// Advanced SIMD of AArch64.
    #[cfg(target_arch = "aarch64")]
    Neon(neon::Neon),
}

impl InstructionSet {
    /// All that this processor has, the fastest first.
    pub fn available() -> Vec<Self> {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            sets.extend(avx512::Avx512::detect().map(Self::Avx512));
            sets.extend(avx2::Avx2::detect().map(Self::Avx2));
        }
        #[cfg(target_arch = "aarch64")]
        sets.extend(neon::Neon::detect().map(Self::Neon));
        sets.push(Self::Portable(portable::Portable));
        sets
    }

    /// The name that tests and measurements use to choose it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable(_) => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => "neon",
        }
    }
}

/// Implements [`Scalar::run`](super::scalar::Scalar::run) for a number type, which is known to every set.
macro_rules! run_in_any_set {
    () => {
        fn run<K: crate::polar::simd::Kernel<Self>>(set: crate::polar::simd::InstructionSet, kernel: K) -> K::Output {
            use crate::polar::simd::InstructionSet;
            match set {
                InstructionSet::Portable(simd) => kernel.run(simd),
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx2(simd) => simd.run::<Self, K>(kernel),
                #[cfg(target_arch = "x86_64")]
                InstructionSet::Avx512(simd) => simd.run::<Self, K>(kernel),
                #[cfg(target_arch = "aarch64")]
                InstructionSet::Neon(simd) => kernel.run(simd),
            }
        }
    };
}
pub(super) use run_in_any_set;
