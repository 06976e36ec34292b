//! A whole conversion of simulated data, and what the disk alone would take.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use tempfile::TempDir;
use verglas_core::error::{Error, Result};
use verglas_core::threads::share_work;
use verglas_core::{Silent, StopFlag};
use verglas_formats::pt::PtDtype;
use verglas_fourier::grid::Precision;
use verglas_particles::convert::Conversion;
use verglas_particles::metadata::Input;
use verglas_particles::preprocess::DownsampledBox;
use verglas_particles::settings::{ConvertSettings, DescriptorSource};
use verglas_run::Existing;
use verglas_run::descriptor::ImageDescriptor;
use verglas_run::tensor::TensorFile;
use verglas_simulate::{SimulationSettings, simulate};

use super::settings::{BenchSettings, N_RUNS, median, unless_stopped};

/// A simulated data set in a folder of its own, and its conversion.
pub(super) struct WholeRun {
    folder: TempDir,
    input: Input,
    settings: ConvertSettings,
    stack_files: Vec<PathBuf>,
    conversion: Conversion,
    n_images: usize,
}

/// The cost of a whole run; medians of [`N_RUNS`] pairs.
pub(super) struct Measured {
    pub(super) bytes_written: u64,
    pub(super) seconds: f64,
    pub(super) bare_seconds: f64,
    /// Run to bare loop, pair by pair.
    pub(super) ratio: f64,
}

impl WholeRun {
    /// Makes the data set below `folder`; all of it is gone when this is dropped.
    pub(super) fn prepare(settings: &BenchSettings, folder: &Path, stop: &StopFlag) -> Result<Self> {
        let n_pixels = settings.n_pixels;
        let value_bytes = match settings.precision {
            Precision::Single => 8,
            Precision::Double => 16,
        };
        // The default grid: N + 1 shells of 2N angles.
        let image_bytes = (n_pixels + 1) * 2 * n_pixels * value_bytes + n_pixels * n_pixels * 4;
        let n_images = (settings.run_bytes / image_bytes).clamp(16, 20_000);
        let cannot = |error: std::io::Error| Error::io(format_args!("cannot write in `{}`", folder.display()), &error);
        let folder = tempfile::Builder::new().prefix("verglas-bench-").tempdir_in(folder).map_err(cannot)?;
        let data = SimulationSettings { n_threads: settings.n_threads, ..SimulationSettings::new(n_images, n_pixels) };
        let data_set = simulate(&data, &folder.path().join("data"), &Silent, stop)?;
        let convert_settings = ConvertSettings {
            descriptor: DescriptorSource::FromData {
                precision: settings.precision,
                resolution_factor: 1.0,
                n_inplanes: None,
            },
            existing: Existing::Overwrite,
            // The bare loop draws nothing either.
            plots: false,
            n_threads: settings.n_threads,
            ..ConvertSettings::default()
        };
        let input = Input::IndexedStar(folder.path().join("data/particles.star"));
        let conversion = Conversion::prepare(input.clone(), convert_settings.clone())?;
        Ok(Self { folder, input, settings: convert_settings, stack_files: data_set.stack_files, conversion, n_images })
    }

    pub(super) fn n_images(&self) -> usize {
        self.n_images
    }

    pub(super) fn descriptor(&self) -> &ImageDescriptor {
        self.conversion.descriptor()
    }

    pub(super) fn sides(&self) -> DownsampledBox {
        self.conversion.sides()
    }

    /// How many images the conversion reads and writes at once, as far as one image file goes.
    pub(super) fn images_per_chunk(&self) -> usize {
        self.conversion.images_per_chunk().min(self.n_images)
    }

    /// Size of the image files.
    pub(super) fn bytes_read(&self) -> u64 {
        self.stack_files.iter().filter_map(|path| path.metadata().ok()).map(|metadata| metadata.len()).sum()
    }

