//! How metadata are read.

use verglas_core::choice::choice;

use super::rows::RowSelection;

choice! {
    /// What an angle is counted in.
    pub enum AngleUnit("unit", default Degrees) {
        /// As RELION writes them.
        Degrees = "degrees",
        /// Full turns are 2π.
        Radians = "radians",
    }
}

/// How metadata are read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadSettings {
    /// Unit of the defocus angle; other than degrees for sequential STAR files only.
    pub defocus_angle_unit: AngleUnit,
    /// Unit of the phase shift; other than degrees for sequential STAR files only.
    pub phase_shift_unit: AngleUnit,
    /// Only particles of these optics groups, by number or name (CryoSPARC: `ctf/exp_group_id`); empty means all.
    pub optics_groups: Vec<String>,
    /// Whether the caller's pixel size counts whatever the metadata say.
    pub ignore_metadata_pixel_size: bool,
    /// Only these rows; `None` means all.
    pub rows: Option<RowSelection>,
}
