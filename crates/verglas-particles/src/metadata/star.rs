//! STAR files into a [`ParticleTable`]: required columns, defaults, units, dropped values.

use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, counted};
use verglas_core::hint::{Hint, Setting};

use super::capture::{CaptureColumns, CaptureNames, RowsWithImages};
use super::columns::ColumnBuilder;
use super::defaults::Defaults;
use super::fields::Field;
use super::optics::{JoinedColumns, join_optics};
use super::pairs::report_other_images;
use super::sentinels::known_angles;
use super::star_file::{ImageColumns, StarFile, read_star_file};
use super::wanted::WantedRows;
use super::{ReadSettings, constants, kind, pixel_sizes, stated_sizes};
use crate::particle::{
    Column, MetadataSource, OriginColumn, OriginColumns, OriginUnit, Pairing, ParticleTable, PoseColumns, SectionIndex,
};

/// Reads one STAR file whose rows name their images (`rlnImageName`).
pub(super) fn read_indexed(path: &Path, settings: &ReadSettings, findings: &mut Findings) -> Result<ParticleTable> {
    let mut star = read_star_file(path, Pairing::Indexed, findings)?;
    let mut defaults = Defaults::new();
    let images = star.particles.images.take();
    let mut wanted = WantedRows::new(settings);
    let table = assemble(star, images, Pairing::Indexed, settings, &mut wanted, &mut defaults, findings)?;
    wanted.finish(path, findings);
    defaults.report(findings);
    table.ok_or_else(|| Error::value(format!("`{}`: no particles", path.display())))
}

/// Reads STAR files whose row k describes section k of an image file of their own.
pub(super) fn read_pairs(
    pairs: &[(PathBuf, PathBuf)],
    settings: &ReadSettings,
    findings: &mut Findings,
) -> Result<ParticleTable> {
    let mut defaults = Defaults::new();
    let mut wanted = WantedRows::new(settings);
    let mut whole: Option<ParticleTable> = None;
    let mut has_origin = [false; 2];
    for (star_path, image_path) in pairs {
        let star = read_star_file(star_path, Pairing::Sequential, findings)?;
        let mut star = star;
        let named = star.particles.images.take();
        let mut images = ImageColumns::default();
        images.files.distinct.push(path_bytes(image_path));
        images.files.of_row = vec![0; star.particles.n_rows];
        images.section = (0..star.particles.n_rows as u32).map(SectionIndex).collect();
        let kind = Pairing::Sequential;
        let lines = named.as_ref().map(|_| star.particles.lines.clone());
        let table = assemble(star, Some(images), kind, settings, &mut wanted, &mut defaults, findings)?;
        if let (Some(named), Some(lines), Some(table)) = (&named, &lines, &table) {
            report_other_images(star_path, image_path, named, &table.row, lines, findings);
        }
        if let Some(OriginColumns { x, y }) = table.as_ref().map(|table| &table.origin) {
            has_origin = [has_origin[0] || x.is_some(), has_origin[1] || y.is_some()];
        }
        match (&mut whole, table) {
            // No particle of this pair is in a chosen optics group.
            (_, None) => {}
            (None, table) => whole = table,
            (Some(whole), Some(table)) => append(whole, table),
        }
    }
    let first_path = pairs.first().map(|(star, _)| star.as_path()).unwrap_or(Path::new(""));
    let n_errors = findings.errors.len();
    wanted.finish(first_path, findings);
    defaults.report(findings);
    let Some(whole) = whole else {
        return Err(match findings.errors.len() > n_errors {
            true => findings.errors.remove(n_errors),
            false => Error::value("no STAR file given"),
        });
    };
    if has_origin != [whole.origin.x.is_some(), whole.origin.y.is_some()] {
        findings.warn(
            "incomplete-origin",
            "the STAR files have different columns of origins; those that some lack, or hold in another unit, are \
             dropped",
        );
    }
    Ok(whole)
}

