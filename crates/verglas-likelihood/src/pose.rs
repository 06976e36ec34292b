//! Poses: of the grid, and between its points.

use verglas_fourier::pose::Matrix3;

use crate::refine::rotation::{about_z, inplane_angle, product, turn};

/// Which template, where, and how it is turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Pose {
    pub template: usize,
    pub displacement: usize,
    pub rotation: usize,
}

/// A pose: R, whose columns are the directions of image axis 0, image axis 1 and the view in the structure's frame, and how
/// far the template is moved in the image's frame, in Å.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContinuousPose {
    /// R.
    pub rotation: Matrix3,
    /// Along image axes 0 and 1.
    pub shift_angstrom: [f64; 2],
}

impl ContinuousPose {
    /// A template of `view`, moved by `displacement_angstrom` in its own frame, then turned by `angle`.
    pub fn of_template(view: &Matrix3, angle: f64, displacement_angstrom: [f64; 2]) -> Self {
        Self { rotation: product(view, &about_z(angle)), shift_angstrom: turn(displacement_angstrom, -angle) }
    }

    /// α, β and ω of R = R_z(α)·R_y(β)·R_z(ω), radians, and the displacement in the frame of the template of (α, β).
    pub fn as_template(&self) -> ([f64; 3], [f64; 2]) {
        let [x, y, z] = [0, 1, 2].map(|axis| self.rotation[axis][2]);
        let sine = x.hypot(y);
        let angle = inplane_angle(&self.rotation);
        let azimuth = if sine > 1e-12 { y.atan2(x) } else { 0.0 };
        ([azimuth, sine.atan2(z), angle], turn(self.shift_angstrom, angle))
    }
}

/// A pose, and the score that the search found for it: its correlation, or where scales must be above 0 its gain − ½ ln A.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    pub score: f64,
    pub pose: Pose,
}

/// The best pose of an image with a template.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BestOfView {
    pub score: f64,
    pub displacement: u32,
    pub rotation: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use verglas_fourier::sphere;

    #[test]
    fn a_template_and_back() {
        for (alpha, beta, omega) in [(0.3, 1.0, -0.7), (-2.0, 3.0, 2.0), (1.0, 0.001, 0.5)] {
            let pose = ContinuousPose::of_template(&sphere::rotation(alpha, beta, 0.0), omega, [3.0, -1.0]);
            let ([azimuth, polar, angle], displacement) = pose.as_template();
            for (found, expected) in [azimuth, polar, angle, displacement[0], displacement[1]]
                .into_iter()
                .zip([alpha, beta, omega, 3.0, -1.0])
            {
                assert!((found - expected).abs() < 1e-9, "{found} {expected}");
            }
        }
        // Seen along z and from behind, the azimuth is part of the rotation.
        for beta in [0.0, std::f64::consts::PI] {
            let pose = ContinuousPose { rotation: sphere::rotation(0.4, beta, 0.3), shift_angstrom: [1.0, 2.0] };
            let ([azimuth, polar, angle], displacement) = pose.as_template();
            let again = ContinuousPose::of_template(&sphere::rotation(azimuth, polar, 0.0), angle, displacement);
            for (found, expected) in again.rotation.iter().flatten().zip(pose.rotation.iter().flatten()) {
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
        }
    }
}
