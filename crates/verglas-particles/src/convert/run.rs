//! The threads: each takes the next chunk of images, computes it, writes it, and takes the next.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytemuck::Pod;
use crc32fast::hash as crc32;
use num_complex::Complex;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::findings::{Warning, counted_do};
use verglas_core::hint::Hint;
use verglas_core::threads::share_work;
use verglas_core::{Observer, Silent, StopFlag};
use verglas_fourier::grid::Precision;
use verglas_fourier::polar::Real;
use verglas_plot::{PlotPlan, PowerSum};
use verglas_run::Existing;
use verglas_run::folder::{DESCRIPTOR, OutputFolder};
use verglas_run::manifest::{Manifest, RunState};
use verglas_run::recorder::{ChunkTimes, Recorder};
use verglas_run::resume::claim;

use super::manifest::new_manifest;
use super::pipeline::ImageBuffers;
use super::prepare::Conversion;
use super::resume::Kept;
use super::stack_run::{ActiveStack, ImageOutcome, ImageRecord};
use super::summary::Summary;
use crate::preprocess::Downsampler;
use crate::settings::ConvertSettings;
use crate::stack::{ConversionFiles, FOURIER_FOLDER, ImageScales, PHYSICAL_FOLDER, PLOT_FOLDER, SKIPPED};
use crate::transform::PolarBackend;

impl Conversion {
    /// Converts everything and writes it below `output`.
    ///
    /// # Errors
    /// When the folder can't be used, an image can't be read or normalised, or the disk refuses. Stacks that were
    /// whole by then are kept; nothing else is left under a final name.
    pub fn run(&self, output: impl AsRef<Path>) -> Result<Summary> {
        self.run_with(output, &Silent, &StopFlag::new(false))
    }

    /// [`Conversion::run`] with progress sent to `observer`; stopped between images once `stop` is set.
    ///
    /// # Errors
    /// As [`Conversion::run`], and of the kind [`ErrorKind::Interrupted`] when it was stopped.
    pub fn run_with(&self, output: impl AsRef<Path>, observer: &dyn Observer, stop: &StopFlag) -> Result<Summary> {
        match self.descriptor.precision {
            Precision::Single => self.run_in::<f32>(output.as_ref(), observer, stop),
            Precision::Double => self.run_in::<f64>(output.as_ref(), observer, stop),
        }
    }

    /// Checks, without changing anything, that `output` can be written to.
    ///
    /// # Errors
    /// When it is not empty and the settings say to refuse that, or when it can't be written.
    pub fn check_output(output: &Path, settings: &ConvertSettings) -> Result<()> {
        OutputFolder::new(output, settings.shard, ConversionFiles).check(settings.existing)
    }

