//! Tensors in `.pt` files: the position of their values, for NumPy to map them; and arrays written as such.

use std::path::{Path, PathBuf};

use num_complex::Complex;
use numpy::{PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use verglas::Error;
use verglas_core::atomic::write_atomically;
use verglas_formats::pt::{ElementType, PtElement, PtFile, write_pt};

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

/// An array of a type that results have.
#[derive(FromPyObject)]
pub enum Values<'py> {
    Single(PyReadonlyArrayDyn<'py, f32>),
    Double(PyReadonlyArrayDyn<'py, f64>),
    Whole(PyReadonlyArrayDyn<'py, i64>),
    ComplexSingle(PyReadonlyArrayDyn<'py, Complex<f32>>),
    ComplexDouble(PyReadonlyArrayDyn<'py, Complex<f64>>),
}

/// Writes a C-contiguous array as a `.pt` file, which appears under its name when it is whole.
#[pyfunction]
pub fn write_tensor(py: Python<'_>, path: PathBuf, values: Values<'_>) -> PyResult<()> {
    match values {
        Values::Single(values) => write(py, &path, values.shape(), values.as_slice()?),
        Values::Double(values) => write(py, &path, values.shape(), values.as_slice()?),
        Values::Whole(values) => write(py, &path, values.shape(), values.as_slice()?),
        Values::ComplexSingle(values) => write(py, &path, values.shape(), values.as_slice()?),
        Values::ComplexDouble(values) => write(py, &path, values.shape(), values.as_slice()?),
    }
}

fn write<T: PtElement + Sync>(py: Python<'_>, path: &Path, shape: &[usize], values: &[T]) -> PyResult<()> {
    let shape: Vec<u64> = shape.iter().map(|&side| side as u64).collect();
    let written = py.detach(|| write_atomically(path, |file| write_pt(file, &shape, values)));
    written.map_err(|error| exception(&error))
}
