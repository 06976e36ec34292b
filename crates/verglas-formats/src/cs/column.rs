//! Decoded columns.

use std::collections::HashMap;

use crate::error::{FormatError, Place, Result};

/// One field of all rows.
#[derive(Debug, Clone, PartialEq)]
pub struct CsColumn {
    /// The field's name, such as `alignments3D/pose`.
    pub name: String,
    /// The field's shape in one row, empty for a single value.
    pub shape: Vec<usize>,
    /// The values of all rows, one row after the other.
    pub values: CsValues,
}

/// Values in the widest type of their kind.
#[derive(Debug, Clone, PartialEq)]
pub enum CsValues {
    /// Floating point of any size.
    F64(Vec<f64>),
    /// Signed integers of any size.
    I64(Vec<i64>),
    /// Unsigned integers of any size.
    U64(Vec<u64>),
    /// Truth values.
    Bool(Vec<bool>),
    /// Byte strings or unicode.
    Text(CsText),
}

/// Texts of which many are the same: an index for each value, and each text once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CsText {
    /// For each value its place in the table.
    pub ids: Vec<u32>,
    /// The different texts in the order of their first use, without the NULs that fill them up; unicode as UTF-8.
    pub table: Vec<Box<[u8]>>,
}

impl CsText {
    /// The text of value `index`, if there is one.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.table.get(*self.ids.get(index)? as usize).map(AsRef::as_ref)
    }
}

impl CsColumn {
    /// The values as float64, from any real kind; 64-bit integers beyond 2^53 are rounded.
    ///
    /// # Errors
    /// A column of text.
    pub fn into_f64(self) -> Result<Vec<f64>> {
        match self.values {
            CsValues::F64(values) => Ok(values),
            CsValues::I64(values) => Ok(values.into_iter().map(|v| v as f64).collect()),
            CsValues::U64(values) => Ok(values.into_iter().map(|v| v as f64).collect()),
            CsValues::Bool(values) => Ok(values.into_iter().map(|v| f64::from(u8::from(v))).collect()),
            CsValues::Text(_) => Err(self.wrong_type("numbers")),
        }
    }

    /// The values as uint64, from integers.
    ///
    /// # Errors
    /// A column of another kind, and negative values, by row.
    pub fn into_u64(self) -> Result<Vec<u64>> {
        match self.values {
            CsValues::U64(values) => Ok(values),
            CsValues::I64(ref values) => self.converted(values, "is negative"),
            _ => Err(self.wrong_type("integers")),
        }
    }

    /// The values as int64, from integers.
    ///
    /// # Errors
    /// A column of another kind, and values that do not fit, by row.
    pub fn into_i64(self) -> Result<Vec<i64>> {
        match self.values {
            CsValues::I64(values) => Ok(values),
            CsValues::U64(ref values) => self.converted(values, "does not fit int64"),
            _ => Err(self.wrong_type("integers")),
        }
    }

    /// The values as text.
    ///
    /// # Errors
    /// A column of another kind.
    pub fn into_text(self) -> Result<CsText> {
        match self.values {
            CsValues::Text(text) => Ok(text),
            _ => Err(self.wrong_type("text")),
        }
    }

    fn converted<T: Copy + std::fmt::Display, U: TryFrom<T>>(&self, values: &[T], why: &str) -> Result<Vec<U>> {
        let per_row = self.shape.iter().product::<usize>().max(1);
        let convert = |(index, &value): (usize, &T)| {
            U::try_from(value).map_err(|_| self.fault(format!("row {}: the value {value} {why}", index / per_row)))
        };
        values.iter().enumerate().map(convert).collect()
    }

    fn wrong_type(&self, wanted: &str) -> FormatError {
        let found = match self.values {
            CsValues::F64(_) => "floating point",
            CsValues::I64(_) | CsValues::U64(_) => "integers",
            CsValues::Bool(_) => "truth values",
            CsValues::Text(_) => "text",
        };
        self.fault(format!("holds {found}, expected {wanted}"))
    }

    fn fault(&self, message: String) -> FormatError {
        FormatError::malformed(Place::Entry(self.name.clone()), message)
    }
}

/// Collects texts, keeping each once.
#[derive(Debug, Clone, Default)]
pub struct CsTextBuilder {
    ids: Vec<u32>,
    known: HashMap<Box<[u8]>, u32>,
    /// The item that came last, as it stood in the file: rows of one micrograph mostly follow each other.
    last: Option<(Vec<u8>, u32)>,
}

impl CsTextBuilder {
    /// An empty collection with room for `n_values` values.
    pub fn with_capacity(n_values: usize) -> Self {
        Self { ids: Vec::with_capacity(n_values), ..Self::default() }
    }

    /// The texts so far.
    pub fn finish(self) -> CsText {
        let mut texts: Vec<(Box<[u8]>, u32)> = self.known.into_iter().collect();
        texts.sort_unstable_by_key(|&(_, id)| id);
        CsText { ids: self.ids, table: texts.into_iter().map(|(text, _)| text).collect() }
    }

    /// Appends `decode(item)`, where `decode` need not be called if `item` came last as well.
    pub(super) fn push<'a>(&mut self, item: &'a [u8], decode: impl FnOnce(&'a [u8]) -> Result<&'a [u8]>) -> Result<()> {
        if let Some((last, id)) = &self.last
            && last == item
        {
            self.ids.push(*id);
            return Ok(());
        }
        let text = decode(item)?;
        let id = match self.known.get(text) {
            Some(&id) => id,
            None => {
                let id = u32::try_from(self.known.len())
                    .map_err(|_| FormatError::unsupported(Place::File, "more than 2^32 different texts"))?;
                self.known.insert(text.into(), id);
                id
            }
        };
        let (last, last_id) = self.last.get_or_insert_default();
        last.clear();
        last.extend_from_slice(item);
        *last_id = id;
        self.ids.push(id);
        Ok(())
    }
}
