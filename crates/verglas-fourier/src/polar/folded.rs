//! The transform on the folded grid, for polar grids whose number of angles 4 divides; the default grid is one.

use num_complex::Complex;

use super::aligned::Aligned;
use super::bytes::TransformBytes;
use super::kernel::Kernel;
use super::octants::{Element, OctantGrid, OctantLayout};
use super::scalar::{Pixel, Scalar};
use super::simd::{self, InstructionSet, OCTET, Simd};
use super::spectrum::{HalfPlane, HalfPlaneScratch, grid_side};
use crate::grid::PolarGrid;

/// Points are interpolated in tiles of this many angles and shells, whose kernels overlap in the first-level cache.
const TILE_ANGLES: usize = 16;
const TILE_SHELLS: usize = 4;

/// A square norm between this and its inverse is a sum of squares that are normal numbers in single precision, as far as
/// they count.
const SAFE_SQUARE_NORM: f64 = 1e-20;

/// All that the points and the box side determine.
#[derive(Debug)]
pub(super) struct Folded<T: Scalar> {
    set: InstructionSet,
    n_inplanes: usize,
    n_shells: usize,
    half_plane: HalfPlane<T>,
    layout: OctantLayout,
    /// Place of each point's first element, tile by tile.
    starts: Vec<u32>,
    /// `[points, `[`weights_per_point`]`]`, in the same order: kernel weights along b, then along a.
    weights: Aligned,
}

/// Buffers for one image.
#[derive(Debug)]
pub(super) struct FoldedScratch {
    half_plane: HalfPlaneScratch,
    grid: OctantGrid,
    /// `[n_shells, angles of the octant]`: four results each.
    results: Aligned,
}

impl<T: Scalar> Folded<T> {
    pub(super) fn plan(set: InstructionSet, n_pixels: usize, grid: &PolarGrid) -> Self {
        let kernel = Kernel::new(T::KERNEL_WIDTH, T::KERNEL_SHAPE);
        let n_grid = grid_side(n_pixels);
        let layout = octant_layout::<T>(set, n_grid);
        let (along_a, along_b) = (kernel.fit(T::KERNEL_WIDTH), kernel.fit(T::FOLDED_WIDTH));
        let n_angles = octant_angles(grid.n_inplanes());
        let n_points = grid.n_shells() * n_angles;
        let mut starts = Vec::with_capacity(n_points);
        let mut weights = Aligned::new::<T>(n_points * weights_per_point::<T>());
        let places = weights.get_mut::<T>().chunks_exact_mut(weights_per_point::<T>());
        // Grid coordinates: a turn of 4πr/N radians per pixel is 2r/N turns, 2r·N_g/N grid points.
        let scale = 2.0 * n_grid as f64 / n_pixels as f64;
        for ((s, j), weights) in tiles(grid.n_shells(), n_angles).zip(places) {
            let (cos, sin) = grid.direction(j);
            let radius = scale * grid.radii()[s];
            let (u, v) = (radius * cos, radius * sin);
            let (first_a, first_b) = (along_a.first_tap(u, 1), along_b.first_tap(v, T::FOLDED_ALIGNMENT));
            starts.push(layout.place(first_a, first_b) as u32);
            let values = along_b.weights(v, first_b).into_iter().chain(along_a.weights(u, first_a));
            for (weight, value) in weights.iter_mut().zip(values) {
                *weight = T::rounded(value);
            }
        }
        Self {
            set,
            n_inplanes: grid.n_inplanes(),
            n_shells: grid.n_shells(),
            half_plane: HalfPlane::plan(n_pixels, n_grid, &kernel),
            layout,
            starts,
            weights,
        }
    }

    pub(super) fn estimate_bytes(
        set: InstructionSet,
        n_pixels: usize,
        n_shells: usize,
        n_inplanes: usize,
    ) -> TransformBytes {
        let n_grid = grid_side(n_pixels);
        let lanes = T::lanes(set);
        let n_points = n_shells * octant_angles(n_inplanes);
        TransformBytes {
            plan: n_points * size_of::<u32>()
                + Aligned::bytes::<T>(n_points * weights_per_point::<T>())
                + HalfPlane::<T>::plan_bytes(n_pixels, n_grid),
            scratch: HalfPlane::<T>::scratch_bytes(n_grid, lanes)
                + Aligned::bytes::<Element<T>>(octant_layout::<T>(set, n_grid).len())
                + Aligned::bytes::<Element<T>>(n_points),
        }
    }

    pub(super) fn scratch(&self) -> FoldedScratch {
        FoldedScratch {
            half_plane: self.half_plane.scratch(T::lanes(self.set)),
            grid: OctantGrid::new::<T>(&self.layout),
            results: Aligned::new::<Element<T>>(self.starts.len()),
        }
    }

