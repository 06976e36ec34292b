//! The columns of `.cs` files into a [`ParticleTable`]: defaults, units, dropped values.

use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, counted, counted_do};
use verglas_fourier::pose::Pose;

use super::columns::{Columns, GroupColumn};
use super::fields::Field;
use crate::metadata::capture::{CaptureColumns, CaptureNames, RowsWithImages};
use crate::metadata::columns::ColumnBuilder;
use crate::metadata::defaults::Defaults;
use crate::metadata::optics::OpticsGroups;
use crate::metadata::wanted::WantedRows;
use crate::metadata::{AngleUnit, ReadSettings, pixel_sizes, stated_sizes};
use crate::particle::{
    Column, MetadataSource, OriginColumn, OriginColumns, OriginUnit, OtherPixelSize, Pairing, ParticleTable,
    PoseColumns, SectionIndex,
};

/// Rows whose images are known.
#[derive(Debug)]
pub(super) struct ImagedRows {
    /// Every required column is there; images come from the next three.
    pub(super) columns: Columns,
    /// Per row of `columns`: its row in the first source.
    pub(super) row: Vec<u32>,
    pub(super) image_names: Vec<Vec<u8>>,
    /// Per row: index into `image_names`.
    pub(super) image: Vec<u32>,
    /// Per row: section within that file.
    pub(super) section: Vec<SectionIndex>,
    /// The files, the one whose rows count first.
    pub(super) sources: Vec<MetadataSource>,
}

/// The table of particles, those of the chosen exposure groups and rows only.
///
/// # Errors
/// When the particles are volumes.
pub(super) fn assemble(rows: ImagedRows, settings: &ReadSettings, findings: &mut Findings) -> Result<ParticleTable> {
    let ImagedRows { mut columns, mut row, image_names, mut image, mut section, sources } = rows;
    let path = sources.first().map(|source| source.path.clone()).unwrap_or_default();
    let groups = columns.groups.take().map(GroupColumn::into_optics_groups);
    let mut wanted = WantedRows::new(settings);
    let n_rows = sources.first().map_or(0, |source| source.n_rows);
    let kept = wanted.select(&path, groups.as_ref(), n_rows, Some(&row), findings);
    // That nothing is chosen is an error, told here; what else is wrong is found all the same.
    wanted.finish(&path, findings);
    let kept = kept.filter(|kept| !kept.is_empty());
    if let Some(kept) = &kept {
        let of = |kept: &[u32], values: &[u32]| kept.iter().map(|&row| values[row as usize]).collect();
        row = of(kept, &row);
        image = of(kept, &image);
        section = kept.iter().map(|&row| section[row as usize]).collect();
        columns.select(kept);
    }
    let n_rows = row.len();

    // What is missing is an error already.
    let mut required =
        |field: Field| take_one(&mut columns, field).unwrap_or_else(|| Column::Constant(stand_in(field)));
    let capture = CaptureColumns {
        defocus_u_angstrom: required(Field::DefocusU),
        defocus_v_angstrom: required(Field::DefocusV),
        defocus_angle: required(Field::DefocusAngle),
        defocus_angle_unit: AngleUnit::Radians,
        spherical_aberration_mm: required(Field::SphericalAberration),
        voltage_kv: required(Field::Voltage),
        amplitude_contrast: Some(required(Field::AmplitudeContrast)),
        phase_shift: take_one(&mut columns, Field::PhaseShift),
        phase_shift_unit: AngleUnit::Radians,
        ctf_bfactor: take_one(&mut columns, Field::Bfactor),
        ctf_scale_factor: take_one(&mut columns, Field::Scale),
    };
    let mut defaults = Defaults::new();
    capture.count_defaults(&NAMES, n_rows, &mut defaults);
    defaults.report(findings);
    capture.check(
        &NAMES,
        n_rows,
        &|at| format!("row {} of `{}`", row[at], path.display()),
        "in CryoSPARC, run Patch CTF Estimation on the micrographs and extract the particles from its output; particles that \
         were imported need a STAR file that holds their CTF",
        findings,
    );
    refuse_volumes(columns.numbers(Field::BlobShape), &path)?;

    let group_label = groups.as_ref().map(|groups| {
        let kept = kept.as_deref();
        move |row: usize| {
            let row = kept.map_or(row, |kept| kept[row] as usize);
            groups.labels[groups.of_row[row] as usize].0.clone()
        }
    });
    report_dropped(&mut columns, &path.display().to_string(), n_rows, findings);
    let pixel_size_angstrom = pixel_sizes::from_metadata(
        &path,
        Field::BlobPixelSize.name(),
        take_one(&mut columns, Field::BlobPixelSize).as_ref(),
        n_rows,
        group_label.as_ref().map(|label| label as &dyn Fn(usize) -> String),
        settings.ignore_metadata_pixel_size,
        findings,
    );
    let other_pixel_sizes = match pixel_size_angstrom {
        Some(_) => Vec::new(),
        None => other_sizes(&columns, n_rows),
    };
    let pose = match columns.take::<3>(Field::Pose) {
        Some(vector) => relion_angles(&vector, n_rows),
        None => take_in_plane(&mut columns, &path, n_rows, findings),
    };
    let origin = take_origin(&mut columns, &path.display().to_string(), n_rows, findings);
    let rows = RowsWithImages { sources, pairing: Pairing::Indexed, row, image_names, image, section };
    Ok(ParticleTable {
        pose,
        origin,
        uid: columns.uid.take(),
        blob_sign: take_one(&mut columns, Field::BlobSign),
        stated_box: columns.take(Field::BlobShape),
        pixel_size_angstrom,
        other_pixel_sizes,
        ..capture.into_table(rows)
    })
}

