//! The transform by gridding: scale the image, transform it to an oversampled grid, interpolate there.
//!
//! Half of the grid is enough, since G(−a, −b) = conj G(a, b) for a real image, and with an even number of angles half of
//! the points, since F(θ + π) = conj F(θ).

use std::fmt;
use std::sync::Arc;

use num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftPlanner};

use super::TransformBytes;
use super::kernel::Kernel;
use super::real::{Pixel, Real};
use crate::grid::PolarGrid;

/// All that the points and the box side determine.
pub(super) struct Gridding<T: Real> {
    n_pixels: usize,
    n_inplanes: usize,
    layout: Layout,
    /// 1/φ̂ at each pixel coordinate, by row and by column; the rows' also hold the factor 4π/N.
    row_factors: Vec<T>,
    column_factors: Vec<T>,
    along_rows: Arc<dyn RealToComplex<T>>,
    along_columns: Arc<dyn Fft<T>>,
    /// `[n_shells, computed angles]`
    taps: Vec<Taps>,
    /// `[n_shells, computed angles, 2, w]`: kernel weights along axis 0, then along axis 1.
    weights: Vec<T>,
}

/// Where the kernel's square begins in the half plane, and whether the point was turned by π to lie there.
#[derive(Clone, Copy)]
struct Taps {
    start: u32,
    conjugate: bool,
}

/// The oversampled half plane as it is stored: line b + halo holds G(a, b) for a = −(N_g/2 + halo) … N_g/2 + halo, for
/// b = −halo … N_g/2 + halo.
#[derive(Debug, Clone, Copy)]
struct Layout {
    n_grid: usize,
    halo: usize,
    n_lines: usize,
    line_len: usize,
}

/// Sides below this cost next to nothing.
pub(super) const SMALLEST_GRID: usize = 64;

/// Buffers for one image.
#[derive(Debug)]
pub(super) struct GriddingScratch<T: Real> {
    /// One image row on the oversampled grid, and its transform.
    row: Vec<T>,
    row_spectrum: Vec<Complex<T>>,
    /// One line of the grid while it is transformed.
    line: Vec<Complex<T>>,
    /// `[N_g/2 + 1, N]`: the rows' transforms, transposed.
    columns: Vec<Complex<T>>,
    half_plane: Vec<Complex<T>>,
    fft: Vec<Complex<T>>,
}

impl Layout {
    fn new<T: Real>(n_pixels: usize) -> Self {
        let width = T::KERNEL_WIDTH;
        let halo = width / 2 + 1;
        // Twice the box. A tiny box has too few pixels for the kernel's errors to average out, and its halo must not wrap
        // around: it gets a wider one.
        let n_grid = next_smooth_even((2 * n_pixels).max(SMALLEST_GRID));
        Self { n_grid, halo, n_lines: n_grid / 2 + 1 + 2 * halo, line_len: n_grid + 1 + 2 * halo }
    }
}

impl<T: Real> Gridding<T> {
    pub(super) fn plan(n_pixels: usize, grid: &PolarGrid) -> Self {
        let layout = Layout::new::<T>(n_pixels);
        let kernel = Kernel::new(T::KERNEL_WIDTH, T::KERNEL_SHAPE);
        let factors = |scale: f64| -> Vec<T> {
            (0..n_pixels)
                .map(|a| a as f64 - (n_pixels / 2) as f64)
                .map(|x| T::rounded(scale / kernel.transform(x, layout.n_grid)))
                .collect()
        };
        let n_angles = computed_angles(grid.n_inplanes());
        let mut taps = Vec::with_capacity(grid.n_shells() * n_angles);
        let mut weights = Vec::with_capacity(taps.capacity() * 2 * T::KERNEL_WIDTH);
        // Grid coordinates: a turn of 4πr/N radians per pixel is 2r/N turns, 2r·N_g/N grid points.
        let scale = 2.0 * layout.n_grid as f64 / n_pixels as f64;
        for &radius in grid.radii() {
            for j in 0..n_angles {
                let (cos, sin) = grid.direction(j);
                let conjugate = sin < 0.0;
                let turned = if conjugate { -scale * radius } else { scale * radius };
                let (u, v) = (turned * cos, turned * sin);
                let (first_a, first_b) = (kernel.first_tap(u), kernel.first_tap(v));
                let line = first_b + layout.halo as i64;
                let column = first_a + (layout.n_grid / 2 + layout.halo) as i64;
                taps.push(Taps { start: (line * layout.line_len as i64 + column) as u32, conjugate });
                for (position, first) in [(u, first_a), (v, first_b)] {
                    weights.extend(
                        (0..T::KERNEL_WIDTH as i64).map(|k| T::rounded(kernel.value(position - (first + k) as f64))),
                    );
                }
            }
        }
        Self {
            n_pixels,
            n_inplanes: grid.n_inplanes(),
            layout,
            row_factors: factors(4.0 * std::f64::consts::PI / n_pixels as f64),
            column_factors: factors(1.0),
            along_rows: RealFftPlanner::new().plan_fft_forward(layout.n_grid),
            along_columns: FftPlanner::new().plan_fft_forward(layout.n_grid),
            taps,
            weights,
        }
    }

