//! CryoSPARC job directories: which row describes which image of the job's batches.

use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, counted};
use verglas_formats::mrc::read_header;

use super::batches::{Batches, Named, image_folder, job_folder};
use super::columns::Columns;
use super::fields::Field;
use super::file::CsFile;
use super::job_files::{Chosen, find_particles};
use super::joined::{Reading, read_joined, sources};
use super::table::{ImagedRows, assemble};
use crate::metadata::ReadSettings;
use crate::particle::{ParticleTable, SectionIndex};

/// The file that says how a job's own images were taken.
pub(in crate::metadata) fn passthrough_file(root: &Path, job_number: u64) -> PathBuf {
    job_folder(root, job_number).join(format!("J{job_number}_passthrough_particles.cs"))
}

/// The files with a job's particles, for jobs that keep no images in `restack` or `downsample`; `None` for those that do.
///
/// # Errors
/// When the job's folder is not there, or holds no particles, or several sets of them.
pub(in crate::metadata) fn find_files(root: &Path, job_number: u64) -> Result<Option<Chosen>> {
    let folder = job_folder(root, job_number);
    if !folder.is_dir() {
        return Err(Error::not_found(format!("`{}` does not exist: expected the folder of the job", folder.display())));
    }
    let has_images = image_folder(root, job_number).is_some();
    if has_images && passthrough_file(root, job_number).is_file() {
        return Ok(None);
    }
    match find_particles(&folder) {
        Ok(chosen) => Ok(Some(chosen)),
        // Then the file that is missing is the one to tell.
        Err(_) if has_images => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads `J<N>/J<N>_passthrough_particles.cs` below `root`, whose rows describe the images of the job's batches.
///
/// If that file, or another particle file of the job, names these very images (`blob/path`, `blob/idx`), that decides
/// which row describes which image; otherwise rows describe the images in sequence, across files.
pub(in crate::metadata) fn read_job(
    root: &Path,
    job_number: u64,
    settings: &ReadSettings,
    findings: &mut Findings,
) -> Result<ParticleTable> {
    let folder = job_folder(root, job_number);
    let batches = Batches::list(root, job_number, findings)?;
    let passthrough = passthrough_file(root, job_number);
    let mut files = vec![CsFile::open(&passthrough, findings)?];
    let Some(index) = find_index(&mut files[0], &folder, job_number, &batches)? else {
        let columns = read_joined(&mut files, Reading::in_sequence(), findings)?;
        if files[0].has(Field::BlobPath) {
            findings.warn(
                "rows-in-sequence",
                format!(
                    "`{}`: blob/path names other images than those in `{}`; its rows are assumed to describe these in \
                     sequence, and its pixel size and sign to apply to them",
                    passthrough.display(),
                    batches.folder.display()
                ),
            );
        }
        return assemble(pair_in_sequence(columns, &batches, &files, findings)?, settings, findings);
    };
    findings.note(format!("`{}` says which row describes which image of the job", index.path().display()));
    let reading = Reading { blob_from_second: matches!(index, Index::Other(_)), ..Reading::indexed() };
    if let Index::Other(file) = index {
        files.push(*file);
    }
    let columns = read_joined(&mut files, reading, findings)?;
    assemble(pair_by_index(columns, &batches, &files, findings)?, settings, findings)
}

/// The file that names the images of a job.
enum Index {
    Passthrough(PathBuf),
    Other(Box<CsFile>),
}

impl Index {
    fn path(&self) -> &Path {
        match self {
            Self::Passthrough(path) => path,
            Self::Other(file) => &file.path,
        }
    }
}

/// Looks for the file that names these very images: the passthrough file, then the job's own output, then any other
/// particle file in the job's folder, by name.
///
/// # Errors
/// When a file can't be read: it might have been the one, and rows in the wrong order would be worse than none.
fn find_index(passthrough: &mut CsFile, folder: &Path, job_number: u64, batches: &Batches) -> Result<Option<Index>> {
    if names_batches(passthrough, batches)? {
        return Ok(Some(Index::Passthrough(passthrough.path.clone())));
    }
    // Restack and Downsample jobs write the second and third, other jobs the first.
    let usual = [
        format!("J{job_number}_particles.cs"),
        "restacked_particles.cs".to_owned(),
        "downsampled_particles.cs".to_owned(),
    ];
    let unreadable = |error| Error::io(format_args!("cannot read `{}`", folder.display()), &error);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let Ok(name) = entry.map_err(unreadable)?.file_name().into_string() else { continue };
        let is_passthrough = passthrough.path.file_name().is_some_and(|there| there == name.as_str());
        if name.ends_with(".cs") && name.contains("particles") && !is_passthrough {
            names.push(name);
        }
    }
    let rank = |name: &String| usual.iter().position(|usual| usual == name).unwrap_or(usual.len());
    names.sort_by(|a, b| (rank(a), a).cmp(&(rank(b), b)));
    for name in names {
        // Oddities of a file are reported once it turns out to be needed.
        let mut file = CsFile::open(&folder.join(name), &mut Findings::new())?;
        if names_batches(&mut file, batches)? {
            return Ok(Some(Index::Other(Box::new(file))));
        }
    }
    Ok(None)
}

/// Whether a file's rows name image files of the job.
fn names_batches(file: &mut CsFile, batches: &Batches) -> Result<bool> {
    if !Field::IMAGE.iter().all(|field| file.has(*field)) {
        return Ok(false);
    }
    let columns = file.read(&[Field::BlobPath], &mut Findings::new())?;
    let is_named = |path: &Vec<u8>| batches.find(path) != Named::Other;
    Ok(columns.paths.is_some_and(|paths| paths.distinct.iter().any(is_named)))
}

/// Row k describes image k, counted across the batches.
fn pair_in_sequence(
    mut columns: Columns,
    batches: &Batches,
    files: &[CsFile],
    findings: &mut Findings,
) -> Result<ImagedRows> {
    let n_sections = count_sections(batches)?;
    let n_images: u64 = n_sections.iter().sum();
    let (n_rows, path) = (columns.n_rows, files[0].path.display());
    let counts = |n_images: u64| {
        let n_files = batches.file_names.len();
        format!(
            "`{path}` has {} and the {} in `{}` {} {}",
            counted(n_rows, "row"),
            counted(n_files, "image file"),
            batches.folder.display(),
            if n_files == 1 { "holds" } else { "hold" },
            counted(usize::try_from(n_images).unwrap_or(usize::MAX), "image")
        )
    };
    if (n_rows as u64) < n_images {
        return Err(Error::format(format!("{}, expected at least as many rows", counts(n_images)))
            .with_hint("its rows describe the images in sequence, so the last images would have none"));
    }
    if n_rows as u64 > n_images {
        findings.warn(
            "rows-without-image",
            format!(
                "{}: only {} used",
                counts(n_images),
                if n_images == 1 { "the first row is".to_owned() } else { format!("the first {n_images} rows are") }
            ),
        );
    }
    // No more images than rows, of which there are fewer than 2³².
    let row: Vec<u32> = (0..n_images as u32).collect();
    if row.len() < n_rows {
        columns.select(&row);
    }
    let mut image = Vec::with_capacity(row.len());
    let mut section = Vec::with_capacity(row.len());
    for (batch, &n_sections) in (0..).zip(&n_sections) {
        image.extend((0..n_sections).map(|_| batch));
        section.extend((0..n_sections as u32).map(SectionIndex));
    }
    let image_names = (0..batches.file_names.len()).map(|batch| batches.relative_path(batch).into_bytes()).collect();
    Ok(ImagedRows { columns, row, image_names, image, section, sources: sources(files) })
}

/// The number of images in each batch, as its header says.
fn count_sections(batches: &Batches) -> Result<Vec<u64>> {
    let mut n_sections = Vec::with_capacity(batches.file_names.len());
    let mut errors = Vec::new();
    for name in &batches.file_names {
        let path = batches.folder.join(name);
        match read_header(&path) {
            Ok(summary) => n_sections.push(summary.header.n_sections),
            Err(error) => errors.push(Error::from_format(&path, error)),
        }
    }
    Error::all_of(errors).map_or(Ok(n_sections), Err)
}

/// Each row describes the image that it names; rows that name no image of the job are reported and left out.
fn pair_by_index(
    mut columns: Columns,
    batches: &Batches,
    files: &[CsFile],
    findings: &mut Findings,
) -> Result<ImagedRows> {
    let (first, index) = (&files[0].path, &files[files.len() - 1].path);
    let (Some(paths), Some(section)) = (columns.paths.take(), columns.sections.take()) else {
        return Err(Error::format(format!("`{}`: missing blob/path or blob/idx", index.display())));
    };
    let batch_of_path: Vec<Named> = paths.distinct.iter().map(|path| batches.find(path)).collect();
    let mut image_names: Vec<Vec<u8>> =
        (0..batches.file_names.len()).map(|batch| batches.relative_path(batch).into_bytes()).collect();
    let mut is_named = vec![false; image_names.len()];
    for (path, named) in paths.distinct.iter().zip(&batch_of_path) {
        // As the metadata wrote it, unless the file's number is written otherwise there.
        if let Named::Batch(batch) = *named
            && !is_named[batch]
            && path.ends_with(batches.file_names[batch].as_bytes())
        {
            image_names[batch].clone_from(path);
            is_named[batch] = true;
        }
    }
    let mut row: Vec<u32> = Vec::with_capacity(columns.n_rows);
    let mut image: Vec<u32> = Vec::with_capacity(columns.n_rows);
    let mut first_without = None;
    for (at, &path) in paths.of_row.iter().enumerate() {
        match batch_of_path[path as usize] {
            Named::Batch(batch) => {
                row.push(at as u32);
                image.push(batch as u32);
            }
            Named::PastGap | Named::Other => {
                first_without.get_or_insert((at, path));
            }
        }
    }
    if let Some((at, path)) = first_without {
        let text = format!(
            "{} of {} of `{}` describe images that are not among the {} converted of `{}` (first: row {at}, `{}`)",
            columns.n_rows - row.len(),
            counted(columns.n_rows, "row"),
            first.display(),
            counted(batches.file_names.len(), "image file"),
            batches.folder.display(),
            String::from_utf8_lossy(&paths.distinct[path as usize])
        );
        if row.is_empty() {
            return Err(Error::format(text));
        }
        findings.warn("rows-without-image", format!("{text}; they are left out"));
    }
    let section: Vec<SectionIndex> = row.iter().map(|&row| section[row as usize]).collect();
    report_unnamed_images(batches, &image, &section, index, findings)?;
    if row.len() < columns.n_rows {
        columns.select(&row);
    }
    Ok(ImagedRows { columns, row, image_names, image, section, sources: sources(files) })
}

/// Warns of images that no row names: nothing else would.
fn report_unnamed_images(
    batches: &Batches,
    image: &[u32],
    section: &[SectionIndex],
    index: &Path,
    findings: &mut Findings,
) -> Result<()> {
    let n_sections = count_sections(batches)?;
    let n_images: u64 = n_sections.iter().sum();
    let mut named: Vec<(u32, u32)> = image.iter().copied().zip(section.iter().map(|section| section.0)).collect();
    named.retain(|&(image, section)| n_sections.get(image as usize).is_some_and(|&n| u64::from(section) < n));
    named.sort_unstable();
    named.dedup();
    let n_unnamed = n_images - named.len() as u64;
    if n_unnamed > 0 {
        findings.warn(
            "images-without-row",
            format!(
                "{n_unnamed} of {} in `{}` {} named by no row of `{}` and not converted",
                counted(usize::try_from(n_images).unwrap_or(usize::MAX), "image"),
                batches.folder.display(),
                if n_unnamed == 1 { "is" } else { "are" },
                index.display()
            ),
        );
    }
    Ok(())
}
