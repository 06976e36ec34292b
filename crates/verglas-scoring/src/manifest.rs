//! What the manifest of a folder of likelihoods says before the first unit.

use std::path::Path;

use crc32fast::Hasher;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use verglas_core::Choice;
use verglas_core::error::Result;
use verglas_core::findings::Warning;
use verglas_particles::Conversion;
use verglas_particles::export::RecordedImages;
use verglas_run::manifest::{
    InputFile, InputRecord, InputRole, Manifest, PlanRecord, RecordedPath, RecordedSettings, RunRecord,
};
use verglas_structures::templates::LIST;

use crate::names::Kept;
use crate::prepare::LikelihoodJob;
use crate::right::{IndependentValues, Integral, NoiseModel, PosesFrom};
use crate::settings::ContrastSource;
use crate::stacks::StackOrigin;

/// Every setting of a job that makes likelihoods, as its manifest has it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordedLikelihood {
    /// Whose likelihood it is: `right` or `plain`.
    pub likelihood: String,
    /// How many independent values an image was taken to have: `band` or `pixels`.
    pub degrees_of_freedom: String,
    /// What made it right, if it is.
    #[serde(flatten)]
    pub right: RecordedRight,
    /// The names of the structures that are compared, in order.
    pub structures: Vec<String>,
    /// Their places in the list of templates.
    pub structure_places: Vec<usize>,
    /// Templates of each.
    pub n_templates: Vec<usize>,
    /// Images of each stack.
    pub n_images: Vec<usize>,
    /// Which image of which row goes where, of images that were made on the way of particles: a CRC-32.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images_plan_crc32: Option<String>,
    /// The file that the grids were read from.
    pub descriptor: Option<RecordedPath>,
    /// CRC-32 of the descriptor.
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
    /// How far displacements reach, pixels.
    pub max_displacement: f64,
    /// How many are tried along each axis.
    pub displacements: [usize; 2],
    /// D.
    pub n_displacements: usize,
    /// Whether likelihoods are integrated.
    pub integrated: bool,
    /// Whether the best pose with each template is kept.
    pub pairs: bool,
    /// Whether all correlations are kept.
    pub full_cross_correlation: bool,
    /// Where the contrast transfer comes from.
    pub ctf: String,
    /// From which axis defocus angles are taken to be written, if not as the stacks say.
    pub defocus_angle_axis: Option<String>,
    /// Which axis is which in templates that don't say it.
    pub templates_axes: Option<String>,
    /// The tables.
    pub table: Vec<String>,
    /// Whether everything was done as CryoLike does it.
    pub as_cryolike: bool,
    /// Whether images that can't be read or compared were left out.
    pub skip_unreadable: bool,
}

/// What was found before the first unit, by the CRC-32 of its files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FoundNoise {
    pub(crate) spectrum_crc32: Option<String>,
    pub(crate) measured_crc32: Option<String>,
    pub(crate) scale_crc32: Option<String>,
}

/// The settings of a right likelihood; nothing of a plain one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordedRight {
    /// Which scales were possible: `positive` or `any`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrast: Option<String>,
    /// `spectrum`, `white` or `file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<String>,
    /// Which images shared a spectrum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise_groups: Option<String>,
    /// How many images of a group it was found from at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise_images: Option<usize>,
    /// CRC-32 of the spectra.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise_spectrum_crc32: Option<String>,
    /// CRC-32 of what was measured of the noise, which the spectra are a fit to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise_measured_crc32: Option<String>,
    /// CRC-32 of the particles' scales.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub particle_scale_crc32: Option<String>,
    /// `refined` or `grid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integral: Option<String>,
    /// Modes that were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modes: Option<usize>,
    /// How much ln L may be too low for what is left out of the search, nats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prune: Option<f64>,
    /// By how many standard deviations poses might gain by chance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prune_z: Option<f64>,
    /// The share of the images that were searched without leaving out anything, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<f64>,
    /// The structures' point group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symmetry: Option<String>,
    /// Where poses came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poses_from: Option<String>,
    /// Standard deviation of known rotations, degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view_sigma: Option<f64>,
    /// Standard deviation of known origins, Å.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shift_sigma: Option<f64>,
}

