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
use verglas_likelihood::refine::ContinuousPose;
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

/// RELION's angles and origin of a pose between the grid's.
pub fn continuous_in_relions_convention(pose: &ContinuousPose, axes: AxisOrder) -> (Pose, [f64; 2]) {
    let ([azimuth, polar, rotation], displacement_angstrom) = pose.as_template();
    TemplatePose { azimuth, polar, gamma: 0.0, rotation, displacement_angstrom }.in_relions_convention(axes)
}

/// The pose that RELION's angles, radians, and origin, Å, stand for, of templates with these axes.
///
/// ```text
/// α = rot − π     β = π − tilt     ω = −psi − π/2     d_0 = X sin ω − Y cos ω     d_1 = −X cos ω − Y sin ω
/// ```
///
/// Where x and z are exchanged: G = Q·A·X, whose last row is (sin β cos α, sin β sin α, cos β), ω = atan2(G_12, −G_02).
pub fn from_relions_convention(pose: &Pose, [x, y]: [f64; 2], axes: AxisOrder) -> ContinuousPose {
    let (azimuth, polar, angle) = match axes {
        AxisOrder::Zyx => (pose.rot - PI, PI - pose.tilt, -pose.psi - FRAC_PI_2),
        AxisOrder::Xyz => {
            let a = pose.matrix();
            let row = |row: usize| [a[row][2], a[row][1], a[row][0]];
            let g = [row(1), row(0), row(2)];
            let sine = g[2][0].hypot(g[2][1]);
            // Seen along z or from behind, only the sum or difference of α and ω is determined.
            let is_upright = sine > 16.0 * f64::EPSILON;
            let azimuth = if is_upright { g[2][1].atan2(g[2][0]) } else { 0.0 };
            let angle = if is_upright { g[1][2].atan2(-g[0][2]) } else { g[0][1].atan2(g[1][1]) };
            (azimuth, sine.atan2(g[2][2]), angle)
        }
    };
    let (sin, cos) = angle.sin_cos();
    ContinuousPose::of_template(&rotation(azimuth, polar, 0.0), angle, [x * sin - y * cos, -x * cos - y * sin])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    #[test]
    fn poses_in_relions_convention_lead_back() {
        let mut seed = 1_u64;
        let mut draw = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 11) as f64 / (1_u64 << 53) as f64
        };
        for axes in [AxisOrder::Zyx, AxisOrder::Xyz] {
            for case in 0..500 {
                let polar = match case {
                    0 => 0.0,
                    1 => PI,
                    _ => (1.0 - 2.0 * draw()).acos(),
                };
                let view = rotation(TAU * draw(), polar, 0.0);
                let pose = ContinuousPose::of_template(&view, TAU * draw(), [8.0 * draw() - 4.0, 8.0 * draw() - 4.0]);
                let (angles, origin) = continuous_in_relions_convention(&pose, axes);
                let back = from_relions_convention(&angles, origin, axes);
                for (found, expected) in back.rotation.iter().flatten().zip(pose.rotation.iter().flatten()) {
                    assert!((found - expected).abs() < 1e-9, "{axes:?} {case}: {found} {expected}");
                }
                for (found, expected) in back.shift_angstrom.iter().zip(pose.shift_angstrom) {
                    assert!((found - expected).abs() < 1e-9, "{axes:?} {case}: {found} {expected}");
                }
            }
        }
    }

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
