//! From pixels as stored to the physical image: mean 0, largest absolute value 1.

use crate::image::RawImage;

/// A centred image: `[N, N]` row-major float32, mean 0, largest absolute value 1. Only [`apply_normalization`] makes one.
#[derive(Debug, Clone, Copy)]
pub struct PhysicalImage<'a>(&'a [f32]);

impl<'a> PhysicalImage<'a> {
    /// The pixels.
    pub fn pixels(self) -> &'a [f32] {
        self.0
    }
}

/// What normalising subtracted and divided by: `raw = physical · max + mean`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalization {
    /// The image's mean.
    pub mean: f64,
    /// The largest absolute difference from the mean.
    pub max: f64,
}

/// Why an image can't be normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Degenerate {
    /// All pixels have the same value.
    Constant,
    /// A pixel is NaN or infinite.
    NotFinite,
}

impl Degenerate {
    /// What is wrong, to be put after the image's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Constant => "all pixels have the same value, so the image can't be normalised",
            Self::NotFinite => "a pixel is NaN or infinite, so the image can't be normalised",
        }
    }
}

/// Subtracts the image's mean and divides by its largest absolute value, both in float64, rounding once to float32.
///
/// # Errors
/// When all pixels are alike or one is not finite; `physical` is left as it was then.
///
/// # Panics
/// If the two slices differ in length.
pub fn apply_normalization<'a>(
    raw: RawImage<'_>,
    physical: &'a mut [f32],
) -> Result<(PhysicalImage<'a>, Normalization), Degenerate> {
    let pixels = raw.0;
    assert_eq!(pixels.len(), physical.len(), "one physical pixel for each raw one");
    let Moments { sum, min, max } = moments(pixels);
    // A sum of finite float32 values can't overflow float64, so it is not finite only if a pixel is not.
    if !sum.is_finite() {
        return Err(Degenerate::NotFinite);
    }
    // Also true of no pixels at all. The mean's rounding would make a constant image look like noise.
    if min >= max {
        return Err(Degenerate::Constant);
    }
    let mean = sum / pixels.len() as f64;
    // Subtraction is monotonic, so the extremes are where the largest difference is.
    let largest = (f64::from(max) - mean).max(mean - f64::from(min));
    for (out, &pixel) in physical.iter_mut().zip(pixels) {
        *out = ((f64::from(pixel) - mean) / largest) as f32;
    }
    Ok((PhysicalImage(physical), Normalization { mean, max: largest }))
}

struct Moments {
    sum: f64,
    min: f32,
    max: f32,
}

/// Sum and extremes in one pass, in a fixed order of eight interleaved partial sums: the same on every machine.
fn moments(pixels: &[f32]) -> Moments {
    const LANES: usize = 8;
    let mut sums = [0.0_f64; LANES];
    let mut mins = [f32::INFINITY; LANES];
    let mut maxs = [f32::NEG_INFINITY; LANES];
    let (blocks, rest) = pixels.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            sums[lane] += f64::from(block[lane]);
            mins[lane] = if block[lane] < mins[lane] { block[lane] } else { mins[lane] };
            maxs[lane] = if block[lane] > maxs[lane] { block[lane] } else { maxs[lane] };
        }
    }
    for (lane, &pixel) in rest.iter().enumerate() {
        sums[lane] += f64::from(pixel);
        mins[lane] = mins[lane].min(pixel);
        maxs[lane] = maxs[lane].max(pixel);
    }
    Moments {
        sum: sums.iter().sum(),
        min: mins.into_iter().fold(f32::INFINITY, f32::min),
        max: maxs.into_iter().fold(f32::NEG_INFINITY, f32::max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_pixels_by_hand() {
        let mut physical = [0.0; 4];
        let (image, normalization) = apply_normalization(RawImage(&[1.0, 2.0, 3.0, 10.0]), &mut physical).unwrap();
        assert_eq!(normalization, Normalization { mean: 4.0, max: 6.0 });
        assert_eq!(image.pixels(), [-0.5, (-1.0 / 3.0) as f32, (-1.0 / 6.0) as f32, 1.0]);
    }

    #[test]
    fn raw_pixels_come_back() {
        let raw: Vec<f32> = (0..37).map(|i| ((i * i) % 17) as f32 - 3.0).collect();
        let mut physical = vec![0.0; raw.len()];
        let (image, Normalization { mean, max }) = apply_normalization(RawImage(&raw), &mut physical).unwrap();
        for (&pixel, &physical) in raw.iter().zip(image.pixels()) {
            // One rounding to float32 of a value of at most 1.
            assert!((f64::from(physical) * max + mean - f64::from(pixel)).abs() <= max * f64::from(f32::EPSILON));
        }
    }

    #[test]
    fn constant_nan_and_infinite_images_are_refused() {
        let mut physical = [7.0; 9];
        // The mean of nine times 0.1 is not exactly 0.1f32: only comparing pixels finds that they are alike.
        assert_eq!(apply_normalization(RawImage(&[0.1; 9]), &mut physical).unwrap_err(), Degenerate::Constant);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, 8] {
                let mut raw = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
                raw[at] = bad;
                assert_eq!(apply_normalization(RawImage(&raw), &mut physical).unwrap_err(), Degenerate::NotFinite);
            }
        }
        assert_eq!(physical, [7.0; 9]);
    }
}
