//! Templates of one structure as arrays, with their metadata.

use std::path::PathBuf;

use numpy::{IntoPyArray, PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use verglas::sphere::Views;
use verglas::templates::{MadeTemplates, MemoryJob, Source, TemplateFacts, TemplateValues as Values};
use verglas::{Error, Findings};
use verglas_core::atomic::write_whole;

use crate::descriptor::Descriptor;
use crate::error::{bad_value, exception};
use crate::found::Found;
use crate::structures::{AtomColumns, MapValue};
use crate::templates::{InputValue, TemplateValues};
use crate::watch::{watched, watched_job};

/// A structure as Python gives it.
#[derive(FromPyObject)]
pub enum SourceValue<'py> {
    Input(InputValue<'py>),
    Map(MapValue<'py>),
    Atoms(AtomColumns),
}

/// The findings about a structure, and the templates that can be made if nothing is wrong.
#[pyclass(frozen, module = "verglas._native")]
pub struct MemoryPreparation {
    job: Option<MemoryJob>,
    found: Found,
}

#[pymethods]
impl MemoryPreparation {
    /// Loads the structure.
    #[new]
    fn new(py: Python<'_>, source: SourceValue<'_>, settings: TemplateValues) -> PyResult<Self> {
        let settings = settings.into_settings()?;
        let source = match source {
            SourceValue::Input(input) => Source::Input(input.into_input()),
            SourceValue::Atoms(atoms) => Source::Atoms(Box::new(atoms.into_structure()?)),
            SourceValue::Map(map) => Source::Density(map.into_density()?),
        };
        watched(py, None, 0, move |_, _| {
            let mut findings = Findings::new();
            let job = match MemoryJob::prepare(source, settings, &mut findings) {
                Ok(job) => Some(job),
                Err(error) => {
                    findings.errors.push(error);
                    None
                }
            };
            Self { job, found: Found::new(findings) }
        })
    }

    /// Everything that is wrong, as one exception; `None` where nothing is.
    fn exception(&self) -> Option<PyErr> {
        self.found.exception()
    }

    /// The warnings: code and message.
    #[getter]
    fn warnings(&self) -> Vec<(&'static str, String)> {
        self.found.coded_warnings()
    }

    /// How many templates there will be.
    #[getter]
    fn n_templates(&self) -> usize {
        self.job.as_ref().map_or(0, MemoryJob::n_templates)
    }

    /// Makes the templates: `[views, n_shells, n_inplanes]`, complex64 or complex128, with their metadata.
    #[pyo3(signature = (progress = None))]
    fn run<'py>(&self, py: Python<'py>, progress: Option<Py<PyAny>>) -> PyResult<(Bound<'py, PyAny>, Facts)> {
        let Some(job) = &self.job else {
            return Err(self.exception().unwrap_or_else(|| bad_value("no structure")));
        };
        let total = job.n_templates() as u64;
        let MadeTemplates { values, facts } =
            watched_job(py, progress.as_ref(), total, |counter, stop| job.run(counter, stop))?;
        let grid = &facts.descriptor.polar_grid;
        let shape = [facts.views.len(), grid.n_shells(), grid.n_inplanes()];
        let array = match values {
            Values::Single(values) => values.into_pyarray(py).reshape(shape)?.into_any(),
            Values::Double(values) => values.into_pyarray(py).reshape(shape)?.into_any(),
        };
        Ok((array, Facts(facts)))
    }
}

impl MemoryPreparation {
    /// The structure whose templates are made.
    ///
    /// # Errors
    /// When there is none.
    pub fn job(&self) -> verglas::Result<&MemoryJob> {
        self.job.as_ref().ok_or_else(|| Error::value("no structure"))
    }
}

/// The metadata of the templates of one structure.
#[pyclass(frozen, module = "verglas._native")]
pub struct Facts(TemplateFacts);

#[pymethods]
impl Facts {
    /// Reads the metadata of templates.
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let facts = py.detach(|| TemplateFacts::read(&path)).map_err(|error| exception(&error))?;
        Ok(Self(facts))
    }

    /// Of templates that don't say anything of themselves: their views follow from the descriptor.
    #[staticmethod]
    fn from_descriptor(descriptor: &Bound<'_, Descriptor>, axis_order: Option<&str>) -> PyResult<Self> {
        let descriptor = descriptor.get().0.clone();
        let distance = descriptor.template.viewing_distance.unwrap_or_default();
        let views = Views::new(distance).map_err(bad_value)?;
        let n_views = views.len();
        let axis_order = axis_order.map(str::parse).transpose().map_err(|error: Error| exception(&error))?;
        Ok(Self(TemplateFacts {
            descriptor,
            views,
            symmetry: "C1".to_owned(),
            norms: vec![f64::NAN; n_views],
            center_angstrom: [f64::NAN; 3],
            n_atoms: None,
            voxel_angstrom: None,
            axis_order,
            source: String::new(),
            source_sha256: String::new(),
            model: -1,
            as_cryolike: false,
        }))
    }

    /// All of it by name; arrays are new ones.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let facts = &self.0;
        let values = PyDict::new(py);
        let array = |values: &[f64]| PyArray1::from_slice(py, values);
        values.set_item("azimus", array(&facts.views.azimuth))?;
        values.set_item("polars", array(&facts.views.polar))?;
        values.set_item("gammas", array(&facts.views.gamma))?;
        values.set_item("weights_viewing", array(&facts.views.weight))?;
        values.set_item("norms", array(&facts.norms))?;
        values.set_item("center", array(&facts.center_angstrom))?;
        values.set_item("symmetry", &facts.symmetry)?;
        values.set_item("n_atoms", facts.n_atoms)?;
        values.set_item("voxel_size", facts.voxel_angstrom.map(|sides| array(&sides)))?;
        values.set_item("axis_order", facts.axis_order.map(|order| order.name()))?;
        values.set_item("source", &facts.source)?;
        values.set_item("source_sha256", &facts.source_sha256)?;
        values.set_item("model", facts.model)?;
        values.set_item("as_cryolike", facts.as_cryolike)?;
        Ok(values)
    }

    /// The descriptor that was used.
    #[getter]
    fn descriptor(&self) -> Descriptor {
        Descriptor(self.0.descriptor.clone())
    }

    /// Writes the metadata's file; it appears under its name when it is whole.
    fn write(&self, path: PathBuf) -> PyResult<()> {
        let written = self.0.to_bytes().and_then(|bytes| write_whole(&path, &bytes));
        written.map(drop).map_err(|error| exception(&error))
    }
}
