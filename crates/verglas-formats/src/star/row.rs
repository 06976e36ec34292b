//! One row and its values.

use std::ops::Range;

use super::line::Line;
use super::tokens::Tokens;

/// One row of a block. Its buffers are reused: reading into it again allocates only for a longer line or more columns.
#[derive(Debug, Clone, Default)]
pub struct Row {
    pub(super) line: Line,
    pub(super) values: Tokens,
}

impl Row {
    /// A row to read into.
    pub fn new() -> Self {
        Self::default()
    }

    /// The row's line in the file, from 1; for a key–value block, that of its first key.
    pub fn line(&self) -> u64 {
        self.line.number
    }

    /// Number of values: as many as the block has columns.
    pub fn len(&self) -> usize {
        self.values.found().min(self.values.capacity())
    }

    /// Whether there are no values: nothing was read into it yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value in column `index`, quotes taken off; `None` past the last column. Any bytes but 0 and line feeds.
    #[inline]
    pub fn value(&self, index: usize) -> Option<&[u8]> {
        self.values.value(index, &self.line)
    }

    /// The values in the order of the columns, quotes taken off.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.value(index).unwrap_or_default())
    }

    /// The position of the value in column `index` in [`Row::raw`], quotes included; `None` past the last column.
    pub fn written(&self, index: usize) -> Option<Range<usize>> {
        let whole = self.line.text().as_ptr_range();
        let written = self.values.written(index, &self.line)?.as_ptr_range();
        // A value is a piece of its line.
        Some(written.start as usize - whole.start as usize..written.end as usize - whole.start as usize)
    }

    /// Takes a single line of the file, without its line end, and cuts it into at most `most` values; returns how many there
    /// are. `None` if it can't be cut: a quote stays open, or there is a byte 0.
    ///
    /// ```
    /// use verglas_formats::star::Row;
    ///
    /// let mut row = Row::new();
    /// assert_eq!(row.cut(b"1@a.mrcs 'two words' 3 # kept", 3), Some(3));
    /// assert_eq!(row.value(1), Some(&b"two words"[..]));
    /// assert_eq!(row.written(1), Some(9..20));
    /// assert_eq!(row.cut(b"'open", 3), None);
    /// ```
    pub fn cut(&mut self, line: &[u8], most: usize) -> Option<usize> {
        self.line.clear();
        self.line.push(line);
        self.line.pad();
        self.values.keep(most);
        self.values.split(&self.line).ok()?;
        Some(self.values.found())
    }

    /// The line as written, without its line end, with quotes and comment. For a key–value block, the values as
    /// written, quotes included, with tabs between them.
    pub fn raw(&self) -> &[u8] {
        self.line.text()
    }

    /// The position of the line in the file, in bytes, without its line end; for a key–value block, the lines from the
    /// first key to the last value.
    pub fn byte_range(&self) -> Range<u64> {
        self.line.start..self.line.end
    }
}
