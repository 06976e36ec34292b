//! Vectors of numbers side by side, in the instruction set that the processor has.
//!
//! A token stands for a set: whoever has one may use its instructions. Kernels are generic over the token, and entered
//! through [`Simd::run`], which compiles them for the set.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use crate::real::Real;

/// Something to compute with the vectors of one set.
pub trait Kernel<T: Real> {
    /// Runs it; `inline(always)`, so that it is compiled for the set.
    fn run<S: Simd<T>>(self, simd: S);
}

/// A part of a kernel that is compiled once for each set, and not again wherever a kernel needs it: functions into which all
/// is inlined take the compiler minutes.
pub trait Part<T: Real, S: Simd<T>> {
    /// What it returns.
    type Output;
    /// Runs it; `inline(always)`, so that it is compiled for the set.
    fn run(self, simd: S) -> Self::Output;
}

/// Numbers in a vector, at most.
pub(crate) const MOST_LANES: usize = 16;

/// An instruction set.
pub trait Simd<T: Real>: Copy + Send + Sync {
    /// A vector.
    type V: Copy + Send + Sync;
    /// Numbers in a vector.
    const LANES: usize;

    /// Calls the kernel in a function compiled for the set.
    fn run<K: Kernel<T>>(self, kernel: K);
    /// Calls a part in a function of its own.
    fn call<P: Part<T, Self>>(self, part: P) -> P::Output;
    /// `value` in each lane.
    fn splat(self, value: T) -> Self::V;
    /// The first lanes of `from`.
    fn load(self, from: &[T]) -> Self::V;
    /// Into the first places of `to`.
    fn store(self, v: Self::V, to: &mut [T]);
    /// a + b
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// a − b
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// a·b
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// a·b + c
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// c − a·b
    fn fnma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The larger of each two.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// The smaller of each two.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// In each lane `negative` where `x` is below 0, else `other`; either where it is −0.
    fn by_sign(self, x: Self::V, negative: Self::V, other: Self::V) -> Self::V;
    /// 2ˣ of each, as [`Real::power_of_two`].
    fn power_of_two(self, x: Self::V) -> Self::V;
    /// −ln(1 − u) of each, as [`Real::minus_ln_one_minus`].
    fn minus_ln_one_minus(self, u: Self::V) -> Self::V;
}

/// The name of the set that comparisons use on this processor: `avx512`, `avx2` or `portable`.
pub fn instruction_set() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if avx512::Avx512::detect().is_some() {
            return "avx512";
        }
        if avx2::Avx2::detect().is_some() {
            return "avx2";
        }
    }
    "portable"
}

/// Calls a kernel with the best set that this processor has.
pub trait Dispatch: Real {
    /// The number of lanes that [`Dispatch::dispatch`] will use.
    fn lanes() -> usize;
    /// Runs the kernel.
    fn dispatch<K: Kernel<Self>>(kernel: K);
}

macro_rules! dispatch {
    ($real:ty) => {
        impl Dispatch for $real {
            fn lanes() -> usize {
                #[cfg(target_arch = "x86_64")]
                {
                    if avx512::Avx512::detect().is_some() {
                        return <avx512::Avx512 as Simd<$real>>::LANES;
                    }
                    if avx2::Avx2::detect().is_some() {
                        return <avx2::Avx2 as Simd<$real>>::LANES;
                    }
                }
                <portable::Portable as Simd<$real>>::LANES
            }

            fn dispatch<K: Kernel<Self>>(kernel: K) {
                #[cfg(target_arch = "x86_64")]
                {
                    if let Some(simd) = avx512::Avx512::detect() {
                        return Simd::<$real>::run(simd, kernel);
                    }
                    if let Some(simd) = avx2::Avx2::detect() {
                        return Simd::<$real>::run(simd, kernel);
                    }
                }
                Simd::<$real>::run(portable::Portable, kernel)
            }
        }
    };
}

dispatch!(f32);
dispatch!(f64);
