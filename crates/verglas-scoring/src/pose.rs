//! Best poses in RELION's convention.
//!
//! With the view's angles α, β, γ, the rotation ω and the displacement d, the frame of a structure whose axes are x, y, z:
//!
//! ```text
//! rot = α + π    tilt = π − β    psi = −(ω + γ) − π/2     (rot, psi within (−π, π])
//! OriginXAngst = d_0 sin ω − d_1 cos ω                    OriginYAngst = −(d_0 cos ω + d_1 sin ω)
//! ```
//!
//! Of templates whose x and z are exchanged, RELION's matrix is Q·R_z(−ω − γ)·R_y(−β)·R_z(−α)·X: Q exchanges the first two rows, X the
//! first and third columns.

use std::f64::consts::{FRAC_PI_2, PI};

use verglas_fourier::pose::{Pose, wrap_angle};
use verglas_fourier::sphere::rotation;
use verglas_structures::AxisOrder;

/// A view, a rotation and a displacement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TemplatePose {
    /// α of the view, radians.
    pub azimuth: f64,
    /// β of the view, radians.
    pub polar: f64,
    /// γ of the view, radians.
    pub gamma: f64,
    /// ω, radians.
    pub rotation: f64,
    /// (d_0, d_1) along image axes 0 and 1, Å.
    pub displacement_angstrom: [f64; 2],
}

impl TemplatePose {
    /// RELION's angles, and `rlnOriginXAngst`, `rlnOriginYAngst` in Å.
    ///
    /// ```
    /// use verglas_scoring::pose::TemplatePose;
    /// use verglas_structures::AxisOrder;
    ///
    /// let pose =
    ///     TemplatePose { azimuth: 0.5, polar: 1.0, gamma: 0.0, rotation: 0.0, displacement_angstrom: [3.0, 2.0] };
    /// let (angles, origin) = pose.in_relions_convention(AxisOrder::Zyx);
    /// assert!((angles.tilt - (std::f64::consts::PI - 1.0)).abs() < 1e-15);
    /// assert_eq!(origin, [-2.0, -3.0]);
    /// ```
    pub fn in_relions_convention(&self, axes: AxisOrder) -> (Pose, [f64; 2]) {
        let turn = self.rotation + self.gamma;
        let pose = match axes {
            AxisOrder::Zyx => {
                Pose { rot: wrap_angle(self.azimuth + PI), tilt: PI - self.polar, psi: wrap_angle(-turn - FRAC_PI_2) }
            }
            AxisOrder::Xyz => {
                // Its transpose is R_z(−ω − γ)·R_y(−β)·R_z(−α).
                let r = rotation(self.azimuth, self.polar, turn);
                let transposed = |row: usize, column: usize| r[column][row];
                let row = |row: usize| [transposed(row, 2), transposed(row, 1), transposed(row, 0)];
                Pose::from_matrix(&[row(1), row(0), row(2)])
            }
        };
        let ([d_0, d_1], (sin, cos)) = (self.displacement_angstrom, self.rotation.sin_cos());
        // No −0 in tables.
        (pose, [d_0 * sin - d_1 * cos + 0.0, -(d_0 * cos + d_1 * sin) + 0.0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RELION's matrix by the definition: the rows are the directions of the columns, of the rows and of the view in the
    /// structure's frame. Between left-handed frames, the view is the other one.
    #[test]
    fn matrices_are_those_of_the_definition() {
        for (azimuth, polar, gamma, angle) in [(0.3, 1.1, 0.2, 2.5), (4.0, 2.9, -1.0, 6.0), (6.1, 0.4, 0.0, 0.0)] {
            let pose = TemplatePose { azimuth, polar, gamma, rotation: angle, displacement_angstrom: [0.0; 2] };
            let r = rotation(azimuth, polar, gamma + angle);
            let column = |j: usize| [r[0][j], r[1][j], r[2][j]];
            let exchanged = |[x, y, z]: [f64; 3]| [z, y, x];
            for (axes, expected) in [
                (AxisOrder::Zyx, [column(1), column(0), column(2).map(|value| -value)]),
                (AxisOrder::Xyz, [exchanged(column(1)), exchanged(column(0)), exchanged(column(2))]),
            ] {
                let found = pose.in_relions_convention(axes).0.matrix();
                for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                    assert!((found - expected).abs() < 1e-14, "{axes:?}: {found} {expected}");
                }
            }
        }
    }
}
