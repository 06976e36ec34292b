//! `verglas report`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use verglas::Result;
use verglas::findings::counted;
use verglas::report::{REPORT, ReportSettings, ReportSummary, Subject, write_report};

use crate::messages::Messages;

const EXAMPLES: &str = "\
Examples:
  verglas report stacks
  verglas report stacks -o particles.html --examples 30 --look-at 1000000
  verglas report templates
  verglas report likelihood
  verglas report weights";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReportArguments {
    /// Output folder of `verglas convert`, `templates`, `likelihood` or `weights`
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Page to write [default: DIR/report.html]
    #[arg(short, long, value_name = "FILE.html")]
    pub output: Option<PathBuf>,
    /// How many example particles to show, or structures with their templates; evenly spread
    #[arg(long, value_name = "N", default_value = "12")]
    pub examples: NonZeroUsize,
    /// Read the pixels of at most this many images, evenly spread; the metadata of all are read
    #[arg(long, value_name = "N", default_value = "50000")]
    pub look_at: NonZeroUsize,
}

/// Runs the command.
pub fn run(arguments: &ReportArguments, messages: Messages) -> Result<()> {
    let path = arguments.output.clone().unwrap_or_else(|| arguments.folder.join(REPORT));
    let settings = ReportSettings {
        n_examples: arguments.examples.get(),
        most_looked_at: arguments.look_at.get(),
        ..ReportSettings::default()
    };
    let summary = write_report(&arguments.folder, &path, &settings)?;
    messages.summary(&describe(&summary), || serde_json::to_value(&summary).unwrap_or_default());
    Ok(())
}

/// The summary of a report, for people.
#[must_use]
pub fn describe(summary: &ReportSummary) -> String {
    let about = match summary.subject {
        Subject::Particles(counts) => {
            let looked_at = match counts.n_looked_at {
                0 => ", without pixels".to_owned(),
                n if n == counts.n_images => String::new(),
                n => format!(", pixels of {n}"),
            };
            let outliers = counted(counts.n_outliers, "outlier");
            format!("{}{looked_at}: {outliers}", counted(counts.n_images, "particle"))
        }
        Subject::Templates { n_structures, n_templates } => {
            format!("{}, {}", counted(n_structures, "structure"), counted(n_templates, "template"))
        }
        Subject::Weights { n_structures, n_images } => {
            format!("weights of {} by {}", counted(n_structures, "structure"), counted(n_images, "image"))
        }
        Subject::Likelihoods { n_images, n_structures } => {
            format!("{} with {}", counted(n_images, "image"), counted(n_structures, "structure"))
        }
    };
    let size = indicatif::HumanBytes(summary.bytes as u64);
    format!("{about}\n{} ({size})", summary.path.display())
}
