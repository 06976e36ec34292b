//! Decoded columns.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

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
///
/// Texts are without the NULs that fill them up; unicode is UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CsText {
    /// For each value which of the different texts it is; these are counted in the order of their first use.
    pub ids: Vec<u32>,
    /// The different texts, one after the other, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl CsText {
    /// The text of value `index`, if there is one.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.text(*self.ids.get(index)?)
    }

    /// The text with this id, if there is one.
    pub fn text(&self, id: u32) -> Option<&[u8]> {
        let id = id as usize;
        let start = if id == 0 { 0 } else { *self.ends.get(id - 1)? };
        self.bytes.get(start..*self.ends.get(id)?)
    }

    /// How many different texts there are; ids are below this.
    pub fn n_texts(&self) -> usize {
        self.ends.len()
    }

    /// The different texts, in the order of their ids.
    pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end])
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
#[derive(Debug, Default)]
pub struct CsTextBuilder {
    text: CsText,
    /// Ids by the hash of their text; where two texts have one hash, the second is under the next free number.
    by_hash: HashMap<u64, u32, BuildHasherDefault<HashItself>>,
    /// Keyed by chance, so that no file can make all its texts collide.
    hasher: RandomState,
    /// The last item, as stored in the file: rows of one micrograph are mostly consecutive.
    last: Option<(Vec<u8>, u32)>,
}

impl CsTextBuilder {
    /// An empty collection with room for `n_values` values.
    pub fn with_capacity(n_values: usize) -> Self {
        let text = CsText { ids: Vec::with_capacity(n_values), ..CsText::default() };
        Self { text, ..Self::default() }
    }

    /// The texts so far.
    pub fn finish(self) -> CsText {
        self.text
    }

    /// Appends `decode(item)`, where `decode` need not be called if `item` came last as well.
    pub(super) fn push<'a>(&mut self, item: &'a [u8], decode: impl FnOnce(&'a [u8]) -> Result<&'a [u8]>) -> Result<()> {
        if let Some((last, id)) = &self.last
            && last == item
        {
            self.text.ids.push(*id);
            return Ok(());
        }
        let id = self.id_of(decode(item)?)?;
        let (last, last_id) = self.last.get_or_insert_default();
        last.clear();
        last.extend_from_slice(item);
        *last_id = id;
        self.text.ids.push(id);
        Ok(())
    }

    fn id_of(&mut self, wanted: &[u8]) -> Result<u32> {
        let mut hash = self.hasher.hash_one(wanted);
        while let Some(&id) = self.by_hash.get(&hash) {
            if self.text.text(id) == Some(wanted) {
                return Ok(id);
            }
            hash = hash.wrapping_add(1);
        }
        let id = u32::try_from(self.text.ends.len())
            .map_err(|_| FormatError::unsupported(Place::File, "more than 2^32 different texts"))?;
        self.text.bytes.extend_from_slice(wanted);
        self.text.ends.push(self.text.bytes.len());
        self.by_hash.insert(hash, id);
        Ok(id)
    }
}

/// A hash that is its own hash.
#[derive(Debug, Default)]
struct HashItself(u64);

impl Hasher for HashItself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        // Keys are u64 throughout; any others still give a valid, if poor, hash.
        self.0 = bytes.iter().fold(self.0, |hash, &byte| hash.wrapping_mul(257).wrapping_add(u64::from(byte)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_one_hash_stay_apart() {
        let mut builder = CsTextBuilder::default();
        builder.push(b"a", Ok).unwrap();
        // As if "b" had the hash of "a".
        let hash = builder.hasher.hash_one(&b"b"[..]);
        builder.by_hash.insert(hash, 0);
        for text in [&b"b"[..], b"a", b"b", b"c"] {
            builder.push(text, Ok).unwrap();
        }
        let text = builder.finish();
        assert_eq!(text.ids, [0, 1, 0, 1, 2]);
        assert_eq!(text.texts().collect::<Vec<_>>(), [&b"a"[..], b"b", b"c"]);
    }
}
