//! `verglas export`.

use std::path::PathBuf;

use clap::Args;
use verglas::export::{Export, Exported, export};
use verglas::findings::counted;
use verglas::scoring::{PoseExport, PoseOf, export_likelihood};
use verglas::{Findings, Result};

use crate::messages::Messages;
use crate::values::named_file;

const EXAMPLES: &str = "\
Examples:
  verglas export stacks --rows chosen.npy -o chosen.star
  verglas export stacks --add cryolikeScore=scores.pt -o scored.cs
  verglas export stacks --likelihood likelihood -o posed.star
  verglas export run_data.star --likelihood likelihood --structure 2 -o posed.star

With --likelihood, RELION's columns of angles, origins in Å, rlnClassNumber (the structure's place, from 1) and
rlnLogLikeliContribution take the place of the source's; in a .cs, alignments3D/pose, shift, psize_A and class (from 0),
and verglas/log_likelihood, because CryoSPARC has no field for it. Rows without a likelihood are left out, with a
warning.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExportArguments {
    /// Output folder of a conversion; with --likelihood also the STAR or .cs file, or the job's folder, that it was made
    /// from, or that the likelihoods were
    #[arg(value_name = "PARTICLES")]
    pub particles: PathBuf,
    /// Best poses and log-likelihoods from this output folder of `likelihood`, which was made from PARTICLES
    #[arg(long, value_name = "DIR")]
    pub likelihood: Option<PathBuf>,
    /// Which structure's pose each image gets: that of its `best` one, or of the one at place K (from 0) in the list of
    /// templates
    #[arg(long, value_name = "K|best", default_value = "best", requires = "likelihood")]
    pub structure: PoseOf,
    /// Which images: a mask over all, or indices, in the order of the stacks [default: all]
    #[arg(long, value_name = "FILE.npy")]
    pub rows: Option<PathBuf>,
    /// New column with one value (integer, float or bool) for each image, as .npy or .pt
    #[arg(long, value_name = "NAME=FILE.npy", value_parser = named_file)]
    pub add: Vec<(String, PathBuf)>,
    /// File to write, of the same kind as the source
    #[arg(short, long, value_name = "OUT.star|OUT.cs")]
    pub output: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub overwrite: bool,
}

/// Writes the chosen rows.
pub fn run(arguments: &ExportArguments, messages: Messages) -> Result<()> {
    let mut findings = Findings::new();
    let (particles, rows, columns) = (arguments.particles.clone(), arguments.rows.clone(), arguments.add.clone());
    let (output, overwrite) = (arguments.output.clone(), arguments.overwrite);
    let exported = match arguments.likelihood.clone() {
        Some(likelihood) => {
            let pose_of = arguments.structure;
            let request = PoseExport { particles, likelihood, pose_of, rows, columns, output, overwrite };
            export_likelihood(&request, &mut findings)
        }
        None => {
            let request = Export { folder: particles, source: None, rows, columns, output, overwrite };
            export(&request, &mut findings)
        }
    };
    messages.findings(&findings);
    let exported = exported?;
    messages.summary(&describe(arguments, &exported), || serde_json::to_value(&exported).unwrap_or_default());
    Ok(())
}

/// The summary.
fn describe(arguments: &ExportArguments, exported: &Exported) -> String {
    let mut text = format!(
        "{}: {} of {} of {}",
        exported.output,
        exported.n_rows,
        counted(exported.n_source_rows, "row"),
        exported.sources.join(", ")
    );
    if let Some(likelihood) = &arguments.likelihood {
        text.push_str(&format!(", with the poses of {}", likelihood.display()));
    }
    if !exported.columns.is_empty() {
        text.push_str(&format!(", with the new columns {}", exported.columns.join(", ")));
    }
    text
}
