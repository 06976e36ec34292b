//! The settings, and what all measurements share.

use std::sync::atomic::Ordering;

use verglas_core::StopFlag;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_fourier::grid::Precision;

/// What to measure.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchSettings {
    /// Box side, pixels.
    pub n_pixels: usize,
    /// Precision of the Fourier images.
    pub precision: Precision,
    /// Threads that compute.
    pub n_threads: usize,
    /// Bytes that the whole run writes, about.
    pub run_bytes: usize,
}

/// Pairs of whole run and bare loop.
pub const N_RUNS: usize = 5;

/// An error once it is time to stop.
pub(crate) fn unless_stopped(stop: &StopFlag) -> Result<()> {
    match stop.load(Ordering::Relaxed) {
        true => Err(Error::new(ErrorKind::Interrupted, "stopped before everything was measured")),
        false => Ok(()),
    }
}

/// The middle value; 0 of none.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
