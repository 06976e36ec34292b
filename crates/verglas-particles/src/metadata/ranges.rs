//! The possible and the likely values of the CTF: one table for every kind of metadata.
//!
//! Impossible values are errors. Unlikely values give a warning with the expected unit and the likely
//! mistake.

use std::f64::consts::PI;

use super::AngleUnit;
use crate::particle::Column;
use verglas_core::error::Error;
use verglas_core::findings::{Findings, counted, shown};

/// The quantity in a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Quantity {
    /// kV.
    Voltage,
    /// mm.
    SphericalAberration,
    /// A fraction.
    AmplitudeContrast,
    /// Å.
    Defocus,
    DefocusAngle(AngleUnit),
    PhaseShift(AngleUnit),
}

/// A column, what it holds and what its file calls it.
pub(super) struct Measured<'a> {
    pub(super) quantity: Quantity,
    pub(super) name: &'a str,
    pub(super) column: &'a Column,
}

/// The least and the greatest of what is possible, and of what is likely.
struct Range {
    is_possible: fn(f64) -> bool,
    /// The condition of [`Range::is_possible`], in words.
    possible: &'static str,
    /// Compared with the value, or with its size where the sign means nothing.
    likely: [f64; 2],
    of_size: bool,
    /// The condition of `likely`, in words.
    expected: String,
}

impl Quantity {
    fn range(self) -> Range {
        let any = |likely: [f64; 2], of_size: bool, expected: &str| Range {
            is_possible: |_| true,
            possible: "",
            likely,
            of_size,
            expected: expected.to_owned(),
        };
        // A whole turn that was rounded to single precision is still one.
        let turn = |unit: AngleUnit, what: &str| match unit {
            AngleUnit::Degrees => any([0.0, 360.0], true, &format!("{what} in degrees, within ±360")),
            AngleUnit::Radians => any([0.0, 2.0 * PI * (1.0 + 1e-6)], true, &format!("{what} in radians, within ±2π")),
        };
        match self {
            Self::Voltage => Range {
                is_possible: |kv| kv > 0.0,
                possible: "more than 0 kV",
                ..any([40.0, 1300.0], false, "40 to 1300 kV")
            },
            Self::SphericalAberration => any([0.0, 20.0], false, "0 to 20 mm"),
            Self::AmplitudeContrast => Range {
                is_possible: |fraction| (0.0..=1.0).contains(&fraction),
                possible: "a fraction from 0 to 1",
                ..any([0.0, 1.0], false, "a fraction from 0 to 1")
            },
            Self::Defocus => any([1e3, 1e6], true, "0.1 to 100 µm, in Å: 1000 to 1000000, either way"),
            Self::DefocusAngle(unit) => turn(unit, "an angle"),
            Self::PhaseShift(unit) => turn(unit, "a shift"),
        }
    }

    /// The most likely mistake behind a value out of range, if one is known.
    fn slip(self, value: f64) -> Option<&'static str> {
        let size = value.abs();
        match self {
            Self::Voltage if size >= 4e4 => Some("is it in V?"),
            Self::Voltage if size > 0.0 && size <= 1.3 => Some("is it in MV?"),
            Self::SphericalAberration if size > 2e4 => Some("is it in Å?"),
            Self::SphericalAberration if size > 100.0 => Some("is it in µm?"),
            Self::AmplitudeContrast if value > 1.0 && value <= 100.0 => {
                Some("is it in per cent? 10 % amplitude contrast is 0.1")
            }
            Self::Defocus if size == 0.0 => Some("was the CTF estimated?"),
            Self::Defocus if size <= 100.0 => Some("is it in µm?"),
            Self::Defocus if size < 1e3 => Some("is it in nm?"),
            Self::DefocusAngle(AngleUnit::Radians) | Self::PhaseShift(AngleUnit::Radians) => Some("is it in degrees?"),
            _ => None,
        }
    }
}

/// Looks at every row of `columns`. `place` names a row, as in ``row 12 of `run_data.star` (line 39)``.
///
/// Rows whose CTF is zero throughout have none, which is an error of its own; what is impossible is one error per
/// column, what is unlikely one warning, each with the number of rows.
pub(super) fn check_ranges(
    columns: &[Measured],
    n_rows: usize,
    place: &dyn Fn(usize) -> String,
    no_ctf_hint: &str,
    findings: &mut Findings,
) {
    let names = || columns.iter().filter(|column| is_estimated(column)).map(|column| column.name).collect::<Vec<_>>();
    if let Some((row, n)) = find_without_ctf(columns, n_rows) {
        findings.error(
            Error::format(format!("{}: {} are all 0: no CTF was estimated", place(row), names().join(", ")))
                .with_detail(format_args!("{n} of {} have none", counted(n_rows, "row")))
                .with_hint(no_ctf_hint),
        );
        return;
    }
    for measured in columns {
        let range = measured.quantity.range();
        let is_impossible = |value: f64| !range.possible.is_empty() && !(range.is_possible)(value);
        if let Some((row, n)) = find(measured.column, n_rows, is_impossible) {
            let value = measured.column.get(row);
            let mut error = Error::format(format!(
                "{}: {} is {}, expected {}",
                place(row),
                measured.name,
                shown(value),
                range.possible
            ));
            if n > 1 {
                error = error.with_detail(format_args!("and {} like it", counted(n - 1, "more row")));
            }
            findings.error(match measured.quantity.slip(value) {
                Some(slip) => error.with_hint(slip),
                None => error,
            });
            continue;
        }
        let [least, most] = range.likely;
        let is_unlikely = |value: f64| {
            let value = if range.of_size { value.abs() } else { value };
            value < least || value > most
        };
        if let Some((row, n)) = find(measured.column, n_rows, is_unlikely) {
            let value = measured.column.get(row);
            let slip = measured.quantity.slip(value).map_or(String::new(), |slip| format!(": {slip}"));
            findings.warn(
                "value-unlikely",
                format!(
                    "{} is {} in {} (first: {}), expected {}{slip}",
                    measured.name,
                    shown(value),
                    counted(n, "row"),
                    place(row),
                    range.expected
                ),
            );
        }
    }
}

