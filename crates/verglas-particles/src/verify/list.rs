//! The list of the images that were left out: what a run wrote, and all that the manifests count.

use std::path::Path;

use crate::stack::SKIPPED;
use verglas_core::findings::counted;
use verglas_formats::star::{Row, StarReader, value::parse_u64};
use verglas_run::manifest::{FileRecord, Manifest};
use verglas_run::verify::Problem;

use super::file::check_file;
use super::found::Verification;
use crate::convert::SKIPPED_ROW_COLUMN;

/// Compares `skipped.star` with the manifests' records, and the rows in it with theirs.
pub(super) fn check_list(folder: &Path, parts: &[Manifest], found: &mut Verification) {
    for part in parts.iter().filter(|part| part.is_complete) {
        if part.skipped_list.is_empty() && !part.skipped.is_empty() {
            let n_skipped = counted(part.skipped.len(), "image");
            let message = format!("{} counts {n_skipped} left out, but names no list of them", part.file_name());
            found.problems.push(Problem::new("manifest-damaged", message));
        }
    }
    let records: Vec<&FileRecord> = parts.iter().flat_map(|part| &part.skipped_list).collect();
    if let Some(other) = records.iter().find(|record| record.name != SKIPPED) {
        let message = format!("the manifest names the list `{}`, expected `{SKIPPED}`", other.name);
        found.problems.push(Problem::new("manifest-damaged", message));
        return;
    }
    let Some(last) = records.last() else { return };
    // Shards write the list one after the other: it is what any one of them wrote.
    let path = folder.join(SKIPPED);
    let list = match verglas_formats::read_regular(&path) {
        Ok(list) if records.contains(&&FileRecord::of(SKIPPED, &list)) => list,
        _ => return check_file(folder, last, found),
    };
    found.n_bytes += list.len() as u64;
    if !parts.iter().all(|part| part.is_complete) {
        return;
    }
    let mut expected: Vec<u64> = parts.iter().flat_map(|part| &part.skipped).map(|image| image.row.into()).collect();
    expected.sort_unstable();
    match listed_rows(&list) {
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
fn listed_rows(list: &[u8]) -> verglas_formats::Result<Vec<u64>> {
    let mut reader = StarReader::new(list);
    let mut rows = Vec::new();
    while let Some(block) = reader.next_block()? {
        let Some(column) = block.position(SKIPPED_ROW_COLUMN)? else { continue };
        let mut row = Row::new();
        while reader.read_row(&mut row)? {
            // A value that is not a number is not one of the rows.
            rows.push(row.value(column).and_then(parse_u64).unwrap_or(u64::MAX));
        }
    }
    rows.sort_unstable();
    Ok(rows)
}
