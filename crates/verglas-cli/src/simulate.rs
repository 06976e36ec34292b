//! `verglas simulate`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use verglas::findings::counted;
use verglas::simulate::{Layout, SimulatedDataSet, SimulationSettings, simulate};

use crate::failure::Failure;
use crate::messages::Messages;
use crate::signals::Signals;
use crate::values::{choice, positive};

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

/// Makes a data set.
pub fn run(arguments: &SimulateArguments, messages: Messages) -> Result<(), Failure> {
    let mut settings = SimulationSettings::new(arguments.particles, arguments.n_pixels);
    settings.layout = arguments.layout;
    settings.n_stacks = arguments.stacks;
    settings.signal_to_noise = Some(arguments.snr);
    settings.seed = arguments.seed;
    if let Some(threads) = arguments.threads {
        settings.n_threads = threads.get();
    }
    let start = Instant::now();
    let data_set = write(&settings, &arguments.output, messages)?;
    let seconds = start.elapsed().as_secs_f64();
    messages.summary(&describe(&settings, &data_set, seconds), || {
        let paths =
            |paths: &[std::path::PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        serde_json::json!({
            "n_particles": settings.n_particles,
            "n_pixels": settings.n_pixels,
            "pixel_size": settings.pixel_size_angstrom,
            "metadata": paths(&data_set.metadata_files),
            "stacks": paths(&data_set.stack_files),
            "truth": data_set.truth_file.display().to_string(),
            "seconds": seconds,
        })
    });
    Ok(())
}

/// Writes a data set, showing how far it has come.
///
/// # Errors
/// As [`simulate`]; also when a signal stops it.
pub fn write(settings: &SimulationSettings, output: &Path, messages: Messages) -> Result<SimulatedDataSet, Failure> {
    let signals = Signals::listen()?;
    let progress = messages.progress(settings.n_particles as u64, "particles simulated");
    let written = simulate(settings, output, &progress, &signals.stop);
    progress.finish();
    written.map_err(|error| signals.failure(error))
}

fn describe(settings: &SimulationSettings, data_set: &SimulatedDataSet, seconds: f64) -> String {
    let first = |paths: &[std::path::PathBuf]| match paths {
        [only] => only.display().to_string(),
        [first, ..] => format!("{} and {} more", first.display(), paths.len() - 1),
        [] => String::new(),
    };
    format!(
        "{} of {} px, {} Å per pixel, in {:.1} s\nmetadata: {}\nimages: {}\ntruth: {}",
        counted(settings.n_particles, "particle"),
        settings.n_pixels,
        settings.pixel_size_angstrom,
        seconds,
        first(&data_set.metadata_files),
        first(&data_set.stack_files),
        data_set.truth_file.display()
    )
}
