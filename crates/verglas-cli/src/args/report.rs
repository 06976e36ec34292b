//! `verglas report`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  verglas report stacks
  verglas report stacks -o particles.html --examples 30 --look-at 1000000";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReportArguments {
    /// Output folder of a conversion
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The page to write [default: DIR/report.html]
    #[arg(short, long, value_name = "FILE.html")]
    pub output: Option<PathBuf>,
    /// Example particles to show, evenly spread
    #[arg(long, value_name = "N", default_value = "12")]
    pub examples: NonZeroUsize,
    /// Most images whose pixels are looked at, evenly spread; the metadata of all are read
    #[arg(long, value_name = "N", default_value = "50000")]
    pub look_at: NonZeroUsize,
}
