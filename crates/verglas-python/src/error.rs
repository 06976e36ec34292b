//! The library's errors as Python's exceptions: the same text, hints included.

use pyo3::PyErr;
use pyo3::exceptions::{PyBlockingIOError, PyFileNotFoundError, PyKeyboardInterrupt, PyOSError, PyValueError};
use std::path::Path;
use verglas::{Error, ErrorKind};

pyo3::create_exception!(
    verglas,
    FormatError,
    PyValueError,
    "A file's contents break its format's rules, or contradict another file."
);

/// The exception for an error and all that came with it.
pub fn exception(error: &Error) -> PyErr {
    let text = text(error);
    match error.kind() {
        ErrorKind::NotFound => PyFileNotFoundError::new_err(text),
        ErrorKind::Format => FormatError::new_err(text),
        ErrorKind::Value => PyValueError::new_err(text),
        ErrorKind::Io => PyOSError::new_err(text),
        ErrorKind::Busy => PyBlockingIOError::new_err(text),
        ErrorKind::Interrupted => PyKeyboardInterrupt::new_err(text),
    }
}

/// What the command prints, without the word in front of the first error.
fn text(error: &Error) -> String {
    let texts: Vec<String> = flattened(error).into_iter().map(one).collect();
    texts.join("\nerror: ")
}

/// An error and all that came with it.
pub fn flattened(error: &Error) -> Vec<&Error> {
    std::iter::once(error).chain(error.others().iter().flat_map(flattened)).collect()
}

/// One error with its hint.
pub fn one(error: &Error) -> String {
    match error.hint() {
        Some(hint) => format!("{error}\nhint: {hint}"),
        None => error.to_string(),
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
