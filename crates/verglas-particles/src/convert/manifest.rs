//! The manifest of a conversion before the first stack.

use std::path::Path;

use crc32fast::Hasher;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use verglas_core::findings::Warning;
use verglas_run::folder::DESCRIPTOR;
use verglas_run::manifest::{
    FileRecord, InputFile, InputRecord, InputRole, Manifest, PlanRecord, RecordedPath, RecordedSettings, RunRecord,
};

use super::prepare::Conversion;
use crate::metadata::Input;
use crate::particle::ParticleTable;
use crate::plan::StackPlan;
use crate::settings::DescriptorSource;

/// The record before the first stack. `descriptor` holds the bytes of the descriptor's file.
pub(super) fn new_manifest(conversion: &Conversion, warnings: &[Warning], descriptor: &[u8]) -> Manifest {
    let settings = &conversion.settings;
    let own_stacks = conversion.own_stacks();
    Manifest {
        program: "verglas".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        shard: settings.shard,
        working_dir: std::env::current_dir().map(RecordedPath).unwrap_or_default(),
        settings: recorded_settings(conversion, descriptor),
        plan: PlanRecord {
            n_images: conversion.plan.n_images(),
            n_stacks: conversion.plan.stacks().len(),
            crc32: plan_crc32(&conversion.plan, &conversion.table),
        },
        inputs: inputs(conversion),
        warnings: warnings.iter().map(Into::into).collect(),
        n_images: conversion.n_images(),
        n_stacks: own_stacks.len(),
        is_complete: false,
        descriptor: conversion.descriptor_is_new.then(|| FileRecord::of(DESCRIPTOR, descriptor)),
        stacks: Vec::new(),
        skipped_list: Vec::new(),
        closing: Vec::new(),
        skipped: Vec::new(),
        run: RunRecord::default(),
        is_sealed: true,
    }
}

pub(super) fn inputs(conversion: &Conversion) -> Vec<InputFile> {
    let metadata = conversion.table.sources.iter().map(|source| InputFile::of(&source.path, InputRole::Metadata));
    let descriptor = match &conversion.settings.descriptor {
        DescriptorSource::File(path) => Some(InputFile::of(path, InputRole::Descriptor)),
        _ => None,
    };
    // Of a shard, the files that its own stacks are made from.
    let is_read = |image: &usize| conversion.n_images_of_file[*image] > 0;
    let files = conversion.images.files();
    let images = (0..files.len()).filter(is_read).filter_map(|image| files[image].as_ref().ok());
    metadata.chain(descriptor).chain(images.map(|file| InputFile::of(&file.path, InputRole::Images))).collect()
}

/// CRC-32, in hexadecimal, of all that decides which image comes where and with which constants.
pub(crate) fn plan_crc32(plan: &StackPlan, table: &ParticleTable) -> String {
    let mut hasher = Hasher::new();
    let mut block = Vec::with_capacity(1 << 16);
    let mut add = |numbers: &[u64]| {
        block.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        if block.len() >= 1 << 16 {
            hasher.update(&block);
            block.clear();
        }
    };
    for stack in plan.stacks() {
        let constants = table.constants[stack.constants as usize];
        add(&constants.key());
        add(&[stack.n_images() as u64]);
        for position in stack.positions.clone() {
            let particle = plan.particle(position);
            let (row, section) = (table.row[particle], table.section[particle].0);
            add(&[u64::from(row) << 32 | u64::from(section), u64::from(table.image[particle])]);
        }
    }
    hasher.update(&block);
    for name in &table.image_names {
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name);
    }
    format!("{:08x}", hasher.finalize())
}

/// Every setting of a conversion, as its manifest has it. Early versions did not have all.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordedConversion {
    /// The file that the grids were read from.
    pub descriptor: Option<RecordedPath>,
    /// CRC-32 of the descriptor's file as written: it also covers what the file holds besides the grids.
    pub descriptor_crc32: Option<String>,
    /// Largest radius as a fraction of Nyquist, where the grids were made from the data.
    pub resolution_factor: Option<f64>,
    /// Side of the input images, pixels.
    pub n_input_pixels: Option<usize>,
    /// Side of the images after downsampling, pixels.
    pub n_pixels: Option<usize>,
    /// Pixel size after downsampling along both axes, Å.
    pub descriptor_pixel_size: Option<[f64; 2]>,
    /// Largest radius of the polar grid.
    pub radius_max: Option<f64>,
    /// Distance of its shells.
    pub dist_radii: Option<f64>,
    /// Angles per shell.
    pub n_inplanes: Option<usize>,
    /// `single` or `double`.
    pub precision: Option<String>,
    /// Where image files were looked up by name.
    pub image_dir: Option<RecordedPath>,
    /// Most images per stack.
    pub batch_size: Option<usize>,
    /// Most stacks.
    pub max_stacks: Option<usize>,
    /// Pixel size of the input images along both axes, Å.
    pub pixel_size: Option<[f64; 2]>,
    /// Where it came from.
    pub pixel_size_source: Option<String>,
    /// Which one is used if two differ.
    pub pixel_size_from: Option<String>,
    /// Of sequential STAR files.
    pub defocus_angle_unit: Option<String>,
    /// Of sequential STAR files.
    pub phase_shift_unit: Option<String>,
    /// From which axis the defocus angle is written.
    pub defocus_angle_axis: Option<String>,
    /// Factor that the images were downsampled by.
    pub downsample: Option<usize>,
    /// The box that they were cropped to in Fourier space, in place of a factor, where the user said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downsample_to: Option<usize>,
    /// How.
    pub downsample_method: Option<String>,
    /// Whether the sign of the images was changed.
    pub contrast: Option<String>,
    /// The optics groups that were asked for; empty for all.
    pub optics_groups: Option<Vec<String>>,
    /// The file that chose rows of the metadata, where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<RecordedPath>,
    /// How 8-bit data were read.
    pub mode0: Option<String>,
    /// The type that pixels were read as, if the user gave one; a folder made before this setting existed was made
    /// without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixel_type: Option<String>,
    /// Whether no stack mixes image files.
    pub keep_files_apart: Option<bool>,
    /// Whether the physical stacks are written.
    pub physical: Option<bool>,
    /// Whether plots are drawn.
    pub plots: Option<bool>,
    /// Whether images that can't be read were left out.
    pub skip_unreadable: Option<bool>,
}