    fn run_in<T: Real>(&self, output: &Path, observer: &dyn Observer, stop: &StopFlag) -> Result<Summary>
    where
        Complex<T>: Pod,
    {
        let start = Instant::now();
        let output = OutputFolder::new(output, self.settings.shard, ConversionFiles);
        output.check(self.settings.existing)?;
        self.check_room(&output)?;
        let transform = self.settings.backend.plan::<T>(&self.descriptor)?;
        let (_lock, no_locks) = output.lock()?;
        // No other process writes here from now on, so the state found now does not change.
        output.check(self.settings.existing)?;
        let mut warnings = self.warnings.clone();
        if let Some(warning) = no_locks {
            observer.warning(&warning);
            warnings.push(warning);
        }
        let descriptor = self.descriptor.to_bytes()?;
        let mut manifest = new_manifest(self, &warnings, &descriptor);
        let mut shared_files: Vec<(&str, Option<&[u8]>)> = Vec::new();
        if self.descriptor_is_new {
            shared_files.push((DESCRIPTOR, Some(&descriptor)));
        }
        if self.settings.skip_unreadable {
            shared_files.push((SKIPPED, None));
        }
        output.check_shared_files(&shared_files)?;
        let kept = self.make_way(&output, &mut manifest, stop)?;
        let n_kept = kept.stacks.len();
        manifest.stacks = kept.stacks;
        manifest.skipped = kept.skipped;
        manifest.skipped_list = kept.skipped_list;
        if let Some(warning) = altered_stacks(&kept.altered) {
            observer.warning(&warning);
            manifest.warnings.push((&warning).into());
            warnings.push(warning);
        }
        manifest.run.n_threads = self.buffers.n_threads;
        manifest.run.memory_bytes = self.settings.memory_bytes;
        let is_kept = |number: usize| manifest.stacks.binary_search_by_key(&number, |stack| stack.number).is_ok();
        let to_do: Vec<usize> = self.own_stacks().filter(|&number| !is_kept(number)).collect();
        observer.images_kept(manifest.n_images_written() as u64);
        self.images.expect(&self.count_images_of_files(&to_do));

        let recorder = Recorder::begin(manifest, &output, start)?;
        let folders =
            [(FOURIER_FOLDER, true), (PHYSICAL_FOLDER, self.settings.physical), (PLOT_FOLDER, self.settings.plots)];
        let folders: Vec<&str> =
            folders.into_iter().filter_map(|(folder, is_made)| is_made.then_some(folder)).collect();
        output.make_folders(&folders)?;
        if self.descriptor_is_new {
            output.write_shared_file(DESCRIPTOR, &descriptor)?;
        }
        let shared = Shared {
            conversion: self,
            output: &output,
            downsampler: Downsampler::plan(self.sides),
            transform: transform.as_ref(),
            plots: self.settings.plots.then(|| PlotPlan::new(&self.descriptor, &self.data_set_name())),
            cursor: Mutex::new(Cursor { to_do: to_do.into_iter(), current: None, n_chunks: 0 }),
            failure: Mutex::new(None),
            has_failed: AtomicBool::new(false),
            recorder: &recorder,
            observer,
            stop,
        };
        share_work(self.buffers.n_threads, || shared.work());
        let failure = shared.failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, error)) = failure {
            // The first error counts: a manifest that can't be written either is most likely its consequence.
            let _ = recorder.finish(RunState::Failed);
            return Err(error);
        }
        let n_whole = recorder.edit(|manifest| manifest.stacks.len());
        let n_stacks = self.own_stacks().len();
        if n_whole < n_stacks {
            recorder.finish(RunState::Stopped).1?;
            return Err(Error::new(
                ErrorKind::Interrupted,
                format!("stopped: {n_whole} of {n_stacks} stacks in `{}` are whole", output.root().display()),
            )
            .with_hint("the same conversion with " + Hint::Resume + " makes the others"));
        }
        if let Err(error) = self.list_left_out(&output, &recorder, observer, &mut warnings) {
            let _ = recorder.finish(RunState::Failed);
            return Err(error);
        }
        let (manifest, written) = recorder.finish(RunState::Complete);
        written?;
        Ok(Summary::new(self, output.root(), &manifest, n_kept, warnings, start.elapsed()))
    }

    /// Removes what must be removed, and finds the stacks that are kept.
    fn make_way(&self, output: &OutputFolder, manifest: &mut Manifest, stop: &StopFlag) -> Result<Kept> {
        let read: Vec<PathBuf> = manifest.inputs.iter().map(|input| manifest.resolve(&input.path)).collect();
        match (self.settings.existing, self.settings.shard) {
            (Existing::Overwrite, _) => {
                output.remove_earlier_run(&read)?;
                Ok(Kept::default())
            }
            // The folder is empty but for what a run left that was killed right at its start.
            (Existing::Refuse, None) => {
                output.remove_unfinished(self.own_stacks())?;
                Ok(Kept::default())
            }
            // Stacks of the same plan are not in a shard's way, and need not be made twice.
            (Existing::Resume, _) | (Existing::Refuse, Some(_)) => {
                let earlier = claim(output, manifest, self.own_stacks(), stop)?;
                let mut kept = self.keep_earlier(output, earlier, stop);
                if kept.stacks.is_empty() && self.settings.shard.is_none() {
                    output.remove_own_shared_files(&read)?;
                    kept.skipped_list.clear();
                }
                output.remove_unfinished(self.own_stacks())?;
                Ok(kept)
            }
        }
    }
}

