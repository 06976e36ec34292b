//! Findings, as Python's exceptions and texts.

use std::sync::{Mutex, PoisonError};

use pyo3::PyErr;
use verglas::{Error, Findings, Warning};

use crate::error::{exception, flattened, one};
use crate::words::PythonWords;

/// Findings that several threads may read.
#[derive(Default)]
pub struct Found(Mutex<Findings>);

impl Found {
    /// These.
    pub fn new(findings: Findings) -> Self {
        Self(Mutex::new(findings))
    }

    /// Looks at them, or changes them.
    pub fn with<T>(&self, look: impl FnOnce(&mut Findings) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Everything that is wrong, as one exception; `None` where nothing is.
    pub fn exception(&self) -> Option<PyErr> {
        self.with(|findings| Error::all_of(findings.errors.clone()).map(|error| exception(&error)))
    }

    /// Everything that is wrong, one text each.
    pub fn errors(&self) -> Vec<String> {
        self.with(|findings| findings.errors.iter().flat_map(flattened).map(one).collect())
    }

    /// The warnings: code and message.
    pub fn coded_warnings(&self) -> Vec<(&'static str, String)> {
        self.with(|findings| {
            findings.warnings.iter().map(|warning| (warning.code, warning.message.said_in(&PythonWords))).collect()
        })
    }

    /// The notes.
    pub fn notes(&self) -> Vec<String> {
        self.with(|findings| findings.notes.iter().map(|note| note.said_in(&PythonWords)).collect())
    }

    /// The warnings, as the library has them.
    pub fn warnings(&self) -> Vec<Warning> {
        self.with(|findings| findings.warnings.clone())
    }
}
