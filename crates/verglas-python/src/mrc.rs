//! MRC stacks, section by section.

use std::path::PathBuf;

use numpy::{PyArray3, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use verglas::Error;
use verglas::settings::ByteSign;
use verglas_formats::mrc::{Mode0, MrcOptions, MrcStack};

use crate::choices::choose;
use crate::error::{bad_value, exception, in_file};

/// An open MRC file.
#[pyclass(frozen, module = "verglas._native")]
pub struct MrcFile {
    path: PathBuf,
    stack: MrcStack,
}

#[pymethods]
impl MrcFile {
    #[new]
    fn new(py: Python<'_>, path: PathBuf, mode0: &str, stored_as: Option<&str>) -> PyResult<Self> {
        let mode0 = match choose("mode0", mode0)? {
            ByteSign::Signed => Mode0::Signed,
            ByteSign::Unsigned => Mode0::Unsigned,
        };
        let pixel_type = stored_as.map(|name| choose("pixel_type", name)).transpose()?;
        let options = MrcOptions { mode0, pixel_type, ..MrcOptions::default() };
        let stack = py.detach(|| MrcStack::open(&path, &options)).map_err(in_file(&path))?;
        Ok(Self { path, stack })
    }

    /// Sections, rows, columns, as the header claims.
    #[getter]
    fn shape(&self) -> (u64, u64, u64) {
        let header = self.stack.header();
        (header.n_sections, header.n_rows, header.n_columns)
    }

    /// The header.
    #[getter]
    fn header<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let header = self.stack.header();
        let values = PyDict::new(py);
        values.set_item("n_sections", header.n_sections)?;
        values.set_item("n_rows", header.n_rows)?;
        values.set_item("n_columns", header.n_columns)?;
        values.set_item("mode", header.mode.code())?;
        values.set_item("mode_name", header.mode.name())?;
        values.set_item("byte_order", header.byte_order.to_string())?;
        values.set_item("voxel_size_angstrom", header.voxel_size_angstrom.map(|[x, y, z]| (x, y, z)))?;
        values.set_item("space_group", header.space_group)?;
        values.set_item("version", header.version)?;
        values.set_item("has_map_stamp", header.has_map_stamp)?;
        values.set_item("extended_header_bytes", header.extended_header_bytes)?;
        values.set_item("extended_header_type", &header.extended_header_type)?;
        values.set_item("labels", &header.labels)?;
        Ok(values)
    }

    /// Å per pixel along rows' axis (y), then along columns' axis (x).
    #[getter]
    fn pixel_size(&self) -> Option<(f64, f64)> {
        self.stack.header().pixel_size_angstrom.map(|[x, y]| (y, x))
    }

    /// Oddities of the file.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        let path = self.path.display();
        let truncation = self.stack.truncation().map(|truncation| format!("`{path}`: {truncation}"));
        self.stack.warnings().iter().map(|warning| format!("`{path}`: {warning}")).chain(truncation).collect()
    }

    /// Reads `count` sections from number `first` on, from 0: `[count, n_rows, n_columns]`.
    fn read<'py>(&self, py: Python<'py>, first: u64, count: usize) -> PyResult<Bound<'py, PyArray3<f32>>> {
        let end = first.checked_add(count as u64);
        if count > 0 && end.is_none_or(|end| end > self.stack.n_sections_present()) {
            let missing = first.max(self.stack.n_sections_present());
            let error = match self.stack.truncation() {
                Some(truncation) => Error::from_format(&self.path, truncation.to_error()),
                None => Error::value(format!("`{}` holds {} sections", self.path.display(), self.stack.n_sections())),
            };
            return Err(exception(&error.with_detail(format_args!("section {missing} (counted from 0) asked for"))));
        }
        // Both fit: these sections lie within the file.
        let header = self.stack.header();
        let shape = (count, header.n_rows, header.n_columns);
        // NumPy's own array, since it reports when there is no memory.
        let array = py.import("numpy")?.call_method1("empty", (shape, "float32"))?.cast_into::<PyArray3<f32>>()?;
        let mut values = array.try_readwrite().map_err(bad_value)?;
        let pixels = values.as_slice_mut()?;
        py.detach(|| self.stack.read_sections(first, count, pixels, &mut Vec::new())).map_err(in_file(&self.path))?;
        drop(values);
        Ok(array)
    }
}
