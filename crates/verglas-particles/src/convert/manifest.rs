//! What the manifest of a conversion says before the first stack.

use std::path::Path;

use crc32fast::Hasher;
use serde_json::{Map, Value, json};
use verglas_core::findings::Warning;
use verglas_run::folder::DESCRIPTOR;
use verglas_run::manifest::{
    FileRecord, InputFile, InputRecord, InputRole, Manifest, PlanRecord, RecordedPath, RecordedSettings, RunRecord,
};

use super::prepare::Conversion;
use crate::metadata::Input;
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
        plan: plan_record(conversion),
        inputs: inputs(conversion),
        warnings: warnings.iter().map(Into::into).collect(),
        n_images: conversion.n_images(),
        n_stacks: own_stacks.len(),
        is_complete: false,
        descriptor: conversion.descriptor_is_new.then(|| FileRecord::of(DESCRIPTOR, descriptor)),
        stacks: Vec::new(),
        skipped_list: Vec::new(),
        skipped: Vec::new(),
        run: RunRecord::default(),
    }
}

fn inputs(conversion: &Conversion) -> Vec<InputFile> {
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

/// The plan in short, with all that decides which image comes where and with which constants.
fn plan_record(conversion: &Conversion) -> PlanRecord {
    let (plan, table) = (&conversion.plan, &conversion.table);
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
    PlanRecord { n_images: plan.n_images(), n_stacks: plan.stacks().len(), crc32: format!("{:08x}", hasher.finalize()) }
}

fn recorded_settings(conversion: &Conversion, descriptor_bytes: &[u8]) -> RecordedSettings {
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
    let others = json!({
        "descriptor": match &settings.descriptor {
            DescriptorSource::File(path) => Some(recorded(path)),
            _ => None,
        },
        // Also of what is in it besides the grids.
        "descriptor_crc32": format!("{:08x}", crc32fast::hash(descriptor_bytes)),
        "resolution_factor": match &settings.descriptor {
            DescriptorSource::FromData { resolution_factor, .. } => Some(resolution_factor),
            _ => None,
        },
        "n_input_pixels": conversion.sides.n_input_pixels(),
        "n_pixels": descriptor.cartesian_grid.n_pixels(),
        "descriptor_pixel_size": descriptor.cartesian_grid.pixel_size_angstrom(),
        "radius_max": descriptor.polar_grid.radius_max(),
        "dist_radii": descriptor.polar_grid.dist_radii(),
        "n_inplanes": descriptor.polar_grid.n_inplanes(),
        "precision": descriptor.precision.as_str(),
        "image_dir": settings.image_dir.as_deref().map(recorded),
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
        "plots": settings.plots,
        "skip_unreadable": settings.skip_unreadable,
    });
    let others = match others {
        Value::Object(others) => others,
        _ => Map::new(),
    };
    RecordedSettings { input, others }
}
