//! Weights of structures.

use std::path::PathBuf;

use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray2, PyReadonlyArray2};
use pyo3::prelude::*;
use verglas::Findings;
use verglas::scoring::StructureChoice;
use verglas::weights::{Array, ImageChoice, Source, WeightsJob, WeightsSettings};

use crate::choices::choose;
use crate::error::bad_value;
use crate::watch::watched_job;
use crate::words::warnings_as_json;

/// Log-likelihoods: a matrix in memory, or where they are.
#[derive(FromPyObject)]
pub enum SourceValue<'py> {
    Matrix(PyReadonlyArray2<'py, f64>),
    Path(PathBuf),
}

/// Which images count.
#[derive(FromPyObject)]
pub enum ImageValue {
    Mask(Vec<bool>),
    Places(Vec<i64>),
    File(PathBuf),
}

/// Every setting, as the Python modules say it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct WeightsValues {
    matrix_axes: Option<String>,
    exclude: Option<Vec<usize>>,
    images: Option<ImageValue>,
    noise_column: bool,
    temperature: f64,
    tolerance: f64,
    bootstrap: usize,
    seed: u64,
    names: Option<Vec<String>>,
    noise: Option<Vec<f64>>,
    threads: Option<usize>,
}

impl WeightsValues {
    fn into_settings(self) -> PyResult<WeightsSettings> {
        let defaults = WeightsSettings::default();
        Ok(WeightsSettings {
            axes: self.matrix_axes.as_deref().map(|axes| choose("matrix_axes", axes)).transpose()?,
            exclude: self
                .exclude
                .map(|places| StructureChoice::Places(places.into_iter().map(|place| place..=place).collect())),
            images: self.images.map(|images| match images {
                ImageValue::Mask(mask) => ImageChoice::Mask(mask),
                ImageValue::Places(places) => ImageChoice::Places(places),
                ImageValue::File(path) => ImageChoice::File(path),
            }),
            noise_column: self.noise_column,
            temperature: self.temperature,
            tolerance: self.tolerance,
            n_resamples: self.bootstrap,
            seed: self.seed,
            n_threads: self.threads.unwrap_or(defaults.n_threads),
            ..defaults
        })
    }
}

/// Weighs structures; returns what came out as JSON, and the weights of every resample.
#[pyfunction]
#[pyo3(signature = (source, settings, progress = None))]
pub fn weights<'py>(
    py: Python<'py>,
    source: SourceValue<'py>,
    settings: WeightsValues,
    progress: Option<Py<PyAny>>,
) -> PyResult<(String, Bound<'py, PyArray2<f64>>)> {
    let mut settings = settings;
    let (names, noise) = (settings.names.take(), settings.noise.take());
    let source = match source {
        SourceValue::Path(path) => Source::Path(path),
        SourceValue::Matrix(matrix) => {
            let matrix = matrix.as_array();
            let shape = [matrix.nrows(), matrix.ncols()];
            Source::Array(Array { shape, values: matrix.iter().copied().collect(), names, noise })
        }
    };
    let settings = settings.into_settings()?;
    let n_resamples = settings.n_resamples;
    let made = watched_job(py, progress.as_ref(), n_resamples as u64, |counter, stop| {
        let mut findings = Findings::new();
        let job = WeightsJob::prepare(source, settings, &mut findings)?;
        job.run(None, &findings.warnings, counter, stop)
    })?;
    let mut values = serde_json::to_value(&made.record).map_err(bad_value)?;
    values["warnings"] = warnings_as_json(&made.warnings);
    let shape = (n_resamples, made.record.structures.len());
    let resamples = Array2::from_shape_vec(shape, made.resamples).map_err(bad_value)?;
    Ok((values.to_string(), resamples.into_pyarray(py)))
}
