//! The transform by gridding, for any polar grid: scale the image, transform it to an oversampled grid, interpolate there.
//!
//! Half of the grid is enough, since G(−a, −b) = conj G(a, b) for a real image, and with an even number of angles half of
//! the points, since F(θ + π) = conj F(θ). [`folded`](super::folded) does better where 4 divides their number.

use num_complex::Complex;

use super::aligned::Aligned;
use super::bytes::TransformBytes;
use super::fft::{self, Lanes};
use super::kernel::Kernel;
use super::scalar::{Pixel, Scalar};
use super::simd::{self, InstructionSet, Simd};
use super::spectrum::{HalfPlane, HalfPlaneScratch, grid_side};
use crate::grid::PolarGrid;

/// Reals that are read of a line: the widest kernel's complex numbers, and up to a full vector.
const MAX_LINE_READ: usize = 32;

/// All that the points and the box side determine.
#[derive(Debug)]
pub(super) struct Gridding<T: Scalar> {
    set: InstructionSet,
    n_inplanes: usize,
    half_plane: HalfPlane<T>,
    layout: LineLayout,
    /// `[n_shells, computed angles]`
    taps: Vec<Taps>,
    /// `[n_shells, computed angles, 2 w]`: kernel weights along axis 1, then along axis 0; and zeros, to read past the
    /// last.
    weights: Vec<T>,
}

/// Where the kernel's square begins in the half plane, and whether the point was turned by π to lie there.
#[derive(Debug, Clone, Copy)]
struct Taps {
    start: u32,
    conjugate: bool,
}

/// The oversampled half plane as it is stored: line b + N_g/2 + halo holds G(a, b) for a = −halo … N_g/2 + halo, for
/// b = −(N_g/2 + halo) … N_g/2 + halo.
#[derive(Debug, Clone, Copy)]
struct LineLayout {
    n_grid: usize,
    halo: usize,
    n_lines: usize,
    line_len: usize,
}

/// Buffers for one image.
#[derive(Debug)]
pub(super) struct GriddingScratch {
    half_plane: HalfPlaneScratch,
    lines: Aligned,
}

impl LineLayout {
    fn new<T: Scalar>(n_pixels: usize, lanes: usize) -> Self {
        let halo = T::KERNEL_WIDTH / 2 + 1;
        let n_grid = grid_side(n_pixels);
        // Blocks of lanes are stored whole, and lines are read by whole vectors: both may reach past the end.
        Self { n_grid, halo, n_lines: n_grid + 1 + 2 * halo, line_len: n_grid / 2 + 1 + 2 * halo + lanes }
    }

    fn len(&self) -> usize {
        self.n_lines * self.line_len + MAX_LINE_READ
    }

    /// Line b of the grid.
    fn line(&self, b: i64) -> usize {
        (b + (self.n_grid / 2 + self.halo) as i64) as usize * self.line_len
    }

    /// Stores a block of the half plane: G(block·lanes + lane, b) from place b of `frequencies`.
    #[inline(always)]
    fn store_block<T: Scalar, S: Simd<T>>(
        &self,
        simd: S,
        block: usize,
        frequencies: &[Lanes<S::Vector>],
        values: &mut [Complex<T>],
    ) {
        let half = self.n_grid / 2;
        let frequencies = &frequencies[..self.n_grid];
        // b = −N_g/2 … N_g/2 − 1
        let lines = values.chunks_exact_mut(self.line_len).skip(self.halo);
        for (line, b) in lines.zip((half..self.n_grid).chain(0..half)) {
            let lanes = frequencies[fft::place(self.n_grid, b)];
            let place = &mut line[self.halo + block * S::LANES..][..S::LANES];
            bytemuck::cast_slice_mut(place)
                .copy_from_slice(bytemuck::cast_slice::<_, T>(&simd.interleave(lanes.re, lanes.im)));
        }
    }

