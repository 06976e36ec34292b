//! Images of which a grid sees next to nothing, summed directly for a result in double precision.
//!
//! The kernel errs by at most 3.4e-13 of what an image's power, spread evenly over all frequencies, would leave on the grid.
//! A grid that reaches hardly beyond the origin sees little more than an image's mean, which was taken away; and one of
//! few angles, or of a tiny box, may by chance see little of it. There that error is more than 1e-12 of what is left. Such
//! images are recognised by what was found, and summed by the definition: few points and pixels make that cheap.

use std::f64::consts::PI;

use num_complex::Complex;

use super::scalar::{Pixel, Scalar};
use super::squares::sum_of_squares;
use crate::grid::PolarGrid;

/// Amplitude on the grid, as a part of what the same power spread over all frequencies would leave there, below which an
/// image is summed directly for a result in double precision: 3.4e-13 / 0.4 is 8.5e-13.
pub(super) const LEAST_SEEN: f64 = 0.4;
/// The same for a result in single precision: 3.4e-13 / 1e-5 is 3.4e-8.
pub(super) const LEAST_SEEN_IN_SINGLE: f64 = 1e-5;
/// Products of a pixel and a wave beyond which interpolated values are kept: about a second's work for one image. A
/// grid with this many points sees that little only of plane waves beyond its reach, for which the kernel's error is
/// smaller.
const MOST_PRODUCTS: u64 = 1 << 31;

/// The direct sum over one grid, and when it is needed.
#[derive(Debug)]
pub(super) struct Directly {
    n_pixels: usize,
    grid: PolarGrid,
    /// Square of the norm, for an image whose squares add up to 1, below which it is summed.
    least_square_norm: f64,
}

impl Directly {
    /// The sum for images whose amplitude on `grid` is below `least_seen`; `None` where it would take too long.
    pub(super) fn new(n_pixels: usize, grid: &PolarGrid, least_seen: f64) -> Option<Self> {
        let reach = grid.radius_max() / (n_pixels as f64 / 4.0);
        // As in `faint`: Σ |F|² · weight over all frequencies is (2π)² · Σ I², and the grid is a part of their square.
        let least_square_norm = least_seen.powi(2) * PI * reach * reach / 4.0 * (2.0 * PI).powi(2);
        (!takes_long(n_pixels, grid.n_shells(), grid.n_inplanes())).then(|| Self {
            n_pixels,
            grid: grid.clone(),
            least_square_norm,
        })
    }

    /// Bytes that a sum takes while it lasts.
    pub(super) fn scratch_bytes(n_pixels: usize, n_shells: usize, n_inplanes: usize) -> usize {
        if takes_long(n_pixels, n_shells, n_inplanes) {
            return 0;
        }
        n_pixels * (n_pixels + 6) * size_of::<f64>() + n_shells * n_inplanes * size_of::<Complex<f64>>()
    }

    /// Whether so little of `image` is on the grid, by the norm found, that it must be summed.
    pub(super) fn is_needed<P: Pixel>(&self, image: &[P], norm: f64) -> bool {
        norm * norm < self.least_square_norm * sum_of_squares(image)
    }

    /// Sums `image` to `out`, divided by its norm if asked; returns the norm.
    ///
    /// With waves p = exp(−iφ_a) − 1 along rows and q = exp(−iφ_b) − 1 along columns,
    /// Σ I · (1 + p)(1 + q) = Σ I + Σ_a p · (sum of row a) + Σ_b q · (sum of column b) + Σ_a p · Σ_b I · q:
    /// near the origin, where p and q are small, nothing is lost of what the mean leaves.
    pub(super) fn apply<P: Pixel, T: Scalar>(&self, image: &[P], out: &mut [Complex<T>], normalize: bool) -> f64 {
        let (n, grid) = (self.n_pixels, &self.grid);
        let pixels: Vec<f64> = image.iter().map(|pixel| pixel.to_real()).collect();
        let row_sums: Vec<f64> = pixels.chunks_exact(n).map(|row| exact_sum(row.iter().copied())).collect();
        let column_sums: Vec<f64> = (0..n).map(|b| exact_sum(pixels[b..].iter().step_by(n).copied())).collect();
        let total = exact_sum(pixels.iter().copied());
        let (mut along_rows, mut along_columns) = (Wave::new(n), Wave::new(n));
        let n_angles = computed_angles(grid.n_inplanes());
        let mut values = vec![Complex::new(0.0, 0.0); grid.n_points()];
        let mut square_norm = 0.0;
        for (s, (shell, &radius)) in values.chunks_exact_mut(grid.n_inplanes()).zip(grid.radii()).enumerate() {
            for j in 0..n_angles {
                let (cos, sin) = grid.direction(j);
                along_rows.set(radius * cos);
                along_columns.set(radius * sin);
                let mut sum = along_rows.dot(&row_sums) + along_columns.dot(&column_sums);
                for (row, p) in pixels.chunks_exact(n).zip(along_rows.values()) {
                    sum += along_columns.dot(row) * p;
                }
                shell[j] = (sum + total) * (4.0 * PI / n as f64);
            }
            // F(θ + π) = conj F(θ)
            let (computed, mirrored) = shell.split_at_mut(n_angles);
            for (mirror, value) in mirrored.iter_mut().zip(computed) {
                *mirror = value.conj();
            }
            square_norm += grid.point_weight(s) * shell.iter().map(Complex::norm_sqr).sum::<f64>();
        }
        let norm = square_norm.sqrt();
        let factor = if normalize && norm.is_finite() && norm > 0.0 { 1.0 / norm } else { 1.0 };
        for (rounded, value) in out.iter_mut().zip(values) {
            *rounded = Complex::new(T::rounded(value.re * factor), T::rounded(value.im * factor));
        }
        norm
    }
}

