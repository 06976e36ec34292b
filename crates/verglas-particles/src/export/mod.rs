//! The way back: from results, one value per image of an output folder, to the rows of the metadata they came from.
//!
//! The `row` and `uid` of the stacks say which row of the source file each image is. The chosen rows are copied as they
//! stand there, byte by byte, with the results as new columns behind, into a file that RELION or CryoSPARC reads.
//!
//! # Rules
//! - The source is the metadata file that the folder's manifest names; of two joined `.cs` files the first. It must have
//!   the size that it had; another time of change is reported. And each image's row must still name that image (STAR:
//!   `rlnImageName`; `.cs`: `uid`), whether the image is chosen or not. Rows of sequential pairs name nothing, so their
//!   size alone counts.
//! - Chosen are all images, or those of a mask or of indices. Rows come in the order of the images, with indices in the
//!   order of these. An index that comes twice is an error: it would put one particle into a data set twice.
//! - A new column holds one value per image of the folder, chosen or not. In STAR files it is called `_NAME`; a name
//!   that differs from an existing one by the prefix `rln` alone counts as the same.
//! - Of a STAR file everything outside the particles' rows stays as it is, byte by byte; comments and blank lines
//!   between rows are left out. Of several STAR files (sequential pairs) those with chosen rows become one, if they have the same
//!   columns and the same further blocks.

mod column;
mod cs;
mod folder;
mod line_ends;
mod selection;
mod source;
mod star;
mod star_source;
mod vector;

use std::path::{Path, PathBuf};

use column::NewColumn;
use folder::ImageFolder;
use selection::select_images;
use serde::Serialize;
use source::{SourceKind, check_unchanged};
use verglas_core::error::{Error, Result};
use verglas_core::findings::Findings;
use verglas_core::hint::Hint;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Export {
    /// The output folder of a conversion.
    pub folder: PathBuf,
    /// A `.npy` or `.pt` with a mask over all images or with indices into them; `None` for all images.
    pub rows: Option<PathBuf>,
    /// Names of new columns, and the `.npy` or `.pt` with one value for each image of the folder.
    pub columns: Vec<(String, PathBuf)>,
    /// The file to write: `.star` or `.cs`, as the source is.
    pub output: PathBuf,
    /// Whether `output` may be replaced.
    pub overwrite: bool,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The file.
    pub output: String,
    /// The metadata files whose rows it holds.
    pub sources: Vec<String>,
    /// Rows in it.
    pub n_rows: usize,
    /// Images of the folder.
    pub n_images: usize,
    /// The new columns.
    pub columns: Vec<String>,
}

/// Writes the rows of chosen images to a new metadata file. It appears under its name only when it is whole.
///
/// # Errors
/// When the folder is no whole output folder, when its source is gone or was altered, when an array does not fit the
/// folder's images, when a new column's name is taken, when the output is there already, or when it can't be written.
pub fn export(export: &Export, findings: &mut Findings) -> Result<Exported> {
    let kind = kind_of_output(&export.output)?;
    check_output(export)?;
    let folder = ImageFolder::open(&export.folder)?;
    let n_images = folder.n_images();
    for source in folder.sources() {
        let found = SourceKind::of(&source.path)?;
        if found != kind {
            return Err(Error::value(format!(
                "`{}` can't be written: the folder was made from `{}`, {}, whose rows have other columns than {}",
                export.output.display(),
                source.path.display(),
                found.name(),
                kind.name()
            ))
            .with_hint(format!("choose an output that ends in `.{}`", found.ending())));
        }
        check_unchanged(source, findings)?;
        refuse_same_file(&source.path, &export.output)?;
    }
    let chosen = match &export.rows {
        Some(path) => select_images(path, n_images)?,
        None => (0..n_images as u32).collect(),
    };
    let columns = NewColumn::read_all(&export.columns, n_images, &chosen)?;
    let sources = match kind {
        SourceKind::Star => star::write_star(&folder, &chosen, &columns, &export.output)?,
        SourceKind::Cs => cs::write_cs(&folder, &chosen, &columns, &export.output)?,
    };
    Ok(Exported {
        output: lossy(&export.output),
        sources,
        n_rows: chosen.len(),
        n_images,
        columns: columns.into_iter().map(|column| column.name).collect(),
    })
}

fn kind_of_output(output: &Path) -> Result<SourceKind> {
    let has_ending = |ending: &str| output.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
    [SourceKind::Star, SourceKind::Cs].into_iter().find(|kind| has_ending(kind.ending())).ok_or_else(|| {
        Error::value(format!("`{}`: expected an output that ends in `.star` or `.cs`", output.display()))
    })
}

fn check_output(export: &Export) -> Result<()> {
    let output = &export.output;
    // A link that leads nowhere is there too.
    if output.is_dir() {
        return Err(Error::value(format!("`{}` is a folder, expected a file to write", output.display())));
    }
    if output.symlink_metadata().is_ok() && !export.overwrite {
        return Err(Error::value(format!("`{}` is there already", output.display()))
            .with_hint("choose another name, or replace it with " + Hint::Overwrite));
    }
    Ok(())
}

/// The rows come from the source: replacing it would leave nothing to go back to.
fn refuse_same_file(source: &Path, output: &Path) -> Result<()> {
    match (source.canonicalize(), output.canonicalize()) {
        (Ok(source_path), Ok(output_path)) if source_path == output_path => Err(Error::value(format!(
            "`{}` is the file that the images were converted from; it is not replaced",
            source.display()
        ))
        .with_hint("choose another name")),
        _ => Ok(()),
    }
}

fn lossy(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
