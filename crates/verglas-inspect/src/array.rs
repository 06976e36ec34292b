//! Plain `.npy` arrays.

use std::io::{BufReader, Read};
use std::path::Path;

use serde::Serialize;
use verglas_core::error::{Error, Result};
use verglas_formats::npy::{Dtype, Kind, NpyArray, NpyHeader};

use super::values::{NumberRange, RangeBuilder};

/// Items that are read at a time.
const ITEMS_PER_BLOCK: u64 = 1 << 16;

/// The contents of a `.npy` file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArrayContents {
    /// NumPy's type, such as `<f8`.
    pub dtype: String,
    /// The extent of each axis; empty for a single item.
    pub shape: Vec<u64>,
    /// Whether the first axis is the fast one.
    pub fortran_order: bool,
    /// How many truth values are true; `None` for other types.
    pub n_true: Option<u64>,
    /// The extent of numbers; `None` for other types.
    #[serde(flatten)]
    pub range: Option<NumberRange>,
}

pub(super) fn inspect_array(path: &Path) -> Result<ArrayContents> {
    let in_file = |error| Error::from_format(path, error);
    let cannot_read = |error| Error::io(format_args!("cannot read `{}`", path.display()), &error);
    let file = verglas_formats::open_regular(path).map_err(cannot_read)?;
    let file_bytes = file.metadata().map_err(cannot_read)?.len();
    let mut reader = BufReader::new(file);
    let header = NpyHeader::read(&mut reader, file_bytes).map_err(in_file)?;
    let held_bytes = file_bytes.saturating_sub(header.header_bytes());
    let is_pickled = matches!(header.dtype(), Dtype::Scalar(scalar) if scalar.kind == Kind::Object);
    if !is_pickled && held_bytes != header.data_bytes() {
        return Err(Error::format(format!(
            "`{}`: an array of {} items of {} bytes takes {} bytes, found {held_bytes}",
            path.display(),
            header.n_items(),
            header.dtype().item_bytes(),
            header.data_bytes()
        ))
        .with_hint("was the file cut while copying?"));
    }
    let mut contents = ArrayContents {
        dtype: header.dtype().to_string(),
        shape: header.shape().to_vec(),
        fortran_order: header.fortran_order(),
        n_true: None,
        range: None,
    };
    let Dtype::Scalar(scalar) = header.dtype() else { return Ok(contents) };
    let (is_number, is_bool) = match (scalar.kind, scalar.item_bytes) {
        (Kind::Float, ..=8) | (Kind::Int | Kind::Uint, _) => (true, false),
        (Kind::Bool, _) => (false, true),
        _ => return Ok(contents),
    };
    let (mut range, mut n_true) = (RangeBuilder::default(), 0);
    let mut n_left = header.n_items();
    while n_left > 0 {
        let n_items = n_left.min(ITEMS_PER_BLOCK);
        let block = read_block(&mut reader, header.dtype(), n_items).map_err(in_file)?;
        n_left -= n_items;
        match scalar.kind {
            Kind::Bool => n_true += block.to_bool().map_err(in_file)?.into_iter().filter(|&flag| flag).count() as u64,
            Kind::Int => block.to_i64().map_err(in_file)?.into_iter().for_each(|value| range.add_int(value)),
            Kind::Uint => block.to_u64().map_err(in_file)?.into_iter().for_each(|value| range.add_uint(value)),
            _ => block.to_f64().map_err(in_file)?.into_iter().for_each(|value| range.add_float(value)),
        }
    }
    contents.range = is_number.then(|| range.finish());
    contents.n_true = is_bool.then_some(n_true);
    Ok(contents)
}

/// The next items of a larger array, as an array of their own.
fn read_block<R: Read>(reader: &mut R, dtype: &Dtype, n_items: u64) -> verglas_formats::Result<NpyArray> {
    let header = NpyHeader::new(dtype.clone(), &[n_items])?.to_bytes();
    let n_bytes = n_items * dtype.item_bytes() as u64;
    NpyArray::read(&mut header.as_slice().chain(reader.take(n_bytes)), header.len() as u64 + n_bytes)
}