/// The warning about stacks that were altered since they were made.
fn altered_stacks(altered: &[usize]) -> Option<Warning> {
    /// How many are listed.
    const MOST_LISTED: usize = 10;
    if altered.is_empty() {
        return None;
    }
    let mut list: Vec<String> = altered.iter().take(MOST_LISTED).map(usize::to_string).collect();
    if altered.len() > MOST_LISTED {
        list.push(format!("and {} more", altered.len() - MOST_LISTED));
    }
    let message = format!(
        "{} altered since the run that made them, and made again: {}",
        counted_do(altered.len(), "stack", "was", "were"),
        list.join(", ")
    );
    Some(Warning { code: "stack-altered", message: message.into() })
}

/// State shared by all threads.
struct Shared<'a, T: Real> {
    conversion: &'a Conversion,
    output: &'a OutputFolder,
    downsampler: Downsampler,
    transform: &'a dyn PolarBackend<T>,
    /// `None` when none are asked for.
    plots: Option<PlotPlan>,
    cursor: Mutex<Cursor>,
    /// The failure of the earliest chunk, whichever thread met it first.
    failure: Mutex<Option<(usize, Error)>>,
    has_failed: AtomicBool,
    recorder: &'a Recorder<'a>,
    observer: &'a dyn Observer,
    stop: &'a StopFlag,
}

/// How far the plan has been handed out.
struct Cursor {
    /// The stacks that have not begun.
    to_do: std::vec::IntoIter<usize>,
    /// The stack being handed out and its next image.
    current: Option<(Arc<ActiveStack>, usize)>,
    n_chunks: usize,
}

/// Consecutive images of one stack.
struct Chunk {
    /// Counts from 0 in the order of the plan.
    number: usize,
    stack: Arc<ActiveStack>,
    first: usize,
    n_images: usize,
}

/// One thread's buffers, reused for every chunk.
struct Buffers<'a, T: Real> {
    bytes: Vec<u8>,
    raw: Vec<f32>,
    images: ImageBuffers<'a, T>,
    outcomes: Vec<ImageOutcome>,
    /// The power of a chunk's images, where it is asked for.
    power: Option<PowerSum>,
}

