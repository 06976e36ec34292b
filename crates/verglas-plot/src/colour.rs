//! From values to colours: robust contrast, grey, and a diverging map that colour-blind people can read.

/// A colour for each of 256 steps.
pub type Palette = [[u8; 3]; 256];

/// Black to white.
pub const GREY: Palette = grey();

/// Blue over white to red: 11 colours of ColorBrewer's RdBu (Cynthia Brewer, <https://colorbrewer2.org>, Apache
/// License 2.0), which keeps its order for people who can't tell red from green, with straight lines between them.
pub const DIVERGING: Palette = between(&[
    [5, 48, 97],
    [33, 102, 172],
    [67, 147, 195],
    [146, 197, 222],
    [209, 229, 240],
    [247, 247, 247],
    [253, 219, 199],
    [244, 165, 130],
    [214, 96, 77],
    [178, 24, 43],
    [103, 0, 31],
]);

/// White to blue: lines, with smooth edges.
pub const LINE: Palette = between(&[[255, 255, 255], [0, 114, 178]]);

const fn grey() -> Palette {
    let mut palette = [[0; 3]; 256];
    let mut step = 0;
    while step < 256 {
        palette[step] = [step as u8; 3];
        step += 1;
    }
    palette
}

const fn between(colours: &[[u8; 3]]) -> Palette {
    let mut palette = [[0; 3]; 256];
    let mut step = 0;
    while step < 256 {
        // The middle of an odd number of steps is one of them, so that 0 has its own colour.
        let even_step = if step < 255 { step } else { 254 };
        let position = even_step * (colours.len() - 1);
        let (index, rest) = (position / 254, (position % 254) as i32);
        let next = if index + 1 < colours.len() { index + 1 } else { index };
        let mut channel = 0;
        while channel < 3 {
            let (low, high) = (colours[index][channel] as i32, colours[next][channel] as i32);
            palette[step][channel] = (low + (high - low) * rest / 254) as u8;
            channel += 1;
        }
        step += 1;
    }
    palette
}

/// Black and white for several images together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    /// The value that is black.
    pub low: f32,
    /// The value that is white.
    pub high: f32,
}

impl Contrast {
    /// From the lowest to the highest value, but for the one in 200 at either end: a hot pixel darkens no picture.
    pub fn robust<'a>(images: impl Iterator<Item = &'a [f32]>) -> Self {
        let mut values = sample(images);
        let (low, high) = (quantile(&mut values, 0.005), quantile(&mut values, 0.995));
        if high > low {
            return Self { low, high };
        }
        // All but a few values are equal, as in an image of a single point.
        let (low, high) = (quantile(&mut values, 0.0), quantile(&mut values, 1.0));
        if high > low { Self { low, high } } else { Self { low: low - 0.5, high: low + 0.5 } }
    }

    /// The step of a palette for a value.
    pub fn step(&self, value: f32) -> u8 {
        // Saturating: beyond the ends are black and white.
        ((value - self.low) / (self.high - self.low) * 255.0 + 0.5) as u8
    }
}

/// A symmetric logarithmic scale: linear around 0, logarithmic further out, the same on both sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SymmetricLog {
    /// Where the colours end.
    pub end: f32,
    /// Sizes at which the colour changes: looking them up is faster than a logarithm for each pixel.
    bounds: [f32; N_SIDE],
}

/// Steps of a palette on either side of the middle.
const N_SIDE: usize = 127;

