//! Sums of likelihoods of scales above 0, while correlations are in the cache.
//!
//! ```text
//! exp(ℓ₊ − …) = E(cc²) − r(cc)  for cc ≥ 0,   r(|cc|)  for cc < 0
//! E(u) = (1 − u)^−μ,   r(c) = E(c²)·F_ν(−t(c))
//! ```
//!
//! for F(t) = 1 − F(−t). r falls slowly from ½, and is a polynomial up to t = 5; beyond, E is 10⁵ times as large where cc is
//! above 0, and what is below −t is computed one by one where it counts.

use std::f64::consts::{LN_2, PI};

use super::reduce::{Likelihoods, Logarithm, TERMS, choose_logarithm, gain};
use super::simd::{MOST_LANES, Part, Simd};
use crate::real::Real;
use crate::student::StudentT;

/// Coefficients of r at most.
const MOST_TERMS: usize = 22;
/// The polynomial reaches to this t.
const LARGEST_T: f64 = 5.0;

/// r for one number of degrees of freedom.
#[derive(Debug, Clone)]
pub(crate) struct Negative<T> {
    mu: f64,
    student: StudentT,
    /// The largest c of the polynomial.
    limit: f64,
    /// By falling power of 2c/limit − 1.
    coefficients: [T; MOST_TERMS],
    n_terms: usize,
}

impl<T: Real> Negative<T> {
    pub fn new(mu: f64) -> Self {
        let student = StudentT::new(mu);
        let limit = LARGEST_T / (2.0 * mu + LARGEST_T * LARGEST_T).sqrt();
        // 10 terms: 5e-5 of r; 21: below 1e-11.
        let n_terms = if T::IS_SINGLE { 10 } else { 21 };
        let mut found = Self { mu, student, limit, coefficients: [T::default(); MOST_TERMS], n_terms };
        // Chebyshev's series through its nodes, then by powers.
        let nodes: Vec<f64> = (0..n_terms).map(|m| (PI * (m as f64 + 0.5) / n_terms as f64).cos()).collect();
        let values: Vec<f64> = nodes.iter().map(|s| found.exact(0.5 * (s + 1.0) * limit).exp()).collect();
        let (mut powers, mut before, mut this) = (vec![0.0; n_terms], vec![0.0; n_terms], vec![0.0; n_terms]);
        this[0] = 1.0;
        for order in 0..n_terms {
            let sum: f64 =
                (0..n_terms).map(|m| values[m] * (PI * order as f64 * (m as f64 + 0.5) / n_terms as f64).cos()).sum();
            let coefficient = sum * if order == 0 { 1.0 } else { 2.0 } / n_terms as f64;
            powers.iter_mut().zip(&this).for_each(|(power, t)| *power += coefficient * t);
            // T_{k+1} = 2x·T_k − T_{k−1}
            let factor = if order == 0 { 1.0 } else { 2.0 };
            let next: Vec<f64> =
                (0..n_terms).map(|i| if i == 0 { 0.0 } else { factor * this[i - 1] } - before[i]).collect();
            before = std::mem::replace(&mut this, next);
        }
        for (coefficient, power) in found.coefficients.iter_mut().zip(powers.iter().rev()) {
            *coefficient = T::from_f64(*power);
        }
        found
    }

    /// ln r(c).
    fn exact(&self, c: f64) -> f64 {
        self.student.ln_share(-c) - self.mu * (1.0 - c * c).max(T::LEAST_RESIDUAL).ln()
    }
}

/// As [`super::reduce::sum_likelihoods`], of scales above 0: Σ_w (E − r or r)·inverse_root_a[w] = sum·2^exponent.
///
/// * `mu`: μ/ln 2.
/// * `inverse_root_a`: 1/√A of each rotation, times some number.
#[inline(always)]
pub(crate) fn sum_positive<T: Real, S: Simd<T>>(
    simd: S,
    values: &[S::V],
    (largest, smallest): (S::V, S::V),
    mu: f64,
    negative: &Negative<T>,
    inverse_root_a: &[T],
) -> Likelihoods {
    simd.call(Sum { values, bounds: (largest, smallest), mu, negative, inverse_root_a })
}

/// What [`sum_positive`] sums.
struct Sum<'a, T, V> {
    values: &'a [V],
    bounds: (V, V),
    mu: f64,
    negative: &'a Negative<T>,
    inverse_root_a: &'a [T],
}

impl<T: Real, S: Simd<T>> Part<T, S> for Sum<'_, T, S::V> {
    type Output = Likelihoods;

    #[inline(always)]
    fn run(self, simd: S) -> Likelihoods {
        sum_all(simd, self.values, self.bounds, self.mu, self.negative, self.inverse_root_a)
    }
}

