//! Images that another job made on the way of particles, without stacks: their plan, made again from the metadata.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::str::FromStr;

use verglas_core::choice::Choice;
use verglas_core::error::{Error, Result};
use verglas_core::findings::Findings;
use verglas_run::manifest::{InputRecord, Manifest, RecordedPath};

use crate::convert::{RecordedConversion, plan_crc32};
use crate::metadata::{Input, ReadSettings, RowSelection, read_particles};
use crate::particle::ParticleTable;
use crate::plan::{PlanSettings, StackPlan, plan_stacks};
use crate::settings::{ConvertSettings, DEFAULT_BATCH_SIZE, Downsampling, PixelSizeFrom};
use crate::stack::ImageSources;

/// What a job recorded of images that it made on the way and never wrote.
#[derive(Debug, Clone)]
pub struct RecordedImages<'a> {
    /// The job's folder.
    pub root: &'a Path,
    /// The job's manifest.
    pub manifest: &'a Manifest,
    /// What they were made from.
    pub input: &'a InputRecord,
    /// How.
    pub conversion: RecordedConversion,
    /// How many of the stacks that a conversion would write.
    pub n_stacks: usize,
    /// CRC-32 of which image of which row went where, in hexadecimal.
    pub plan_crc32: String,
}

/// The particles of the metadata, and which of them is which image.
#[derive(Debug)]
pub struct PlannedImages {
    pub(super) table: ParticleTable,
    pub(super) plan: StackPlan,
}

impl RecordedImages<'_> {
    /// Reads the metadata as the job read them; of one file, the one at `source` if that is given.
    ///
    /// # Errors
    /// When they can't be read, or give other images, or the same in another order.
    pub fn plan(&self, source: Option<&Path>) -> Result<PlannedImages> {
        let settings = self.read_settings()?;
        let mut table = read_particles(&self.input(source), &settings, &mut Findings::new())?;
        if let InputRecord::StarPairs { pairs } = self.input {
            // As they were given, wherever they are found now.
            let bytes = |path: &Path| path.as_os_str().as_bytes().to_vec();
            let given: HashMap<_, _> =
                pairs.iter().map(|[_, images]| (bytes(&self.manifest.locate(images)), bytes(images))).collect();
            for name in &mut table.image_names {
                if let Some(given) = given.get(name) {
                    name.clone_from(given);
                }
            }
        }
        let plan = plan_stacks(
            &table,
            PlanSettings {
                batch_size: self.conversion.batch_size.unwrap_or(1),
                keep_files_apart: self.conversion.keep_files_apart.unwrap_or(false),
                max_stacks: Some(self.n_stacks),
            },
        );
        if plan_crc32(&plan, &table) != self.plan_crc32 {
            return Err(Error::value(format!(
                "the metadata give other images than `{}` was made from, or in another order",
                self.root.display()
            ))
            .with_hint("put the files back as they were: results are counted over all images"));
        }
        Ok(PlannedImages { table, plan })
    }

    fn read_settings(&self) -> Result<ReadSettings> {
        let conversion = &self.conversion;
        let rows = conversion.rows.as_ref().map(|path| RowSelection::read(&self.manifest.locate(path)));
        Ok(ReadSettings {
            defocus_angle_unit: named(conversion.defocus_angle_unit.as_deref()),
            phase_shift_unit: named(conversion.phase_shift_unit.as_deref()),
            optics_groups: conversion.optics_groups.clone().unwrap_or_default(),
            ignore_metadata_pixel_size: conversion.pixel_size_from.as_deref() == Some(PixelSizeFrom::Caller.name()),
            rows: rows.transpose()?,
        })
    }

    /// The settings by which the images can be made again, on grids that are given elsewhere.
    ///
    /// # Errors
    /// When the file of chosen rows is gone.
    pub fn settings(&self) -> Result<ConvertSettings> {
        let recorded = &self.conversion;
        let factor = recorded.downsample.filter(|_| recorded.downsample_to.is_none());
        let there = |path: &RecordedPath| self.manifest.locate(path);
        Ok(ConvertSettings {
            image_dir: recorded.image_dir.as_ref().map(there),
            batch_size: recorded.batch_size.unwrap_or(DEFAULT_BATCH_SIZE),
            // Wherever it came from.
            pixel_size_angstrom: recorded.pixel_size,
            pixel_size_from: Some(PixelSizeFrom::Caller),
            defocus_angle_unit: named(recorded.defocus_angle_unit.as_deref()),
            phase_shift_unit: named(recorded.phase_shift_unit.as_deref()),
            downsampling: Downsampling {
                factor: factor.and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN),
                method: named(recorded.downsample_method.as_deref()),
            },
            downsample_to: recorded.downsample_to,
            contrast: named(recorded.contrast.as_deref()),
            optics_groups: recorded.optics_groups.clone().unwrap_or_default(),
            rows: recorded.rows.as_ref().map(there),
            byte_sign: named(recorded.mode0.as_deref()),
            pixel_type: recorded.pixel_type.as_deref().and_then(|name| name.parse().ok()),
            keep_files_apart: recorded.keep_files_apart.unwrap_or(false),
            ..ConvertSettings::default()
        })
    }

    /// What the images are made from; of one file, the one at `source` if that is given.
    pub fn input(&self, source: Option<&Path>) -> Input {
        let there = |path: &RecordedPath| self.manifest.locate(path);
        let first = |path: &RecordedPath| source.map_or_else(|| there(path), Path::to_owned);
        match self.input {
            InputRecord::IndexedStar { star } => Input::IndexedStar(first(star)),
            InputRecord::StarPairs { pairs } => {
                Input::StarPairs(pairs.iter().map(|[star, images]| (there(star), there(images))).collect())
            }
            InputRecord::IndexedCs { cs } => Input::IndexedCs {
                particles: cs.first().map(first).unwrap_or_default(),
                passthrough: cs.get(1).map(there),
            },
            InputRecord::CryosparcJob { root, job } => Input::CryosparcJob { root: there(root), job_number: *job },
            // No job makes images from anything else.
            InputRecord::Structures { .. } | InputRecord::Likelihood { .. } => Input::StarPairs(Vec::new()),
        }
    }
}

impl PlannedImages {
    /// Where each image of a stack comes from.
    ///
    /// # Panics
    /// When there is no such stack.
    pub fn sources(&self, stack: usize) -> ImageSources {
        let positions = self.plan.stacks()[stack].positions.clone();
        ImageSources::of_particles(&self.table, positions.map(|position| self.plan.particle(position)))
    }
}

fn named<T: FromStr + Default>(name: Option<&str>) -> T {
    name.and_then(|name| name.parse().ok()).unwrap_or_default()
}
