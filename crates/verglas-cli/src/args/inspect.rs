//! `verglas inspect`.

use std::path::PathBuf;

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  verglas inspect run_data.star
  verglas inspect Extract/job007/mic_0042.mrcs parameters.npz
  verglas inspect --json stacks/fft/particles_fourier_stack_000000.npz";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct InspectArguments {
    /// Files, recognised by what they hold
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// One JSON document: an object for one file, an array of objects for several
    #[arg(long)]
    pub json: bool,
}
