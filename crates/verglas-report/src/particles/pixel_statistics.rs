//! Statistics that need an image's pixels: their standard deviation, blank edges, and particles of inverted contrast.

/// Turns the pixels of physical images (mean 0, largest absolute value 1) into [`PixelStatistics`].
#[derive(Debug)]
pub(crate) struct PixelPlan {
    n_pixels: usize,
    /// The ring of each pixel, by its distance from the centre.
    rings: Vec<u16>,
    /// Pixels in each ring.
    ring_sizes: Vec<f64>,
}

/// The statistics of one image's pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PixelStatistics {
    /// Root of the mean square about the mean.
    pub(crate) rms: f64,
    /// How many rows or columns at an edge are blank.
    pub(crate) blank_lines: usize,
    /// How well the image goes with the median particle.
    pub(crate) likeness: f64,
}

/// Mean of an image on rings around its centre, in units of the image's standard deviation.
pub(crate) type RadialProfile = Vec<f64>;

/// Rings: enough for a particle's shape, few enough that each holds many pixels.
const N_RINGS: usize = 24;

impl PixelPlan {
    pub(crate) fn new(n_pixels: usize) -> Self {
        let centre = (n_pixels / 2) as f64;
        let rings: Vec<u16> = (0..n_pixels * n_pixels)
            .map(|pixel| {
                let radius = ((pixel / n_pixels) as f64 - centre).hypot((pixel % n_pixels) as f64 - centre);
                // The last ring holds the corners.
                ((radius / (n_pixels as f64 / 2.0).max(1.0) * (N_RINGS - 1) as f64) as usize).min(N_RINGS - 1) as u16
            })
            .collect();
        let mut ring_sizes = vec![0.0; N_RINGS];
        for &ring in &rings {
            ring_sizes[ring as usize] += 1.0;
        }
        Self { n_pixels, rings, ring_sizes }
    }

    /// The statistics of the pixels of `image`, compared with the median particle, whose profile is `median`.
    pub(crate) fn statistics(&self, image: &[f32], median: &RadialProfile) -> PixelStatistics {
        PixelStatistics {
            rms: root_mean_square(image),
            blank_lines: self.blank_lines(image),
            likeness: self.likeness(&self.radial_profile(image), median),
        }
    }

    /// The image's mean on each ring.
    pub(crate) fn radial_profile(&self, image: &[f32]) -> RadialProfile {
        let mut sums = [0.0; N_RINGS];
        for (&pixel, &ring) in image.iter().zip(&self.rings) {
            sums[ring as usize] += f64::from(pixel);
        }
        let deviation = root_mean_square(image).max(f64::MIN_POSITIVE);
        sums.iter().zip(&self.ring_sizes).map(|(sum, size)| sum / size.max(1.0) / deviation).collect()
    }

    /// How well an image's profile goes with that of the mean particle: positive for the same contrast, negative for the
    /// other one.
    pub(crate) fn likeness(&self, profile: &RadialProfile, mean: &RadialProfile) -> f64 {
        let terms = profile.iter().zip(mean).zip(&self.ring_sizes);
        let product: f64 = terms.map(|((value, mean), size)| value * mean * size).sum();
        let norm: f64 = mean.iter().zip(&self.ring_sizes).map(|(mean, size)| mean * mean * size).sum();
        product / norm.sqrt().max(f64::MIN_POSITIVE)
    }

    /// How many rows or columns at an edge are blank: all of their pixels equal, or a repetition of the line further
    /// in, which is how programs fill the area outside a micrograph. The edge with the most such lines is used.
    pub(crate) fn blank_lines(&self, image: &[f32]) -> usize {
        let n = self.n_pixels;
        // Of one line: (index of its first pixel, step between pixels).
        let row = |line: usize| (line * n, 1);
        let column = |line: usize| (line, n);
        let is_blank = |(first, step): (usize, usize), inner: (usize, usize)| {
            let mut pixels = (0..n).map(|i| (image[first + i * step], image[inner.0 + i * inner.1]));
            let start = image[first];
            let (mut alike, mut repeated) = (true, true);
            pixels.all(|(pixel, further_in)| {
                alike &= pixel == start;
                repeated &= pixel == further_in;
                alike || repeated
            })
        };
        let count = |line: &dyn Fn(usize) -> (usize, usize)| {
            (0..n.saturating_sub(1)).take_while(|&at| is_blank(line(at), line(at + 1))).count()
        };
        let from_behind = |line: usize| n - 1 - line;
        [count(&row), count(&column), count(&|line| row(from_behind(line))), count(&|line| column(from_behind(line)))]
            .into_iter()
            .max()
            .unwrap_or(0)
    }
}

/// Root of the mean square about the mean, which normalising has made 0 up to rounding.
fn root_mean_square(image: &[f32]) -> f64 {
    let n = image.len().max(1) as f64;
    let (sum, squares) = image.iter().fold((0.0, 0.0), |(sum, squares), &pixel| {
        let pixel = f64::from(pixel);
        (sum + pixel, squares + pixel * pixel)
    });
    (squares / n - (sum / n).powi(2)).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_square_is_about_the_mean() {
        assert!((root_mean_square(&[1.0, -1.0, 1.0, -1.0]) - 1.0).abs() < 1e-15);
        // Squares of the distances from the mean of 1: 1, 1, 1, 9.
        assert!((root_mean_square(&[0.0, 0.0, 0.0, 4.0]) - 3.0_f64.sqrt()).abs() < 1e-15);
        assert_eq!(root_mean_square(&[]), 0.0);
    }

    fn noise(n: usize) -> Vec<f32> {
        (0..n * n).map(|i| ((i * 7919 + 13) % 1009) as f32 / 1009.0 - 0.5).collect()
    }

    #[test]
    fn blank_edges_are_counted_on_every_side() {
        let n = 32;
        let plan = PixelPlan::new(n);
        assert_eq!(plan.blank_lines(&noise(n)), 0);
        for (lines, side) in [(1, 0), (5, 1), (9, 2), (4, 3)] {
            let (mut even, mut repeated) = (noise(n), noise(n));
            for line in (0..lines).rev() {
                for i in 0..n {
                    let at = |line: usize| match side {
                        0 => line * n + i,
                        1 => i * n + line,
                        2 => (n - 1 - line) * n + i,
                        _ => i * n + n - 1 - line,
                    };
                    even[at(line)] = 0.25;
                    repeated[at(line)] = repeated[at(line + 1)];
                }
            }
            assert_eq!(plan.blank_lines(&even), lines, "side {side}");
            assert_eq!(plan.blank_lines(&repeated), lines, "side {side}, repeated");
        }
    }

    #[test]
    fn the_other_contrast_has_the_other_sign() {
        let n = 32;
        let plan = PixelPlan::new(n);
        let disc: Vec<f32> = noise(n)
            .iter()
            .enumerate()
            .map(|(pixel, noise)| {
                let radius = ((pixel / n) as f64 - 16.0).hypot((pixel % n) as f64 - 16.0);
                noise + if radius < 7.0 { 0.3 } else { -0.05 }
            })
            .collect();
        let other: Vec<f32> = disc.iter().map(|pixel| -pixel).collect();
        let mean = plan.radial_profile(&disc);
        let (same, opposite) = (plan.likeness(&mean, &mean), plan.likeness(&plan.radial_profile(&other), &mean));
        assert!(same > 5.0 && (same + opposite).abs() < 1e-9, "{same} {opposite}");
    }
}
