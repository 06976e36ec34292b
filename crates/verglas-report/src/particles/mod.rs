//! The page about an output folder of particle stacks.
//!
//! The metadata of all stacks are streamed (`survey.rs`), pixels and Fourier images of some are read, so memory does
//! not grow with the number of particles, and neither does the page.

mod ctf_zeros;
mod examples;
mod low_pass;
mod outliers;
mod pixel_statistics;
mod quantities;
mod sections;
mod stack_files;
mod stack_metadata;
mod survey;
#[cfg(test)]
mod tests;

use std::path::Path;

use verglas_core::error::Result;
use verglas_plot::grouped;
use verglas_run::manifest::FolderRecord;

use crate::page::{Page, four_digits};
use crate::run_record;
use crate::{Counts, ReportSettings};
use examples::FourierImages;
use sections::Contents;
use stack_files::Stacks;
use survey::{Survey, survey};

/// Makes the page about the folder at `root`.
///
/// # Errors
/// When the folder holds no whole stack, or when a stack that its manifest lists can't be read.
pub(crate) fn page(root: &Path, folder: &FolderRecord, settings: &ReportSettings) -> Result<(Page, Counts)> {
    let stacks = Stacks::new(root, folder)?;
    let survey = survey(&stacks, settings.most_looked_at)?;
    let fourier = FourierImages::new(&stacks);
    let oddest = survey.outliers.listed.iter().take(settings.n_odd).map(|odd| (odd.stack, odd.image));
    let (mean_power, n_power_images) = fourier.mean_power(settings.most_for_power)?;
    let contents = Contents {
        stacks: &stacks,
        survey: &survey,
        outlier_sources: survey.outliers.sources(&stacks)?,
        examples: fourier.examples(settings.n_examples)?,
        oddest: fourier.show_each(oddest)?,
        low_pass_angstrom: fourier.low_pass.half_at_angstrom(),
        mean_power,
        n_power_images,
    };
    let mut sections = contents.sections();
    sections.extend(run_record::sections(folder, &run_record::Words::PARTICLES));
    let mut warnings = run_record::warnings(folder);
    if survey.n_without_physical > 0 {
        warnings.push(format!(
            "{} of {} stacks have no physical images in `phys`: what needs pixels is unknown for them",
            grouped(survey.n_without_physical),
            grouped(stacks.entries.len())
        ));
    }
    let page = Page {
        title: run_record::title(folder),
        folder: root.display().to_string(),
        origin: run_record::origin(folder),
        facts: facts(folder, &stacks, &survey),
        warnings,
        sections,
    };
    let counts =
        Counts { n_images: survey.n_images, n_looked_at: survey.n_looked_at, n_outliers: survey.outliers.n_found };
    Ok((page, counts))
}

fn facts(folder: &FolderRecord, stacks: &Stacks, survey: &Survey) -> Vec<(&'static str, String)> {
    let (n_pixels, pixel_size) = (stacks.n_pixels(), stacks.pixel_size_angstrom());
    let downsampled = match run_record::number_setting(folder, "n_input_pixels") {
        Some(input) if input as usize != n_pixels => format!(" (from {input} px)"),
        _ => String::new(),
    };
    let grid = &stacks.descriptor.polar_grid;
    vec![
        ("particles", grouped(survey.n_images)),
        ("stacks", grouped(stacks.entries.len())),
        ("box", format!("{n_pixels} px{downsampled}")),
        ("pixel size", format!("{} Å", four_digits(pixel_size))),
        ("Nyquist", format!("{} Å", four_digits(2.0 * pixel_size))),
        ("polar grid", format!("{} shells × {} angles", grid.n_shells(), grid.n_inplanes())),
        ("rim of the grid", format!("{} Å", four_digits(1.0 / stacks.rim()))),
        ("precision", stacks.descriptor.precision.as_str().to_owned()),
        ("outliers", grouped(survey.outliers.n_found)),
    ]
}
