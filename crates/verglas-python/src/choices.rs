//! Words that stand for one of a few choices.

use pyo3::PyResult;
use verglas_formats::mrc::PixelType;

use crate::error::bad_value;

/// What `word` stands for among `choices`.
///
/// # Errors
/// `ValueError` for any other word: ``contrast is `x`, expected `as-stored`, `blob-sign` or `invert` ``.
pub fn choose<T: Copy>(what: &str, word: &str, choices: &[(&str, T)]) -> PyResult<T> {
    if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == word) {
        return Ok(*choice);
    }
    let names: Vec<String> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
    let expected = match names.as_slice() {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        names => names.concat(),
    };
    Err(bad_value(format!("{what} is `{word}`, expected {expected}")))
}

/// The type that NumPy's name stands for.
///
/// # Errors
/// `ValueError` for any other word.
pub fn pixel_type(word: &str) -> PyResult<PixelType> {
    choose("pixel_type", word, &PixelType::ALL.map(|pixel_type| (pixel_type.as_str(), pixel_type)))
}
