//! Downsampling by an integer factor, in blocks of pixels or with a crop in Fourier space, or by such a crop to any box.

use verglas_core::error::{Error, Result};
use verglas_core::hint::{Hint, Setting};
use verglas_fourier::polar::TransformBytes;

use super::fourier_crop::{CropScratch, FourierCrop};
use crate::image::RawImage;
use crate::settings::{ConvertSettings, DownsampleMethod, Downsampling};

/// Smallest side that may be left: a single pixel is a constant image, and can't be normalised.
const SMALLEST_BOX: usize = 2;

/// What downsampling makes of a box of N × N pixels: n = ⌊N/f⌋ pixels a side, or the box that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DownsampledBox {
    n_input_pixels: usize,
    n_pixels: usize,
    step: SizeStep,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SizeStep {
    Nothing,
    ByFactor(Downsampling),
    /// In Fourier space.
    Crop,
}

impl DownsampledBox {
    /// The box that `downsampling` leaves of `n_input_pixels` × `n_input_pixels`.
    ///
    /// # Errors
    /// When less than 2 pixels a side are left.
    pub fn new(n_input_pixels: usize, downsampling: Downsampling) -> Result<Self> {
        let n_pixels = n_input_pixels / downsampling.factor;
        if n_pixels < SMALLEST_BOX && !downsampling.is_none() {
            return Err(Error::value(format!(
                "downsampling by {} leaves {n_pixels} px of images of {n_input_pixels} px, expected at least {SMALLEST_BOX} px",
                downsampling.factor
            ))
            .with_hint(
                "for this box, " + Hint::Give(Setting::Downsample)
                    + format!(" can be at most {}", (n_input_pixels / SMALLEST_BOX).max(1)),
            ));
        }
        let step = if downsampling.is_none() { SizeStep::Nothing } else { SizeStep::ByFactor(downsampling) };
        Ok(Self { n_input_pixels, n_pixels, step })
    }

    /// The box that a crop in Fourier space leaves.
    ///
    /// # Errors
    /// When it is not even, or larger than the images.
    pub fn cropped(n_input_pixels: usize, n_pixels: usize) -> Result<Self> {
        check_crop(n_pixels)?;
        if n_pixels > n_input_pixels {
            return Err(Error::value(format!(
                "a box of {n_pixels} px is asked for, and images are {n_input_pixels} px wide: they can only be made smaller"
            )));
        }
        let step = if n_pixels == n_input_pixels { SizeStep::Nothing } else { SizeStep::Crop };
        Ok(Self { n_input_pixels, n_pixels, step })
    }

    /// The box that `settings` ask for.
    ///
    /// # Errors
    /// As [`DownsampledBox::new`] and [`DownsampledBox::cropped`].
    pub fn of(n_input_pixels: usize, settings: &ConvertSettings) -> Result<Self> {
        match settings.downsample_to {
            Some(n_pixels) => Self::cropped(n_input_pixels, n_pixels),
            None => Self::new(n_input_pixels, settings.downsampling),
        }
    }

    /// Side N of the images before downsampling, pixels.
    pub fn n_input_pixels(self) -> usize {
        self.n_input_pixels
    }

    /// Side n of the images after downsampling, pixels.
    pub fn n_pixels(self) -> usize {
        self.n_pixels
    }

    /// The factor that was asked for; 1 where nothing is done or a box was asked for.
    pub fn factor(self) -> usize {
        match self.step {
            SizeStep::ByFactor(downsampling) => downsampling.factor.get(),
            SizeStep::Nothing | SizeStep::Crop => 1,
        }
    }

    /// How images are made smaller, if they are.
    pub fn method(self) -> Option<DownsampleMethod> {
        match self.step {
            SizeStep::Nothing => None,
            SizeStep::ByFactor(downsampling) => Some(downsampling.method),
            SizeStep::Crop => Some(DownsampleMethod::Fourier),
        }
    }

    /// What is done, in words: `downsampling by 2`; `None` where nothing is.
    pub fn said(self) -> Option<String> {
        match self.step {
            SizeStep::Nothing => None,
            SizeStep::ByFactor(downsampling) => Some(format!("downsampling by {}", downsampling.factor)),
            SizeStep::Crop => Some(format!("downsampling to {} px", self.n_pixels)),
        }
    }

    /// How many times larger a pixel is afterwards: f for blocks of f × f; N/n for a Fourier crop, as that keeps the
    /// field of view.
    pub fn pixel_size_factor(self) -> f64 {
        let [multiplier, divisor] = self.pixel_size_ratio();
        multiplier / divisor
    }