/// One STAR file as a table of particles.
fn assemble(
    mut star: StarFile,
    images: Option<ImageColumns>,
    pairing: Pairing,
    settings: &ReadSettings,
    wanted: &mut WantedRows,
    defaults: &mut Defaults,
    findings: &mut Findings,
) -> Result<Option<ParticleTable>> {
    let path = star.path.clone();
    if star.particles.n_rows == 0 {
        return Err(Error::format(format!("`{}`: no particles: its particle block has no rows", path.display())));
    }
    let joined = join_optics(&mut star, pairing, findings);
    let is_joined = joined.is_ok();
    // Then the particles' own columns are looked at all the same.
    let mut columns = joined.unwrap_or_else(|error| {
        findings.error(error);
        JoinedColumns::of_particles(&mut star.particles)
    });
    let n_rows = star.particles.n_rows;
    let mut kept = match is_joined {
        true => wanted.select(&path, columns.groups.as_ref(), n_rows, None, findings),
        false => {
            wanted.give_up();
            None
        }
    };
    if kept.as_ref().is_some_and(Vec::is_empty) {
        match pairing {
            // That nothing is chosen is an error, told when the choice is finished.
            Pairing::Indexed => kept = None,
            Pairing::Sequential => return Ok(None),
        }
    }
    refuse_volumes(&path, &mut columns, kept.as_deref(), n_rows)?;
    let Some(mut images) = images else { return Err(missing_columns(&path, &star, &columns, true)) };
    if is_joined && Field::REQUIRED.iter().any(|field| !columns.has(*field)) {
        findings.error(missing_columns(&path, &star, &columns, false));
    }
    let required = Field::REQUIRED.map(|field| columns.take(field).unwrap_or(Column::Constant(stand_in(field))));

    let mut rows: Vec<u32> = (0..star.particles.n_rows as u32).collect();
    let select = |mut column: Column| {
        if let Some(kept) = &kept {
            column.select(kept);
        }
        column
    };
    if let Some(kept) = &kept {
        rows.clone_from(kept);
        images.files.of_row = kept.iter().map(|&row| images.files.of_row[row as usize]).collect();
        images.section = kept.iter().map(|&row| images.section[row as usize]).collect();
    }
    let n_rows = rows.len();
    let mut take = |field: Field| columns.take(field).map(select);
    let [defocus_u_angstrom, defocus_v_angstrom, defocus_angle, spherical_aberration_mm, voltage_kv] =
        required.map(select);
    let capture = CaptureColumns {
        defocus_u_angstrom,
        defocus_v_angstrom,
        defocus_angle,
        defocus_angle_unit: settings.defocus_angle_unit,
        spherical_aberration_mm,
        voltage_kv,
        amplitude_contrast: take(Field::AmplitudeContrast),
        phase_shift: take(Field::PhaseShift),
        phase_shift_unit: settings.phase_shift_unit,
        ctf_bfactor: take(Field::CtfBfactor),
        ctf_scale_factor: take(Field::CtfScalefactor),
    };
    // Of groups that are not known, what they lack is not either.
    if is_joined {
        capture.count_defaults(&NAMES, n_rows, defaults);
    }
    let place = |row: usize| {
        let row = rows[row];
        let line = star.particles.lines.line(row).unwrap_or(0);
        format!("row {row} of `{}` (line {line})", path.display())
    };
    let no_ctf_hint = "a CTF estimation (RELION's job CtfFind) comes before the extraction of particles";
    capture.check(&NAMES, n_rows, &place, no_ctf_hint, findings);
    let pose = take_pose(&path, &mut take, n_rows, findings);
    let origin = take_origin(&path, &mut take, findings);
    let (detector, magnification) = (take(Field::DetectorPixelSize), take(Field::Magnification));
    let (image_pixel_size, unheeded) = match pairing {
        Pairing::Indexed => (take(Field::ImagePixelSize), None),
        Pairing::Sequential => (None, take(Field::ImagePixelSize)),
    };
    let mut other_pixel_sizes = stated_sizes::others(
        &[
            ("rlnPixelSize", take(Field::PixelSize)),
            ("rlnMicrographPixelSize", take(Field::MicrographPixelSize)),
            ("rlnDetectorPixelSize", detector.clone().filter(|_| magnification.is_none())),
            ("rlnMagnification", magnification.clone().filter(|_| detector.is_none())),
        ],
        n_rows,
    );
    if image_pixel_size.is_some() {
        // Where the standard form is there, the others say nothing that matters.
        other_pixel_sizes.clear();
    }
    other_pixel_sizes.extend(unheeded.and_then(|sizes| stated_sizes::of_images("rlnImagePixelSize", &sizes, n_rows)));
    let detector_pixel_size = pixel_sizes::from_detector(detector, magnification, n_rows, &place, findings);
    let stated_box = take(Field::ImageSize).map(|side| [side.clone(), side]);
    let dropped = Dropped {
        beam_tilt: [take(Field::BeamTiltX), take(Field::BeamTiltY)],
        magnification: [Field::MagMat00, Field::MagMat01, Field::MagMat10, Field::MagMat11].map(&mut take),
        premultiplied: take(Field::CtfDataAreCtfPremultiplied),
        corrected: take(Field::CtfDataAreCtfCorrected),
        phase_flipped: take(Field::CtfDataArePhaseFlipped),
    };
    dropped.report(&path, n_rows, columns.has_zernikes, findings);
    let group_labels = columns.groups.as_ref().map(|groups| {
        let of = |row: usize| &groups.labels[groups.of_row[rows[row] as usize] as usize];
        move |row: usize| of(row).1.clone().unwrap_or_else(|| of(row).0.clone())
    });
    let pixel_size_angstrom = pixel_sizes::from_metadata(
        &path,
        "rlnImagePixelSize",
        image_pixel_size.as_ref(),
        n_rows,
        group_labels.as_ref().map(|label| label as &dyn Fn(usize) -> String),
        settings.ignore_metadata_pixel_size,
        findings,
    );

    let n_rows = star.particles.n_rows;
    let rows = RowsWithImages {
        sources: vec![MetadataSource { path, lines: Some(star.particles.lines), n_rows }],
        pairing,
        row: rows,
        image_names: images.files.distinct,
        image: images.files.of_row,
        section: images.section,
    };
    Ok(Some(ParticleTable {
        pose,
        origin,
        stated_box,
        pixel_size_angstrom,
        detector_pixel_size_angstrom: detector_pixel_size.as_ref().map(|size| size.angstrom),
        differing_detector_pixel_sizes: detector_pixel_size.and_then(|size| size.differing),
        other_pixel_sizes,
        ..capture.into_table(rows)
    }))
}

