//! Interpolation weights as piecewise polynomials, to be had for any position without a table of points.

use crate::polar::Real;
use crate::polar::kernel::{Kernel, WeightFit};

/// Weights that are stored for a position: as many as the widest kernel has, and zeros up to whole vectors.
pub(super) const PADDED: usize = 16;

/// The type that slices are computed in: `f32` or `f64`.
pub trait SliceReal: Real {
    /// Number of grid points W that a value is computed from, along each axis.
    #[doc(hidden)]
    const WIDTH: usize;
    /// Shape and stretch of the scaling D that goes with it.
    #[doc(hidden)]
    const SHAPE: [f64; 2];
    /// The same of values that need be good to a few digits only.
    #[doc(hidden)]
    const COARSE_WIDTH: usize;
    /// Shape and stretch that go with those.
    #[doc(hidden)]
    const COARSE_SHAPE: [f64; 2];
    /// Equal pieces of the interval between two grid points.
    #[doc(hidden)]
    const PIECES: usize;
    /// Degree of the polynomial on each.
    #[doc(hidden)]
    const DEGREE: usize;
    /// The allowed relative error of beads on a grid: ε.
    #[doc(hidden)]
    const SPREADING: f64;
    /// How many standard deviations of a Gaussian are counted as its extent.
    #[doc(hidden)]
    const EXTENT: f64;
    /// Terms of the series that approximates D after the transform.
    #[doc(hidden)]
    const SCALING_TERMS: usize;
    /// Roughly how long one interpolated value takes, in nanoseconds; to choose between methods.
    #[doc(hidden)]
    const VALUE_NS: f64;
}

/// 8 points: each axis errs by 4.4e-8 at most (root mean square over positions).
impl SliceReal for f32 {
    const WIDTH: usize = 8;
    const SHAPE: [f64; 2] = [0.995, 1.0175];
    /// 4 points: 3.2e-4.
    const COARSE_WIDTH: usize = 4;
    const COARSE_SHAPE: [f64; 2] = [0.92, 1.02];
    const PIECES: usize = 32;
    const DEGREE: usize = 4;
    const SPREADING: f64 = 3e-8;
    const EXTENT: f64 = 3.0;
    const SCALING_TERMS: usize = 10;
    const VALUE_NS: f64 = 120.0;
}

/// 14 points: 6.4e-14.
impl SliceReal for f64 {
    const WIDTH: usize = 14;
    const SHAPE: [f64; 2] = [1.0108, 1.0222];
    /// Those of single precision.
    const COARSE_WIDTH: usize = 8;
    const COARSE_SHAPE: [f64; 2] = [0.995, 1.0175];
    const PIECES: usize = 16;
    const DEGREE: usize = 8;
    const SPREADING: f64 = 1e-14;
    const EXTENT: f64 = 5.0;
    const SCALING_TERMS: usize = 19;
    const VALUE_NS: f64 = 1000.0;
}

/// The scaling D that goes with the weights.
pub(super) fn kernel<T: SliceReal>(coarse: bool) -> Kernel {
    match coarse {
        true => Kernel::new(T::COARSE_WIDTH, T::COARSE_SHAPE),
        false => Kernel::new(T::WIDTH, T::SHAPE),
    }
}

/// The weights of the neighbouring grid points for every position between them.
#[derive(Debug)]
pub(super) struct WeightTable<T> {
    /// `[pieces, degree + 1, PADDED]`: coefficients by falling power of the place in the piece, −1 to 1.
    coefficients: Vec<T>,
    /// How many neighbours.
    width: usize,
    /// The same for all positions at once, where there are few neighbours.
    short: Option<ShortWeights<T>>,
}

/// The weights of four neighbours as polynomials of the place between the middle two, −1 to 1: w_t(z) = E_t(z²) + z·O_t(z²), and
/// by symmetry w_{3−t}(z) = w_t(−z).
#[derive(Debug)]
pub(super) struct ShortWeights<T> {
    /// E of the first two, by rising power.
    pub(super) even: [[T; SHORT_TERMS]; 2],
    /// O of the first two.
    pub(super) odd: [[T; SHORT_TERMS]; 2],
}

/// Neighbours that [`ShortWeights`] are for.
pub(super) const SHORT: usize = 4;
/// Terms of their polynomials.
pub(super) const SHORT_TERMS: usize = 5;

