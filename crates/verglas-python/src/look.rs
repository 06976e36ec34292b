//! What is in a file, how far a job is, a page about an output folder: each as JSON and as text for people.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use pyo3::prelude::*;
use serde::Serialize;
use verglas::report::{REPORT, ReportSettings, write_report};
use verglas_cli::{describe_file, describe_report, look_at_job};

use crate::error::{bad_value, exception};
use crate::words::PythonWords;

/// Describes what is in a file.
#[pyfunction]
pub fn inspect(py: Python<'_>, path: PathBuf) -> PyResult<(String, String)> {
    let inspection = py.detach(|| verglas_inspect::inspect(&path)).map_err(|error| exception(&error))?;
    both(&inspection, describe_file(&inspection, &PythonWords))
}

/// How far the job in `folder` is, with the shards that are not complete.
#[pyfunction]
pub fn status(py: Python<'_>, folder: PathBuf) -> PyResult<(String, String, Vec<usize>)> {
    let (status, text) = py.detach(|| look_at_job(&folder)).map_err(|error| exception(&error))?;
    let (json, text) = both(&status, text)?;
    Ok((json, text, status.unfinished_shards()))
}

/// Writes a page about the output folder `folder`, by default into it.
#[pyfunction]
pub fn report(
    py: Python<'_>,
    folder: PathBuf,
    output: Option<PathBuf>,
    n_examples: NonZeroUsize,
    most_looked_at: NonZeroUsize,
) -> PyResult<(String, String)> {
    let settings = ReportSettings {
        n_examples: n_examples.get(),
        most_looked_at: most_looked_at.get(),
        ..ReportSettings::default()
    };
    let path = output.unwrap_or_else(|| folder.join(REPORT));
    let summary = py.detach(|| write_report(&folder, &path, &settings)).map_err(|error| exception(&error))?;
    both(&summary, describe_report(&summary))
}

fn both(values: &impl Serialize, text: String) -> PyResult<(String, String)> {
    Ok((serde_json::to_string(values).map_err(bad_value)?, text))
}
