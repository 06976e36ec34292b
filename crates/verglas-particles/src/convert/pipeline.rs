//! From a row of the metadata to a Fourier image, whatever becomes of it afterwards.

use num_complex::Complex;
use verglas_core::StopFlag;
use verglas_core::error::{Error, Result};
use verglas_core::hint::{Hint, Setting};
use verglas_fourier::polar::{PolarScratch, PolarTransform, Real};

use super::contrast::is_inverted;
use super::prepare::Conversion;
use crate::image::{RawImage, ReadFailure};
use crate::preprocess::{DownsampleScratch, Downsampler, apply_normalization};
use crate::stack::ImageScales;

/// One thread's room for what lies between pixels as stored and a Fourier image.
pub(super) struct ImageScratch<T: Real> {
    pub(super) downsample: DownsampleScratch,
    pub(super) polar: PolarScratch<T>,
}

impl Conversion {
    /// Reads the pixels of the images from `first` of the output order on, consecutive sections of a file in one call:
    /// `pixels` is `[images, N, N]`, `unreadable` has one element per image. Where `may_leave_out` says that images that can't be
    /// read may be left out, their reasons are noted there.
    ///
    /// # Errors
    /// That of the first image that can't be read and may not be left out; of the kind `Interrupted` when it is stopped.
    pub(super) fn read_images(
        &self,
        (first, may_leave_out): (usize, bool),
        pixels: &mut [f32],
        unreadable: &mut [Option<String>],
        bytes: &mut Vec<u8>,
        stop: &StopFlag,
    ) -> Result<()> {
        let Self { plan, table, images, .. } = self;
        let n_images = unreadable.len();
        let n_pixels = pixels.len().checked_div(n_images).unwrap_or(0);
        unreadable.fill(None);
        let mut image = 0;
        while image < n_images {
            let particle = plan.particle(first + image);
            let file = table.image[particle];
            let count = self.n_consecutive(first + image, n_images - image);
            let pixels = &mut pixels[image * n_pixels..][..count * n_pixels];
            match self.read_consecutive(first + image, count, pixels, bytes, stop) {
                Err(ReadFailure::Unreadable(_)) if may_leave_out => {
                    // Some of them may be readable all the same.
                    for (offset, pixels) in pixels.chunks_exact_mut(n_pixels).enumerate() {
                        let particle = plan.particle(first + image + offset);
                        match images.read(file, table.section[particle], 1, pixels, bytes, stop) {
                            Err(ReadFailure::Unreadable(why)) => unreadable[image + offset] = Some(why.0),
                            read => read.map_err(|failure| self.needed_by(particle, failure))?,
                        }
                    }
                }
                read => read.map_err(|failure| self.needed_by(particle, failure))?,
            }
            images
                .done_with(file, count as u32)
                .map_err(|error| self.needed_by(particle, ReadFailure::Fatal(error)))?;
            image += count;
        }
        Ok(())
    }

    /// Makes the Fourier image of `particle` of its pixels as stored, `raw`, which it may change; the physical image stands
    /// in `physical` afterwards.
    ///
    /// # Errors
    /// Why that can't be done.
    pub(super) fn transform_image<T: Real>(
        &self,
        particle: usize,
        (downsampler, transform): (&Downsampler, &PolarTransform<T>),
        raw: &mut [f32],
        (physical, fourier): (&mut [f32], &mut [Complex<T>]),
        scratch: &mut ImageScratch<T>,
    ) -> std::result::Result<ImageScales, &'static str> {
        if is_inverted(&self.table, self.settings.contrast, particle) {
            raw.iter_mut().for_each(|pixel| *pixel = -*pixel);
        }
        let downsampled = downsampler.apply(RawImage(raw), &mut scratch.downsample);
        let (centred, normalization) =
            apply_normalization(downsampled, physical).map_err(|degenerate| degenerate.as_str())?;
        let norm = transform.apply_normalized(centred.pixels(), fourier, &mut scratch.polar);
        if !(norm.is_finite() && norm > 0.0) {
            return Err("its Fourier image vanishes on the grid, so it can't be normalised");
        }
        Ok(ImageScales { mean: normalization.mean, max: normalization.max, norm })
    }

    /// The error for an image that can't be read.
    pub(super) fn needed_by(&self, particle: usize, failure: ReadFailure) -> Error {
        let error = match failure {
            ReadFailure::Unreadable(unreadable) => Error::format(unreadable.0),
            ReadFailure::Fatal(error) => error,
        };
        error.with_detail(format_args!("needed by {}", self.table.place(particle)))
    }

    /// The error for an image that can be read, and not normalised for this `reason`.
    pub(super) fn not_normalized(&self, particle: usize, reason: &str) -> Error {
        let hint = Hint::Give(Setting::SkipUnreadable) + " leaves such images out and lists them";
        self.name_image(particle, reason).with_hint(hint)
    }
}
