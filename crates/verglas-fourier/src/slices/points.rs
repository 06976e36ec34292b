//! The points of a slice that are computed; the others follow from them.

use crate::grid::PolarGrid;

/// Which points are computed, the same for every slice of a plan.
#[derive(Debug)]
pub(super) struct SlicePoints {
    pub(super) n_shells: usize,
    pub(super) n_inplanes: usize,
    /// (cos θ_j, sin θ_j) of the angles that are computed: half of them when the others lie opposite.
    pub(super) angles: Vec<(f64, f64)>,
    /// q_n in 1/Å as far as slices are not 0 beyond.
    pub(super) q: Vec<f64>,
    /// The shell of each of these among those of the plan.
    pub(super) shells: Vec<usize>,
}

impl SlicePoints {
    /// For a box of `box_angstrom` and a structure that is 0 beyond `q_limit`, in 1/Å.
    pub(super) fn new(grid: &PolarGrid, box_angstrom: f64, q_limit: f64) -> Self {
        let q: Vec<f64> =
            grid.radii().iter().map(|radius| 2.0 * radius / box_angstrom).take_while(|&q| q <= q_limit).collect();
        let shells = (0..q.len()).collect();
        let angles = (0..n_angles(grid)).map(|j| grid.direction(j)).collect();
        Self { n_shells: grid.n_shells(), n_inplanes: grid.n_inplanes(), angles, q, shells }
    }

    /// Those on some of the shells, at rising places.
    pub(super) fn on(&self, shells: &[usize]) -> Self {
        let reached: Vec<usize> = shells.iter().copied().filter(|&shell| shell < self.q.len()).collect();
        let q = reached.iter().map(|&shell| self.q[shell]).collect();
        Self { n_shells: shells.len(), n_inplanes: self.n_inplanes, angles: self.angles.clone(), q, shells: reached }
    }
}

/// How many angles are computed.
pub(super) fn n_angles(grid: &PolarGrid) -> usize {
    if grid.n_inplanes().is_multiple_of(2) { grid.n_inplanes() / 2 } else { grid.n_inplanes() }
}
