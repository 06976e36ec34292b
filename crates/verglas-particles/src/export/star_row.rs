//! A row of a STAR file with other values in some columns, and new columns behind the others.

use std::io;
use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_formats::star::{Block, Row};

use super::column::NewColumn;
use super::pose::StarPoses;

/// What is added to the rows.
#[derive(Debug)]
pub(super) struct StarColumns<'a> {
    /// Columns of the source with other values, by their places in the block, ascending.
    replaced: Vec<(usize, &'a NewColumn)>,
    /// Columns behind those of the source.
    pub(super) appended: Vec<&'a NewColumn>,
    /// Columns of the source.
    n_there: usize,
}

impl<'a> StarColumns<'a> {
    /// Poses replace columns of their names; where there is none they come before the new columns.
    ///
    /// # Errors
    /// When a column that is to be replaced appears twice.
    pub(super) fn new(
        block: &Block,
        source: &Path,
        poses: Option<&'a StarPoses>,
        columns: &'a [NewColumn],
    ) -> Result<Self> {
        let (mut replaced, mut appended) = (Vec::new(), Vec::new());
        let position = |name: &str| block.position(name).map_err(|error| Error::from_format(source, error));
        if let Some(poses) = poses {
            for column in &poses.always {
                match position(&column.name)? {
                    Some(place) => replaced.push((place, column)),
                    None => appended.push(column),
                }
            }
            for column in &poses.where_there {
                replaced.extend(position(&column.name)?.map(|place| (place, column)));
            }
        }
        replaced.sort_by_key(|(place, _)| *place);
        appended.extend(columns);
        Ok(Self { replaced, appended, n_there: block.columns.len() })
    }

    /// Appends a row, whose values end after `values_bytes`, with the columns' values at `at`.
    ///
    /// # Errors
    /// When the row has not the values that it had when the file was read.
    pub(super) fn push_row(&self, row: &[u8], values_bytes: usize, at: usize, text: &mut Vec<u8>) -> io::Result<()> {
        let (values, rest) = row.split_at(values_bytes.min(row.len()));
        let mut copied = 0;
        if !self.replaced.is_empty() {
            let mut cut = Row::new();
            if cut.cut(row, self.n_there) != Some(self.n_there) {
                return Err(io::Error::other("a row has changed since it was read"));
            }
            for (place, column) in &self.replaced {
                let Some(written) = cut.written(*place) else { continue };
                text.extend_from_slice(&values[copied..written.start]);
                column.values.push_text(at, text);
                copied = written.end;
            }
        }
        text.extend_from_slice(&values[copied..]);
        for column in &self.appended {
            text.push(b' ');
            column.values.push_text(at, text);
        }
        text.extend_from_slice(rest);
        Ok(())
    }

    /// Appends the lines of the only particle of a file, `KEY VALUE` each, with other values and new keys.
    pub(super) fn push_pairs(&self, lines: &[u8], block: &Block, text: &mut Vec<u8>) {
        let mut row = Row::new();
        for line in lines.split(|&byte| byte == b'\n') {
            let written = row.cut(line, 2).and_then(|_| row.written(1));
            let key = row.value(0).and_then(|key| key.strip_prefix(b"_")).unwrap_or_default();
            let is_of = |place: usize| block.columns.get(place).is_some_and(|column| column.name.as_bytes() == key);
            match (written, self.replaced.iter().find(|(place, _)| is_of(*place))) {
                (Some(written), Some((_, column))) => {
                    text.extend_from_slice(&line[..written.start]);
                    column.values.push_text(0, text);
                    text.extend_from_slice(&line[written.end..]);
                }
                _ => text.extend_from_slice(line),
            }
            text.push(b'\n');
        }
        for column in &self.appended {
            text.extend_from_slice(format!("_{} ", column.name).as_bytes());
            column.values.push_text(0, text);
            text.push(b'\n');
        }
    }
}