impl RecordedRight {
    fn of(job: &LikelihoodJob, noise: &FoundNoise) -> Self {
        let Some(right) = job.right() else { return Self::default() };
        let is_found = right.noise == NoiseModel::Spectrum;
        let is_known = right.poses_from != PosesFrom::Search;
        let model = match &right.noise {
            NoiseModel::Spectrum => "spectrum",
            NoiseModel::White => "white",
            NoiseModel::File(_) => "file",
        };
        let pruning = job.comparison(0).pruning();
        let integral = if job.is_refined() { Integral::Refined } else { Integral::Grid };
        Self {
            contrast: Some(right.sign.name().to_owned()),
            noise: Some(model.to_owned()),
            noise_groups: (right.noise != NoiseModel::White).then(|| right.noise_groups.name().to_owned()),
            noise_images: is_found.then_some(right.noise_images),
            noise_spectrum_crc32: noise.spectrum_crc32.clone(),
            noise_measured_crc32: noise.measured_crc32.clone(),
            particle_scale_crc32: noise.scale_crc32.clone(),
            integral: Some(integral.name().to_owned()),
            modes: job.is_refined().then_some(right.n_modes),
            prune: pruning.map(|pruning| pruning.loss),
            prune_z: pruning.map(|pruning| pruning.z),
            audit: pruning.map(|_| right.audit_share),
            symmetry: Some(job.symmetry.to_string()),
            poses_from: Some(right.poses_from.name().to_owned()),
            view_sigma: is_known.then_some(right.view_sigma_deg),
            shift_sigma: is_known.then_some(right.shift_sigma_angstrom),
        }
    }
}

impl RecordedLikelihood {
    /// The settings in a manifest; what is damaged there counts as not said.
    pub fn of(manifest: &Manifest) -> Self {
        serde_json::from_value(Value::Object(manifest.settings.others.clone())).unwrap_or_default()
    }

    /// Whether some images were compared near a known pose only.
    pub fn has_known_poses(&self) -> bool {
        self.right.poses_from.as_deref().is_some_and(|from| from != PosesFrom::Search.name())
    }

    /// Whether the likelihood is right.
    pub fn is_right(&self) -> bool {
        self.likelihood == "right"
    }

    /// What is kept of every unit beside best poses.
    pub(crate) fn kept(&self) -> Kept {
        let Self { integrated, pairs, full_cross_correlation: full, .. } = *self;
        Kept { integrated, pairs, full, right: self.is_right() }
    }
}

/// The record before the first unit.
///
/// # Errors
/// When the descriptor of images that are made on the way can't be written.
pub(crate) fn new_manifest(job: &LikelihoodJob, noise: &FoundNoise, warnings: &[Warning]) -> Result<Manifest> {
    let all = 0..job.n_all_units();
    let of_images = job.conversion.as_deref().map(Conversion::recorded_settings).transpose()?;
    let mut others = recorded_settings(job, noise);
    if let Some(of_images) = &of_images {
        others.extend(settings_of_images(of_images));
    }
    Ok(Manifest {
        program: "verglas".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        shard: job.settings.shard,
        working_dir: std::env::current_dir().map(RecordedPath).unwrap_or_default(),
        settings: RecordedSettings {
            input: InputRecord::Likelihood {
                particles: job.particles.as_path().into(),
                templates: job.templates.as_path().into(),
                images: of_images.as_ref().map(|settings| Box::new(settings.input.clone())),
            },
            others,
        },
        plan: PlanRecord {
            n_images: all.clone().map(|unit| job.comparisons_of(unit)).fold(0, usize::saturating_add),
            n_stacks: all.len(),
            crc32: format!("{:08x}", plan_checksum(job)),
        },
        inputs: inputs(job),
        warnings: warnings.iter().map(Into::into).collect(),
        n_images: job.n_comparisons(),
        n_stacks: job.n_units(),
        is_complete: false,
        descriptor: None,
        stacks: Vec::new(),
        skipped_list: Vec::new(),
        closing: Vec::new(),
        skipped: Vec::new(),
        run: RunRecord::default(),
        is_sealed: true,
    })
}

/// What the names of settings of images start with.
const OF_IMAGES: &str = "images_";

/// Settings of a conversion that decide its images, by names that tell them from the job's own.
fn settings_of_images(settings: &RecordedSettings) -> impl Iterator<Item = (String, Value)> {
    /// What is written, and what the job says itself.
    const OTHERS: [&str; 6] = ["physical", "plots", "max_stacks", "skip_unreadable", "descriptor", "descriptor_crc32"];
    let of_images = settings.others.iter().filter(|(name, _)| !OTHERS.contains(&name.as_str()));
    of_images.map(|(name, value)| (format!("{OF_IMAGES}{name}"), value.clone()))
}

/// What a manifest says of images that were made on the way of particles, for the folder at `root`; `None` where they were read
/// from stacks.
pub(crate) fn recorded_images<'a>(root: &'a Path, manifest: &'a Manifest) -> Option<RecordedImages<'a>> {
    let InputRecord::Likelihood { images: Some(input), .. } = &manifest.settings.input else { return None };
    let recorded = RecordedLikelihood::of(manifest);
    let of_images = manifest.settings.others.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix(OF_IMAGES)?;
        Some((name.to_owned(), value.clone()))
    });
    Some(RecordedImages {
        root,
        manifest,
        input: input.as_ref(),
        conversion: serde_json::from_value(Value::Object(of_images.collect())).unwrap_or_default(),
        n_stacks: recorded.n_images.len(),
        plan_crc32: recorded.images_plan_crc32?,
    })
}

