//! Poses of several classes: CryoSPARC's jobs with several volumes keep one for each particle and class. The most probable
//! class's is the particle's, as pyem's `csparc2star.py` has it.

use std::path::PathBuf;

use super::columns::Columns;
use super::fields::Field;
use super::file::CsFile;
use crate::metadata::columns::ColumnBuilder;
use crate::particle::Column;
use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, counted};

/// Columns that hold one pose per class, in one of the files.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Family {
    /// The file that holds them.
    pub(super) file: PathBuf,
    /// `alignments3D_multi`, or each class's `alignments_class_0`, … in their order.
    groups: Vec<String>,
}

/// The one group that holds all classes in each of its columns.
const MULTI: &str = "alignments3D_multi";
/// The groups that hold one class each: this, then the class's number.
const CLASS: &str = "alignments_class_";

impl Family {
    /// The first file's family that holds poses, or the second's.
    pub(super) fn find(files: &[CsFile]) -> Option<Self> {
        files.iter().find_map(|file| {
            let groups = groups(file.column_names.iter().map(String::as_str));
            (!groups.is_empty()).then(|| Self { file: file.path.clone(), groups })
        })
    }
}

/// The groups among `names` that hold a pose and how probable it is.
fn groups<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let names: Vec<&str> = names.collect();
    let holds = |group: &str, column: &str| names.iter().any(|name| *name == format!("{group}/{column}"));
    let is_whole = |group: &str| holds(group, "pose") && holds(group, "class_posterior");
    if is_whole(MULTI) {
        return vec![MULTI.to_owned()];
    }
    let mut classes: Vec<u32> =
        names.iter().filter_map(|name| name.strip_prefix(CLASS)?.strip_suffix("/pose")?.parse().ok()).collect();
    classes.sort_unstable();
    classes.dedup();
    let classes = classes.into_iter().map(|class| format!("{CLASS}{class}"));
    classes.filter(|group| is_whole(group)).collect()
}

/// Adds the most probable class's pose, shift and pixel size as if they were `alignments3D/…`, and says so.
///
/// Of equally probable classes, the first is used.
///
/// # Errors
/// When a column has a different number of values from its family's, or can't be read.
pub(super) fn read_most_probable(
    family: &Family,
    file: &mut CsFile,
    columns: &mut Columns,
    findings: &mut Findings,
) -> Result<()> {
    let names =
        |column: &str| -> Vec<String> { family.groups.iter().map(|group| format!("{group}/{column}")).collect() };
    let mut read = |column: &str, n_values: usize, findings: &mut Findings| -> Result<Option<Vec<Vec<Column>>>> {
        let names = names(column);
        if !names.iter().all(|name| file.column_names.contains(name)) {
            return Ok(None);
        }
        let mut classes = Vec::new();
        for (name, values) in names.iter().zip(file.read_numbers(&names, findings)?) {
            let n_found = values.len();
            if n_found == 0 || n_found % n_values != 0 {
                let path = file.path.display();
                return Err(Error::format(format!(
                    "`{name}` of `{path}`: {n_found} values per row, expected {n_values} per class"
                )));
            }
            let mut values = values.into_iter();
            while values.len() > 0 {
                classes.push(values.by_ref().take(n_values).collect());
            }
        }
        Ok(Some(classes))
    };
    let posterior = read("class_posterior", 1, findings)?.unwrap_or_default();
    let pose = read("pose", 3, findings)?.unwrap_or_default();
    let shift = read("shift", 2, findings)?;
    let size = read("psize_A", 1, findings)?;
    let n_classes = posterior.len();
    if pose.len() != n_classes || shift.as_ref().is_some_and(|shift| shift.len() != n_classes) {
        return Err(Error::format(format!(
            "`{}`: {} and {} in {}/…, expected equal numbers",
            file.path.display(),
            counted(pose.len(), "pose"),
            counted(n_classes, "class_posterior"),
            family.groups.join("/…, ")
        )));
    }
    let n_rows = columns.n_rows;
    let class_of: Vec<usize> = (0..n_rows)
        .map(|row| {
            (1..n_classes).fold(0, |best, class| {
                if posterior[class][0].get(row) > posterior[best][0].get(row) { class } else { best }
            })
        })
        .collect();
    let mut add = |field: Field, classes: &[Vec<Column>]| {
        let n_values = classes.first().map_or(0, Vec::len);
        // One pixel size may be that of all classes.
        let class = |row: usize| if classes.len() == 1 { 0 } else { class_of[row] };
        let of_value = |value: usize| {
            let mut builder = ColumnBuilder::default();
            (0..n_rows).for_each(|row| builder.push(classes[class(row)][value].get(row)));
            builder.finish()
        };
        columns.numbers.push((field, (0..n_values).map(of_value).collect()));
    };
    add(Field::Pose, &pose);
    if let (Some(shift), Some(size)) = (shift, size)
        && (size.len() == n_classes || size.len() == 1)
    {
        add(Field::Shift, &shift);
        add(Field::AlignmentPixelSize, &size);
    }
    let groups = match family.groups.as_slice() {
        [only] => format!("{only}/…"),
        [first, .., last] => format!("{first}/… to {last}/…"),
        [] => String::new(),
    };
    findings.warn(
        "poses-of-classes",
        format!(
            "`{}`: no alignments3D/pose: the poses of {} are those of the most probable of {} ({groups}, by \
             class_posterior)",
            file.path.display(),
            counted(n_rows, "row"),
            counted_classes(n_classes)
        ),
    );
    Ok(())
}

fn counted_classes(n: usize) -> String {
    if n == 1 { "1 class".to_owned() } else { format!("{n} classes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_come_in_the_order_of_their_numbers() {
        let columns = |groups: &[&str]| -> Vec<String> {
            groups
                .iter()
                .flat_map(|group| ["pose", "class_posterior"].map(|column| format!("{group}/{column}")))
                .collect()
        };
        let found = |names: &[String]| groups(names.iter().map(String::as_str));
        let classes = columns(&["alignments_class_10", "alignments_class_2", "alignments_class_0"]);
        assert_eq!(found(&classes), ["alignments_class_0", "alignments_class_2", "alignments_class_10"]);
        let both = columns(&["alignments_class_0", "alignments3D_multi", "alignments2D"]);
        assert_eq!(found(&both), ["alignments3D_multi"]);
        assert!(found(&columns(&["alignments2D", "alignments3D"])).is_empty());
        assert!(found(&["alignments_class_0/pose".to_owned()]).is_empty());
    }
}
