//! CryoSPARC's `.cs` files into a [`ParticleTable`].
//!
//! CryoSPARC splits one data set over two files, of which one names the images (`blob/…`) and the other, the
//! "passthrough", may hold everything else; rows are joined by `uid`.

mod batches;
mod both;
mod classes;
mod columns;
mod fields;
mod file;
mod job;
mod job_files;
mod join;
mod joined;
mod kind;
mod table;

use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_core::findings::Findings;

use crate::metadata::ReadSettings;
use crate::particle::ParticleTable;
pub(crate) use batches::image_folder;
pub(super) use batches::job_folder;
use file::CsFile;
pub(super) use job::{find_files, passthrough_file, read_job};
use joined::{Reading, read_joined, sources};
use table::{ImagedRows, assemble};

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
