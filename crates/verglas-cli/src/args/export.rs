//! `verglas export`.

use std::path::PathBuf;

use clap::Args;

use super::values::named_file;

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
