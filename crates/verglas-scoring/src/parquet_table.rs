//! `results.parquet`: the rows and columns of `results.csv` with types, and nulls where that has nothing.
//!
//! Rows are gathered in groups, so what is held does not depend on their number.

use std::io::{self, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use parquet::basic::{LogicalType, Repetition, Type as PhysicalType};
use parquet::column::reader::get_typed_column_reader;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use verglas_core::atomic::cannot_write;
use verglas_core::error::{Error, Result};

use crate::checksummed::Checksummed;
use crate::column::ColumnType;
use crate::number::Number;
use crate::row::{Cell, Row, Value, columns};

/// Rows of a group: some 12 MiB.
const GROUP_ROWS: usize = 1 << 16;

/// The table, being written.
pub(crate) struct ParquetTable<T> {
    writer: SerializedFileWriter<Kept>,
    path: PathBuf,
    /// What the system refused to write, by its number.
    refused: Arc<OnceLock<i32>>,
    columns: Vec<Column>,
    n_rows: usize,
    precision: PhantomData<T>,
}

/// The values of a column in the rows that were gathered.
struct Column {
    values: Values,
    /// 1 where there is a value, 0 where there is none.
    levels: Vec<i16>,
}

enum Values {
    Whole(Vec<i64>),
    Text(Vec<ByteArray>),
    Single(Vec<f32>),
    Double(Vec<f64>),
    Truth(Vec<bool>),
}

/// The type of a column, in a table of this precision.
fn schema_of(name: &str, of: ColumnType, is_single: bool) -> std::result::Result<Type, ParquetError> {
    let (physical, logical) = match of {
        ColumnType::Whole => (PhysicalType::INT64, None),
        ColumnType::Identity => (PhysicalType::INT64, Some(LogicalType::integer(64, false))),
        ColumnType::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnType::Real if is_single => (PhysicalType::FLOAT, None),
        ColumnType::Real | ColumnType::Double => (PhysicalType::DOUBLE, None),
        ColumnType::Truth => (PhysicalType::BOOLEAN, None),
    };
    Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

fn is_single<T: Number>() -> bool {
    size_of::<T>() == 4
}

impl<T: Number> ParquetTable<T> {
    /// Starts the table, of right likelihoods or others.
    ///
    /// # Errors
    /// When it can't be written.
    pub(crate) fn start(file: Checksummed, right: bool) -> Result<Self> {
        let (path, columns) = (file.path().to_owned(), columns(right));
        let refused = Arc::new(OnceLock::new());
        let file = Kept { file, refused: Arc::clone(&refused) };
        let start = || {
            let fields: std::result::Result<Vec<_>, _> =
                columns.iter().map(|&(name, of)| schema_of(name, of, is_single::<T>()).map(Arc::new)).collect();
            let schema = Type::group_type_builder("results").with_fields(fields?).build()?;
            SerializedFileWriter::new(file, Arc::new(schema), Arc::new(WriterProperties::builder().build()))
        };
        let writer = start().map_err(|error| not_written(&path, error, None))?;
        let columns = columns.iter().map(|&(_, of)| Column::new(of, is_single::<T>())).collect();
        Ok(Self { writer, path, refused, columns, n_rows: 0, precision: PhantomData })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn write(&mut self, row: Row<T>) -> Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(row.into_cells()) {
            column.push(cell);
        }
        self.n_rows += 1;
        if self.n_rows == GROUP_ROWS {
            self.write_group()?;
        }
        Ok(())
    }

    /// Writes what was gathered.
    fn write_group(&mut self) -> Result<()> {
        let mut write = || {
            let mut group = self.writer.next_row_group()?;
            for column in &self.columns {
                let Some(mut writer) = group.next_column()? else { break };
                column.write(writer.untyped())?;
                writer.close()?;
            }
            group.close().map(|_| ())
        };
        write().map_err(|error| not_written(&self.path, error, self.refused.get()))?;
        self.columns.iter_mut().for_each(Column::clear);
        self.n_rows = 0;
        Ok(())
    }

    /// The whole file.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn finish(mut self) -> Result<Checksummed> {
        if self.n_rows > 0 {
            self.write_group()?;
        }
        let kept = self.writer.into_inner().map_err(|error| not_written(&self.path, error, self.refused.get()))?;
        Ok(kept.file)
    }
}

/// A file that keeps the number of what the system refused: at the end of a table, only words of it come back.
struct Kept {
    file: Checksummed,
    refused: Arc<OnceLock<i32>>,
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        let refused = written.as_ref().err().filter(|error| error.kind() != io::ErrorKind::Interrupted);
        if let Some(number) = refused.and_then(io::Error::raw_os_error) {
            self.refused.get_or_init(|| number);
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Column {
    fn new(of: ColumnType, is_single: bool) -> Self {
        let values = match of {
            ColumnType::Whole | ColumnType::Identity => Values::Whole(Vec::new()),
            ColumnType::Text => Values::Text(Vec::new()),
            ColumnType::Real if is_single => Values::Single(Vec::new()),
            ColumnType::Real | ColumnType::Double => Values::Double(Vec::new()),
            ColumnType::Truth => Values::Truth(Vec::new()),
        };
        Self { values, levels: Vec::new() }
    }

    fn push<T: Number>(&mut self, cell: Cell<T>) {
        match (&mut self.values, cell) {
            (Values::Whole(values), Cell::Whole(value)) => values.push(value),
            // The same bits; the column's type says that they have no sign.
            (Values::Whole(values), Cell::Identity(value)) => values.push(value as i64),
            (Values::Text(values), Cell::Text(text)) => values.push(text.into_bytes().into()),
            (Values::Single(values), Cell::Real(value)) => values.push(value.to_f64() as f32),
            (Values::Double(values), Cell::Real(value)) => values.push(value.to_f64()),
            (Values::Double(values), Cell::Double(value)) => values.push(value),
            (Values::Truth(values), Cell::Truth(value)) => values.push(value),
            (_, cell) => {
                debug_assert!(matches!(cell, Cell::Empty));
                self.levels.push(0);
                return;
            }
        }
        self.levels.push(1);
    }

    fn write(&self, writer: &mut ColumnWriter<'_>) -> std::result::Result<(), ParquetError> {
        let levels = Some(self.levels.as_slice());
        let written = match (writer, &self.values) {
            (ColumnWriter::Int64ColumnWriter(writer), Values::Whole(values)) => {
                writer.write_batch(values, levels, None)
            }
            (ColumnWriter::ByteArrayColumnWriter(writer), Values::Text(values)) => {
                writer.write_batch(values, levels, None)
            }
            (ColumnWriter::FloatColumnWriter(writer), Values::Single(values)) => {
                writer.write_batch(values, levels, None)
            }
            (ColumnWriter::DoubleColumnWriter(writer), Values::Double(values)) => {
                writer.write_batch(values, levels, None)
            }
            (ColumnWriter::BoolColumnWriter(writer), Values::Truth(values)) => writer.write_batch(values, levels, None),
            _ => Err(ParquetError::General("a column of another type than its values".to_owned())),
        };
        written.map(|_| ())
    }

    fn clear(&mut self) {
        self.levels.clear();
        match &mut self.values {
            Values::Whole(values) => values.clear(),
            Values::Text(values) => values.clear(),
            Values::Single(values) => values.clear(),
            Values::Double(values) => values.clear(),
            Values::Truth(values) => values.clear(),
        }
    }
}

fn not_written(path: &Path, error: ParquetError, refused: Option<&i32>) -> Error {
    match refused {
        Some(&refused) => cannot_write(path, &io::Error::from_raw_os_error(refused)),
        None => Error::format(format!("cannot write `{}`: {error}", path.display())),
    }
}

/// The table, being read: group by group.
pub(crate) struct ParquetRows {
    reader: SerializedFileReader<std::fs::File>,
    path: PathBuf,
    /// The group that is read next.
    group: usize,
    types: Vec<ColumnType>,
    /// The values of the group that was read last.
    columns: Vec<Vec<Option<Value>>>,
    /// The row of it that is taken next.
    row: usize,
}

impl ParquetRows {
    /// Opens the table at `path`.
    ///
    /// # Errors
    /// When it can't be read, or has other columns.
    pub(crate) fn open(path: &Path, right: bool) -> Result<Self> {
        let expected = columns(right);
        let file = verglas_formats::open_regular(path)
            .map_err(|error| Error::io(format_args!("cannot read `{}`", path.display()), &error))?;
        let reader = SerializedFileReader::new(file).map_err(|error| not_read(path, &error))?;
        let schema = reader.metadata().file_metadata().schema_descr();
        if !schema.columns().iter().map(|column| column.name()).eq(expected.iter().map(|(name, _)| *name)) {
            return Err(Error::format(format!("`{}` has other columns than `results.csv`", path.display())));
        }
        let types: Vec<ColumnType> = expected.iter().map(|(_, of)| *of).collect();
        let columns = vec![Vec::new(); types.len()];
        Ok(Self { reader, path: path.to_owned(), group: 0, types, columns, row: 0 })
    }

    /// The value of each column in the next row.
    ///
    /// # Errors
    /// When it can't be read.
    pub(crate) fn next_row(&mut self) -> Result<Option<Vec<Option<Value>>>> {
        while self.columns.first().is_none_or(|column| column.len() <= self.row) {
            if self.group == self.reader.num_row_groups() {
                return Ok(None);
            }
            self.read_group().map_err(|error| not_read(&self.path, &error))?;
            self.group += 1;
            self.row = 0;
        }
        let row = self.columns.iter_mut().map(|column| column.get_mut(self.row).and_then(Option::take)).collect();
        self.row += 1;
        Ok(Some(row))
    }

    fn read_group(&mut self) -> std::result::Result<(), ParquetError> {
        let group = self.reader.get_row_group(self.group)?;
        for (at, column) in self.columns.iter_mut().enumerate() {
            *column = match group.metadata().column(at).column_type() {
                PhysicalType::INT64 if self.types[at] == ColumnType::Identity => {
                    read_column::<Int64Type>(&*group, at, |&value| Value::Number(value as u64 as f64))?
                }
                PhysicalType::INT64 => read_column::<Int64Type>(&*group, at, |&value| Value::Number(value as f64))?,
                PhysicalType::FLOAT => read_column::<FloatType>(&*group, at, |&value| Value::Number(f64::from(value)))?,
                PhysicalType::DOUBLE => read_column::<DoubleType>(&*group, at, |&value| Value::Number(value))?,
                PhysicalType::BOOLEAN => {
                    read_column::<BoolType>(&*group, at, |&value| Value::Number(f64::from(u8::from(value))))?
                }
                PhysicalType::BYTE_ARRAY => read_column::<ByteArrayType>(&*group, at, |value| {
                    Value::Text(String::from_utf8_lossy(value.data()).into_owned())
                })?,
                other => return Err(ParquetError::General(format!("a column of type {other}"))),
            };
        }
        Ok(())
    }
}

/// A column of a group, with nothing where there is nothing.
fn read_column<D: DataType>(
    group: &dyn RowGroupReader,
    at: usize,
    value_of: impl Fn(&D::T) -> Value,
) -> std::result::Result<Vec<Option<Value>>, ParquetError> {
    let n_rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    let mut reader = get_typed_column_reader::<D>(group.get_column_reader(at)?);
    let (mut levels, mut values, mut n_read) = (Vec::new(), Vec::new(), 0);
    while n_read < n_rows {
        let (n, ..) = reader.read_records(n_rows - n_read, Some(&mut levels), None, &mut values)?;
        if n == 0 {
            return Err(ParquetError::General(format!("{n_rows} rows expected, {n_read} found")));
        }
        n_read += n;
    }
    let mut values = values.iter();
    Ok(levels.iter().map(|&level| if level == 1 { values.next().map(&value_of) } else { None }).collect())
}

fn not_read(path: &Path, error: &ParquetError) -> Error {
    Error::format(format!("cannot read `{}`: {error}", path.display()))
}
