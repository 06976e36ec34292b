//! From the grid to the points of a slice.

use num_complex::Complex;

use super::axis::Axis;
use super::volume::{Layout, Slab};
use super::weights::{PADDED, SHORT, SHORT_TERMS, SliceReal, WeightTable};
use crate::polar::simd::{Kernel, OCTET, Simd};
use crate::waves::sin_cos_turns;

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
        let wraps = self.axes.iter().any(|axis| axis.wraps);
        match self.table.width() {
            // The whole grid, as a rule.
            4 if !wraps && self.u0.start == 0.0 && self.u0.end == f64::INFINITY => self.run_short(simd),
            4 => self.run_with::<S, 4>(simd),
            8 => self.run_with::<S, 8>(simd),
            _ => self.run_with::<S, 14>(simd),
        }
    }
}

/// Shells that are interpolated together; as many as the longest vector has lanes, at least.
const SHELLS: usize = 16;
/// 1.5·2⁵²: added to a whole number, it leaves that in the last bits.
const WHOLE: f64 = 6_755_399_441_055_744.0;
/// Angles whose values are put in their places together.
const ANGLES: usize = 8;

impl<T: SliceReal> Interpolate<'_, T> {
    /// With four neighbours along each axis: the weights of many points at once, and a row of the cube in one vector.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run_short<S: Simd<T>>(self, simd: S) {
        let numbers = self.slab.numbers::<T>();
        let short = self.table.short().expect("of four neighbours there are such weights");
        let low = [self.layout.low[0] + self.slab.first as i64, self.layout.low[1], self.layout.low[2]];
        let strides = [self.layout.plane, self.layout.row, 1];
        let (plane, row) = (2 * self.layout.plane, 2 * self.layout.row);
        let n_shells = self.q.len();
        let mut values = vec![Complex::new(T::zero(), T::zero()); ANGLES * n_shells];
        for (block, directions) in self.directions.chunks(ANGLES).enumerate() {
            for (angle, (&direction, values)) in directions.iter().zip(values.chunks_exact_mut(n_shells)).enumerate() {
                // Only u₀ ≥ 0 is stored: F(−k) = conj F(k).
                let flipped = direction[0] < 0.0;
                let direction = if flipped { direction.map(|d| -d) } else { direction };
                let turns = self.shifts.map(|shifts| shifts[block * ANGLES + angle]);
                for (q, values) in self.q.chunks(SHELLS).zip(values.chunks_mut(SHELLS)) {
                    let mut starts = [0_i64; SHELLS];
                    let mut weights = [[[T::zero(); SHELLS]; SHORT]; 3];
                    for axis in 0..3 {
                        let mut places = [T::zero(); SHELLS];
                        for ((q, start), place) in q.iter().zip(&mut starts).zip(&mut places) {
                            let shifted = direction[axis] * q - 1.0;
                            let first = shifted.floor();
                            *place = T::rounded(2.0 * (shifted - first) - 1.0);
                            // A whole number far below 2⁵²: its last bits, without the checks of a cast.
                            let whole = (first + WHOLE).to_bits() as i32;
                            *start += (i64::from(whole) - low[axis]) * strides[axis] as i64;
                        }
                        for lane in (0..SHELLS).step_by(S::LANES) {
                            let z = simd.load(&places[lane..]);
                            let y = simd.mul(z, z);
                            for tap in 0..SHORT / 2 {
                                let mut even = simd.splat(short.even[tap][SHORT_TERMS - 1]);
                                let mut odd = simd.splat(short.odd[tap][SHORT_TERMS - 1]);
                                for power in (0..SHORT_TERMS - 1).rev() {
                                    even = simd.mul_add(even, y, simd.splat(short.even[tap][power]));
                                    odd = simd.mul_add(odd, y, simd.splat(short.odd[tap][power]));
                                }
                                let (this, other) = (simd.mul_add(z, odd, even), simd.neg_mul_add(z, odd, even));
                                let of_lanes = lane..lane + S::LANES;
                                weights[axis][tap][of_lanes.clone()]
                                    .copy_from_slice(bytemuck::cast_slice(std::slice::from_ref(&this)));
                                weights[axis][SHORT - 1 - tap][of_lanes]
                                    .copy_from_slice(bytemuck::cast_slice(std::slice::from_ref(&other)));
                            }
                        }
                    }
                    let mut phases = [Complex::new(T::zero(), T::zero()); SHELLS];
                    if let Some(turns) = turns {
                        for (q, phase) in q.iter().zip(&mut phases) {
                            let (sin, cos) = sin_cos_turns(turns * q);
                            *phase = Complex::new(T::rounded(cos), T::rounded(-sin));
                        }
                    }
                    let [along_0, along_1, along_2] = &weights;
                    for (k, value) in values.iter_mut().enumerate() {
                        let start = 2 * starts[k] as usize;
                        let reach = (SHORT - 1) * (plane + row) + OCTET;
                        assert!(
                            start < numbers.len() && reach <= numbers.len() - start,
                            "the cube lies within the grid"
                        );
                        let mut total = simd.splat_octet(T::zero());
                        for b in 0..SHORT {
                            let mut sum = simd.splat_octet(T::zero());
                            for a in 0..SHORT {
                                let from = start + a * plane + b * row;
                                // SAFETY: a and b are below SHORT, and the end of the last row has been checked; `OCTET` numbers
                                // that stand side by side are an array of them.
                                let of_row = unsafe { &*numbers.as_ptr().add(from).cast::<[T; OCTET]>() };
                                sum = simd.mul_add_octet(simd.splat_octet(along_0[a][k]), simd.load_octet(of_row), sum);
                            }
                            total = simd.mul_add_octet(simd.splat_octet(along_1[b][k]), sum, total);
                        }
                        let [a, b, c, d] = [along_2[0][k], along_2[1][k], along_2[2][k], along_2[3][k]];
                        let mut eight = [a, a, b, b, c, c, d, d];
                        simd.store_octet(simd.mul_octet(simd.load_octet(&eight), total), &mut eight);
                        let [r0, i0, r1, i1, r2, i2, r3, i3] = eight;
                        let mut found = Complex::new((r0 + r2) + (r1 + r3), (i0 + i2) + (i1 + i3));
                        if flipped {
                            found = found.conj();
                        }
                        *value = if turns.is_some() { found * phases[k] } else { found };
                    }
                }
            }
            let first = block * ANGLES;
            for (n, out) in self.out.chunks_exact_mut(self.n_inplanes).take(n_shells).enumerate() {
                for (angle, out) in out[first..first + directions.len()].iter_mut().enumerate() {
                    *out = values[angle * n_shells + n];
                }
            }
        }
    }

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