/// Of structures and stacks, in order: what was read is compared by itself.
fn plan_checksum(job: &LikelihoodJob) -> u32 {
    let mut hasher = Hasher::new();
    for structure in &job.structures {
        hasher.update(&(structure.place as u64).to_le_bytes());
        hasher.update(&(structure.name.len() as u64).to_le_bytes());
        hasher.update(structure.name.as_bytes());
    }
    job.stacks.iter().for_each(|stack| hasher.update(&(stack.n_images as u64).to_le_bytes()));
    if let Some(conversion) = &job.conversion {
        hasher.update(conversion.plan_crc32().as_bytes());
    }
    hasher.finalize()
}

fn inputs(job: &LikelihoodJob) -> Vec<InputFile> {
    let mut inputs = vec![InputFile::of(&job.templates.join(LIST), InputRole::Structure)];
    if job.settings.given_descriptor.is_none() {
        inputs.insert(0, InputFile::of(&job.descriptor_file, InputRole::Descriptor));
    }
    for structure in &job.structures {
        inputs.push(InputFile::of(&structure.path, InputRole::Structure));
        let metadata = structure.path.with_extension("npz");
        if metadata.is_file() {
            inputs.push(InputFile::of(&metadata, InputRole::Structure));
        }
    }
    for stack in &job.stacks {
        if let StackOrigin::Files { fourier, metadata } = &stack.origin {
            // By this an export knows the stacks again, wherever they are then.
            inputs.push(InputFile::with_checksum(metadata, InputRole::Metadata));
            inputs.push(InputFile::of(fourier, InputRole::Images));
        }
    }
    inputs.extend(job.conversion.iter().flat_map(|conversion| conversion.inputs()));
    inputs
}

fn recorded_settings(job: &LikelihoodJob, noise: &FoundNoise) -> Map<String, Value> {
    let (settings, descriptor) = (&job.settings, &job.descriptor);
    let descriptor_crc32 = descriptor.to_bytes().ok().map(|bytes| format!("{:08x}", crc32fast::hash(&bytes)));
    let others = RecordedLikelihood {
        likelihood: job.settings.likelihood.name().to_owned(),
        degrees_of_freedom: match job.formula().is_cryolike() {
            true => IndependentValues::Pixels,
            false => job.settings.independent_values.unwrap_or_default(),
        }
        .name()
        .to_owned(),
        right: RecordedRight::of(job, noise),
        structures: job.structures.iter().map(|structure| structure.name.clone()).collect(),
        structure_places: job.structures.iter().map(|structure| structure.place).collect(),
        n_templates: job.structures.iter().map(|structure| structure.views.len()).collect(),
        images_plan_crc32: job.conversion.as_deref().map(Conversion::plan_crc32),
        n_images: job.stacks.iter().map(|stack| stack.n_images).collect(),
        descriptor: settings.given_descriptor.is_none().then(|| Path::new(&job.descriptor_file).into()),
        descriptor_crc32,
        n_pixels: descriptor.cartesian_grid.n_pixels(),
        pixel_size: descriptor.cartesian_grid.pixel_size_angstrom(),
        radius_max: descriptor.polar_grid.radius_max(),
        dist_radii: descriptor.polar_grid.dist_radii(),
        n_inplanes: descriptor.polar_grid.n_inplanes(),
        precision: job.precision().as_str().to_owned(),
        max_displacement: settings.max_displacement_pixels,
        displacements: settings.n_displacements,
        n_displacements: job.displacements.len(),
        integrated: settings.integrated,
        pairs: settings.pairs,
        full_cross_correlation: settings.full_cross_correlation,
        ctf: settings.contrast.name().to_owned(),
        // What does not matter makes no difference.
        defocus_angle_axis: (settings.contrast == ContrastSource::Stack)
            .then_some(settings.defocus_angle_axis)
            .flatten()
            .map(|axis| axis.name().to_owned()),
        templates_axes: settings.templates_axes.map(|axes| axes.name().to_owned()),
        table: settings.tables.iter().map(|table| table.name().to_owned()).collect(),
        as_cryolike: settings.as_cryolike,
        skip_unreadable: settings.skip_unreadable,
    };
    match serde_json::to_value(others) {
        Ok(Value::Object(others)) => others,
        _ => Map::new(),
    }
}