/// Whether the sum of one image would take more than about a second.
fn takes_long(n_pixels: usize, n_shells: usize, n_inplanes: usize) -> bool {
    let n_points = n_shells as u64 * computed_angles(n_inplanes) as u64;
    n_points.saturating_mul((n_pixels * n_pixels) as u64) > MOST_PRODUCTS
}

/// Half of the angles when the other half lies opposite to them.
fn computed_angles(n_inplanes: usize) -> usize {
    if n_inplanes.is_multiple_of(2) { n_inplanes / 2 } else { n_inplanes }
}

/// A sum to the last bit or two, whatever cancels (Neumaier).
fn exact_sum(terms: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0);
    for term in terms {
        let next = sum + term;
        lost += if sum.abs() >= term.abs() { (sum - next) + term } else { (term - next) + sum };
        sum = next;
    }
    sum + lost
}

/// exp(−i · 4π f x / N) − 1 for x = −⌊N/2⌋ … , real and imaginary parts apart so that sums over them vectorise.
struct Wave {
    re: Vec<f64>,
    im: Vec<f64>,
}

impl Wave {
    fn new(n_pixels: usize) -> Self {
        Self { re: vec![0.0; n_pixels], im: vec![0.0; n_pixels] }
    }

    /// Sets the frequency f, in cycles per half box. Whole turns are removed before the phase is multiplied with π, as
    /// in [`direct`](super::direct).
    fn set(&mut self, frequency: f64) {
        let n_pixels = self.re.len() as f64;
        let first = -((self.re.len() / 2) as f64);
        for (a, (re, im)) in self.re.iter_mut().zip(&mut self.im).enumerate() {
            let x = first + a as f64;
            // 2fx/N turns. The product is split into its rounded value and the rest, both reduced exactly modulo N.
            let product = 2.0 * frequency * x;
            let rest = (2.0 * frequency).mul_add(x, -product);
            let turns = (product % n_pixels + rest) / n_pixels;
            // exp(−iφ) − 1 = −2i · sin(φ/2) · exp(−iφ/2)
            let (sin, cos) = (PI * (turns - turns.round())).sin_cos();
            (*re, *im) = (-2.0 * sin * sin, -2.0 * sin * cos);
        }
    }

    fn values(&self) -> impl Iterator<Item = Complex<f64>> {
        self.re.iter().zip(&self.im).map(|(&re, &im)| Complex::new(re, im))
    }

    /// Σ_b row[b] · wave[b], in eight interleaved partial sums.
    fn dot(&self, row: &[f64]) -> Complex<f64> {
        const LANES: usize = 8;
        let (mut re, mut im) = ([0.0; LANES], [0.0; LANES]);
        let waves = self.re.chunks(LANES).zip(self.im.chunks(LANES));
        for (pixels, (cosines, sines)) in row.chunks(LANES).zip(waves) {
            for (lane, ((x, c), s)) in pixels.iter().zip(cosines).zip(sines).enumerate() {
                re[lane] += x * c;
                im[lane] += x * s;
            }
        }
        Complex::new(re.iter().sum(), im.iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::super::direct::transform_directly;
    use super::*;

    #[test]
    fn it_is_the_direct_sum() {
        for (n_pixels, n_inplanes) in [(1, 1), (2, 4), (5, 7), (16, 32), (31, 6)] {
            let grid = PolarGrid::new(n_pixels as f64 / 4.0, 0.25, n_inplanes).unwrap();
            let image: Vec<f64> = (0..n_pixels * n_pixels).map(|at| ((at * 7919) % 101) as f64 - 50.0).collect();
            let expected = transform_directly(&image, n_pixels, &grid);
            let mut out = vec![Complex::new(f64::NAN, 0.0); expected.len()];
            let directly = Directly::new(n_pixels, &grid, LEAST_SEEN).unwrap();
            let norm = directly.apply(&image, &mut out, false);
            let largest = expected.iter().map(|value| value.norm()).fold(0.0, f64::max);
            for (value, expected) in out.iter().zip(&expected) {
                assert!(
                    (value - expected).norm() <= 1e-14 * n_pixels as f64 * largest,
                    "N {n_pixels}: {value} {expected}"
                );
            }
            directly.apply(&image, &mut out, true);
            let square: f64 =
                out.iter().enumerate().map(|(at, v)| grid.point_weight(at / n_inplanes) * v.norm_sqr()).sum();
            assert!(norm > 0.0 && (square - 1.0).abs() < 1e-13);
        }
    }

    #[test]
    fn sums_lose_nothing() {
        assert_eq!(exact_sum([1e17, 1.0, -1e17, 1.0].into_iter()), 2.0);
    }

    #[test]
    fn grids_of_many_points_are_not_summed() {
        let grid = PolarGrid::new(128.0, 0.25, 1024).unwrap();
        assert!(Directly::new(512, &grid, LEAST_SEEN).is_none());
    }
}