impl SymmetricLog {
    /// Half of all values lie in the linear part; one in 500 beyond the end.
    pub fn robust<'a>(images: impl Iterator<Item = &'a [f32]>) -> Self {
        let mut values: Vec<f32> = sample(images).into_iter().map(f32::abs).collect();
        let end = quantile(&mut values, 0.998);
        let end = if end > 0.0 { end } else { quantile(&mut values, 1.0) };
        if end <= 0.0 {
            return Self::new(1.0, 1.0);
        }
        // At most three decades are logarithmic: fainter values are noise of single precision.
        Self::new(quantile(&mut values, 0.5).max(end * 1e-3), end)
    }

    fn new(linear: f32, end: f32) -> Self {
        let whole = f64::from(end / linear).ln_1p();
        // ln(1 + size/linear) grows from 0 to this, and each step has its share; the middle one half of it on either side.
        let bounds = std::array::from_fn(|step| {
            let share = (step as f64 + 0.5) / N_SIDE as f64;
            (f64::from(linear) * (share * whole).exp_m1()) as f32
        });
        Self { end, bounds }
    }

    /// The step of a palette for a value; 0 has the middle one.
    pub fn step(&self, value: f32) -> u8 {
        let size = value.abs();
        let from_middle = self.bounds.partition_point(|&bound| bound <= size) as u8;
        let middle = N_SIDE as u8;
        if value < 0.0 { middle - from_middle } else { middle + from_middle }
    }
}

/// About 50,000 of the values, evenly spread, without those that are not numbers.
fn sample<'a>(images: impl Iterator<Item = &'a [f32]>) -> Vec<f32> {
    const N_SAMPLES: usize = 50_000;
    let images: Vec<&[f32]> = images.collect();
    let n_values: usize = images.iter().map(|image| image.len()).sum();
    // An odd step visits all columns of images with an even side.
    let step = (n_values / N_SAMPLES).max(1) | 1;
    images.into_iter().flatten().copied().step_by(step).filter(|value| value.is_finite()).collect()
}

/// The value that the given fraction of all lies below; 0 when there are none.
fn quantile(values: &mut [f32], fraction: f64) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let index = (fraction * (values.len() - 1) as f64).round() as usize;
    *values.select_nth_unstable_by(index, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hot_pixel_leaves_the_contrast_alone() {
        let mut image: Vec<f32> = (0..10_000).map(|index| (index % 101) as f32).collect();
        let plain = Contrast::robust([image.as_slice()].into_iter());
        image[123] = 1e6;
        assert_eq!(Contrast::robust([image.as_slice()].into_iter()), plain);
        assert_eq!((plain.low, plain.high), (0.0, 100.0));
        assert_eq!([plain.step(-5.0), plain.step(0.0), plain.step(50.0), plain.step(1e6)], [0, 0, 128, 255]);
    }

    #[test]
    fn even_images_have_a_contrast() {
        let even = Contrast::robust([[3.0; 50].as_slice()].into_iter());
        assert_eq!(even.step(3.0), 128);
        let mut point = [0.0; 10_000];
        point[77] = 1.0;
        let contrast = Contrast::robust([point.as_slice()].into_iter());
        assert_eq!((contrast.low, contrast.high), (0.0, 1.0));
        assert_eq!(Contrast::robust(std::iter::empty()).step(0.0), 128);
    }

    #[test]
    fn the_symmetric_scale_is_symmetric_and_zero_is_white() {
        let values: Vec<f32> = (-5000..=5000).map(|i| (i as f32 / 5000.0).powi(3)).collect();
        let scale = SymmetricLog::robust([values.as_slice()].into_iter());
        assert_eq!(DIVERGING[scale.step(0.0) as usize], [247, 247, 247]);
        assert_eq!((scale.step(-9.0), scale.step(9.0)), (0, 254));
        let (linear, end) = (0.02_f32, 0.7);
        let scale = SymmetricLog::new(linear, end);
        for value in [0.0, 1e-6, 0.001, 0.02, 0.3, 5.0] {
            assert_eq!(scale.step(value) - 127, 127 - scale.step(-value), "{value}");
            // By the scale's formula, up to rounding at the edge of a step.
            let position = (value / linear).ln_1p() / (end / linear).ln_1p();
            let expected = 127.0 * position.min(1.0);
            assert!((f32::from(scale.step(value)) - 127.0 - expected).abs() < 0.51, "{value}");
        }
    }
}