impl RecordedConversion {
    /// The settings in a manifest; damaged values are treated as missing.
    pub fn of(manifest: &Manifest) -> Self {
        serde_json::from_value(Value::Object(manifest.settings.others.clone())).unwrap_or_default()
    }

    /// Whether stacks of physical images are written.
    pub fn writes_physical(&self) -> bool {
        self.physical.unwrap_or(true)
    }

    /// Whether plots of the stacks are written; early versions drew none.
    pub fn writes_plots(&self) -> bool {
        self.plots.unwrap_or(false)
    }
}

/// The name of a choice, as written in manifests.
fn named(choice: &impl Serialize) -> Option<String> {
    serde_json::to_value(choice).ok().and_then(|value| value.as_str().map(str::to_owned))
}

pub(super) fn recorded_settings(conversion: &Conversion, descriptor_bytes: &[u8]) -> RecordedSettings {
    let settings = &conversion.settings;
    let recorded = |path: &Path| RecordedPath::from(path);
    let input = match &conversion.input {
        Input::IndexedStar(path) => InputRecord::IndexedStar { star: recorded(path) },
        Input::StarPairs(pairs) => InputRecord::StarPairs {
            pairs: pairs.iter().map(|(star, images)| [recorded(star), recorded(images)]).collect(),
        },
        Input::IndexedCs { particles, passthrough } => InputRecord::IndexedCs {
            cs: std::iter::once(particles).chain(passthrough).map(|path| recorded(path)).collect(),
        },
        Input::CryosparcJob { root, job_number } => {
            InputRecord::CryosparcJob { root: recorded(root), job: *job_number }
        }
    };
    let descriptor = &conversion.descriptor;
    let (file, resolution_factor) = match &settings.descriptor {
        DescriptorSource::File(path) => (Some(recorded(path)), None),
        DescriptorSource::Given(_) => (None, None),
        DescriptorSource::FromData { resolution_factor, .. } => (None, Some(*resolution_factor)),
    };
    let others = RecordedConversion {
        descriptor: file,
        descriptor_crc32: Some(format!("{:08x}", crc32fast::hash(descriptor_bytes))),
        resolution_factor,
        n_input_pixels: Some(conversion.sides.n_input_pixels()),
        n_pixels: Some(descriptor.cartesian_grid.n_pixels()),
        descriptor_pixel_size: Some(descriptor.cartesian_grid.pixel_size_angstrom()),
        radius_max: Some(descriptor.polar_grid.radius_max()),
        dist_radii: Some(descriptor.polar_grid.dist_radii()),
        n_inplanes: Some(descriptor.polar_grid.n_inplanes()),
        precision: Some(descriptor.precision.as_str().to_owned()),
        image_dir: settings.image_dir.as_deref().map(recorded),
        batch_size: Some(settings.batch_size),
        max_stacks: settings.max_stacks,
        pixel_size: Some(conversion.pixel_size_angstrom),
        pixel_size_source: named(&conversion.pixel_size_source),
        pixel_size_from: settings.pixel_size_from.as_ref().and_then(named),
        defocus_angle_unit: named(&settings.defocus_angle_unit),
        phase_shift_unit: named(&settings.phase_shift_unit),
        defocus_angle_axis: named(&settings.defocus_angle_axis),
        downsample: Some(conversion.sides.factor()),
        downsample_to: settings.downsample_to,
        // No method makes a difference to images that stay as they are.
        downsample_method: conversion.sides.method().as_ref().and_then(named),
        contrast: named(&settings.contrast),
        optics_groups: Some(settings.optics_groups.clone()),
        rows: settings.rows.as_deref().map(recorded),
        mode0: named(&settings.byte_sign),
        pixel_type: settings.pixel_type.map(|pixel_type| pixel_type.as_str().to_owned()),
        keep_files_apart: Some(settings.keep_files_apart),
        physical: Some(settings.physical),
        plots: Some(settings.plots),
        skip_unreadable: Some(settings.skip_unreadable),
    };
    let others = match serde_json::to_value(others) {
        Ok(Value::Object(others)) => others,
        _ => Map::new(),
    };
    RecordedSettings { input, others }
}
