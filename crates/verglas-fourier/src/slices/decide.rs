//! How the slices of a structure are taken, and what that takes: decided before anything is allocated.

use std::sync::Arc;

use thiserror::Error;

use super::axis::Axis;
use super::layout::{Slabs, direct_is_faster, map_axes};
use super::points::n_angles;
use super::spread::BeadGrid;
use super::structure::{Beads, Density, StructureError};
use super::weights::SliceReal;
use crate::grid::PolarGrid;
use crate::polar::PlanError;

/// Frequencies, in 1/Å, that shells must stay below.
pub const MAX_Q: f64 = 1e4;

/// The structure that slices are taken of.
#[derive(Debug, Clone)]
pub enum Structure {
    /// Beads.
    Beads(Arc<Beads>),
    /// A density map.
    Map(Arc<Density>),
}

/// How slices are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceSettings {
    /// Bytes that a plan may take in all, next to the structure itself and the slices.
    pub memory_bytes: usize,
    /// Threads that work on it.
    pub n_threads: usize,
    /// How many views are to be taken in all; few of few beads are not worth a grid.
    pub n_views: usize,
    /// Whether the mean is taken out of every slice: T −= F(0)·sinc(2x)·sinc(2y).
    pub remove_mean: bool,
    /// Values good to 5e-4 in single precision and 1e-7 in double, several times as fast, where they come from a grid.
    pub coarse: bool,
}

impl Default for SliceSettings {
    /// 1 GiB, one thread, many views, the mean left in, as accurate as the type is.
    fn default() -> Self {
        Self { memory_bytes: 1 << 30, n_threads: 1, n_views: 2370, remove_mean: false, coarse: false }
    }
}

/// How a plan goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SliceMethod {
    /// Every value is a sum over all beads.
    Direct,
    /// Values are interpolated on a grid, which is made in this many slabs: once for all if it is one, otherwise again
    /// for every batch, so that batches should be large.
    Grid {
        /// Number of slabs.
        n_slabs: usize,
    },
}

/// What a plan does, and the memory that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceEstimate {
    /// How.
    pub method: SliceMethod,
    /// Bytes at most, while the grid is made; next to the structure and the slices.
    pub peak_bytes: usize,
}

/// Why slices cannot be taken.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SliceError {
    /// A structure that is none.
    #[error(transparent)]
    Structure(#[from] StructureError),
    /// A box that is none, or so small that the grid reaches past [`MAX_Q`].
    #[error("box is {0} Å, expected a finite number above 0 and shells below {MAX_Q} per Å")]
    Box(f64),
    /// A grid so large beside the structure, or so far out, that nothing can be planned.
    #[error("templates of this structure take {needed} bytes of memory, {allowed} are allowed")]
    Memory {
        /// The least that would do, in bytes.
        needed: usize,
        /// The memory that is allowed.
        allowed: usize,
    },
    /// An instruction set that this processor does not have.
    #[error(transparent)]
    InstructionSet(#[from] PlanError),
    /// A slice that cannot be normalised.
    #[error("template of view {view} has norm {norm}, expected a finite number above 0")]
    Norm {
        /// Which view of the batch, from 0.
        view: usize,
        /// Its norm: 0, NaN or infinite.
        norm: f64,
    },
}

/// The decisions made before anything is allocated.
// There is one of them for each structure.
#[allow(clippy::large_enum_variant)]
pub(super) enum Decision {
    Direct,
    Grid { axes: [Axis; 3], beads: Option<(BeadGrid, Keep)>, slabs: Slabs },
}

/// Whether all samples of beads are kept while their grid is made, or drawn again for every few planes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    All,
    Nothing,
}

/// Chooses the method and the grid.
pub(super) fn decide<T: SliceReal>(
    structure: &Structure,
    grid: &PolarGrid,
    box_angstrom: f64,
    settings: &SliceSettings,
) -> Result<(Decision, SliceEstimate), SliceError> {
    let q_max = 2.0 * grid.radii().last().copied().unwrap_or(0.0) / box_angstrom;
    if !(box_angstrom.is_finite() && box_angstrom > 0.0 && q_max < MAX_Q) {
        return Err(SliceError::Box(box_angstrom));
    }
    let n_threads = settings.n_threads.max(1);
    let constant = if settings.remove_mean { grid.n_points() * size_of::<f64>() } else { 0 };
    let allowed = settings.memory_bytes;
    match structure {
        Structure::Map(map) => {
            map.check()?;
            let axes = map_axes::<T>(map, q_max);
            let slabs = Slabs::plan::<T>(&axes, allowed.saturating_sub(constant), n_threads)
                .map_err(|least| SliceError::Memory { needed: least + constant, allowed })?;
            let estimate = SliceEstimate {
                method: SliceMethod::Grid { n_slabs: slabs.cores.len() },
                peak_bytes: slabs.bytes::<T>(&axes, n_threads) + constant,
            };
            Ok((Decision::Grid { axes, beads: None, slabs }, estimate))
        }
        Structure::Beads(beads) => {
            beads.check()?;
            let n_beads = beads.radii_angstrom.len();
            let direct = SliceEstimate {
                method: SliceMethod::Direct,
                peak_bytes: (grid.n_shells() + n_threads) * n_beads * size_of::<f64>() + constant,
            };
            let bead_grid = BeadGrid::new::<T>(beads, q_max);
            let n_values = settings.n_views as f64 * (n_angles(grid) * grid.n_shells()) as f64;
            // Memory has no say in this: the method decides about the last bits.
            if direct_is_faster::<T>(beads, &bead_grid, n_values, settings.coarse) {
                let needed = direct.peak_bytes;
                return match needed <= allowed {
                    true => Ok((Decision::Direct, direct)),
                    false => Err(SliceError::Memory { needed, allowed }),
                };
            }
            let axes = bead_grid.axes;
            // Beyond what can be addressed, all is beyond what is allowed.
            let (all, at_y) = (bead_grid.bytes() as usize, n_threads.saturating_mul(bead_grid.bytes_at_y() as usize));
            let mut needed = usize::MAX;
            for (keep, samples) in [(Keep::All, all), (Keep::Nothing, at_y)] {
                let beside = samples.saturating_add(constant);
                if keep == Keep::All && samples > allowed / 4 {
                    continue;
                }
                match Slabs::plan::<T>(&axes, allowed.saturating_sub(beside), n_threads) {
                    Ok(slabs) => {
                        let estimate = SliceEstimate {
                            method: SliceMethod::Grid { n_slabs: slabs.cores.len() },
                            peak_bytes: beside + slabs.bytes::<T>(&axes, n_threads),
                        };
                        return Ok((Decision::Grid { axes, beads: Some((bead_grid, keep)), slabs }, estimate));
                    }
                    Err(least) => needed = needed.min(least.saturating_add(beside)),
                }
            }
            Err(SliceError::Memory { needed, allowed })
        }
    }
}