    /// Fills what lies beyond the half plane from what lies within.
    #[inline(always)]
    fn fill_halo<T: Scalar>(&self, values: &mut [Complex<T>]) {
        let half = (self.n_grid / 2) as i64;
        // Along b the grid repeats after N_g.
        for b in (-half - self.halo as i64..-half).chain(half..=half + self.halo as i64) {
            let source = self.line(if b < 0 { b + 2 * half } else { b - 2 * half });
            values.copy_within(source..source + self.line_len, self.line(b));
        }
        // G(−t, b) = conj G(t, −b), and N_g/2 + t is −(N_g/2 − t), a period on.
        for b in -half - self.halo as i64..=half + self.halo as i64 {
            let (target, source) = (self.line(b), self.line(-b));
            let end = self.halo + self.n_grid / 2;
            for t in 1..=self.halo {
                values[target + self.halo - t] = values[source + self.halo + t].conj();
                values[target + end + t] = values[source + end - t].conj();
            }
        }
    }
}

impl<T: Scalar> Gridding<T> {
    pub(super) fn plan(set: InstructionSet, n_pixels: usize, grid: &PolarGrid) -> Self {
        let layout = LineLayout::new::<T>(n_pixels, T::lanes(set));
        let kernel = Kernel::new(T::KERNEL_WIDTH, T::KERNEL_SHAPE);
        let fit = kernel.fit(T::KERNEL_WIDTH);
        let n_angles = computed_angles(grid.n_inplanes());
        let mut taps = Vec::with_capacity(grid.n_shells() * n_angles);
        let mut weights = Vec::with_capacity(taps.capacity() * 2 * T::KERNEL_WIDTH + MAX_LINE_READ);
        // Grid coordinates: a turn of 4πr/N radians per pixel is 2r/N turns, 2r·N_g/N grid points.
        let scale = 2.0 * layout.n_grid as f64 / n_pixels as f64;
        for &radius in grid.radii() {
            for j in 0..n_angles {
                let (cos, sin) = grid.direction(j);
                let conjugate = cos < 0.0;
                let turned = if conjugate { -scale * radius } else { scale * radius };
                let (u, v) = (turned * cos, turned * sin);
                let (first_a, first_b) = (fit.first_tap(u, 1), fit.first_tap(v, 1));
                let place = layout.line(first_b) + (first_a + layout.halo as i64) as usize;
                taps.push(Taps { start: place as u32, conjugate });
                for (position, first) in [(v, first_b), (u, first_a)] {
                    weights.extend(fit.weights(position, first).into_iter().map(T::rounded));
                }
            }
        }
        weights.resize(weights.len() + MAX_LINE_READ, T::zero());
        Self {
            set,
            n_inplanes: grid.n_inplanes(),
            half_plane: HalfPlane::plan(n_pixels, layout.n_grid, &kernel),
            layout,
            taps,
            weights,
        }
    }

    pub(super) fn estimate_bytes(
        set: InstructionSet,
        n_pixels: usize,
        n_shells: usize,
        n_inplanes: usize,
    ) -> TransformBytes {
        let lanes = T::lanes(set);
        let layout = LineLayout::new::<T>(n_pixels, lanes);
        let n_points = n_shells * computed_angles(n_inplanes);
        TransformBytes {
            plan: n_points * (size_of::<Taps>() + 2 * T::KERNEL_WIDTH * size_of::<T>())
                + HalfPlane::<T>::plan_bytes(n_pixels, layout.n_grid),
            scratch: HalfPlane::<T>::scratch_bytes(layout.n_grid, lanes) + Aligned::bytes::<Complex<T>>(layout.len()),
        }
    }

    pub(super) fn scratch(&self) -> GriddingScratch {
        GriddingScratch {
            half_plane: self.half_plane.scratch(T::lanes(self.set)),
            lines: Aligned::new::<Complex<T>>(self.layout.len()),
        }
    }

    /// Transforms `image` to `out`, divided by its norm if asked; returns the norm.
    pub(super) fn apply<P: Pixel>(
        &self,
        image: &[P],
        out: &mut [Complex<T>],
        point_weights: &[f64],
        normalize: bool,
        scratch: &mut GriddingScratch,
    ) -> f64 {
        T::run(self.set, Apply { plan: self, image, out, point_weights, normalize, scratch })
    }

