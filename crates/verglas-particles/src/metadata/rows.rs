//! Rows that are chosen by number, whatever is in them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;

use crate::selection::index_at;
use crate::vector::Vector;

/// A mask over all rows of the metadata, or indices of rows from 0; of several files the rows follow each other.
#[derive(Debug, Clone, PartialEq)]
pub struct RowSelection {
    path: PathBuf,
    chosen: Arc<Chosen>,
}

#[derive(Debug, PartialEq)]
enum Chosen {
    Mask(Vec<bool>),
    /// Sorted, each with its place in the file.
    Indices(Vec<(u32, u32)>),
}

impl RowSelection {
    /// Reads a `.npy` or `.pt`. How many rows there are is not known yet: whether it goes with them
    /// is checked when metadata are read.
    ///
    /// # Errors
    /// When the file can't be read, or holds what is neither a mask nor indices, or an index twice.
    pub fn read(path: &Path) -> Result<Self> {
        let vector = Vector::read(path, u32::MAX as usize)?;
        let chosen = match vector {
            Vector::Bool(mask) => Chosen::Mask(mask),
            indices => Chosen::Indices(sorted(path, &indices)?),
        };
        Ok(Self { path: path.to_owned(), chosen: Arc::new(chosen) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn has(&self, row: usize) -> bool {
        match &*self.chosen {
            Chosen::Mask(mask) => mask.get(row).copied().unwrap_or(false),
            Chosen::Indices(indices) => indices.binary_search_by_key(&row, |(index, _)| *index as usize).is_ok(),
        }
    }
}

/// Indices in their order, each once.
fn sorted(path: &Path, indices: &Vector) -> Result<Vec<(u32, u32)>> {
    let mut sorted = Vec::with_capacity(indices.len());
    for at in 0..indices.len() {
        let index = index_at(path, indices, at, u32::MAX as usize)?;
        sorted.push((index, at as u32));
    }
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let ((index, first), (_, second)) = (pair[0], pair[1]);
        return Err(Error::value(format!(
            "`{}`: row {index} is chosen twice, by index {first} and {second} (counted from 0)",
            path.display()
        ))
        .with_hint("each row is converted once; a mask has to be of type bool"));
    }
    Ok(sorted)
}

/// Chooses rows of one metadata file after the other.
pub(super) struct RowChooser<'a> {
    selection: Option<&'a RowSelection>,
    /// Rows of the files so far.
    n_rows: usize,
    n_chosen: usize,
}

impl<'a> RowChooser<'a> {
    /// `None` chooses all rows.
    pub(super) fn new(selection: Option<&'a RowSelection>) -> Self {
        Self { selection, n_rows: 0, n_chosen: 0 }
    }

    /// Those of `kept` that are chosen, of the next file with its `n_rows` rows; of all positions in `rows` where `kept` is
    /// `None`. `rows` tells which row of the file each position is; `None`: the position itself. Where nothing is to be
    /// chosen, `kept` comes back.
    pub(super) fn select(&mut self, kept: Option<Vec<u32>>, n_rows: usize, rows: Option<&[u32]>) -> Option<Vec<u32>> {
        let Some(selection) = self.selection else { return kept };
        let first = self.n_rows;
        self.n_rows += n_rows;
        let is_chosen = |&at: &u32| selection.has(first + rows.map_or(at, |rows| rows[at as usize]) as usize);
        let chosen: Vec<u32> = match kept {
            Some(kept) => kept.into_iter().filter(is_chosen).collect(),
            None => (0..rows.map_or(n_rows, <[u32]>::len) as u32).filter(is_chosen).collect(),
        };
        self.n_chosen += chosen.len();
        Some(chosen)
    }

    pub(super) fn give_up(&mut self) {
        self.selection = None;
    }

    /// Makes sure that the rows are there.
    ///
    /// # Errors
    /// A mask of another length, an index past the last row, or nothing chosen at all.
    pub(super) fn finish(self, metadata: &Path) -> Result<()> {
        let Some(selection) = self.selection else { return Ok(()) };
        let (path, metadata) = (selection.path.display(), metadata.display());
        let rows = counted(self.n_rows, "row");
        match &*selection.chosen {
            Chosen::Mask(mask) if mask.len() != self.n_rows => {
                return Err(Error::value(format!(
                    "`{path}`: a mask of {}, `{metadata}` has {rows}",
                    counted(mask.len(), "value")
                ))
                .with_hint("a mask has one value for each row of the metadata, in their order"));
            }
            Chosen::Indices(indices) => {
                if let Some((index, at)) = indices.iter().find(|(index, _)| *index as usize >= self.n_rows) {
                    return Err(Error::value(format!(
                        "`{path}`: index {at} (counted from 0) is {index}, expected 0 to {}: `{metadata}` has {rows}",
                        self.n_rows.saturating_sub(1)
                    )));
                }
            }
            Chosen::Mask(_) => {}
        }
        if self.n_chosen == 0 {
            return Err(Error::value(format!("`{path}` chooses none of the rows of `{metadata}` that are asked for")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(chosen: Chosen, files: &[(Option<&[u32]>, usize)]) -> (Vec<Vec<u32>>, std::result::Result<(), String>) {
        let selection = RowSelection { path: "rows.npy".into(), chosen: Arc::new(chosen) };
        let mut chooser = RowChooser::new(Some(&selection));
        let select = |(kept, n_rows): &(Option<&[u32]>, usize)| {
            chooser.select(kept.map(<[u32]>::to_vec), *n_rows, None).unwrap()
        };
        let rows = files.iter().map(select).collect();
        (rows, chooser.finish(Path::new("a.star")).map_err(|error| error.to_string()))
    }

    #[test]
    fn rows_of_several_files_follow_each_other() {
        let mask = Chosen::Mask(vec![true, false, true, false, true]);
        assert_eq!(finished(mask, &[(None, 3), (None, 2)]), (vec![vec![0, 2], vec![1]], Ok(())));
        let indices = Chosen::Indices(vec![(0, 1), (3, 0)]);
        assert_eq!(finished(indices, &[(Some(&[1, 2]), 3), (None, 2)]), (vec![vec![], vec![0]], Ok(())));
    }

    #[test]
    fn what_does_not_go_with_the_rows_is_told() {
        let (_, told) = finished(Chosen::Mask(vec![true; 4]), &[(None, 5)]);
        assert_eq!(told.unwrap_err(), "`rows.npy`: a mask of 4 values, `a.star` has 5 rows");
        let (_, told) = finished(Chosen::Indices(vec![(1, 0), (5, 1)]), &[(None, 5)]);
        let expected = "`rows.npy`: index 1 (counted from 0) is 5, expected 0 to 4: `a.star` has 5 rows";
        assert_eq!(told.unwrap_err(), expected);
        let (_, told) = finished(Chosen::Mask(vec![false; 5]), &[(None, 5)]);
        assert!(told.unwrap_err().contains("chooses none of the rows"));
    }

    #[test]
    fn indices_are_sorted_and_each_once() {
        let path = Path::new("rows.npy");
        assert_eq!(sorted(path, &Vector::F64(vec![4.0, 0.0])).unwrap(), [(0, 1), (4, 0)]);
        let error = sorted(path, &Vector::I64(vec![2, 0, 2])).unwrap_err().to_string();
        assert_eq!(error, "`rows.npy`: row 2 is chosen twice, by index 0 and 2 (counted from 0)");
        assert!(sorted(path, &Vector::I64(vec![-1])).is_err() && sorted(path, &Vector::F32(vec![0.5])).is_err());
    }
}
