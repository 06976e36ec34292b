//! The record of a run: what was asked, what was read, what was told, and what was written.

use std::io::Write;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::Serialize;
use serde_json::{Value, json};

use super::prepare::Conversion;
use super::stack_run::FinishedStack;
use crate::error::Result;
use crate::findings::Warning;
use crate::metadata::Input;
use crate::output::{MANIFEST, OutputFolder};
use crate::settings::DescriptorSource;
use crate::stack::write_atomically;

/// The contents of `manifest.json`.
#[derive(Debug, Serialize)]
pub(super) struct Manifest {
    /// `verglas` and its version.
    program: &'static str,
    version: &'static str,
    /// Every setting, defaults included.
    settings: Value,
    /// The files that were read, with size and time of change.
    inputs: Vec<InputFile>,
    warnings: Vec<Warning>,
    n_images: usize,
    n_stacks: usize,
    /// Whether all stacks of the plan are there.
    pub(super) is_complete: bool,
    stacks: Vec<StackRecord>,
}

#[derive(Debug, Serialize)]
struct InputFile {
    path: String,
    bytes: Option<u64>,
    /// Seconds since 1970, UTC.
    modified: Option<f64>,
}

#[derive(Debug, Serialize)]
struct StackRecord {
    number: usize,
    n_images: usize,
    files: Vec<FileRecord>,
}

#[derive(Debug, Serialize)]
struct FileRecord {
    name: String,
    bytes: u64,
    crc32: String,
}

impl Manifest {
    /// The record before the first stack.
    pub(super) fn new(conversion: &Conversion, warnings: &[Warning]) -> Self {
        let metadata = conversion.table.sources.iter().map(|source| source.path.as_path());
        let images = conversion.images.files().iter().flatten().map(|file| file.path.as_path());
        let descriptor = match &conversion.settings.descriptor {
            DescriptorSource::File(path) => Some(path.as_path()),
            _ => None,
        };
        Self {
            program: "verglas",
            version: env!("CARGO_PKG_VERSION"),
            settings: settings(conversion),
            inputs: metadata.chain(descriptor).chain(images).map(InputFile::of).collect(),
            warnings: warnings.to_vec(),
            n_images: conversion.plan.n_images(),
            n_stacks: conversion.plan.stacks().len(),
            is_complete: false,
            stacks: Vec::new(),
        }
    }

    /// Adds stacks that are whole, in the order of their numbers.
    pub(super) fn add_finished(&mut self, finished: &[FinishedStack]) {
        self.stacks.extend(finished.iter().map(|stack| {
            StackRecord {
                number: stack.number,
                n_images: stack.n_images,
                files: stack
                    .files
                    .iter()
                    .map(|(name, file)| FileRecord {
                        name: name.clone(),
                        bytes: file.bytes,
                        crc32: format!("{:08x}", file.crc32),
                    })
                    .collect(),
            }
        }));
    }

    /// Writes the record, replacing the one before.
    pub(super) fn write(&self, output: &OutputFolder) -> Result<()> {
        write_atomically(&output.path(MANIFEST), |file| {
            let mut text = serde_json::to_vec_pretty(self).map_err(std::io::Error::other)?;
            text.push(b'\n');
            Ok(file.write_all(&text)?)
        })
    }
}

impl InputFile {
    fn of(path: &Path) -> Self {
        let metadata = std::fs::metadata(path).ok();
        let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
        Self {
            path: path.to_string_lossy().into_owned(),
            bytes: metadata.map(|metadata| metadata.len()),
            modified: modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map(|time| time.as_secs_f64()),
        }
    }
}

fn settings(conversion: &Conversion) -> Value {
    let settings = &conversion.settings;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let input = match &conversion.input {
        Input::IndexedStar(path) => json!({"kind": "indexed-star", "star": text(path)}),
        Input::StarPairs(pairs) => json!({
            "kind": "star-pairs",
            "pairs": pairs.iter().map(|(star, images)| [text(star), text(images)]).collect::<Vec<_>>(),
        }),
        Input::IndexedCs { particles, passthrough } => json!({
            "kind": "indexed-cs",
            "cs": std::iter::once(particles).chain(passthrough).map(|path| text(path)).collect::<Vec<_>>(),
        }),
        Input::CryosparcJob { root, job_number } => json!({
            "kind": "cryosparc-job",
            "root": text(root),
            "job": job_number,
        }),
    };
    let descriptor = &conversion.descriptor;
    json!({
        "input": input,
        "descriptor": match &settings.descriptor {
            DescriptorSource::File(path) => Some(text(path)),
            _ => None,
        },
        "n_input_pixels": conversion.sides.n_input_pixels(),
        "n_pixels": descriptor.cartesian_grid.n_pixels(),
        "descriptor_pixel_size": descriptor.cartesian_grid.pixel_size_angstrom(),
        "radius_max": descriptor.polar_grid.radius_max(),
        "dist_radii": descriptor.polar_grid.dist_radii(),
        "n_inplanes": descriptor.polar_grid.n_inplanes(),
        "precision": descriptor.precision.as_str(),
        "image_dir": settings.image_dir.as_deref().map(text),
        "batch_size": settings.batch_size,
        "max_stacks": settings.max_stacks,
        "pixel_size": conversion.pixel_size_angstrom,
        "pixel_size_source": conversion.pixel_size_source,
        "pixel_size_from": settings.pixel_size_from,
        "defocus_angle_unit": settings.defocus_angle_unit,
        "phase_shift_unit": settings.phase_shift_unit,
        "defocus_angle_axis": settings.defocus_angle_axis,
        "downsample": settings.downsampling.factor,
        // No method makes a difference to images that stay as they are.
        "downsample_method": (!settings.downsampling.is_none()).then_some(settings.downsampling.method),
        "contrast": settings.contrast,
        "optics_groups": settings.optics_groups,
        "mode0": settings.byte_sign,
        "keep_files_apart": settings.keep_files_apart,
        "physical": settings.physical,
    })
}
