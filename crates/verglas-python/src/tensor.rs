//! Where a tensor's values lie in a `.pt` file, for NumPy to map them.

use std::path::PathBuf;

use pyo3::prelude::*;
use verglas::Error;
use verglas_formats::pt::{ElementType, PtFile};

use crate::error::{exception, in_file};

/// A tensor's NumPy type, shape, strides in bytes, and the offset of its first value in the file.
type Layout = (String, Vec<u64>, Vec<u64>, u64);

/// Reads the description of the one tensor in a `.pt` file.
#[pyfunction]
pub fn tensor_layout(py: Python<'_>, path: PathBuf) -> PyResult<Layout> {
    let file = py.detach(|| PtFile::open(&path)).map_err(in_file(&path))?;
    let tensor = file.tensor();
    let element = tensor.element_type();
    let letter = match element {
        ElementType::Float16 | ElementType::Float32 | ElementType::Float64 => 'f',
        ElementType::Complex64 | ElementType::Complex128 => 'c',
        ElementType::Int64 | ElementType::Int32 | ElementType::Int16 | ElementType::Int8 => 'i',
        ElementType::Uint8 => 'u',
        ElementType::Bool => 'b',
        ElementType::BFloat16 => {
            let message = format!("`{}`: a tensor of type bfloat16, which NumPy has not", path.display());
            return Err(exception(&Error::format(message)));
        }
    };
    let order = if file.is_big_endian() { '>' } else { '<' };
    let strides = tensor.strides().iter().map(|stride| stride.saturating_mul(element.bytes())).collect();
    Ok((format!("{order}{letter}{}", element.bytes()), tensor.shape().to_vec(), strides, file.data_offset()))
}
