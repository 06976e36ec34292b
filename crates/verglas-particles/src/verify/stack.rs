//! One stack: its files against the manifest, and against each other.

use std::path::Path;
use std::sync::atomic::Ordering;

use verglas_core::StopFlag;
use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;
use verglas_formats::npz::NpzReader;
use verglas_formats::pt::{ElementType, PtFile};
use verglas_fourier::grid::Precision;
use verglas_run::descriptor::ImageDescriptor;
use verglas_run::manifest::{FileRecord, Manifest, StackRecord};
use verglas_run::names::{StackNames, stack_file_number};

use super::{Problem, checksum_file};

/// What was found of a stack.
#[derive(Debug)]
pub(super) struct StackFound {
    pub(super) problems: Vec<Problem>,
    pub(super) n_bytes: u64,
    /// `None` unless the metadata can be read.
    pub(super) contents: Option<StackContents>,
}

/// What its metadata say.
#[derive(Debug)]
pub(super) struct StackContents {
    pub(super) descriptor: ImageDescriptor,
    /// The rows of its images; empty unless asked for.
    pub(super) rows: Vec<u64>,
}

/// Looks at one stack.
pub(super) fn check_stack(
    folder: &Path,
    part: &Manifest,
    stack: &StackRecord,
    with_rows: bool,
    stop: &StopFlag,
) -> StackFound {
    let mut found = StackFound { problems: Vec::new(), n_bytes: 0, contents: None };
    let names = StackNames::of(stack.number);
    let mut needed = vec![names.fourier.clone(), names.metadata.clone()];
    if part.writes_physical() {
        needed.push(names.physical.clone());
    }
    if part.writes_plots() {
        needed.extend(names.plots().map(Path::to_owned));
    }
    for name in needed {
        if !stack.files.iter().any(|file| Path::new(&file.name) == name) {
            let message = format!("{} does not record `{}`", part.file_name(), name.display());
            found.problems.push(Problem::new("manifest-damaged", message));
        }
    }
    for file in &stack.files {
        if !is_file_of(stack.number, &file.name) {
            let message = format!("{} has a file `{}` in stack {}", part.file_name(), file.name, stack.number);
            found.problems.push(Problem::new("manifest-damaged", message));
            continue;
        }
        let go_on = || !stop.load(Ordering::Relaxed);
        found.problems.extend(compare_file(&folder.join(&file.name), file, &mut found.n_bytes, go_on));
    }
    // What is broken already is not looked into.
    if found.problems.is_empty() {
        match check_contents(folder, part, stack, &names, with_rows) {
            Ok((contents, problems)) => {
                found.contents = Some(contents);
                found.problems = problems;
            }
            Err(error) => found.problems.push(Problem::new("stack-damaged", error.to_string())),
        }
    }
    found
}

/// Whether `name` is one of the names of a stack's files.
fn is_file_of(number: usize, name: &str) -> bool {
    match name.split_once('/') {
        Some((folder, file)) => !file.starts_with('.') && stack_file_number(folder, file) == Some(number),
        None => false,
    }
}

/// What differs between a file and its record, if anything does.
pub(super) fn compare_file(
    path: &Path,
    record: &FileRecord,
    n_bytes: &mut u64,
    go_on: impl Fn() -> bool,
) -> Option<Problem> {
    let shown = path.display();
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Some(Problem::new("file-missing", format!("`{shown}` is missing")));
        }
        Err(error) => return Some(Problem::new("file-unreadable", format!("cannot read `{shown}`: {error}"))),
        Ok(there) if !there.is_file() => {
            return Some(Problem::new("file-missing", format!("`{shown}` is no file any more")));
        }
        Ok(there) if there.len() != record.bytes => {
            let message = format!("`{shown}` has {} bytes, expected {}", there.len(), record.bytes);
            return Some(Problem::new("size-differs", message));
        }
        Ok(_) => {}
    }
    match checksum_file(path, go_on) {
        Err(error) => Some(Problem::new("file-unreadable", format!("cannot read `{shown}`: {error}"))),
        Ok(sum) => {
            *n_bytes += sum.bytes;
            let crc32 = format!("{:08x}", sum.crc32);
            (crc32 != record.crc32 || sum.bytes != record.bytes).then(|| {
                let message = format!(
                    "`{shown}` was altered, or is of another run: its checksum is {crc32}, expected {}",
                    record.crc32
                );
                Problem::new("checksum-differs", message)
            })
        }
    }
}

/// Compares what the files hold with each other and with the manifest.
fn check_contents(
    folder: &Path,
    part: &Manifest,
    stack: &StackRecord,
    names: &StackNames,
    with_rows: bool,
) -> Result<(StackContents, Vec<Problem>)> {
    let mut problems = Vec::new();
    let path = folder.join(&names.metadata);
    let in_file = |error| Error::from_format(&path, error);
    let mut npz = NpzReader::open(&path).map_err(in_file)?;
    npz.verify_crc().map_err(in_file)?;
    let descriptor = ImageDescriptor::read(&mut npz).map_err(in_file)?;
    let n_images = stack.n_images as u64;
    let mut expect = |what: &str, n: u64| {
        if n != n_images {
            let message = format!(
                "stack {}: {what} {}, {} counts {n_images}",
                stack.number,
                counted(n as usize, "image"),
                part.file_name()
            );
            problems.push(Problem::new("count-differs", message));
        }
    };
    let counted = npz.read("n_images").and_then(|array| array.to_u64()).map_err(in_file)?;
    expect("its metadata count", counted.first().copied().unwrap_or(0));
    let rows = npz.read("row").and_then(|array| array.to_u64()).map_err(in_file)?;
    expect("its `row` is for", rows.len() as u64);
    let files = npz.read("files").and_then(|array| array.to_text()).map_err(in_file)?;
    expect("its `files` is for", files.len() as u64);
    let sections = npz.read("idxs").and_then(|array| array.to_u64()).map_err(in_file)?;
    expect("its `idxs` is for", sections.len() as u64);

    let value = match descriptor.precision {
        Precision::Single => ElementType::Complex64,
        Precision::Double => ElementType::Complex128,
    };
    let grid = &descriptor.polar_grid;
    let fourier = [n_images, grid.n_shells() as u64, grid.n_inplanes() as u64];
    problems.extend(check_tensor(&folder.join(&names.fourier), value, &fourier)?);
    if part.writes_physical() {
        let side = descriptor.cartesian_grid.n_pixels() as u64;
        problems.extend(check_tensor(&folder.join(&names.physical), ElementType::Float32, &[n_images, side, side])?);
    }
    let rows = if with_rows { rows } else { Vec::new() };
    Ok((StackContents { descriptor, rows }, problems))
}

fn check_tensor(path: &Path, element: ElementType, shape: &[u64]) -> Result<Option<Problem>> {
    let file = PtFile::open(path).map_err(|error| Error::from_format(path, error))?;
    let tensor = file.tensor();
    let is_right = tensor.element_type() == element && tensor.shape() == shape && tensor.is_contiguous();
    Ok((!is_right).then(|| {
        let message = format!(
            "`{}` holds {} values of shape {:?}, expected {} of shape {shape:?}",
            path.display(),
            tensor.element_type().name(),
            tensor.shape(),
            element.name()
        );
        Problem::new("shape-differs", message)
    }))
}