impl<T: SliceReal> ShortWeights<T> {
    fn new(fit: &WeightFit) -> Self {
        let nodes: Vec<f64> = (0..2 * SHORT_TERMS)
            .map(|m| (std::f64::consts::PI * (m as f64 + 0.5) / (2 * SHORT_TERMS) as f64).cos())
            .collect();
        let weights: Vec<Vec<f64>> =
            nodes.iter().map(|node| fit.weights((SHORT - 1) as f64 / 2.0 + 0.5 * node, 0)).collect();
        let of_tap = |tap: usize| polynomial(&nodes, weights.iter().map(|weights| weights[tap]).collect());
        let polynomials = [of_tap(0), of_tap(1)];
        let every_other = |tap: usize, first: usize| -> [T; SHORT_TERMS] {
            std::array::from_fn(|power| T::rounded(polynomials[tap][first + 2 * power]))
        };
        Self { even: [every_other(0, 0), every_other(1, 0)], odd: [every_other(0, 1), every_other(1, 1)] }
    }
}

impl<T: SliceReal> WeightTable<T> {
    pub(super) fn new(coarse: bool) -> Self {
        let width = if coarse { T::COARSE_WIDTH } else { T::WIDTH };
        let fit = kernel::<T>(coarse).fit(width);
        let n_nodes = T::DEGREE + 1;
        let mut coefficients = Vec::with_capacity(Self::bytes() / size_of::<T>());
        for piece in 0..T::PIECES {
            // Chebyshev's nodes on the piece, as places from −1 to 1; the polynomial through the weights there.
            let nodes: Vec<f64> =
                (0..n_nodes).map(|m| (std::f64::consts::PI * (m as f64 + 0.5) / n_nodes as f64).cos()).collect();
            let weights: Vec<Vec<f64>> = nodes
                .iter()
                .map(|node| {
                    let fraction = (piece as f64 + 0.5 + 0.5 * node) / T::PIECES as f64 - 0.5;
                    fit.weights((width - 1) as f64 / 2.0 + fraction, 0)
                })
                .collect();
            let polynomials: Vec<Vec<f64>> = (0..width)
                .map(|tap| polynomial(&nodes, weights.iter().map(|weights| weights[tap]).collect()))
                .collect();
            for power in (0..n_nodes).rev() {
                coefficients.extend(
                    (0..PADDED).map(|tap| T::rounded(polynomials.get(tap).map_or(0.0, |polynomial| polynomial[power]))),
                );
            }
        }
        Self { coefficients, width, short: (width == SHORT).then(|| ShortWeights::new(&fit)) }
    }

    /// The weights of four neighbours, where there are four.
    #[inline(always)]
    pub(super) fn short(&self) -> Option<&ShortWeights<T>> {
        self.short.as_ref()
    }

    /// How many neighbours there are.
    #[inline(always)]
    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn bytes() -> usize {
        T::PIECES * (T::DEGREE + 1) * PADDED * size_of::<T>()
    }

    /// The first of the grid points around `u`, the coefficients of the piece that `u` is in, and its place in it.
    #[inline(always)]
    pub(super) fn locate(&self, u: f64) -> (i64, &[T], T) {
        let middle = (self.width - 1) as f64 / 2.0;
        let shifted = u - middle + 0.5;
        let first = shifted.floor();
        let scaled = (shifted - first) * T::PIECES as f64;
        let piece = (scaled as usize).min(T::PIECES - 1);
        let len = (T::DEGREE + 1) * PADDED;
        let place = 2.0 * (scaled - piece as f64) - 1.0;
        (first as i64, &self.coefficients[piece * len..][..len], T::rounded(place))
    }
}

/// The coefficients, by rising power, of the polynomial through `values` at `nodes` (Newton's divided differences).
pub(super) fn polynomial(nodes: &[f64], mut values: Vec<f64>) -> Vec<f64> {
    let n = nodes.len();
    for order in 1..n {
        for k in (order..n).rev() {
            values[k] = (values[k] - values[k - 1]) / (nodes[k] - nodes[k - order]);
        }
    }
    let mut coefficients = vec![0.0; n];
    for k in (0..n).rev() {
        // coefficients = coefficients · (x − nodes[k]) + values[k]
        for power in (1..n).rev() {
            coefficients[power] = coefficients[power - 1] - nodes[k] * coefficients[power];
        }
        coefficients[0] = values[k] - nodes[k] * coefficients[0];
    }
    coefficients
}

