//! From rows of the metadata to Fourier images, whatever becomes of these afterwards.

use std::ops::Range;

use verglas_core::StopFlag;
use verglas_core::error::{Error, Result};
use verglas_core::hint::{Hint, Setting};
use verglas_fourier::polar::Real;

use super::contrast::is_inverted;
use super::prepare::Conversion;
use crate::image::{RawImage, ReadFailure};
use crate::preprocess::{DownsampleScratch, Downsampler, Normalization, PhysicalImage, PhysicalImages};
use crate::transform::{PolarBackend, PolarImage, PolarImages, PolarWorker, Vanishing};

/// One thread's room for some images, from pixels as stored to Fourier images.
pub(super) struct ImageBuffers<'a, T: Real> {
    downsampler: &'a Downsampler,
    scratch: DownsampleScratch,
    pub(super) physical: PhysicalImages,
    worker: Box<dyn PolarWorker<T> + 'a>,
    pub(super) polar: PolarImages<T>,
    /// Why an image can't be read or normalised; one per image.
    pub(super) unusable: Vec<Option<String>>,
}

impl<'a, T: Real> ImageBuffers<'a, T> {
    /// Room for `n_images`.
    pub(super) fn new(n_images: usize, downsampler: &'a Downsampler, transform: &'a dyn PolarBackend<T>) -> Self {
        Self {
            downsampler,
            scratch: downsampler.scratch(),
            physical: PhysicalImages::new(n_images, downsampler.sides().n_pixels()),
            worker: transform.worker(),
            polar: PolarImages::new(n_images, transform.output_len()),
            unusable: Vec::with_capacity(n_images),
        }
    }

    /// Forgets all images, and has room for the reasons of `n_images` others.
    pub(super) fn clear(&mut self, n_images: usize) {
        self.physical.clear();
        self.polar.clear();
        self.unusable.clear();
        self.unusable.resize(n_images, None);
    }

    /// Makes the Fourier images of some images, whose stored pixels, `[images, N, N]`, are in `raw`, which may be
    /// changed; image 0 is the one at `first_position` of the output order.
    ///
    /// # Errors
    /// When none can be made, whatever the images are.
    pub(super) fn compute(
        &mut self,
        conversion: &Conversion,
        first_position: usize,
        images: Range<usize>,
        raw: &mut [f32],
    ) -> Result<()> {
        let n_raw_pixels = self.downsampler.sides().n_input_pixels().pow(2);
        for image in images.clone() {
            if self.unusable[image].is_some() {
                continue;
            }
            let raw = &mut raw[image * n_raw_pixels..][..n_raw_pixels];
            let particle = conversion.plan.particle(first_position + image);
            if is_inverted(&conversion.table, conversion.settings.contrast, particle) {
                raw.iter_mut().for_each(|pixel| *pixel = -*pixel);
            }
            let downsampled = self.downsampler.apply(RawImage(raw), &mut self.scratch);
            let normalized = self.physical.normalize(image, downsampled);
            self.unusable[image] = normalized.err().map(|degenerate| degenerate.as_str().to_owned());
        }
        for (first, batch) in self.physical.runs(images) {
            self.polar.transform(first, batch, self.worker.as_mut())?;
        }
        Ok(())
    }

    /// The result for one image.
    ///
    /// # Errors
    /// Why that can't be done.
    #[allow(clippy::type_complexity)]
    pub(super) fn made(
        &self,
        image: usize,
    ) -> std::result::Result<((PhysicalImage<'_>, Normalization), PolarImage<'_, T>), String> {
        if let Some(reason) = &self.unusable[image] {
            return Err(reason.clone());
        }
        let vanishing = || Vanishing.as_str().to_owned();
        let physical = self.physical.get(image).ok_or_else(vanishing)?;
        let polar = self.polar.get(image).and_then(std::result::Result::ok).ok_or_else(vanishing)?;
        Ok((physical, polar))
    }
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

    /// The error for an image that can be read, and not normalised for this `reason`.
    pub(super) fn not_normalized(&self, particle: usize, reason: &str) -> Error {
        let hint = Hint::Give(Setting::SkipUnreadable) + " leaves such images out and lists them";
        self.name_image(particle, reason).with_hint(hint)
    }
}
