//! Which defaults were used, and for how many rows; each is reported once.

use verglas_core::findings::{Findings, counted};

/// Counts the rows that a default was used for.
#[derive(Debug, Default)]
pub(super) struct Defaults {
    used: Vec<(String, f64, usize)>,
}

impl Defaults {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Counts `n_rows` rows without `column`, for which `default` is used.
    pub(super) fn add(&mut self, column: &str, default: f64, n_rows: usize) {
        match self.used.iter_mut().find(|(there, ..)| there == column) {
            Some((_, _, rows)) => *rows += n_rows,
            None => self.used.push((column.to_owned(), default, n_rows)),
        }
    }

    /// Reports each default once.
    pub(super) fn report(self, findings: &mut Findings) {
        for (column, default, n_rows) in self.used {
            findings
                .warn("default-used", format!("{column} is missing: {default} used for {}", counted(n_rows, "row")));
        }
    }
}
