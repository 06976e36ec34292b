//! From the products of all rotations to the largest correlation and the sum of likelihoods, while they are in the cache.

use super::simd::Simd;
use crate::real::{Real, SERIES_LIMIT};

/// Most lanes of any vector.
pub(crate) const MOST_LANES: usize = 16;

/// What turns products into correlations, of one image and template: cc = factor[w]·I_xy − offset[w].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scales<'a, T> {
    pub factor: &'a [T],
    pub offset: &'a [T],
}

/// Sums of exp ℓ of one vector: lane by lane, Σ_w exp(μ·(−ln(1 − cc²)) − half_ln_a[w]) = sum·exp(exponent).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Likelihoods {
    pub exponent: [f64; MOST_LANES],
    pub sum: [f64; MOST_LANES],
}

/// Turns products into correlations where they stand; gives the largest and the smallest of each lane.
#[inline(always)]
pub(crate) fn correlate<T: Real, S: Simd<T>>(simd: S, values: &mut [S::V], scales: Scales<T>) -> (S::V, S::V) {
    // Two chains each, for a step waits for the one before.
    let mut bounds = [(simd.splat(T::from_f64(-4.0)), simd.splat(T::from_f64(4.0))); 2];
    let mut pairs = values.chunks_exact_mut(2).zip(scales.factor.chunks_exact(2).zip(scales.offset.chunks_exact(2)));
    for (values, (factor, offset)) in &mut pairs {
        for i in 0..2 {
            let cc = simd.fma(values[i], simd.splat(factor[i]), simd.splat(-offset[i]));
            values[i] = cc;
            bounds[i] = (simd.max(bounds[i].0, cc), simd.min(bounds[i].1, cc));
        }
    }
    if values.len() % 2 == 1 {
        let w = values.len() - 1;
        let cc = simd.fma(values[w], simd.splat(scales.factor[w]), simd.splat(-scales.offset[w]));
        values[w] = cc;
        bounds[0] = (simd.max(bounds[0].0, cc), simd.min(bounds[0].1, cc));
    }
    (simd.max(bounds[0].0, bounds[1].0), simd.min(bounds[0].1, bounds[1].1))
}

/// Sums the likelihoods of correlations within (`largest`, `smallest`) of each lane.
#[inline(always)]
pub(crate) fn sum_likelihoods<T: Real, S: Simd<T>>(
    simd: S,
    values: &[S::V],
    (largest, smallest): (S::V, S::V),
    mu: f64,
    half_ln_a: &[T],
) -> Likelihoods {
    let top = simd.max(simd.mul(largest, largest), simd.mul(smallest, smallest));
    let top = simd.min(top, simd.splat(T::from_f64(1.0 - T::LEAST_RESIDUAL)));
    let mut tops = [T::default(); MOST_LANES];
    simd.store(top, &mut tops);
    let is_small = tops[..S::LANES].iter().all(|top| top.to_f64() <= SERIES_LIMIT);
    if is_small { sum(simd, values, top, mu, half_ln_a, true) } else { sum(simd, values, top, mu, half_ln_a, false) }
}

/// Terms that are added up in the numbers' own precision before they join a sum in double precision.
const TERMS: usize = 16;

#[inline(always)]
fn sum<T: Real, S: Simd<T>>(
    simd: S,
    values: &[S::V],
    top: S::V,
    mu: f64,
    half_ln_a: &[T],
    series: bool,
) -> Likelihoods {
    let mu = simd.splat(T::from_f64(mu));
    let exponent = simd.mul(mu, simd.minus_ln_one_minus(top, series));
    let most = simd.splat(T::from_f64(1.0 - T::LEAST_RESIDUAL));
    let mut result = Likelihoods { exponent: [0.0; MOST_LANES], sum: [0.0; MOST_LANES] };
    let mut numbers = [T::default(); MOST_LANES];
    for (values, half_ln_a) in values.chunks(TERMS).zip(half_ln_a.chunks(TERMS)) {
        let mut sum = simd.splat(T::default());
        for (&cc, &half_ln_a) in values.iter().zip(half_ln_a) {
            let square = simd.min(simd.mul(cc, cc), most);
            let gain = simd.minus_ln_one_minus(square, series);
            let x = simd.sub(simd.fma(mu, gain, simd.splat(-half_ln_a)), exponent);
            sum = simd.add(sum, simd.exp(x));
        }
        simd.store(sum, &mut numbers);
        for lane in 0..S::LANES {
            result.sum[lane] += numbers[lane].to_f64();
        }
    }
    simd.store(exponent, &mut numbers);
    for lane in 0..S::LANES {
        result.exponent[lane] = numbers[lane].to_f64();
    }
    result
}
