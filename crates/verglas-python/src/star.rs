//! STAR files as columns.

use std::path::{Path, PathBuf};

use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use verglas_formats::star::value::{parse_f64, parse_i64, parse_u64};
use verglas_formats::star::{Block, BlockKind, Row, StarReader};

use crate::error::in_file;
use crate::text::Strings;

/// A block for Python: name, whether it is a loop, and its columns with their names.
type PyBlock<'py> = (String, bool, Vec<(String, Bound<'py, PyAny>)>);

/// Reads all blocks of a STAR file, columns as arrays of int64, uint64, float64, or strings.
#[pyfunction]
pub fn read_star(py: Python<'_>, path: PathBuf) -> PyResult<Vec<PyBlock<'_>>> {
    let tables = py.detach(|| read_tables(&path)).map_err(in_file(&path))?;
    tables
        .into_iter()
        .map(|(block, columns)| {
            let names = block.columns.into_iter().map(|column| column.name);
            let arrays = columns.into_iter().map(|values| values.into_array(py));
            let columns = names.zip(arrays).map(|(name, array)| Ok((name, array?))).collect::<PyResult<_>>()?;
            Ok((block.name, block.kind == BlockKind::Loop, columns))
        })
        .collect()
}

type Table = (Block, Vec<Values>);

fn read_tables(path: &Path) -> verglas_formats::Result<Vec<Table>> {
    let mut tables = read_pass(path, |_, _| Values::default())?;
    let is_late = |values: &Values| matches!(values, Values::LateText);
    if tables.iter().any(|(_, columns)| columns.iter().any(is_late)) {
        // A column that began with numbers and turned out to be text: it is read again, as it was written.
        let again =
            read_pass(path, |block, column| match tables.get(block).and_then(|(_, columns)| columns.get(column)) {
                Some(Values::LateText) => Values::Text(Texts::default()),
                _ => Values::Passed,
            })?;
        for ((_, columns), (_, texts)) in tables.iter_mut().zip(again) {
            for (values, text) in columns.iter_mut().zip(texts) {
                if is_late(values) {
                    *values = text;
                }
            }
        }
    }
    Ok(tables)
}

/// Reads the file once; `start` says how column k of block b begins.
fn read_pass(path: &Path, start: impl Fn(usize, usize) -> Values) -> verglas_formats::Result<Vec<Table>> {
    let mut reader = StarReader::open(path)?;
    let mut row = Row::new();
    let mut tables: Vec<Table> = Vec::new();
    while let Some(block) = reader.next_block()? {
        let mut columns: Vec<Values> = (0..block.columns.len()).map(|column| start(tables.len(), column)).collect();
        while reader.read_row(&mut row)? {
            for (values, text) in columns.iter_mut().zip(row.values()) {
                values.push(text);
            }
        }
        tables.push((block, columns));
    }
    Ok(tables)
}

/// The values of a column, in the narrowest type that holds all of them.
#[derive(Debug)]
enum Values {
    Int(Vec<i64>),
    /// Some beyond int64, and none negative.
    Uint(Vec<u64>),
    Float(Vec<f64>),
    /// This many values that are not numbers but mark missing ones among numbers.
    Missing(Texts),
    Text(Texts),
    /// Text after numbers, which are not kept as they were written.
    LateText,
    /// Not wanted.
    Passed,
}

/// Texts one after the other, and where each ends.
#[derive(Debug, Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Default for Values {
    fn default() -> Self {
        Self::Missing(Texts::default())
    }
}

/// The possible types of a value.
enum Value {
    Int(i64),
    Uint(u64),
    Float(f64),
    Missing,
    Text,
}

impl Value {
    /// As the Python package `starfile` decides: `<NA>` and an empty text are missing numbers.
    fn of(text: &[u8]) -> Self {
        if let Some(value) = parse_i64(text) {
            return Self::Int(value);
        }
        if let Some(value) = parse_u64(text) {
            return Self::Uint(value);
        }
        match parse_f64(text) {
            Some(value) => Self::Float(value),
            None if text.is_empty() || text == b"<NA>" => Self::Missing,
            None => Self::Text,
        }
    }
}

impl Values {
    fn push(&mut self, text: &[u8]) {
        match self {
            Self::Text(texts) => texts.push(text),
            Self::LateText | Self::Passed => {}
            // The usual case first: a value like all before it.
            Self::Int(values) => match Value::of(text) {
                Value::Int(value) => values.push(value),
                Value::Uint(value) if values.iter().all(|&value| value >= 0) => {
                    let mut wide: Vec<u64> = values.iter().map(|&value| value as u64).collect();
                    wide.push(value);
                    *self = Self::Uint(wide);
                }
                other => self.widen(&other),
            },
            Self::Uint(values) => match Value::of(text) {
                Value::Uint(value) => values.push(value),
                Value::Int(value) if value >= 0 => values.push(value as u64),
                other => self.widen(&other),
            },
            Self::Float(values) => match parse_f64(text) {
                Some(value) => values.push(value),
                None => self.widen(&Value::of(text)),
            },
            Self::Missing(texts) => match Value::of(text) {
                Value::Missing => texts.push(text),
                Value::Text => {
                    let mut texts = std::mem::take(texts);
                    texts.push(text);
                    *self = Self::Text(texts);
                }
                Value::Int(value) if texts.ends.is_empty() => *self = Self::Int(vec![value]),
                Value::Uint(value) if texts.ends.is_empty() => *self = Self::Uint(vec![value]),
                other => self.widen(&other),
            },
        }
    }

    /// Appends a value that makes a column of numbers one of float64 or of text.
    fn widen(&mut self, value: &Value) {
        let number = match *value {
            Value::Int(value) => value as f64,
            Value::Uint(value) => value as f64,
            Value::Float(value) => value,
            Value::Missing => f64::NAN,
            Value::Text => {
                *self = Self::LateText;
                return;
            }
        };
        let mut values = match std::mem::replace(self, Self::Passed) {
            Self::Float(values) => values,
            Self::Int(values) => values.into_iter().map(|value| value as f64).collect(),
            Self::Uint(values) => values.into_iter().map(|value| value as f64).collect(),
            Self::Missing(texts) => vec![f64::NAN; texts.ends.len()],
            Self::Text(_) | Self::LateText | Self::Passed => Vec::new(),
        };
        values.push(number);
        *self = Self::Float(values);
    }

    fn into_array(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(match self {
            Self::Int(values) => values.into_pyarray(py).into_any(),
            Self::Uint(values) => values.into_pyarray(py).into_any(),
            Self::Float(values) => values.into_pyarray(py).into_any(),
            Self::Missing(texts) | Self::Text(texts) => texts.into_array(py)?,
            Self::LateText | Self::Passed => Texts::default().into_array(py)?,
        })
    }
}

impl Texts {
    fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
    }

    fn into_array(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let mut strings = Strings::default();
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let texts = starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end]);
        let objects = texts.map(|text| strings.get(py, text)).collect::<PyResult<Vec<Py<PyAny>>>>()?;
        Ok(PyArray1::from_vec(py, objects).into_any())
    }
}
