//! What the likelihood between the grid's points needs, and the grid's steps.

use std::f64::consts::PI;

use verglas_fourier::pose::Matrix3;

use super::chart::{Local, Moves};
use super::posterior::step_rad;
use super::slices::Slices;
use crate::displacements::Displacements;
use crate::geometry::Geometry;

/// What the likelihood between the grid's points needs.
#[derive(Clone, Copy)]
pub struct Refinement<'a> {
    /// Templates between the views.
    pub slices: &'a dyn Slices,
    /// The rotation of each view.
    pub views: &'a [Matrix3],
    /// The rotations that the structure looks the same after, itself among them: views are those of one asymmetric unit.
    pub mates: &'a [Matrix3],
    /// How many modes are looked at.
    pub n_modes: usize,
    /// The images' pixel size in Å.
    pub pixel_angstrom: f64,
}

impl std::fmt::Debug for Refinement<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Refinement").field("n_views", &self.views.len()).field("n_modes", &self.n_modes).finish()
    }
}

/// Along which axes displacements are searched.
pub(super) fn moves_of(displacements: &Displacements) -> Moves {
    let grid = displacements.grid();
    let along = |axis: usize| grid.is_some_and(|grid| grid.n[axis] > 1 && grid.steps_angstrom[axis] > 0.0);
    match (along(0), along(1)) {
        (true, true) => Moves::Both,
        (false, false) => Moves::None,
        (first, _) => Moves::Along(usize::from(!first)),
    }
}

/// Distances of the grid's poses.
pub(super) fn steps_of(geometry: &Geometry, n_views: usize, displacements: &Displacements) -> Local {
    let view_step = (4.0 * PI / n_views as f64).sqrt();
    let shift_step = displacements.grid().map_or(0.0, |grid| grid.steps_angstrom[0].max(grid.steps_angstrom[1]));
    [view_step, view_step, step_rad(geometry), shift_step, shift_step]
}
