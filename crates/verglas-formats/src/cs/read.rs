//! Reads `.cs` files in blocks of rows.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::block::{CsBlock, CsRow};
use super::column::{CsColumn, CsTextBuilder, CsValues};
use super::kind::{MAX_CSG_BYTES, not_numpy};
use crate::error::{FormatError, Place, Result};
use crate::npy::{Dtype, Field, Kind, NPY_MAGIC, NpyHeader, Record, Scalar};
use crate::open::open_regular;

/// Rows are read in blocks of about this size, which stays in the processor's cache while its fields are decoded.
const BLOCK_BYTES: usize = 512 << 10;

/// A `.cs` file that is open for reading.
#[derive(Debug)]
pub struct CsReader<R = BufReader<File>> {
    reader: R,
    record: Record,
    row_bytes: usize,
    n_rows: u64,
    data_offset: u64,
    trailing_bytes: u64,
}

impl CsReader {
    /// Opens the `.cs` at `path`.
    ///
    /// # Errors
    /// As [`CsReader::new`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::new(BufReader::new(open_regular(path)?))
    }
}

impl<R: Read + Seek> CsReader<R> {
    /// Opens the `.cs` that takes up all of `reader`, and reads its header.
    ///
    /// # Errors
    /// [`FormatError::Unsupported`] for the CSDAT encoding, `.csg` groups (naming their files), `.npz`, STAR and other
    /// text, arrays that are not of records, have other than one axis, are in Fortran order or hold objects;
    /// [`FormatError::Malformed`] for other bytes, and for fewer rows than the header claims.
    pub fn new(mut reader: R) -> Result<Self> {
        let len = reader.seek(SeekFrom::End(0))?;
        reader.seek(SeekFrom::Start(0))?;
        let mut start = Vec::new();
        (&mut reader).take(NPY_MAGIC.len() as u64).read_to_end(&mut start)?;
        if start != NPY_MAGIC {
            (&mut reader).take(MAX_CSG_BYTES).read_to_end(&mut start)?;
            return Err(not_numpy(&start));
        }
        reader.seek(SeekFrom::Start(0))?;
        let header = NpyHeader::read(&mut reader, len)?;
        let record = record_of(&header)?;
        let (row_bytes, n_rows) = (header.dtype().item_bytes(), header.n_items());
        let data_offset = header.header_bytes();
        let held_bytes = len.saturating_sub(data_offset);
        let Some(trailing_bytes) = held_bytes.checked_sub(header.data_bytes()) else {
            let message = format!(
                "the header claims {n_rows} rows of {row_bytes} bytes, {} bytes from byte {data_offset}; found {held_bytes} \
                 bytes, which hold {} whole rows",
                header.data_bytes(),
                held_bytes / row_bytes as u64
            );
            return Err(FormatError::malformed(Place::Byte(len), message)
                .with_hint("the file was cut while copying, or is still being written"));
        };
        Ok(Self { reader, record, row_bytes, n_rows, data_offset, trailing_bytes })
    }

    /// Rows in the file.
    pub fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// Bytes of one row.
    pub fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// Bytes that follow the last row; NumPy ignores them.
    pub fn trailing_bytes(&self) -> u64 {
        self.trailing_bytes
    }

    /// The rows' type, padding included: what a file with the same rows has.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The fields in the order of the file, without padding.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.record.fields().iter().filter(|field| !field.is_padding())
    }

    /// Whether there is a field called `name`.
    pub fn has(&self, name: &str) -> bool {
        self.fields().any(|field| field.name == name)
    }

    /// The field called `name`.
    ///
    /// # Errors
    /// No such field; the message lists those that are there.
    pub fn field(&self, name: &str) -> Result<&Field> {
        self.fields().find(|field| field.name == name).ok_or_else(|| {
            let held: Vec<&str> = self.fields().map(|field| field.name.as_str()).collect();
            let message = format!("no such field, the file holds {}", held.join(", "));
            FormatError::malformed(Place::Entry(name.to_owned()), message)
        })
    }

    /// Decodes the fields called `names`, in that order, going through the file once.
    ///
    /// Takes the memory of the decoded columns and of one block.
    ///
    /// # Errors
    /// A name that is not there; a field of times, complex numbers, long doubles or records; text that is not Unicode.
    pub fn read_columns(&mut self, names: &[&str]) -> Result<Vec<CsColumn>> {
        let fields = names.iter().map(|name| self.field(name).cloned()).collect::<Result<Vec<Field>>>()?;
        let mut builders =
            fields.iter().map(|field| Builder::new(field, self.n_rows)).collect::<Result<Vec<Builder>>>()?;
        self.for_each_block(|block| {
            fields.iter().zip(&mut builders).try_for_each(|(field, builder)| builder.extend(field, block))
        })?;
        let columns = fields.into_iter().zip(builders).map(|(field, builder)| CsColumn {
            name: field.name,
            shape: field.shape,
            values: builder.finish(),
        });
        Ok(columns.collect())
    }

    /// Gives all rows to `visit`, in blocks, in the order of the file.
    ///
    /// # Errors
    /// The errors of the reader and of `visit`.
    pub fn for_each_block(&mut self, mut visit: impl FnMut(&CsBlock) -> Result<()>) -> Result<()> {
        let mut buffer = Vec::new();
        let mut first_row = 0;
        while first_row < self.n_rows {
            let n_rows = (self.n_rows - first_row).min(self.rows_per_block());
            visit(&self.read_block(first_row, n_rows, &mut buffer)?)?;
            first_row += n_rows;
        }
        Ok(())
    }

    /// Gives the rows of these numbers (from 0) to `visit`, in the order given; rows that follow each other are read at once.
    ///
    /// # Errors
    /// A number past the last row; what the reader and `visit` report.
    pub fn for_each_row(
        &mut self,
        rows: impl IntoIterator<Item = u64>,
        mut visit: impl FnMut(CsRow) -> Result<()>,
    ) -> Result<()> {
        let mut buffer = Vec::new();
        let mut rows = rows.into_iter().peekable();
        while let Some(first_row) = rows.next() {
            if first_row >= self.n_rows {
                let message = format!("row {first_row} asked for, the file holds {} rows", self.n_rows);
                return Err(FormatError::malformed(Place::File, message));
            }
            let most = self.rows_per_block().min(self.n_rows - first_row);
            let mut n_rows = 1;
            while n_rows < most && rows.next_if_eq(&(first_row + n_rows)).is_some() {
                n_rows += 1;
            }
            self.read_block(first_row, n_rows, &mut buffer)?.rows().try_for_each(&mut visit)?;
        }
        Ok(())
    }

    fn rows_per_block(&self) -> u64 {
        (BLOCK_BYTES / self.row_bytes).max(1) as u64
    }

    /// Rows that exist: `new` compared the header's claim with the file's length.
    fn read_block<'a>(&mut self, first_row: u64, n_rows: u64, buffer: &'a mut Vec<u8>) -> Result<CsBlock<'a>> {
        self.reader.seek(SeekFrom::Start(self.data_offset + first_row * self.row_bytes as u64))?;
        buffer.resize(n_rows as usize * self.row_bytes, 0);
        self.reader.read_exact(buffer)?;
        Ok(CsBlock { first_row, row_bytes: self.row_bytes, bytes: buffer })
    }
}

