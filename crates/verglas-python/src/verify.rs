//! Looks at output folders.

use std::path::PathBuf;

use pyo3::prelude::*;
use serde_json::json;
use verglas::verify::verify_on;
use verglas_run::manifest::FolderRecord;

use crate::error::{bad_value, exception};
use crate::watch::watched;
use crate::words::{PythonWords, warnings_as_json};

/// How many images an output folder is said to hold; 0 where its record can't be read.
#[pyfunction]
pub fn count_images(folder: PathBuf) -> usize {
    FolderRecord::read(&folder).map_or(0, |record| record.stacks().iter().map(|stack| stack.n_images).sum())
}

/// Looks at the output folder `folder`; returns what was found as JSON.
#[pyfunction]
#[pyo3(signature = (folder, n_threads, n_images, progress = None))]
pub fn verify(
    py: Python<'_>,
    folder: PathBuf,
    n_threads: usize,
    n_images: u64,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let found = watched(py, progress.as_ref(), n_images, |counter, stop| verify_on(&folder, n_threads, counter, stop))?;
    let found = found.map_err(|error| exception(&error))?;
    let mut values = serde_json::to_value(&found).map_err(bad_value)?;
    values["warnings"] = warnings_as_json(&found.warnings);
    let problems = found.problems.iter().map(|problem| {
        let hint = problem.hint.as_ref().map(|hint| hint.said_in(&PythonWords));
        json!({"code": problem.code, "message": problem.message.said_in(&PythonWords), "hint": hint})
    });
    values["problems"] = problems.collect();
    Ok(values.to_string())
}
