//! One output stack while workers fill it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use verglas_core::atomic::{FinishedFile, sync_folder, write_whole};
use verglas_core::error::{Error, Result};
use verglas_core::hint::{Hint, Setting};
use verglas_formats::pt::PtDtype;
use verglas_fourier::grid::Precision;
use verglas_plot::{PlotPlan, PowerSum, ShownImage, StackPictures};
use verglas_run::folder::OutputFolder;
use verglas_run::manifest::{FileRecord, RecordedPath, SkippedImage, StackRecord};
use verglas_run::tensor::TensorFile;

use super::prepare::Conversion;
use crate::plan::PlannedStack;
use crate::stack::{FOURIER_FOLDER, ImageScales, MetadataWriter, PHYSICAL_FOLDER, PLOT_FOLDER, StackNames};

/// A stack whose files are open under their temporary names.
#[derive(Debug)]
pub(super) struct ActiveStack {
    pub(super) number: usize,
    pub(super) planned: PlannedStack,
    fourier: TensorFile,
    physical: Option<TensorFile>,
    /// One per image, `None` until it is done.
    outcomes: Mutex<Vec<Option<ImageOutcome>>>,
    n_left: AtomicUsize,
    /// `None` when no plots are asked for.
    pictures: Option<Mutex<StackPictures>>,
}

/// What is kept of an image once its values are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct ImageRecord {
    pub(super) fourier_crc: u32,
    pub(super) physical_crc: u32,
    pub(super) scales: ImageScales,
}

/// The outcome for an image.
#[derive(Debug, Clone)]
pub(super) enum ImageOutcome {
    /// Its values are in their place.
    Written(ImageRecord),
    /// It can't be read or normalised, for this reason, and the user allows leaving such images out.
    LeftOut(String),
}

/// A stack that is whole.
#[derive(Debug)]
pub(super) struct FinishedStack {
    pub(super) record: StackRecord,
    pub(super) skipped: Vec<SkippedImage>,
}

/// What the tensors of all stacks have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct StackShape {
    pub(super) dtype: PtDtype,
    /// Shells and angles of a Fourier image.
    pub(super) polar: [u64; 2],
    /// Sides of a physical image, if these are written.
    pub(super) physical: Option<[u64; 2]>,
}

impl StackShape {
    pub(super) fn of(conversion: &Conversion) -> Self {
        let descriptor = &conversion.descriptor;
        let dtype = match descriptor.precision {
            Precision::Single => PtDtype::Complex64,
            Precision::Double => PtDtype::Complex128,
        };
        let grid = &descriptor.polar_grid;
        let side = descriptor.cartesian_grid.n_pixels() as u64;
        Self {
            dtype,
            polar: [grid.n_shells() as u64, grid.n_inplanes() as u64],
            physical: conversion.settings.physical.then_some([side, side]),
        }
    }
}

impl Conversion {
    /// The particles of a stack, in order.
    pub(super) fn particles_of(&self, stack: &PlannedStack) -> Vec<u32> {
        stack.positions.clone().map(|position| self.plan.particle(position) as u32).collect()
    }

    /// The contents of a stack's metadata file.
    pub(super) fn stack_metadata<'a>(
        &'a self,
        stack: &PlannedStack,
        particles: &'a [u32],
        scales: &'a [ImageScales],
    ) -> MetadataWriter<'a> {
        MetadataWriter {
            descriptor: &self.descriptor,
            table: &self.table,
            particles,
            scales,
            constants: stack.constants,
            range_in_file: stack.range_in_file.as_ref().map(|range| (range.start, range.end)),
        }
    }
}

impl ActiveStack {
    /// Opens the files of stack `number`.
    pub(super) fn open(
        conversion: &Conversion,
        output: &OutputFolder,
        plots: Option<&PlotPlan>,
        number: usize,
    ) -> Result<Self> {
        output.check_is_same()?;
        let planned = conversion.plan.stacks()[number].clone();
        let names = StackNames::of(number);
        let (shape, n_images) = (StackShape::of(conversion), planned.n_images());
        let fourier = TensorFile::create(&output.path(&names.fourier), shape.dtype, n_images, shape.polar)?;
        let physical = match shape.physical {
            Some(side) => Some(TensorFile::create(&output.path(&names.physical), PtDtype::Float32, n_images, side)?),
            None => None,
        };
        Ok(Self {
            number,
            fourier,
            physical,
            outcomes: Mutex::new(vec![None; n_images]),
            n_left: AtomicUsize::new(n_images),
            pictures: plots.map(|plots| Mutex::new(plots.start())),
            planned,
        })
    }

    /// Writes the values of consecutive images, from image `first` of the stack on. The places of images
    /// that are left out may hold anything.
    pub(super) fn write_images(
        &self,
        first: usize,
        fourier: &[u8],
        physical: &[u8],
        outcomes: &mut Vec<ImageOutcome>,
    ) -> Result<()> {
        self.fourier.write_images(first, fourier)?;
        if let Some(file) = &self.physical {
            file.write_images(first, physical)?;
        }
        let mut all = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        for (slot, outcome) in all[first..].iter_mut().zip(outcomes.drain(..)) {
            *slot = Some(outcome);
        }
        Ok(())
    }

    /// Whether image `index` of the stack is shown in its plots, as far as is known.
    pub(super) fn wants_picture(&self, index: usize) -> bool {
        let wants =
            |pictures: &Mutex<StackPictures>| pictures.lock().unwrap_or_else(PoisonError::into_inner).wants(index);
        self.pictures.as_ref().is_some_and(wants)
    }

