//! Writes `.cs` files: new ones from columns, and copies of rows with columns replaced and appended.

use std::io::{Read, Seek, Write};

use super::read::CsReader;
use crate::error::{FormatError, Place, Result};
use crate::npy::{Dtype, Field, Kind, NpyHeader, Record, Scalar};

/// Writes a `.cs` row by row.
///
/// Nothing is buffered here; give it a [`std::io::BufWriter`].
#[derive(Debug)]
pub struct CsWriter<W> {
    writer: W,
    row_bytes: usize,
    missing_rows: u64,
}

impl<W: Write> CsWriter<W> {
    /// Begins a file of `n_rows` rows of the type `record`.
    ///
    /// # Errors
    /// A size that overflows, and what the writer reports.
    pub fn new(mut writer: W, record: Record, n_rows: u64) -> Result<Self> {
        let header = NpyHeader::new(Dtype::Record(record), &[n_rows])?;
        writer.write_all(&header.to_bytes())?;
        Ok(Self { writer, row_bytes: header.dtype().item_bytes(), missing_rows: n_rows })
    }

    /// Writes the bytes of one row.
    ///
    /// # Errors
    /// A number of bytes other than a row's; more rows than were announced; the writer's errors.
    pub fn write_row(&mut self, row: &[u8]) -> Result<()> {
        if row.len() != self.row_bytes {
            let message = format!("a row takes {} bytes, {} are given", self.row_bytes, row.len());
            return Err(FormatError::malformed(Place::File, message));
        }
        let too_many = || FormatError::malformed(Place::File, "more rows are given than were announced");
        self.missing_rows = self.missing_rows.checked_sub(1).ok_or_else(too_many)?;
        self.writer.write_all(row)?;
        Ok(())
    }

    /// Returns the writer, not flushed.
    ///
    /// # Errors
    /// Fewer rows than were announced.
    pub fn finish(self) -> Result<W> {
        match self.missing_rows {
            0 => Ok(self.writer),
            missing => {
                let message = format!("{missing} rows are missing of those announced");
                Err(FormatError::malformed(Place::File, message))
            }
        }
    }
}

/// A column to be written.
#[derive(Debug, Clone, Copy)]
pub struct CsSource<'a> {
    /// The field's name, such as `ctf/df1_A`.
    pub name: &'a str,
    /// The field's shape in one row, empty for a single value.
    pub shape: &'a [usize],
    /// The values of all rows, one row after the other.
    pub values: CsData<'a>,
}