    /// [`Self::pixel_size_factor`] as a fraction, by which a size is multiplied and then divided: rounded in this
    /// order, like p·N/n.
    fn pixel_size_ratio(self) -> [f64; 2] {
        match self.method() {
            None => [1.0, 1.0],
            Some(DownsampleMethod::Mean | DownsampleMethod::Max) => [self.factor() as f64, 1.0],
            Some(DownsampleMethod::Fourier) => [self.n_input_pixels as f64, self.n_pixels as f64],
        }
    }

    /// The pixel size after downsampling, of images that had `input_angstrom` before.
    pub fn pixel_size_after(self, input_angstrom: [f64; 2]) -> [f64; 2] {
        let [multiplier, divisor] = self.pixel_size_ratio();
        input_angstrom.map(|size| size * multiplier / divisor)
    }

    /// The pixel size before downsampling, of images that have `output_angstrom` afterwards.
    pub fn pixel_size_before(self, output_angstrom: [f64; 2]) -> [f64; 2] {
        let [multiplier, divisor] = self.pixel_size_ratio();
        output_angstrom.map(|size| size * divisor / multiplier)
    }
}

/// Whether images can be cropped to a box of `n_pixels`.
///
/// # Errors
/// When it is not even, or too small.
pub(crate) fn check_crop(n_pixels: usize) -> Result<()> {
    if n_pixels >= SMALLEST_BOX && n_pixels.is_multiple_of(2) {
        return Ok(());
    }
    let found =
        format!("a box of {n_pixels} px is asked for, expected an even number of pixels, {SMALLEST_BOX} or more");
    Err(Error::value(found).with_hint(Hint::Give(Setting::DownsampleTo) + " takes any even box, such as 128"))
}

/// An image after downsampling: `[n, n]` row-major, in the unit of the raw image; exactly the raw image where nothing is
/// downsampled, else float64 that no step has rounded to float32. Only [`Downsampler::apply`] makes one.
#[derive(Debug, Clone, Copy)]
pub struct DownsampledImage<'a>(pub(super) DownsampledPixels<'a>);

#[derive(Debug, Clone, Copy)]
pub(super) enum DownsampledPixels<'a> {
    AsStored(&'a [f32]),
    Downsampled(&'a [f64]),
}

impl<'a> DownsampledImage<'a> {
    /// The pixels, one after the other.
    pub fn pixels(self) -> impl Iterator<Item = f64> + 'a {
        let (as_stored, downsampled): (&[f32], &[f64]) = match self.0 {
            DownsampledPixels::AsStored(pixels) => (pixels, &[]),
            DownsampledPixels::Downsampled(pixels) => (&[], pixels),
        };
        as_stored.iter().copied().map(f64::from).chain(downsampled.iter().copied())
    }
}

/// Downsampling planned for one box.
///
/// Plan once, then share by reference: all that changes while an image is downsampled is in a [`DownsampleScratch`], one
/// per thread, and nothing is allocated per image. The result is the same to the last bit whatever thread or order.
///
/// * `mean`, `max`: of the pixels `[f·a .. f·a + f, f·b .. f·b + f]`. Rows and columns past the last whole block
///   are not read, so that a NaN there does no harm. A value that is not finite anywhere else makes its block NaN, under
///   `max` too.
///   Where 2f divides N, the pixel that counts as the centre, ⌊n/2⌋, has its middle (f − 1)/2 input pixels past ⌊N/2⌋.
/// * `fourier`: the discrete Fourier transform of all N × N pixels, cropped to n × n. The coordinates a − ⌊N/2⌋ before and
///   a − ⌊n/2⌋ after have the same origin, and the mean stays. A pixel that is not finite makes all of them NaN.
///
/// ```
/// use verglas_particles::image::RawImage;
/// use verglas_particles::preprocess::{DownsampledBox, Downsampler};
/// use verglas_particles::settings::{DownsampleMethod, Downsampling};
///
/// let by_two = Downsampling { factor: 2.try_into()?, method: DownsampleMethod::Mean };
/// let downsampler = Downsampler::plan(DownsampledBox::new(4, by_two)?);
/// let mut scratch = downsampler.scratch();
/// let raw: Vec<f32> = (0..16_u8).map(f32::from).collect();
/// let image = downsampler.apply(RawImage(&raw), &mut scratch);
/// assert_eq!(image.pixels().collect::<Vec<_>>(), [2.5, 4.5, 10.5, 12.5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Downsampler {
    sides: DownsampledBox,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Nothing,
    Mean,
    Max,
    Fourier(FourierCrop),
}

