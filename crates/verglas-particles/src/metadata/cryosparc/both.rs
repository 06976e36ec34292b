//! Columns that are in both files: if they differ, a user must know which one is used.

use std::path::Path;

use super::columns::Columns;
use super::fields::Field;
use verglas_core::findings::{Findings, counted};

/// Compares the columns `both` of two files whose rows are in the same order, warns in how many rows they differ, and
/// drops the second file's.
pub(super) fn report_differing(
    [first_path, second_path]: [&Path; 2],
    first: &Columns,
    second: &mut Columns,
    both: &[Field],
    findings: &mut Findings,
) {
    let mut names = Vec::new();
    let mut differs = vec![false; first.n_rows];
    for &field in both {
        if mark_differing(field, first, second, &mut differs) {
            names.push(field.name());
        }
        second.remove(field);
    }
    let Some(row) = differs.iter().position(|&differs| differs) else { return };
    let n = differs.iter().filter(|&&differs| differs).count();
    findings.warn(
        "differs-between-files",
        format!(
            "`{}` and `{}` both hold {} with different values in {} (first: row {row}); those of `{}` count",
            first_path.display(),
            second_path.display(),
            names.join(", "),
            counted(n, "row"),
            first_path.display()
        ),
    );
}

/// Marks the rows in which a column differs; whether there are any.
fn mark_differing(field: Field, first: &Columns, second: &Columns, differs: &mut [bool]) -> bool {
    let mut any = false;
    let mut mark = |is_other: &dyn Fn(usize) -> bool| {
        for (row, differs) in differs.iter_mut().enumerate() {
            let is_other = is_other(row);
            *differs |= is_other;
            any |= is_other;
        }
    };
    match field {
        Field::BlobPath => {
            if let (Some(a), Some(b)) = (&first.paths, &second.paths) {
                mark(&|row| a.distinct[a.of_row[row] as usize] != b.distinct[b.of_row[row] as usize]);
            }
        }
        Field::BlobIndex => {
            if let (Some(a), Some(b)) = (&first.sections, &second.sections) {
                mark(&|row| a[row] != b[row]);
            }
        }
        Field::ExposureGroup => {
            if let (Some(a), Some(b)) = (&first.groups, &second.groups) {
                mark(&|row| a.distinct[a.of_row[row] as usize] != b.distinct[b.of_row[row] as usize]);
            }
        }
        _ => {
            if let (Some(a), Some(b)) = (first.numbers(field), second.numbers(field)) {
                for (a, b) in a.iter().zip(b) {
                    if a != b {
                        mark(&|row| a.get(row) != b.get(row));
                    }
                }
            }
        }
    }
    any
}
