//! The interpolation kernel: by what the image is divided, and the weights that make up for it.

use std::f64::consts::PI;

/// Wave numbers at which weights are fitted; a few more than there are weights.
const N_NODES: usize = 24;
/// Pixels lie within this many turns per grid point from 0, since the grid has at least twice as many points.
const LAST_WAVE_NUMBER: f64 = 0.25;

/// Interpolates a Fourier transform between the points of its grid.
///
/// A pixel at coordinate x makes a wave of wave number ξ = x/N_g along the grid. It is scaled by
/// D(ξ) = s(ξ)/sinh s(ξ) · sinh β/β, s = √(β² − (γξ)²), which is 1 at the image's centre and rises to its rim. Then for
/// each position weights c are such that Σ_k c_k · D(ξ) · exp(−2πiξ·k) is exp(−2πiξu) for |ξ| ≤ 1/4, in the sense of least
/// squares. `docs/math.md` says why, and how well.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    beta: f64,
    gamma: f64,
}

/// Fits the weights of a number of neighbouring grid points.
#[derive(Debug, Clone)]
pub(crate) struct WeightFit {
    n_taps: usize,
    wave_numbers: Vec<f64>,
    /// Householder vectors of the columns, below and on the diagonal; above it the triangle R.
    columns: Vec<Vec<f64>>,
    diagonal: Vec<f64>,
}

impl Kernel {
    /// `width` is the number of grid points that the scaling is meant for, `shape` and `stretch` are the factors in
    /// β = shape·π·width·3/4 and γ = stretch·π·width; both are near 1, and found by trying.
    pub(crate) fn new(width: usize, [shape, stretch]: [f64; 2]) -> Self {
        Self { beta: shape * PI * width as f64 * 0.75, gamma: stretch * PI * width as f64 }
    }

    /// D(ξ) at pixel coordinate x.
    pub(crate) fn scaling(&self, x: f64, n_grid: usize) -> f64 {
        self.scaling_at(x / n_grid as f64)
    }

    /// D(ξ).
    pub(crate) fn scaling_at(&self, wave_number: f64) -> f64 {
        let q = self.gamma * wave_number;
        // Scalar for all pixels: q is at most a third of β and some.
        let s = (self.beta * self.beta - q * q).sqrt();
        s / s.sinh() * self.beta.sinh() / self.beta
    }

    /// Prepares to fit weights for `n_taps` neighbouring grid points.
    pub(crate) fn fit(&self, n_taps: usize) -> WeightFit {
        // Close together towards the rim, where the error would be largest.
        let wave_numbers: Vec<f64> =
            (0..N_NODES).map(|m| LAST_WAVE_NUMBER * (PI * (m as f64 + 0.5) / (2 * N_NODES) as f64).cos()).collect();
        let mut columns: Vec<Vec<f64>> = (0..n_taps)
            .map(|k| {
                let place = k as f64 - middle(n_taps);
                let waves = wave_numbers.iter().map(|&xi| (self.scaling_at(xi), (2.0 * PI * xi * place).sin_cos()));
                waves.flat_map(|(scaling, (sin, cos))| [scaling * cos, scaling * sin]).collect()
            })
            .collect();
        let diagonal = factorise(&mut columns);
        WeightFit { n_taps, wave_numbers, columns, diagonal }
    }
}

/// Householder's QR in place, of a matrix given by its columns; returns the triangle's diagonal. The weights are far from
/// independent, and normal equations would lose twice the digits.
fn factorise(columns: &mut [Vec<f64>]) -> Vec<f64> {
    let mut diagonal = Vec::with_capacity(columns.len());
    for k in 0..columns.len() {
        let (reflector, rest) = columns[k..].split_first_mut().expect("k is below the number of columns");
        let norm = reflector[k..].iter().map(|value| value * value).sum::<f64>().sqrt();
        let pivot = if reflector[k] > 0.0 { -norm } else { norm };
        reflector[k] -= pivot;
        diagonal.push(pivot);
        for column in rest {
            reflect(&reflector[k..], &mut column[k..]);
        }
    }
    diagonal
}

/// The x that makes |A x − values| least, for what [`factorise`] made of A.
fn solve(columns: &[Vec<f64>], diagonal: &[f64], mut values: Vec<f64>) -> Vec<f64> {
    for (k, column) in columns.iter().enumerate() {
        reflect(&column[k..], &mut values[k..]);
    }
    values.truncate(columns.len());
    for k in (0..columns.len()).rev() {
        values[k] /= diagonal[k];
        let value = values[k];
        for (other, coefficient) in values[..k].iter_mut().zip(&columns[k]) {
            *other -= coefficient * value;
        }
    }
    values
}

/// The x that makes |A x − values| least, A given by its columns.
pub(crate) fn least_squares(mut columns: Vec<Vec<f64>>, values: Vec<f64>) -> Vec<f64> {
    let diagonal = factorise(&mut columns);
    solve(&columns, &diagonal, values)
}

/// The middle of `n_taps` places from 0 on.
fn middle(n_taps: usize) -> f64 {
    (n_taps - 1) as f64 / 2.0
}

/// values − 2·v·(v · values)/(v · v)
fn reflect(v: &[f64], values: &mut [f64]) {
    let (mut product, mut square) = (0.0, 0.0);
    for (a, b) in v.iter().zip(values.iter()) {
        product += a * b;
        square += a * a;
    }
    if square > 0.0 {
        let factor = 2.0 * product / square;
        for (value, a) in values.iter_mut().zip(v) {
            *value -= factor * a;
        }
    }
}

impl WeightFit {
    /// The first of the grid points that lie around `u`, a multiple of `alignment`; their middle is at most half of that
    /// away from `u`.
    pub(crate) fn first_tap(&self, u: f64, alignment: usize) -> i64 {
        let alignment = alignment as f64;
        (((u - middle(self.n_taps)) / alignment).round() * alignment) as i64
    }

    /// The weights at `u` of the grid points from `first` on.
    pub(crate) fn weights(&self, u: f64, first: i64) -> Vec<f64> {
        let place = u - first as f64 - middle(self.n_taps);
        let waves = self.wave_numbers.iter().map(|&xi| (2.0 * PI * xi * place).sin_cos());
        solve(&self.columns, &self.diagonal, waves.flat_map(|(sin, cos)| [cos, sin]).collect())
    }
}
