//! One output stack while workers fill it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use verglas_formats::pt::PtDtype;

use super::prepare::Conversion;
use crate::error::{Error, Result};
use crate::grid::Precision;
use crate::output::OutputFolder;
use crate::plan::PlannedStack;
use crate::stack::{
    FOURIER_FOLDER, FinishedFile, ImageScales, PHYSICAL_FOLDER, StackMetadata, StackNames, TensorFile, sync_folder,
};

/// A stack whose files are open under their temporary names.
#[derive(Debug)]
pub(super) struct ActiveStack {
    pub(super) number: usize,
    pub(super) planned: PlannedStack,
    fourier: TensorFile,
    physical: Option<TensorFile>,
    /// One per image, `None` until it is done.
    records: Mutex<Vec<Option<ImageRecord>>>,
    n_left: AtomicUsize,
}

/// What remains of an image once its values are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct ImageRecord {
    pub(super) fourier_crc: u32,
    pub(super) physical_crc: u32,
    pub(super) scales: ImageScales,
}

/// A stack that is whole, with its files' names relative to the output folder.
#[derive(Debug, Clone)]
pub(crate) struct FinishedStack {
    pub(crate) number: usize,
    pub(crate) n_images: usize,
    pub(crate) files: Vec<(String, FinishedFile)>,
}

impl ActiveStack {
    /// Opens the files of stack `number`.
    pub(super) fn open(conversion: &Conversion, output: &OutputFolder, number: usize) -> Result<Self> {
        let planned = conversion.plan.stacks()[number].clone();
        let names = StackNames::of(number);
        let (descriptor, n_images) = (&conversion.descriptor, planned.n_images());
        let dtype = match descriptor.precision {
            Precision::Single => PtDtype::Complex64,
            Precision::Double => PtDtype::Complex128,
        };
        let grid = &descriptor.polar_grid;
        let polar_shape = [grid.n_shells() as u64, grid.n_inplanes() as u64];
        let fourier = TensorFile::create(&output.path(&names.fourier), dtype, n_images, polar_shape)?;
        let physical = if conversion.settings.physical {
            let side = descriptor.cartesian_grid.n_pixels() as u64;
            Some(TensorFile::create(&output.path(&names.physical), PtDtype::Float32, n_images, [side, side])?)
        } else {
            None
        };
        Ok(Self {
            number,
            fourier,
            physical,
            records: Mutex::new(vec![None; n_images]),
            n_left: AtomicUsize::new(n_images),
            planned,
        })
    }

    /// Writes the values of consecutive images, from image `first` of the stack on.
    pub(super) fn write_images(
        &self,
        first: usize,
        fourier: &[u8],
        physical: &[u8],
        records: &[ImageRecord],
    ) -> Result<()> {
        self.fourier.write_images(first, fourier)?;
        if let Some(file) = &self.physical {
            file.write_images(first, physical)?;
        }
        let mut all = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        for (slot, record) in all[first..].iter_mut().zip(records) {
            *slot = Some(*record);
        }
        Ok(())
    }

    /// Says that `n` more images are done with; true for the caller that reports the last of them.
    pub(super) fn is_last(&self, n: usize) -> bool {
        self.n_left.fetch_sub(n, Ordering::AcqRel) == n
    }

    /// Completes and publishes the files: tensors first, metadata last, so that a stack with metadata is whole.
    pub(super) fn finish(&self, conversion: &Conversion, output: &OutputFolder) -> Result<FinishedStack> {
        let records = std::mem::take(&mut *self.records.lock().unwrap_or_else(PoisonError::into_inner));
        let records: Vec<ImageRecord> = records.into_iter().flatten().collect();
        if records.len() != self.planned.n_images() {
            return Err(Error::value(format!("stack {} lacks images", self.number)));
        }
        let names = StackNames::of(self.number);
        let mut files = Vec::with_capacity(3);
        let name = |path: &std::path::Path| path.to_string_lossy().into_owned();
        let fourier = self.fourier.finish(records.iter().map(|record| record.fourier_crc))?;
        files.push((name(&names.fourier), fourier));
        if let Some(physical) = &self.physical {
            let physical = physical.finish(records.iter().map(|record| record.physical_crc))?;
            sync_folder(&output.path(PHYSICAL_FOLDER))?;
            files.push((name(&names.physical), physical));
        }
        sync_folder(&output.path(FOURIER_FOLDER))?;

        let particles: Vec<u32> =
            self.planned.positions.clone().map(|position| conversion.plan.particle(position) as u32).collect();
        let scales: Vec<ImageScales> = records.iter().map(|record| record.scales).collect();
        let metadata = StackMetadata {
            descriptor: &conversion.descriptor,
            table: &conversion.table,
            particles: &particles,
            scales: &scales,
            constants: self.planned.constants,
            range_in_file: self.planned.range_in_file.as_ref().map(|range| (range.start, range.end)),
            defocus_angle_axis: conversion.settings.defocus_angle_axis.as_str(),
        };
        files.push((name(&names.metadata), metadata.write(&output.path(&names.metadata))?));
        Ok(FinishedStack { number: self.number, n_images: records.len(), files })
    }
}
