//! How fast this machine is: each step of a conversion, and a whole run against a bare loop over the same bytes; templates and
//! likelihoods.

mod likelihood;
mod likelihood_data;
mod settings;
mod steps;
mod whole_run;

use std::fs;
use std::path::Path;

pub use likelihood::{
    BoxReport, DEFAULT_BOXES, LEAST_BOX, LikelihoodBenchReport, LikelihoodBenchSettings, run_likelihood_bench,
};
use num_complex::Complex;
use serde::Serialize;
pub use settings::{BenchSettings, N_RUNS};
use verglas_core::StopFlag;
use verglas_core::error::Result;
use verglas_fourier::grid::Precision;
use verglas_fourier::polar::Real;
use whole_run::WholeRun;

/// The results; times per image are wall times with all threads at work.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// The version that was measured.
    pub version: &'static str,
    /// Box side, pixels.
    pub n_pixels: usize,
    /// `single` or `double`.
    pub precision: &'static str,
    /// Threads that computed.
    pub n_threads: usize,
    /// Shells of the default grid.
    pub n_shells: usize,
    /// Angles per shell of the default grid.
    pub n_inplanes: usize,
    /// The transform with normalisation, float32 pixels to finished stack values in memory, ms.
    pub transform_ms_per_image: f64,
    /// Each step alone, in the order of the work on an image.
    pub steps: Vec<StepReport>,
    /// Images of the whole run.
    pub run_images: usize,
    /// Bytes that the whole run reads.
    pub run_bytes_read: u64,
    /// Bytes that it writes.
    pub run_bytes_written: u64,
    /// The whole run, ms per image; median of [`N_RUNS`].
    pub run_ms_per_image: f64,
    /// The whole run, GB read and written per second.
    pub run_gb_per_second: f64,
    /// The disk: a loop that reads the same bytes and writes as many, with fsync, ms per image; median of [`N_RUNS`], taken
    /// in turn.
    pub bare_loop_ms_per_image: f64,
    /// The disk, GB read and written per second.
    pub bare_loop_gb_per_second: f64,
    /// The whole run as a multiple of the disk's time; median of the pairs' ratios.
    pub run_over_bare_loop: f64,
    /// The most memory that this process has had in use, MiB.
    pub peak_memory_mib: u64,
}

/// One step of a conversion, measured alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepReport {
    /// `read`, `normalise`, `transform`, `checksum` or `write`.
    pub step: &'static str,
    /// Wall time per image with all threads at work, ms.
    pub ms_per_image: f64,
    /// Bytes of an image that the step produces or, as with checksums, goes through, per wall time: GB/s.
    pub gb_per_second: f64,
    /// Its time as a multiple of the bare loop's.
    pub over_bare_loop: f64,
}

/// Approximate number of bytes that a whole run writes by default.
pub const DEFAULT_RUN_BYTES: usize = 1 << 30;

/// Measures everything; the whole run works in a temporary folder below `folder`, of which nothing is left.
///
/// # Errors
/// When the settings make no sense, when the folder can't be written, or when it is stopped.
pub fn run_bench(settings: &BenchSettings, folder: &Path, stop: &StopFlag) -> Result<BenchReport> {
    match settings.precision {
        Precision::Single => bench_in::<f32>(settings, folder, stop),
        Precision::Double => bench_in::<f64>(settings, folder, stop),
    }
}

fn bench_in<T: Real>(settings: &BenchSettings, folder: &Path, stop: &StopFlag) -> Result<BenchReport>
where
    Complex<T>: bytemuck::Pod,
{
    let run = WholeRun::prepare(settings, folder, stop)?;
    let steps = steps::measure::<T>(settings, &run, stop)?;
    let measured = run.measure(stop)?;
    let grid = &run.descriptor().polar_grid;
    let per_image = |seconds: f64| seconds * 1e3 / run.n_images() as f64;
    let bytes = (run.bytes_read() + measured.bytes_written) as f64;
    let disk_ms_per_image = per_image(measured.bare_seconds);
    Ok(BenchReport {
        version: env!("CARGO_PKG_VERSION"),
        n_pixels: settings.n_pixels,
        precision: settings.precision.as_str(),
        n_threads: settings.n_threads,
        n_shells: grid.n_shells(),
        n_inplanes: grid.n_inplanes(),
        transform_ms_per_image: steps.transform.ms_per_image,
        steps: steps
            .in_order()
            .map(|(step, timing)| StepReport {
                step,
                ms_per_image: timing.ms_per_image,
                gb_per_second: timing.bytes_per_image as f64 / timing.ms_per_image / 1e6,
                over_bare_loop: timing.ms_per_image / disk_ms_per_image,
            })
            .collect(),
        run_images: run.n_images(),
        run_bytes_read: run.bytes_read(),
        run_bytes_written: measured.bytes_written,
        run_ms_per_image: per_image(measured.seconds),
        run_gb_per_second: bytes / 1e9 / measured.seconds,
        bare_loop_ms_per_image: disk_ms_per_image,
        bare_loop_gb_per_second: bytes / 1e9 / measured.bare_seconds,
        run_over_bare_loop: measured.ratio,
        peak_memory_mib: peak_memory_mib(),
    })
}

/// The peak memory of this process, MiB; 0 if the system does not say.
fn peak_memory_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).map_or(0, |kib| kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_odd_number_is_the_middle_one() {
        assert_eq!(settings::median([3.0, 1.0, 2.0].into_iter()), 2.0);
    }

    #[test]
    fn a_small_box_is_measured_from_end_to_end() {
        let folder = tempfile::tempdir().unwrap();
        let settings = BenchSettings { n_pixels: 32, precision: Precision::Single, n_threads: 2, run_bytes: 1 << 20 };
        let report = run_bench(&settings, folder.path(), &StopFlag::new(false)).unwrap();
        let steps: Vec<_> = report.steps.iter().map(|step| step.step).collect();
        assert_eq!(steps, ["read", "normalise", "transform", "checksum", "write"]);
        assert!(report.steps.iter().all(|step| step.ms_per_image > 0.0 && step.gb_per_second > 0.0));
        assert_eq!(report.transform_ms_per_image, report.steps[2].ms_per_image);
        assert!(report.run_over_bare_loop > 0.0);
        assert!(report.run_bytes_written > report.run_bytes_read);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "something was left behind");
    }
}
