//! How much is held in memory at once, so that all of it stays within the bound.

use verglas_fourier::grid::Precision;
use verglas_plot::PlotPlan;
use verglas_run::descriptor::ImageDescriptor;

use super::picture::PolarPicture;
use super::settings::TemplateJobSettings;
use crate::load::Content;

/// Values that are computed before they are written: enough to keep threads busy, few enough to heed a signal soon.
const BATCH_BYTES: u64 = 16 << 20;
/// Templates of tiny grids.
const MOST_PER_BATCH: u64 = 256;

/// What of the memory is for what, while one structure's templates are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    /// Templates that are held before they are written.
    pub(super) n_batch: usize,
    /// Bytes for the transform.
    pub(super) transform_bytes: usize,
}

/// Divides the memory for a structure of `structure_bytes`.
///
/// # Errors
/// How much the least takes, where that is more than is allowed.
pub(super) fn plan_memory(
    structure_bytes: u64,
    descriptor: &ImageDescriptor,
    settings: &TemplateJobSettings,
    n_views: usize,
) -> Result<Budget, String> {
    let grid = &descriptor.polar_grid;
    let value_bytes = match descriptor.precision {
        Precision::Single => 8,
        Precision::Double => 16,
    };
    let view_bytes = (grid.n_points() as u64 * value_bytes).max(1);
    let n_threads = settings.n_threads.max(1) as u64;
    let pictures = if settings.plots {
        let n_pixels = descriptor.cartesian_grid.n_pixels();
        PlotPlan::estimate_bytes(1, n_views) + n_threads * PolarPicture::estimate_bytes(grid, n_pixels)
    } else {
        0
    };
    // Norms and checksums of all views; one slice in double precision a thread.
    let fixed = structure_bytes + pictures + 12 * n_views as u64 + n_threads * grid.n_points() as u64 * 16;
    let room = settings.memory_bytes.saturating_sub(fixed);
    let most = (n_views as u64).max(1);
    let wanted = (BATCH_BYTES / view_bytes).min(MOST_PER_BATCH).max(n_threads).min(most);
    let n_batch = wanted.min(room / 2 / view_bytes);
    if n_batch == 0 {
        return Err(too_little(fixed + 2 * view_bytes, settings.memory_bytes));
    }
    Ok(Budget { n_batch: n_batch as usize, transform_bytes: (room - n_batch * view_bytes) as usize })
}

/// That more memory is needed than is allowed.
pub(super) fn too_little(needed: u64, allowed: u64) -> String {
    let mebibytes = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    format!("templates of it take {} of memory, {} are allowed", mebibytes(needed), mebibytes(allowed))
}

/// What a structure takes itself.
pub(super) fn structure_bytes(content: &Content) -> u64 {
    match content {
        Content::Beads(beads) => beads.radii_angstrom.len() as u64 * 32,
        Content::Density(density) => match &density.values {
            crate::map::Voxels::Single(values) => values.len() as u64 * 4,
            crate::map::Voxels::Double(values) => values.len() as u64 * 8,
        },
    }
}
