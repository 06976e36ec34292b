//! Templates of structures, as a job that makes a folder of them.

use std::path::PathBuf;

use numpy::{PyReadonlyArray3, PyUntypedArrayMethods};
use pyo3::prelude::*;
use verglas::descriptor::AtomShape;
use verglas::settings::Shard;
use verglas::slices::Voxels;
use verglas::structures::{Center, Input};
use verglas::templates::{AtomMass, DescriptorSource, TemplateJob, TemplateJobSettings, TemplateOverrides};
use verglas::{Error, Findings};

use crate::choices::choose;
use crate::error::{bad_value, exception};
use crate::found::Found;
use crate::settings::DescriptorValue;
use crate::watch::{watched, watched_job};
use crate::words::warnings_as_json;

/// A structure as Python gives it: a density `[z, y, x]`, or a path.
#[derive(FromPyObject)]
pub enum InputValue<'py> {
    Single(PyReadonlyArray3<'py, f32>),
    Double(PyReadonlyArray3<'py, f64>),
    File(PathBuf),
}

impl InputValue<'_> {
    /// The library's input; arrays are copied.
    pub fn into_input(self) -> Input {
        let sides = |shape: &[usize]| [shape[0], shape[1], shape[2]];
        match self {
            Self::File(path) => Input::File(path),
            Self::Single(array) => {
                let values = array.as_array().iter().copied().collect();
                Input::Array(Voxels::Single(values), sides(array.shape()))
            }
            Self::Double(array) => {
                let values = array.as_array().iter().copied().collect();
                Input::Array(Voxels::Double(values), sides(array.shape()))
            }
        }
    }
}

/// Every setting, as the Python modules say it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct TemplateValues {
    descriptor: DescriptorValue,
    viewing_distance: Option<f64>,
    atom_radii: Option<f64>,
    atom_selection: Option<String>,
    atom_shape: Option<String>,
    protein_residue_model: Option<bool>,
    list: Option<PathBuf>,
    models: String,
    frames: Option<String>,
    topology: Option<PathBuf>,
    atom_mass: String,
    remove_mean: bool,
    /// `mean`, `none`, or a position.
    center: CenterValue,
    voxel_size: Option<[f64; 3]>,
    axis_order: String,
    beyond_nyquist: bool,
    symmetry: String,
    plots: bool,
    as_cryolike: bool,
    existing: String,
    shard: Option<(usize, usize)>,
    threads: Option<usize>,
    memory: Option<u64>,
}

/// Where the origin is.
#[derive(FromPyObject)]
pub enum CenterValue {
    Word(String),
    Position([f64; 3]),
}

impl CenterValue {
    /// The library's origin.
    ///
    /// # Errors
    /// `ValueError` for an unknown word.
    pub fn into_center(self) -> PyResult<Center> {
        match self {
            Self::Position(position) if position.iter().all(|x| x.is_finite()) => Ok(Center::Position(position)),
            Self::Position(position) => Err(bad_value(format!("center is {position:?}, expected finite numbers"))),
            Self::Word(word) => match word.as_str() {
                "mean" => Ok(Center::Mean),
                "none" => Ok(Center::None),
                _ => Err(bad_value(format!("center is `{word}`, expected `mean`, `none` or three numbers"))),
            },
        }
    }
}

impl TemplateValues {
    /// The library's settings.
    ///
    /// # Errors
    /// `ValueError` for an unknown word.
    pub fn into_settings(self) -> PyResult<TemplateJobSettings> {
        let descriptor = match self.descriptor {
            DescriptorValue::Given(descriptor) => DescriptorSource::Given(Box::new(descriptor.get().0.clone())),
            DescriptorValue::File(path) => DescriptorSource::File(path),
        };
        let defaults = TemplateJobSettings::new(descriptor);
        let said = |error: Error| exception(&error);
        let shape = self.atom_shape.as_deref().map(AtomShape::from_cryolike).transpose().map_err(bad_value)?;
        let atom_mass = match self.atom_mass.as_str() {
            "volume" => AtomMass::Volume,
            "equal" => AtomMass::Equal,
            other => return Err(bad_value(format!("atom_mass is `{other}`, expected `volume` or `equal`"))),
        };
        Ok(TemplateJobSettings {
            overrides: TemplateOverrides {
                viewing_distance: self.viewing_distance,
                atom_radii: self.atom_radii,
                atom_selection: self.atom_selection,
                atom_shape: shape,
                use_protein_residue_model: self.protein_residue_model,
            },
            list: self.list,
            models: self.models.parse().map_err(said)?,
            frames: self.frames.map_or(Ok(defaults.frames), |frames| frames.parse()).map_err(said)?,
            topology: self.topology,
            atom_mass,
            remove_mean: self.remove_mean,
            center: self.center.into_center()?,
            voxel_angstrom: self.voxel_size,
            axis_order: self.axis_order.parse().map_err(said)?,
            beyond_nyquist: self.beyond_nyquist,
            symmetry: self.symmetry.parse().map_err(bad_value)?,
            plots: self.plots,
            as_cryolike: self.as_cryolike,
            existing: choose("existing", &self.existing)?,
            shard: self.shard.map(|(number, of)| Shard::new(number, of)).transpose().map_err(said)?,
            n_threads: self.threads.unwrap_or(defaults.n_threads),
            memory_bytes: self.memory.unwrap_or(defaults.memory_bytes),
            ..defaults
        })
    }
}

/// The findings about structures, and the job that can start if nothing is wrong.
#[pyclass(frozen, module = "verglas._native")]
pub struct TemplatePreparation {
    job: Option<TemplateJob>,
    found: Found,
}

#[pymethods]
impl TemplatePreparation {
    /// Reads every structure once; with `output` checks that it can be written to as well.
    #[new]
    #[pyo3(signature = (inputs, settings, output = None))]
    fn new(
        py: Python<'_>,
        inputs: Vec<InputValue<'_>>,
        settings: TemplateValues,
        output: Option<PathBuf>,
    ) -> PyResult<Self> {
        let settings = settings.into_settings()?;
        let inputs: Vec<Input> = inputs.into_iter().map(InputValue::into_input).collect();
        watched(py, None, 0, move |_, _| {
            let mut findings = Findings::new();
            let refused = output.map(|output| TemplateJob::check_output(&output, &settings));
            let job = match TemplateJob::prepare(inputs, settings, &mut findings) {
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

    /// The names of all structures.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.job.as_ref().map_or_else(Vec::new, |job| job.names().map(str::to_owned).collect())
    }

    /// How many structures and templates this run would make; zeros where something is wrong.
    #[getter]
    fn counts(&self) -> (usize, usize) {
        self.job.as_ref().map_or((0, 0), |job| (job.n_structures(), job.n_templates()))
    }

    /// Makes all templates and writes them below `output`; returns the summary as JSON.
    #[pyo3(signature = (output, progress = None))]
    fn run(&self, py: Python<'_>, output: PathBuf, progress: Option<Py<PyAny>>) -> PyResult<String> {
        let Some(job) = &self.job else {
            return Err(self.exception().unwrap_or_else(|| bad_value("no structure")));
        };
        let (warnings, total) = (self.found.warnings(), job.n_templates() as u64);
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
