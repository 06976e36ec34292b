//! The pixel sizes that metadata state.

use std::fmt::Write as _;
use std::path::Path;

use crate::error::{Error, Result};
use crate::findings::Findings;
use crate::particle::Column;

/// Two pixel sizes are the same when they differ by no more than this, relatively.
pub(crate) const TOLERANCE: f64 = 1e-3;

/// Whether two pixel sizes differ by more than 0.1 %.
pub(crate) fn conflict(a: f64, b: f64) -> bool {
    (a - b).abs() > TOLERANCE * a.abs().max(b.abs())
}

/// The one pixel size, Å, that the column `name` states.
///
/// # Errors
/// When a size is not positive, or when sizes differ by more than 0.1 %: particles of different scale can't share a
/// descriptor. `ignored` says that the caller's own pixel size counts instead; then differing sizes are only reported.
pub(super) fn from_metadata(
    path: &Path,
    name: &str,
    sizes: Option<&Column>,
    n_rows: usize,
    group_label: Option<&dyn Fn(usize) -> String>,
    ignored: bool,
    findings: &mut Findings,
) -> Result<Option<f64>> {
    let Some(sizes) = sizes.filter(|_| n_rows > 0) else { return Ok(None) };
    let first = sizes.get(0);
    if let Some(row) = (0..n_rows).find(|&row| sizes.get(row) <= 0.0) {
        if ignored {
            return Ok(None);
        }
        return Err(Error::format(format!(
            "`{}`: {name} is {} in row {row}, expected a positive number of Å",
            path.display(),
            sizes.get(row)
        )));
    }
    if let Column::PerParticle(values) = sizes {
        let (min, max) = values.iter().fold((f64::MAX, 0.0_f64), |(min, max), &v| (min.min(v), max.max(v)));
        if conflict(min, max) {
            let listing = list_sizes(values, group_label);
            if ignored {
                findings.warn(
                    "pixel-sizes-differ",
                    format!("`{}`: {name} differs between rows and is not used\n{listing}", path.display()),
                );
            } else {
                return Err(Error::format(format!(
                    "`{}`: {name} differs between rows, and one descriptor can hold one pixel size only\n{listing}",
                    path.display()
                ))
                .with_hint("convert the groups apart, with --optics-group"));
            }
        } else {
            findings.warn(
                "pixel-sizes-differ",
                format!("`{}`: {name} varies from {min} to {max} Å; {first} Å is used", path.display()),
            );
        }
    }
    Ok(Some(first))
}

/// The distinct sizes with their optics groups and numbers of rows, one line each.
fn list_sizes(values: &[f64], group_label: Option<&dyn Fn(usize) -> String>) -> String {
    const MOST: usize = 10;
    let mut kinds: Vec<(f64, Option<String>, usize)> = Vec::new();
    let mut n_unlisted = 0;
    for (row, &size) in values.iter().enumerate() {
        let label = group_label.map(|label| label(row));
        let known = kinds.iter().position(|(there, group, _)| *there == size && *group == label);
        match known {
            Some(at) => kinds[at].2 += 1,
            None if kinds.len() < MOST => kinds.push((size, label, 1)),
            None => n_unlisted += 1,
        }
    }
    let mut listing = String::new();
    for (size, label, count) in kinds {
        let group = label.map_or_else(String::new, |label| format!("optics group {label}: "));
        let _ = writeln!(listing, "  {group}{size} Å, {count} rows");
    }
    if n_unlisted > 0 {
        let _ = writeln!(listing, "  and {n_unlisted} rows of further sizes");
    }
    listing.truncate(listing.trim_end().len());
    listing
}

/// RELION 3.0's pixel size: 10⁴ · `rlnDetectorPixelSize` (µm) / `rlnMagnification`, Å, of the first row.
pub(super) fn from_detector(
    path: &Path,
    detector: Option<Column>,
    magnification: Option<Column>,
    findings: &mut Findings,
) -> Option<f64> {
    let (detector, magnification) = (detector?, magnification?);
    let size = 1e4 * detector.get(0) / magnification.get(0);
    let n_rows = [&detector, &magnification]
        .into_iter()
        .map(|column| if let Column::PerParticle(values) = column { values.len() } else { 1 })
        .max()
        .unwrap_or(1);
    let varies = (0..n_rows).any(|row| conflict(1e4 * detector.get(row) / magnification.get(row), size));
    if varies {
        findings.warn(
            "pixel-sizes-differ",
            format!(
                "`{}`: rlnDetectorPixelSize/rlnMagnification differs between rows; the first row says {size} Å",
                path.display()
            ),
        );
    }
    (size.is_finite() && size > 0.0).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousandth_is_no_conflict_and_more_is() {
        assert!(!conflict(1.0, 1.0009));
        assert!(conflict(1.0, 1.0012));
        assert!(conflict(1.0012, 1.0));
    }

    #[test]
    fn relion_3_0_pixel_size() {
        // 14 µm at 104089-fold magnification.
        let mut findings = Findings::new();
        let size = from_detector(
            Path::new("a"),
            Some(Column::Constant(14.0)),
            Some(Column::Constant(104089.0)),
            &mut findings,
        );
        assert!((size.unwrap() - 1.345).abs() < 1e-4);
        assert!(findings.warnings.is_empty());
    }
}