/// The values of a column to be written, in the type that they get in the file.
#[derive(Debug, Clone, Copy)]
pub enum CsData<'a> {
    /// `<f4`.
    F32(&'a [f32]),
    /// `<f8`.
    F64(&'a [f64]),
    /// `<i4`.
    I32(&'a [i32]),
    /// `<i8`.
    I64(&'a [i64]),
    /// `<u4`.
    U32(&'a [u32]),
    /// `<u8`.
    U64(&'a [u64]),
    /// `|b1`.
    Bool(&'a [bool]),
    /// `|S`, as wide as the longest text, at least 1.
    Text(&'a [&'a [u8]]),
}

impl<'a> CsSource<'a> {
    /// A column of single values.
    pub fn new(name: &'a str, values: CsData<'a>) -> Self {
        Self { name, shape: &[], values }
    }

    fn field(&self) -> Field {
        let (kind, item_bytes) = match self.values {
            CsData::F32(_) => (Kind::Float, 4),
            CsData::F64(_) => (Kind::Float, 8),
            CsData::I32(_) => (Kind::Int, 4),
            CsData::I64(_) => (Kind::Int, 8),
            CsData::U32(_) => (Kind::Uint, 4),
            CsData::U64(_) => (Kind::Uint, 8),
            CsData::Bool(_) => (Kind::Bool, 1),
            CsData::Text(texts) => (Kind::Bytes, texts.iter().map(|text| text.len()).fold(1, usize::max)),
        };
        Field::new(self.name, Scalar::little(kind, item_bytes), self.shape)
    }

    fn n_values(&self) -> usize {
        match self.values {
            CsData::F32(values) => values.len(),
            CsData::F64(values) => values.len(),
            CsData::I32(values) => values.len(),
            CsData::I64(values) => values.len(),
            CsData::U32(values) => values.len(),
            CsData::U64(values) => values.len(),
            CsData::Bool(values) => values.len(),
            CsData::Text(values) => values.len(),
        }
    }

    /// Appends the values of one row, `per_row` of them; texts filled up to `item_bytes`.
    fn push_row(&self, index: usize, per_row: usize, item_bytes: usize, row: &mut Vec<u8>) {
        let range = index * per_row..(index + 1) * per_row;
        match self.values {
            CsData::F32(values) => row.extend(values[range].iter().flat_map(|v| v.to_le_bytes())),
            CsData::F64(values) => row.extend(values[range].iter().flat_map(|v| v.to_le_bytes())),
            CsData::I32(values) => row.extend(values[range].iter().flat_map(|v| v.to_le_bytes())),
            CsData::I64(values) => row.extend(values[range].iter().flat_map(|v| v.to_le_bytes())),
            CsData::U32(values) => row.extend(values[range].iter().flat_map(|v| v.to_le_bytes())),
            CsData::U64(values) => row.extend(values[range].iter().flat_map(|v| v.to_le_bytes())),
            CsData::Bool(values) => row.extend(values[range].iter().map(|&v| u8::from(v))),
            CsData::Text(values) => {
                for text in &values[range] {
                    let end = row.len() + item_bytes;
                    row.extend_from_slice(text);
                    row.resize(end, 0);
                }
            }
        }
    }
}

/// Columns that were checked to hold the same number of rows.
struct Columns<'a> {
    sources: &'a [CsSource<'a>],
    fields: Vec<Field>,
}

impl<'a> Columns<'a> {
    fn new(sources: &'a [CsSource<'a>], n_rows: usize) -> Result<Self> {
        let fields: Vec<Field> = sources.iter().map(CsSource::field).collect();
        for (source, field) in sources.iter().zip(&fields) {
            if field.n_values().checked_mul(n_rows) != Some(source.n_values()) {
                let (per_row, found) = (field.n_values(), source.n_values());
                let message = format!("expected {per_row} values for each of {n_rows} rows, found {found} in all");
                return Err(FormatError::malformed(Place::Entry(source.name.to_owned()), message));
            }
        }
        Ok(Self { sources, fields })
    }

    fn push_row(&self, index: usize, row: &mut Vec<u8>) {
        for (source, field) in self.sources.iter().zip(&self.fields) {
            source.push_row(index, field.n_values(), field.dtype.item_bytes(), row);
        }
    }
}

/// Writes a `.cs` of these columns and returns the writer, not flushed.
///
/// # Errors
/// Columns with different numbers of rows, or none; two of one name; what the writer reports.
pub fn write_cs<W: Write>(writer: W, sources: &[CsSource]) -> Result<W> {
    let first = sources.first().map(|source| (source.n_values(), source.field().n_values()));
    let Some((n_values, per_row @ 1..)) = first else {
        return Err(FormatError::malformed(Place::File, "no columns with values are given"));
    };
    let n_rows = n_values / per_row;
    let columns = Columns::new(sources, n_rows)?;
    let mut cs = CsWriter::new(writer, Record::new(columns.fields.clone())?, n_rows as u64)?;
    let mut row = Vec::new();
    for index in 0..n_rows {
        row.clear();
        columns.push_row(index, &mut row);
        cs.write_row(&row)?;
    }
    cs.finish()
}

/// Writes the rows of these numbers (from 0) of another `.cs`, byte by byte as they are, each followed by the values of
/// new columns, and returns the writer, not flushed.
///
/// `sources` hold one row for each of `rows`, in that order.
///
/// # Errors
/// As [`write_cs`] and [`CsReader::for_each_row`]; a new column whose name the file has already.
pub fn append_columns<R: Read + Seek, W: Write>(
    cs: &mut CsReader<R>,
    rows: &[u64],
    sources: &[CsSource],
    writer: W,
) -> Result<W> {
    copy_rows(cs, rows, &[], sources, writer)
}

/// As [`append_columns`], with other values in the columns `replaced`, which the file has.
///
/// # Errors
/// As [`append_columns`]; a column to be replaced that the file has not, or has with another type or shape.
pub fn copy_rows<R: Read + Seek, W: Write>(
    cs: &mut CsReader<R>,
    rows: &[u64],
    replaced: &[CsSource],
    appended: &[CsSource],
    writer: W,
) -> Result<W> {
    let replaced = Columns::new(replaced, rows.len())?;
    let mut places = Vec::with_capacity(replaced.fields.len());
    for field in &replaced.fields {
        let there = cs.field(&field.name)?;
        if (&there.dtype, &there.shape) != (&field.dtype, &field.shape) {
            let message = format!(
                "{} of shape {:?} can't be replaced by {} of shape {:?}",
                there.dtype, there.shape, field.dtype, field.shape
            );
            return Err(FormatError::malformed(Place::Entry(field.name.clone()), message));
        }
        places.push(there.offset);
    }
    let appended = Columns::new(appended, rows.len())?;
    let fields = cs.record().fields().iter().chain(&appended.fields).cloned().collect();
    let mut output = CsWriter::new(writer, Record::new(fields)?, rows.len() as u64)?;
    let (mut bytes, mut values) = (Vec::new(), Vec::new());
    let mut index = 0;
    cs.for_each_row(rows.iter().copied(), |row| {
        bytes.clear();
        bytes.extend_from_slice(row.bytes());
        for ((source, field), &offset) in replaced.sources.iter().zip(&replaced.fields).zip(&places) {
            values.clear();
            source.push_row(index, field.n_values(), field.dtype.item_bytes(), &mut values);
            bytes[offset..offset + values.len()].copy_from_slice(&values);
        }
        appended.push_row(index, &mut bytes);
        index += 1;
        output.write_row(&bytes)
    })?;
    output.finish()
}
