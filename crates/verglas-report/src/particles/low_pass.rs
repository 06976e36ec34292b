//! Takes fine waves out of a physical image, so that the particle is seen behind the noise.

/// Waves as long as this are weakened to half, as is usual for looking at particles.
const HALF_AT_ANGSTROM: f64 = 20.0;
/// But not finer than this: below, there are too few pixels to smooth.
const LEAST_PIXELS: f64 = 4.0;

/// A Gaussian that images are convolved with.
#[derive(Debug, Clone)]
pub(crate) struct LowPass {
    n_pixels: usize,
    half_at_angstrom: f64,
    /// From the middle outwards; the whole adds up to 1.
    weights: Vec<f32>,
}

impl LowPass {
    /// For boxes of `n_pixels`.
    pub(crate) fn new(n_pixels: usize, pixel_size_angstrom: f64) -> Self {
        let half_at_angstrom = HALF_AT_ANGSTROM.max(LEAST_PIXELS * pixel_size_angstrom);
        // exp(−2π² σ² k²) is ½ at k = 1/half_at.
        let sigma_pixels =
            (0.5 * std::f64::consts::LN_2).sqrt() / std::f64::consts::PI * half_at_angstrom / pixel_size_angstrom;
        let n = ((4.0 * sigma_pixels).ceil() as usize).min(n_pixels.saturating_sub(1));
        let weights: Vec<f64> = (0..=n).map(|i| (-0.5 * (i as f64 / sigma_pixels).powi(2)).exp()).collect();
        let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f64>();
        Self { n_pixels, half_at_angstrom, weights: weights.into_iter().map(|weight| (weight / sum) as f32).collect() }
    }

    /// Waves of this length are weakened to half.
    pub(crate) fn half_at_angstrom(&self) -> f64 {
        self.half_at_angstrom
    }

    /// The smoothed image, `[N, N]`; beyond the edges, the outermost pixels are repeated.
    pub(crate) fn apply(&self, image: &[f32]) -> Vec<f32> {
        let n = self.n_pixels;
        // Once along rows and once along columns; turned in between.
        self.along_rows_turned(&self.along_rows_turned(image, n), n)
    }

    /// Smooths each row, and writes it as a column.
    fn along_rows_turned(&self, image: &[f32], n: usize) -> Vec<f32> {
        let mut turned = vec![0.0; image.len()];
        for (row, pixels) in image.chunks_exact(n).enumerate() {
            for column in 0..n {
                let mut sum = self.weights[0] * pixels[column];
                for (distance, weight) in self.weights.iter().enumerate().skip(1) {
                    sum += weight * (pixels[column.saturating_sub(distance)] + pixels[(column + distance).min(n - 1)]);
                }
                turned[column * n + row] = sum;
            }
        }
        turned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_of_the_named_length_is_weakened_to_half_and_even_images_stay() {
        let (n, pixel_size) = (256, 1.25);
        let low_pass = LowPass::new(n, pixel_size);
        assert_eq!(low_pass.half_at_angstrom(), 20.0);
        // 16 pixels are 20 Å; along rows, then along columns.
        for along_rows in [true, false] {
            let phase = |pixel: usize| if along_rows { pixel / n } else { pixel % n };
            let image: Vec<f32> = (0..n * n)
                .map(|pixel| 3.0 + (std::f64::consts::TAU * phase(pixel) as f64 / 16.0).cos() as f32)
                .collect();
            let smooth = low_pass.apply(&image);
            for pixel in (0..n * n).filter(|pixel| (64..192).contains(&(pixel / n)) && (64..192).contains(&(pixel % n)))
            {
                // The Gaussian is cut at four standard deviations, which leaves out 6e-5 of it.
                assert!((smooth[pixel] - 3.0 - 0.5 * (image[pixel] - 3.0)).abs() < 3e-4);
            }
        }
        assert!(low_pass.apply(&vec![2.0; n * n]).iter().all(|pixel| (pixel - 2.0).abs() < 1e-5));
        assert_eq!(LowPass::new(32, 8.0).half_at_angstrom(), 32.0);
        assert_eq!(LowPass::new(1, 1.0).apply(&[5.0]), [5.0]);
    }
}
