//! One self-contained HTML page about an output folder.
//!
//! `page` is what every kind of page shares: frame, style, tables, pictures; `plots` and `statistics` draw and sum up
//! numbers; `run_record` shows what manifests say. `particles` puts them together for stacks of particles, `templates` for
//! templates of structures, `likelihoods` for likelihoods; a page about another kind of folder is another such module.

mod likelihoods;
mod page;
mod particles;
mod plots;
mod run_record;
mod statistics;
mod templates;
mod weights;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use verglas_core::atomic::write_atomically;
use verglas_core::error::{Error, Result};
use verglas_core::paths::folder_of;
use verglas_run::manifest::{FolderRecord, InputRecord};
use verglas_weights::is_of_weights;

use page::Page;

/// The settings of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSettings {
    /// Example particles that are shown.
    pub n_examples: usize,
    /// Outliers that are shown with their pictures, the oddest first.
    pub n_odd: usize,
    /// Most images whose pixels are read, evenly spread; metadata are read of all.
    pub most_looked_at: usize,
    /// Most images whose power is averaged, evenly spread.
    pub most_for_power: usize,
}

impl Default for ReportSettings {
    fn default() -> Self {
        // Some ten seconds of a disk's time for boxes of 256 pixels.
        Self { n_examples: 12, n_odd: 6, most_looked_at: 50_000, most_for_power: 512 }
    }
}

/// The size of what a report is about.
#[derive(Debug, Clone, Serialize)]
pub struct ReportSummary {
    /// The page.
    pub path: PathBuf,
    /// Its size, bytes.
    pub bytes: usize,
    /// Its subject.
    #[serde(flatten)]
    pub subject: Subject,
}

/// The subject of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Subject {
    /// Stacks of particles.
    Particles(Counts),
    /// Templates of structures.
    Templates {
        /// Structures that are there.
        n_structures: usize,
        /// Templates of all of them.
        n_templates: usize,
    },
    /// Weights of structures.
    Weights {
        /// Structures that have weights.
        n_structures: usize,
        /// Images that they are of.
        n_images: usize,
    },
    /// Likelihoods of images with structures.
    Likelihoods {
        /// Images that are compared with all structures.
        n_images: usize,
        /// Structures that they are compared with.
        n_structures: usize,
    },
}

/// The numbers in a page about particles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Images that it is about.
    pub n_images: usize,
    /// Images whose pixels were read.
    pub n_looked_at: usize,
    /// Images that differ from the rest.
    pub n_outliers: usize,
}

/// The name of the page in an output folder.
pub const REPORT: &str = "report.html";

/// Writes a page about the output folder `root` to `path`; it appears under its name only when it is whole.
///
/// # Errors
/// When `root` is not an output folder, when a stack in its manifest can't be read, or when the page can't be written.
pub fn write_report(root: &Path, path: &Path, settings: &ReportSettings) -> Result<ReportSummary> {
    refuse_other_files(path)?;
    if is_of_weights(root) {
        let (page, [n_structures, n_images]) = weights::page(root)?;
        return write_page(&page, path, Subject::Weights { n_structures, n_images });
    }
    let folder = FolderRecord::read(root)?;
    // Each kind of folder has a page of its own in the same frame.
    let (page, subject) = match folder.first().settings.input {
        InputRecord::Structures { .. } => {
            let (page, n_templates) = templates::page(root, &folder, settings)?;
            (page, Subject::Templates { n_structures: folder.stacks().len(), n_templates })
        }
        InputRecord::Likelihood { .. } => {
            let (page, n_images, n_structures) = likelihoods::page(root, &folder, lies_in(path, root))?;
            (page, Subject::Likelihoods { n_images, n_structures })
        }
        _ => {
            let (page, counts) = particles::page(root, &folder, settings)?;
            (page, Subject::Particles(counts))
        }
    };
    write_page(&page, path, subject)
}

fn write_page(page: &Page, path: &Path, subject: Subject) -> Result<ReportSummary> {
    let page = page.write();
    write_atomically(path, |file| Ok(file.write_all(page.as_bytes())?))?;
    Ok(ReportSummary { path: path.to_owned(), bytes: page.len(), subject })
}

/// Whether the file at `path` is, or will be, in the folder itself: only there are links to its files right.
fn lies_in(path: &Path, folder: &Path) -> bool {
    let parent = folder_of(path);
    matches!((parent.canonicalize(), folder.canonicalize()), (Ok(parent), Ok(folder)) if parent == folder)
}

/// An earlier page, recognised by its head, is replaced; anybody else's file is not.
///
/// # Errors
/// When there is such a file at `path`.
fn refuse_other_files(path: &Path) -> Result<()> {
    /// The head of a page is within this many bytes.
    const HEAD_BYTES: u64 = 1024;
    let mut head = Vec::new();
    let read = verglas_formats::open_regular(path).and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head));
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Ok(0) => Ok(()),
        Ok(_) if head.windows(page::GENERATOR.len()).any(|part| part == page::GENERATOR.as_bytes()) => Ok(()),
        Ok(_) => {
            Err(Error::value(format!("`{}` already exists and is not a report: it is not replaced", path.display()))
                .with_hint("choose another name"))
        }
        Err(error) => Err(Error::io(format_args!("cannot write `{}`", path.display()), &error)),
    }
}
