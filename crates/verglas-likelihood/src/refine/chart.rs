//! Coordinates about a pose.

use verglas_fourier::pose::Matrix3;

use super::rotation::{about_z, between, inplane_angle, product, split, tilt, turn};
use crate::pose::ContinuousPose;

/// x, y and ω of the rotation tilt(x, y)·about_z(ω) that follows the chart's own, radians; then displacements in Å.
pub(super) type Local = [f64; 5];

/// Along which axes of the template displacements are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moves {
    None,
    /// Along one axis of the template.
    Along(usize),
    Both,
}

impl Moves {
    /// How many coordinates poses have.
    pub fn n_coordinates(self) -> usize {
        match self {
            Self::None => 3,
            Self::Along(_) => 4,
            Self::Both => 5,
        }
    }
}

/// Coordinates about one pose. Displacements along both axes are those of the image, along one axis those of the template:
/// the volume element is the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chart {
    center: ContinuousPose,
    moves: Moves,
}

impl Chart {
    pub fn new(center: ContinuousPose, moves: Moves) -> Self {
        Self { center, moves }
    }

    pub fn center(&self) -> &ContinuousPose {
        &self.center
    }

    pub fn moves(&self) -> Moves {
        self.moves
    }

    /// The pose at some coordinates.
    pub fn pose(&self, local: &Local) -> ContinuousPose {
        self.moved(&self.rotation(local), local)
    }

    /// Its rotation.
    pub fn rotation(&self, [x, y, omega, ..]: &Local) -> Matrix3 {
        product(&self.center.rotation, &product(&tilt(*x, *y), &about_z(*omega)))
    }

    /// The pose at some coordinates, whose rotation is known.
    pub fn moved(&self, rotation: &Matrix3, [.., s0, s1]: &Local) -> ContinuousPose {
        let shift = self.center.shift_angstrom;
        let shift_angstrom = match self.moves {
            Moves::Both => [shift[0] + s0, shift[1] + s1],
            Moves::None => shift,
            Moves::Along(axis) => {
                let mut template = turn(shift, inplane_angle(&self.center.rotation));
                template[axis] += s0;
                turn(template, -inplane_angle(rotation))
            }
        };
        ContinuousPose { rotation: *rotation, shift_angstrom }
    }

    /// The coordinates of a pose.
    pub fn local(&self, pose: &ContinuousPose) -> Local {
        self.local_of(self.of_rotation(&pose.rotation), pose)
    }

    /// Those of its rotation.
    pub fn of_rotation(&self, rotation: &Matrix3) -> [f64; 3] {
        split(&between(&self.center.rotation, rotation))
    }

    /// The coordinates of a pose, those of whose rotation are known.
    pub fn local_of(&self, [x, y, omega]: [f64; 3], pose: &ContinuousPose) -> Local {
        let (to, from) = (pose.shift_angstrom, self.center.shift_angstrom);
        match self.moves {
            Moves::Both => [x, y, omega, to[0] - from[0], to[1] - from[1]],
            Moves::None => [x, y, omega, 0.0, 0.0],
            Moves::Along(axis) => {
                let to = turn(to, inplane_angle(&pose.rotation));
                let from = turn(from, inplane_angle(&self.center.rotation));
                [x, y, omega, to[axis] - from[axis], 0.0]
            }
        }
    }

    /// ln of the volume element of rotations, dΩ = sin|v|/|v|·dx dy dω.
    pub fn ln_volume(local: &Local) -> f64 {
        let angle = local[0].hypot(local[1]);
        if angle < 1e-4 { -angle * angle / 6.0 } else { (angle.sin().abs() / angle).ln() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use verglas_fourier::sphere;

    #[test]
    fn coordinates_lead_to_a_pose_and_back() {
        let center = ContinuousPose { rotation: sphere::rotation(1.0, 0.7, 2.0), shift_angstrom: [3.0, -2.0] };
        for moves in [Moves::Both, Moves::None, Moves::Along(0), Moves::Along(1)] {
            let chart = Chart::new(center, moves);
            let mut local = [0.1, -0.2, 0.3, 0.5, -0.7];
            local[moves.n_coordinates()..].fill(0.0);
            let found = chart.local(&chart.pose(&local));
            for (found, expected) in found.into_iter().zip(local) {
                assert!((found - expected).abs() < 1e-12, "{moves:?}: {found} {expected}");
            }
        }
    }
}
