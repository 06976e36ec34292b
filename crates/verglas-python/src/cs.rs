//! CryoSPARC's `.cs` files as columns.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use numpy::{IntoPyArray, PyReadwriteArray1};
use pyo3::prelude::*;
use verglas_formats::cs::{CsReader, CsText, CsTextBuilder};
use verglas_formats::npy::{Dtype, Field, Kind};

use crate::error::in_file;
use crate::text::string;

/// The head of a `.cs` file; each column is read when it is asked for.
#[pyclass(frozen, module = "verglas._native")]
pub struct CsFile {
    path: PathBuf,
    fields: Vec<Field>,
    n_rows: u64,
}

impl CsFile {
    fn open(&self) -> verglas_formats::Result<CsReader<BufReader<File>>> {
        CsReader::open(&self.path)
    }

    /// Reads the head again, because the file may have changed in between.
    fn field(&self, reader: &CsReader<BufReader<File>>, name: &str) -> verglas_formats::Result<Field> {
        reader.field(name).cloned()
    }
}

fn is_text(field: &Field) -> bool {
    matches!(&field.dtype, Dtype::Scalar(scalar) if matches!(scalar.kind, Kind::Bytes | Kind::Unicode))
}

#[pymethods]
impl CsFile {
    #[new]
    fn new(path: PathBuf) -> PyResult<Self> {
        let reader = CsReader::open(&path).map_err(in_file(&path))?;
        Ok(Self { fields: reader.fields().cloned().collect(), n_rows: reader.n_rows(), path })
    }

    #[getter]
    fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// Name, NumPy type, shape within a row, and whether it is text, of each field.
    #[getter]
    fn fields(&self) -> Vec<(String, String, Vec<usize>, bool)> {
        let fields = self.fields.iter();
        fields.map(|f| (f.name.clone(), f.dtype.to_string(), f.shape.clone(), is_text(f))).collect()
    }

    /// Reads a field's bytes into `out`, row after row, as stored in the file.
    fn read_bytes(&self, py: Python<'_>, name: &str, mut out: PyReadwriteArray1<'_, u8>) -> PyResult<()> {
        let out = out.as_slice_mut()?;
        let read = py.detach(|| {
            let mut reader = self.open()?;
            let field = self.field(&reader, name)?;
            let n_bytes = field.dtype.item_bytes() * field.n_values();
            let mut places = out.chunks_exact_mut(n_bytes.max(1));
            reader.for_each_block(|block| {
                for row in block.rows() {
                    if let (Some(place), Some(bytes)) = (places.next(), row.get(&field)) {
                        place.copy_from_slice(bytes);
                    }
                }
                Ok(())
            })
        });
        read.map_err(in_file(&self.path))
    }

    /// Reads a field of text: for each value which text it is, and the different texts.
    #[allow(clippy::type_complexity)]
    fn read_text<'py>(&self, py: Python<'py>, name: &str) -> PyResult<(Bound<'py, PyAny>, Vec<Bound<'py, PyAny>>)> {
        let read = || -> verglas_formats::Result<CsText> {
            let mut reader = self.open()?;
            let field = self.field(&reader, name)?;
            let mut texts = CsTextBuilder::default();
            reader.for_each_block(|block| block.push_text(&field, &mut texts))?;
            Ok(texts.finish())
        };
        let mut text = py.detach(read).map_err(in_file(&self.path))?;
        let strings = text.texts().map(|text| Ok(string(py, text)?.into_any())).collect::<PyResult<_>>()?;
        Ok((std::mem::take(&mut text.ids).into_pyarray(py).into_any(), strings))
    }
}
