//! Whole files in memory.

use super::block::Block;
use super::reader::StarReader;
use super::row::Row;
use crate::Result;
use std::io::BufRead;
use std::path::Path;

/// All blocks of a STAR file in memory: for small files and for looking into them. Large ones are what
/// [`StarReader`] is for.
///
/// ```
/// use verglas_formats::star::StarFile;
///
/// let file = StarFile::read(&b"data_optics\nloop_\n_rlnVoltage #1\n300\n200\n"[..])?;
/// let optics = file.table("optics").expect("a block of this name");
/// let voltage = optics.block.position("Voltage")?.expect("a column of this name");
/// assert_eq!(optics.column(voltage).collect::<Vec<_>>(), [b"300", b"200"]);
/// # Ok::<(), verglas_formats::FormatError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StarFile {
    /// The blocks in the order of the file.
    pub tables: Vec<StarTable>,
}

/// One block with its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StarTable {
    /// Name and columns.
    pub block: Block,
    /// The bytes of all values, row after row.
    bytes: Vec<u8>,
    /// Where each value ends in its row's part of `bytes`, `n_columns` a row.
    ends: Vec<u32>,
    rows: Vec<RowPlace>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RowPlace {
    /// The line in the file, from 1.
    line: u64,
    /// Where the row's values start in the table's bytes.
    start: usize,
}

impl StarFile {
    /// Reads all blocks.
    ///
    /// # Errors
    /// Those of [`StarReader::next_block`] and [`StarReader::read_row`].
    pub fn read<R: BufRead>(reader: R) -> Result<Self> {
        Self::read_from(StarReader::new(reader))
    }

    /// Reads all blocks of the file at `path`.
    ///
    /// # Errors
    /// Those of [`StarReader::open`] and [`StarFile::read`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::read_from(StarReader::open(path)?)
    }

    fn read_from<R: BufRead>(mut reader: StarReader<R>) -> Result<Self> {
        let mut row = Row::new();
        let mut tables = Vec::new();
        while let Some(block) = reader.next_block()? {
            let mut table = StarTable { block, bytes: Vec::new(), ends: Vec::new(), rows: Vec::new() };
            while reader.read_row(&mut row)? {
                table.push(&row);
            }
            tables.push(table);
        }
        Ok(Self { tables })
    }

    /// The first block of this name.
    pub fn table(&self, name: &str) -> Option<&StarTable> {
        self.tables.iter().find(|table| table.block.name == name)
    }
}

impl StarTable {
    fn push(&mut self, row: &Row) {
        let start = self.bytes.len();
        self.rows.push(RowPlace { line: row.line(), start });
        for value in row.values() {
            self.bytes.extend_from_slice(value);
            // A row's values have at most the bytes of its line, which is bounded far below 4 GiB.
            self.ends.push((self.bytes.len() - start) as u32);
        }
    }

    /// Number of rows; one for a key–value block.
    pub fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// The line of a row in the file, from 1.
    pub fn line(&self, row: usize) -> Option<u64> {
        self.rows.get(row).map(|place| place.line)
    }

    /// One value, quotes taken off; `None` past the last row or column.
    pub fn value(&self, row: usize, column: usize) -> Option<&[u8]> {
        let n_columns = self.block.columns.len();
        if column >= n_columns {
            return None;
        }
        let place = self.rows.get(row)?;
        let ends = self.ends.get(row * n_columns..)?;
        let start = if column == 0 { 0 } else { *ends.get(column - 1)? };
        self.bytes.get(place.start + start as usize..place.start + *ends.get(column)? as usize)
    }

    /// The values of a column, from the first row to the last; none past the last column.
    pub fn column(&self, column: usize) -> impl Iterator<Item = &[u8]> {
        (0..self.n_rows()).map_while(move |row| self.value(row, column))
    }

    /// The values of a row, from the first column to the last; none past the last row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = &[u8]> {
        (0..self.block.columns.len()).map_while(move |column| self.value(row, column))
    }
}
