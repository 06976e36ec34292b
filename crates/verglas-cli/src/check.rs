//! `verglas check`: everything that would stop a conversion, in one go.

use std::sync::atomic::AtomicBool;

use serde_json::json;
use verglas::{Conversion, Error, Findings, Result};

use crate::Failure;
use crate::args::CheckArguments;
use crate::convert::{input, settings};
use crate::messages::Messages;

/// Checks and tells; fails when something is wrong.
pub fn run(arguments: &CheckArguments, messages: Messages) -> std::result::Result<(), Failure> {
    let input = input(&arguments.input)?;
    let settings = settings(&arguments.input);
    let mut findings = Findings::new();
    let checked = check(arguments.deep, || Conversion::prepare(input, settings, &mut findings), messages);
    messages.findings(&findings);
    let conversion = checked?;
    let n_warnings = findings.warnings.len();
    let text = format!(
        "nothing wrong: {} particles of {} image files would make {} stacks{}",
        conversion.n_images(),
        conversion.n_image_files(),
        conversion.n_stacks(),
        match n_warnings {
            0 => String::new(),
            1 => "; 1 warning".to_owned(),
            n => format!("; {n} warnings"),
        }
    );
    messages.summary(&text, || {
        json!({
            "n_images": conversion.n_images(),
            "n_image_files": conversion.n_image_files(),
            "n_stacks": conversion.n_stacks(),
            "n_warnings": n_warnings,
        })
    });
    Ok(())
}

fn check(deep: bool, prepare: impl FnOnce() -> Result<Conversion>, messages: Messages) -> Result<Conversion> {
    let conversion = prepare()?;
    if deep {
        let mut findings = Findings::new();
        let progress = messages.progress(conversion.n_images() as u64, "images");
        let looked = conversion.check_pixels(&progress, &AtomicBool::new(false), &mut findings);
        progress.finish();
        looked?;
        if let Some(error) = Error::all_of(findings.errors) {
            return Err(error);
        }
    }
    Ok(conversion)
}
