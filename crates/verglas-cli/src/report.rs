//! `verglas report`.

use verglas::Result;
use verglas::findings::counted;
use verglas::report::{REPORT, ReportSettings, ReportSummary, write_report};

use crate::args::ReportArguments;
use crate::messages::Messages;

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

/// The closing words.
pub fn describe(summary: &ReportSummary) -> String {
    let looked_at = match summary.n_looked_at {
        0 => ", without pixels".to_owned(),
        n if n == summary.n_images => String::new(),
        n => format!(", pixels of {n}"),
    };
    format!(
        "{}{looked_at}: {}\n{} ({})",
        counted(summary.n_images, "particle"),
        counted(summary.n_outliers, "outlier"),
        summary.path.display(),
        indicatif::HumanBytes(summary.bytes as u64)
    )
}
