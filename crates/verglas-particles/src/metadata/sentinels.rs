//! Values that mean "unknown".

use std::path::Path;

use crate::particle::Column;
use verglas_core::findings::{Findings, counted};

/// RELION's value for an unknown angle, such as a prior or one of a manual pick, in degrees.
pub const NOT_KNOWN_DEG: f64 = -999.0;

/// The angles of `name`, degrees, with NaN where RELION has none; `None` if it has none at all.
pub(super) fn known_angles(
    path: &Path,
    name: &str,
    mut angles: Column,
    n_rows: usize,
    findings: &mut Findings,
) -> Option<Column> {
    let n_unknown = match &angles {
        Column::Constant(angle) => {
            if *angle == NOT_KNOWN_DEG {
                n_rows
            } else {
                0
            }
        }
        Column::PerParticle(values) => values.iter().filter(|angle| **angle == NOT_KNOWN_DEG).count(),
    };
    if n_unknown == 0 {
        return Some(angles);
    }
    let what = if n_unknown == n_rows { "the column is left out" } else { "these become NaN" };
    findings.warn(
        "angle-unknown",
        format!(
            "`{}`: rln{name} is -999, RELION's mark for unknown, in {}: {what}",
            path.display(),
            counted(n_unknown, "row")
        ),
    );
    angles.map_in_place(|angle| if angle == NOT_KNOWN_DEG { f64::NAN } else { angle });
    (n_unknown < n_rows).then_some(angles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_known_goes() {
        let mut findings = Findings::new();
        let mut known = |column| known_angles(Path::new("a.star"), "AnglePsi", column, 3, &mut findings);
        assert_eq!(known(Column::Constant(-999.0)), None);
        assert_eq!(known(Column::Constant(-99.9)), Some(Column::Constant(-99.9)));
        let Some(Column::PerParticle(some)) = known(Column::PerParticle(vec![1.0, -999.0, 2.0])) else { panic!() };
        assert!(some[0] == 1.0 && some[1].is_nan() && some[2] == 2.0);
        let told: Vec<String> = findings.warnings.iter().map(|warning| warning.message.to_string()).collect();
        assert!(
            told.len() == 2 && told[0].contains("3 rows: the column") && told[1].contains("1 row: these"),
            "{told:?}"
        );
    }
}
