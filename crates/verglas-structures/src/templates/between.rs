//! Templates between the views of a folder: the structures that they were made of are read again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use num_complex::Complex;
use serde_json::Value;
use verglas_core::error::{Error, Result};
use verglas_core::findings::Findings;
use verglas_fourier::grid::Precision;
use verglas_fourier::pose::Matrix3;
use verglas_fourier::slices::{SliceError, SlicePlan, SliceReal, SliceSettings, SomeShells, Structure};
use verglas_fourier::sphere::PointGroup;
use verglas_run::descriptor::ImageDescriptor;
use verglas_run::folder::DESCRIPTOR;
use verglas_run::manifest::{FolderRecord, InputRecord, InputRole, Manifest};

use super::manifest::RecordedTemplates;
use super::memory::structure_bytes;
use super::prepare::TemplateJob;
use super::settings::{DescriptorSource, TemplateJobSettings};
use super::slicer::{Origin, Slicer, slice_settings};
use crate::beads::Center;
use crate::load::Input;
use crate::map::AxisOrder;

/// The structures that a folder's templates were made of.
#[derive(Debug)]
pub struct TemplateStructures {
    job: TemplateJob,
}

impl TemplateStructures {
    /// Reads the structures again that the manifest in `folder` names, as it says, and checks that they are what they were.
    ///
    /// # Errors
    /// When there is no manifest, or it is for arrays in memory; when a structure is missing, or has changed.
    pub fn read(folder: &Path, n_threads: usize, memory_bytes: u64) -> Result<Self> {
        let record = FolderRecord::read(folder)?;
        let manifest = record.first();
        let recorded = RecordedTemplates::of(manifest);
        let InputRecord::Structures { files } = &manifest.settings.input else {
            return Err(Error::format(format!("the manifest in `{}` is not one of templates", folder.display())));
        };
        let files: Vec<PathBuf> = files.iter().map(|path| manifest.resolve(path)).collect();
        check_unaltered(manifest)?;
        let settings = settings(folder, manifest, &recorded, n_threads, memory_bytes)?;
        let inputs = files.into_iter().map(Input::File).collect();
        let job = TemplateJob::prepare(inputs, settings, &mut Findings::new())?;
        if !job.names().eq(recorded.structures.iter().map(String::as_str)) {
            return Err(Error::value(format!(
                "the structures that the templates in `{}` were made of are no longer those of its manifest",
                folder.display()
            )));
        }
        Ok(Self { job })
    }

    /// The structures' point group: where it is not C1, the views are those of one asymmetric unit.
    pub fn symmetry(&self) -> PointGroup {
        self.job.settings.symmetry
    }

    /// Whether there is a structure of this name.
    pub fn has(&self, name: &str) -> bool {
        self.job.structures.planned().iter().any(|planned| planned.name == name)
    }

    /// Bytes that templates of the structure `name` at any rotation take while they are prepared, and the most after that.
    ///
    /// # Errors
    /// When there is no such structure, or it can't be read any more.
    pub fn needed_bytes(&self, name: &str) -> Result<u64> {
        let job = &self.job;
        let structure = self.load(name)?;
        StructureSlices::needed_bytes(&structure, &job.descriptor, job.box_angstrom, &job.settings)
            .map_err(|error| Error::value(format!("`{name}`: {error}")))
    }

    /// Prepares templates of the structure `name` at any rotation: good to 5e-4 in single precision and 1e-7 in double, in turn fast, in the memory that
    /// [`TemplateStructures::needed_bytes`] says.
    ///
    /// # Errors
    /// When there is no such structure, or it can't be read any more.
    pub fn slices(&self, name: &str) -> Result<StructureSlices> {
        let (job, structure) = (&self.job, self.load(name)?);
        StructureSlices::new(structure, &job.descriptor, job.box_angstrom, &job.settings)
            .map_err(|error| Error::value(format!("`{name}`: {error}")))
    }

