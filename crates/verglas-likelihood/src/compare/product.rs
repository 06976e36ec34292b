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

/// The same of the image at a place of the group alone, by the same steps, so that its product is the same.
#[inline(always)]
pub(crate) fn multiply_one<T: Real, S: Simd<T>>(
    simd: S,
    images: &[T],
    place: usize,
    templates: &[Pair<S::V>],
) -> Pair<S::V> {
    let mut sum = [simd.splat(T::default()); 2];
    for (image, [t_re, t_im]) in images.chunks_exact(2 * GROUP).zip(templates) {
        let (re, im) = (simd.splat(image[2 * place]), simd.splat(image[2 * place + 1]));
        sum[0] = simd.fma(re, *t_re, sum[0]);
        sum[1] = simd.fma(re, *t_im, sum[1]);
        sum[0] = simd.fma(im, *t_im, sum[0]);
        sum[1] = simd.fnma(im, *t_re, sum[1]);
    }
    sum
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

#[cfg(test)]
mod tests {
    use super::super::simd::{Dispatch, Kernel, MOST_LANES};
    use super::*;

    struct Check;

    impl Kernel<f32> for Check {
        #[inline(always)]
        fn run<S: Simd<f32>>(self, simd: S) {
            let number = |i: usize| ((i * i + 3 * i) as f32 * 0.37).sin();
            let images: Vec<f32> = (0..13 * 2 * GROUP).map(number).collect();
            let vector = |first: usize| simd.load(&(0..MOST_LANES).map(|i| number(first + i)).collect::<Vec<_>>());
            let templates: Vec<Pair<S::V>> = (0..13).map(|i| [vector(40 * i), vector(40 * i + 20)]).collect();
            let numbers = |v: S::V| {
                let mut numbers = [0.0; MOST_LANES];
                simd.store(v, &mut numbers);
                numbers[..S::LANES].to_vec()
            };
            for (place, together) in multiply(simd, &images, &templates).into_iter().enumerate() {
                let alone = multiply_one(simd, &images, place, &templates);
                // To the last bit, since images must not depend on their neighbours.
                assert_eq!(alone.map(numbers), together.map(numbers), "{place}");
                let expected: f32 = (0..13)
                    .map(|k| {
                        let (re, im) = (images[2 * (k * GROUP + place)], images[2 * (k * GROUP + place) + 1]);
                        re * number(40 * k) + im * number(40 * k + 20)
                    })
                    .sum();
                assert!((numbers(alone[0])[0] - expected).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn an_image_alone_has_the_same_product_as_in_its_group() {
        f32::dispatch(Check);
    }
}
