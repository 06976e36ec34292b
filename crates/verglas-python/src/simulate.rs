//! Data sets with known truth.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use verglas::simulate::SimulationSettings;

use crate::choices::choose;
use crate::error::exception;

/// How often the interpreter is asked whether to go on.
const POLL: Duration = Duration::from_millis(100);

/// What is to be simulated.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct SimulationValues {
    particles: usize,
    n_pixels: usize,
    layout: String,
    stacks: Option<usize>,
    snr: f64,
    seed: u64,
    threads: Option<usize>,
}

/// Writes a data set into the folder `output`; returns the paths of its metadata, of its image files, and of the truth.
#[pyfunction]
#[pyo3(signature = (output, settings, progress = None))]
pub fn simulate(
    py: Python<'_>,
    output: PathBuf,
    settings: SimulationValues,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Vec<PathBuf>, Vec<PathBuf>, PathBuf)> {
    let mut simulation = SimulationSettings::new(settings.particles, settings.n_pixels);
    simulation.layout = choose("layout", &settings.layout)?;
    simulation.n_stacks = settings.stacks;
    simulation.signal_to_noise = Some(settings.snr);
    simulation.seed = settings.seed;
    simulation.n_threads = settings.threads.unwrap_or(simulation.n_threads);
    let (mut raised, mut looked) = (None, Instant::now());
    let written = py.detach(|| {
        verglas::simulate::simulate(&simulation, &output, |done| {
            if looked.elapsed() < POLL && done < simulation.n_particles {
                return ControlFlow::Continue(());
            }
            looked = Instant::now();
            let told = Python::attach(|py| {
                py.check_signals()?;
                progress
                    .as_ref()
                    .map_or(Ok(()), |progress| progress.call1(py, (done, simulation.n_particles)).map(drop))
            });
            match told {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    raised = Some(error);
                    ControlFlow::Break(())
                }
            }
        })
    });
    match (raised, written) {
        (Some(raised), _) => Err(raised),
        (None, Ok(data_set)) => Ok((data_set.metadata_files, data_set.stack_files, data_set.truth_file)),
        (None, Err(error)) => Err(exception(&error.into())),
    }
}
