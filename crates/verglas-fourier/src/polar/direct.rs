//! The transform by its definition: slow, and exact to rounding.

use std::f64::consts::PI;

use num_complex::Complex;

use crate::grid::PolarGrid;

/// Samples the Fourier transform of one particle image on a polar grid, by direct summation.
///
/// Slow, O(N² · shells · in-planes), exact to rounding: the reference for the fast transform.
///
/// ```text
/// F[s, j] = (4π / N) · Σ_{a,b} I[a, b] · exp(−i · κ_s · (a′ cos θ_j + b′ sin θ_j))
/// κ_s = 4π r_s / N,   a′ = a − ⌊N/2⌋,   b′ = b − ⌊N/2⌋
/// ```
///
/// * `image`: `[N, N]`, row-major, real space, any intensity unit; axis 0 is the slow (row) axis of the MRC section.
/// * `grid`: radii in cycles per half box (Nyquist is N / 4); angles in radians from axis 0.
/// * Returns `[n_shells, n_inplanes]`, row-major, in the unit of `image`.
///
/// # Panics
/// When `image` does not hold `n_pixels`² values.
pub fn transform_directly(image: &[f64], n_pixels: usize, grid: &PolarGrid) -> Vec<Complex<f64>> {
    assert_eq!(image.len(), n_pixels * n_pixels, "an image of {n_pixels} × {n_pixels} pixels");
    let mut along_rows = Wave::new(n_pixels);
    let mut along_columns = Wave::new(n_pixels);
    let mut result = Vec::with_capacity(grid.n_points());
    for &radius in grid.radii() {
        for j in 0..grid.n_inplanes() {
            let (cos, sin) = grid.direction(j);
            along_rows.set(radius * cos);
            along_columns.set(radius * sin);
            // The exponential is a product of one factor for the row and one for the column.
            let mut sum = Complex::new(0.0, 0.0);
            for (row, factor) in image.chunks_exact(n_pixels).zip(along_rows.values()) {
                sum += along_columns.dot(row) * factor;
            }
            result.push(sum * (4.0 * PI / n_pixels as f64));
        }
    }
    result
}

/// exp(−i · 4π f x / N) for x = −⌊N/2⌋ … , real and imaginary parts apart so that sums over them vectorise.
struct Wave {
    re: Vec<f64>,
    im: Vec<f64>,
}

impl Wave {
    fn new(n_pixels: usize) -> Self {
        Self { re: vec![0.0; n_pixels], im: vec![0.0; n_pixels] }
    }

    /// Sets the frequency f, in cycles per half box.
    ///
    /// The phase is counted in turns, and whole turns are removed before it is multiplied with π: a phase of a hundred
    /// turns would lose two digits otherwise.
    fn set(&mut self, frequency: f64) {
        let n_pixels = self.re.len() as f64;
        for (a, (re, im)) in self.re.iter_mut().zip(&mut self.im).enumerate() {
            let x = a as f64 - (n_pixels / 2.0).floor();
            // 2fx/N turns. The product is split into its rounded value and the rest, both reduced exactly modulo N.
            let product = 2.0 * frequency * x;
            let rest = (2.0 * frequency).mul_add(x, -product);
            let turns = (product % n_pixels + rest) / n_pixels;
            let (sin, cos) = (2.0 * PI * (turns - turns.round())).sin_cos();
            (*re, *im) = (cos, -sin);
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
    use super::*;

    #[test]
    fn a_pixel_at_the_centre_is_flat() {
        let grid = PolarGrid::new(1.0, 0.25, 5).unwrap();
        let mut image = vec![0.0; 25];
        image[12] = 2.0;
        for value in transform_directly(&image, 5, &grid) {
            assert!((value - 2.0 * 4.0 * PI / 5.0).norm() < 1e-15);
        }
    }

    #[test]
    fn a_pixel_off_the_centre_is_a_wave_along_its_axis() {
        // One step along the rows' axis in a box of 4: centre [2, 2], pixel [3, 2].
        let grid = PolarGrid::new(1.0, 0.5, 4).unwrap();
        let mut image = vec![0.0; 16];
        image[3 * 4 + 2] = 1.0;
        let result = transform_directly(&image, 4, &grid);
        for (s, &radius) in grid.radii().iter().enumerate() {
            // θ = 0 lies along it, θ = π/2 across it; 4π/N = π.
            assert!((result[s * 4] - Complex::from_polar(PI, -PI * radius)).norm() < 1e-14);
            assert!((result[s * 4 + 1] - PI).norm() < 1e-14);
            assert!((result[s * 4 + 2] - Complex::from_polar(PI, PI * radius)).norm() < 1e-14);
        }
    }
}