/// CryoSPARC's names for the columns of the contrast transfer.
const NAMES: CaptureNames = CaptureNames {
    defocus_u: Field::DefocusU.name(),
    defocus_v: Field::DefocusV.name(),
    defocus_angle: Field::DefocusAngle.name(),
    spherical_aberration: Field::SphericalAberration.name(),
    voltage: Field::Voltage.name(),
    amplitude_contrast: Field::AmplitudeContrast.name(),
    phase_shift: Field::PhaseShift.name(),
    ctf_bfactor: Field::Bfactor.name(),
    ctf_scale_factor: Field::Scale.name(),
};

/// What stands for a required column that is missing, so that nothing further seems to be wrong with it.
fn stand_in(field: Field) -> f64 {
    match field {
        Field::DefocusU | Field::DefocusV => 15_000.0,
        Field::SphericalAberration => 2.7,
        Field::Voltage => 300.0,
        Field::AmplitudeContrast => 0.1,
        _ => 0.0,
    }
}

fn take_one(columns: &mut Columns, field: Field) -> Option<Column> {
    columns.take::<1>(field).map(|[column]| column)
}

/// Rotation vectors as the angles that RELION would write for the same orientations, radians.
fn relion_angles(vector: &[Column; 3], n_rows: usize) -> PoseColumns {
    let [mut rot, mut tilt, mut psi] = [(); 3].map(|()| ColumnBuilder::default());
    for row in 0..n_rows {
        let pose = Pose::from_rotation_vector(vector.each_ref().map(|component| component.get(row)));
        rot.push(pose.rot);
        tilt.push(pose.tilt);
        psi.push(pose.psi);
    }
    PoseColumns { rot: Some(rot.finish()), tilt: Some(tilt.finish()), psi: Some(psi.finish()) }
}

/// Pixel sizes of the images that were aligned, and of the micrographs: these images may be others.
fn other_sizes(columns: &Columns, n_rows: usize) -> Vec<OtherPixelSize> {
    let of = |field: Field| (field.name(), columns.numbers(field).and_then(<[Column]>::first).cloned());
    stated_sizes::others(
        &[of(Field::AlignmentPixelSize), of(Field::InPlanePixelSize), of(Field::MicrographPixelSize)],
        n_rows,
    )
}

