//! `verglas demo`: the whole way in one go, on structures and images that it makes itself.

mod found;
mod images;
mod molecule;
mod steps;
mod words;

use std::path::{Path, PathBuf};

use clap::Args;
use verglas::Error;
use verglas::simulate::SimulationSettings;

use self::molecule::CONFORMATIONS;
use crate::failure::Failure;
use crate::messages::Messages;
use crate::{simulate, verify};

const EXAMPLES: &str = "\
Examples:
  verglas demo
  verglas demo /tmp/verglas-demo";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArguments {
    /// Folder to write to; what an earlier demo finished there is kept
    #[arg(value_name = "DIR", default_value = "verglas-demo")]
    pub output: PathBuf,
}

const N_PARTICLES: usize = 104;
const N_PIXELS: usize = 48;
const PIXEL_SIZE_ANGSTROM: f64 = 3.4;
/// Particles are no farther from the middle of their images, pixels.
const FARTHEST_PIXELS: f64 = 2.0;
/// Twice as many particles are closed as are open.
const SHARES: [f64; 2] = [1.0, 2.0];
const SIGNAL_TO_NOISE: f64 = 0.3;
const BATCH_SIZE: usize = 40;

/// What is written where.
struct Folders {
    data: PathBuf,
    structures: PathBuf,
    stacks: PathBuf,
    templates: PathBuf,
    likelihood: PathBuf,
    weights: PathBuf,
}

impl Folders {
    fn below(root: &Path) -> Self {
        let below = |name: &str| root.join(name);
        Self {
            data: below("data"),
            structures: below("structures"),
            stacks: below("stacks"),
            templates: below("templates"),
            likelihood: below("likelihood"),
            weights: below("weights"),
        }
    }

    fn star(&self) -> PathBuf {
        self.data.join("particles.star")
    }

    /// The files of both conformations.
    fn structure_files(&self) -> Vec<PathBuf> {
        CONFORMATIONS.iter().map(|conformation| self.structures.join(conformation.file)).collect()
    }
}

/// What is simulated, but for the structures: in a box of 163 Å, which is large enough for these defoci.
fn simulation() -> SimulationSettings {
    SimulationSettings {
        pixel_size_angstrom: PIXEL_SIZE_ANGSTROM,
        defocus_angstrom: 8_000.0..=18_000.0,
        max_origin_angstrom: FARTHEST_PIXELS * PIXEL_SIZE_ANGSTROM,
        signal_to_noise: Some(SIGNAL_TO_NOISE),
        shares: SHARES.to_vec(),
        ..SimulationSettings::new(N_PARTICLES, N_PIXELS)
    }
}

/// Goes the whole way, and says what is where and how it compares with the truth.
pub fn run(arguments: &DemoArguments, messages: Messages) -> Result<(), Failure> {
    let folders = Folders::below(&arguments.output);
    steps::refuse_other_runs(&folders)?;
    std::fs::create_dir_all(&folders.structures)
        .map_err(|error| Error::io(format_args!("cannot make `{}`", folders.structures.display()), &error))?;
    for conformation in &CONFORMATIONS {
        molecule::write(conformation, &folders.structures)?;
    }
    let mut simulation = simulation();
    simulation.structures = simulate::load_structures(&folders.structure_files(), "name CA", &simulation, messages)?;
    steps::simulate(&simulation, &folders, messages)?;

    let conversion = steps::convert(&folders, messages)?;
    let verification = verify::verify(&folders.stacks, None, messages)?;
    let agreement = images::compare(&folders.stacks, &simulation)?;
    let templates = steps::templates(&folders, messages)?;
    let likelihood = steps::likelihood(&folders, messages)?;
    let weights = steps::weights(&folders, messages)?;
    let found = found::compare(&folders, &simulation, &weights.record)?;
    let reports = steps::reports(&folders)?;

    let is_sound = verification.is_sound();
    let done = words::Done {
        folders: &folders,
        conversion,
        verification,
        templates,
        likelihood,
        weights,
        reports,
        agreement,
        found,
    };
    messages.summary(&done.told(), || done.as_json());
    done.expect_truth()?;
    if is_sound { Ok(()) } else { Err(Failure::AlreadySaid(1)) }
}