impl<T: Real> Shared<'_, T>
where
    Complex<T>: Pod,
{
    /// How many pixels an image has in its file.
    fn n_raw_pixels(&self) -> usize {
        let side = self.downsampler.sides().n_input_pixels();
        side * side
    }

    /// Takes chunks until there are none left, something failed, or the user asks to stop.
    fn work(&self) {
        let n_images = self.conversion.buffers.images_per_chunk;
        let mut buffers = Buffers {
            bytes: Vec::new(),
            raw: vec![0.0; n_images * self.n_raw_pixels()],
            images: ImageBuffers::new(n_images, &self.downsampler, self.transform),
            outcomes: Vec::with_capacity(n_images),
            power: self.plots.as_ref().map(PlotPlan::start_power),
        };
        while let Some(chunk) = self.next_chunk() {
            let result = self.convert(&chunk, &mut buffers).and_then(|times| {
                // The user asked to stop: what was computed of this chunk is lost with its stack.
                let Some(mut times) = times else { return Ok(()) };
                self.observer.images_done(chunk.n_images as u64);
                if chunk.stack.is_last(chunk.n_images) {
                    let before = Instant::now();
                    let finished = chunk.stack.finish(self.conversion, self.output, self.plots.as_ref())?;
                    times.write += before.elapsed();
                    times.bytes_written += finished.record.files.iter().map(|file| file.bytes).sum::<u64>();
                    self.recorder.add(finished.record, finished.skipped);
                }
                self.recorder.note(chunk.n_images, times)
            });
            if let Err(error) = result {
                self.fail(chunk.number, error);
            }
        }
    }

    /// Hands out the next chunk; a new stack's files are opened here, so stacks start in the order of their numbers.
    fn next_chunk(&self) -> Option<Chunk> {
        if self.has_failed.load(Ordering::Acquire) || self.stop.load(Ordering::Relaxed) {
            return None;
        }
        let mut cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        let (stack, first) = match cursor.current.take() {
            Some(current) => current,
            None => {
                let number = cursor.to_do.next()?;
                match ActiveStack::open(self.conversion, self.output, self.plots.as_ref(), number) {
                    Ok(stack) => (Arc::new(stack), 0),
                    Err(error) => {
                        self.fail(cursor.n_chunks, error);
                        return None;
                    }
                }
            }
        };
        let n_images = self.conversion.buffers.images_per_chunk.min(stack.planned.n_images() - first);
        let number = cursor.n_chunks;
        cursor.n_chunks += 1;
        let next = first + n_images;
        if next < stack.planned.n_images() {
            cursor.current = Some((Arc::clone(&stack), next));
        }
        Some(Chunk { number, stack, first, n_images })
    }

    fn fail(&self, chunk: usize, error: Error) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.as_ref().is_none_or(|(earliest, _)| chunk < *earliest) {
            *failure = Some((chunk, error));
        }
        self.has_failed.store(true, Ordering::Release);
    }

    /// Reads, downsamples, normalises, transforms and writes the images of a chunk; `None` when the user asks to stop.
    fn convert(&self, chunk: &Chunk, buffers: &mut Buffers<'_, T>) -> Result<Option<ChunkTimes>> {
        let mut times = ChunkTimes::default();
        let first_position = chunk.stack.planned.positions.start + chunk.first;
        let before = Instant::now();
        let conversion = self.conversion;
        buffers.images.clear(chunk.n_images);
        let raw = &mut buffers.raw[..chunk.n_images * self.n_raw_pixels()];
        let from = (first_position, conversion.settings.skip_unreadable);
        match conversion.read_images(from, raw, &mut buffers.images.unusable, &mut buffers.bytes, self.stop) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(None),
            read => read?,
        }
        times.read = before.elapsed();
        times.bytes_read = self.bytes_of(chunk, first_position);
        let before = Instant::now();
        buffers.outcomes.clear();
        let at_once = self.transform.images_at_once().max(1);
        for first in (0..chunk.n_images).step_by(at_once) {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let images = first..chunk.n_images.min(first + at_once);
            self.compute(chunk, first_position, images, buffers)?;
        }
        if let Some(power) = &mut buffers.power {
            chunk.stack.add_power(power);
            power.clear();
        }
        times.compute = before.elapsed();
        let before = Instant::now();
        chunk.stack.write_images(
            chunk.first,
            bytemuck::cast_slice(buffers.images.polar.values(chunk.n_images)),
            bytemuck::cast_slice(buffers.images.physical.pixels(chunk.n_images)),
            &mut buffers.outcomes,
        )?;
        times.write = before.elapsed();
        Ok(Some(times))
    }

    /// Computes some images of a chunk.
    ///
    /// # Errors
    /// That of the first image for which it can't be done, unless such images are left out.
    fn compute(
        &self,
        chunk: &Chunk,
        first_position: usize,
        images: Range<usize>,
        buffers: &mut Buffers<'_, T>,
    ) -> Result<()> {
        let conversion = self.conversion;
        buffers.images.compute(conversion, first_position, images.clone(), &mut buffers.raw)?;
        for image in images {
            let made = buffers.images.made(image);
            let record = made.map(|((physical, normalization), polar)| {
                if let (Some(plots), Some(power)) = (&self.plots, &mut buffers.power) {
                    plots.add_power(polar.values(), power);
                    let index = chunk.first + image;
                    if chunk.stack.wants_picture(index) {
                        chunk.stack.keep_picture(index, plots.show(physical.pixels(), polar.values()));
                    }
                }
                let is_kept = conversion.settings.physical;
                ImageRecord {
                    fourier_crc: crc32(bytemuck::cast_slice(polar.values())),
                    physical_crc: if is_kept { crc32(bytemuck::cast_slice(physical.pixels())) } else { 0 },
                    scales: ImageScales { mean: normalization.mean, max: normalization.max, norm: polar.norm() },
                }
            });
            buffers.outcomes.push(match record {
                Ok(record) => ImageOutcome::Written(record),
                Err(reason) if conversion.settings.skip_unreadable => ImageOutcome::LeftOut(reason),
                Err(reason) => {
                    return Err(conversion.not_normalized(conversion.plan.particle(first_position + image), &reason));
                }
            });
        }
        Ok(())
    }

    /// Bytes that the pixels of a chunk take in their files.
    fn bytes_of(&self, chunk: &Chunk, first_position: usize) -> u64 {
        let Conversion { images, table, plan, .. } = self.conversion;
        let positions = first_position..first_position + chunk.n_images;
        positions.map(|position| images.section_bytes(table.image[plan.particle(position)])).sum()
    }
}
