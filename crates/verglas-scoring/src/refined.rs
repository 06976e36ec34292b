//! What is found of an image where the likelihood is right, beside what every likelihood has: a file of each unit.

use verglas_likelihood::ImageResult;
use verglas_structures::AxisOrder;

use crate::column::ColumnType;
use crate::pose::continuous_in_relions_convention;

/// The columns of the file, in order; those before [`N_IN_TABLES`] are columns of the tables, too.
pub(crate) const FIELDS: [&str; 24] = [
    "log_likelihood_grid",
    "contrast",
    "contrast_sd",
    "n_modes",
    "mode_share",
    "grid_share",
    "view_sd_deg",
    "psi_sd_deg",
    "shift_sd_angstrom",
    "prior_view_deg",
    "prior_shift_angstrom",
    "log_odds_particle",
    "p_particle",
    "pruned_mass",
    "evaluated_share",
    "rot_deg",
    "tilt_deg",
    "psi_deg",
    "origin_x_angstrom",
    "origin_y_angstrom",
    "is_between",
    "is_inverted",
    "audit_difference",
    "is_at_edge",
];
/// How many of them the tables have.
pub(crate) const N_IN_TABLES: usize = 15;
/// The first of those that say where the best mode is: angles, then the origin.
const POSE: usize = 15;
/// The first of those of particles.
const ODDS: usize = 11;
/// What was left out of the search.
const PRUNED: usize = 13;
const IS_BETWEEN: usize = 20;
const IS_INVERTED: usize = 21;
/// ln L of a search that leaves out nothing, less that of the one that does; of few images.
const AUDIT: usize = 22;
/// Whether the pose lies at the edge of what a known one allows.
const IS_AT_EDGE: usize = 23;
/// How far it lies from a known one.
const PRIOR: usize = 9;

/// What the tables' columns hold.
pub(crate) fn column_types() -> impl Iterator<Item = (&'static str, ColumnType)> {
    FIELDS[..N_IN_TABLES].iter().map(|name| match *name {
        "n_modes" => (*name, ColumnType::Whole),
        _ => (*name, ColumnType::Double),
    })
}

/// What a right likelihood says of one image with a structure beside what every one does; NaN where there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RefinedNumbers(pub(crate) [f64; FIELDS.len()]);

impl RefinedNumbers {
    /// Of an image that was left out.
    pub(crate) const NONE: Self = Self([f64::NAN; FIELDS.len()]);

    /// Of a result, on templates with these axes.
    pub(crate) fn of(result: &ImageResult, axes: AxisOrder) -> Self {
        let is_inverted = f64::from(u8::from(-result.smallest_cross_correlation > result.cross_correlation));
        let mut numbers = [f64::NAN; FIELDS.len()];
        numbers[..3].copy_from_slice(&[result.log_likelihood_integrated, result.contrast, result.contrast_sd]);
        numbers[IS_INVERTED] = is_inverted;
        if let Some((view, shift)) = result.prior_distance {
            numbers[PRIOR..PRIOR + 2].copy_from_slice(&[view.to_degrees(), shift]);
            numbers[IS_AT_EDGE] = f64::from(u8::from(result.is_at_edge));
        }
        numbers[PRUNED..PRUNED + 2].copy_from_slice(&[result.pruned_mass, result.evaluated_share]);
        if let Some(refined) = &result.refined {
            let (angles, origin) = continuous_in_relions_convention(&refined.pose, axes);
            let [rot, tilt, psi] = [angles.rot, angles.tilt, angles.psi].map(f64::to_degrees);
            numbers[1..PRIOR].copy_from_slice(&[
                refined.contrast,
                refined.contrast_sd,
                refined.n_modes as f64,
                refined.mode_share,
                refined.grid_share,
                refined.view_sd_rad.to_degrees(),
                refined.psi_sd_rad.to_degrees(),
                refined.shift_sd_angstrom,
            ]);
            numbers[POSE..POSE + 5].copy_from_slice(&[rot, tilt, psi, origin[0], origin[1]]);
            numbers[IS_BETWEEN] = f64::from(u8::from(refined.is_between));
        }
        Self(numbers)
    }

    /// The same with ln of the odds that there is a particle, and how likely that is.
    pub(crate) fn with_odds(mut self, log_odds: f64, probability: f64) -> Self {
        self.0[ODDS..ODDS + 2].copy_from_slice(&[log_odds, probability]);
        self
    }

    /// The same with how much larger ln L is where nothing is left out.
    pub(crate) fn with_audit(mut self, difference: f64) -> Self {
        self.0[AUDIT] = difference;
        self
    }

    /// Of one image's row of the file.
    pub(crate) fn of_row(row: &[f64]) -> Self {
        Self(std::array::from_fn(|at| row[at]))
    }

    /// A number by its name, as the tables' columns are called, or `is_between`, `is_inverted` (0 or 1), `audit_difference`, or of images with a known pose `is_at_edge`; `None` where there is none.
    pub fn get(&self, name: &str) -> Option<f64> {
        let at = FIELDS.iter().position(|field| *field == name)?;
        Some(self.0[at]).filter(|number| !number.is_nan())
    }

    /// rot, tilt, psi in degrees and the origin in Å of the best mode, if poses between the grid's were looked at.
    pub(crate) fn pose(&self) -> Option<([f64; 3], [f64; 2])> {
        let [rot, tilt, psi, x, y] = std::array::from_fn(|at| self.0[POSE + at]);
        (!rot.is_nan()).then_some(([rot, tilt, psi], [x, y]))
    }

    /// The numbers of the tables' columns.
    pub(crate) fn in_tables(&self) -> &[f64] {
        &self.0[..N_IN_TABLES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_where_they_are_looked_for() {
        assert_eq!(
            (FIELDS[N_IN_TABLES - 1], FIELDS[POSE], FIELDS[POSE + 4]),
            ("evaluated_share", "rot_deg", "origin_y_angstrom")
        );
        assert_eq!((FIELDS[IS_INVERTED], FIELDS[IS_BETWEEN]), ("is_inverted", "is_between"));
        assert_eq!(
            (FIELDS[ODDS], FIELDS[PRUNED], FIELDS[AUDIT]),
            ("log_odds_particle", "pruned_mass", "audit_difference")
        );
        assert_eq!((FIELDS[PRIOR], FIELDS[IS_AT_EDGE]), ("prior_view_deg", "is_at_edge"));
    }
}
