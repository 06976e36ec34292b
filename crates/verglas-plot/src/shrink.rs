//! A small picture of a physical image.

/// Brings boxes of one side to the side of a picture: smaller by the mean over areas, larger by repeating pixels.
#[derive(Debug, Clone)]
pub struct Shrinker {
    n_pixels: usize,
    side: usize,
    /// For each pixel of the picture, the pixels of the box that it covers along one axis, with their weights.
    spans: Vec<Span>,
}

/// Neighbouring pixels: the first, and the weight of each; weights add up to 1.
#[derive(Debug, Clone)]
struct Span {
    first: usize,
    weights: Vec<f32>,
}

impl Shrinker {
    /// Pictures of about `tile` pixels of a box of `n_pixels`.
    pub fn new(n_pixels: usize, tile: usize) -> Self {
        // Repeating each pixel as often as fits keeps small boxes sharp.
        let side = if n_pixels >= tile { tile } else { n_pixels * (tile / n_pixels.max(1)) };
        let step = n_pixels as f64 / side.max(1) as f64;
        let spans = (0..side)
            .map(|pixel| {
                let (start, end) = (pixel as f64 * step, (pixel + 1) as f64 * step);
                let first = start.floor() as usize;
                // A bound that is off a whole pixel by rounding alone covers no further one.
                let last = ((end - 1e-9).floor() as usize).clamp(first, n_pixels - 1);
                let weights = (first..=last)
                    .map(|index| ((end.min(index as f64 + 1.0) - start.max(index as f64)) / step) as f32)
                    .collect();
                Span { first, weights }
            })
            .collect();
        Self { n_pixels, side, spans }
    }

    /// Side of the picture, pixels.
    pub fn side(&self) -> usize {
        self.side
    }

    /// The picture, `[side, side]`, of an image, `[N, N]`.
    pub fn apply(&self, image: &[f32]) -> Vec<f32> {
        let mut picture = vec![0.0; self.side * self.side];
        let mut line = vec![0.0_f32; self.n_pixels];
        for (span, out) in self.spans.iter().zip(picture.chunks_exact_mut(self.side)) {
            line.fill(0.0);
            for (row, weight) in image.chunks_exact(self.n_pixels).skip(span.first).zip(&span.weights) {
                for (sum, pixel) in line.iter_mut().zip(row) {
                    *sum += weight * pixel;
                }
            }
            for (span, out) in self.spans.iter().zip(out) {
                *out = line[span.first..].iter().zip(&span.weights).map(|(pixel, weight)| pixel * weight).sum();
            }
        }
        picture
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_averaged_and_small_boxes_repeat_their_pixels() {
        let shrinker = Shrinker::new(3, 2);
        let picture = shrinker.apply(&[0.0, 0.0, 0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 9.0]);
        // Each pixel of the picture covers 1.5 × 1.5 pixels, of which the centre counts a quarter pixel.
        let expected = [0.25 * 9.0 / 2.25, 0.25 * 9.0 / 2.25, 0.25 * 9.0 / 2.25, (0.25 + 1.0) * 9.0 / 2.25];
        for (found, expected) in picture.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{picture:?}");
        }
        let larger = Shrinker::new(2, 5);
        assert_eq!(larger.side(), 4);
        assert_eq!(
            larger.apply(&[1.0, 2.0, 3.0, 4.0]),
            [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 3.0, 3.0, 4.0, 4.0]
        );
    }

    #[test]
    fn the_mean_is_kept_at_any_side() {
        for n_pixels in [1, 5, 159, 160, 161, 400] {
            let image: Vec<f32> = (0..n_pixels * n_pixels).map(|index| (index % 7) as f32).collect();
            let picture = Shrinker::new(n_pixels, 160).apply(&image);
            let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
            assert!((mean(&image) - mean(&picture)).abs() < 1e-3, "{n_pixels}");
        }
    }
}
