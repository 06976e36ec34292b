//! How many images a worker holds at once, so that all buffers stay within the bound.

use verglas_core::error::{Error, Result};
use verglas_core::findings::Findings;
use verglas_core::hint::{Hint, Setting, Text};
use verglas_fourier::grid::Precision;
use verglas_plot::PlotPlan;
use verglas_run::descriptor::ImageDescriptor;

use crate::preprocess::{DownsampledBox, Downsampler};
use crate::settings::ConvertSettings;

/// Threads, and the images that each works on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WorkerBuffers {
    pub(crate) n_threads: usize,
    pub(crate) images_per_chunk: usize,
}

/// A chunk is written with one call; this many bytes make a call cheap without pushing the data out of the cache. Where
/// much is downsampled, what is read for a chunk is more, and is what counts.
const CHUNK_BYTES: u64 = 2 << 20;

/// Images of tiny boxes.
const MOST_PER_CHUNK: usize = 256;

/// Chooses threads and chunk for images of the given `sides` so that tables and buffers stay below `memory_bytes`.
///
/// # Errors
/// When not even one image on one thread fits.
pub(crate) fn plan_memory(
    descriptor: &ImageDescriptor,
    sides: DownsampledBox,
    settings: &ConvertSettings,
    findings: &mut Findings,
) -> Result<WorkerBuffers> {
    let n_pixels = descriptor.cartesian_grid.n_pixels();
    let grid = &descriptor.polar_grid;
    let value_bytes = match descriptor.precision {
        Precision::Single => 8,
        Precision::Double => 16,
    };
    let transform = settings.backend.estimate_bytes(descriptor)?;
    let downsampler = Downsampler::estimate_bytes(sides);
    // A header may claim any box, and sizes beyond all bounds don't fit anyway.
    let pixel_bytes = |side: usize| (side as u64).saturating_mul(side as u64).saturating_mul(4);
    // Pixels as stored and pixels as read.
    let raw_bytes = pixel_bytes(sides.n_input_pixels()).saturating_mul(2);
    let polar_bytes = grid.n_points() as u64 * value_bytes;
    // In addition, physical pixels and the Fourier image.
    let image_bytes = raw_bytes.saturating_add(pixel_bytes(n_pixels) + polar_bytes);
    let plots = if settings.plots {
        // Two stacks are open at a time, one being finished and one begun; more only where stacks are smaller than chunks.
        let n_stacks = if settings.batch_size < MOST_PER_CHUNK { 2 + settings.n_threads } else { 2 };
        PlotPlan::estimate_bytes(n_stacks, settings.batch_size)
    } else {
        0
    };
    let fixed = (transform.plan as u64).saturating_add(downsampler.plan as u64).saturating_add(plots);
    let per_thread = (transform.scratch as u64).saturating_add(downsampler.scratch as u64);
    let left = settings.memory_bytes.saturating_sub(fixed);
    let least = per_thread.saturating_add(image_bytes);
    let fitting = left / least;
    if fitting == 0 {
        return Err(Error::value(format!(
            "{} for buffers is too little: images of {} px take {} on one thread",
            mebibytes(settings.memory_bytes),
            sides.n_input_pixels(),
            mebibytes(fixed.saturating_add(least))
        ))
        .with_hint("allow more with " + Hint::Give(Setting::Memory)));
    }
    let n_threads = settings.n_threads.max(1).min(fitting as usize);
    if n_threads < settings.n_threads {
        findings.warn(
            "fewer-threads",
            Text::from(format!(
                "{} for buffers is enough for {n_threads} of {} threads; allow more with ",
                mebibytes(settings.memory_bytes),
                settings.n_threads
            )) + Hint::Give(Setting::Memory),
        );
    }
    let room = (left / n_threads as u64).saturating_sub(per_thread) / image_bytes;
    let images_per_chunk =
        (CHUNK_BYTES / polar_bytes.max(raw_bytes)).clamp(1, room.max(1)).min(MOST_PER_CHUNK as u64) as usize;
    Ok(WorkerBuffers { n_threads, images_per_chunk })
}

/// A size for people, rounded up.
fn mebibytes(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    if bytes < 10 * MIB {
        format!("{:.1} MiB", (bytes * 10).div_ceil(MIB) as f64 / 10.0)
    } else {
        format!("{} MiB", bytes.div_ceil(MIB))
    }
}
