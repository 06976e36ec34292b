//! The physical image: mean 0, largest absolute value 1.

use thiserror::Error;
use verglas_core::ErrorKind;

use super::downsample::{DownsampledImage, DownsampledPixels};
use super::moments::{Moments, moments};

/// A centred image: `[N, N]` row-major float32, mean 0, largest absolute value 1. Only [`apply_normalization`] makes one.
#[derive(Debug, Clone, Copy)]
pub struct PhysicalImage<'a>(pub(super) &'a [f32]);

impl<'a> PhysicalImage<'a> {
    /// The pixels.
    pub fn pixels(self) -> &'a [f32] {
        self.0
    }
}

/// The values that normalising subtracted and divided by: `downsampled = physical · max + mean`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalization {
    /// The image's mean.
    pub mean: f64,
    /// The largest absolute difference from the mean.
    pub max: f64,
}

/// Why an image can't be normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{}", self.as_str())]
pub enum Degenerate {
    /// All pixels have the same value.
    Constant,
    /// A pixel is NaN or infinite.
    NotFinite,
}

impl Degenerate {
    /// What is wrong, to be appended to the image's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Constant => "all pixels have the same value, so the image can't be normalised",
            Self::NotFinite => "a pixel is NaN or infinite, so the image can't be normalised",
        }
    }
}

impl From<Degenerate> for verglas_core::Error {
    fn from(error: Degenerate) -> Self {
        Self::caused_by(ErrorKind::Value, error)
    }
}

/// Subtracts the image's mean and divides by its largest absolute value, both in float64, rounding once to float32: not
/// before, whether the image was downsampled or not.
///
/// # Errors
/// When all pixels are equal or one is not finite; `physical` is then left unchanged.
///
/// # Panics
/// If the two slices differ in length.
pub fn apply_normalization<'a>(
    image: DownsampledImage<'_>,
    physical: &'a mut [f32],
) -> Result<(PhysicalImage<'a>, Normalization), Degenerate> {
    let normalization = match image.0 {
        DownsampledPixels::AsStored(pixels) => normalize(pixels, physical),
        DownsampledPixels::Downsampled(pixels) => normalize(pixels, physical),
    }?;
    Ok((PhysicalImage(physical), normalization))
}

fn normalize<P: Copy + PartialOrd + Into<f64>>(
    pixels: &[P],
    physical: &mut [f32],
) -> Result<Normalization, Degenerate> {
    assert_eq!(pixels.len(), physical.len(), "one physical pixel for each of the image");
    // No pixels at all count as equal, too.
    let Moments { sum, min, max } = moments(pixels).ok_or(Degenerate::Constant)?;
    // A sum of finite float32 values, or of means of these, can't overflow float64: it is not finite only if a pixel is
    // not.
    if !sum.is_finite() {
        return Err(Degenerate::NotFinite);
    }
    // The mean's rounding would make a constant image look like noise.
    if min >= max {
        return Err(Degenerate::Constant);
    }
    let mean = sum / pixels.len() as f64;
    // Subtraction is monotonic, so the extremes are where the largest difference is.
    let largest = (max.into() - mean).max(mean - min.into());
    for (out, &pixel) in physical.iter_mut().zip(pixels) {
        *out = ((pixel.into() - mean) / largest) as f32;
    }
    Ok(Normalization { mean, max: largest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_stored(pixels: &[f32]) -> DownsampledImage<'_> {
        DownsampledImage(DownsampledPixels::AsStored(pixels))
    }

    fn downsampled(pixels: &[f64]) -> DownsampledImage<'_> {
        DownsampledImage(DownsampledPixels::Downsampled(pixels))
    }

    #[test]
    fn four_pixels_by_hand() {
        let mut physical = [0.0; 4];
        let (image, normalization) = apply_normalization(as_stored(&[1.0, 2.0, 3.0, 10.0]), &mut physical).unwrap();
        assert_eq!(normalization, Normalization { mean: 4.0, max: 6.0 });
        assert_eq!(image.pixels(), [-0.5, (-1.0 / 3.0) as f32, (-1.0 / 6.0) as f32, 1.0]);
    }

    #[test]
    fn raw_pixels_come_back() {
        let raw: Vec<f32> = (0..37).map(|i| ((i * i) % 17) as f32 - 3.0).collect();
        let mut physical = vec![0.0; raw.len()];
        let (image, Normalization { mean, max }) = apply_normalization(as_stored(&raw), &mut physical).unwrap();
        for (&pixel, &physical) in raw.iter().zip(image.pixels()) {
            // One rounding to float32 of a value of at most 1.
            assert!((f64::from(physical) * max + mean - f64::from(pixel)).abs() <= max * f64::from(f32::EPSILON));
        }
    }

    #[test]
    fn a_downsampled_image_is_rounded_once() {
        // In float32, both of the larger pixels would be 1 before the mean is subtracted.
        let pixels = [0.0, 1.0, 1.0 + 1e-9, 2.0 + 1e-9];
        let mut physical = [0.0; 4];
        let (image, Normalization { mean, max }) = apply_normalization(downsampled(&pixels), &mut physical).unwrap();
        assert_eq!(image.pixels(), pixels.map(|pixel| ((pixel - mean) / max) as f32));
        assert_eq!(image.pixels()[1], -image.pixels()[2]);
        assert!(image.pixels()[2] > 0.0);
    }

    #[test]
    fn constant_nan_and_infinite_images_are_refused() {
        let mut physical = [7.0; 9];
        // The mean of nine times 0.1 is not exactly 0.1f32: only comparing pixels finds that they are equal.
        assert_eq!(apply_normalization(as_stored(&[0.1; 9]), &mut physical).unwrap_err(), Degenerate::Constant);
        assert_eq!(apply_normalization(downsampled(&[0.1; 9]), &mut physical).unwrap_err(), Degenerate::Constant);
        assert_eq!(apply_normalization(as_stored(&[]), &mut []).unwrap_err(), Degenerate::Constant);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, 8] {
                let mut raw = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
                raw[at] = bad;
                assert_eq!(apply_normalization(as_stored(&raw), &mut physical).unwrap_err(), Degenerate::NotFinite);
                let raw = raw.map(f64::from);
                assert_eq!(apply_normalization(downsampled(&raw), &mut physical).unwrap_err(), Degenerate::NotFinite);
            }
        }
        assert_eq!(physical, [7.0; 9]);
    }
}
