//! The library's errors as Python's exceptions: the same text, hints included.

use std::path::Path;

use pyo3::PyErr;
use pyo3::exceptions::{
    PyBlockingIOError, PyFileNotFoundError, PyKeyboardInterrupt, PyMemoryError, PyOSError, PyValueError,
};
use verglas::{Error, ErrorKind};

use crate::words::PythonWords;

pyo3::create_exception!(
    verglas,
    FormatError,
    PyValueError,
    "A file's contents break its format's rules, or contradict another file."
);

/// The exception for an error and all that came with it.
pub fn exception(error: &Error) -> PyErr {
    let text = error.said_in(&PythonWords);
    match error.kind() {
        ErrorKind::NotFound => PyFileNotFoundError::new_err(text),
        ErrorKind::Format => FormatError::new_err(text),
        ErrorKind::Value | ErrorKind::Exists => PyValueError::new_err(text),
        ErrorKind::Io => PyOSError::new_err(text),
        ErrorKind::Busy => PyBlockingIOError::new_err(text),
        ErrorKind::Interrupted => PyKeyboardInterrupt::new_err(text),
        ErrorKind::Memory => PyMemoryError::new_err(text),
    }
}

/// An error and all that came with it.
pub fn flattened(error: &Error) -> Vec<&Error> {
    std::iter::once(error).chain(error.others().iter().flat_map(flattened)).collect()
}

/// One error with its hint.
pub fn one(error: &Error) -> String {
    let message = error.message().said_in(&PythonWords);
    match error.hint() {
        Some(hint) => format!("{message}\nhint: {}", hint.said_in(&PythonWords)),
        None => message,
    }
}

/// The exception for what is wrong with the file at `path`.
pub fn in_file(path: &Path) -> impl Fn(verglas_formats::FormatError) -> PyErr {
    move |error| exception(&Error::from_format(path, error))
}

/// The exception for a value that is out of its range.
pub fn bad_value(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}
