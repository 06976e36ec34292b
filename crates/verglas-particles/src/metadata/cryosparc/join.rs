//! Joins the two files that CryoSPARC splits one data set over, on `uid`, in the order of the first.

use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, counted, counted_do};

/// The uids of one file, in the order of its rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Uids<'a> {
    pub(super) path: &'a Path,
    pub(super) of_row: &'a [u64],
}

/// For each row of `first` the row of `second` with the same uid; `None` where that is the same row throughout.
///
/// Rows of `second` without partner are reported. Takes 16 bytes per row of both files for the time of the call, and
/// 8 where the files have the same uids in the same order, as CryoSPARC mostly writes them.
///
/// # Errors
/// When a uid appears twice in one file, or a row of `first` has no partner.
pub(super) fn match_uids(first: Uids, second: Uids, findings: &mut Findings) -> Result<Option<Vec<u32>>> {
    if first.of_row == second.of_row {
        let mut sorted = first.of_row.to_vec();
        sorted.sort_unstable();
        if sorted.windows(2).all(|pair| pair[0] != pair[1]) {
            return Ok(None);
        }
    }
    let (in_first, in_second) = (sort_by_uid(first), sort_by_uid(second));
    let repeated = [repeated(first, &in_first), repeated(second, &in_second)].into_iter().flatten().collect();
    if let Some(error) = Error::all_of(repeated) {
        return Err(error);
    }

    let mut partner = vec![0; first.of_row.len()];
    let mut missing = Lone::default();
    let mut unused = Lone::default();
    let mut candidates = in_second.iter().peekable();
    for &(uid, row) in &in_first {
        while let Some(&(_, row)) = candidates.next_if(|(other, _)| *other < uid) {
            unused.add(row);
        }
        match candidates.next_if(|(other, _)| *other == uid) {
            Some(&(_, row_in_second)) => partner[row as usize] = row_in_second,
            None => missing.add(row),
        }
    }
    candidates.for_each(|&(_, row)| unused.add(row));

    if let Some(row) = missing.first {
        let uid = first.of_row[row as usize];
        return Err(Error::format(format!(
            "row {row} of `{}`: its uid {uid} is not in `{}`",
            first.path.display(),
            second.path.display()
        ))
        .with_detail(format_args!(
            "{} of {} no partner there",
            missing.n_rows,
            counted_do(first.of_row.len(), "row", "has", "have")
        ))
        .with_hint("both files must come from one job, or the first from a subset of the second"));
    }
    if let Some(row) = unused.first {
        findings.warn(
            "passthrough-unmatched",
            format!(
                "{} of {} of `{}` have no partner in `{}` and are not used (first: row {row}, uid {})",
                unused.n_rows,
                counted(second.of_row.len(), "row"),
                second.path.display(),
                first.path.display(),
                second.of_row[row as usize]
            ),
        );
    }
    Ok(Some(partner))
}

/// Uids with their rows, sorted.
fn sort_by_uid(uids: Uids) -> Vec<(u64, u32)> {
    let mut sorted: Vec<(u64, u32)> = uids.of_row.iter().copied().zip(0..).collect();
    sorted.sort_unstable();
    sorted
}

/// An error if a uid appears twice: names the one whose second row comes first.
fn repeated(uids: Uids, sorted: &[(u64, u32)]) -> Option<Error> {
    let repeats = || sorted.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    let earliest = repeats().min_by_key(|pair| pair[1].1)?;
    let [(uid, row), (_, second_row)] = [earliest[0], earliest[1]];
    Some(
        Error::format(format!("rows {row} and {second_row} of `{}` have the same uid, {uid}", uids.path.display()))
            .with_detail(format_args!(
                "{} the uid of an earlier row",
                counted_do(repeats().count(), "row", "repeats", "repeat")
            )),
    )
}

/// Rows without partner.
#[derive(Debug, Default)]
struct Lone {
    first: Option<u32>,
    n_rows: usize,
}

impl Lone {
    fn add(&mut self, row: u32) {
        self.n_rows += 1;
        self.first = Some(self.first.map_or(row, |first| first.min(row)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn joined(first: &[u64], second: &[u64]) -> (Result<Option<Vec<u32>>>, Vec<String>) {
        let mut findings = Findings::new();
        let uids = |path, of_row| Uids { path: Path::new(path), of_row };
        let partner = match_uids(uids("a.cs", first), uids("b.cs", second), &mut findings);
        (partner, findings.warnings.into_iter().map(|warning| warning.message.to_string()).collect())
    }

    #[test]
    fn partners_are_found_whatever_the_order() {
        let (partner, warnings) = joined(&[7, 3, 9], &[9, 7, 3]);
        assert_eq!(partner.unwrap(), Some(vec![1, 2, 0]));
        assert!(warnings.is_empty());
    }

    #[test]
    fn the_same_order_needs_no_partners() {
        assert_eq!(joined(&[7, u64::MAX, 0], &[7, u64::MAX, 0]).0.unwrap(), None);
    }

    #[test]
    fn rows_of_the_second_without_partner_are_reported_and_not_used() {
        let (partner, warnings) = joined(&[7, 3], &[1, 9, 3, 7, 5]);
        assert_eq!(partner.unwrap(), Some(vec![3, 2]));
        assert_eq!(
            warnings,
            ["3 of 5 rows of `b.cs` have no partner in `a.cs` and are not used (first: row 0, uid 1)"]
        );
    }

    #[test]
    fn a_row_of_the_first_without_partner_is_an_error() {
        let error = joined(&[7, 3, 9, 8], &[7, 3]).0.unwrap_err();
        let text = "row 2 of `a.cs`: its uid 9 is not in `b.cs`\n  2 of 4 rows have no partner there";
        assert_eq!(error.to_string(), text);
        assert!(error.hint().is_some());
    }

    #[test]
    fn a_uid_that_stands_twice_is_an_error_in_either_file() {
        let error = joined(&[7, 3, 3, 7, 3], &[7, 3]).0.unwrap_err();
        let text = "rows 1 and 2 of `a.cs` have the same uid, 3\n  3 rows repeat the uid of an earlier row";
        assert_eq!(error.to_string(), text);
        let error = joined(&[7, 3], &[7, 3, 7]).0.unwrap_err();
        assert!(error.to_string().starts_with("rows 0 and 2 of `b.cs` have the same uid, 7"), "{error}");
        // Equal columns don't prove that values are unique.
        let error = joined(&[7, 7], &[7, 7]).0.unwrap_err();
        assert_eq!(error.others().len(), 1);
    }

    proptest! {
        #[test]
        fn agrees_with_looking_for_each_uid(
            first in prop::collection::vec(0..12_u64, 0..8),
            second in prop::collection::vec(0..12_u64, 0..12),
        ) {
            let is_repeated = |uids: &[u64]| (1..uids.len()).any(|row| uids[..row].contains(&uids[row]));
            let place = |uid: &u64| second.iter().position(|other| other == uid).map(|row| row as u32);
            let expected: Option<Vec<u32>> = first.iter().map(place).collect();
            let expected = expected.filter(|_| !is_repeated(&first) && !is_repeated(&second));
            let (found, warnings) = joined(&first, &second);
            let same_rows = || (0..first.len() as u32).collect();
            prop_assert_eq!(found.ok().map(|partner| partner.unwrap_or_else(same_rows)), expected.clone());
            let is_reported = expected.is_some() && second.len() > first.len();
            prop_assert_eq!(warnings.len(), usize::from(is_reported));
        }
    }
}
