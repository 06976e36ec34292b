//! What the columns of tables hold.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnType {
    /// Integers.
    Whole,
    /// Integers from 0 to 2⁶⁴ − 1.
    Identity,
    Text,
    /// Numbers in the precision of the comparison.
    Real,
    /// Numbers in double precision.
    Double,
    /// Yes or no.
    Truth,
}
