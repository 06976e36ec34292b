//! Compares every image file's header with what the metadata ask of it, before any pixel is read.

use std::ops::Range;
use std::path::{Path, PathBuf};

use verglas_core::error::Error;
use verglas_core::findings::{Findings, counted, counted_do};
use verglas_core::hint::{Hint, Setting};
use verglas_formats::FormatError;
use verglas_formats::mrc::{Mode0, MrcOptions, MrcSummary, MrcWarning, PixelType, read_header_as};

use super::store::{FileStamp, ImageFile, Unreadable};
use crate::particle::{Pairing, ParticleTable};
use crate::plan::StackPlan;

/// How many files of one kind a message lists by name.
const MOST_LISTED: usize = 10;

/// Side of the images, pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BoxSize(pub(crate) usize);

/// How pixels are stored, where headers don't say it or say it wrongly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredPixels {
    /// How to read 8-bit data.
    pub(crate) mode0: Mode0,
    /// The type of all data, whatever the mode.
    pub(crate) pixel_type: Option<PixelType>,
}

/// Reads the header of every file that a run asks for and checks it against the table; the box that all files share
/// comes back, if there is one. `positions` are the run's, in the output order of the plan; `paths` has one element per
/// image name of the table, `None` for files that are missing or not asked for.
///
/// Files that can't be read, are cut, or hold fewer sections than asked for go to `findings` as errors; with
/// `unreadable_is_allowed` as warnings. Non-square images, differing boxes, and pairs whose counts differ are always
/// errors.
pub(crate) fn check_images(
    table: &ParticleTable,
    plan: &StackPlan,
    positions: Range<usize>,
    paths: Vec<Option<PathBuf>>,
    stored: StoredPixels,
    unreadable_is_allowed: bool,
    findings: &mut Findings,
) -> (Vec<Result<ImageFile, Unreadable>>, Option<BoxSize>) {
    let mut oddities = Oddities::default();
    let mut files = Vec::with_capacity(paths.len());
    let headers = read_headers(&paths, stored.pixel_type);
    for ((name, path), header) in table.image_names.iter().zip(paths).zip(headers) {
        let (Some(path), Some(header)) = (path, header) else {
            let name = String::from_utf8_lossy(name);
            files.push(Err(Unreadable(format!("`{name}` not found"))));
            continue;
        };
        files.push(match header {
            Ok((stamp, summary)) => {
                Ok(image_file(path, stamp, summary, stored.mode0, unreadable_is_allowed, &mut oddities, findings))
            }
            Err(error) => {
                // Damaged contents are the file's fault; that it can't be read at all, or not by this program, is not.
                let may_be_left_out = unreadable_is_allowed && matches!(error, FormatError::Malformed(_));
                let error = Error::from_format(&path, error);
                let unreadable = Unreadable(error.to_string());
                if may_be_left_out {
                    findings.warn("image-unreadable", error.message().clone());
                } else {
                    findings.error(error);
                }
                Err(unreadable)
            }
        });
    }
    oddities.report(findings);
    check_sections(table, plan, positions, &files, unreadable_is_allowed, findings);
    let box_size = check_boxes(&files, findings);
    (files, box_size)
}

/// A header, and the file as it was before it was read: what changes from then on is noticed.
type StampedHeader = (FileStamp, MrcSummary);