/// The buffers that one thread needs to downsample images; made by [`Downsampler::scratch`] for its own plan.
#[derive(Debug)]
pub struct DownsampleScratch {
    /// `[n, n]`
    downsampled: Vec<f64>,
    crop: Option<CropScratch>,
}

impl Downsampler {
    /// Plans to downsample images as `sides` says.
    pub fn plan(sides: DownsampledBox) -> Self {
        let step = match sides.method() {
            None => Step::Nothing,
            Some(DownsampleMethod::Mean) => Step::Mean,
            Some(DownsampleMethod::Max) => Step::Max,
            Some(DownsampleMethod::Fourier) => Step::Fourier(FourierCrop::plan(sides.n_input_pixels, sides.n_pixels)),
        };
        Self { sides, step }
    }

    /// How many bytes [`plan`](Self::plan) and [`scratch`](Self::scratch) will take, known before anything is allocated.
    pub fn estimate_bytes(sides: DownsampledBox) -> TransformBytes {
        let none = TransformBytes { plan: 0, scratch: 0 };
        let crop = match sides.method() {
            None => return none,
            Some(DownsampleMethod::Mean | DownsampleMethod::Max) => none,
            Some(DownsampleMethod::Fourier) => FourierCrop::estimate_bytes(sides.n_input_pixels, sides.n_pixels),
        };
        let downsampled = sides.n_pixels.saturating_mul(sides.n_pixels).saturating_mul(size_of::<f64>());
        TransformBytes { scratch: crop.scratch.saturating_add(downsampled), ..crop }
    }

    /// New buffers for [`apply`](Self::apply).
    pub fn scratch(&self) -> DownsampleScratch {
        let n_pixels = match self.step {
            Step::Nothing => 0,
            _ => self.sides.n_pixels * self.sides.n_pixels,
        };
        let crop = match &self.step {
            Step::Fourier(crop) => Some(crop.scratch()),
            _ => None,
        };
        DownsampleScratch { downsampled: vec![0.0; n_pixels], crop }
    }

    /// The planned box.
    pub fn sides(&self) -> DownsampledBox {
        self.sides
    }

    /// Downsamples one image of `[N, N]` pixels.
    ///
    /// # Panics
    /// When the image has another size, or `scratch` belongs to another plan.
    pub fn apply<'a>(&self, raw: RawImage<'a>, scratch: &'a mut DownsampleScratch) -> DownsampledImage<'a> {
        let DownsampledBox { n_input_pixels: n_input, n_pixels: n, .. } = self.sides;
        assert_eq!(raw.0.len(), n_input * n_input, "an image of {n_input} × {n_input} pixels");
        let factor = self.sides.factor();
        let out = &mut scratch.downsampled;
        match &self.step {
            Step::Nothing => return DownsampledImage(DownsampledPixels::AsStored(raw.0)),
            Step::Mean => {
                let per_block = (factor * factor) as f64;
                reduce_blocks(raw.0, n_input, factor, out, 0.0, |sum, pixel| sum + pixel);
                out.iter_mut().for_each(|sum| *sum /= per_block);
            }
            Step::Max => reduce_blocks(raw.0, n_input, factor, out, f64::NEG_INFINITY, larger),
            Step::Fourier(crop) => {
                let scratch = scratch.crop.as_mut().expect("the scratch belongs to this plan");
                crop.apply(raw.0, out, scratch);
            }
        }
        debug_assert_eq!(out.len(), n * n);
        DownsampledImage(DownsampledPixels::Downsampled(out))
    }
}

/// Reduces each whole block to one value, taking its pixels row by row.
fn reduce_blocks(
    pixels: &[f32],
    n_input: usize,
    factor: usize,
    out: &mut [f64],
    start: f64,
    reduce: impl Fn(f64, f64) -> f64,
) {
    let n = n_input / factor;
    assert_eq!(out.len(), n * n, "the scratch belongs to this plan");
    out.fill(start);
    for (row, pixels) in pixels.chunks_exact(n_input).take(n * factor).enumerate() {
        let blocks = &mut out[row / factor * n..][..n];
        for (block, pixels) in blocks.iter_mut().zip(pixels.chunks_exact(factor)) {
            *block = pixels.iter().fold(*block, |reduced, &pixel| reduce(reduced, f64::from(pixel)));
        }
    }
}