    /// Interpolates the points of shell `s`; returns Σ |F|².
    #[inline(always)]
    fn interpolate_shell<S: Simd<T>, const W: usize>(
        &self,
        simd: S,
        s: usize,
        values: &[Complex<T>],
        shell: &mut [Complex<T>],
    ) -> f64 {
        let n_angles = computed_angles(self.n_inplanes);
        let points = s * n_angles..(s + 1) * n_angles;
        let numbers: &[T] = bytemuck::cast_slice(values);
        let mut square_norm = 0.0;
        for (point, value) in points.zip(shell.iter_mut()) {
            let taps = self.taps[point];
            let weights = &self.weights[point * 2 * W..];
            let sum =
                weighted_sum::<T, S, W>(simd, &numbers[2 * taps.start as usize..], 2 * self.layout.line_len, weights);
            *value = if taps.conjugate { sum.conj() } else { sum };
            square_norm += sum.re.widened() * sum.re.widened() + sum.im.widened() * sum.im.widened();
        }
        if n_angles < self.n_inplanes {
            let (computed, mirrored) = shell.split_at_mut(n_angles);
            for (mirror, value) in mirrored.iter_mut().zip(computed) {
                *mirror = value.conj();
            }
            square_norm *= 2.0;
        }
        square_norm
    }
}

struct Apply<'a, T: Scalar, P> {
    plan: &'a Gridding<T>,
    image: &'a [P],
    out: &'a mut [Complex<T>],
    point_weights: &'a [f64],
    normalize: bool,
    scratch: &'a mut GriddingScratch,
}

impl<T: Scalar, P: Pixel> simd::Kernel<T> for Apply<'_, T, P> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) -> f64 {
        let Self { plan, image, out, point_weights, normalize, scratch } = self;
        let values = scratch.lines.get_mut::<Complex<T>>();
        plan.half_plane.transform_columns(simd, image, &mut scratch.half_plane);
        for block in 0..plan.half_plane.n_blocks(S::LANES) {
            let frequencies = plan.half_plane.transform_block(simd, block, &mut scratch.half_plane);
            plan.layout.store_block(simd, block, frequencies, values);
        }
        plan.layout.fill_halo(values);
        let mut square_norm = 0.0;
        for (s, (shell, weight)) in out.chunks_exact_mut(plan.n_inplanes).zip(point_weights).enumerate() {
            square_norm += weight
                * match T::KERNEL_WIDTH {
                    7 => plan.interpolate_shell::<S, 7>(simd, s, values, shell),
                    _ => plan.interpolate_shell::<S, 14>(simd, s, values, shell),
                };
        }
        let norm = square_norm.sqrt();
        if normalize && norm.is_finite() && norm > 0.0 {
            let factor = T::rounded(1.0 / norm);
            for value in out {
                *value = Complex::new(value.re * factor, value.im * factor);
            }
        }
        norm
    }
}

/// Σ_b Σ_a weight(b)·weight(a)·G(a, b) over a square of `W` × `W` complex numbers, lines `stride` reals apart.
#[inline(always)]
fn weighted_sum<T: Scalar, S: Simd<T>, const W: usize>(
    simd: S,
    numbers: &[T],
    stride: usize,
    weights: &[T],
) -> Complex<T> {
    const MAX_VECTORS: usize = 14;
    let n_vectors = (2 * W).div_ceil(S::LANES);
    let mut sums = [simd.splat(T::zero()); MAX_VECTORS];
    for (line, &weight) in weights[..W].iter().enumerate() {
        let line = &numbers[line * stride..][..n_vectors * S::LANES];
        let weight = simd.splat(weight);
        for k in 0..n_vectors {
            sums[k] = simd.mul_add(weight, simd.load(&line[k * S::LANES..]), sums[k]);
        }
    }
    // What has been read past the W-th number must not count, whatever follows the weights.
    let mut along_a = [T::zero(); MAX_LINE_READ / 2];
    along_a[..W].copy_from_slice(&weights[W..2 * W]);
    // Added up in an order that does not depend on the number of lanes: four numbers at a time.
    let mut totals = [T::zero(); 4];
    for k in 0..n_vectors {
        let products = simd.mul(simd.load_twice(&along_a[k * S::LANES / 2..]), sums[k]);
        for four in bytemuck::cast_slice::<_, T>(std::slice::from_ref(&products)).chunks(4) {
            for (total, &product) in totals.iter_mut().zip(four) {
                *total = *total + product;
            }
        }
    }
    Complex::new(totals[0] + totals[2], totals[1] + totals[3])
}

/// Half of the angles when the other half lies opposite to them.
fn computed_angles(n_inplanes: usize) -> usize {
    if n_inplanes.is_multiple_of(2) { n_inplanes / 2 } else { n_inplanes }
}
