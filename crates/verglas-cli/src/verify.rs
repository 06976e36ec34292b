//! `verglas verify`: is an output folder complete and unaltered?

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use verglas::findings::counted;
use verglas::scoring::is_of_likelihoods;
use verglas::templates::is_of_templates;
use verglas::verify::verify_on;
use verglas::weights::is_of_weights;
use verglas::{Findings, Verification};
use verglas_run::manifest::FolderRecord;

use crate::failure::Failure;
use crate::messages::Messages;
use crate::signals::Signals;

const EXAMPLES: &str = "\
Examples:
  verglas verify stacks
  verglas verify stacks -j 1 --log-format json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct VerifyArguments {
    /// Output folder of `verglas convert`, `templates`, `likelihood` or `weights`
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Threads [default: all processors allotted to the process]
    #[arg(short = 'j', long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}

/// Checks and reports; fails when something is wrong.
pub fn run(arguments: &VerifyArguments, messages: Messages) -> Result<(), Failure> {
    if is_of_templates(&arguments.folder) {
        let n_threads = arguments.threads.map_or_else(verglas::default_threads, NonZeroUsize::get);
        return crate::templates::verify::run(&arguments.folder, n_threads, messages);
    }
    if is_of_likelihoods(&arguments.folder) {
        let n_threads = arguments.threads.map_or_else(verglas::default_threads, NonZeroUsize::get);
        return crate::likelihood::verify::run(&arguments.folder, n_threads, messages);
    }
    if is_of_weights(&arguments.folder) {
        return crate::weights::verify::run(&arguments.folder, messages);
    }
    let verified = verify(&arguments.folder, arguments.threads, messages)?;
    messages.summary(&describe(&verified), || serde_json::to_value(&verified).unwrap_or_default());
    if verified.is_sound() { Ok(()) } else { Err(Failure::AlreadySaid(1)) }
}

/// Checks an output folder and reports what is wrong.
///
/// # Errors
/// When it can't be read, and when a signal stops that.
pub fn verify(folder: &Path, threads: Option<NonZeroUsize>, messages: Messages) -> Result<Verification, Failure> {
    let n_threads = match threads {
        Some(n) => n.get(),
        None => verglas::default_threads(),
    };
    // Faults of the manifests are reported elsewhere; here they only give the length of the bar.
    let n_images =
        FolderRecord::read(folder).map_or(0, |record| record.stacks().iter().map(|stack| stack.n_images as u64).sum());
    let progress = messages.progress(n_images, "images");
    let signals = Signals::listen()?;
    let verified = verify_on(folder, n_threads, &progress, &signals.stop);
    progress.finish();
    let verified = verified.map_err(|error| signals.failure(error))?;
    messages.findings(&Findings { warnings: verified.warnings.clone(), ..Findings::new() });
    messages.problems(&verified.problems);
    Ok(verified)
}

/// The summary.
pub fn describe(verified: &Verification) -> String {
    let folder = verified.folder.display();
    let verdict = match verified.problems.len() {
        0 => format!("{folder} is complete and unaltered"),
        n => format!("{folder}: {}", counted(n, "problem")),
    };
    let shards = verified.n_shards.map_or(String::new(), |n| format!(", {}", counted(n, "shard")));
    let skipped = match verified.n_images_skipped {
        0 => String::new(),
        n => format!(", {} left out as asked", counted(n, "image")),
    };
    format!(
        "{verdict}: {} of {} sound, {}{skipped}{shards}; {} read in {:.1} s",
        verified.n_stacks_sound,
        counted(verified.n_stacks, "stack"),
        counted(verified.n_images, "image"),
        indicatif::HumanBytes(verified.n_bytes),
        verified.seconds
    )
}