/// RELION's names for the columns of the contrast transfer.
const NAMES: CaptureNames = CaptureNames {
    defocus_u: Field::DefocusU.written(),
    defocus_v: Field::DefocusV.written(),
    defocus_angle: Field::DefocusAngle.written(),
    spherical_aberration: Field::SphericalAberration.written(),
    voltage: Field::Voltage.written(),
    amplitude_contrast: Field::AmplitudeContrast.written(),
    phase_shift: Field::PhaseShift.written(),
    ctf_bfactor: Field::CtfBfactor.written(),
    ctf_scale_factor: Field::CtfScalefactor.written(),
};

/// Refuses volumes, which need not have what images must.
fn refuse_volumes(path: &Path, columns: &mut JoinedColumns, kept: Option<&[u32]>, n_rows: usize) -> Result<()> {
    let Some(dimensionality) = columns.take(Field::ImageDimensionality) else { return Ok(()) };
    let is_volume = |row: usize| dimensionality.get(row) == 3.0;
    let has_volumes = match kept {
        Some(kept) => kept.iter().any(|&row| is_volume(row as usize)),
        None => matches!(dimensionality, Column::Constant(_)) && is_volume(0) || (0..n_rows).any(is_volume),
    };
    if has_volumes { Err(kind::subtomograms(path, "rlnImageDimensionality is 3")) } else { Ok(()) }
}

/// Takes out the angles that are there, as radians; if some are missing, a note says which are there.
fn take_pose(
    path: &Path,
    mut take: impl FnMut(Field) -> Option<Column>,
    n_rows: usize,
    findings: &mut Findings,
) -> PoseColumns {
    let fields = [Field::AngleRot, Field::AngleTilt, Field::AnglePsi];
    let angles = fields.map(|field| {
        let known = take(field).and_then(|angle| known_angles(path, field.name(), angle, n_rows, findings));
        known.map(|mut angle| {
            angle.map_in_place(f64::to_radians);
            angle
        })
    });
    let there = fields.iter().zip(&angles).filter(|(_, angle)| angle.is_some());
    let names: Vec<&str> = there.map(|(field, _)| field.written()).collect();
    if (1..fields.len()).contains(&names.len()) {
        findings.note(format!(
            "`{}`: of the three angles of an orientation only {} there",
            path.display(),
            if let [name] = &names[..] { format!("{name} is") } else { format!("{} are", names.join(" and ")) },
        ));
    }
    let [rot, tilt, psi] = angles;
    PoseColumns { rot, tilt, psi }
}

