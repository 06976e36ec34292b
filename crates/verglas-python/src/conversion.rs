//! A conversion, in the two steps of the library: everything is checked, then everything is written.

use std::path::PathBuf;

use pyo3::prelude::*;
use verglas::{Conversion, Error, Findings};

use crate::error::{bad_value, exception};
use crate::found::Found;
use crate::settings::{InputValues, SettingsValues};
use crate::watch::{watched, watched_job};
use crate::words::warnings_as_json;

/// The findings about an input, and the conversion that can start if nothing is wrong.
#[pyclass(frozen, module = "verglas._native")]
pub struct Preparation {
    conversion: Option<Conversion>,
    found: Found,
}

#[pymethods]
impl Preparation {
    /// Reads the metadata and every image file's header; with `output` checks that it can be written to as well.
    #[new]
    #[pyo3(signature = (input, settings, output = None))]
    fn new(py: Python<'_>, input: InputValues, settings: SettingsValues, output: Option<PathBuf>) -> PyResult<Self> {
        let (input, settings) = (input.into_input()?, settings.into_settings()?);
        watched(py, None, 0, move |_, _| {
            let mut findings = Findings::new();
            let refused = output.map(|output| Conversion::check_output(&output, &settings));
            let prepared = Conversion::prepare_with(input, settings, &mut findings);
            let conversion = match prepared {
                Ok(conversion) => Some(conversion),
                Err(error) => {
                    findings.errors.push(error);
                    None
                }
            };
            // Errors of the folder are reported first, as in the command.
            findings.errors.splice(0..0, refused.and_then(Result::err));
            Self { conversion, found: Found::new(findings) }
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

    /// How many images, image files and stacks there would be; zeros where something is wrong.
    #[getter]
    fn counts(&self) -> (usize, usize, usize) {
        self.conversion
            .as_ref()
            .map_or((0, 0, 0), |conversion| (conversion.n_images(), conversion.n_image_files(), conversion.n_stacks()))
    }

    /// Looks at every pixel; what is wrong joins the errors.
    #[pyo3(signature = (progress = None))]
    fn check_pixels(&self, py: Python<'_>, progress: Option<Py<PyAny>>) -> PyResult<()> {
        let Some(conversion) = &self.conversion else { return Ok(()) };
        let total = conversion.n_images() as u64;
        let found = watched_job(py, progress.as_ref(), total, |counter, stop| conversion.check_pixels(counter, stop))?;
        self.found.with(|findings| {
            findings.errors.extend(found.errors);
            findings.warnings.extend(found.warnings);
        });
        Ok(())
    }

    /// Converts everything and writes it below `output`; returns the summary as JSON. New warnings are added to
    /// the others, however the run ends.
    #[pyo3(signature = (output, progress = None))]
    fn run(&self, py: Python<'_>, output: PathBuf, progress: Option<Py<PyAny>>) -> PyResult<String> {
        let Some(conversion) = &self.conversion else {
            return Err(self.exception().unwrap_or_else(|| exception(&Error::value("nothing to convert"))));
        };
        let total = conversion.n_images() as u64;
        let summary = watched_job(py, progress.as_ref(), total, |counter, stop| {
            let summary = conversion.run_with(&output, counter, stop);
            self.found.with(|findings| findings.warnings.extend(counter.take_warnings()));
            summary
        })?;
        let mut values = serde_json::to_value(&summary).map_err(bad_value)?;
        values["warnings"] = warnings_as_json(&summary.warnings);
        Ok(values.to_string())
    }
}
