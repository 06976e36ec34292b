//! Columns while they are being read: a column with equal values never takes memory per row.

use crate::particle::Column;

/// Collects one value per row.
#[derive(Debug, Clone, Default)]
pub struct ColumnBuilder {
    n_rows: usize,
    /// Rows without a value before the first one that has one.
    n_unread: usize,
    first: f64,
    /// Filled from the first row on as soon as one value differs.
    values: Vec<f64>,
}

impl ColumnBuilder {
    /// Appends the next row's value.
    pub fn push(&mut self, value: f64) {
        if self.n_rows == self.n_unread {
            self.first = value;
        }
        if !self.values.is_empty() {
            self.values.push(value);
        } else if value.to_bits() != self.first.to_bits() {
            self.values.resize(self.n_rows, self.first);
            self.values.push(value);
        }
        self.n_rows += 1;
    }

    /// Appends a row whose value can't be read, which is an error already: it gets a neighbour's value, so that nothing
    /// further seems to be wrong with it.
    pub fn push_unread(&mut self) {
        if self.n_rows == self.n_unread {
            self.n_unread += 1;
        } else if let Some(&last) = self.values.last() {
            self.values.push(last);
        }
        self.n_rows += 1;
    }

    /// Whether there are rows, and none has a value that can be read.
    pub fn is_unread(&self) -> bool {
        self.n_rows > 0 && self.n_unread == self.n_rows
    }

    /// Appends `n_rows` rows of `column`, which holds at least as many.
    pub fn push_column(&mut self, column: &Column, n_rows: usize) {
        for row in 0..n_rows {
            self.push(column.get(row));
        }
    }

    /// All rows.
    pub fn finish(self) -> Column {
        if self.values.is_empty() { Column::Constant(self.first) } else { Column::PerParticle(self.values) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_collapse_and_the_first_difference_expands() {
        let mut builder = ColumnBuilder::default();
        builder.push(300.0);
        builder.push(300.0);
        assert_eq!(builder.clone().finish(), Column::Constant(300.0));
        builder.push(200.0);
        builder.push(300.0);
        assert_eq!(builder.finish(), Column::PerParticle(vec![300.0, 300.0, 200.0, 300.0]));
    }

    #[test]
    fn rows_that_can_not_be_read_get_a_neighbours_value() {
        let mut builder = ColumnBuilder::default();
        builder.push_unread();
        assert!(builder.is_unread());
        builder.push(300.0);
        builder.push_unread();
        assert!(!builder.is_unread());
        assert_eq!(builder.clone().finish(), Column::Constant(300.0));
        builder.push(200.0);
        builder.push_unread();
        assert_eq!(builder.finish(), Column::PerParticle(vec![300.0, 300.0, 300.0, 200.0, 200.0]));
    }

    #[test]
    fn the_two_zeros_are_different_values() {
        let mut builder = ColumnBuilder::default();
        builder.push(0.0);
        builder.push(-0.0);
        assert!(matches!(builder.finish(), Column::PerParticle(_)));
    }
}
