//! The manifest of a folder of templates before the first structure.

use std::path::Path;

use crc32fast::Hasher;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use verglas_core::findings::Warning;
use verglas_run::folder::DESCRIPTOR;
use verglas_run::manifest::{
    FileRecord, InputFile, InputRecord, InputRole, Manifest, PlanRecord, RecordedPath, RecordedSettings, RunRecord,
};

use super::prepare::TemplateJob;
use super::settings::AtomMass;
use crate::beads::Center;
use crate::choice::Models;
use crate::load::Input;

/// Every setting of a job that makes templates, as its manifest has it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordedTemplates {
    /// The names of all structures, in order.
    pub structures: Vec<String>,
    /// Templates of each.
    pub n_templates: usize,
    /// The file that the grids were read from.
    pub descriptor: Option<RecordedPath>,
    /// CRC-32 of the descriptor as it was used and written.
    pub descriptor_crc32: Option<String>,
    /// Side of the images, pixels.
    pub n_pixels: usize,
    /// Their pixel size along both axes, Å.
    pub pixel_size: [f64; 2],
    /// Largest radius of the polar grid.
    pub radius_max: f64,
    /// Distance of its shells.
    pub dist_radii: f64,
    /// Angles per shell.
    pub n_inplanes: usize,
    /// `single` or `double`.
    pub precision: String,
    /// Distance between viewing directions, radians.
    pub viewing_distance: Option<f64>,
    /// The structures' point group.
    pub symmetry: String,
    /// Radius of an atom, Å.
    pub atom_radii: Option<f64>,
    /// Which atoms count.
    pub atom_selection: Option<String>,
    /// Shape of an atom.
    pub atom_shape: String,
    /// Whether beads are residues instead of atoms.
    pub use_protein_residue_model: bool,
    /// The weight of atoms.
    pub atom_mass: AtomMass,
    /// Which models of files with several: `first`, `all`, or numbers.
    pub models: String,
    /// Which frames of trajectories.
    pub frames: Option<[Option<usize>; 3]>,
    /// The file that lists the atoms of the trajectories.
    pub topology: Option<RecordedPath>,
    /// Whether the mean was taken out.
    pub remove_mean: bool,
    /// The origin: `mean`, `none`, or its position.
    pub center: Value,
    /// Distance between a map's voxels in place of the header's, Å.
    pub voxel_size: Option<[f64; 3]>,
    /// Which of a map's axes is which.
    pub axis_order: String,
    /// Whether maps were continued beyond their Nyquist frequency.
    pub beyond_nyquist: bool,
    /// Whether everything was done as CryoLike does it.
    pub as_cryolike: bool,
    /// Whether plots are drawn.
    pub plots: bool,
}

impl RecordedTemplates {
    /// The settings in a manifest; damaged values are treated as missing.
    pub fn of(manifest: &Manifest) -> Self {
        serde_json::from_value(Value::Object(manifest.settings.others.clone())).unwrap_or_default()
    }
}

/// The record before the first structure. `descriptor` holds the bytes of the descriptor's file.
pub(super) fn new_manifest(job: &TemplateJob, warnings: &[Warning], descriptor: &[u8]) -> Manifest {
    let n_structures = job.names().len();
    Manifest {
        program: "verglas".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        shard: job.settings.shard,
        working_dir: std::env::current_dir().map(RecordedPath).unwrap_or_default(),
        settings: recorded_settings(job, descriptor),
        plan: PlanRecord {
            n_images: n_structures * job.views.len(),
            n_stacks: n_structures,
            crc32: format!("{:08x}", plan_checksum(job)),
        },
        inputs: inputs(job),
        warnings: warnings.iter().map(Into::into).collect(),
        n_images: job.n_templates(),
        n_stacks: job.n_structures(),
        is_complete: false,
        descriptor: Some(FileRecord::of(DESCRIPTOR, descriptor)),
        stacks: Vec::new(),
        skipped_list: Vec::new(),
        closing: Vec::new(),
        skipped: Vec::new(),
        run: RunRecord::default(),
        is_sealed: true,
    }
}

