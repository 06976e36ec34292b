//! Summaries of a column's values.

use std::hash::{DefaultHasher, Hasher};

use serde::Serialize;

/// Different values are counted up to this many.
pub const MOST_DISTINCT: usize = 256;

/// The longest piece of a text that is shown, in bytes.
const MOST_TEXT_BYTES: usize = 4096;

/// A summary of the values of a column or field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Values {
    /// How many different values there are, as written in the file; `None` for more than [`MOST_DISTINCT`].
    pub n_distinct: Option<usize>,
    /// The first row's value; `None` without rows.
    pub first: Option<First>,
    /// Smallest, largest and mean; `None` for text.
    #[serde(flatten)]
    pub range: Option<NumberRange>,
}

/// The extent of a column of numbers; values that are not finite count in `n_not_finite` only.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NumberRange {
    /// The smallest; `None` if no value is finite.
    pub min: Option<Number>,
    /// The largest.
    pub max: Option<Number>,
    /// The arithmetic mean.
    pub mean: Option<f64>,
    /// How many values are infinite or no number.
    pub n_not_finite: u64,
}

/// A number in the widest type of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Number {
    /// A signed integer.
    Int(i64),
    /// An unsigned integer, such as CryoSPARC's `uid`.
    Uint(u64),
    /// A floating-point number.
    Float(f64),
}

/// One value.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Item {
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text; bytes that are not UTF-8 are replaced by U+FFFD, what is past 4096 bytes is left out.
    Text(String),
}

/// The value of the first row.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum First {
    /// A single value.
    One(Item),
    /// The first values, at most 16, of a field that holds several.
    Several(Vec<Item>),
}

impl Item {
    /// A text as it is shown.
    pub(super) fn text(bytes: &[u8]) -> Self {
        let shown = bytes.get(..MOST_TEXT_BYTES).unwrap_or(bytes);
        Self::Text(String::from_utf8_lossy(shown).into_owned())
    }
}

/// Collects the extent of numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct RangeBuilder {
    extremes: Option<(Number, Number)>,
    sum: f64,
    n_finite: u64,
    n_not_finite: u64,
}

impl RangeBuilder {
    pub(super) fn add_float(&mut self, value: f64) {
        if !value.is_finite() {
            self.n_not_finite += 1;
            return;
        }
        self.count(value);
        match &mut self.extremes {
            Some((Number::Float(min), Number::Float(max))) => (*min, *max) = (min.min(value), max.max(value)),
            extremes => *extremes = Some((Number::Float(value), Number::Float(value))),
        }
    }

    pub(super) fn add_int(&mut self, value: i64) {
        self.count(value as f64);
        match &mut self.extremes {
            Some((Number::Int(min), Number::Int(max))) => (*min, *max) = ((*min).min(value), (*max).max(value)),
            extremes => *extremes = Some((Number::Int(value), Number::Int(value))),
        }
    }

    pub(super) fn add_uint(&mut self, value: u64) {
        self.count(value as f64);
        match &mut self.extremes {
            Some((Number::Uint(min), Number::Uint(max))) => (*min, *max) = ((*min).min(value), (*max).max(value)),
            extremes => *extremes = Some((Number::Uint(value), Number::Uint(value))),
        }
    }

    pub(super) fn finish(&self) -> NumberRange {
        let mean = (self.n_finite > 0).then(|| self.sum / self.n_finite as f64);
        NumberRange {
            min: self.extremes.map(|(min, _)| min),
            max: self.extremes.map(|(_, max)| max),
            // A sum of huge values may overflow.
            mean: mean.filter(|mean| mean.is_finite()),
            n_not_finite: self.n_not_finite,
        }
    }

    fn count(&mut self, value: f64) {
        self.sum += value;
        self.n_finite += 1;
    }
}

/// Counts different values by the hash of their bytes, so that long texts take no memory.
#[derive(Debug, Clone, Default)]
pub(super) struct DistinctCounter {
    /// Sorted; empty once there are too many.
    hashes: Vec<u64>,
    last: Option<u64>,
    is_past_most: bool,
}

impl DistinctCounter {
    #[inline]
    pub(super) fn add(&mut self, value: &[u8]) {
        if self.is_past_most {
            return;
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(value);
        let hash = hasher.finish();
        if self.last == Some(hash) {
            return;
        }
        self.last = Some(hash);
        let Err(at) = self.hashes.binary_search(&hash) else { return };
        if self.hashes.len() == MOST_DISTINCT {
            self.hashes = Vec::new();
            self.is_past_most = true;
        } else {
            self.hashes.insert(at, hash);
        }
    }

    pub(super) fn count(&self) -> Option<usize> {
        (!self.is_past_most).then_some(self.hashes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_leave_out_what_is_not_finite() {
        let mut range = RangeBuilder::default();
        for value in [2.0, f64::NAN, -1.0, f64::INFINITY, 5.0] {
            range.add_float(value);
        }
        let expected = NumberRange {
            min: Some(Number::Float(-1.0)),
            max: Some(Number::Float(5.0)),
            mean: Some(2.0),
            n_not_finite: 2,
        };
        assert_eq!(range.finish(), expected);
        assert_eq!(RangeBuilder::default().finish().mean, None);
    }

    #[test]
    fn large_integers_stay_exact() {
        let mut range = RangeBuilder::default();
        range.add_uint(u64::MAX);
        range.add_uint(u64::MAX - 1);
        assert_eq!(
            (range.finish().min, range.finish().max),
            (Some(Number::Uint(u64::MAX - 1)), Some(Number::Uint(u64::MAX)))
        );
    }

    #[test]
    fn distinct_values_are_counted_up_to_the_limit() {
        let mut counter = DistinctCounter::default();
        for value in ["a", "b", "a", "a", "c", "b"] {
            counter.add(value.as_bytes());
        }
        assert_eq!(counter.count(), Some(3));
        for number in 0..MOST_DISTINCT as u32 - 3 {
            counter.add(&number.to_le_bytes());
        }
        assert_eq!(counter.count(), Some(MOST_DISTINCT));
        counter.add(b"one more");
        assert_eq!(counter.count(), None);
        counter.add(b"a");
        assert_eq!(counter.count(), None);
    }
}