/// Takes out the origins, on each axis preferably those in Å rather than those in pixels; a note reports a lone axis.
fn take_origin(path: &Path, mut take: impl FnMut(Field) -> Option<Column>, findings: &mut Findings) -> OriginColumns {
    let mut axis = |angstrom: Field, pixels: Field| {
        let pixels = take(pixels).map(|values| OriginColumn { values, unit: OriginUnit::Pixel });
        take(angstrom).map(|values| OriginColumn { values, unit: OriginUnit::Angstrom }).or(pixels)
    };
    let x = axis(Field::OriginXAngst, Field::OriginX);
    let y = axis(Field::OriginYAngst, Field::OriginY);
    let lone = match (&x, &y) {
        (Some(_), None) => Some("X"),
        (None, Some(_)) => Some("Y"),
        _ => None,
    };
    if let Some(lone) = lone {
        findings.note(format!("`{}`: of the origins only those along {lone} are there", path.display()));
    }
    OriginColumns { x, y }
}

/// What stands for a required column that is missing, which is an error already, so that nothing further seems to be wrong
/// with it.
fn stand_in(field: Field) -> f64 {
    match field {
        Field::DefocusU | Field::DefocusV => 15_000.0,
        Field::SphericalAberration => 2.7,
        Field::Voltage => 300.0,
        _ => 0.0,
    }
}

/// Says which required columns are missing and which are there.
fn missing_columns(path: &Path, star: &StarFile, columns: &JoinedColumns, image_name_missing: bool) -> Error {
    let required = Field::REQUIRED.iter().filter(|field| !columns.has(**field));
    let mut missing: Vec<&str> = required.map(|field| field.written()).collect();
    if image_name_missing {
        missing.push("rlnImageName");
    }
    let names = star.particles.column_names.iter().map(String::as_str);
    let kind = kind::of_blocks([star.particles.block_name.as_str()]).or_else(|| kind::of_columns(names));
    // In sequence a file need not name its images.
    let kind = kind.filter(|_| image_name_missing || missing.contains(&"rlnDefocusU"));
    let what = kind.map_or(String::new(), |(what, _)| format!("{what}, no particles: "));
    let mut error = Error::format(format!("`{}`: {what}missing {}", path.display(), missing.join(", ")))
        .with_detail(format_args!("columns there: {}", star.particles.column_names.join(", ")));
    if let Some(optics) = &star.optics {
        error = error.with_detail(format_args!("in the optics block: {}", optics.written_columns.join(", ")));
    }
    if let Some(hint) = kind::particles_beside(path) {
        error.with_hint(hint)
    } else if let Some((_, hint)) = kind {
        error.with_hint(hint)
    } else if missing == ["rlnImageName"] {
        error.with_hint(
            "for rows that describe the sections of a stack in sequence, name it with " + Hint::Give(Setting::Images),
        )
    } else {
        error
    }
}

/// RELION's values that have no place in CryoLike's files.
struct Dropped {
    beam_tilt: [Option<Column>; 2],
    magnification: [Option<Column>; 4],
    premultiplied: Option<Column>,
    corrected: Option<Column>,
    phase_flipped: Option<Column>,
}

impl Dropped {
    fn report(&self, path: &Path, n_rows: usize, has_zernikes: bool, findings: &mut Findings) {
        let differs = |column: &Option<Column>, row: usize, neutral: f64| {
            column.as_ref().is_some_and(|column| column.get(row) != neutral)
        };
        let count = |changed: &dyn Fn(usize) -> bool| (0..n_rows).filter(|&row| changed(row)).count();
        let mut tell = |what: &str, n: usize| {
            if n > 0 {
                findings.warn(
                    "value-dropped",
                    format!("`{}`: {what} in {} has no place in CryoLike's files", path.display(), counted(n, "row")),
                );
            }
        };
        tell(
            "beam tilt (rlnBeamTiltX, rlnBeamTiltY)",
            count(&|row| self.beam_tilt.iter().any(|c| differs(c, row, 0.0))),
        );
        let identity = [1.0, 0.0, 0.0, 1.0];
        tell(
            "anisotropic magnification (rlnMagMat)",
            count(&|row| {
                // All four zero is not a magnification but means that the file has none.
                self.magnification.iter().zip(identity).any(|(c, neutral)| differs(c, row, neutral))
                    && self.magnification.iter().any(|c| differs(c, row, 0.0))
            }),
        );
        if has_zernikes {
            tell("higher-order aberration (rlnOddZernike, rlnEvenZernike)", n_rows);
        }
        for (column, name, what) in [
            (&self.premultiplied, "rlnCtfDataAreCtfPremultiplied", "multiplied by their CTF"),
            (&self.corrected, "rlnCtfDataAreCtfCorrected", "corrected for their CTF"),
            (&self.phase_flipped, "rlnCtfDataArePhaseFlipped", "corrected by flipping phases"),
        ] {
            let n = count(&|row| differs(column, row, 0.0));
            if n > 0 {
                findings.warn(
                    "ctf-corrected",
                    format!(
                        "`{}`: the images of {} are {what} already ({name}); CryoLike's files can't say so",
                        path.display(),
                        counted(n, "row")
                    ),
                );
            }
        }
    }
}