    /// Transforms `image` to `out`, divided by its norm if asked; returns the norm.
    pub(super) fn apply<P: Pixel>(
        &self,
        image: &[P],
        out: &mut [Complex<T>],
        point_weights: &[f64],
        normalize: bool,
        scratch: &mut FoldedScratch,
    ) -> f64 {
        T::run(self.set, Apply { plan: self, image, out, point_weights, normalize, scratch })
    }

    /// Interpolates all points of the octant; returns Σ |F|² · weight over the whole disc.
    #[inline(always)]
    fn interpolate<S: Simd<T>, const A: usize, const B: usize>(
        &self,
        simd: S,
        elements: &[Element<T>],
        results: &mut [Element<T>],
        point_weights: &[f64],
    ) -> f64 {
        let n_angles = octant_angles(self.n_inplanes);
        let stride = self.layout.stride();
        // Of the eight points for an angle, pairs coincide on the octant's edges.
        let (once, twice) = (simd.splat_octet(T::rounded(1.0)), simd.splat_octet(T::rounded(2.0)));
        let last_edge = if self.n_inplanes.is_multiple_of(8) { self.n_inplanes / 8 } else { usize::MAX };
        let mut square_norm = 0.0;
        let mut points = self.starts.iter().zip(self.weights.get::<T>().chunks_exact(weights_per_point::<T>()));
        for first_shell in (0..self.n_shells).step_by(TILE_SHELLS).rev() {
            for first_angle in (0..n_angles).step_by(TILE_ANGLES) {
                for s in first_shell..(first_shell + TILE_SHELLS).min(self.n_shells) {
                    let mut squares = simd.splat_octet(T::zero());
                    let last_angle = (first_angle + TILE_ANGLES).min(n_angles);
                    let results = &mut results[s * n_angles + first_angle..s * n_angles + last_angle];
                    for (j, (result, (&start, weights))) in (first_angle..).zip(results.iter_mut().zip(&mut points)) {
                        let (along_b, along_a) = weights.split_at(B);
                        let value = simd.weighted_square::<A, B>(elements, start as usize, stride, along_a, along_b);
                        simd.store_octet(value, result);
                        let square = simd.mul_octet(value, value);
                        let times = if j == 0 || j == last_edge { once } else { twice };
                        squares = simd.mul_add_octet(square, times, squares);
                    }
                    let mut sums = [T::zero(); OCTET];
                    simd.store_octet(squares, &mut sums);
                    square_norm += point_weights[s] * sums.iter().map(|&sum| sum.widened()).sum::<f64>();
                }
            }
        }
        square_norm
    }

    /// Σ |F|² · weight over the whole disc, all in double precision.
    fn square_norm_in_double(&self, results: &[Element<T>], point_weights: &[f64]) -> f64 {
        let n_angles = octant_angles(self.n_inplanes);
        let mut square_norm = 0.0;
        for (shell, weight) in results.chunks_exact(n_angles).zip(point_weights) {
            for (j, result) in shell.iter().enumerate() {
                let times = if j == 0 || 8 * j == self.n_inplanes { 1.0 } else { 2.0 };
                square_norm += weight * times * result.iter().map(|value| value.widened().powi(2)).sum::<f64>();
            }
        }
        square_norm
    }

    /// Brings the results to their angles all around, times a factor.
    #[inline(always)]
    fn unfold<S: Simd<T>>(&self, simd: S, results: &[Element<T>], factor: T, out: &mut [Complex<T>]) {
        let n = self.n_inplanes;
        let n_angles = octant_angles(n);
        // The angles within the octant come in fours; its edges, and what is left over, one by one.
        let n_fours = (n.div_ceil(8) - 1) / 4;
        let plain = simd.splat_octet(factor);
        let conjugate = simd.load_octet(&[factor, -factor, factor, -factor, factor, -factor, factor, -factor]);
        for (s, results) in results.chunks_exact(n_angles).take(self.n_shells).enumerate() {
            let (shell, next) = out[s * n..].split_at_mut(n);
            // The next shell is asked for ahead: its pieces are written in an order that no processor foresees.
            for line in next[..next.len().min(n)].chunks(64 / size_of::<Complex<T>>()) {
                simd.prefetch(&line[0]);
            }
            unfold_one(results, 0, factor, shell);
            for first in (0..n_fours).map(|four| 1 + 4 * four) {
                let four = &results[first..first + 4];
                let [ahead, back, across, beyond] = simd.transpose_octets([
                    simd.load_octet(&four[0]),
                    simd.load_octet(&four[1]),
                    simd.load_octet(&four[2]),
                    simd.load_octet(&four[3]),
                ]);
                let (back, across) = (simd.reverse_octet(back), simd.reverse_octet(across));
                store_both(simd, ahead, [plain, conjugate], first, shell);
                store_both(simd, back, [conjugate, plain], n / 2 - first - 3, shell);
                store_both(simd, across, [plain, conjugate], n / 4 - first - 3, shell);
                store_both(simd, beyond, [plain, conjugate], n / 4 + first, shell);
            }
            for j in 1 + 4 * n_fours..n_angles {
                unfold_one(results, j, factor, shell);
            }
        }
    }
}

