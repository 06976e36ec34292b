//! The images of stacks made in memory, as they would be written, for code that uses them at once.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use num_complex::Complex;
use verglas_core::StopFlag;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::findings::Findings;
use verglas_core::threads::share_work;
use verglas_fourier::grid::Precision;
use verglas_fourier::polar::Real;
use verglas_run::manifest::{InputFile, RecordedSettings};

use super::manifest::{inputs, plan_crc32, recorded_settings};
use super::pipeline::ImageBuffers;
use super::prepare::Conversion;
use crate::metadata::Input;
use crate::preprocess::Downsampler;
use crate::settings::ConvertSettings;
use crate::transform::PolarBackend;

/// The most images that a thread reads at a time: enough to make the cost of each read negligible.
const MOST_AT_ONCE: usize = 16;

/// Makes the Fourier images of a conversion's stacks in memory: the same bits that a run would write.
pub struct ImageMaker<'a, T: Real> {
    conversion: &'a Conversion,
    downsampler: Downsampler,
    transform: Box<dyn PolarBackend<T>>,
    /// Whether images that can't be made are left out; otherwise the first of them is an error.
    may_leave_out: bool,
}

/// Some images of a stack while threads make them.
struct Share<'a, U> {
    first_position: usize,
    /// `[images, n_shells, n_inplanes]`
    out: &'a mut [U],
    /// Why an image is left out.
    left_out: &'a mut [Option<String>],
}

/// One thread's buffers.
struct Buffers<'a, T: Real> {
    bytes: Vec<u8>,
    raw: Vec<f32>,
    images: ImageBuffers<'a, T>,
}

impl Conversion {
    /// As [`Conversion::prepare`], for images that are made in memory and never written: nothing is reported about the
    /// stacks' files, and a stack may lose all its images.
    ///
    /// # Errors
    /// As [`Conversion::prepare`].
    pub fn prepare_in_memory(input: Input, settings: ConvertSettings, findings: &mut Findings) -> Result<Self> {
        Self::prepare_for(false, input, settings, findings)
    }

    /// The settings.
    pub fn settings(&self) -> &ConvertSettings {
        &self.settings
    }

    /// Images of each stack, in the order of the stacks' numbers.
    pub fn stack_sizes(&self) -> impl Iterator<Item = usize> {
        self.plan.stacks().iter().map(|stack| stack.n_images())
    }

    /// The particle that is image `image` of stack `stack`.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn particle_of(&self, stack: usize, image: usize) -> usize {
        self.plan.particle(self.plan.stacks()[stack].positions.start + image)
    }

    /// The data set's name for people: that of the metadata file, or of the job.
    pub fn name(&self) -> String {
        self.data_set_name()
    }

    /// The files that it reads, as they are now: metadata, descriptor, images.
    pub fn inputs(&self) -> Vec<InputFile> {
        inputs(self)
    }

    /// CRC-32, in hexadecimal, of which image of which row goes where.
    pub fn plan_crc32(&self) -> String {
        plan_crc32(&self.plan, &self.table)
    }

    /// The settings as its manifest would have them.
    ///
    /// # Errors
    /// When the descriptor can't be written.
    pub fn recorded_settings(&self) -> Result<RecordedSettings> {
        Ok(recorded_settings(self, &self.descriptor.to_bytes()?))
    }

    /// Bytes that an [`ImageMaker`] and the buffers of its threads take.
    ///
    /// # Errors
    /// When a transform on these grids is impossible.
    pub fn image_maker_bytes(&self) -> Result<u64> {
        let (n_pixels, n_values) = (self.descriptor.cartesian_grid.n_pixels(), self.descriptor.polar_grid.n_points());
        let value_bytes = match self.descriptor.precision {
            Precision::Single => 8,
            Precision::Double => 16,
        };
        let transform = self.settings.backend.estimate_bytes(&self.descriptor)?;
        let downsampler = Downsampler::estimate_bytes(self.sides);
        let pixel_bytes = |side: usize| 4 * (side as u64) * (side as u64);
        // Pixels as stored, pixels as read, physical and Fourier images.
        let of_image =
            2 * pixel_bytes(self.sides.n_input_pixels()) + pixel_bytes(n_pixels) + n_values as u64 * value_bytes;
        let of_thread = self.images_at_once() as u64 * of_image + (transform.scratch + downsampler.scratch) as u64;
        Ok((transform.plan + downsampler.plan) as u64 + self.buffers.n_threads as u64 * of_thread)
    }

    /// How many images a thread reads at a time.
    fn images_at_once(&self) -> usize {
        self.buffers.images_per_chunk.clamp(1, MOST_AT_ONCE)
    }

    /// Plans the transform.
    ///
    /// # Errors
    /// When there can be none on these grids.
    pub fn plan_images<T: Real>(&self) -> Result<ImageMaker<'_, T>> {
        let transform = self.settings.backend.plan(&self.descriptor)?;
        let may_leave_out = self.settings.skip_unreadable;
        Ok(ImageMaker { conversion: self, downsampler: Downsampler::plan(self.sides), transform, may_leave_out })
    }

    /// Bytes that images of a stack take in their files.
    pub fn bytes_of_images(&self, stack: usize, range: Range<usize>) -> u64 {
        range.map(|image| self.images.section_bytes(self.table.image[self.particle_of(stack, image)])).sum()
    }

    /// Says whose images will be made from now on, stacks as often as they will be: each image file is closed after its last.
    pub fn expect_stacks(&self, stacks: &[usize]) {
        self.images.expect(&self.count_images_of_files(stacks));
    }
}