    pub(super) fn estimate_bytes(n_pixels: usize, n_shells: usize, n_inplanes: usize) -> TransformBytes {
        let layout = Layout::new::<T>(n_pixels);
        let complex = size_of::<Complex<T>>();
        let n_points = n_shells * computed_angles(n_inplanes);
        TransformBytes {
            // The transforms' own tables hold about one factor per grid point along an axis, for each of the two.
            plan: n_points * (size_of::<Taps>() + 2 * T::KERNEL_WIDTH * size_of::<T>())
                + 2 * n_pixels * size_of::<T>()
                + 2 * layout.n_grid * complex,
            scratch: layout.n_grid * size_of::<T>()
                + (layout.n_grid / 2 + 1) * (1 + n_pixels) * complex
                + (layout.n_lines * layout.line_len + 3 * layout.n_grid) * complex,
        }
    }

    pub(super) fn scratch(&self) -> GriddingScratch<T> {
        let Layout { n_grid, n_lines, line_len, .. } = self.layout;
        let zero = Complex::new(T::zero(), T::zero());
        let fft_len = self.along_rows.get_scratch_len().max(self.along_columns.get_inplace_scratch_len());
        GriddingScratch {
            row: vec![T::zero(); n_grid],
            row_spectrum: vec![zero; n_grid / 2 + 1],
            line: vec![zero; n_grid],
            columns: vec![zero; (n_grid / 2 + 1) * self.n_pixels],
            half_plane: vec![zero; n_lines * line_len],
            fft: vec![zero; fft_len],
        }
    }

    /// Transforms `image` to `out`, divided by its norm if asked; returns the norm.
    pub(super) fn apply<P: Pixel>(
        &self,
        image: &[P],
        out: &mut [Complex<T>],
        point_weights: &[f64],
        normalize: bool,
        scratch: &mut GriddingScratch<T>,
    ) -> f64 {
        self.transform_rows(image, scratch);
        self.transform_columns(scratch);
        self.fill_halo(&mut scratch.half_plane);
        let mut square_norm = 0.0;
        for (s, (shell, weight)) in out.chunks_exact_mut(self.n_inplanes).zip(point_weights).enumerate() {
            square_norm += weight * self.interpolate_shell(s, &scratch.half_plane, shell);
        }
        let norm = square_norm.sqrt();
        if normalize && norm.is_finite() && norm > 0.0 {
            let factor = T::rounded(1.0 / norm);
            for value in out.iter_mut() {
                *value = *value * factor;
            }
        }
        norm
    }

    /// Scales every image row and transforms it along axis 1, to frequencies b = 0 … N_g/2.
    fn transform_rows<P: Pixel>(&self, image: &[P], scratch: &mut GriddingScratch<T>) {
        let (n, half) = (self.n_pixels, self.n_pixels / 2);
        for (a, pixels) in image.chunks_exact(n).enumerate() {
            let row = &mut scratch.row;
            // Coordinate 0 goes to index 0, negative ones to the end of the row.
            row.fill(T::zero());
            for (b, (&pixel, &factor)) in pixels.iter().zip(&self.column_factors).enumerate() {
                row[if b < half { self.layout.n_grid + b - half } else { b - half }] =
                    pixel.to_real::<T>() * factor * self.row_factors[a];
            }
            self.along_rows
                .process_with_scratch(row, &mut scratch.row_spectrum, &mut scratch.fft)
                .expect("the buffers have the planned lengths, and a real input makes real ends");
            for (column, &value) in scratch.columns.chunks_exact_mut(n).zip(&scratch.row_spectrum) {
                column[a] = value;
            }
        }
    }