/// Appends the particles of a further pair.
fn append(whole: &mut ParticleTable, mut next: ParticleTable) {
    let (n, m) = (whole.len(), next.len());
    let join = |first: &mut Column, second: &Column| {
        let mut builder = ColumnBuilder::default();
        builder.push_column(first, n);
        builder.push_column(second, m);
        *first = builder.finish();
    };
    let join_optional = |first: &mut Option<Column>, second: Option<Column>, default: f64| {
        if first.is_some() || second.is_some() {
            let first = first.get_or_insert(Column::Constant(default));
            join(first, &second.unwrap_or(Column::Constant(default)));
        }
    };
    join(&mut whole.defocus_u_angstrom, &next.defocus_u_angstrom);
    join(&mut whole.defocus_v_angstrom, &next.defocus_v_angstrom);
    join(&mut whole.defocus_angle_rad, &next.defocus_angle_rad);
    join(&mut whole.phase_shift_rad, &next.phase_shift_rad);
    join_optional(&mut whole.ctf_bfactor, next.ctf_bfactor.take(), 0.0);
    join_optional(&mut whole.ctf_scale_factor, next.ctf_scale_factor.take(), 1.0);
    if whole.stated_box.is_some() || next.stated_box.is_some() {
        let unsaid = || [Column::Constant(f64::NAN), Column::Constant(f64::NAN)];
        let sides = whole.stated_box.get_or_insert_with(unsaid);
        let others = next.stated_box.take().unwrap_or_else(unsaid);
        sides.iter_mut().zip(&others).for_each(|(first, second)| join(first, second));
    }
    // Pixels have no size yet, so that different units can't be joined.
    let join_origin = |first: Option<OriginColumn>, second: Option<OriginColumn>| {
        let (mut first, second) = first.zip(second).filter(|(first, second)| first.unit == second.unit)?;
        join(&mut first.values, &second.values);
        Some(first)
    };
    whole.origin = OriginColumns {
        x: join_origin(whole.origin.x.take(), next.origin.x.take()),
        y: join_origin(whole.origin.y.take(), next.origin.y.take()),
    };
    let new_ids: Vec<u32> = next.constants.iter().map(|set| constants::intern(&mut whole.constants, *set)).collect();
    if whole.constants.len() > 1 {
        whole.constants_of.resize(n, 0);
        let ids = (0..m).map(|row| new_ids[next.constants_index(row) as usize]);
        whole.constants_of.extend(ids);
    }
    let first_image = whole.image_names.len() as u32;
    whole.image.extend(next.image.iter().map(|image| image + first_image));
    whole.image_names.extend(next.image_names);
    whole.row.extend(next.row);
    whole.section.extend(next.section);
    whole.sources.extend(next.sources);
    for other in next.other_pixel_sizes {
        if !whole.other_pixel_sizes.contains(&other) {
            whole.other_pixel_sizes.push(other);
        }
    }
    let (first, second) = (whole.detector_pixel_size_angstrom, next.detector_pixel_size_angstrom);
    if let (Some(a), Some(b)) = (first, second)
        && pixel_sizes::conflict(a, b)
        && whole.differing_detector_pixel_sizes.is_none()
    {
        whole.differing_detector_pixel_sizes = Some(format!("  {a} Å and {b} Å in different files"));
    }
    whole.detector_pixel_size_angstrom = first.or(second);
    whole.differing_detector_pixel_sizes =
        whole.differing_detector_pixel_sizes.take().or(next.differing_detector_pixel_sizes.take());
}

/// A path as raw bytes, as the file system has it.
fn path_bytes(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().to_vec()
}
