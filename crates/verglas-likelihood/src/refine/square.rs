//! Where poses are searched.

use super::chart::Moves;
use super::rotation::{inplane_angle, turn};
use crate::pose::ContinuousPose;
use crate::prior::Known;

/// Where displacements are searched, along the template's axes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Square<'a> {
    pub known: Option<Known<'a>>,
    pub moves: Moves,
    /// Half of the sides, Å.
    pub reach: [f64; 2],
}

impl Square<'_> {
    /// Whether a pose lies there.
    pub fn holds(&self, pose: &ContinuousPose) -> bool {
        if let Some(known) = &self.known {
            return known.holds(pose);
        }
        let d = turn(pose.shift_angstrom, inplane_angle(&pose.rotation));
        let is_within = |axis: usize| d[axis].abs() <= self.reach[axis] + 1e-9;
        match self.moves {
            Moves::None => true,
            Moves::Along(axis) => is_within(axis),
            Moves::Both => is_within(0) && is_within(1),
        }
    }
}
