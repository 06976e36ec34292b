//! How fast this machine is: each step of a conversion, and a whole run against a bare loop over the same bytes.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use num_complex::Complex;
use serde::Serialize;

use crate::convert::{Conversion, Silent};
use crate::descriptor::{BaseValues, ImageDescriptor, TemplateSettings};
use crate::error::{Error, Result};
use crate::findings::Findings;
use crate::grid::Precision;
use crate::image::RawImage;
use crate::metadata::Input;
use crate::polar::{PolarTransform, Real};
use crate::preprocess::{DownsampledBox, Downsampler, apply_normalization};
use crate::settings::{ConvertSettings, DescriptorSource, Downsampling, Existing};
use crate::simulate::{ImageSimulator, SimulationSettings, simulate};

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

/// What was measured; times per image are wall times with all threads at work.
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
    /// Centring and scaling one image, ms.
    pub normalize_ms_per_image: f64,
    /// The transform with normalisation, float32 pixels to finished stack values in memory, ms.
    pub transform_ms_per_image: f64,
    /// The checksums of an image's values and pixels, ms.
    pub checksum_ms_per_image: f64,
    /// Images of the whole run.
    pub run_images: usize,
    /// Bytes that the whole run reads.
    pub run_bytes_read: u64,
    /// Bytes that it writes.
    pub run_bytes_written: u64,
    /// The whole run, ms per image; median of [`N_RUNS`].
    pub run_ms_per_image: f64,
    /// The whole run, GB written per second.
    pub run_gb_per_second: f64,
    /// A loop that reads the same bytes and writes as many, with fsync, ms per image; median of [`N_RUNS`], taken in turn.
    pub bare_loop_ms_per_image: f64,
    /// The whole run as a multiple of the bare loop; median of the pairs' ratios.
    pub run_over_bare_loop: f64,
    /// The most memory that this process has had in use, MiB.
    pub peak_memory_mib: u64,
}

/// Pairs of whole run and bare loop.
pub const N_RUNS: usize = 5;
/// Bytes that a whole run writes unless told otherwise, about.
pub const DEFAULT_RUN_BYTES: usize = 1 << 30;
/// How long each step is repeated, s.
const STEP_SECONDS: f64 = 1.0;
/// Different images that the steps go through, so that they are not all in the nearest cache.
const N_IMAGES: usize = 8;

/// Measures everything; the whole run works in a temporary folder below `folder`.
///
/// # Errors
/// When the settings make no sense, or the folder can't be written.
pub fn run_bench(settings: &BenchSettings, folder: &Path) -> Result<BenchReport> {
    match settings.precision {
        Precision::Single => bench_in::<f32>(settings, folder),
        Precision::Double => bench_in::<f64>(settings, folder),
    }
}

fn bench_in<T: Real>(settings: &BenchSettings, folder: &Path) -> Result<BenchReport>
where
    Complex<T>: bytemuck::Pod,
{
    let BenchSettings { n_pixels, precision, n_threads, run_bytes } = *settings;
    let values =
        BaseValues { n_pixels, pixel_size_angstrom: [1.0; 2], precision, resolution_factor: 1.0, n_inplanes: None };
    let descriptor = ImageDescriptor::from_base_values(&values, TemplateSettings::at_resolution_factor(1.0))?;
    let grid = &descriptor.polar_grid;
    let transform = PolarTransform::<T>::plan(n_pixels, grid).map_err(|error| Error::value(error.to_string()))?;
    let raw = simulated_images(n_pixels)?;
    let sides = DownsampledBox::new(n_pixels, Downsampling::default())?;

    let normalize_ms_per_image = time_step(n_threads, || {
        let downsampler = Downsampler::plan(sides);
        let mut scratch = downsampler.scratch();
        let mut physical = vec![0.0; n_pixels * n_pixels];
        let raw = &raw;
        move |n: usize| {
            let image = downsampler.apply(RawImage(&raw[n % N_IMAGES]), &mut scratch);
            let _ = std::hint::black_box(apply_normalization(image, &mut physical));
        }
    });
    let transform_ms_per_image = time_step(n_threads, || {
        let mut scratch = transform.scratch();
        let mut out = vec![Complex::default(); transform.output_len()];
        let (transform, raw) = (&transform, &raw);
        move |n: usize| {
            std::hint::black_box(transform.apply_normalized(raw[n % N_IMAGES].as_slice(), &mut out, &mut scratch));
        }
    });
    let checksum_ms_per_image = time_step(n_threads, || {
        let values: Vec<Complex<T>> = vec![Complex::default(); transform.output_len()];
        let raw = &raw;
        move |n: usize| {
            std::hint::black_box(crc32fast::hash(bytemuck::cast_slice(&values)));
            std::hint::black_box(crc32fast::hash(bytemuck::cast_slice(&raw[n % N_IMAGES])));
        }
    });

    let image_bytes = transform.output_len() * size_of::<Complex<T>>() + n_pixels * n_pixels * 4;
    let run = WholeRun::measure(settings, (run_bytes / image_bytes).clamp(16, 20_000), folder)?;
    Ok(BenchReport {
        version: env!("CARGO_PKG_VERSION"),
        n_pixels,
        precision: precision.as_str(),
        n_threads,
        n_shells: grid.n_shells(),
        n_inplanes: grid.n_inplanes(),
        normalize_ms_per_image,
        transform_ms_per_image,
        checksum_ms_per_image,
        run_images: run.n_images,
        run_bytes_read: run.bytes_read,
        run_bytes_written: run.bytes_written,
        run_ms_per_image: run.seconds * 1e3 / run.n_images as f64,
        run_gb_per_second: run.bytes_written as f64 / 1e9 / run.seconds,
        bare_loop_ms_per_image: run.bare_seconds * 1e3 / run.n_images as f64,
        run_over_bare_loop: run.ratio,
        peak_memory_mib: peak_memory_mib(),
    })
}

