//! The list of the images that were left out: what a run wrote, and all that the manifests count.

use std::path::Path;

use verglas_formats::star::{Row, StarReader, value::parse_u64};

use super::{Problem, Verification, check_file};
use crate::convert::SKIPPED_ROW_COLUMN;
use crate::findings::counted;
use crate::manifest::{FileRecord, Manifest};
use crate::output::SKIPPED;

/// Compares `skipped.star` with what the manifests know of it, and the rows in it with theirs.
pub(super) fn check_list(folder: &Path, parts: &[Manifest], found: &mut Verification) {
    for part in parts.iter().filter(|part| part.is_complete) {
        if part.skipped_list.is_empty() && !part.skipped.is_empty() {
            let n_skipped = counted(part.skipped.len(), "image");
            let message = format!("{} counts {n_skipped} left out, and names no list of them", part.file_name());
            found.problems.push(Problem::new("manifest-damaged", message));
        }
    }
    let records: Vec<&FileRecord> = parts.iter().flat_map(|part| &part.skipped_list).collect();
    if let Some(other) = records.iter().find(|record| record.name != SKIPPED) {
        let message = format!("the manifest names the list `{}`, expected `{SKIPPED}`", other.name);
        found.problems.push(Problem::new("manifest-damaged", message));
        return;
    }
    // Shards write the list one after the other: it is what one of them wrote, of that size if any is.
    let path = folder.join(SKIPPED);
    let there = std::fs::read(&path).ok();
    let is_it = |record: &&&FileRecord| {
        there
            .as_ref()
            .is_some_and(|bytes| ***record == FileRecord::new(SKIPPED, bytes.len() as u64, crc32fast::hash(bytes)))
    };
    let Some(record) = records.iter().find(is_it).or(records.last()) else { return };
    let n_problems = found.problems.len();
    check_file(folder, record, found);
    let is_whole = parts.iter().all(|part| part.is_complete);
    if found.problems.len() > n_problems || !is_whole {
        return;
    }
    let mut expected: Vec<u64> = parts.iter().flat_map(|part| &part.skipped).map(|image| image.row.into()).collect();
    expected.sort_unstable();
    match listed_rows(&path) {
        Ok(listed) if listed == expected => {}
        Ok(listed) => {
            let message = format!(
                "`{}` lists {}, and the manifests count {} left out{}",
                path.display(),
                counted(listed.len(), "image"),
                expected.len(),
                if listed.len() == expected.len() { ", others than these" } else { "" }
            );
            found.problems.push(Problem::new("list-differs", message));
        }
        Err(error) => found.problems.push(Problem::new("list-differs", error.describe(&path.display().to_string()))),
    }
}

/// The rows of the metadata that a list names, sorted.
fn listed_rows(path: &Path) -> verglas_formats::Result<Vec<u64>> {
    let mut reader = StarReader::open(path)?;
    let mut rows = Vec::new();
    while let Some(block) = reader.next_block()? {
        let Some(column) = block.position(SKIPPED_ROW_COLUMN)? else { continue };
        let mut row = Row::new();
        while reader.read_row(&mut row)? {
            // What is no number is none of the rows.
            rows.push(row.value(column).and_then(parse_u64).unwrap_or(u64::MAX));
        }
    }
    rows.sort_unstable();
    Ok(rows)
}
