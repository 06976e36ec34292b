//! Plain Rust, which the compiler turns into whatever the target has at least.

use super::{Kernel, Part, Simd};
use crate::real::Real;

/// The token of the portable set; anyone may have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Portable;

/// Whether the target fuses products and sums anyway.
const FUSED: bool = cfg!(any(target_feature = "fma", target_arch = "aarch64"));

/// An array with a value for each place, written out: kernels are one function each, and with a loop for every operation in
/// them the compiler takes minutes.
macro_rules! each {
    ([$($place:literal)*], $k:ident => $value:expr) => {
        [$({
            const $k: usize = $place;
            $value
        }),*]
    };
}

macro_rules! portable {
    ($real:ty, $lanes:literal, $places:tt) => {
        impl Simd<$real> for Portable {
            type V = [$real; $lanes];
            const LANES: usize = $lanes;

            #[inline(never)]
            fn run<K: Kernel<$real>>(self, kernel: K) {
                kernel.run(self);
            }

            #[inline(never)]
            fn call<P: Part<$real, Self>>(self, part: P) -> P::Output {
                part.run(self)
            }

            #[inline(always)]
            fn splat(self, value: $real) -> Self::V {
                [value; $lanes]
            }

            #[inline(always)]
            fn load(self, from: &[$real]) -> Self::V {
                let from = &from[..$lanes];
                each!($places, K => from[K])
            }

            #[inline(always)]
            fn store(self, v: Self::V, to: &mut [$real]) {
                to[..$lanes].copy_from_slice(&v);
            }

            #[inline(always)]
            fn add(self, a: Self::V, b: Self::V) -> Self::V {
                each!($places, K => a[K] + b[K])
            }

            #[inline(always)]
            fn sub(self, a: Self::V, b: Self::V) -> Self::V {
                each!($places, K => a[K] - b[K])
            }

            #[inline(always)]
            fn mul(self, a: Self::V, b: Self::V) -> Self::V {
                each!($places, K => a[K] * b[K])
            }

            #[inline(always)]
            fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                each!($places, K => if FUSED { a[K].fused(b[K], c[K]) } else { a[K] * b[K] + c[K] })
            }

            #[inline(always)]
            fn fnma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                each!($places, K => if FUSED { (-a[K]).fused(b[K], c[K]) } else { c[K] - a[K] * b[K] })
            }

            #[inline(always)]
            fn max(self, a: Self::V, b: Self::V) -> Self::V {
                each!($places, K => a[K].larger(b[K]))
            }

            #[inline(always)]
            fn min(self, a: Self::V, b: Self::V) -> Self::V {
                each!($places, K => a[K].smaller(b[K]))
            }

            #[inline(always)]
            fn by_sign(self, x: Self::V, negative: Self::V, other: Self::V) -> Self::V {
                each!($places, K => if x[K] < 0.0 { negative[K] } else { other[K] })
            }

            #[inline(always)]
            fn power_of_two(self, x: Self::V) -> Self::V {
                each!($places, K => x[K].power_of_two())
            }

            #[inline(always)]
            fn minus_ln_one_minus(self, u: Self::V) -> Self::V {
                each!($places, K => u[K].minus_ln_one_minus())
            }
        }
    };
}

portable!(f32, 4, [0 1 2 3]);
portable!(f64, 2, [0 1]);
