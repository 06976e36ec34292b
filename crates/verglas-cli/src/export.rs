//! `verglas export`.

use std::path::PathBuf;

use clap::Args;
use verglas::export::{Export, export};
use verglas::findings::counted;
use verglas::{Findings, Result};

use crate::messages::Messages;
use crate::values::named_file;

const EXAMPLES: &str = "\
Examples:
  verglas export stacks --rows chosen.npy -o chosen.star
  verglas export stacks --add cryolikeScore=scores.pt -o scored.cs";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExportArguments {
    /// Output folder of a conversion
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Which images of DIR: a mask over all, or indices, in the order of the output [default: all]
    #[arg(long, value_name = "FILE.npy")]
    pub rows: Option<PathBuf>,
    /// New column with one value (integer, float or bool) for each image of DIR, as .npy or .pt
    #[arg(long, value_name = "NAME=FILE.npy", value_parser = named_file)]
    pub add: Vec<(String, PathBuf)>,
    /// File to write, of the source's kind
    #[arg(short, long, value_name = "OUT.star|OUT.cs")]
    pub output: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    pub overwrite: bool,
}

/// Writes the chosen rows.
pub fn run(arguments: &ExportArguments, messages: Messages) -> Result<()> {
    let request = Export {
        folder: arguments.folder.clone(),
        rows: arguments.rows.clone(),
        columns: arguments.add.clone(),
        output: arguments.output.clone(),
        overwrite: arguments.overwrite,
    };
    let mut findings = Findings::new();
    let exported = export(&request, &mut findings);
    messages.findings(&findings);
    let exported = exported?;
    let mut text = format!(
        "{}: {} of {} of {}",
        exported.output,
        exported.n_rows,
        counted(exported.n_images, "row"),
        exported.sources.join(", ")
    );
    if !exported.columns.is_empty() {
        text.push_str(&format!(", with the new columns {}", exported.columns.join(", ")));
    }
    messages.summary(&text, || serde_json::to_value(&exported).unwrap_or_default());
    Ok(())
}