/// Reads headers, several at a time: on a shared file system each takes some waiting, and thousands of them minutes.
fn read_headers(
    paths: &[Option<PathBuf>],
    pixel_type: Option<PixelType>,
) -> Vec<Option<Result<StampedHeader, FormatError>>> {
    const FILES_PER_THREAD: usize = 64;
    const MOST_THREADS: usize = 16;
    let part = paths.len().div_ceil(MOST_THREADS).max(FILES_PER_THREAD);
    let read_one = |path: &PathBuf| Ok((FileStamp::of(path)?, read_header_as(path, pixel_type)?));
    let read = |paths: &[Option<PathBuf>]| -> Vec<Option<Result<StampedHeader, FormatError>>> {
        paths.iter().map(|path| path.as_ref().map(read_one)).collect()
    };
    std::thread::scope(|scope| {
        let mut parts = paths.chunks(part);
        let own = parts.next().unwrap_or_default();
        let start = |paths| std::thread::Builder::new().spawn_scoped(scope, move || read(paths)).ok();
        let others: Vec<_> = parts.map(|paths| (paths, start(paths))).collect();
        let mut headers = read(own);
        for (paths, other) in others {
            // A thread that has died, or could not be started, leaves its files to this one.
            headers.extend(other.and_then(|other| other.join().ok()).unwrap_or_else(|| read(paths)));
        }
        headers
    })
}

fn image_file(
    path: PathBuf,
    stamp: FileStamp,
    summary: MrcSummary,
    mode0: Mode0,
    unreadable_is_allowed: bool,
    oddities: &mut Oddities,
    findings: &mut Findings,
) -> ImageFile {
    // The header was read as if 8-bit data were signed; whether IMOD's flags say otherwise depends on the settings.
    let is_told_otherwise = |warning: &MrcWarning| match warning {
        MrcWarning::ImodByteSign { .. } => true,
        MrcWarning::LongerThanClaimed { .. } => summary.misfit.is_some(),
        _ => false,
    };
    for warning in summary.warnings.iter().filter(|warning| !is_told_otherwise(warning)) {
        oddities.add(&path, warning.to_string());
    }
    if let Some(warning) = summary.header.byte_sign_warning(mode0) {
        oddities.add(&path, warning.to_string());
    }
    if let Some(misfit) = &summary.misfit {
        findings.error(Error::from_format(&path, misfit.to_error()));
    }
    if let Some(truncation) = &summary.truncation {
        let error = Error::from_format(&path, truncation.to_error());
        if unreadable_is_allowed {
            findings.warn("image-cut", error.message().clone());
        } else {
            findings.error(error);
        }
    }
    let claimed = summary.header.expected_file_bytes();
    let limit = MrcOptions::default().max_decompressed_bytes;
    if summary.compression.is_some() && claimed.is_none_or(|claimed| claimed > limit) {
        findings.error(Error::format(format!(
            "`{}`: compressed, and its header claims more than the {} GiB that are unpacked at most",
            path.display(),
            limit >> 30
        )));
    }
    let n_sections_present =
        summary.truncation.map_or(summary.header.n_sections, |truncation| truncation.n_sections_present);
    ImageFile { path, header: summary.header, compression: summary.compression, n_sections_present, stamp }
}

/// Every section asked for must be there; in sequence, every section must be asked for.
fn check_sections(
    table: &ParticleTable,
    plan: &StackPlan,
    positions: Range<usize>,
    files: &[Result<ImageFile, Unreadable>],
    unreadable_is_allowed: bool,
    findings: &mut Findings,
) {
    // The first row that asks for a section past the end of each file, and how many do.
    let mut past_end: Vec<Option<(usize, usize)>> = vec![None; files.len()];
    let mut n_rows = vec![0_u64; files.len()];
    for particle in positions.map(|position| plan.particle(position)) {
        let image = table.image[particle] as usize;
        n_rows[image] += 1;
        if let Ok(file) = &files[image]
            && u64::from(table.section[particle].0) >= file.header.n_sections
        {
            past_end[image].get_or_insert((particle, 0)).1 += 1;
        }
    }
    for (image, file) in files.iter().enumerate() {
        let Ok(file) = file else { continue };
        let n_sections = file.header.n_sections;
        if table.pairing == Pairing::Sequential {
            let source = table.sources.get(image).map_or(Path::new(""), |source| &source.path);
            let all_rows = table.sources.get(image).and_then(|source| source.lines.as_ref()).map(|lines| lines.len());
            let n_rows = all_rows.unwrap_or(n_rows[image]);
            if n_rows != n_sections {
                findings.error(
                    Error::format(format!(
                        "`{}` has {} and `{}` has {}, expected equal numbers",
                        source.display(),
                        counted(n_rows as usize, "row"),
                        file.path.display(),
                        counted(n_sections as usize, "section")
                    ))
                    .with_hint("are these two files a pair?"),
                );
            }
        } else if let Some((particle, n_past)) = past_end[image] {
            let mut error = Error::format(format!(
                "section {} of `{}` asked for, the stack holds {n_sections}",
                u64::from(table.section[particle].0) + 1,
                file.path.display()
            ))
            .with_detail(format_args!("by {}", table.place(particle)));
            if n_past > 1 {
                error = error.with_detail(format_args!(
                    "and by {} for sections past its end",
                    counted_do(n_past - 1, "more row", "that asks", "that ask")
                ));
            }
            if unreadable_is_allowed {
                findings.warn("section-past-end", error.message().clone());
            } else {
                findings.error(error.with_hint("the metadata and the stack may come from different extraction jobs"));
            }
        }
    }
}