    fn load(&self, name: &str) -> Result<Structure> {
        let job = &self.job;
        let planned = job.structures.planned().iter().find(|planned| planned.name == name);
        let planned = planned.ok_or_else(|| Error::value(format!("there is no structure `{name}`")))?;
        let content = job.structures.load(planned, &mut Findings::new())?;
        Ok(Origin::of(content, &job.descriptor, &job.settings, job.box_angstrom).0)
    }
}

/// So many that a grid to interpolate on is worth making.
const MANY_VIEWS: usize = 1 << 20;

/// As accurate as likelihoods need.
fn coarse(structure: &Structure, settings: &TemplateJobSettings) -> SliceSettings {
    // Whoever asks has threads already.
    let settings = TemplateJobSettings { n_threads: 1, ..settings.clone() };
    SliceSettings { coarse: true, ..slice_settings(structure, &settings, MANY_VIEWS, usize::MAX) }
}

/// Whether the files are what they were when templates were made.
fn check_unaltered(manifest: &Manifest) -> Result<()> {
    let mut known: HashMap<PathBuf, Option<String>> = HashMap::new();
    for input in manifest.inputs.iter().filter(|input| input.role == Some(InputRole::Structure)) {
        let path = manifest.resolve(&input.path);
        let found = match known.get(&path) {
            Some(found) => found.clone(),
            None => {
                let found = super::prepare::sha256_of(&path).map_err(|error| {
                    Error::new(error.kind(), format!("the templates were made of `{}`: {error}", path.display()))
                })?;
                known.insert(path.clone(), Some(found.clone()));
                Some(found)
            }
        };
        if input.sha256.is_some() && input.sha256 != found {
            return Err(Error::value(format!("`{}` has changed since templates were made from it", path.display())));
        }
    }
    Ok(())
}

/// The settings as the manifest has them.
fn settings(
    folder: &Path,
    manifest: &Manifest,
    recorded: &RecordedTemplates,
    n_threads: usize,
    memory_bytes: u64,
) -> Result<TemplateJobSettings> {
    // With all that was given in its place.
    let descriptor = ImageDescriptor::load(&folder.join(DESCRIPTOR))?;
    let damaged = |what: &str| Error::format(format!("the manifest in `{}` has no {what}", folder.display()));
    let mut settings = TemplateJobSettings::new(DescriptorSource::Given(Box::new(descriptor)));
    settings.models = recorded.models.parse()?;
    if let Some([start, stop, step]) = recorded.frames {
        settings.frames.start = start.unwrap_or(settings.frames.start);
        settings.frames.stop = stop;
        settings.frames.step = step.unwrap_or(settings.frames.step);
    }
    settings.topology = recorded.topology.as_ref().map(|path| manifest.resolve(path));
    settings.atom_mass = recorded.atom_mass;
    settings.remove_mean = recorded.remove_mean;
    settings.center = match &recorded.center {
        Value::String(text) if text == "none" => Center::None,
        Value::Array(position) => {
            let numbers: Vec<f64> = position.iter().filter_map(Value::as_f64).collect();
            Center::Position(numbers.try_into().map_err(|_| damaged("centre"))?)
        }
        _ => Center::Mean,
    };
    settings.voxel_angstrom = recorded.voxel_size;
    settings.axis_order = recorded.axis_order.parse::<AxisOrder>().map_err(|_| damaged("order of axes"))?;
    settings.beyond_nyquist = recorded.beyond_nyquist;
    settings.symmetry = recorded.symmetry.parse().map_err(|_| damaged("symmetry"))?;
    settings.as_cryolike = recorded.as_cryolike;
    settings.plots = false;
    (settings.n_threads, settings.memory_bytes) = (n_threads, memory_bytes);
    Ok(settings)
}

/// Templates of one structure at any rotation.
#[derive(Debug)]
pub struct StructureSlices {
    plan: Plan,
}

#[derive(Debug)]
enum Plan {
    Single(Slicer<f32>),
    Double(Slicer<f64>),
}

