//! Which rows of the metadata are wanted: those of some optics groups, those that a file names, or all.

use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};
use verglas_core::findings::Findings;

use super::optics::OpticsGroups;
use super::read_settings::ReadSettings;
use super::rows::RowChooser;

/// Chooses rows of one file, or of several one after the other.
pub(super) struct WantedRows<'a> {
    groups: GroupSelection<'a>,
    rows: RowChooser<'a>,
}

impl<'a> WantedRows<'a> {
    pub(super) fn new(settings: &'a ReadSettings) -> Self {
        Self { groups: GroupSelection::new(&settings.optics_groups), rows: RowChooser::new(settings.rows.as_ref()) }
    }

    /// The wanted positions among `rows` of the next file, which has `n_rows` rows; where `rows` is `None` each position is
    /// a row. `None` when all are wanted.
    ///
    /// A choice that can't be made is an error, and then no choice: what else is wrong is found all the same.
    pub(super) fn select(
        &mut self,
        path: &Path,
        groups: Option<&OpticsGroups>,
        n_rows: usize,
        rows: Option<&[u32]>,
        findings: &mut Findings,
    ) -> Option<Vec<u32>> {
        let kept = self.groups.select(path, groups).unwrap_or_else(|error| {
            findings.error(error);
            self.groups.give_up();
            None
        });
        self.rows.select(kept, n_rows, rows)
    }

    /// Nothing can be chosen, for a reason that was told.
    pub(super) fn give_up(&mut self) {
        self.groups.give_up();
        self.rows.give_up();
    }

    /// Tells of groups and rows that are in none of the files.
    pub(super) fn finish(self, path: &Path, findings: &mut Findings) {
        for result in [self.groups.finish(), self.rows.finish(path)] {
            if let Err(error) = result {
                findings.error(error);
            }
        }
    }
}

/// Chooses rows by optics group, in one file or several.
struct GroupSelection<'a> {
    wanted: &'a [String],
    is_found: Vec<bool>,
    /// The groups of all files, for a message about one that is in none of them.
    there: Vec<String>,
    first_path: Option<PathBuf>,
}

impl<'a> GroupSelection<'a> {
    /// Chooses the groups `wanted`, by number or name; all when it is empty.
    fn new(wanted: &'a [String]) -> Self {
        Self { wanted, is_found: vec![false; wanted.len()], there: Vec::new(), first_path: None }
    }

    /// The rows of one file, or `None` when all are wanted.
    fn select(&mut self, path: &Path, groups: Option<&OpticsGroups>) -> Result<Option<Vec<u32>>> {
        if self.wanted.is_empty() {
            return Ok(None);
        }
        self.first_path.get_or_insert_with(|| path.to_owned());
        let Some(groups) = groups else {
            return Err(Error::value(format!("`{}`: optics groups chosen, but the file has none", path.display())));
        };
        let mut chosen = vec![false; groups.labels.len()];
        for (name, is_found) in self.wanted.iter().zip(&mut self.is_found) {
            let has_number = |label: &(String, Option<String>)| {
                label.0 == *name || matches!((label.0.parse::<f64>(), name.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
            };
            // A group's number goes before another group's name that looks like it.
            let by_number = groups.labels.iter().any(has_number);
            for (label, chosen) in groups.labels.iter().zip(&mut chosen) {
                if if by_number { has_number(label) } else { label.1.as_ref() == Some(name) } {
                    *chosen = true;
                    *is_found = true;
                }
            }
        }
        for (id, name) in &groups.labels {
            let label = name.as_ref().map_or_else(|| id.clone(), |name| format!("{id} ({name})"));
            if !self.there.contains(&label) {
                self.there.push(label);
            }
        }
        let rows = groups.of_row.iter().enumerate().filter(|(_, group)| chosen[**group as usize]);
        Ok(Some(rows.map(|(row, _)| row as u32).collect()))
    }

    fn give_up(&mut self) {
        self.wanted = &[];
    }

    /// Makes sure that every group was found in some file.
    fn finish(self) -> Result<()> {
        match self.wanted.iter().zip(&self.is_found).find(|(_, is_found)| !**is_found) {
            None => Ok(()),
            Some((unknown, _)) => {
                let path = self.first_path.unwrap_or_default();
                Err(Error::value(format!("no particle of `{}` is in optics group {unknown}", path.display()))
                    .with_detail(format_args!("groups of its particles: {}", self.there.join(", "))))
            }
        }
    }
}
