//! From the products of all rotations to the largest correlation and the sum of likelihoods, while they are in the cache.

use super::simd::{MOST_LANES, Part, Simd};
use crate::real::Real;

/// What turns products into correlations, of one image and template: cc = factor[w]·I_xy − offset[w].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scales<'a, T> {
    pub factor: &'a [T],
    pub offset: &'a [T],
}

/// Sums of exp ℓ of one vector: lane by lane, Σ_w exp(μ·(−ln(1 − cc²)) − half_ln_a[w]) = sum·2^exponent.
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

/// How −ln(1 − u) is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logarithm {
    /// u itself.
    Linear,
    /// Three terms of its series.
    Short,
    /// Six.
    Long,
    Exact,
}

/// Up to these u single precision sums a series: the first term that is left out is 3e-7 and 6e-9 of it, which is less than
/// 2e-5 and 1e-6 nats for every thousand independent values.
const SHORT_LIMIT: f64 = 0.01;
const LONG_LIMIT: f64 = 0.06;

/// Sums the likelihoods of correlations between `smallest` and `largest` of each lane.
///
/// * `mu`: μ/ln 2.
/// * `half_log2_a`: ½ log₂ A of each rotation, from some number on.
#[inline(always)]
pub(crate) fn sum_likelihoods<T: Real, S: Simd<T>>(
    simd: S,
    values: &[S::V],
    (largest, smallest): (S::V, S::V),
    mu: f64,
    half_log2_a: &[T],
) -> Likelihoods {
    let top = simd.max(simd.mul(largest, largest), simd.mul(smallest, smallest));
    simd.call(Sum { values, top, mu, half_log2_a, logarithm: None })
}

/// Sums exp of squares: Σ_w exp(μ·cc²) = sum·2^exponent, lane by lane.
///
/// * `top`: the largest cc² of each lane.
/// * `mu`: μ/ln 2.
/// * `zeros`: as many as `values`.
#[inline(always)]
pub(crate) fn sum_squares<T: Real, S: Simd<T>>(
    simd: S,
    values: &[S::V],
    top: S::V,
    mu: f64,
    zeros: &[T],
) -> Likelihoods {
    simd.call(Sum { values, top, mu, half_log2_a: zeros, logarithm: Some(Logarithm::Linear) })
}

/// What [`sum_likelihoods`] and [`sum_squares`] sum.
struct Sum<'a, T, V> {
    values: &'a [V],
    /// The largest cc².
    top: V,
    mu: f64,
    half_log2_a: &'a [T],
    /// As the largest cc² asks for, where it is not said.
    logarithm: Option<Logarithm>,
}

impl<T: Real, S: Simd<T>> Part<T, S> for Sum<'_, T, S::V> {
    type Output = Likelihoods;

    #[inline(always)]
    fn run(self, simd: S) -> Likelihoods {
        let Self { values, top, mu, half_log2_a, logarithm } = self;
        match logarithm.map_or_else(|| choose_logarithm(simd, top), |logarithm| (top, logarithm)) {
            (top, Logarithm::Linear) => sum(simd, values, top, mu, half_log2_a, Logarithm::Linear),
            (top, Logarithm::Short) => sum(simd, values, top, mu, half_log2_a, Logarithm::Short),
            (top, Logarithm::Long) => sum(simd, values, top, mu, half_log2_a, Logarithm::Long),
            (top, Logarithm::Exact) => sum(simd, values, top, mu, half_log2_a, Logarithm::Exact),
        }
    }
}

/// How −ln(1 − u) is computed up to the largest u of each lane, which is let be no more than it can be.
#[inline(always)]
pub(super) fn choose_logarithm<T: Real, S: Simd<T>>(simd: S, top: S::V) -> (S::V, Logarithm) {
    let top = simd.min(top, simd.splat(T::from_f64(1.0 - T::LEAST_RESIDUAL)));
    let mut tops = [T::default(); MOST_LANES];
    simd.store(top, &mut tops);
    let most = tops[..S::LANES].iter().fold(0.0, |most: f64, top| most.max(top.to_f64()));
    let logarithm = if T::IS_SINGLE && most <= SHORT_LIMIT {
        Logarithm::Short
    } else if T::IS_SINGLE && most <= LONG_LIMIT {
        Logarithm::Long
    } else {
        Logarithm::Exact
    };
    (top, logarithm)
}

/// μ·(−ln(1 − u)) − c
#[inline(always)]
pub(super) fn gain<T: Real, S: Simd<T>>(simd: S, u: S::V, mu: S::V, c: S::V, logarithm: Logarithm) -> S::V {
    let term = |k: f64| T::from_f64(1.0 / k);
    let mut series = match logarithm {
        Logarithm::Linear => return simd.sub(simd.mul(mu, u), c),
        Logarithm::Short => simd.splat(term(3.0)),
        Logarithm::Long => simd.fma(u, simd.splat(term(6.0)), simd.splat(term(5.0))),
        Logarithm::Exact => {
            let u = simd.min(u, simd.splat(T::from_f64(1.0 - T::LEAST_RESIDUAL)));
            return simd.sub(simd.mul(mu, simd.minus_ln_one_minus(u)), c);
        }
    };
    if logarithm == Logarithm::Long {
        series = simd.fma(series, u, simd.splat(term(4.0)));
        series = simd.fma(series, u, simd.splat(term(3.0)));
    }
    series = simd.fma(series, u, simd.splat(term(2.0)));
    series = simd.fma(series, u, simd.splat(term(1.0)));
    simd.sub(simd.mul(simd.mul(mu, u), series), c)
}

/// Terms that are added up in the numbers' own precision before they join a sum in double precision.
pub(super) const TERMS: usize = 16;

#[inline(always)]
fn sum<T: Real, S: Simd<T>>(
    simd: S,
    values: &[S::V],
    top: S::V,
    mu: f64,
    half_log2_a: &[T],
    logarithm: Logarithm,
) -> Likelihoods {
    let mu = simd.splat(T::from_f64(mu));
    let exponent = gain(simd, top, mu, simd.splat(T::default()), logarithm);
    let mut result = Likelihoods { exponent: [0.0; MOST_LANES], sum: [0.0; MOST_LANES] };
    let mut numbers = [T::default(); MOST_LANES];
    for (values, half_log2_a) in values.chunks(TERMS).zip(half_log2_a.chunks(TERMS)) {
        let mut sum = simd.splat(T::default());
        for (&cc, &half_log2_a) in values.iter().zip(half_log2_a) {
            let x = gain(simd, simd.mul(cc, cc), mu, exponent, logarithm);
            sum = simd.add(sum, simd.power_of_two(simd.sub(x, simd.splat(half_log2_a))));
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
