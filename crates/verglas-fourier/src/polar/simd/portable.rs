//! Plain Rust, which the compiler turns into whatever the target has at least.

use super::{Kernel, OCTET, Simd};

/// The token of the portable set; anyone may have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portable;

/// An array with a value for each place, written out: kernels are one function each, and with a loop for every operation in
/// them the compiler takes minutes.
macro_rules! each {
    ([$($place:literal)*], $k:ident => $value:expr) => {
        [$({
            const $k: usize = $place;
            $value
        }),*]
    };
    ($k:ident => $value:expr) => { each!([0 1 2 3 4 5 6 7], $k => $value) };
}

macro_rules! portable {
    ($real:ty, $lanes:literal, $places:tt) => {
        impl Simd<$real> for Portable {
            // As many as fit 128 bits, the least that today's targets have.
            type Vector = [$real; $lanes];
            type Octet = [$real; OCTET];
            const LANES: usize = $lanes;
            const OCTET_SUMS: usize = 8;

            #[inline(never)]
            fn call<K: Kernel<$real>>(self, kernel: K) -> K::Output {
                kernel.run(self)
            }

            #[inline(always)]
            fn load_twice(self, from: &[$real]) -> Self::Vector {
                let from = &from[..$lanes / 2];
                each!($places, K => from[K / 2])
            }

            #[inline(always)]
            fn interleave(self, a: Self::Vector, b: Self::Vector) -> [Self::Vector; 2] {
                each!([0 1], HALF => each!($places, K => {
                    let from = HALF * $lanes / 2 + K / 2;
                    if K % 2 == 0 { a[from] } else { b[from] }
                }))
            }

            #[inline(always)]
            fn split_quads(self, vectors: [Self::Vector; 2]) -> [Self::Vector; 2] {
                vectors
            }

            #[inline(always)]
            fn splat(self, value: $real) -> Self::Vector {
                [value; $lanes]
            }

            #[inline(always)]
            fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                each!($places, K => a[K] + b[K])
            }

            #[inline(always)]
            fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                each!($places, K => a[K] - b[K])
            }

            #[inline(always)]
            fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                each!($places, K => a[K] * b[K])
            }

            #[inline(always)]
            fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
                each!($places, K => a[K] * b[K] + c[K])
            }

            #[inline(always)]
            fn mul_sub(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
                each!($places, K => a[K] * b[K] - c[K])
            }

            #[inline(always)]
            fn neg_mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
                each!($places, K => c[K] - a[K] * b[K])
            }

            #[inline(always)]
            fn transpose(self, square: &mut [Self::Vector]) {
                for row in 1..$lanes {
                    for column in 0..row {
                        let kept = square[row][column];
                        square[row][column] = square[column][row];
                        square[column][row] = kept;
                    }
                }
            }

            #[inline(always)]
            fn store_quads(
                self,
                rows: [Self::Vector; 4],
                to: &mut [[$real; OCTET]],
                first: usize,
                stride: usize,
                half: usize,
            ) {
                for lane in 0..$lanes {
                    to[first + lane * stride][half..half + 4].copy_from_slice(&[
                        rows[0][lane],
                        rows[1][lane],
                        rows[2][lane],
                        rows[3][lane],
                    ]);
                }
            }

            #[inline(always)]
            fn prefetch<V>(self, _: &V) {}

            #[inline(always)]
            fn load_octet(self, from: &[$real; OCTET]) -> Self::Octet {
                *from
            }

            #[inline(always)]
            fn store_octet(self, value: Self::Octet, to: &mut [$real; OCTET]) {
                *to = value;
            }

            #[inline(always)]
            fn splat_octet(self, value: $real) -> Self::Octet {
                [value; OCTET]
            }

            #[inline(always)]
            fn mul_octet(self, a: Self::Octet, b: Self::Octet) -> Self::Octet {
                each!(K => a[K] * b[K])
            }

            #[inline(always)]
            fn add_octet(self, a: Self::Octet, b: Self::Octet) -> Self::Octet {
                each!(K => a[K] + b[K])
            }

            #[inline(always)]
            fn mul_add_octet(self, a: Self::Octet, b: Self::Octet, c: Self::Octet) -> Self::Octet {
                each!(K => a[K] * b[K] + c[K])
            }

            #[inline(always)]
            fn transpose_octets(self, square: [Self::Octet; 4]) -> [Self::Octet; 4] {
                each!([0 1 2 3], ROW => each!(K => square[K / 2][2 * ROW + K % 2]))
            }

            #[inline(always)]
            fn reverse_octet(self, [a, b, c, d, e, f, g, h]: Self::Octet) -> Self::Octet {
                [g, h, e, f, c, d, a, b]
            }
        }
    };
}

portable!(f32, 4, [0 1 2 3]);
portable!(f64, 2, [0 1]);