/// All images must be square and of one box.
fn check_boxes(files: &[Result<ImageFile, Unreadable>], findings: &mut Findings) -> Option<BoxSize> {
    let mut boxes: Vec<(u64, &Path, usize)> = Vec::new();
    let mut n_not_square = 0;
    for file in files.iter().flatten() {
        let (width, height) = (file.header.n_columns, file.header.n_rows);
        if width != height {
            n_not_square += 1;
            if n_not_square <= MOST_LISTED {
                findings.error(Error::format(format!(
                    "`{}`: images are {width} × {height} pixels, expected square ones",
                    file.path.display()
                )));
            }
        } else if let Some((.., n_files)) = boxes.iter_mut().find(|(side, ..)| *side == width) {
            *n_files += 1;
        } else {
            boxes.push((width, &file.path, 1));
        }
    }
    if n_not_square > MOST_LISTED {
        findings.error(Error::format(format!(
            "{} images that are not square",
            counted_do(n_not_square - MOST_LISTED, "more file", "holds", "hold")
        )));
    }
    if boxes.len() > 1 {
        let mut error = Error::format("image files differ in box size, but a descriptor holds only one box");
        for (side, path, n_files) in boxes.iter().take(MOST_LISTED) {
            error = error.with_detail(format_args!(
                "{side} px: {}, such as `{}`",
                counted(*n_files, "file"),
                path.display()
            ));
        }
        if boxes.len() > MOST_LISTED {
            error = error.with_detail(format_args!("and {} more sizes", boxes.len() - MOST_LISTED));
        }
        findings.error(error.with_hint(
            "convert particles of different boxes separately: with "
                + Hint::Give(Setting::OpticsGroup)
                + " where they are separate groups",
        ));
        return None;
    }
    boxes.first().and_then(|(side, ..)| usize::try_from(*side).ok()).map(BoxSize)
}

/// Oddities of files that are read anyway: each kind reported once.
#[derive(Debug, Default)]
struct Oddities {
    kinds: Vec<(String, PathBuf, usize)>,
}

impl Oddities {
    fn add(&mut self, path: &Path, message: String) {
        match self.kinds.iter_mut().find(|(there, ..)| *there == message) {
            Some((.., n_files)) => *n_files += 1,
            None => self.kinds.push((message, path.to_owned(), 1)),
        }
    }

    fn report(self, findings: &mut Findings) {
        let n_kinds = self.kinds.len();
        for (message, path, n_files) in self.kinds.into_iter().take(MOST_LISTED) {
            let others = if n_files > 1 { format!(" and {} more files", n_files - 1) } else { String::new() };
            findings.warn("image-file-odd", format!("`{}`{others}: {message}", path.display()));
        }
        if n_kinds > MOST_LISTED {
            findings.warn("image-file-odd", format!("and {} more oddities in image files", n_kinds - MOST_LISTED));
        }
    }
}
