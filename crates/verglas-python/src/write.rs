//! Writes STAR files and MRC stacks, which appear under their names when they are whole.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use numpy::{PyReadonlyArray1, PyReadonlyArray3, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use verglas_core::atomic::write_atomically;
use verglas_formats::mrc::{Mode, MrcLayout, MrcWriter};
use verglas_formats::star::StarWriter;

use crate::error::exception;

/// A column of a block: numbers, or the bytes of texts.
#[derive(FromPyObject)]
pub enum Column<'py> {
    Int(PyReadonlyArray1<'py, i64>),
    Uint(PyReadonlyArray1<'py, u64>),
    Single(PyReadonlyArray1<'py, f32>),
    Double(PyReadonlyArray1<'py, f64>),
    Text(Vec<PyBackedBytes>),
}

/// The same without Python.
enum Values<'a> {
    Int(&'a [i64]),
    Uint(&'a [u64]),
    Single(&'a [f32]),
    Double(&'a [f64]),
    Text(&'a [PyBackedBytes]),
}

/// A block as it comes from Python: name, whether it is a loop, names and values of the columns, all equally long.
type PyBlock<'py> = (String, bool, Vec<(String, Column<'py>)>);

/// Writes a STAR file. Numbers are written with as many digits as tell them from all others of their type.
#[pyfunction]
pub fn write_star(py: Python<'_>, path: PathBuf, blocks: Vec<PyBlock<'_>>) -> PyResult<()> {
    let blocks: Vec<_> = blocks
        .iter()
        .map(|(name, is_loop, columns)| {
            let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
            let values = columns.iter().map(|(_, column)| column.values()).collect::<PyResult<Vec<_>>>();
            Ok((name.as_str(), *is_loop, names, values?))
        })
        .collect::<PyResult<_>>()?;
    let written = py.detach(|| {
        write_atomically(&path, |file| {
            let mut writer = StarWriter::new(BufWriter::new(file));
            for (name, is_loop, names, columns) in &blocks {
                let n_rows = columns.iter().map(Values::len).min().unwrap_or(0);
                let mut row = vec![Vec::new(); columns.len()];
                if *is_loop {
                    writer.start_loop(name, names)?;
                }
                for index in 0..n_rows {
                    for (text, values) in row.iter_mut().zip(columns) {
                        values.put(index, text)?;
                    }
                    if *is_loop {
                        writer.write_row(&row)?;
                    } else {
                        writer.write_pairs(name, &names.iter().zip(&row).collect::<Vec<_>>())?;
                    }
                }
            }
            writer.finish()?;
            Ok(())
        })
    });
    written.map_err(|error| exception(&error))
}

impl Column<'_> {
    fn values(&self) -> PyResult<Values<'_>> {
        Ok(match self {
            Self::Int(array) => Values::Int(array.as_slice()?),
            Self::Uint(array) => Values::Uint(array.as_slice()?),
            Self::Single(array) => Values::Single(array.as_slice()?),
            Self::Double(array) => Values::Double(array.as_slice()?),
            Self::Text(texts) => Values::Text(texts),
        })
    }
}

impl Values<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Int(values) => values.len(),
            Self::Uint(values) => values.len(),
            Self::Single(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Text(texts) => texts.len(),
        }
    }

    /// Puts value `index` into `text`, in place of what is there.
    fn put(&self, index: usize, text: &mut Vec<u8>) -> std::io::Result<()> {
        text.clear();
        match self {
            Self::Int(values) => write!(text, "{}", values[index]),
            Self::Uint(values) => write!(text, "{}", values[index]),
            // As `Debug` writes it: with an exponent where there would be many zeros.
            Self::Single(values) if values[index].is_nan() => text.write_all(b"nan"),
            Self::Single(values) => write!(text, "{:?}", values[index]),
            Self::Double(values) if values[index].is_nan() => text.write_all(b"nan"),
            Self::Double(values) => write!(text, "{:?}", values[index]),
            Self::Text(texts) => text.write_all(&texts[index]),
        }
    }
}

/// Writes images, `[sections, rows, columns]`, as an MRC stack of mode 2.
#[pyfunction]
pub fn write_mrc(
    py: Python<'_>,
    path: PathBuf,
    images: PyReadonlyArray3<'_, f32>,
    pixel_size_angstrom: Option<f64>,
) -> PyResult<()> {
    let side = |axis: usize| images.shape()[axis] as u64;
    let layout = MrcLayout {
        n_columns: side(2),
        n_rows: side(1),
        n_sections: side(0),
        pixel_size_angstrom,
        mode: Mode::Float32,
    };
    let pixels = images.as_slice()?;
    let written = py.detach(|| {
        write_atomically(&path, |file| {
            let mut writer = MrcWriter::new(file.try_clone()?, layout)?;
            writer.write_sections(pixels)?;
            writer.finish()?;
            Ok(())
        })
    });
    written.map_err(|error| exception(&error))
}
