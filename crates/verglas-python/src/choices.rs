//! Arguments with a few possible values.

use std::collections::HashMap;

use pyo3::prelude::*;
use verglas::Choice;
use verglas::descriptor::AtomShape;
use verglas::grid::Precision;
use verglas::scoring::{ContrastSource, TableFormat};
use verglas::settings::{ByteSign, Contrast, DefocusAngleAxis, DownsampleMethod, PixelSizeFrom};
use verglas::simulate::Layout;
use verglas::weights::MatrixAxes;

use crate::error::bad_value;

/// The value for `word`, given as the argument `what`.
///
/// # Errors
/// `ValueError` for an unknown word: ``contrast is `x`, expected `as-stored`, `blob-sign` or `invert` ``.
pub fn choose<C: Choice>(what: &str, word: &str) -> PyResult<C> {
    C::from_name_of(what, word).map_err(bad_value)
}

/// The words that arguments accept, by the argument's name: the package's type hints must list these.
#[pyfunction]
pub fn choice_names() -> HashMap<&'static str, Vec<&'static str>> {
    fn names<C: Choice>() -> Vec<&'static str> {
        C::ALL.iter().map(|choice| choice.name()).collect()
    }
    HashMap::from([
        ("pixel_size_from", names::<PixelSizeFrom>()),
        ("contrast", names::<Contrast>()),
        ("mode0", names::<ByteSign>()),
        ("defocus_angle_axis", names::<DefocusAngleAxis>()),
        ("downsample_type", names::<DownsampleMethod>()),
        ("layout", names::<Layout>()),
        ("ctf", names::<ContrastSource>()),
        ("table", names::<TableFormat>()),
        ("precision", names::<Precision>()),
        ("atom_shape", names::<AtomShape>()),
        ("matrix_axes", names::<MatrixAxes>()),
    ])
}