    /// Transforms along axis 0, to frequencies a = −(N_g/2 + halo) … N_g/2 + halo of the lines b = 0 … N_g/2.
    fn transform_columns(&self, scratch: &mut GriddingScratch<T>) {
        let (n, half) = (self.n_pixels, self.n_pixels / 2);
        let Layout { n_grid, halo, line_len, .. } = self.layout;
        let stored = scratch.half_plane.chunks_exact_mut(line_len).skip(halo);
        for (column, stored) in scratch.columns.chunks_exact(n).zip(stored) {
            let line = &mut scratch.line;
            line.fill(Complex::new(T::zero(), T::zero()));
            line[..n - half].copy_from_slice(&column[half..]);
            line[n_grid - half..].copy_from_slice(&column[..half]);
            self.along_columns.process_with_scratch(line, &mut scratch.fft);
            for (k, value) in stored.iter_mut().enumerate() {
                // k = a + N_g/2 + halo; a is periodic, and the halo is no longer than half a period.
                *value = line[(k + n_grid - halo + n_grid / 2) % n_grid];
            }
        }
    }

    /// Fills the lines b = −t and b = N_g/2 + t from G(−a, −b) = conj G(a, b) and the period N_g.
    fn fill_halo(&self, half_plane: &mut [Complex<T>]) {
        let Layout { n_grid, halo, line_len, .. } = self.layout;
        for t in 1..=halo {
            for (target, source) in [(halo - t, halo + t), (halo + n_grid / 2 + t, halo + n_grid / 2 - t)] {
                for k in 0..line_len {
                    half_plane[target * line_len + k] = half_plane[source * line_len + line_len - 1 - k].conj();
                }
            }
        }
    }

    /// Interpolates the points of shell `s`; returns Σ |F|².
    fn interpolate_shell(&self, s: usize, half_plane: &[Complex<T>], shell: &mut [Complex<T>]) -> f64 {
        let width = T::KERNEL_WIDTH;
        let n_angles = computed_angles(self.n_inplanes);
        let points = s * n_angles..(s + 1) * n_angles;
        let weights = self.weights[points.start * 2 * width..points.end * 2 * width].chunks_exact(2 * width);
        let mut square_norm = 0.0;
        for (j, (taps, weights)) in self.taps[points].iter().zip(weights).enumerate() {
            let (along_a, along_b) = weights.split_at(width);
            let mut sum = Complex::new(T::zero(), T::zero());
            for (line, &weight_b) in along_b.iter().enumerate() {
                let start = taps.start as usize + line * self.layout.line_len;
                let mut line_sum = Complex::new(T::zero(), T::zero());
                for (value, &weight_a) in half_plane[start..start + width].iter().zip(along_a) {
                    line_sum = line_sum + value * weight_a;
                }
                sum = sum + line_sum * weight_b;
            }
            let value = if taps.conjugate { sum.conj() } else { sum };
            square_norm += value.re.widened() * value.re.widened() + value.im.widened() * value.im.widened();
            shell[j] = value;
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

impl<T: Real> fmt::Debug for Gridding<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gridding").field("layout", &self.layout).finish_non_exhaustive()
    }
}

/// Half of the angles when the other half lies opposite to them.
fn computed_angles(n_inplanes: usize) -> usize {
    if n_inplanes.is_multiple_of(2) { n_inplanes / 2 } else { n_inplanes }
}

/// The smallest even 2^a·3^b·5^c that is not below `at_least`.
fn next_smooth_even(at_least: usize) -> usize {
    (at_least.max(2)..)
        .find(|&n| {
            let mut rest = n;
            for factor in [2, 3, 5] {
                while rest.is_multiple_of(factor) {
                    rest /= factor;
                }
            }
            rest == 1 && n.is_multiple_of(2)
        })
        .expect("there is a power of two above every box side")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smooth_numbers() {
        for (at_least, expected) in [(0, 2), (2, 2), (3, 4), (14, 16), (17, 18), (62, 64), (182, 192), (722, 750)] {
            assert_eq!(next_smooth_even(at_least), expected);
        }
    }
}