/// The angle of 2-D classification, which is psi, as pyem has it; what goes with it becomes what goes with a pose.
fn take_in_plane(columns: &mut Columns, path: &Path, n_rows: usize, findings: &mut Findings) -> PoseColumns {
    let Some(psi) = take_one(columns, Field::InPlaneAngle) else { return PoseColumns::default() };
    findings.warn(
        "poses-of-classes",
        format!(
            "`{}`: no alignments3D/pose: {} the in-plane angle and the shift of alignments2D/… only",
            path.display(),
            counted_do(n_rows, "row", "has", "have")
        ),
    );
    for (field, stands_for) in
        [(Field::InPlaneShift, Field::Shift), (Field::InPlanePixelSize, Field::AlignmentPixelSize)]
    {
        // A lone shift of another alignment would belong to another angle.
        columns.remove(stands_for);
        columns.numbers.iter_mut().filter(|(there, _)| *there == field).for_each(|(there, _)| *there = stands_for);
    }
    PoseColumns { psi: Some(psi), ..PoseColumns::default() }
}

/// Refuses volumes, whose `blob/shape` has three numbers.
fn refuse_volumes(shape: Option<&[Column]>, path: &Path) -> Result<()> {
    match shape {
        Some(sides) if sides.len() > 2 => Err(Error::format(format!(
            "`{}`: blob/shape has {} numbers per row, expected 2: its particles are volumes and not images",
            path.display(),
            sides.len()
        ))),
        _ => Ok(()),
    }
}

/// Shifts are in pixels of the images that were aligned, which need not be those that are converted: only with their
/// own pixel size do they become Å. The sign is RELION's, see [`verglas_fourier::pose`].
fn take_origin(columns: &mut Columns, path: &str, n_rows: usize, findings: &mut Findings) -> OriginColumns {
    let Some(shift) = columns.take::<2>(Field::Shift) else { return OriginColumns::default() };
    let size = take_one(columns, Field::AlignmentPixelSize);
    let Some(size) = size.filter(|size| (0..n_rows).all(|row| size.get(row) > 0.0)) else {
        findings.warn(
            "incomplete-origin",
            format!("`{path}`: alignments3D/shift comes without a positive alignments3D/psize_A; origins dropped"),
        );
        return OriginColumns::default();
    };
    let [x, y] = shift.map(|shift| {
        let mut origin = ColumnBuilder::default();
        (0..n_rows).for_each(|row| origin.push(shift.get(row) * size.get(row)));
        Some(OriginColumn { values: origin.finish(), unit: OriginUnit::Angstrom })
    });
    OriginColumns { x, y }
}

/// Warns of CryoSPARC's values that CryoLike's files have no place for.
fn report_dropped(columns: &mut Columns, path: &str, n_rows: usize, findings: &mut Findings) {
    for field in Field::DROPPED {
        let Some(is_set) = take_one(columns, field) else { continue };
        let n = (0..n_rows).filter(|&row| is_set.get(row) != 0.0).count();
        if n > 0 {
            let what = match field {
                Field::BeamTilt => "beam tilt",
                Field::Trefoil => "trefoil",
                Field::Tetrafoil => "tetrafoil",
                Field::AnisotropicMagnification => "anisotropic magnification",
                _ => "a shift of the aberrations",
            };
            findings.warn(
                "value-dropped",
                format!(
                    "`{path}`: {what} ({}) in {} has no place in CryoLike's files",
                    field.name(),
                    counted(n, "row")
                ),
            );
        }
    }
}

impl GroupColumn {
    fn into_optics_groups(self) -> OpticsGroups {
        let labels = self.distinct.iter().map(|id| (id.to_string(), None)).collect();
        OpticsGroups { labels, of_row: self.of_row }
    }
}
