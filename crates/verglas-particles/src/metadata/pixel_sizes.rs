//! The pixel sizes that metadata state.

use std::fmt::Write as _;
use std::path::Path;

use crate::particle::Column;
use verglas_core::error::Error;
use verglas_core::findings::{Findings, counted, shown};
use verglas_core::hint::{Hint, Setting};

/// Two pixel sizes are the same when they differ by no more than this, relatively.
pub(crate) const TOLERANCE: f64 = 1e-3;

/// Whether two pixel sizes differ by more than 0.1 %.
pub(crate) fn conflict(a: f64, b: f64) -> bool {
    (a - b).abs() > TOLERANCE * a.abs().max(b.abs())
}

/// The one pixel size, Å, that the column `name` states.
///
/// A size that is not positive is an error, and so are sizes that differ by more than 0.1 %: particles of different scale
/// can't share a descriptor. `ignored` says that the caller's own pixel size counts instead; then differing sizes are only
/// reported.
pub(super) fn from_metadata(
    path: &Path,
    name: &str,
    sizes: Option<&Column>,
    n_rows: usize,
    group_label: Option<&dyn Fn(usize) -> String>,
    ignored: bool,
    findings: &mut Findings,
) -> Option<f64> {
    let sizes = sizes.filter(|_| n_rows > 0)?;
    let first = sizes.get(0);
    if let Some(row) = (0..n_rows).find(|&row| sizes.get(row) <= 0.0) {
        if !ignored {
            findings.error(Error::format(format!(
                "`{}`: {name} is {} in row {row}, expected a positive number of Å",
                path.display(),
                shown(sizes.get(row))
            )));
        }
        return None;
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
                let error = Error::format(format!(
                    "`{}`: {name} differs between rows, but a descriptor holds only one pixel size\n{listing}",
                    path.display()
                ));
                findings.error(match group_label {
                    Some(_) => error.with_hint("convert the groups apart, with " + Hint::Give(Setting::OpticsGroup)),
                    None => error,
                });
            }
            return None;
        } else {
            findings.warn(
                "pixel-sizes-differ",
                format!(
                    "`{}`: {name} varies from {} to {} Å; {} Å is used",
                    path.display(),
                    shown(min),
                    shown(max),
                    shown(first)
                ),
            );
        }
    }
    Some(first)
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
        let _ = writeln!(listing, "  {group}{} Å, {}", shown(size), counted(count, "row"));
    }
    if n_unlisted > 0 {
        let _ = writeln!(listing, "  and {} of further sizes", counted(n_unlisted, "row"));
    }
    listing.truncate(listing.trim_end().len());
    listing
}

/// RELION 3.0's pixel size.
#[derive(Debug, PartialEq)]
pub(super) struct DetectorPixelSize {
    /// 10⁴ · `rlnDetectorPixelSize` (µm) / `rlnMagnification` of the first row, Å.
    pub(super) angstrom: f64,
    /// The sizes and their numbers of rows, where they differ by more than 0.1 %. That matters only if nothing better
    /// says the pixel size.
    pub(super) differing: Option<String>,
}

/// The pixel size that `rlnDetectorPixelSize` and `rlnMagnification` amount to, if both are there and make sense.
pub(super) fn from_detector(
    detector: Option<Column>,
    magnification: Option<Column>,
    n_rows: usize,
    place: &dyn Fn(usize) -> String,
    findings: &mut Findings,
) -> Option<DetectorPixelSize> {
    let (detector, magnification) = (detector?, magnification?);
    let size = |row: usize| 1e4 * detector.get(row) / magnification.get(row);
    let is_constant = matches!((&detector, &magnification), (Column::Constant(_), Column::Constant(_)));
    let sizes: Vec<f64> = (0..if is_constant { 1 } else { n_rows }).map(size).collect();
    if let Some(row) = sizes.iter().position(|size| !(size.is_finite() && *size > 0.0)) {
        findings.warn(
            "pixel-size-ignored",
            format!(
                "{}: rlnDetectorPixelSize {} and rlnMagnification {} give no pixel size; both are ignored for all rows",
                place(row),
                shown(detector.get(row)),
                shown(magnification.get(row))
            ),
        );
        return None;
    }
    let first = *sizes.first()?;
    let differing = sizes.iter().any(|&size| conflict(size, first)).then(|| list_sizes(&sizes, None));
    Some(DetectorPixelSize { angstrom: first, differing })
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
        let mut from = |detector: Column, magnification: Column| {
            from_detector(Some(detector), Some(magnification), 2, &|row| format!("row {row}"), &mut findings)
        };
        let size = from(Column::Constant(14.0), Column::Constant(104_089.0)).unwrap();
        assert!((size.angstrom - 1.345).abs() < 1e-4 && size.differing.is_none());
        let size = from(Column::Constant(14.0), Column::PerParticle(vec![140_000.0, 100_000.0])).unwrap();
        assert_eq!((size.angstrom, size.differing.as_deref()), (1.0, Some("  1 Å, 1 row\n  1.4 Å, 1 row")));
        assert_eq!(from(Column::Constant(14.0), Column::Constant(0.0)), None);
        assert_eq!(findings.warnings.len(), 1);
    }
}
