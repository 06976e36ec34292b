//! From results back to the rows of the metadata.

use std::path::PathBuf;

use pyo3::prelude::*;
use serde_json::json;
use verglas::Findings;
use verglas::export::Export;
use verglas::scoring::{PoseExport, export_likelihood};

use crate::error::exception;
use crate::words::warnings_as_json;

/// What is exported, as the Python modules say it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct ExportValues {
    particles: PathBuf,
    likelihood: Option<PathBuf>,
    structure: String,
    rows: Option<PathBuf>,
    columns: Vec<(String, PathBuf)>,
    output: PathBuf,
    overwrite: bool,
}

/// Writes the rows of chosen images to a new metadata file; returns a summary as JSON.
///
/// # Errors
/// As the library. Warnings that came up before an error are lost with it: they are about a file that is not written.
#[pyfunction]
pub fn export(py: Python<'_>, values: ExportValues) -> PyResult<String> {
    let ExportValues { particles, likelihood, structure, rows, columns, output, overwrite } = values;
    let pose_of = structure.parse().map_err(|error| exception(&error))?;
    let mut findings = Findings::new();
    let exported = py.detach(|| match likelihood {
        Some(likelihood) => {
            let request = PoseExport { particles, likelihood, pose_of, rows, columns, output, overwrite };
            export_likelihood(&request, &mut findings)
        }
        None => {
            let request = Export { folder: particles, source: None, rows, columns, output, overwrite };
            verglas::export::export(&request, &mut findings)
        }
    });
    let exported = exported.map_err(|error| exception(&error))?;
    Ok(json!({"exported": exported, "warnings": warnings_as_json(&findings.warnings)}).to_string())
}
