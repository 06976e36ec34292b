//! Text from files, which need not be UTF-8, as Python's strings.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// Different texts that are remembered: micrographs and groups repeat, image names do not.
const MOST_REMEMBERED: usize = 4096;

/// Makes strings, the same object for a text that comes again.
#[derive(Default)]
pub struct Strings<'t> {
    known: HashMap<&'t [u8], Py<PyAny>>,
}

impl<'t> Strings<'t> {
    /// The string for `text`.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn get(&mut self, py: Python<'_>, text: &'t [u8]) -> PyResult<Py<PyAny>> {
        if let Some(known) = self.known.get(text) {
            return Ok(known.clone_ref(py));
        }
        let string = string(py, text)?.into_any().unbind();
        if self.known.len() < MOST_REMEMBERED {
            self.known.insert(text, string.clone_ref(py));
        }
        Ok(string)
    }
}

/// The string for `text`; bytes that are not UTF-8 become lone surrogates (PEP 383), so that `os.fsencode` gives them
/// back.
///
/// # Errors
/// When memory runs out.
pub fn string<'py>(py: Python<'py>, text: &[u8]) -> PyResult<Bound<'py, PyString>> {
    match std::str::from_utf8(text) {
        Ok(text) => Ok(PyString::new(py, text)),
        Err(_) => PyString::from_encoded_object(&PyBytes::new(py, text), Some(c"utf-8"), Some(c"surrogateescape")),
    }
}
