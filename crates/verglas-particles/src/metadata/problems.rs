//! Errors in single rows, collected so that a million bad rows make one message.

use verglas_core::error::Error;
use verglas_core::findings::Findings;

/// Counts rows that are wrong in the same way and keeps the first of each kind.
#[derive(Debug, Default)]
pub(super) struct RowProblems {
    kinds: Vec<Kind>,
}

#[derive(Debug)]
struct Kind {
    key: String,
    first: Error,
    n_rows: u64,
}

impl RowProblems {
    /// Counts a row that is wrong in the way `key`; `error` is made for the first of them only.
    pub(super) fn add(&mut self, key: &str, error: impl FnOnce() -> Error) {
        match self.kinds.iter_mut().find(|kind| kind.key == key) {
            Some(kind) => kind.n_rows += 1,
            None => self.kinds.push(Kind { key: key.to_owned(), first: error(), n_rows: 1 }),
        }
    }

    /// Hands over one error per kind, each with the number of further rows.
    pub(super) fn report(self, findings: &mut Findings) {
        for kind in self.kinds {
            let more = kind.n_rows - 1;
            findings.error(match more {
                0 => kind.first,
                1 => kind.first.with_detail("and 1 more row like it"),
                _ => kind.first.with_detail(format_args!("and {more} more rows like it")),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_kind_make_one_error() {
        let mut problems = RowProblems::default();
        for row in 0..3 {
            problems.add("a", || Error::format(format!("row {row}")));
        }
        problems.add("b", || Error::format("other"));
        let mut findings = Findings::new();
        problems.report(&mut findings);
        let texts: Vec<String> = findings.errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["row 0\n  and 2 more rows like it", "other"]);
    }
}
