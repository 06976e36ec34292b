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
//! - Poses that were found for the images replace the source's. With them, the folder's images are the first
//!   ones only if no more were compared; rows without a pose are left out and reported. A pose is that of the source's
//!   image: where blocks of pixels were averaged, the middle of the image moved.
//! - Of a STAR file everything outside the particles' rows stays as it is, byte by byte; comments and blank lines
//!   between rows are left out. Of several STAR files (sequential pairs) those with chosen rows become one, if they have the same
//!   columns and the same further blocks.

mod column;
mod cs;
mod folder;
mod line_ends;
mod planned;
mod pose;
mod source;
mod star;
mod star_row;
mod star_source;

use std::path::{Path, PathBuf};

use crate::selection::select_images;
use column::NewColumn;
use folder::ImageFolder;
pub use planned::{PlannedImages, RecordedImages};
pub use pose::FoundPose;
use pose::{StarPoses, cs_poses};
use serde::Serialize;
use source::{SourceKind, check_unchanged};
use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, counted};
use verglas_core::hint::Hint;

/// What to export.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Export {
    /// The output folder of a conversion; not looked at for images that were never written ([`RecordedImages`]).
    pub folder: PathBuf,
    /// The metadata file that it was made from, if that is not to be looked for where the conversion found it.
    pub source: Option<PathBuf>,
    /// A `.npy` or `.pt` with a mask over all images or with indices into them; `None` for all images.
    pub rows: Option<PathBuf>,
    /// Names of new columns, and the `.npy` or `.pt` with one value for each image of the folder.
    pub columns: Vec<(String, PathBuf)>,
    /// The file to write: `.star` or `.cs`, as the source is.
    pub output: PathBuf,
    /// Whether `output` may be replaced.
    pub overwrite: bool,
}

/// A summary of what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The file.
    pub output: String,
    /// The metadata files whose rows it holds.
    pub sources: Vec<String>,
    /// Rows in it.
    pub n_rows: usize,
    /// Rows of these metadata files.
    pub n_source_rows: usize,
    /// Images of the folder; with poses, those that poses were looked for.
    pub n_images: usize,
    /// Rows of the sources that are left out, for nothing was found for them.
    pub n_left_out: usize,
    /// The new columns.
    pub columns: Vec<String>,
}

/// The warnings of a writer.
struct Written {
    /// Which of the folder's sources it took rows from.
    sources: Vec<usize>,
    /// Rows of these, taken or not.
    n_rows: usize,
}

/// Writes the rows of chosen images to a new metadata file. It appears under its name only when it is whole.
///
/// # Errors
/// When the folder is not a complete output folder, when its source is gone or was altered, when an array does not fit
/// the folder's images, when a new column's name is taken, when the output already exists, or when it can't be written.
pub fn export(export: &Export, findings: &mut Findings) -> Result<Exported> {
    check_output(export)?;
    let folder = ImageFolder::open(&export.folder, export.source.as_deref())?;
    write(export, &folder, None, findings)
}

/// The same with what was found for the first `poses.len()` images of the folder, in place of what the source says: in a STAR
/// file `rlnAngleRot`, `rlnAngleTilt`, `rlnAnglePsi`, `rlnOriginXAngst`, `rlnOriginYAngst`, `rlnClassNumber` (the structure, from
/// 1), `rlnLogLikeliContribution`, and, if present, `rlnOriginX` and `rlnOriginY` in pixels; in a `.cs`
/// `alignments3D/pose`, `alignments3D/shift`, `alignments3D/psize_A`, `alignments3D/class` (from 0), `verglas/log_likelihood`.
/// Rows without a result are left out, with a warning.
///
/// # Errors
/// As [`export`]; when the folder has fewer images; when nothing was found for any chosen one.
pub fn export_poses(export: &Export, poses: &[Option<FoundPose>], findings: &mut Findings) -> Result<Exported> {
    check_output(export)?;
    let folder = ImageFolder::open(&export.folder, export.source.as_deref())?;
    write(export, &folder, Some(poses), findings)
}

/// The same for images that another job made on the way and never wrote: there is no folder of them.
///
/// # Errors
/// As [`export_poses`]; when the metadata are not what the job read.
pub fn export_recorded_poses(
    export: &Export,
    images: &RecordedImages<'_>,
    poses: &[Option<FoundPose>],
    findings: &mut Findings,
) -> Result<Exported> {
    check_output(export)?;
    let folder = ImageFolder::of_recorded(images, export.source.as_deref())?;
    write(export, &folder, Some(poses), findings)
}

