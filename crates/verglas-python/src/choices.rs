//! Words that stand for one of a few choices.

use pyo3::PyResult;
use verglas::Choice;

use crate::error::bad_value;

/// What `word` stands for, given as the argument `what`.
///
/// # Errors
/// `ValueError` for a word that stands for nothing: ``contrast is `x`, expected `as-stored`, `blob-sign` or `invert` ``.
pub fn choose<C: Choice>(what: &str, word: &str) -> PyResult<C> {
    C::from_name_of(what, word).map_err(bad_value)
}