#[inline(always)]
fn sum_all<T: Real, S: Simd<T>>(
    simd: S,
    values: &[S::V],
    (largest, smallest): (S::V, S::V),
    mu: f64,
    negative: &Negative<T>,
    inverse_root_a: &[T],
) -> Likelihoods {
    let zero = simd.splat(T::default());
    let positive = simd.max(largest, zero);
    let (top, logarithm) = choose_logarithm(simd, simd.mul(positive, positive));
    let (mut highest, mut lowest) = ([T::default(); MOST_LANES], [T::default(); MOST_LANES]);
    simd.store(largest, &mut highest);
    simd.store(smallest, &mut lowest);
    let mut result = match logarithm {
        Logarithm::Linear | Logarithm::Short => sum(simd, values, top, mu, negative, inverse_root_a, Logarithm::Short),
        Logarithm::Long => sum(simd, values, top, mu, negative, inverse_root_a, Logarithm::Long),
        Logarithm::Exact => sum(simd, values, top, mu, negative, inverse_root_a, Logarithm::Exact),
    };
    // What lies below the polynomial's reach counts only where nothing is far above 0.
    for lane in 0..S::LANES {
        if lowest[lane].to_f64() < -negative.limit && highest[lane].to_f64() < negative.limit {
            let scale = (-result.exponent[lane] * LN_2).exp();
            let at_limit = negative.exact(negative.limit).exp();
            let mut numbers = [T::default(); MOST_LANES];
            for (value, root) in values.iter().zip(inverse_root_a) {
                simd.store(*value, &mut numbers);
                let cc = numbers[lane].to_f64();
                if cc < -negative.limit {
                    result.sum[lane] += (negative.exact(-cc).exp() - at_limit) * scale * root.to_f64();
                }
            }
        }
    }
    result
}

#[inline(always)]
fn sum<T: Real, S: Simd<T>>(
    simd: S,
    values: &[S::V],
    top: S::V,
    mu: f64,
    negative: &Negative<T>,
    inverse_root_a: &[T],
    logarithm: Logarithm,
) -> Likelihoods {
    /// From so many bits on r is nothing beside the largest E.
    const LARGEST_BITS: [f64; 2] = [60.0, 30.0];
    let (zero, one) = (simd.splat(T::default()), simd.splat(T::from_f64(1.0)));
    let mu = simd.splat(T::from_f64(mu));
    let exponent = gain(simd, top, mu, zero, logarithm);
    let mut numbers = [T::default(); MOST_LANES];
    simd.store(exponent, &mut numbers);
    let mut result = Likelihoods { exponent: [0.0; MOST_LANES], sum: [0.0; MOST_LANES] };
    let mut least = f64::INFINITY;
    for lane in 0..S::LANES {
        result.exponent[lane] = numbers[lane].to_f64();
        least = least.min(result.exponent[lane]);
    }
    let needs_negative = least < LARGEST_BITS[usize::from(T::IS_SINGLE)];
    let scale = simd.power_of_two(simd.sub(zero, exponent));
    let limit = simd.splat(T::from_f64(negative.limit));
    let stretch = simd.splat(T::from_f64(2.0 / negative.limit));
    for (values, roots) in values.chunks(TERMS).zip(inverse_root_a.chunks(TERMS)) {
        let mut sum = zero;
        for (&cc, &root) in values.iter().zip(roots) {
            let positive = simd.max(cc, zero);
            let x = gain(simd, simd.mul(positive, positive), mu, exponent, logarithm);
            let mut term = simd.power_of_two(x);
            if needs_negative {
                let size = simd.min(simd.max(cc, simd.sub(zero, cc)), limit);
                let s = simd.sub(simd.mul(size, stretch), one);
                let mut r = simd.splat(negative.coefficients[0]);
                for coefficient in &negative.coefficients[1..negative.n_terms] {
                    r = simd.fma(r, s, simd.splat(*coefficient));
                }
                r = simd.mul(r, scale);
                term = simd.by_sign(cc, r, simd.sub(term, r));
            }
            sum = simd.fma(term, simd.splat(root), sum);
        }
        simd.store(sum, &mut numbers);
        for lane in 0..S::LANES {
            result.sum[lane] += numbers[lane].to_f64();
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polynomial<T: Real>(negative: &Negative<T>, c: f64) -> f64 {
        let s = T::from_f64(2.0 * c / negative.limit - 1.0);
        let terms = &negative.coefficients[..negative.n_terms];
        terms.iter().fold(T::default(), |sum, &term| sum * s + term).to_f64()
    }

    #[test]
    fn the_polynomial_is_r() {
        for mu in [23.0, 200.0, 25_000.0] {
            let (single, double) = (Negative::<f32>::new(mu), Negative::<f64>::new(mu));
            for step in 0..=100 {
                let c = single.limit * f64::from(step) / 100.0;
                let expected = single.exact(c).exp();
                let (f, d) = (polynomial(&single, c), polynomial(&double, c));
                assert!((f / expected - 1.0).abs() < 2e-4, "{mu} {c}: {f} {expected}");
                assert!((d / expected - 1.0).abs() < 1e-9, "{mu} {c}: {d} {expected}");
            }
        }
    }
}
