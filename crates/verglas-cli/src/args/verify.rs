//! Arguments of `verglas verify`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// Output folder of a conversion
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Threads [default: all processors allotted to the process]
    #[arg(short = 'j', long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}