    /// Reads consecutive images as a conversion does.
    pub(super) fn read(&self, first: usize, count: usize, pixels: &mut [f32], bytes: &mut Vec<u8>) -> Result<()> {
        let conversion = &self.conversion;
        let mut done = 0;
        let side = self.descriptor().cartesian_grid.n_pixels();
        while done < count {
            let n = conversion.n_consecutive(first + done, count - done);
            let part = &mut pixels[done * side * side..][..n * side * side];
            conversion
                .read_consecutive(first + done, n, part, bytes, &AtomicBool::new(false))
                .map_err(|_| Error::value("the simulated images can't be read"))?;
            done += n;
        }
        Ok(())
    }

    /// Writes a stack of all images, in both spaces, as a conversion does, with fsync; the time it takes, s.
    pub(super) fn write(&self, value_bytes: usize, pixel_bytes: usize) -> Result<f64> {
        let dtype = match self.descriptor().precision {
            Precision::Single => PtDtype::Complex64,
            Precision::Double => PtDtype::Complex128,
        };
        let grid = &self.descriptor().polar_grid;
        let side = self.descriptor().cartesian_grid.n_pixels() as u64;
        let paths = [self.folder.path().join("fourier.pt"), self.folder.path().join("physical.pt")];
        let per_call = self.images_per_chunk();
        let failure = std::sync::Mutex::new(Ok(()));
        let start = Instant::now();
        let shape = [grid.n_shells() as u64, grid.n_inplanes() as u64];
        let fourier = TensorFile::create(&paths[0], dtype, self.n_images, shape)?;
        let physical = TensorFile::create(&paths[1], PtDtype::Float32, self.n_images, [side, side])?;
        let next = AtomicUsize::new(0);
        share_work(self.settings.n_threads, || {
            let (values, pixels) = (vec![1_u8; per_call * value_bytes], vec![1_u8; per_call * pixel_bytes]);
            loop {
                let first = next.fetch_add(per_call, Ordering::Relaxed);
                if first >= self.n_images {
                    break;
                }
                let n = per_call.min(self.n_images - first);
                let written = fourier
                    .write_images(first, &values[..n * value_bytes])
                    .and_then(|()| physical.write_images(first, &pixels[..n * pixel_bytes]));
                if let (Err(error), Ok(mut failure)) = (written, failure.lock()) {
                    *failure = Err(error);
                }
            }
        });
        failure.into_inner().unwrap_or(Ok(()))?;
        for file in [&fourier, &physical] {
            file.finish((0..self.n_images).map(|_| 0))?;
        }
        let seconds = start.elapsed().as_secs_f64();
        for path in paths {
            let _ = fs::remove_file(path);
        }
        Ok(seconds)
    }

    /// Converts and lets the disk alone do as much, in turn.
    pub(super) fn measure(&self, stop: &StopFlag) -> Result<Measured> {
        let output = self.folder.path().join("out");
        let mut bytes_written = 0;
        let mut pairs = Vec::new();
        for _ in 0..N_RUNS {
            // The folder is emptied outside the measurement: removing gigabytes takes its time.
            let _ = fs::remove_dir_all(&output);
            let start = Instant::now();
            let conversion = Conversion::prepare(self.input.clone(), self.settings.clone())?;
            let summary = conversion.run_with(&output, &Silent, stop)?;
            let seconds = start.elapsed().as_secs_f64();
            bytes_written = summary.bytes_written;
            let _ = fs::remove_dir_all(&output);
            let bare = bare_loop(&self.stack_files, bytes_written, &self.folder.path().join("bare"))
                .map_err(|error| Error::io("cannot write next to the simulated data", &error))?;
            pairs.push((seconds, bare));
            unless_stopped(stop)?;
        }
        Ok(Measured {
            bytes_written,
            seconds: median(pairs.iter().map(|pair| pair.0)),
            bare_seconds: median(pairs.iter().map(|pair| pair.1)),
            ratio: median(pairs.iter().map(|pair| pair.0 / pair.1)),
        })
    }
}

/// Reads the files and writes `n_bytes` to one file, with one buffer and fsync at the end; the time it takes, s.
fn bare_loop(files: &[PathBuf], n_bytes: u64, target: &Path) -> std::io::Result<f64> {
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
