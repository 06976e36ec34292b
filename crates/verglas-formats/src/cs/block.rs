//! Rows as stored in the file.

use super::column::CsTextBuilder;
use crate::error::{FormatError, Place, Result};
use crate::npy::{Dtype, Field, Scalar, push_bool, push_f64, push_i64, push_u64, text_of};

/// Some rows that follow each other in the file.
#[derive(Debug, Clone, Copy)]
pub struct CsBlock<'a> {
    pub(super) first_row: u64,
    pub(super) row_bytes: usize,
    pub(super) bytes: &'a [u8],
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct CsRow<'a> {
    index: u64,
    bytes: &'a [u8],
}

impl<'a> CsRow<'a> {
    /// Its number in the file, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// All its bytes, to be written elsewhere as they are.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes of `field`; none if it reaches past the row, so is not of this file.
    pub fn get(&self, field: &Field) -> Option<&'a [u8]> {
        let n_bytes = field.dtype.item_bytes().checked_mul(field.n_values())?;
        self.bytes.get(field.offset..field.offset.checked_add(n_bytes)?)
    }
}

impl<'a> CsBlock<'a> {
    /// The number of its first row in the file, from 0.
    pub fn first_row(&self) -> u64 {
        self.first_row
    }

    /// Rows in it.
    pub fn n_rows(&self) -> usize {
        self.bytes.len() / self.row_bytes
    }

    /// Its rows.
    pub fn rows(&self) -> impl Iterator<Item = CsRow<'a>> {
        (self.first_row..).zip(self.bytes.chunks_exact(self.row_bytes)).map(|(index, bytes)| CsRow { index, bytes })
    }

    /// Appends a field's values as float64, from any real kind.
    ///
    /// # Errors
    /// A field of another kind, or of another file.
    pub fn push_f64(&self, field: &Field, values: &mut Vec<f64>) -> Result<()> {
        let (scalar, items) = self.items(field)?;
        push_f64(scalar, items, values).map_err(|error| in_field(field, error))
    }

    /// Appends a field's values as int64, from any integers.
    ///
    /// # Errors
    /// As [`CsBlock::push_f64`]; a value that does not fit.
    pub fn push_i64(&self, field: &Field, values: &mut Vec<i64>) -> Result<()> {
        let (scalar, items) = self.items(field)?;
        push_i64(scalar, items, values).map_err(|error| in_field(field, error))
    }

    /// Appends a field's values as uint64, from any integers.
    ///
    /// # Errors
    /// As [`CsBlock::push_f64`]; a value that does not fit.
    pub fn push_u64(&self, field: &Field, values: &mut Vec<u64>) -> Result<()> {
        let (scalar, items) = self.items(field)?;
        push_u64(scalar, items, values).map_err(|error| in_field(field, error))
    }

    /// Appends a field's truth values.
    ///
    /// # Errors
    /// As [`CsBlock::push_f64`].
    pub fn push_bool(&self, field: &Field, values: &mut Vec<bool>) -> Result<()> {
        let (scalar, items) = self.items(field)?;
        push_bool(scalar, items, values).map_err(|error| in_field(field, error))
    }

    /// Appends a field's texts.
    ///
    /// # Errors
    /// As [`CsBlock::push_f64`]; code points that are not characters, by row.
    pub fn push_text(&self, field: &Field, texts: &mut CsTextBuilder) -> Result<()> {
        let (scalar, items) = self.items(field)?;
        let per_row = field.n_values().max(1);
        let mut recoded = Vec::new();
        // Items without bytes are in no slice of the row: there is one at most (`Field`), an empty text.
        let n_empty = if scalar.item_bytes == 0 { self.n_rows() * field.n_values() } else { 0 };
        for (index, item) in items.chain(std::iter::repeat_n(&[][..], n_empty)).enumerate() {
            let pushed = texts.push(item, |item| text_of(scalar, item, &mut recoded));
            pushed.map_err(|error| match in_field(field, error) {
                FormatError::Malformed(mut fault) => {
                    fault.message = format!("row {}: {}", self.first_row + (index / per_row) as u64, fault.message);
                    FormatError::Malformed(fault)
                }
                other => other,
            })?;
        }
        Ok(())
    }

    /// A field's type and its values' bytes, row after row.
    fn items<'f>(&self, field: &'f Field) -> Result<(&'f Scalar, impl Iterator<Item = &'a [u8]> + use<'a>)> {
        let wrong = |message: &str| FormatError::unsupported(Place::Entry(field.name.clone()), message);
        let Dtype::Scalar(scalar) = &field.dtype else {
            return Err(wrong("a field of records within the record, expected values"));
        };
        let n_bytes = scalar.item_bytes.checked_mul(field.n_values());
        let end = n_bytes.and_then(|n_bytes| field.offset.checked_add(n_bytes)).filter(|&end| end <= self.row_bytes);
        let end = end.ok_or_else(|| wrong("a field of another file: it reaches past the row"))?;
        let (start, item_bytes) = (field.offset, scalar.item_bytes.max(1));
        let rows = self.bytes.chunks_exact(self.row_bytes);
        Ok((scalar, rows.flat_map(move |row| row[start..end].chunks_exact(item_bytes))))
    }
}

/// An error about a field: names it.
fn in_field(field: &Field, mut error: FormatError) -> FormatError {
    if let FormatError::Malformed(fault) | FormatError::Unsupported(fault) = &mut error {
        fault.place = Place::Entry(field.name.clone());
    }
    error
}
