//! Products of images and displaced templates, one angular frequency at a time.

use super::fft::Pair;
use super::simd::Simd;
use crate::real::Real;

/// Images that are multiplied together: as many as, with two sums each, leave room for the factors in 16 registers.
pub(crate) const GROUP: usize = 6;

/// conj(X)·T summed over `rank` functions, for each image of a group and each lane of templates.
///
/// * `images`: `[rank, GROUP, 2]`, real and imaginary parts.
/// * `templates`: `[rank]`.
#[inline(always)]
pub(crate) fn multiply<T: Real, S: Simd<T>>(simd: S, images: &[T], templates: &[Pair<S::V>]) -> [Pair<S::V>; GROUP] {
    let mut sums = [[simd.splat(T::default()); 2]; GROUP];
    for (image, [t_re, t_im]) in images.chunks_exact(2 * GROUP).zip(templates) {
        for i in 0..GROUP {
            let (re, im) = (simd.splat(image[2 * i]), simd.splat(image[2 * i + 1]));
            sums[i][0] = simd.fma(re, *t_re, sums[i][0]);
            sums[i][1] = simd.fma(re, *t_im, sums[i][1]);
            sums[i][0] = simd.fma(im, *t_im, sums[i][0]);
            sums[i][1] = simd.fnma(im, *t_re, sums[i][1]);
        }
    }
    sums
}

/// Functions that are projected on together.
pub(crate) const BLOCK: usize = 6;

/// Spectra of displaced templates on `rank` functions: out_i = Σ_k functions[k, i]·inputs[k].
///
/// * `functions`: `[inputs, rank]`.
/// * `inputs`: `[inputs]`, `stride` apart.
#[inline(always)]
pub(crate) fn project<T: Real, S: Simd<T>>(
    simd: S,
    functions: &[T],
    inputs: &[Pair<S::V>],
    stride: usize,
    out: &mut [Pair<S::V>],
) {
    let rank = out.len();
    for (block, out) in out.chunks_mut(BLOCK).enumerate() {
        let mut sums = [[simd.splat(T::default()); 2]; BLOCK];
        if out.len() == BLOCK {
            for (row, [re, im]) in functions.chunks_exact(rank).zip(inputs.iter().step_by(stride)) {
                let row = &row[block * BLOCK..block * BLOCK + BLOCK];
                for i in 0..BLOCK {
                    let factor = simd.splat(row[i]);
                    sums[i] = [simd.fma(factor, *re, sums[i][0]), simd.fma(factor, *im, sums[i][1])];
                }
            }
        } else {
            for (row, [re, im]) in functions.chunks_exact(rank).zip(inputs.iter().step_by(stride)) {
                for (sum, &factor) in sums.iter_mut().zip(&row[block * BLOCK..]) {
                    let factor = simd.splat(factor);
                    *sum = [simd.fma(factor, *re, sum[0]), simd.fma(factor, *im, sum[1])];
                }
            }
        }
        let n = out.len();
        out.copy_from_slice(&sums[..n]);
    }
}