/// The larger of two numbers; NaN as soon as one pixel is not finite, which a larger neighbour must not hide.
fn larger(so_far: f64, pixel: f64) -> f64 {
    if so_far.is_nan() || !pixel.is_finite() { f64::NAN } else { so_far.max(pixel) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(n_input: usize, factor: usize, method: DownsampleMethod) -> DownsampledBox {
        let downsampling = Downsampling { factor: factor.try_into().unwrap(), method };
        DownsampledBox::new(n_input, downsampling).unwrap()
    }

    fn downsample(raw: &[f32], n_input: usize, factor: usize, method: DownsampleMethod) -> Vec<f64> {
        let downsampler = Downsampler::plan(sides(n_input, factor, method));
        let mut scratch = downsampler.scratch();
        downsampler.apply(RawImage(raw), &mut scratch).pixels().collect()
    }

    #[test]
    fn five_by_five_pixels_in_blocks_of_two_by_hand() {
        #[rustfmt::skip]
        let raw = [
            1.0, 2.0,   3.0, 4.0,   99.0,
            5.0, 6.0,   7.0, 9.0,   99.0,

            0.0, 0.0,  -1.0, -2.0,  99.0,
            0.0, 8.0,  -3.0, -4.0,  99.0,

            99.0, 99.0, 99.0, 99.0, 99.0,
        ];
        assert_eq!(downsample(&raw, 5, 2, DownsampleMethod::Mean), [3.5, 5.75, 2.0, -2.5]);
        assert_eq!(downsample(&raw, 5, 2, DownsampleMethod::Max), [6.0, 9.0, 8.0, -1.0]);
    }

    #[test]
    fn box_and_pixel_size_after_downsampling() {
        for (n_input, factor, method, n, pixel_size_factor) in [
            (256, 2, DownsampleMethod::Mean, 128, 2.0),
            (257, 3, DownsampleMethod::Max, 85, 3.0),
            (256, 3, DownsampleMethod::Fourier, 85, 256.0 / 85.0),
            (256, 1, DownsampleMethod::Fourier, 256, 1.0),
            (1, 1, DownsampleMethod::Mean, 1, 1.0),
        ] {
            let sides = sides(n_input, factor, method);
            assert_eq!((sides.n_pixels(), sides.pixel_size_factor()), (n, pixel_size_factor));
        }
        assert_eq!(sides(256, 2, DownsampleMethod::Mean).pixel_size_after([1.5, 1.25]), [3.0, 2.5]);
        assert_eq!(sides(256, 2, DownsampleMethod::Mean).pixel_size_before([3.0, 2.5]), [1.5, 1.25]);
    }

    #[test]
    fn a_crop_takes_any_even_box_and_is_the_factors_where_both_can_be() {
        for n_input in [9, 12, 256] {
            let cropped = DownsampledBox::cropped(n_input, 8).unwrap();
            assert_eq!((cropped.n_pixels(), cropped.factor()), (8, 1));
            assert_eq!(cropped.pixel_size_after([1.5, 1.0]), [1.5 * n_input as f64 / 8.0, n_input as f64 / 8.0]);
        }
        let raw: Vec<f32> = (0..256).map(|at| ((at * at) % 37) as f32).collect();
        let crop = Downsampler::plan(DownsampledBox::cropped(16, 8).unwrap());
        let mut scratch = crop.scratch();
        let cropped: Vec<f64> = crop.apply(RawImage(&raw), &mut scratch).pixels().collect();
        assert_eq!(cropped, downsample(&raw, 16, 2, DownsampleMethod::Fourier));
        let same = DownsampledBox::cropped(16, 16).unwrap();
        assert_eq!((same.method(), same.pixel_size_factor()), (None, 1.0));
        for (n_pixels, expected) in [(0, "even"), (7, "even"), (18, "can only be made smaller")] {
            let error = DownsampledBox::cropped(16, n_pixels).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn too_large_a_factor_is_refused() {
        for (factor, left) in [(17, "0 px"), (16, "1 px"), (9, "1 px")] {
            for method in [DownsampleMethod::Mean, DownsampleMethod::Max, DownsampleMethod::Fourier] {
                let downsampling = Downsampling { factor: factor.try_into().unwrap(), method };
                let error = DownsampledBox::new(16, downsampling).unwrap_err();
                assert!(error.to_string().contains(left), "{error}");
                assert!(error.hint().unwrap().to_string().ends_with("at most 8"), "{:?}", error.hint());
            }
        }
        assert_eq!(sides(16, 8, DownsampleMethod::Max).n_pixels(), 2);
    }
}
