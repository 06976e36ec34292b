//! How many images a worker holds at once, so that all buffers stay within the bound.

use crate::descriptor::ImageDescriptor;
use crate::error::{Error, Result};
use crate::findings::Findings;
use crate::grid::Precision;
use crate::polar::PolarTransform;
use crate::settings::ConvertSettings;

/// Threads, and the images that each works on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WorkerBuffers {
    pub(crate) n_threads: usize,
    pub(crate) images_per_chunk: usize,
}

/// A chunk is written with one call; this many bytes make a call cheap without pushing the data out of the cache.
const CHUNK_BYTES: u64 = 2 << 20;

/// Chooses threads and chunk so that tables and buffers stay below `memory_bytes`.
///
/// # Errors
/// When not even one image on one thread fits.
pub(crate) fn plan_memory(
    descriptor: &ImageDescriptor,
    settings: &ConvertSettings,
    findings: &mut Findings,
) -> Result<WorkerBuffers> {
    let n_pixels = descriptor.cartesian_grid.n_pixels();
    let grid = &descriptor.polar_grid;
    let (transform, value_bytes) = match descriptor.precision {
        Precision::Single => (PolarTransform::<f32>::estimate_bytes(n_pixels, grid), 8),
        Precision::Double => (PolarTransform::<f64>::estimate_bytes(n_pixels, grid), 16),
    };
    let transform = transform.map_err(|error| Error::value(error.to_string()))?;
    let pixel_bytes = (n_pixels * n_pixels) as u64 * 4;
    let polar_bytes = grid.n_points() as u64 * value_bytes;
    // Pixels as stored, pixels as read, physical pixels, and the Fourier image.
    let image_bytes = 3 * pixel_bytes + polar_bytes;
    let fixed = transform.plan as u64;
    let per_thread = transform.scratch as u64;
    let left = settings.memory_bytes.saturating_sub(fixed);
    let fitting = left / (per_thread + image_bytes);
    if fitting == 0 {
        return Err(Error::value(format!(
            "{} MiB for buffers are too few: images of {n_pixels} px take {} MiB on one thread",
            settings.memory_bytes >> 20,
            (fixed + per_thread + image_bytes).div_ceil(1 << 20)
        ))
        .with_hint("allow more with --memory"));
    }
    let n_threads = settings.n_threads.max(1).min(fitting as usize);
    if n_threads < settings.n_threads {
        findings.warn(
            "fewer-threads",
            format!(
                "{} MiB for buffers suffice for {n_threads} of {} threads; allow more with --memory",
                settings.memory_bytes >> 20,
                settings.n_threads
            ),
        );
    }
    let room = (left / n_threads as u64).saturating_sub(per_thread) / image_bytes;
    let images_per_chunk = (CHUNK_BYTES / polar_bytes).clamp(1, room.max(1)).min(256) as usize;
    Ok(WorkerBuffers { n_threads, images_per_chunk })
}
