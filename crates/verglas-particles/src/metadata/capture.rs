//! What STAR and `.cs` files have in common: the columns that say how each image was taken become a [`ParticleTable`],
//! to which each format adds its own columns.

use verglas_core::findings::Findings;

use super::defaults::Defaults;
use super::ranges::{Measured, Quantity, check_ranges};
use super::{AngleUnit, constants};
use crate::particle::{
    Column, DefocusAngleAxis, MetadataSource, OriginColumns, Pairing, ParticleTable, PoseColumns, SectionIndex,
};

/// Rows whose images are known: which row of which file describes which section of which image file.
#[derive(Debug)]
pub(super) struct RowsWithImages {
    pub(super) sources: Vec<MetadataSource>,
    pub(super) pairing: Pairing,
    pub(super) row: Vec<u32>,
    pub(super) image_names: Vec<Vec<u8>>,
    pub(super) image: Vec<u32>,
    pub(super) section: Vec<SectionIndex>,
}

/// How the image of each row was taken, as far as the file says it.
#[derive(Debug)]
pub(super) struct CaptureColumns {
    pub(super) defocus_u_angstrom: Column,
    pub(super) defocus_v_angstrom: Column,
    pub(super) defocus_angle: Column,
    pub(super) defocus_angle_unit: AngleUnit,
    pub(super) spherical_aberration_mm: Column,
    pub(super) voltage_kv: Column,
    pub(super) amplitude_contrast: Option<Column>,
    pub(super) phase_shift: Option<Column>,
    pub(super) phase_shift_unit: AngleUnit,
    pub(super) ctf_bfactor: Option<Column>,
    pub(super) ctf_scale_factor: Option<Column>,
}

/// The format's names for these columns.
#[derive(Debug)]
pub(super) struct CaptureNames {
    pub(super) defocus_u: &'static str,
    pub(super) defocus_v: &'static str,
    pub(super) defocus_angle: &'static str,
    pub(super) spherical_aberration: &'static str,
    pub(super) voltage: &'static str,
    pub(super) amplitude_contrast: &'static str,
    pub(super) phase_shift: &'static str,
    pub(super) ctf_bfactor: &'static str,
    pub(super) ctf_scale_factor: &'static str,
}

/// The default if nothing states it: usual for vitreous ice.
const DEFAULT_AMPLITUDE_CONTRAST: f64 = 0.1;
const AMPLITUDE_CONTRAST: Column = Column::Constant(DEFAULT_AMPLITUDE_CONTRAST);
const PHASE_SHIFT: Column = Column::Constant(0.0);

impl CaptureColumns {
    /// Counts the defaults used for missing columns.
    pub(super) fn count_defaults(&self, names: &CaptureNames, n_rows: usize, defaults: &mut Defaults) {
        let mut count = |column: &Option<Column>, name: &str, default: f64| {
            if column.is_none() {
                defaults.add(name, default, n_rows);
            }
        };
        count(&self.phase_shift, names.phase_shift, 0.0);
        count(&self.amplitude_contrast, names.amplitude_contrast, DEFAULT_AMPLITUDE_CONTRAST);
        count(&self.ctf_bfactor, names.ctf_bfactor, 0.0);
        count(&self.ctf_scale_factor, names.ctf_scale_factor, 1.0);
    }

    /// Reports impossible values, and values that no known microscope has.
    pub(super) fn check(
        &self,
        names: &CaptureNames,
        n_rows: usize,
        place: &dyn Fn(usize) -> String,
        no_ctf_hint: &str,
        findings: &mut Findings,
    ) {
        let measured = |quantity: Quantity, name, column| Measured { quantity, name, column };
        let defocus_angle = Quantity::DefocusAngle(self.defocus_angle_unit);
        let phase_shift = Quantity::PhaseShift(self.phase_shift_unit);
        let amplitude_contrast = self.amplitude_contrast.as_ref().unwrap_or(&AMPLITUDE_CONTRAST);
        let columns = [
            measured(Quantity::Voltage, names.voltage, &self.voltage_kv),
            measured(Quantity::SphericalAberration, names.spherical_aberration, &self.spherical_aberration_mm),
            measured(Quantity::AmplitudeContrast, names.amplitude_contrast, amplitude_contrast),
            measured(Quantity::Defocus, names.defocus_u, &self.defocus_u_angstrom),
            measured(Quantity::Defocus, names.defocus_v, &self.defocus_v_angstrom),
            measured(defocus_angle, names.defocus_angle, &self.defocus_angle),
            measured(phase_shift, names.phase_shift, self.phase_shift.as_ref().unwrap_or(&PHASE_SHIFT)),
        ];
        check_ranges(&columns, n_rows, place, no_ctf_hint, findings);
    }

    /// The table of `rows`, without orientations, origins and other optional columns.
    pub(super) fn into_table(self, rows: RowsWithImages) -> ParticleTable {
        let RowsWithImages { sources, pairing, row, image_names, image, section } = rows;
        let amplitude_contrast = self.amplitude_contrast.unwrap_or(AMPLITUDE_CONTRAST);
        let (constants, constants_of) =
            constants::distinct(&self.voltage_kv, &self.spherical_aberration_mm, &amplitude_contrast, row.len());
        ParticleTable {
            sources,
            pairing,
            row,
            image_names,
            image,
            section,
            defocus_u_angstrom: self.defocus_u_angstrom,
            defocus_v_angstrom: self.defocus_v_angstrom,
            defocus_angle_rad: radians(self.defocus_angle, self.defocus_angle_unit),
            defocus_angle_axis: DefocusAngleAxis::Columns,
            phase_shift_rad: radians(self.phase_shift.unwrap_or(PHASE_SHIFT), self.phase_shift_unit),
            ctf_bfactor: self.ctf_bfactor,
            ctf_scale_factor: self.ctf_scale_factor,
            constants,
            constants_of,
            pose: PoseColumns::default(),
            origin: OriginColumns::default(),
            uid: None,
            blob_sign: None,
            stated_box: None,
            pixel_size_angstrom: None,
            detector_pixel_size_angstrom: None,
            differing_detector_pixel_sizes: None,
            other_pixel_sizes: Vec::new(),
        }
    }
}

fn radians(mut column: Column, unit: AngleUnit) -> Column {
    if unit == AngleUnit::Degrees {
        column.map_in_place(f64::to_radians);
    }
    column
}
