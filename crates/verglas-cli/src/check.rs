//! `verglas check`: everything that would stop a conversion, in one go.

use clap::Args;
use serde_json::json;
use verglas::findings::counted;
use verglas::{Conversion, Findings, Result};

use crate::convert::{InputArguments, files_of_folder, input, settings};
use crate::failure::Failure;
use crate::messages::Messages;
use crate::signals::Signals;

const EXAMPLES: &str = "\
Examples:
  verglas check run_data.star
  verglas check run_data.star --deep
  verglas check Refine3D/job019
  verglas check cryosparc/J15 -d parameters.npz";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArguments {
    #[command(flatten)]
    pub input: InputArguments,
    /// Check every pixel too, not only metadata and headers
    #[arg(long)]
    pub deep: bool,
}

/// Checks and reports; fails when something is wrong.
pub fn run(arguments: &CheckArguments, messages: Messages) -> std::result::Result<(), Failure> {
    let (paths, images) = (&arguments.input.input, &arguments.input.images);
    let input = input(paths, images)?;
    let files = files_of_folder(paths, images, &input);
    let settings = settings(&arguments.input);
    let mut findings = Findings::new();
    let checked = check(arguments.deep, || Conversion::prepare_with(input, settings, &mut findings), messages);
    messages.findings(&findings);
    let (conversion, n_deep_warnings) = checked?;
    let n_warnings = findings.warnings.len() + n_deep_warnings;
    let bytes = conversion.output_bytes();
    let mut text = format!(
        "nothing wrong{}: {} of {} would make {}, {}",
        if arguments.deep { "" } else { " with metadata and headers" },
        counted(conversion.n_images(), "particle"),
        counted(conversion.n_image_files(), "image file"),
        counted(conversion.n_stacks(), "stack"),
        indicatif::HumanBytes(bytes.total())
    );
    if n_warnings > 0 {
        text.push_str(&format!("; {}", counted(n_warnings, "warning")));
    }
    text.push_str(&files);
    if !arguments.deep {
        text.push_str("\npixels were not checked; --deep checks them");
    }
    messages.summary(&text, || {
        json!({
            "n_images": conversion.n_images(),
            "n_image_files": conversion.n_image_files(),
            "n_stacks": conversion.n_stacks(),
            "bytes_fourier": bytes.fourier,
            "bytes_physical": bytes.physical,
            "n_warnings": n_warnings,
        })
    });
    Ok(())
}

/// Also checks the pixels if `deep` says so; returns how many warnings that gave.
fn check(
    deep: bool,
    prepare: impl FnOnce() -> Result<Conversion>,
    messages: Messages,
) -> std::result::Result<(Conversion, usize), Failure> {
    let conversion = prepare()?;
    if !deep {
        return Ok((conversion, 0));
    }
    let signals = Signals::listen()?;
    let progress = messages.progress(conversion.n_images() as u64, "images");
    let looked = conversion.check_pixels(&progress, &signals.stop);
    progress.finish();
    let mut findings = looked.map_err(|error| signals.failure(error))?;
    messages.findings(&findings);
    match findings.take_error() {
        Some(error) => Err(error.into()),
        None => Ok((conversion, findings.warnings.len())),
    }
}
