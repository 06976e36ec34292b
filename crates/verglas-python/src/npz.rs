//! `.npz` archives, without unpickling anything.

use std::path::PathBuf;

use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use verglas_formats::npz::NpzReader;
use verglas_formats::{FormatError, Place};

use crate::error::in_file;

/// An array for Python: its NumPy type, its shape, and its bytes.
type PyParts<'py> = (String, Vec<usize>, Bound<'py, PyArray1<u8>>);

/// Reads all arrays of an archive, in its order; an array that says "absent" (a pickled `None`) is `None`.
#[pyfunction]
pub fn read_npz(py: Python<'_>, path: PathBuf) -> PyResult<Vec<(String, Option<PyParts<'_>>)>> {
    let arrays = py.detach(|| {
        let mut npz = NpzReader::open(&path)?;
        let names: Vec<String> = npz.names().map(str::to_owned).collect();
        // All of them are held at once.
        let n_bytes = names.iter().filter_map(|name| npz.size_bytes(name)).fold(0_u64, u64::saturating_add);
        if n_bytes > npz.limit_bytes() {
            let message = format!("arrays of {n_bytes} bytes in all, the limit is {}", npz.limit_bytes());
            return Err(FormatError::malformed(Place::File, message));
        }
        names.into_iter().map(|name| npz.read(&name).map(|array| (name, array))).collect::<Result<Vec<_>, _>>()
    });
    let arrays = arrays.map_err(in_file(&path))?;
    let parts = arrays.into_iter().map(|(name, array)| {
        let is_absent = array.is_none() && !array.is_empty();
        let parts = || (array.dtype().to_string(), array.shape().to_vec(), array.data().to_vec().into_pyarray(py));
        (name, (!is_absent).then(parts))
    });
    Ok(parts.collect())
}
