//! Looks at output folders, of conversions, templates and likelihoods.

use std::path::PathBuf;

use pyo3::prelude::*;
use serde_json::json;
use verglas::scoring::{is_of_likelihoods, verify_likelihoods};
use verglas::templates::{is_of_templates, verify_templates};
use verglas::verify::{Problem, verify_on};
use verglas::{Result, Warning};
use verglas_run::manifest::FolderRecord;

use crate::error::bad_value;
use crate::watch::watched_job;
use crate::words::{PythonWords, warnings_as_json};

/// How much there is to verify in an output folder, and the noun for it; 0 if its record can't be read.
#[pyfunction]
pub fn count_work(folder: PathBuf) -> (u64, &'static str) {
    let n = FolderRecord::read(&folder)
        .map_or(0, |record| record.stacks().iter().fold(0, |n: u64, unit| n.saturating_add(unit.n_images as u64)));
    let noun = match (is_of_templates(&folder), is_of_likelihoods(&folder)) {
        (true, _) => "templates",
        (_, true) => "comparisons",
        _ => "images",
    };
    (n, noun)
}

/// The result of verifying a folder of any kind.
struct Looked {
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    n_images: usize,
    /// Sound ones.
    n_units: usize,
}

/// Verifies the output folder `folder`; returns the findings as JSON. `total` is passed to `progress`.
#[pyfunction]
#[pyo3(signature = (folder, n_threads, total, progress = None))]
pub fn verify(
    py: Python<'_>,
    folder: PathBuf,
    n_threads: usize,
    total: u64,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let looked = watched_job(py, progress.as_ref(), total, |counter, stop| -> Result<Looked> {
        if is_of_templates(&folder) {
            let found = verify_templates(&folder, n_threads, counter, stop)?;
            let n_units = found.n_structures_sound;
            return Ok(Looked {
                problems: found.problems,
                warnings: found.warnings,
                n_images: found.n_templates,
                n_units,
            });
        }
        if is_of_likelihoods(&folder) {
            let found = verify_likelihoods(&folder, n_threads, counter, stop)?;
            let n_units = found.n_units_sound;
            return Ok(Looked { problems: found.problems, warnings: found.warnings, n_images: 0, n_units });
        }
        let found = verify_on(&folder, n_threads, counter, stop)?;
        let n_units = found.n_stacks_sound;
        Ok(Looked { problems: found.problems, warnings: found.warnings, n_images: found.n_images, n_units })
    })?;
    let problems: Vec<_> = looked
        .problems
        .iter()
        .map(|problem| {
            let hint = problem.hint.as_ref().map(|hint| hint.said_in(&PythonWords));
            json!({"code": problem.code, "message": problem.message.said_in(&PythonWords), "hint": hint})
        })
        .collect();
    let values = json!({
        "problems": problems,
        "warnings": warnings_as_json(&looked.warnings),
        "n_images": looked.n_images,
        "n_units_sound": looked.n_units,
    });
    serde_json::to_string(&values).map_err(bad_value)
}