fn write(
    export: &Export,
    folder: &ImageFolder,
    poses: Option<&[Option<FoundPose>]>,
    findings: &mut Findings,
) -> Result<Exported> {
    let kind = kind_of_output(&export.output)?;
    let n_images = match poses {
        Some(poses) if poses.len() > folder.n_images() => {
            return Err(Error::value(format!(
                "`{}` holds {}, and {} were compared",
                folder.root().display(),
                counted(folder.n_images(), "image"),
                poses.len()
            )));
        }
        Some(poses) => poses.len(),
        None => folder.n_images(),
    };
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
    let mut chosen = match &export.rows {
        Some(path) => select_images(path, n_images)?,
        None => (0..n_images as u32).collect(),
    };
    let n_chosen = chosen.len();
    let mut found = Vec::new();
    if let Some(poses) = poses {
        chosen.retain(|&image| poses[image as usize].is_some());
        if chosen.is_empty() {
            return Err(Error::value(format!("nothing was found for any of {}", counted(n_chosen, "chosen image"))));
        }
        found = chosen.iter().filter_map(|&image| poses[image as usize]).collect();
    }
    let columns = NewColumn::read_all(&export.columns, n_images, &chosen)?;
    let images = poses.map(|_| folder.source_images()).transpose()?;
    let written = match kind {
        SourceKind::Star => {
            let poses = images.map(|images| StarPoses::new(&found, &images));
            star::write_star(folder, &chosen, poses.as_ref(), &columns, &export.output)?
        }
        SourceKind::Cs => {
            let poses = images.map_or(Vec::new(), |images| cs_poses(&found, &images));
            cs::write_cs(folder, &chosen, &poses, &columns, &export.output)?
        }
    };
    let n_left_out = match poses {
        Some(_) => warn_of_left_out(export, folder, n_images, n_chosen - chosen.len(), &written, findings),
        None => 0,
    };
    let path_of = |source: &usize| lossy(&folder.sources()[*source].path);
    Ok(Exported {
        output: lossy(&export.output),
        sources: written.sources.iter().map(path_of).collect(),
        n_rows: chosen.len(),
        n_source_rows: written.n_rows,
        n_images,
        n_left_out,
        columns: columns.into_iter().map(|column| column.name).collect(),
    })
}

/// Warns of rows that were requested but are left out: those of images that could not be compared (`n_without` of the
/// chosen), and, if all were requested, of images that were not compared or not converted.
fn warn_of_left_out(
    export: &Export,
    folder: &ImageFolder,
    n_images: usize,
    n_without: usize,
    written: &Written,
    findings: &mut Findings,
) -> usize {
    let (mut n_other, mut n_unconverted) = (0, 0);
    if export.rows.is_none() {
        let is_of = |source: u32| written.sources.contains(&(source as usize));
        let origins = folder.origins();
        let n_of = |from: usize| origins[from..].iter().filter(|origin| is_of(origin.source)).count();
        n_other = n_of(n_images);
        // One row may be several images' only in folders that were altered, which was found before.
        n_unconverted = written.n_rows.saturating_sub(n_of(0));
    }
    let n = n_without + n_other + n_unconverted;
    if n > 0 {
        let parts = [
            (n_unconverted, "not converted"),
            (n_other, "not compared: of later stacks"),
            (n_without, "compared without a result"),
        ];
        let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        let sources: Vec<String> =
            written.sources.iter().take(3).map(|&at| format!("`{}`", folder.sources()[at].path.display())).collect();
        findings.warn(
            "rows-left-out",
            format!(
                "{} of {} {} left out of `{}`, because nothing was found for their images: {}",
                counted(n, "row"),
                sources.join(", "),
                if n == 1 { "is" } else { "are" },
                export.output.display(),
                parts.join(", ")
            ),
        );
    }
    n
}

fn kind_of_output(output: &Path) -> Result<SourceKind> {
    let has_ending = |ending: &str| output.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
    [SourceKind::Star, SourceKind::Cs].into_iter().find(|kind| has_ending(kind.ending())).ok_or_else(|| {
        Error::value(format!("`{}`: expected an output that ends in `.star` or `.cs`", output.display()))
    })
}

fn check_output(export: &Export) -> Result<()> {
    let output = &export.output;
    kind_of_output(output)?;
    // A link that leads nowhere is there too.
    if output.is_dir() {
        return Err(Error::value(format!("`{}` is a folder, expected a file to write", output.display())));
    }
    if output.symlink_metadata().is_ok() && !export.overwrite {
        return Err(Error::value(format!("`{}` already exists", output.display()))
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