impl<T: Real> ImageMaker<'_, T> {
    /// The same, leaving out what can't be made whatever the settings say: to find out which images these are.
    #[must_use]
    pub fn leaving_out(self) -> Self {
        Self { may_leave_out: true, ..self }
    }

    /// Makes images of a stack on the conversion's threads, each value through `convert` into `out`,
    /// `[images, n_shells, n_inplanes]`. The result says for each image why it is left out, where that is allowed; its
    /// place may hold anything.
    ///
    /// # Errors
    /// That of the first image that can't be read or normalised and may not be left out; of kind
    /// [`ErrorKind::Interrupted`] when it is stopped.
    ///
    /// # Panics
    /// If there are no such images, or `out` has another length.
    pub fn make<U: Send>(
        &self,
        stack: usize,
        range: Range<usize>,
        out: &mut [U],
        convert: impl Fn(Complex<T>) -> U + Sync,
        stop: &StopFlag,
    ) -> Result<Vec<Option<String>>> {
        let n_values = self.transform.output_len();
        assert_eq!(out.len(), range.len() * n_values, "room for the images");
        let positions = &self.conversion.plan.stacks()[stack].positions;
        assert!(range.end <= positions.len(), "images of the stack");
        let mut left_out = vec![None; range.len()];
        let at_once = self.conversion.images_at_once();
        let shares = out.chunks_mut(at_once * n_values).zip(left_out.chunks_mut(at_once)).enumerate();
        let first = positions.start + range.start;
        let shares =
            shares.map(|(nth, (out, left_out))| (nth, Share { first_position: first + nth * at_once, out, left_out }));
        let next = Mutex::new(shares);
        let (failure, has_failed) = (Mutex::new(None::<(usize, Error)>), AtomicBool::new(false));
        let n_threads = self.conversion.buffers.n_threads.min(range.len().div_ceil(at_once));
        share_work(n_threads, || {
            let mut buffers = self.buffers(at_once);
            // Shares are handed out in order and each one that was taken is finished, so the earliest failure counts.
            while !has_failed.load(Ordering::Acquire) {
                let share = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((nth, share)) = share else { break };
                if let Err(error) = self.make_share(share, &convert, &mut buffers, stop) {
                    let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    if failure.as_ref().is_none_or(|(earliest, _)| nth < *earliest) {
                        *failure = Some((nth, error));
                    }
                    has_failed.store(true, Ordering::Release);
                }
            }
        });
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some((_, error)) => Err(error),
            None => Ok(left_out),
        }
    }

    fn buffers(&self, n_images: usize) -> Buffers<'_, T> {
        let n_raw_pixels = self.downsampler.sides().n_input_pixels().pow(2);
        Buffers {
            bytes: Vec::new(),
            raw: vec![0.0; n_images * n_raw_pixels],
            images: ImageBuffers::new(n_images, &self.downsampler, self.transform.as_ref()),
        }
    }

    fn make_share<U>(
        &self,
        share: Share<'_, U>,
        convert: &impl Fn(Complex<T>) -> U,
        buffers: &mut Buffers<'_, T>,
        stop: &StopFlag,
    ) -> Result<()> {
        let (conversion, n_values) = (self.conversion, self.transform.output_len());
        let Share { first_position, out, left_out } = share;
        let Buffers { bytes, raw, images } = buffers;
        let n_images = left_out.len();
        let raw = &mut raw[..n_images * self.downsampler.sides().n_input_pixels().pow(2)];
        images.clear(n_images);
        conversion.read_images((first_position, self.may_leave_out), raw, &mut images.unusable, bytes, stop)?;
        let at_once = self.transform.images_at_once().max(1);
        for first in (0..n_images).step_by(at_once) {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::new(ErrorKind::Interrupted, "stopped"));
            }
            images.compute(conversion, first_position, first..n_images.min(first + at_once), raw)?;
        }
        for (image, (out, left_out)) in out.chunks_exact_mut(n_values).zip(left_out).enumerate() {
            match images.made(image) {
                Ok((_, polar)) => {
                    out.iter_mut().zip(polar.values()).for_each(|(out, value)| *out = convert(*value));
                }
                Err(reason) if self.may_leave_out => *left_out = Some(reason),
                Err(reason) => {
                    return Err(conversion.not_normalized(conversion.plan.particle(first_position + image), &reason));
                }
            }
        }
        Ok(())
    }
}
