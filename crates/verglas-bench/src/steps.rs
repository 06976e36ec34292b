//! Each step of a conversion alone, over and over on all threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use num_complex::Complex;
use verglas_core::StopFlag;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_fourier::polar::{PolarTransform, Real};
use verglas_particles::image::RawImage;
use verglas_particles::preprocess::{Downsampler, apply_normalization};

use super::settings::{BenchSettings, median, unless_stopped};
use super::whole_run::WholeRun;

/// How long a step is repeated, s.
const STEP_SECONDS: f64 = 1.0;
/// Different images that the steps go through, so that they are not all in the nearest cache.
const N_IMAGES: usize = 8;
/// Times that files are written.
const N_WRITES: usize = 3;

/// The cost of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    pub(super) ms_per_image: f64,
    /// Bytes that it produces per image, or reads.
    pub(super) bytes_per_image: usize,
}

/// All steps.
pub(super) struct Steps {
    pub(super) read: Timing,
    pub(super) normalize: Timing,
    pub(super) transform: Timing,
    pub(super) checksum: Timing,
    pub(super) write: Timing,
}

impl Steps {
    /// Names and timings in the order of the work on an image.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (&'static str, Timing)> {
        [
            ("read", self.read),
            ("normalise", self.normalize),
            ("transform", self.transform),
            ("checksum", self.checksum),
            ("write", self.write),
        ]
        .into_iter()
    }
}

/// Measures each step on images of the run's data set.
pub(super) fn measure<T: Real>(settings: &BenchSettings, run: &WholeRun, stop: &StopFlag) -> Result<Steps>
where
    Complex<T>: bytemuck::Pod,
{
    let n_threads = settings.n_threads;
    let descriptor = run.descriptor();
    let n_pixels = descriptor.cartesian_grid.n_pixels();
    let transform = PolarTransform::<T>::plan(n_pixels, &descriptor.polar_grid)
        .map_err(|error| Error::caused_by(ErrorKind::Value, error))?;
    let (pixel_bytes, value_bytes) =
        (n_pixels * n_pixels * size_of::<f32>(), transform.output_len() * size_of::<Complex<T>>());

    // One error counts as all: the time of a read that fails means nothing.
    let has_failed = AtomicBool::new(false);
    let per_call = run.images_per_chunk();
    let read_ms = time_step(n_threads, || {
        let (mut pixels, mut bytes) = (vec![0.0; per_call * n_pixels * n_pixels], Vec::new());
        let has_failed = &has_failed;
        move |n: usize| {
            if run.read(n * per_call % (run.n_images() + 1 - per_call), per_call, &mut pixels, &mut bytes).is_err() {
                has_failed.store(true, Ordering::Relaxed);
            }
        }
    });
    let mut raw = vec![vec![0.0; n_pixels * n_pixels]; N_IMAGES];
    for (n, image) in raw.iter_mut().enumerate() {
        run.read(n % run.n_images(), 1, image, &mut Vec::new())?;
    }
    if has_failed.into_inner() {
        return Err(Error::value("the simulated images can't be read"));
    }
    unless_stopped(stop)?;
    let normalize_ms = time_step(n_threads, || {
        let downsampler = Downsampler::plan(run.sides());
        let mut scratch = downsampler.scratch();
        let mut physical = vec![0.0; n_pixels * n_pixels];
        let raw = &raw;
        move |n: usize| {
            let image = downsampler.apply(RawImage(&raw[n % N_IMAGES]), &mut scratch);
            let _ = std::hint::black_box(apply_normalization(image, &mut physical));
        }
    });
    unless_stopped(stop)?;
    let transform_ms = time_step(n_threads, || {
        let mut scratch = transform.scratch();
        let mut out = vec![Complex::default(); transform.output_len()];
        let (transform, raw) = (&transform, &raw);
        move |n: usize| {
            std::hint::black_box(transform.apply_normalized(raw[n % N_IMAGES].as_slice(), &mut out, &mut scratch));
        }
    });
    unless_stopped(stop)?;
    let checksum_ms = time_step(n_threads, || {
        let values: Vec<Complex<T>> = vec![Complex::default(); transform.output_len()];
        let raw = &raw;
        move |n: usize| {
            std::hint::black_box(crc32fast::hash(bytemuck::cast_slice(&values)));
            std::hint::black_box(crc32fast::hash(bytemuck::cast_slice(&raw[n % N_IMAGES])));
        }
    });
    let write = |_| unless_stopped(stop).and_then(|()| run.write(value_bytes, pixel_bytes));
    let write_seconds: Vec<f64> = (0..N_WRITES).map(write).collect::<Result<_>>()?;
    Ok(Steps {
        read: Timing { ms_per_image: read_ms / per_call as f64, bytes_per_image: pixel_bytes },
        normalize: Timing { ms_per_image: normalize_ms, bytes_per_image: pixel_bytes },
        transform: Timing { ms_per_image: transform_ms, bytes_per_image: value_bytes },
        checksum: Timing { ms_per_image: checksum_ms, bytes_per_image: value_bytes + pixel_bytes },
        write: Timing {
            ms_per_image: median(write_seconds.into_iter()) * 1e3 / run.n_images() as f64,
            bytes_per_image: value_bytes + pixel_bytes,
        },
    })
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
