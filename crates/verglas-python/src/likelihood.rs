//! Likelihoods of stacks of images against templates, as a job that makes a folder of them.

use std::path::PathBuf;

use pyo3::prelude::*;
use verglas::scoring::{LikelihoodJob, LikelihoodSettings};
use verglas::settings::Shard;
use verglas::{Error, Findings};

use crate::choices::choose;
use crate::error::{bad_value, exception};
use crate::found::Found;
use crate::right::RightValues;
use crate::settings::DescriptorValue;
use crate::watch::{watched, watched_job};
use crate::words::warnings_as_json;

/// Every setting, as the Python modules say it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct LikelihoodValues {
    descriptor: Option<DescriptorValue>,
    structures: String,
    max_displacement: f64,
    displacements: [usize; 2],
    integrated: bool,
    pairs: bool,
    full_cross_correlation: bool,
    table: Vec<String>,
    ctf: String,
    defocus_angle_axis: Option<String>,
    templates_axes: Option<String>,
    max_stacks: Option<usize>,
    as_cryolike: bool,
    right: RightValues,
    existing: String,
    shard: Option<(usize, usize)>,
    threads: Option<usize>,
    memory: Option<u64>,
}

impl LikelihoodValues {
    /// The library's settings.
    ///
    /// # Errors
    /// `ValueError` for an unknown word.
    fn into_settings(self) -> PyResult<LikelihoodSettings> {
        let likelihood = self.right.likelihood(self.as_cryolike)?;
        let independent_values = self.right.independent_values()?;
        let defaults = LikelihoodSettings::default();
        let said = |error: Error| exception(&error);
        let (descriptor, given_descriptor) = match self.descriptor {
            Some(DescriptorValue::File(path)) => (Some(path), None),
            Some(DescriptorValue::Given(descriptor)) => (None, Some(Box::new(descriptor.get().0.clone()))),
            None => (None, None),
        };
        Ok(LikelihoodSettings {
            likelihood,
            independent_values,
            descriptor,
            given_descriptor,
            structures: self.structures.parse().map_err(said)?,
            max_displacement_pixels: self.max_displacement,
            n_displacements: self.displacements,
            integrated: self.integrated,
            pairs: self.pairs,
            full_cross_correlation: self.full_cross_correlation,
            tables: self.table.iter().map(|table| choose("table", table)).collect::<PyResult<_>>()?,
            contrast: choose("ctf", &self.ctf)?,
            defocus_angle_axis: self
                .defocus_angle_axis
                .as_deref()
                .map(|axis| choose("defocus_angle_axis", axis))
                .transpose()?,
            templates_axes: self.templates_axes.map(|axes| axes.parse()).transpose().map_err(said)?,
            max_stacks: self.max_stacks,
            as_cryolike: self.as_cryolike,
            existing: choose("existing", &self.existing)?,
            shard: self.shard.map(|(number, of)| Shard::new(number, of)).transpose().map_err(said)?,
            n_threads: self.threads.unwrap_or(defaults.n_threads),
            memory_bytes: self.memory.unwrap_or(defaults.memory_bytes),
            ..defaults
        })
    }
}

/// The findings about stacks and templates, and the job that can start if nothing is wrong.
#[pyclass(frozen, module = "verglas._native")]
pub struct LikelihoodPreparation {
    job: Option<LikelihoodJob>,
    found: Found,
}

#[pymethods]
impl LikelihoodPreparation {
    /// Looks at stacks and templates; with `output` checks that it can be written to as well.
    #[new]
    #[pyo3(signature = (particles, templates, settings, output = None))]
    fn new(
        py: Python<'_>,
        particles: PathBuf,
        templates: PathBuf,
        settings: LikelihoodValues,
        output: Option<PathBuf>,
    ) -> PyResult<Self> {
        let settings = settings.into_settings()?;
        watched(py, None, 0, move |_, stop| {
            let mut findings = Findings::new();
            let check = |output: &PathBuf| LikelihoodJob::check_output(output, &particles, &templates, &settings);
            let refused = output.as_ref().map(check);
            let (output, settings) = (output.as_deref(), settings.clone());
            let prepared = LikelihoodJob::prepare(&particles, &templates, output, settings, &mut findings, stop);
            let job = match prepared {
                Ok(job) => Some(job),
                Err(error) => {
                    findings.errors.push(error);
                    None
                }
            };
            // Errors of the folder are reported first, as in the command.
            findings.errors.splice(0..0, refused.and_then(Result::err));
            Self { job, found: Found::new(findings) }
        })
    }

    /// Everything that is wrong, as one exception; `None` where nothing is.
    fn exception(&self) -> Option<PyErr> {
        self.found.exception()
    }

    /// Everything that is wrong, one text each.
    #[getter]
    fn errors(&self) -> Vec<String> {
        self.found.errors()
    }

    /// The warnings: code and message.
    #[getter]
    fn warnings(&self) -> Vec<(&'static str, String)> {
        self.found.coded_warnings()
    }

    /// The notes.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.found.notes()
    }

    /// Images, stacks, structures, units of this run, and its comparisons (image × template × displacement); zeros where
    /// something is wrong.
    #[getter]
    fn counts(&self) -> (usize, usize, usize, usize, usize) {
        self.job.as_ref().map_or((0, 0, 0, 0, 0), |job| {
            (job.n_images(), job.n_stacks(), job.n_structures(), job.n_units(), job.n_comparisons())
        })
    }

    /// Makes all likelihoods and writes them below `output`; returns the summary as JSON.
    #[pyo3(signature = (output, progress = None))]
    fn run(&self, py: Python<'_>, output: PathBuf, progress: Option<Py<PyAny>>) -> PyResult<String> {
        let Some(job) = &self.job else {
            return Err(self.exception().unwrap_or_else(|| bad_value("nothing to compare")));
        };
        let (warnings, total) = (self.found.warnings(), job.n_comparisons() as u64);
        let summary = watched_job(py, progress.as_ref(), total, |counter, stop| {
            let summary = job.run(&output, &warnings, counter, stop);
            self.found.with(|findings| findings.warnings.extend(counter.take_warnings()));
            summary
        })?;
        let mut values = serde_json::to_value(&summary).map_err(bad_value)?;
        values["warnings"] = warnings_as_json(&self.found.warnings());
        Ok(values.to_string())
    }
}
