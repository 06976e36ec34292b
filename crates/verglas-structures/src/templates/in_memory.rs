//! Templates of one structure in memory: no folder and no files.

use std::sync::atomic::Ordering;

use num_complex::Complex;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::findings::{Findings, counted};
use verglas_core::{Observer, StopFlag};
use verglas_fourier::grid::Precision;
use verglas_fourier::slices::{self, SliceError, SliceReal};
use verglas_fourier::sphere::Views;
use verglas_run::descriptor::ImageDescriptor;

use super::between::StructureSlices;
use super::memory::{Budget, plan_memory};
use super::metadata::NO_MODEL;
use super::prepare::{DEFAULT_SELECTION, TemplateJob, load_settings, read_descriptor, with_overrides};
use super::settings::TemplateJobSettings;
use super::slicer::{Origin, OriginKind, Slicer};
use super::stack::TemplateFacts;
use crate::load::{Content, Input, Part};
use crate::map::Density;
use crate::selection::Selection;
use crate::structure::Structure;

/// The source of the templates.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file, or an array in memory, of which one structure is made.
    Input(Input),
    /// Atoms in memory.
    Atoms(Box<Structure>),
    /// A density in memory, with the place of its voxels.
    Density(Density),
}

/// Templates of one structure, `[views, n_shells, n_inplanes]`, each of norm 1.
#[derive(Debug, Clone, PartialEq)]
pub enum TemplateValues {
    /// In single precision.
    Single(Vec<Complex<f32>>),
    /// In double precision.
    Double(Vec<Complex<f64>>),
}

/// Templates with their metadata.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeTemplates {
    /// The templates.
    pub values: TemplateValues,
    /// The metadata that their file would have.
    pub facts: TemplateFacts,
}

/// A structure that was checked, whose templates can be made.
#[derive(Debug)]
pub struct MemoryJob {
    settings: TemplateJobSettings,
    descriptor: ImageDescriptor,
    views: Views,
    box_angstrom: f64,
    structure: slices::Structure,
    origin: Origin,
    /// How messages name the structure.
    label: String,
    source: String,
    sha256: String,
    model: i64,
}

impl MemoryJob {
    /// Loads the structure and checks everything that can be checked. Warnings go to `findings`. Settings about
    /// a folder are ignored.
    ///
    /// # Errors
    /// As [`TemplateJob::prepare`]; when the source makes several structures.
    pub fn prepare(source: Source, mut settings: TemplateJobSettings, findings: &mut Findings) -> Result<Self> {
        settings.plots = false;
        settings.shard = None;
        settings.list = None;
        let job = match source {
            Source::Input(input) => Self::of_input(input, settings, findings)?,
            Source::Atoms(structure) => Self::of_memory(settings, findings, |beads, findings| {
                beads.beads.beads(&structure, IN_MEMORY, findings).map(Content::Beads)
            })?,
            Source::Density(density) => Self::of_memory(settings, findings, |_, _| Ok(Content::Density(density)))?,
        };
        job.plan()?;
        Ok(job)
    }

    fn of_input(input: Input, settings: TemplateJobSettings, findings: &mut Findings) -> Result<Self> {
        let job = TemplateJob::prepare(vec![input], settings, findings)?;
        let planned = match job.structures.planned() {
            [planned] => planned,
            many => {
                return Err(Error::value(format!(
                    "`{}` makes {}, expected one",
                    many.first().map(|planned| job.structures.source(planned)).unwrap_or_default(),
                    counted(many.len(), "structure")
                )));
            }
        };
        // Its warnings were given when the job was prepared.
        let content = job.structures.load(planned, &mut Findings::new())?;
        let source = job.structures.source(planned);
        let model = match planned.part {
            Part::Model { number, .. } => number,
            Part::Frame(frame) => i64::try_from(frame).unwrap_or(i64::MAX),
            Part::Density => NO_MODEL,
        };
        let sha256 = job.checksums.into_iter().next().unwrap_or_default();
        let (structure, origin) = Origin::of(content, &job.descriptor, &job.settings, job.box_angstrom);
        Ok(Self {
            settings: job.settings,
            descriptor: job.descriptor,
            views: job.views,
            box_angstrom: job.box_angstrom,
            structure,
            origin,
            label: source.clone(),
            source,
            sha256,
            model,
        })
    }

    fn of_memory(
        settings: TemplateJobSettings,
        findings: &mut Findings,
        load: impl FnOnce(&crate::load::LoadSettings, &mut Findings) -> Result<Content>,
    ) -> Result<Self> {
        let (descriptor, _) = read_descriptor(&settings.descriptor)?;
        let descriptor = with_overrides(descriptor, &settings, findings);
        let box_angstrom = descriptor.box_angstrom()?;
        let distance = descriptor.template.viewing_distance.unwrap_or_default();
        let views =
            Views::for_symmetry(distance, settings.symmetry).map_err(|error| Error::value(error.to_string()))?;
        let selection = Selection::parse(descriptor.template.atom_selection.as_deref().unwrap_or(DEFAULT_SELECTION))?;
        let load_settings = load_settings(&settings, &descriptor, selection, box_angstrom);
        load_settings.beads.check(findings);
        if let Some(error) = findings.take_error() {
            return Err(error);
        }
        let content = load(&load_settings, findings)?;
        if let Content::Density(density) = &content
            && !(settings.beyond_nyquist || settings.as_cryolike)
        {
            density.warn_beyond_nyquist(2.0 * descriptor.polar_grid.radius_max() / box_angstrom, IN_MEMORY, findings);
        }
        let model = if matches!(content, Content::Density(_)) { NO_MODEL } else { 1 };
        let (structure, origin) = Origin::of(content, &descriptor, &settings, box_angstrom);
        let (label, source, sha256) = (IN_MEMORY.to_owned(), String::new(), String::new());
        Ok(Self { settings, descriptor, views, box_angstrom, structure, origin, label, source, sha256, model })
    }