/// Whether a program that estimates the CTF sets the column, or the microscope's settings do, to something but zero.
fn is_estimated(measured: &Measured) -> bool {
    matches!(measured.quantity, Quantity::Voltage | Quantity::SphericalAberration | Quantity::Defocus)
}

/// The first row without any CTF, and how many there are.
fn find_without_ctf(columns: &[Measured], n_rows: usize) -> Option<(usize, usize)> {
    let columns: Vec<&Column> = columns.iter().filter(|column| is_estimated(column)).map(|of| of.column).collect();
    // Nearly always the first column says no.
    if columns.is_empty() || columns.iter().any(|column| find(column, n_rows, |value| value == 0.0).is_none()) {
        return None;
    }
    let is_without = |row: &usize| columns.iter().all(|column| column.get(*row) == 0.0);
    let first = (0..n_rows).find(is_without)?;
    Some((first, (first..n_rows).filter(is_without).count()))
}

/// The first row whose value `is_meant`, and how many there are.
fn find(column: &Column, n_rows: usize, is_meant: impl Fn(f64) -> bool) -> Option<(usize, usize)> {
    match column {
        Column::Constant(value) => (n_rows > 0 && is_meant(*value)).then_some((0, n_rows)),
        Column::PerParticle(values) => {
            let n = values.iter().filter(|value| is_meant(**value)).count();
            (n > 0).then(|| (values.iter().position(|value| is_meant(*value)).unwrap_or(0), n))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Error or warning for one column of the values `values`.
    fn told(quantity: Quantity, values: &[f64]) -> (Option<String>, Option<String>) {
        let mut findings = Findings::new();
        let column = match values {
            [only] => Column::Constant(*only),
            _ => Column::PerParticle(values.to_vec()),
        };
        let measured = Measured { quantity, name: "x", column: &column };
        // Something that is not zero, so that there is a CTF.
        let other = Measured { quantity: Quantity::SphericalAberration, name: "y", column: &Column::Constant(2.7) };
        check_ranges(&[measured, other], values.len(), &|row| format!("row {row}"), "", &mut findings);
        (
            findings.errors.pop().map(|error| error.to_string()),
            findings.warnings.pop().map(|warning| warning.message.to_string()),
        )
    }

    #[test]
    fn what_no_microscope_has_is_an_error_with_its_row_and_count() {
        for (quantity, bad) in [
            (Quantity::Voltage, 0.0),
            (Quantity::Voltage, -300.0),
            (Quantity::AmplitudeContrast, -0.1),
            (Quantity::AmplitudeContrast, 10.0),
            (Quantity::AmplitudeContrast, f64::from(1.000_001_f32)),
        ] {
            let (error, warning) = told(quantity, &[0.5, bad, bad, 0.5]);
            let error = error.unwrap();
            assert!(error.starts_with("row 1: x is ") && error.ends_with("and 1 more row like it"), "{error}");
            assert_eq!(warning, None);
        }
    }

    #[test]
    fn what_is_unlikely_is_reported_with_unit_and_slip() {
        let degrees = AngleUnit::Degrees;
        for (quantity, bad, parts) in [
            (Quantity::Voltage, 300_000.0, ["40 to 1300 kV", "V?"]),
            (Quantity::Voltage, 39.0, ["40 to 1300 kV", ""]),
            (Quantity::SphericalAberration, 2.7e7, ["0 to 20 mm", "Å?"]),
            (Quantity::SphericalAberration, -0.1, ["0 to 20 mm", ""]),
            (Quantity::Defocus, 1.2, ["Å", "µm?"]),
            (Quantity::Defocus, -999.0, ["Å", "nm?"]),
            (Quantity::Defocus, -1.1e6, ["Å", ""]),
            (Quantity::PhaseShift(degrees), -361.0, ["±360", ""]),
            (Quantity::PhaseShift(AngleUnit::Radians), 90.0, ["±2π", "degrees?"]),
            (Quantity::DefocusAngle(degrees), -999.0, ["±360", ""]),
        ] {
            let (error, warning) = told(quantity, &[bad]);
            let warning = warning.unwrap();
            assert!(error.is_none() && parts.iter().all(|part| warning.contains(part)), "{warning}");
            assert!(warning.contains("in 1 row (first: row 0)"), "{warning}");
        }
    }

    #[test]
    fn the_limits_themselves_are_fine() {
        let radians = AngleUnit::Radians;
        for (quantity, values) in [
            (Quantity::Voltage, [40.0, 1300.0]),
            (Quantity::SphericalAberration, [0.0, 20.0]),
            (Quantity::AmplitudeContrast, [0.0, 1.0]),
            (Quantity::Defocus, [-1e6, 1e3]),
            (Quantity::PhaseShift(radians), [f64::from(2.0 * std::f32::consts::PI), -2.0 * PI]),
        ] {
            assert_eq!(told(quantity, &values), (None, None), "{quantity:?}");
        }
    }
}
