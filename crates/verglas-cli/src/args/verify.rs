//! Arguments of `verglas verify`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  verglas verify stacks
  verglas verify stacks -j 1 --log-format json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct VerifyArguments {
    /// Output folder of a conversion
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Threads [default: all processors allotted to the process]
    #[arg(short = 'j', long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}