    /// How many templates there will be.
    pub fn n_templates(&self) -> usize {
        self.views.len()
    }

    /// Bytes that templates at any rotation take.
    ///
    /// # Errors
    /// When there can be none.
    pub fn slices_bytes(&self) -> Result<u64> {
        StructureSlices::needed_bytes(&self.structure, &self.descriptor, self.box_angstrom, &self.settings)
            .map_err(|error| Error::value(format!("`{}`: {error}", self.label)))
    }

    /// Prepares templates at any rotation, good to 5e-4 in single precision and 1e-7 in double, in the memory that
    /// [`MemoryJob::slices_bytes`] says.
    ///
    /// # Errors
    /// When there can be none.
    pub fn slices(&self) -> Result<StructureSlices> {
        StructureSlices::new(self.structure.clone(), &self.descriptor, self.box_angstrom, &self.settings)
            .map_err(|error| Error::value(format!("`{}`: {error}", self.label)))
    }

    fn plan(&self) -> Result<Budget> {
        let structure = (&self.structure, self.label.as_str());
        plan_memory(structure, &self.descriptor, self.box_angstrom, &self.settings, self.views.len())
    }

    /// Makes the templates.
    ///
    /// # Errors
    /// When memory runs out, a template can't be normalised, or it is stopped.
    pub fn run(&self, observer: &dyn Observer, stop: &StopFlag) -> Result<MadeTemplates> {
        let budget = self.plan()?;
        let (values, norms) = match self.descriptor.precision {
            Precision::Single => {
                let (values, norms) = self.compute::<f32>(budget, observer, stop)?;
                (TemplateValues::Single(values), norms)
            }
            Precision::Double => {
                let (values, norms) = self.compute::<f64>(budget, observer, stop)?;
                (TemplateValues::Double(values), norms)
            }
        };
        let (n_atoms, voxel_angstrom, axis_order) = match &self.origin.kind {
            OriginKind::Atoms { n_atoms } => (Some(*n_atoms as i64), None, None),
            OriginKind::Map { voxel_angstrom, axis_order } => (None, Some(*voxel_angstrom), Some(*axis_order)),
        };
        let facts = TemplateFacts {
            descriptor: self.descriptor.clone(),
            views: self.views.clone(),
            symmetry: self.settings.symmetry.to_string(),
            norms,
            center_angstrom: self.origin.center_angstrom,
            n_atoms,
            voxel_angstrom,
            axis_order,
            source: self.source.clone(),
            source_sha256: self.sha256.clone(),
            model: self.model,
            as_cryolike: self.settings.as_cryolike,
        };
        Ok(MadeTemplates { values, facts })
    }

    fn compute<T: SliceReal>(
        &self,
        budget: Budget,
        observer: &dyn Observer,
        stop: &StopFlag,
    ) -> Result<(Vec<Complex<T>>, Vec<f64>)> {
        let (grid, n_views) = (&self.descriptor.polar_grid, self.views.len());
        let mut values: Vec<Complex<T>> = Vec::new();
        let n_values = n_views.saturating_mul(grid.n_points());
        values.try_reserve_exact(n_values).map_err(|_| {
            let mib = n_values.saturating_mul(size_of::<Complex<T>>()) >> 20;
            Error::new(ErrorKind::Memory, format!("templates take {mib} MiB, more than memory has room for"))
        })?;
        values.resize(n_values, Complex::default());
        let mut norms = vec![0.0; n_views];
        let of_structure = |error: String| Error::value(format!("`{}`: {error}", self.label));
        let (bytes, settings) = (budget.transform_bytes, &self.settings);
        let slicer = Slicer::<T>::new(self.structure.clone(), grid, self.box_angstrom, settings, n_views, bytes)
            .map_err(|error| of_structure(error.to_string()))?;
        let n_batch = budget.n_batch.clamp(1, n_views.max(1));
        let batches = values.chunks_mut(n_batch * grid.n_points()).zip(norms.chunks_mut(n_batch));
        for (batch, (values, norms)) in batches.enumerate() {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::new(ErrorKind::Interrupted, "stopped before all templates were made"));
            }
            let first = batch * n_batch;
            let rotations: Vec<_> = (first..first + norms.len()).map(|view| self.views.rotation(view)).collect();
            slicer.compute(&rotations, values, norms).map_err(|error| match error {
                SliceError::Norm { view, norm } => of_structure(format!(
                    "template {} (azimuth {}, polar angle {}) has norm {norm}, expected a number above 0",
                    first + view,
                    self.views.azimuth[first + view],
                    self.views.polar[first + view]
                )),
                other => of_structure(other.to_string()),
            })?;
            observer.images_done(norms.len() as u64);
        }
        Ok((values, norms))
    }
}

/// The name in messages of a structure that is not a file.
const IN_MEMORY: &str = "the structure in memory";