/// The rows' type, of an array that can be a `.cs`.
fn record_of(header: &NpyHeader) -> Result<Record> {
    let unsupported = |message: String| Err(FormatError::unsupported(Place::File, message));
    let record = match header.dtype() {
        Dtype::Record(record) => record,
        Dtype::Scalar(scalar) => {
            return unsupported(format!("a plain NumPy array of type {scalar}, expected an array of records"));
        }
    };
    if header.shape().len() != 1 {
        return unsupported(format!("an array of {} axes, expected one of rows", header.shape().len()));
    }
    if header.fortran_order() {
        return unsupported("an array in Fortran order, expected one of rows".into());
    }
    if let Some(field) = record.fields().iter().find(|field| holds_objects(&field.dtype)) {
        return unsupported(format!(
            "its field `{}` holds pickled Python objects, so all rows are pickled",
            field.name
        ));
    }
    if header.dtype().item_bytes() == 0 {
        return Err(FormatError::malformed(Place::File, "rows of 0 bytes"));
    }
    Ok(record.clone())
}

fn holds_objects(dtype: &Dtype) -> bool {
    match dtype {
        Dtype::Scalar(scalar) => scalar.kind == Kind::Object,
        Dtype::Record(record) => record.fields().iter().any(|field| holds_objects(&field.dtype)),
    }
}

/// A column that is being filled.
enum Builder {
    F64(Vec<f64>),
    I64(Vec<i64>),
    U64(Vec<u64>),
    Bool(Vec<bool>),
    Text(CsTextBuilder),
}

impl Builder {
    fn new(field: &Field, n_rows: u64) -> Result<Self> {
        // Each value takes a byte in the file at least, or is the only one of its row: memory follows the file's length.
        let n_values = (n_rows as usize).saturating_mul(field.n_values());
        let Dtype::Scalar(Scalar { kind, .. }) = &field.dtype else {
            return Err(unreadable(field));
        };
        match kind {
            Kind::Float => Ok(Self::F64(Vec::with_capacity(n_values))),
            Kind::Int => Ok(Self::I64(Vec::with_capacity(n_values))),
            Kind::Uint => Ok(Self::U64(Vec::with_capacity(n_values))),
            Kind::Bool => Ok(Self::Bool(Vec::with_capacity(n_values))),
            Kind::Bytes | Kind::Unicode => Ok(Self::Text(CsTextBuilder::with_capacity(n_values))),
            Kind::Complex | Kind::Object | Kind::Void | Kind::Timedelta | Kind::Datetime => Err(unreadable(field)),
        }
    }

    fn extend(&mut self, field: &Field, block: &CsBlock) -> Result<()> {
        match self {
            Self::F64(values) => block.push_f64(field, values),
            Self::I64(values) => block.push_i64(field, values),
            Self::U64(values) => block.push_u64(field, values),
            Self::Bool(values) => block.push_bool(field, values),
            Self::Text(texts) => block.push_text(field, texts),
        }
    }

    fn finish(self) -> CsValues {
        match self {
            Self::F64(values) => CsValues::F64(values),
            Self::I64(values) => CsValues::I64(values),
            Self::U64(values) => CsValues::U64(values),
            Self::Bool(values) => CsValues::Bool(values),
            Self::Text(texts) => CsValues::Text(texts.finish()),
        }
    }
}

fn unreadable(field: &Field) -> FormatError {
    let message = format!("a field of type {}, expected numbers, truth values or text", field.dtype);
    FormatError::unsupported(Place::Entry(field.name.clone()), message)
}
