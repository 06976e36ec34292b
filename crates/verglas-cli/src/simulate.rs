//! `verglas simulate`.

use std::path::Path;
use std::time::Instant;

use verglas::findings::counted;
use verglas::simulate::{SimulatedDataSet, SimulationSettings, simulate};

use crate::Failure;
use crate::args::SimulateArguments;
use crate::messages::Messages;
use crate::signals::Signals;

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
