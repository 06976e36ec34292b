//! Plain Rust, which the compiler turns into whatever the target has at least.

use super::{Kernel, Simd};
use crate::real::Real;

/// The token of the portable set; anyone may have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Portable;

/// Whether the target fuses products and sums anyway.
const FUSED: bool = cfg!(any(target_feature = "fma", target_arch = "aarch64"));

macro_rules! portable {
    ($real:ty, $lanes:literal) => {
        impl Simd<$real> for Portable {
            type V = [$real; $lanes];
            const LANES: usize = $lanes;

            #[inline(never)]
            fn run<K: Kernel<$real>>(self, kernel: K) {
                kernel.run(self);
            }

            #[inline(always)]
            fn splat(self, value: $real) -> Self::V {
                [value; $lanes]
            }

            #[inline(always)]
            fn load(self, from: &[$real]) -> Self::V {
                std::array::from_fn(|lane| from[lane])
            }

            #[inline(always)]
            fn store(self, v: Self::V, to: &mut [$real]) {
                to[..$lanes].copy_from_slice(&v);
            }

            #[inline(always)]
            fn add(self, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|lane| a[lane] + b[lane])
            }

            #[inline(always)]
            fn sub(self, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|lane| a[lane] - b[lane])
            }

            #[inline(always)]
            fn mul(self, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|lane| a[lane] * b[lane])
            }

            #[inline(always)]
            fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                std::array::from_fn(
                    |lane| {
                        if FUSED { a[lane].fused(b[lane], c[lane]) } else { a[lane] * b[lane] + c[lane] }
                    },
                )
            }

            #[inline(always)]
            fn fnma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                std::array::from_fn(|lane| {
                    if FUSED { (-a[lane]).fused(b[lane], c[lane]) } else { c[lane] - a[lane] * b[lane] }
                })
            }

            #[inline(always)]
            fn max(self, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|lane| a[lane].larger(b[lane]))
            }

            #[inline(always)]
            fn min(self, a: Self::V, b: Self::V) -> Self::V {
                std::array::from_fn(|lane| a[lane].smaller(b[lane]))
            }

            #[inline(always)]
            fn by_sign(self, x: Self::V, negative: Self::V, other: Self::V) -> Self::V {
                std::array::from_fn(|lane| if x[lane] < 0.0 { negative[lane] } else { other[lane] })
            }

            #[inline(always)]
            fn power_of_two(self, x: Self::V) -> Self::V {
                x.map(Real::power_of_two)
            }

            #[inline(always)]
            fn minus_ln_one_minus(self, u: Self::V) -> Self::V {
                u.map(Real::minus_ln_one_minus)
            }
        }
    };
}

portable!(f32, 4);
portable!(f64, 2);
