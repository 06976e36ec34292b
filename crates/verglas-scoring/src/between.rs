//! Templates between the views: the structures that the folder's templates were made of.

use std::path::Path;

use num_complex::Complex;
use verglas_core::StopFlag;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::findings::Findings;
use verglas_core::hint::{Hint, Setting, Text};
use verglas_fourier::pose::Matrix3;
use verglas_fourier::slices::SomeShells;
use verglas_likelihood::LikelihoodError;
use verglas_likelihood::refine::Slices;
use verglas_structures::templates::{StructureSlices, TemplateStructures};

use crate::failure::unless_stopped;
use crate::right::Integral;
use crate::settings::LikelihoodSettings;
use crate::structures::StructureTemplates;

/// The structures of a folder of templates, where poses between the grid's are to be looked at.
#[derive(Debug)]
pub(crate) struct Between {
    structures: TemplateStructures,
    /// Bytes that each of those that are compared takes.
    pub(crate) needed_bytes: Vec<u64>,
}

impl Between {
    /// Looks for them, if poses between the grid's count. Where it is not said that they must, and the structures are not known,
    /// that is told: likelihoods are integrated over the grid then.
    ///
    /// # Errors
    /// When they are not there or not as they were; when it is stopped.
    pub(crate) fn find(
        folder: &Path,
        structures: &[StructureTemplates],
        settings: &LikelihoodSettings,
        (findings, stop): (&mut Findings, &StopFlag),
    ) -> Result<Option<Self>> {
        let Some(right) = settings.likelihood.right() else { return Ok(None) };
        if !settings.integrated || right.integral == Some(Integral::Grid) {
            return Ok(None);
        }
        match Self::read(folder, structures, settings, stop) {
            Ok(between) => Ok(Some(between)),
            Err(error) if error.kind() == ErrorKind::Interrupted => Err(error),
            // What the system refuses may be there next time, and then likelihoods would be others.
            Err(error) if right.integral.is_some() || matches!(error.kind(), ErrorKind::Io | ErrorKind::Memory) => {
                Err(error.with_hint(Hint::Choose(Setting::Integral, "grid") + " does without them"))
            }
            Err(error) => {
                findings.warn("integral-over-grid", without(&error));
                Ok(None)
            }
        }
    }

    fn read(
        folder: &Path,
        structures: &[StructureTemplates],
        settings: &LikelihoodSettings,
        stop: &StopFlag,
    ) -> Result<Self> {
        let read = TemplateStructures::read(folder, settings.n_threads, settings.memory_bytes)?;
        if let Some(unknown) = structures.iter().find(|structure| !read.has(&structure.name)) {
            return Err(Error::value(format!(
                "the manifest in `{}` does not say what the templates of `{}` were made of",
                folder.display(),
                unknown.name
            )));
        }
        // Each structure is read.
        let needed = |structure: &StructureTemplates| {
            unless_stopped(stop)?;
            read.needed_bytes(&structure.name)
        };
        let needed: Result<Vec<u64>> = structures.iter().map(needed).collect();
        Ok(Self { structures: read, needed_bytes: needed? })
    }

    /// Templates of a structure at any rotation.
    ///
    /// # Errors
    /// When it can't be read any more.
    pub(crate) fn slices(&self, structure: &StructureTemplates) -> Result<TemplatesBetween> {
        self.structures.slices(&structure.name).map(TemplatesBetween)
    }
}

fn without(error: &Error) -> Text {
    Text::from(format!(
        "likelihoods are integrated over the grid's poses alone, which can be off by several nats: templates between them can't be \
         made: {error}; make the templates anew, or accept this with "
    )) + Hint::Choose(Setting::Integral, "grid")
}

/// Templates of one structure at any rotation.
#[derive(Debug)]
pub struct TemplatesBetween(pub StructureSlices);

impl Slices for TemplatesBetween {
    fn take(&self, rotations: &[Matrix3], out: &mut [Complex<f64>]) -> std::result::Result<(), LikelihoodError> {
        self.0.compute(rotations, out).map_err(|error| LikelihoodError::Slices(error.to_string()))
    }

    fn take_rounded(
        &self,
        rotations: &[Matrix3],
        out: &mut [Complex<f32>],
    ) -> std::result::Result<(), LikelihoodError> {
        self.0.compute_rounded(rotations, out).map_err(|error| LikelihoodError::Slices(error.to_string()))
    }

    fn take_on(
        &self,
        shells: &SomeShells,
        rotations: &[Matrix3],
        out: &mut [Complex<f32>],
    ) -> std::result::Result<bool, LikelihoodError> {
        self.0.compute_rounded_on(shells, rotations, out).map_err(|error| LikelihoodError::Slices(error.to_string()))
    }
}