fn simulated_images(n_pixels: usize) -> Result<Vec<Vec<f32>>> {
    let simulator = ImageSimulator::new(&SimulationSettings::new(N_IMAGES, n_pixels))
        .map_err(|error| Error::value(error.to_string()))?;
    let mut scratch = simulator.scratch();
    Ok((0..N_IMAGES)
        .map(|index| {
            let mut image = vec![0.0; n_pixels * n_pixels];
            simulator.write_image(index, &mut scratch, &mut image);
            image
        })
        .collect())
}

/// Wall time per call, ms, with every thread calling its own copy of a step over and over.
fn time_step<S: FnMut(usize)>(n_threads: usize, make: impl Fn() -> S + Sync) -> f64 {
    let is_over = AtomicBool::new(false);
    let n_done = AtomicUsize::new(0);
    let ready = std::sync::Barrier::new(n_threads + 1);
    let seconds = std::thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(|| {
                let mut step = make();
                // The first calls fetch tables and pages.
                (0..3).for_each(&mut step);
                ready.wait();
                let mut n = 0;
                while !is_over.load(Ordering::Relaxed) {
                    step(n);
                    n += 1;
                }
                n_done.fetch_add(n, Ordering::Relaxed);
            });
        }
        ready.wait();
        let start = Instant::now();
        std::thread::sleep(std::time::Duration::from_secs_f64(STEP_SECONDS));
        is_over.store(true, Ordering::Relaxed);
        start.elapsed().as_secs_f64()
    });
    seconds * 1e3 / n_done.into_inner().max(1) as f64
}

/// A conversion of simulated data, and a loop that reads and writes as many bytes.
struct WholeRun {
    n_images: usize,
    bytes_read: u64,
    bytes_written: u64,
    seconds: f64,
    bare_seconds: f64,
    ratio: f64,
}

impl WholeRun {
    fn measure(settings: &BenchSettings, n_images: usize, folder: &Path) -> Result<Self> {
        let cannot = |error: std::io::Error| Error::io(format_args!("cannot write in `{}`", folder.display()), &error);
        let folder = tempfile::Builder::new().prefix("verglas-bench-").tempdir_in(folder).map_err(cannot)?;
        let data = SimulationSettings {
            n_threads: settings.n_threads,
            ..SimulationSettings::new(n_images, settings.n_pixels)
        };
        let data_set = simulate(&data, &folder.path().join("data"), |_| ControlFlow::Continue(()))
            .map_err(|error| Error::value(error.to_string()))?;
        let output = folder.path().join("out");
        let convert_settings = ConvertSettings {
            descriptor: DescriptorSource::FromData {
                precision: settings.precision,
                resolution_factor: 1.0,
                n_inplanes: None,
            },
            existing: Existing::Overwrite,
            n_threads: settings.n_threads,
            ..ConvertSettings::default()
        };
        let star = folder.path().join("data/particles.star");
        let mut bytes_written = 0;
        let mut pairs = Vec::new();
        for _ in 0..N_RUNS {
            // The folder is emptied outside the measurement: removing gigabytes takes its time.
            let _ = fs::remove_dir_all(&output);
            let start = Instant::now();
            let conversion =
                Conversion::prepare(Input::IndexedStar(star.clone()), convert_settings.clone(), &mut Findings::new())?;
            let summary = conversion.run(&output, &[], &Silent, &AtomicBool::new(false))?;
            let seconds = start.elapsed().as_secs_f64();
            bytes_written = summary.bytes_written;
            let _ = fs::remove_dir_all(&output);
            let bare = bare_loop(&data_set.stack_files, bytes_written, &folder.path().join("bare")).map_err(cannot)?;
            pairs.push((seconds, bare));
        }
        let bytes_read = data_set.stack_files.iter().filter_map(|path| path.metadata().ok()).map(|m| m.len()).sum();
        Ok(Self {
            n_images,
            bytes_read,
            bytes_written,
            seconds: median(pairs.iter().map(|pair| pair.0)),
            bare_seconds: median(pairs.iter().map(|pair| pair.1)),
            ratio: median(pairs.iter().map(|pair| pair.0 / pair.1)),
        })
    }
}

/// Reads the files and writes `n_bytes` to one file, with one buffer and fsync at the end; the time it takes, s.
fn bare_loop(files: &[std::path::PathBuf], n_bytes: u64, target: &Path) -> std::io::Result<f64> {
    let start = Instant::now();
    let mut buffer = vec![1_u8; 2 << 20];
    for path in files {
        let mut file = File::open(path)?;
        while file.read(&mut buffer)? > 0 {}
    }
    let mut file = File::create(target)?;
    let mut left = n_bytes;
    while left > 0 {
        let n = left.min(buffer.len() as u64) as usize;
        file.write_all(&buffer[..n])?;
        left -= n as u64;
    }
    file.sync_all()?;
    let seconds = start.elapsed().as_secs_f64();
    fs::remove_file(target)?;
    Ok(seconds)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// The most memory that this process has had in use, MiB; 0 where the system does not tell.
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
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
    }

    #[test]
    fn a_small_box_is_measured_from_end_to_end() {
        let folder = tempfile::tempdir().unwrap();
        let settings = BenchSettings { n_pixels: 32, precision: Precision::Single, n_threads: 2, run_bytes: 1 << 20 };
        let report = run_bench(&settings, folder.path()).unwrap();
        assert!(report.transform_ms_per_image > 0.0 && report.run_over_bare_loop > 0.0);
        assert!(report.run_bytes_written > report.run_bytes_read);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "something was left behind");
    }
}