/// A filter that does after the transform what the scaling D does before it: Σ_m d_m cos(2πmξ) is D(ξ) for |ξ| ≤ 1/4.
///
/// Returns d_0, then each 2 d_m halved: the taps at 0, ±1, ±2, …
pub(super) fn scaling_taps<T: SliceReal>(coarse: bool) -> Vec<f64> {
    let kernel = kernel::<T>(coarse);
    const N_NODES: usize = 96;
    let nodes: Vec<f64> =
        (0..N_NODES).map(|m| 0.25 * (std::f64::consts::PI * (m as f64 + 0.5) / (2 * N_NODES) as f64).cos()).collect();
    let columns = (0..=T::SCALING_TERMS)
        .map(|m| {
            let factor = if m == 0 { 1.0 } else { 2.0 };
            nodes.iter().map(|xi| factor * (std::f64::consts::TAU * m as f64 * xi).cos()).collect()
        })
        .collect();
    let values = nodes.iter().map(|&xi| kernel.scaling_at(xi)).collect();
    crate::polar::kernel::least_squares(columns, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    /// The largest over wave numbers up to 1/4 of the root mean square, over positions, of what D and the weights err by.
    fn error<T: SliceReal>(coarse: bool) -> f64 {
        let (table, kernel) = (WeightTable::<T>::new(coarse), kernel::<T>(coarse));
        let positions: Vec<f64> = (0..77).map(|k| 3.0 + k as f64 / 77.0).collect();
        let mut worst = 0.0_f64;
        for step in 0..=50 {
            let xi = 0.005 * f64::from(step);
            let mut square = 0.0;
            for &u in &positions {
                let (first, coefficients, place) = table.locate(u);
                let (mut re, mut im) = (0.0, 0.0);
                for tap in 0..table.width() {
                    let weight =
                        coefficients.chunks(PADDED).fold(0.0, |sum, c| sum * place.widened() + c[tap].widened());
                    let (sin, cos) = (TAU * xi * ((first + tap as i64) as f64 - u)).sin_cos();
                    re += weight * cos;
                    im += weight * sin;
                }
                let d = kernel.scaling_at(xi);
                square += (d * re - 1.0).powi(2) + (d * im).powi(2);
            }
            worst = worst.max((square / positions.len() as f64).sqrt());
        }
        worst
    }

    #[test]
    fn weights_interpolate_waves() {
        let (single, double) = (error::<f32>(false), error::<f64>(false));
        println!("single {single:.2e}, double {double:.2e}");
        // 4.4e-8 and the weights' rounding, half of 6e-8 for each of eight.
        assert!(single < 7e-8, "{single:e}");
        assert!(double < 7e-14, "{double:e}");
        let (single, double) = (error::<f32>(true), error::<f64>(true));
        assert!(single < 3.3e-4 && double < 5e-8, "{single:e} {double:e}");
    }

    #[test]
    fn few_weights_are_the_same_for_all_positions_at_once() {
        let table = WeightTable::<f32>::new(true);
        let short = table.short().unwrap();
        let value = |terms: &[f32; SHORT_TERMS], y: f32| terms.iter().rev().fold(0.0, |sum, term| sum * y + term);
        for step in 0..1000 {
            let u = 7.0 + f64::from(step) / 1000.0;
            let (first, coefficients, place) = table.locate(u);
            let z = (2.0 * (u - 1.0 - first as f64) - 1.0) as f32;
            for tap in 0..SHORT {
                let expected = coefficients.chunks(PADDED).fold(0.0, |sum, c| sum * place + c[tap]);
                let (own, sign) = if tap < 2 { (tap, 1.0) } else { (3 - tap, -1.0) };
                let found = value(&short.even[own], z * z) + sign * z * value(&short.odd[own], z * z);
                assert!((found - expected).abs() < 2e-6, "{u} {tap}: {found} {expected}");
            }
        }
    }

    #[test]
    fn the_polynomial_goes_through_its_points() {
        // 2 − x + 3x² at −1, 0, 2.
        let coefficients = polynomial(&[-1.0, 0.0, 2.0], vec![6.0, 2.0, 12.0]);
        for (value, expected) in coefficients.iter().zip([2.0, -1.0, 3.0]) {
            assert!((value - expected).abs() < 1e-14);
        }
    }

    fn scaling_error<T: SliceReal>(coarse: bool) -> f64 {
        let (taps, kernel) = (scaling_taps::<T>(coarse), kernel::<T>(coarse));
        (0..=200)
            .map(|step| 0.25 * f64::from(step) / 200.0)
            .map(|xi| {
                let sum = |sum: f64, (m, tap): (usize, &f64)| sum + 2.0 * tap * (TAU * m as f64 * xi).cos();
                (taps.iter().enumerate().skip(1).fold(taps[0], sum) / kernel.scaling_at(xi) - 1.0).abs()
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn the_scaling_may_come_after_the_transform() {
        let (single, double) = (scaling_error::<f32>(false), scaling_error::<f64>(false));
        println!("single {single:.2e}, double {double:.2e}");
        assert!(single < 3e-8, "{single:e}");
        assert!(double < 1e-13, "{double:e}");
        let (single, double) = (scaling_error::<f32>(true), scaling_error::<f64>(true));
        assert!(single < 1e-5 && double < 1e-8, "{single:e} {double:e}");
    }
}
