//! `verglas simulate`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use verglas::simulate::Layout;

use super::values::{choice, positive};

const EXAMPLES: &str = "\
Examples:
  verglas simulate -o data --particles 1000 --n-pixels 128
  verglas simulate -o data --particles 10000 --n-pixels 256 --layout cs-job --snr 0.05 --seed 7";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SimulateArguments {
    /// Folder to write to
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// How many particles
    #[arg(long, value_name = "N")]
    pub particles: usize,
    /// Box side, pixels
    #[arg(long, value_name = "N")]
    pub n_pixels: usize,
    /// Which files hold it
    #[arg(long, value_parser = choice::<Layout>(), default_value_t, value_name = "LAYOUT")]
    pub layout: Layout,
    /// Image files [default: one per 1,000 particles, at least two]
    #[arg(long, value_name = "N")]
    pub stacks: Option<usize>,
    /// Variance of the signal over that of the noise, over the whole box
    #[arg(long, value_name = "X", default_value_t = 0.1, value_parser = positive)]
    pub snr: f64,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Threads; the bytes do not depend on it [default: all processors allotted to the process]
    #[arg(short = 'j', long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}
