//! The head of a data block, before its rows are read.

use crate::{FormatError, Place, Result};

/// Most columns of a table. RELION's widest files have some hundred.
pub const MAX_COLUMNS: usize = 65_536;

/// The head of a data block: its name, its columns, and its position in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The text after `data_`; may be empty. Bytes that are not UTF-8 are replaced by U+FFFD.
    pub name: String,
    /// The line of `data_`, from 1.
    pub line: u64,
    /// How the block is written.
    pub kind: BlockKind,
    /// The columns of a loop or the keys of a key–value block, in the order of the file, repeated ones included.
    pub columns: Vec<Column>,
    /// Where the line of `data_` starts, in bytes from the start of the file.
    pub start_offset: u64,
    /// Where the line of the first row, or of the first key, starts; without any, where the block ends.
    pub rows_offset: u64,
}

/// How a block is written. Rows are read the same way from all kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// `loop_`, column names, and any number of rows, none included.
    Loop,
    /// Keys with one value each: one row.
    Pairs,
    /// Nothing but its name: no columns, no rows.
    Empty,
}

/// A column of a loop, or a key of a key–value block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// As written, without the leading `_`. Bytes that are not UTF-8 are replaced by U+FFFD.
    pub name: String,
    /// The line that names it, from 1.
    pub line: u64,
}

impl Block {
    /// The position of the column `name` among [`Block::columns`]; `None` if there is none of this name.
    ///
    /// Names are compared without RELION's prefix on either side: `_rlnVoltage`, `rlnVoltage` and `Voltage` are one.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] if the name appears more than once, because it is unclear which one counts. A
    /// repeated column that nobody asks for does no harm.
    pub fn position(&self, name: &str) -> Result<Option<usize>> {
        let name = strip_rln(name);
        let mut matching = self.columns.iter().enumerate().filter(|(_, column)| strip_rln(&column.name) == name);
        let Some((position, first)) = matching.next() else { return Ok(None) };
        if let Some((_, second)) = matching.next() {
            return Err(FormatError::malformed(
                Place::Line(second.line),
                format!(
                    "column `_{}` of block `data_{}` appears for the second time, first as `_{}` in line {}",
                    second.name, self.name, first.name, first.line
                ),
            )
            .with_hint("keep only one of the two in the file"));
        }
        Ok(Some(position))
    }
}

/// A column's name without RELION's prefix: `_rlnVoltage` and `rlnVoltage` become `Voltage`, other names stay.
pub fn strip_rln(name: &str) -> &str {
    let bare = name.strip_prefix("_rln").or_else(|| name.strip_prefix("rln"));
    match bare {
        Some(bare) if !bare.is_empty() => bare,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_come_off() {
        assert_eq!(strip_rln("_rlnDefocusU"), "DefocusU");
        assert_eq!(strip_rln("rlnDefocusU"), "DefocusU");
        assert_eq!(strip_rln("DefocusU"), "DefocusU");
        assert_eq!(strip_rln("rln"), "rln");
        assert_eq!(strip_rln("_rln"), "_rln");
        assert_eq!(strip_rln("cisTEMDefocus1"), "cisTEMDefocus1");
    }

    #[test]
    fn a_repeated_column_can_not_be_asked_for() {
        let column = |name: &str, line| Column { name: name.into(), line };
        let block = Block {
            name: "x".into(),
            line: 1,
            kind: BlockKind::Loop,
            columns: vec![column("rlnA", 3), column("B", 4), column("A", 5)],
            start_offset: 0,
            rows_offset: 0,
        };
        assert_eq!(block.position("_rlnB").unwrap(), Some(1));
        assert_eq!(block.position("C").unwrap(), None);
        assert_eq!(
            block.position("rlnA").unwrap_err().to_string(),
            "line 5: column `_A` of block `data_x` appears for the second time, first as `_rlnA` in line 3"
        );
    }
}
