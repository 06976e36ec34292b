//! From the grid to the points of a slice.

use num_complex::Complex;

use super::axis::Axis;
use super::volume::{Layout, Slab};
use super::weights::{PADDED, SliceReal, WeightTable};
use crate::polar::simd::{Kernel, Simd};

/// Vectors that a row of W complex numbers fills, at most.
const MAX_VECTORS: usize = 14;

/// The points of one slice that lie in one slab.
pub(super) struct Interpolate<'a, T> {
    pub axes: &'a [Axis; 3],
    pub layout: &'a Layout,
    pub table: &'a WeightTable<T>,
    pub slab: &'a Slab,
    /// Points with coordinates u₀ from this on and below that are the slab's.
    pub u0: std::ops::Range<f64>,
    /// q of the shells, in 1/Å, as far as the structure's transform is not set to 0.
    pub q: &'a [f64],
    /// For each angle that is computed, grid coordinates per q.
    pub directions: &'a [[f64; 3]],
    /// For each of them, what q·that many turns are to be added to the phase, negative, for a grid whose middle is not the
    /// origin.
    pub shifts: Option<&'a [f64]>,
    /// `[n_shells, n_inplanes]`.
    pub out: &'a mut [Complex<T>],
    pub n_inplanes: usize,
}

impl<T: SliceReal> Kernel<T> for Interpolate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        match self.table.width() {
            4 => self.run_with::<S, 4>(simd),
            8 => self.run_with::<S, 8>(simd),
            _ => self.run_with::<S, 14>(simd),
        }
    }
}

impl<T: SliceReal> Interpolate<'_, T> {
    #[inline(always)]
    fn run_with<S: Simd<T>, const W: usize>(self, simd: S) {
        let numbers = self.slab.numbers::<T>();
        let wraps = self.axes[0].wraps || self.axes[1].wraps || self.axes[2].wraps;
        let low = self.layout.low;
        let first_plane = low[0] + self.slab.first as i64;
        for (j, &direction) in self.directions.iter().enumerate() {
            // Only u₀ ≥ 0 is stored: F(−k) = conj F(k).
            let flipped = direction[0] < 0.0;
            let direction = if flipped { direction.map(|d| -d) } else { direction };
            for (n, &q) in self.q.iter().enumerate() {
                let (mut u, mut conjugate) = (direction.map(|d| d * q), flipped);
                if wraps {
                    for axis in 0..3 {
                        let period = self.axes[axis].n_grid as f64;
                        u[axis] -= period * (u[axis] / period + 0.5).floor();
                    }
                    if u[0] < 0.0 {
                        u = u.map(|u| -u);
                        conjugate = !conjugate;
                    }
                }
                if !(u[0] >= self.u0.start && u[0] < self.u0.end) {
                    continue;
                }
                let (first_0, weights_0) = evaluate::<T, S, W>(simd, self.table, u[0]);
                let (first_1, weights_1) = evaluate::<T, S, W>(simd, self.table, u[1]);
                let (first_2, weights_2) = evaluate::<T, S, W>(simd, self.table, u[2]);
                let start = (first_0 - first_plane) as usize * self.layout.plane
                    + (first_1 - low[1]) as usize * self.layout.row
                    + (first_2 - low[2]) as usize;
                let mut value =
                    weighted_cube::<T, S, W>(simd, numbers, start, self.layout, [&weights_0, &weights_1, &weights_2]);
                if conjugate {
                    value = value.conj();
                }
                if let Some(shifts) = self.shifts {
                    let turns = shifts[j] * q;
                    let (sin, cos) = (std::f64::consts::TAU * (turns - (turns + 0.5).floor())).sin_cos();
                    value = value * Complex::new(T::rounded(cos), T::rounded(-sin));
                }
                self.out[n * self.n_inplanes + j] = value;
            }
        }
    }
}

/// The first grid point around `u`, and the weights from there on.
#[inline(always)]
fn evaluate<T: SliceReal, S: Simd<T>, const W: usize>(simd: S, table: &WeightTable<T>, u: f64) -> (i64, [T; PADDED]) {
    let (first, coefficients, place) = table.locate(u);
    let coefficients = &coefficients[..(T::DEGREE + 1) * PADDED];
    let place = simd.splat(place);
    let mut weights = [T::zero(); PADDED];
    for lane in (0..W).step_by(S::LANES) {
        let mut sum = simd.load(&coefficients[lane..]);
        for power in 1..=T::DEGREE {
            sum = simd.mul_add(sum, place, simd.load(&coefficients[power * PADDED + lane..]));
        }
        weights[lane..lane + S::LANES].copy_from_slice(bytemuck::cast_slice(std::slice::from_ref(&sum)));
    }
    (first, weights)
}

/// Σ_a Σ_b Σ_c weight₀(a)·weight₁(b)·weight₂(c)·G(a, b, c) over a cube of W × W × W complex numbers from `start` on.
///
/// # Panics
/// When the cube reaches past the end of the grid.
#[inline(always)]
#[allow(unsafe_code)]
fn weighted_cube<T: SliceReal, S: Simd<T>, const W: usize>(
    simd: S,
    numbers: &[T],
    start: usize,
    layout: &Layout,
    [weights_0, weights_1, weights_2]: [&[T; PADDED]; 3],
) -> Complex<T> {
    let n_vectors = (2 * W).div_ceil(S::LANES);
    let (plane, row) = (2 * layout.plane, 2 * layout.row);
    let start = 2 * start;
    let reach = (W - 1) * (plane + row) + n_vectors * S::LANES;
    assert!(start < numbers.len() && reach <= numbers.len() - start, "the cube lies within the grid");
    let mut totals = [simd.splat(T::zero()); MAX_VECTORS];
    for b in 0..W {
        let mut sums = [simd.splat(T::zero()); MAX_VECTORS];
        for a in 0..W {
            let weight = simd.splat(weights_0[a]);
            let line = start + a * plane + b * row;
            for k in 0..n_vectors {
                let from = line + k * S::LANES;
                // SAFETY: a and b are below W, and the end of the last vector of the last line has been checked.
                let values = simd.load(unsafe { numbers.get_unchecked(from..from + S::LANES) });
                sums[k] = simd.mul_add(weight, values, sums[k]);
            }
        }
        let weight = simd.splat(weights_1[b]);
        for k in 0..n_vectors {
            totals[k] = simd.mul_add(weight, sums[k], totals[k]);
        }
    }
    // Added up in an order that does not depend on the number of lanes: four numbers at a time. Weights past the W-th are
    // 0, and what has been read beyond the row is a number.
    let mut four = [T::zero(); 4];
    for k in 0..n_vectors {
        let products = simd.mul(simd.load_twice(&weights_2[k * S::LANES / 2..]), totals[k]);
        for (lane, &product) in bytemuck::cast_slice::<_, T>(std::slice::from_ref(&products)).iter().enumerate() {
            let total = &mut four[(k * S::LANES + lane) % 4];
            *total = *total + product;
        }
    }
    Complex::new(four[0] + four[2], four[1] + four[3])
}
