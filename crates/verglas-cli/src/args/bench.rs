//! `verglas bench`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use verglas::grid::Precision;

use super::values::choice;

const EXAMPLES: &str = "\
Examples:
  verglas bench
  verglas bench --n-pixels 400 --precision double -j 8 --folder /scratch --json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BenchArguments {
    /// Box side, pixels
    #[arg(long, value_name = "N", default_value = "256")]
    pub n_pixels: NonZeroUsize,
    /// Precision of the Fourier images
    #[arg(long, value_parser = choice::<Precision>(), default_value_t, value_name = "PRECISION")]
    pub precision: Precision,
    /// Threads [default: all processors allotted to the process]
    #[arg(short = 'j', long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Where the whole run writes; a disk to be measured [default: the system's folder for temporary files]
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}