    /// Keeps the picture of image `index` of the stack for its plots.
    pub(super) fn keep_picture(&self, index: usize, picture: ShownImage) {
        if let Some(pictures) = &self.pictures {
            pictures.lock().unwrap_or_else(PoisonError::into_inner).keep(index, picture);
        }
    }

    /// Adds the power of some images to the stack's.
    pub(super) fn add_power(&self, power: &PowerSum) {
        if let Some(pictures) = &self.pictures {
            pictures.lock().unwrap_or_else(PoisonError::into_inner).add_power(power);
        }
    }

    /// Says that `n` more images are done with; true for the caller that reports the last of them.
    pub(super) fn is_last(&self, n: usize) -> bool {
        self.n_left.fetch_sub(n, Ordering::AcqRel) == n
    }

    /// Completes and publishes the files: tensors first, metadata last, so that a stack with metadata is whole.
    ///
    /// # Errors
    /// When the disk refuses, or when every image was left out.
    pub(super) fn finish(
        &self,
        conversion: &Conversion,
        output: &OutputFolder,
        plots: Option<&PlotPlan>,
    ) -> Result<FinishedStack> {
        let outcomes = std::mem::take(&mut *self.outcomes.lock().unwrap_or_else(PoisonError::into_inner));
        let planned = conversion.particles_of(&self.planned);
        let (mut kept, mut records, mut particles) = (Vec::new(), Vec::new(), Vec::new());
        let mut skipped = Vec::new();
        for (nth, (outcome, &particle)) in outcomes.into_iter().zip(&planned).enumerate() {
            match outcome {
                Some(ImageOutcome::Written(record)) => {
                    kept.push(nth);
                    records.push(record);
                    particles.push(particle);
                }
                Some(ImageOutcome::LeftOut(reason)) => {
                    skipped.push(conversion.skipped_image(self.number, particle as usize, reason));
                }
                None => return Err(Error::value(format!("stack {} lacks images", self.number))),
            }
        }
        if kept.is_empty() {
            return Err(no_image_left(self.number, &skipped));
        }
        self.fourier.keep_images(&kept)?;
        if let Some(physical) = &self.physical {
            physical.keep_images(&kept)?;
        }
        let mut written = self.planned.clone();
        written.range_in_file = written.range_in_file.and_then(|range| range_of_kept(range.start, &kept));
        output.check_is_same()?;
        let names = StackNames::of(self.number);
        let mut files = Vec::with_capacity(3);
        let record = |path: &Path, file: FinishedFile| FileRecord::new(path.to_string_lossy(), file.bytes, file.crc32);
        let fourier = self.fourier.finish(records.iter().map(|record| record.fourier_crc))?;
        files.push(record(&names.fourier, fourier));
        if let Some(physical) = &self.physical {
            let physical = physical.finish(records.iter().map(|record| record.physical_crc))?;
            sync_folder(&output.path(PHYSICAL_FOLDER))?;
            files.push(record(&names.physical, physical));
        }
        sync_folder(&output.path(FOURIER_FOLDER))?;
        if let (Some(plots), Some(pictures)) = (plots, &self.pictures) {
            let drawn = pictures.lock().unwrap_or_else(PoisonError::into_inner).draw(plots, self.number, records.len());
            let pngs = [drawn.physical_png, drawn.fourier_png, drawn.power_png];
            for (name, png) in names.plots().into_iter().zip(pngs) {
                files.push(record(name, write_whole(&output.path(name), &png)?));
            }
            sync_folder(&output.path(PLOT_FOLDER))?;
        }

        let scales: Vec<ImageScales> = records.iter().map(|record| record.scales).collect();
        let metadata = conversion.stack_metadata(&written, &particles, &scales);
        files.push(record(&names.metadata, metadata.write(&output.path(&names.metadata))?));
        let record = StackRecord { number: self.number, n_images: records.len(), files };
        Ok(FinishedStack { record, skipped })
    }
}

impl Conversion {
    fn skipped_image(&self, stack: usize, particle: usize, reason: String) -> SkippedImage {
        let table = &self.table;
        SkippedImage {
            stack,
            row: table.row[particle],
            file: RecordedPath::from(Path::new(OsStr::from_bytes(&table.image_names[table.image[particle] as usize]))),
            section: table.section[particle].0,
            reason,
        }
    }
}

/// The range of the images that were written, if they follow each other: `kept` are their places in the planned stack,
/// which began at `start` of its file.
fn range_of_kept(start: usize, kept: &[usize]) -> Option<std::ops::Range<usize>> {
    let (&first, &last) = (kept.first()?, kept.last()?);
    (last - first + 1 == kept.len()).then(|| start + first..start + last + 1)
}

/// CryoLike needs unbroken numbers, so a stack can't just be missing.
fn no_image_left(number: usize, skipped: &[SkippedImage]) -> Error {
    /// Images that are named.
    const MOST_LISTED: usize = 3;
    let error = Error::value(format!("no image of stack {number} is left: none of its {} can be used", skipped.len()));
    let listed = skipped
        .iter()
        .take(MOST_LISTED)
        .fold(error, |error, image| error.with_detail(format_args!("row {}: {}", image.row, image.reason)));
    match skipped.len().saturating_sub(MOST_LISTED) {
        0 => listed,
        n_more => listed.with_detail(format_args!("and {n_more} more")),
    }
    .with_hint("remove these rows from the metadata, or make larger stacks with " + Hint::Give(Setting::BatchSize))
}
