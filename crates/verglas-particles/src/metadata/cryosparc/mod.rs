//! CryoSPARC's `.cs` files into a [`ParticleTable`].
//!
//! CryoSPARC splits one data set over two files, of which one names the images (`blob/…`) and the other, the
//! "passthrough", may hold everything else; rows belong together by `uid`.

mod batches;
mod columns;
mod fields;
mod file;
mod job;
mod join;
mod table;

use std::path::Path;

use columns::Columns;
use fields::Field;
use file::CsFile;
use join::{Uids, match_uids};
use table::{ImagedRows, assemble};
use verglas_core::error::{Error, Result};
use verglas_core::findings::Findings;

use super::ReadSettings;
use crate::particle::{MetadataSource, ParticleTable};
pub(crate) use batches::image_folder;
pub(super) use job::read_job;

/// Reads one `.cs` file whose rows name their images (`blob/path`, `blob/idx`), or two that are joined on `uid`.
pub(super) fn read_indexed(
    first: &Path,
    second: Option<&Path>,
    settings: &ReadSettings,
    findings: &mut Findings,
) -> Result<ParticleTable> {
    // Both are opened before either is refused for what it lacks: the other may be the file that is wrong.
    let mut files = vec![CsFile::open(first, findings)?];
    if let Some(second) = second {
        files.push(CsFile::open(second, findings)?);
    }
    let mut columns = read_joined(&mut files, Reading::indexed(), findings)?;
    let (Some(paths), Some(section)) = (columns.paths.take(), columns.sections.take()) else {
        return Err(Error::format(format!("`{}`: missing blob/path or blob/idx", first.display())));
    };
    let rows = ImagedRows {
        row: (0..columns.n_rows as u32).collect(),
        columns,
        image_names: paths.distinct,
        image: paths.of_row,
        section,
        sources: sources(&files),
    };
    assemble(rows, settings, findings)
}

/// What is asked of files that are read together.
#[derive(Debug, Clone, Copy)]
struct Reading {
    /// Whether rows must name their images.
    is_indexed: bool,
    /// Whether what the second file says of the images counts, whatever the first one says.
    blob_from_second: bool,
}

impl Reading {
    fn indexed() -> Self {
        Self { is_indexed: true, blob_from_second: false }
    }

    fn in_sequence() -> Self {
        Self { is_indexed: false, blob_from_second: false }
    }
}

/// The files as sources of a table.
fn sources(files: &[CsFile]) -> Vec<MetadataSource> {
    files.iter().map(|file| MetadataSource { path: file.path.clone(), lines: None }).collect()
}

/// Reads the needed columns of one file, or of two joined on `uid`, in the order of the first.
///
/// Where both hold a column, the first file's counts. Of the other nothing is decoded.
fn read_joined(files: &mut [CsFile], reading: Reading, findings: &mut Findings) -> Result<Columns> {
    refuse_incomplete(files, reading)?;
    let holder = |field: Field, files: &[CsFile]| {
        if reading.blob_from_second && field.is_blob() {
            return files.iter().rposition(|file| file.has(field));
        }
        files.iter().position(|file| file.has(field))
    };
    let unneeded = |field: &Field| !reading.is_indexed && Field::IMAGE.contains(field);
    let wanted = Field::ALL.into_iter().filter(|field| !unneeded(field));
    let placed: Vec<(Field, usize)> = wanted.filter_map(|field| Some((field, holder(field, files)?))).collect();
    let of_file = |at: usize| -> Vec<Field> {
        placed.iter().filter(|(_, holder)| *holder == at).map(|(field, _)| *field).collect()
    };
    match files {
        [first, second] => {
            let mut columns = first.read(&of_file(0), findings)?;
            let fields: Vec<Field> = std::iter::once(Field::Uid).chain(of_file(1)).collect();
            let mut others = second.read(&fields, findings)?;
            if let (Some(uids), Some(other_uids)) = (&columns.uid, &others.uid) {
                let first = Uids { path: &first.path, of_row: uids };
                let second = Uids { path: &second.path, of_row: other_uids };
                if let Some(partners) = match_uids(first, second, findings)? {
                    others.select(&partners);
                }
            }
            columns.absorb(others);
            Ok(columns)
        }
        [only, ..] => only.read(&of_file(0), findings),
        [] => Err(Error::value("no .cs file given")),
    }
}

/// Says which required columns are missing, and which are there.
fn refuse_incomplete(files: &[CsFile], reading: Reading) -> Result<()> {
    let image_fields: &[Field] = if reading.is_indexed { &Field::IMAGE } else { &[] };
    let has = |field: &Field| files.iter().any(|file| file.has(*field));
    let required = image_fields.iter().chain(&Field::REQUIRED_CTF);
    let mut missing: Vec<String> = required.filter(|field| !has(field)).map(|field| field.name().to_owned()).collect();
    if files.len() > 1 {
        let without_uid = files.iter().filter(|file| !file.has(Field::Uid));
        missing.extend(without_uid.map(|file| format!("uid in `{}`, by which they are joined", file.path.display())));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = files.iter().map(|file| format!("`{}`", file.path.display())).collect();
    let mut error = Error::format(format!("{}: missing {}", names.join(" and "), missing.join(", ")));
    for file in files {
        let there = file.column_names.join(", ");
        error = error.with_detail(match files {
            [_] => format!("columns there: {there}"),
            _ => format!("columns of `{}`: {there}", file.path.display()),
        });
    }
    let has_ctf = Field::REQUIRED_CTF.iter().any(has);
    let has_image = Field::IMAGE.iter().any(has);
    Err(match (files.len(), has_image, has_ctf) {
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
