//! Data sets with known truth.

use std::path::PathBuf;

use pyo3::prelude::*;
use verglas::simulate::SimulationSettings;

use crate::choices::choose;
use crate::watch::watched_job;

/// The settings of a simulation.
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
    let total = simulation.n_particles as u64;
    let data_set = watched_job(py, progress.as_ref(), total, |counter, stop| {
        verglas::simulate::simulate(&simulation, &output, counter, stop)
    })?;
    Ok((data_set.metadata_files, data_set.stack_files, data_set.truth_file))
}
