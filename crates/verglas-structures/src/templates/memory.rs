//! How much is held in memory at once, so that all of it stays within the bound.

use verglas_core::error::{Error, Result};
use verglas_core::hint::{Hint, Setting};
use verglas_fourier::grid::Precision;
use verglas_fourier::slices::{SliceError, SliceMethod, SlicePlan, Structure, Voxels};
use verglas_plot::PlotPlan;
use verglas_run::descriptor::ImageDescriptor;

use super::picture::PolarPicture;
use super::settings::TemplateJobSettings;
use super::slicer::{removes_mean, slice_settings};

/// Values that are computed before they are written: enough to keep threads busy, few enough to heed a signal soon.
const BATCH_BYTES: u64 = 16 << 20;
/// Templates of tiny grids.
const MOST_PER_BATCH: u64 = 256;

/// How the memory is divided while one structure's templates are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    /// Templates that are held before they are written.
    pub(super) n_batch: usize,
    /// Bytes for the transform.
    pub(super) transform_bytes: usize,
}

/// Divides the memory for the templates of one structure.
///
/// # Errors
/// The error of the structure named `label`, or how much the minimum takes, if that is more than is allowed.
pub(super) fn plan_memory(
    (structure, label): (&Structure, &str),
    descriptor: &ImageDescriptor,
    box_angstrom: f64,
    settings: &TemplateJobSettings,
    n_views: usize,
) -> Result<Budget> {
    let grid = &descriptor.polar_grid;
    let value_bytes = match descriptor.precision {
        Precision::Single => 8,
        Precision::Double => 16,
    };
    let in_double = removes_mean(structure, settings) || descriptor.precision == Precision::Double;
    // Where they are computed in double precision, that is one more copy.
    let view_bytes = grid.n_points() as u64 * (value_bytes + if in_double { 16 } else { 0 });
    let n_threads = settings.n_threads.max(1) as u64;
    let pictures = if settings.plots {
        let n_pixels = descriptor.cartesian_grid.n_pixels();
        PlotPlan::estimate_bytes(1, n_views) + n_threads * PolarPicture::estimate_bytes(grid, n_pixels)
    } else {
        0
    };
    // Norms and checksums of all views.
    let fixed = structure_bytes(structure) + pictures + 12 * n_views as u64;
    let room = settings.memory_bytes.saturating_sub(fixed);
    let half = room / 2 / view_bytes;
    if half == 0 {
        return Err(too_little(label, fixed + 2 * view_bytes, settings.memory_bytes));
    }
    let most = (n_views as u64).max(1);
    let divide = |n_batch: u64| {
        let transform_bytes = (room - n_batch * view_bytes) as usize;
        let settings = slice_settings(structure, settings, n_views, transform_bytes);
        let estimate = match in_double {
            true => SlicePlan::<f64>::estimate(structure, grid, box_angstrom, &settings),
            false => SlicePlan::<f32>::estimate(structure, grid, box_angstrom, &settings),
        };
        estimate.map(|estimate| (Budget { n_batch: n_batch as usize, transform_bytes }, estimate.method))
    };
    let few = (BATCH_BYTES / view_bytes).min(MOST_PER_BATCH).max(n_threads).min(most).min(half);
    let divided = match divide(few) {
        // Every batch makes all slabs again, so batches should be as large as possible.
        Ok((_, SliceMethod::Grid { n_slabs: 2.. })) => divide(half.min(most)).or_else(|_| divide(few)),
        other => other,
    };
    match divided {
        Ok((budget, _)) => Ok(budget),
        Err(SliceError::Memory { needed, .. }) => {
            let needed = (needed as u64).saturating_add(fixed + few * view_bytes);
            Err(too_little(label, needed, settings.memory_bytes))
        }
        Err(other) => Err(Error::value(format!("`{label}`: {other}"))),
    }
}

/// That more memory is needed than is allowed.
fn too_little(label: &str, needed: u64, allowed: u64) -> Error {
    let [needed, allowed] = [needed, allowed].map(|bytes| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)));
    Error::value(format!("`{label}`: its templates take {needed} of memory, but only {allowed} is allowed"))
        .with_hint("allow more with " + Hint::Give(Setting::Memory))
}

/// What a structure takes itself.
pub(super) fn structure_bytes(structure: &Structure) -> u64 {
    match structure {
        Structure::Beads(beads) => beads.radii_angstrom.len() as u64 * 32,
        Structure::Map(map) => match &map.values {
            Voxels::Single(values) => values.len() as u64 * 4,
            Voxels::Double(values) => values.len() as u64 * 8,
        },
    }
}