/// Stores four results from angle `j` on, and half a turn from there, with a factor for each.
#[inline(always)]
fn store_both<T: Scalar, S: Simd<T>>(
    simd: S,
    values: S::Octet,
    factors: [S::Octet; 2],
    j: usize,
    shell: &mut [Complex<T>],
) {
    let (first, second) = shell.split_at_mut(shell.len() / 2);
    for (half, factor) in [(first, factors[0]), (second, factors[1])] {
        let numbers: &mut [T] = bytemuck::cast_slice_mut(&mut half[j..j + OCTET / 2]);
        let numbers = numbers.try_into().expect("four complex numbers are eight");
        simd.store_octet(simd.mul_octet(values, factor), numbers);
    }
}

/// Brings the results for angle `j` of the octant to their eight angles.
#[inline(always)]
fn unfold_one<T: Scalar>(results: &[Element<T>], j: usize, factor: T, shell: &mut [Complex<T>]) {
    let [a, b, c, d, e, f, g, h] = results[j];
    let (quarter, half) = (shell.len() / 4, shell.len() / 2);
    let mut store = [(j, a, b), (half - j, c, -d), (quarter - j, e, f), (quarter + j, g, h)];
    // On the edges of the octant points coincide, up to rounding: the first counts, and at 0 nothing wraps around.
    if j == 0 {
        store[1] = store[0];
        store[3] = store[2];
    } else if 2 * j == quarter {
        store[2] = store[0];
        store[3] = store[1];
    }
    for (angle, re, im) in store {
        let value = Complex::new(re * factor, im * factor);
        shell[angle] = value;
        shell[half + angle] = value.conj();
    }
}

struct Apply<'a, T: Scalar, P> {
    plan: &'a Folded<T>,
    image: &'a [P],
    out: &'a mut [Complex<T>],
    point_weights: &'a [f64],
    normalize: bool,
    scratch: &'a mut FoldedScratch,
}

impl<T: Scalar, P: Pixel> simd::Kernel<T> for Apply<'_, T, P> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) -> f64 {
        let Self { plan, image, out, point_weights, normalize, scratch } = self;
        plan.half_plane.transform_columns(simd, image, &mut scratch.half_plane);
        for block in 0..plan.half_plane.n_blocks(S::LANES) {
            let frequencies = plan.half_plane.transform_block(simd, block, &mut scratch.half_plane);
            plan.layout.store_block(simd, block, frequencies, scratch.grid.elements_mut());
        }
        plan.layout.fill_halo(scratch.grid.elements_mut::<T>());
        let (elements, results) = (scratch.grid.elements(), scratch.results.get_mut());
        let square_norm = match T::KERNEL_WIDTH {
            7 => plan.interpolate::<S, 7, 8>(simd, elements, results, point_weights),
            _ => plan.interpolate::<S, 14, 14>(simd, elements, results, point_weights),
        };
        // Squares are formed in `T`, where those of very bright or very faint images do not fit.
        let square_norm = if (SAFE_SQUARE_NORM..1.0 / SAFE_SQUARE_NORM).contains(&square_norm) {
            square_norm
        } else {
            plan.square_norm_in_double(results, point_weights)
        };
        let norm = square_norm.sqrt();
        let factor = if normalize && norm.is_finite() && norm > 0.0 { 1.0 / norm } else { 1.0 };
        plan.unfold(simd, results, T::rounded(factor), out);
        norm
    }
}

/// How the octant grid is laid out for an instruction set.
fn octant_layout<T: Scalar>(set: InstructionSet, n_grid: usize) -> OctantLayout {
    OctantLayout::new(n_grid, T::FOLDED_WIDTH, T::FOLDED_ALIGNMENT, T::lanes(set))
}

/// Room for a point's weights: in single precision a cache line.
const fn weights_per_point<T: Scalar>() -> usize {
    (T::KERNEL_WIDTH + T::FOLDED_WIDTH).next_multiple_of(2)
}

/// Number of angles from 0 to π/4.
fn octant_angles(n_inplanes: usize) -> usize {
    n_inplanes / 8 + 1
}

/// Shells and angles in the order in which they are interpolated: from the rim, where the grid has been stored last.
fn tiles(n_shells: usize, n_angles: usize) -> impl Iterator<Item = (usize, usize)> {
    let shells = (0..n_shells).step_by(TILE_SHELLS).rev().map(move |s| s..(s + TILE_SHELLS).min(n_shells));
    shells.flat_map(move |shells| {
        (0..n_angles).step_by(TILE_ANGLES).flat_map(move |first| {
            let angles = first..(first + TILE_ANGLES).min(n_angles);
            shells.clone().flat_map(move |s| angles.clone().map(move |j| (s, j)))
        })
    })
}
