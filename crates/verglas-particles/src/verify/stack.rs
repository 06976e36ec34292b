//! One stack: its files against the manifest, and against each other.

use std::path::Path;
use std::sync::atomic::Ordering;

use verglas_core::StopFlag;
use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;
use verglas_core::hint::{Hint, Setting};
use verglas_formats::pt::{ElementType, PtFile};
use verglas_fourier::grid::Precision;
use verglas_run::descriptor::ImageDescriptor;
use verglas_run::folder::JobFiles;
use verglas_run::manifest::{Manifest, StackRecord};
use verglas_run::verify::{Problem, compare_file};

use crate::stack::{ConversionFiles, StackColumns, StackNames, keys};

use crate::convert::RecordedConversion;

/// The findings about a stack.
#[derive(Debug)]
pub(super) struct StackFound {
    pub(super) problems: Vec<Problem>,
    pub(super) n_bytes: u64,
    /// `None` unless the metadata can be read.
    pub(super) contents: Option<StackContents>,
}

/// The contents of its metadata.
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
    let settings = RecordedConversion::of(part);
    let mut needed = vec![names.fourier.clone(), names.metadata.clone()];
    if settings.writes_physical() {
        needed.push(names.physical.clone());
    }
    if settings.writes_plots() {
        needed.extend(names.plots().map(Path::to_owned));
    }
    for name in &needed {
        if !stack.files.iter().any(|file| Path::new(&file.name) == name) {
            let message = format!("{} does not record `{}`", part.file_name(), name.display());
            found.problems.push(Problem::new("manifest-damaged", message));
        }
    }
    for file in &stack.files {
        let is_asked_for = needed.iter().any(|name| Path::new(&file.name) == name);
        if is_file_of(stack.number, &file.name) && !is_asked_for {
            let message = format!(
                "{} records `{}`, but its settings say that no such files are written",
                part.file_name(),
                file.name
            );
            found.problems.push(Problem::new("settings-differ", message));
        }
        if !is_file_of(stack.number, &file.name) {
            let message = format!("{} has a file `{}` in stack {}", part.file_name(), file.name, stack.number);
            found.problems.push(Problem::new("manifest-damaged", message));
            continue;
        }
        let go_on = || !stop.load(Ordering::Relaxed);
        found.problems.extend(compare_file(&folder.join(&file.name), file, &mut found.n_bytes, go_on));
    }
    // What is already broken is not checked further.
    if found.problems.is_empty() {
        match check_contents(folder, part, &settings, stack, &names, with_rows) {
            Ok((contents, problems)) => {
                found.contents = Some(contents);
                found.problems = problems;
            }
            Err(error) => found.problems.push(Problem::new("stack-damaged", error.message().clone())),
        }
    }
    for problem in found.problems.iter_mut().filter(|problem| problem.code != "manifest-damaged") {
        problem.hint.get_or_insert_with(|| {
            "the same conversion with "
                + Hint::Resume
                + " and "
                + Hint::Give(Setting::VerifyKept)
                + " remakes this stack"
        });
    }
    found
}

/// Whether `name` is one of the names of a stack's files.
fn is_file_of(number: usize, name: &str) -> bool {
    match name.split_once('/') {
        Some((folder, file)) => !file.starts_with('.') && ConversionFiles.unit_of(folder, file) == Some(number),
        None => false,
    }
}

/// Compares what the files hold with each other and with the manifest.
fn check_contents(
    folder: &Path,
    part: &Manifest,
    settings: &RecordedConversion,
    stack: &StackRecord,
    names: &StackNames,
    with_rows: bool,
) -> Result<(StackContents, Vec<Problem>)> {
    let mut problems = Vec::new();
    let path = folder.join(&names.metadata);
    let mut columns = StackColumns::open(&path)?;
    columns.verify_crc()?;
    let descriptor = columns.descriptor()?;
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
    let counted = columns.needed_identities(keys::N_IMAGES)?;
    expect("its metadata count", counted.first().copied().unwrap_or(0));
    let rows = columns.needed_identities(keys::ROW)?;
    expect("its `row` is for", rows.len() as u64);
    let files = columns.needed_texts(keys::FILES)?;
    expect("its `files` is for", files.len() as u64);
    let sections = columns.needed_identities(keys::SECTIONS)?;
    expect("its `idxs` is for", sections.len() as u64);

    let axis = columns.needed_texts(keys::DEFOCUS_ANGLE_AXIS)?;
    let axis = axis.first().map(|axis| String::from_utf8_lossy(axis).into_owned());
    for (what, asked, there) in differing_settings(settings, &descriptor, axis.as_deref()) {
        let message = format!("stack {}: its {what} is {there}, {} says {asked}", stack.number, part.file_name());
        problems.push(Problem::new("settings-differ", message));
    }

    let value = match descriptor.precision {
        Precision::Single => ElementType::Complex64,
        Precision::Double => ElementType::Complex128,
    };
    let grid = &descriptor.polar_grid;
    let fourier = [n_images, grid.n_shells() as u64, grid.n_inplanes() as u64];
    problems.extend(check_tensor(&folder.join(&names.fourier), value, &fourier)?);
    if settings.writes_physical() {
        let side = descriptor.cartesian_grid.n_pixels() as u64;
        problems.extend(check_tensor(&folder.join(&names.physical), ElementType::Float32, &[n_images, side, side])?);
    }
    let rows = if with_rows { rows } else { Vec::new() };
    Ok((StackContents { descriptor, rows }, problems))
}

/// Settings in the manifest that differ from a stack's metadata: the name, the value requested, the value found.
fn differing_settings(
    settings: &RecordedConversion,
    descriptor: &ImageDescriptor,
    defocus_angle_axis: Option<&str>,
) -> Vec<(&'static str, String, String)> {
    let (cartesian, polar) = (&descriptor.cartesian_grid, &descriptor.polar_grid);
    let text = |value: Option<String>, there: String| value.map(|asked| (asked, there));
    let number = |value: Option<f64>, there: f64| value.map(|asked| (asked.to_string(), there.to_string()));
    let count = |value: Option<usize>, there: usize| value.map(|asked| (asked.to_string(), there.to_string()));
    let pair =
        |value: Option<[f64; 2]>, there: [f64; 2]| value.map(|asked| (format!("{asked:?}"), format!("{there:?}")));
    [
        ("precision", text(settings.precision.clone(), descriptor.precision.as_str().to_owned())),
        ("box side", count(settings.n_pixels, cartesian.n_pixels())),
        ("pixel size", pair(settings.descriptor_pixel_size, cartesian.pixel_size_angstrom())),
        ("radius_max", number(settings.radius_max, polar.radius_max())),
        ("dist_radii", number(settings.dist_radii, polar.dist_radii())),
        ("n_inplanes", count(settings.n_inplanes, polar.n_inplanes())),
        (
            "defocusAngle_axis",
            defocus_angle_axis.and_then(|there| text(settings.defocus_angle_axis.clone(), there.to_owned())),
        ),
    ]
    .into_iter()
    .filter_map(|(what, said)| said.filter(|(asked, there)| asked != there).map(|(asked, there)| (what, asked, there)))
    .collect()
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