/// In the order of the names: the files read are compared separately.
fn plan_checksum(job: &TemplateJob) -> u32 {
    let mut hasher = Hasher::new();
    for name in job.names() {
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
    }
    hasher.finalize()
}

fn inputs(job: &TemplateJob) -> Vec<InputFile> {
    let with_checksum = |path: &Path, checksum: Option<&String>| InputFile {
        sha256: checksum.filter(|checksum| !checksum.is_empty()).cloned(),
        ..InputFile::of(path, InputRole::Structure)
    };
    let descriptor = job.descriptor_file.as_deref().map(|path| InputFile::of(path, InputRole::Descriptor));
    let topology = job.settings.topology.as_deref();
    let topology = topology.map(|path| with_checksum(path, job.topology_checksum.as_ref()));
    let files = job.structures.inputs().iter().zip(&job.checksums).filter_map(|(input, checksum)| match input {
        Input::File(path) => Some(with_checksum(path, Some(checksum))),
        Input::Array(..) => None,
    });
    descriptor.into_iter().chain(topology).chain(files).collect()
}

fn recorded_settings(job: &TemplateJob, descriptor_bytes: &[u8]) -> RecordedSettings {
    let (settings, descriptor) = (&job.settings, &job.descriptor);
    let template = &descriptor.template;
    let path_of = |(place, input): (usize, &Input)| match input {
        Input::File(path) => RecordedPath(path.clone()),
        // Arrays in memory are distinguished by their contents.
        Input::Array(..) => RecordedPath(format!("tensor_{place}:{}", job.checksums[place]).into()),
    };
    let input = InputRecord::Structures { files: job.structures.inputs().iter().enumerate().map(path_of).collect() };
    let models = match &settings.models {
        Models::First => "first".to_owned(),
        Models::All => "all".to_owned(),
        Models::Numbers(ranges) => {
            let shown = ranges.iter().map(|range| format!("{}-{}", range.start(), range.end()));
            shown.collect::<Vec<_>>().join(",")
        }
    };
    let others = RecordedTemplates {
        structures: job.names().map(str::to_owned).collect(),
        n_templates: job.views.len(),
        descriptor: job.descriptor_file.as_deref().map(RecordedPath::from),
        descriptor_crc32: Some(format!("{:08x}", crc32fast::hash(descriptor_bytes))),
        n_pixels: descriptor.cartesian_grid.n_pixels(),
        pixel_size: descriptor.cartesian_grid.pixel_size_angstrom(),
        radius_max: descriptor.polar_grid.radius_max(),
        dist_radii: descriptor.polar_grid.dist_radii(),
        n_inplanes: descriptor.polar_grid.n_inplanes(),
        precision: descriptor.precision.as_str().to_owned(),
        viewing_distance: template.viewing_distance,
        symmetry: settings.symmetry.to_string(),
        atom_radii: template.atom_radii,
        atom_selection: template.atom_selection.clone(),
        atom_shape: template.atom_shape.as_str().to_owned(),
        use_protein_residue_model: template.use_protein_residue_model,
        atom_mass: settings.atom_mass,
        models,
        // Settings that have no effect make no difference.
        frames: settings.topology.as_ref().map(|_| {
            let frames = settings.frames;
            [Some(frames.start), frames.stop, Some(frames.step)]
        }),
        topology: settings.topology.as_deref().map(RecordedPath::from),
        remove_mean: settings.remove_mean,
        center: match settings.center {
            Center::Mean => "mean".into(),
            Center::None => "none".into(),
            Center::Position(position) => position.to_vec().into(),
        },
        voxel_size: settings.voxel_angstrom,
        axis_order: settings.axis_order.name().to_owned(),
        beyond_nyquist: settings.beyond_nyquist,
        as_cryolike: settings.as_cryolike,
        plots: settings.plots,
    };
    let others = match serde_json::to_value(others) {
        Ok(Value::Object(others)) => others,
        _ => Map::new(),
    };
    RecordedSettings { input, others }
}
