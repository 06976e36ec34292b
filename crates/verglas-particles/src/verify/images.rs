//! All stacks together: every image of the input is in one of them, or was left out by name.

use std::collections::BTreeMap;

use verglas_core::findings::{counted, counted_do};
use verglas_run::manifest::{Manifest, StackRecord};
use verglas_run::verify::Problem;

use super::found::Verification;
use super::stack::StackContents;

/// Counts images, and finds rows that appear in two stacks.
pub(super) fn check_images(
    parts: &[Manifest],
    records: &BTreeMap<usize, (&Manifest, &StackRecord)>,
    stacks: &[(usize, StackContents)],
    found: &mut Verification,
) {
    for part in parts.iter().filter(|part| part.is_complete) {
        let (n_written, n_skipped) = (part.n_images_written(), part.skipped.len());
        if n_written.checked_add(n_skipped) != Some(part.n_images) {
            let message = format!(
                "{} counts {} in stacks and {n_skipped} left out, expected {} in all",
                part.file_name(),
                counted(n_written, "image"),
                part.n_images
            );
            found.problems.push(Problem::new("count-differs", message));
        }
    }
    let is_whole = parts.iter().all(|part| part.is_complete) && parts.len() == found.n_shards.unwrap_or(1);
    if is_whole && found.n_shards.is_some() {
        let n_images = parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.n_images));
        let planned = parts.first().map_or(0, |part| part.plan.n_images);
        if n_images != planned {
            let message = format!("the shards count {}, expected {planned}", counted(n_images, "image"));
            found.problems.push(Problem::new("count-differs", message));
        }
    }
    // In sequential pairs rows are counted for each file, and the counts above are all there is to compare.
    let mut rows: Vec<(u64, usize)> =
        stacks.iter().flat_map(|(number, stack)| stack.rows.iter().map(|&row| (row, *number))).collect();
    rows.sort_unstable();
    let repeated = rows.iter().zip(rows.iter().skip(1)).find(|(a, b)| a.0 == b.0);
    if let Some((&(row, first), &(_, second))) = repeated {
        let message = format!("row {row} of the metadata is in stack {first} and again in stack {second}");
        found.problems.push(Problem::new("row-repeated", message));
    }
    let skipped = parts.iter().flat_map(|part| &part.skipped);
    if let Some(image) = skipped
        .clone()
        .find(|image| !stacks.is_empty() && rows.binary_search_by_key(&u64::from(image.row), |entry| entry.0).is_ok())
    {
        let message = format!("row {} of the metadata was left out, but is in a stack", image.row);
        found.problems.push(Problem::new("row-repeated", message));
    }
    let unknown = skipped.filter(|image| !records.contains_key(&image.stack)).count();
    if unknown > 0 {
        let message =
            format!("{} left out of stacks that are not recorded", counted_do(unknown, "image", "was", "were"));
        found.problems.push(Problem::new("manifest-damaged", message));
    }
}
