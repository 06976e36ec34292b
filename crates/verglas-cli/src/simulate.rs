//! `verglas simulate`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use verglas::Findings;
use verglas::findings::counted;
use verglas::simulate::{Layout, SimulatedDataSet, SimulationSettings, simulate};
use verglas::slices::{AtomMass, AtomShape, Structure};
use verglas::structures::{Input, LoadSettings, Selection, Structures};

use crate::failure::Failure;
use crate::messages::Messages;
use crate::signals::Signals;
use crate::values::{choice, positive};

const EXAMPLES: &str = "\
Examples:
  verglas simulate -o data --particles 1000 --n-pixels 128
  verglas simulate -o data --particles 10000 --n-pixels 256 --layout cs-job --snr 0.05 --seed 7
  verglas simulate -o data --particles 5000 --n-pixels 128 --pixel-size 2 --structure open.pdb --structure closed.pdb
  verglas simulate -o data --particles 5000 --n-pixels 128 --structure open.pdb --structure closed.pdb --shares 1,3";

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
    /// Pixel size, Å
    #[arg(long, value_name = "A", default_value_t = 1.3, value_parser = positive)]
    pub pixel_size: f64,
    /// Project this structure instead of the built-in density: PDB, mmCIF, a map or an array, read as `verglas templates`
    /// does; if several are given, each particle shows one of them (`structure` in the truth says which)
    #[arg(long = "structure", value_name = "FILE")]
    pub structures: Vec<PathBuf>,
    /// How many particles show each of the structures, in proportion: such as 1,3 [default: as many each]
    #[arg(long, value_name = "X,Y", requires = "structures", value_delimiter = ',', value_parser = positive)]
    pub shares: Vec<f64>,
    /// Which atoms of the structures to use [default: name CA]
    #[arg(long, value_name = "SELECTION", requires = "structures")]
    pub atom_selection: Option<String>,
    /// Which files to write
    #[arg(long, value_parser = choice::<Layout>(), default_value_t, value_name = "LAYOUT")]
    pub layout: Layout,
    /// Image files [default: one per 1,000 particles, at least two]
    #[arg(long, value_name = "N")]
    pub stacks: Option<usize>,
    /// Signal-to-noise ratio: variance of the signal over that of the noise, over the whole box
    #[arg(long, value_name = "X", default_value_t = 0.1, value_parser = positive)]
    pub snr: f64,
    /// Seed of all random numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Threads; the output does not depend on them [default: all processors allotted to the process]
    #[arg(short = 'j', long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}

/// Makes a data set.
pub fn run(arguments: &SimulateArguments, messages: Messages) -> Result<(), Failure> {
    let mut settings = SimulationSettings::new(arguments.particles, arguments.n_pixels);
    // Shifts stay the same in pixels.
    settings.max_origin_angstrom *= arguments.pixel_size / settings.pixel_size_angstrom;
    settings.pixel_size_angstrom = arguments.pixel_size;
    let selection = arguments.atom_selection.as_deref().unwrap_or("name CA");
    settings.structures = load_structures(&arguments.structures, selection, &settings, messages)?;
    settings.shares.clone_from(&arguments.shares);
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

/// Reads the structures to project, for the settings' box and pixels.
///
/// # Errors
/// When one can't be read, or has none of the selected atoms.
pub fn load_structures(
    paths: &[PathBuf],
    selection: &str,
    settings: &SimulationSettings,
    messages: Messages,
) -> Result<Vec<Structure>, Failure> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let mut findings = Findings::new();
    let selection = Selection::parse(selection)?;
    let box_angstrom = settings.n_pixels as f64 * settings.pixel_size_angstrom;
    let load_settings = LoadSettings::with_selection(selection, box_angstrom, settings.pixel_size_angstrom);
    let inputs = paths.iter().cloned().map(Input::File).collect();
    let structures = Structures::plan(inputs, load_settings, &mut findings);
    messages.findings(&findings);
    if let Some(error) = findings.take_error() {
        return Err(error.into());
    }
    let load = |planned| {
        let content = structures.load(planned, &mut Findings::new())?;
        Ok(content.into_sliceable(AtomShape::Gaussian, AtomMass::Volume, false))
    };
    structures.planned().iter().map(load).collect()
}

/// Writes a data set, showing progress.
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
