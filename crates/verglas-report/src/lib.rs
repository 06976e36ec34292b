//! One self-contained HTML page about an output folder.
//!
//! The metadata of all stacks are streamed (`survey`), pixels and Fourier images of some are looked at, so memory does not
//! grow with the number of particles, and neither does the page.

mod directions;
mod examples;
mod html;
mod outliers;
mod page;
mod pixels;
mod quantity;
mod rings;
mod run;
mod stack_table;
mod statistics;
mod survey;
mod svg;
#[cfg(test)]
mod tests;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use examples::FourierImages;
use run::Run;
use serde::Serialize;
use survey::{Stacks, survey};
use verglas_core::atomic::write_atomically;
use verglas_core::error::{Error, Result};
use verglas_particles::stack::StackNames;
use verglas_run::descriptor::ImageDescriptor;

/// What a user can ask of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSettings {
    /// Example particles that are shown.
    pub n_examples: usize,
    /// Outliers that are shown, the oddest first.
    pub n_odd: usize,
    /// Most images whose pixels are looked at, evenly spread; metadata are read of all.
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

/// What a report told.
#[derive(Debug, Clone, Serialize)]
pub struct ReportSummary {
    /// The page.
    pub path: PathBuf,
    /// Its size, bytes.
    pub bytes: usize,
    /// Images that it is about.
    pub n_images: usize,
    /// Images whose pixels were looked at.
    pub n_looked_at: usize,
    /// Images that differ from the rest.
    pub n_outliers: usize,
}

/// The name of the page in an output folder.
pub const REPORT: &str = "report.html";

/// Writes a page about the output folder `root` to `path`; it appears under its name only when it is whole.
///
/// # Errors
/// When `root` is no output folder, when a stack that its manifest lists can't be read, or when the page can't be written.
pub fn write_report(root: &Path, path: &Path, settings: &ReportSettings) -> Result<ReportSummary> {
    refuse_other_files(path)?;
    let run = Run::read(root)?;
    let entries = run.stacks();
    let Some(first) = entries.first() else {
        return Err(Error::value(format!("`{}` holds no whole stack yet", root.display()))
            .with_hint("finish the conversion first"));
    };
    let descriptor = ImageDescriptor::load(&root.join(StackNames::of(first.number).metadata))?;
    let n_pixels = descriptor.cartesian_grid.n_pixels();
    let stacks = Stacks { root: root.to_owned(), entries, n_pixels };

    let survey = survey(&stacks, settings.most_looked_at)?;
    let outlier_sources = survey.outliers.sources(&stacks)?;
    let fourier = FourierImages::new(&stacks, &descriptor);
    let examples = fourier.examples(settings.n_examples)?;
    let oddest = survey.outliers.listed.iter().take(settings.n_odd).map(|odd| (odd.stack, odd.image));
    let oddest = fourier.show_each(oddest)?;
    let (mean_power, n_power_images) = fourier.mean_power(settings.most_for_power)?;
    let [rows, columns] = descriptor.cartesian_grid.pixel_size_angstrom();
    let contents = page::Contents {
        root: root.display().to_string(),
        run: &run,
        survey: &survey,
        outlier_sources,
        examples: &examples,
        oddest: &oddest,
        frequencies: &fourier.frequencies(),
        mean_power: &mean_power,
        n_power_images,
        n_pixels,
        pixel_size_angstrom: (rows * columns).sqrt(),
        n_shells: descriptor.polar_grid.n_shells(),
        n_inplanes: descriptor.polar_grid.n_inplanes(),
        precision: descriptor.precision.as_str(),
    };
    let page = contents.write();
    write_atomically(path, |file| Ok(file.write_all(page.as_bytes())?))?;
    Ok(ReportSummary {
        path: path.to_owned(),
        bytes: page.len(),
        n_images: survey.n_images,
        n_looked_at: survey.n_looked_at,
        n_outliers: survey.outliers.n_found,
    })
}

/// An earlier page is replaced, which its head tells; a file of someone else's is not.
///
/// # Errors
/// When there is such a file at `path`.
fn refuse_other_files(path: &Path) -> Result<()> {
    /// The head of a page is within so many bytes.
    const HEAD_BYTES: u64 = 1024;
    let mut head = Vec::new();
    let read = verglas_formats::open_regular(path).and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head));
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Ok(0) => Ok(()),
        Ok(_) if head.windows(page::GENERATOR.len()).any(|part| part == page::GENERATOR.as_bytes()) => Ok(()),
        Ok(_) => Err(Error::value(format!("`{}` is there already, and no report: it is not replaced", path.display()))
            .with_hint("choose another name")),
        Err(error) => Err(Error::io(format_args!("cannot write `{}`", path.display()), &error)),
    }
}