impl StructureSlices {
    /// Bytes that it takes while it is prepared, and the most after that; the structure among them.
    pub(super) fn needed_bytes(
        structure: &Structure,
        descriptor: &ImageDescriptor,
        box_angstrom: f64,
        settings: &TemplateJobSettings,
    ) -> std::result::Result<u64, SliceError> {
        let (grid, settings) = (&descriptor.polar_grid, coarse(structure, settings));
        let in_double = settings.remove_mean || descriptor.precision == Precision::Double;
        let estimate = match in_double {
            true => SlicePlan::<f64>::estimate(structure, grid, box_angstrom, &settings),
            false => SlicePlan::<f32>::estimate(structure, grid, box_angstrom, &settings),
        };
        Ok(estimate?.peak_bytes as u64 + structure_bytes(structure))
    }

    /// Prepares them, as templates are made with `settings`; in one piece, for it is asked for few at a time.
    pub(super) fn new(
        structure: Structure,
        descriptor: &ImageDescriptor,
        box_angstrom: f64,
        settings: &TemplateJobSettings,
    ) -> std::result::Result<Self, SliceError> {
        let grid = &descriptor.polar_grid;
        let coarse = coarse(&structure, settings);
        let in_double = coarse.remove_mean;
        let plan = match descriptor.precision {
            Precision::Single => Plan::Single(Slicer::with(structure, grid, box_angstrom, in_double, &coarse)?),
            Precision::Double => Plan::Double(Slicer::with(structure, grid, box_angstrom, in_double, &coarse)?),
        };
        Ok(Self { plan })
    }

    /// The templates of norm 1 at some rotations, `[rotations, n_shells, n_inplanes]`, in the precision of the descriptor.
    ///
    /// # Errors
    /// A template whose norm is 0 or no number.
    ///
    /// # Panics
    /// When `out` has another length.
    pub fn compute(&self, rotations: &[Matrix3], out: &mut [Complex<f64>]) -> std::result::Result<(), SliceError> {
        match &self.plan {
            Plan::Double(plan) => plan.compute(rotations, out, &mut vec![0.0; rotations.len()]),
            Plan::Single(plan) => {
                one_by_one(plan, rotations, out, |value| Complex::new(f64::from(value.re), f64::from(value.im)))
            }
        }
    }

    /// The same, rounded to single precision.
    ///
    /// # Errors
    /// As [`compute`](Self::compute).
    ///
    /// # Panics
    /// When `out` has another length.
    pub fn compute_rounded(
        &self,
        rotations: &[Matrix3],
        out: &mut [Complex<f32>],
    ) -> std::result::Result<(), SliceError> {
        match &self.plan {
            Plan::Single(plan) => plan.compute(rotations, out, &mut vec![0.0; rotations.len()]),
            Plan::Double(plan) => {
                one_by_one(plan, rotations, out, |value| Complex::new(value.re as f32, value.im as f32))
            }
        }
    }

    /// The same on some shells alone, `[rotations, shells, n_inplanes]`; false where they can't be had so, and `out` is as it was.
    ///
    /// # Errors
    /// As [`compute`](Self::compute).
    ///
    /// # Panics
    /// When `out` has another length, or a shell is none of the grid's.
    pub fn compute_rounded_on(
        &self,
        shells: &SomeShells,
        rotations: &[Matrix3],
        out: &mut [Complex<f32>],
    ) -> std::result::Result<bool, SliceError> {
        match &self.plan {
            Plan::Single(plan) => plan.compute_on(shells, rotations, out),
            Plan::Double(_) => Ok(false),
        }
    }
}

/// Slices in another precision, one at a time, which stays in the cache.
fn one_by_one<T: SliceReal, U>(
    plan: &Slicer<T>,
    rotations: &[Matrix3],
    out: &mut [U],
    convert: impl Fn(&Complex<T>) -> U,
) -> std::result::Result<(), SliceError> {
    let n_points = out.len() / rotations.len().max(1);
    let mut values = vec![Complex::default(); n_points];
    for (rotation, out) in rotations.chunks(1).zip(out.chunks_exact_mut(n_points.max(1))) {
        plan.compute(rotation, &mut values, &mut [0.0])?;
        out.iter_mut().zip(&values).for_each(|(out, value)| *out = convert(value));
    }
    Ok(())
}
