//! Columns of one file, or of two that are joined on `uid`.

use verglas_core::error::{Error, Result};
use verglas_core::findings::Findings;

use super::both::report_differing;
use super::classes::{Family, read_most_probable};
use super::columns::Columns;
use super::fields::Field;
use super::file::CsFile;
use super::join::{Uids, match_uids};
use super::kind;
use crate::particle::MetadataSource;

/// The requirements for files that are read together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Whether rows must name their images.
    pub(super) is_indexed: bool,
    /// Whether the second file's columns about the images take precedence over the first one's.
    pub(super) blob_from_second: bool,
}

impl Reading {
    pub(super) fn indexed() -> Self {
        Self { is_indexed: true, blob_from_second: false }
    }

    pub(super) fn in_sequence() -> Self {
        Self { is_indexed: false, blob_from_second: false }
    }
}

/// The files as sources of a table.
pub(super) fn sources(files: &[CsFile]) -> Vec<MetadataSource> {
    files.iter().map(|file| MetadataSource { path: file.path.clone(), lines: None, n_rows: file.n_rows }).collect()
}

/// Reads the needed columns of one file, or of two joined on `uid`, in the order of the first.
///
/// Where both hold a column, the first file's counts. Of the other nothing is decoded.
pub(super) fn read_joined(files: &mut [CsFile], reading: Reading, findings: &mut Findings) -> Result<Columns> {
    refuse_incomplete(files, reading, findings)?;
    let holder = |field: Field, files: &[CsFile]| {
        if reading.blob_from_second && field.is_blob() {
            return files.iter().rposition(|file| file.has(field));
        }
        files.iter().position(|file| file.has(field))
    };
    // Poses of several classes, or of 2-D classification, are used if there are no others.
    let has_pose = holder(Field::Pose, files).is_some();
    let family = if has_pose { None } else { Family::find(files) };
    let has_size = holder(Field::BlobPixelSize, files).is_some();
    let unneeded = |field: &Field| {
        !reading.is_indexed && Field::IMAGE.contains(field)
            || has_size && *field == Field::MicrographPixelSize
            || (has_pose || family.is_some()) && Field::IN_PLANE.contains(field)
    };
    let wanted = Field::ALL.into_iter().filter(|field| !unneeded(field));
    let placed: Vec<(Field, usize)> = wanted.filter_map(|field| Some((field, holder(field, files)?))).collect();
    let of_file = |at: usize| -> Vec<Field> {
        placed.iter().filter(|(_, holder)| *holder == at).map(|(field, _)| *field).collect()
    };
    match files {
        [first, second] => {
            let mut columns = first.read(&of_file(0), findings)?;
            // What both hold is compared; what says of the images that the second holds is meant to differ in a job.
            let is_in_both = |field: &Field| {
                *field != Field::Uid && !(reading.blob_from_second && field.is_blob()) && second.has(*field)
            };
            let both: Vec<Field> = of_file(0).into_iter().filter(is_in_both).collect();
            let own = of_file(1);
            let fields: Vec<Field> = std::iter::once(Field::Uid).chain(own.iter().chain(&both).copied()).collect();
            let mut others = second.read(&fields, findings)?;
            if let Some(family) = family {
                for (file, columns) in [(&mut *first, &mut columns), (&mut *second, &mut others)] {
                    if family.file == file.path {
                        read_most_probable(&family, file, columns, findings)?;
                    }
                }
            }
            if let (Some(uids), Some(other_uids)) = (&columns.uid, &others.uid) {
                let first = Uids { path: &first.path, of_row: uids };
                let second = Uids { path: &second.path, of_row: other_uids };
                if let Some(partners) = match_uids(first, second, findings)? {
                    others.select(&partners);
                }
            }
            report_differing([&first.path, &second.path], &columns, &mut others, &both, findings);
            columns.absorb(others);
            Ok(columns)
        }
        [only, ..] => {
            let mut columns = only.read(&of_file(0), findings)?;
            if let Some(family) = family {
                read_most_probable(&family, only, &mut columns, findings)?;
            }
            Ok(columns)
        }
        [] => Err(Error::value("no .cs file given")),
    }
}

/// Says which required columns are missing, and which are there. Where only the CTF is, what else is wrong can be found all the
/// same.
///
/// # Errors
/// When rows name no images, or can't be joined.
fn refuse_incomplete(files: &[CsFile], reading: Reading, findings: &mut Findings) -> Result<()> {
    let Some(error) = incomplete(files, reading) else { return Ok(()) };
    let names_images =
        !reading.is_indexed || Field::IMAGE.iter().all(|field| files.iter().any(|file| file.has(*field)));
    let can_be_joined = files.len() == 1 || files.iter().all(|file| file.has(Field::Uid));
    if !(names_images && can_be_joined) {
        return Err(error);
    }
    findings.error(error);
    Ok(())
}

fn incomplete(files: &[CsFile], reading: Reading) -> Option<Error> {
    let image_fields: &[Field] = if reading.is_indexed { &Field::IMAGE } else { &[] };
    let has = |field: &Field| files.iter().any(|file| file.has(*field));
    let required = image_fields.iter().chain(&Field::REQUIRED_CTF);
    let mut missing: Vec<String> = required.filter(|field| !has(field)).map(|field| field.name().to_owned()).collect();
    if files.len() > 1 {
        let without_uid = files.iter().filter(|file| !file.has(Field::Uid));
        missing.extend(without_uid.map(|file| format!("uid in `{}`, by which they are joined", file.path.display())));
    }
    if missing.is_empty() {
        return None;
    }
    let names: Vec<String> = files.iter().map(|file| format!("`{}`", file.path.display())).collect();
    let kind = kind::of_files(files);
    let what = kind.as_ref().map_or(String::new(), |(what, _)| format!("{what}: "));
    let mut error = Error::format(format!("{}: {what}missing {}", names.join(" and "), missing.join(", ")));
    for file in files {
        let there = file.column_names.join(", ");
        error = error.with_detail(match files {
            [_] => format!("columns there: {there}"),
            _ => format!("columns of `{}`: {there}", file.path.display()),
        });
    }
    let has_ctf = Field::REQUIRED_CTF.iter().any(has);
    let has_image = Field::IMAGE.iter().any(has);
    if let Some((_, hint)) = kind {
        return Some(error.with_hint(hint));
    }
    if let [only] = files
        && let Some(hint) = kind::with_partner(&only.path)
    {
        return Some(error.with_hint(hint));
    }
    Some(match (files.len(), has_image, has_ctf) {
        (1, true, false) => error.with_hint(
            "CryoSPARC keeps these particles' CTF in another file of the job: give it, `…_passthrough_particles.cs`, as \
             second input",
        ),
        (1, false, true) if reading.is_indexed => error.with_hint(
            "this may be a `…_passthrough_particles.cs`: give the job's other file, the one with blob/path \
             (`…_particles.cs`), as first input and this one as second",
        ),
        _ => error,
    })
}
