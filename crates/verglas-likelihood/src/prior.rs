//! What is known of a pose beforehand.
//!
//! ```text
//! over rotations      exp(−θ²/2σ²)/Z by the angle θ to the known one, up to 3σ, against the uniform;
//!                     Z = ∫₀^{3σ} exp(−θ²/2σ²)(1 − cos θ)/π dθ
//! over displacements  exp(−|D − D_0|²/2σ²)/(2πσ²(1 − e^−4.5)) per Å², up to 3σ
//! ```

use std::f64::consts::{PI, TAU};

use verglas_fourier::pose::Matrix3;

use crate::error::LikelihoodError;
use crate::formula::LogSum;
use crate::pose::ContinuousPose;
use crate::refine::rotation::between;

/// How far poses may lie from known ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PosePrior {
    view_sigma_rad: f64,
    shift_sigma_angstrom: f64,
    ln_z: f64,
}

/// Both distributions end at so many standard deviations.
const REACH: f64 = 3.0;

impl PosePrior {
    /// With the standard deviations of rotations, in radians, and of displacements, in Å.
    ///
    /// # Errors
    /// When one of them is not a finite number above 0.
    pub fn new(view_sigma_rad: f64, shift_sigma_angstrom: f64) -> Result<Self, LikelihoodError> {
        LikelihoodError::check_positive("standard deviation of rotations in radians", view_sigma_rad)?;
        LikelihoodError::check_positive("standard deviation of displacements in Å", shift_sigma_angstrom)?;
        // Simpson's rule.
        let (n, reach) = (4000, (REACH * view_sigma_rad).min(PI));
        let density = |theta: f64| {
            // (1 − cos θ)/π without cancellation.
            let sine = (0.5 * theta).sin();
            (-0.5 * (theta / view_sigma_rad).powi(2)).exp() * 2.0 * sine * sine / PI
        };
        let sum: f64 = (0..=n)
            .map(|i| {
                let factor = if i == 0 || i == n { 1.0 } else { 2.0 + 2.0 * f64::from(i % 2) };
                factor * density(reach * f64::from(i) / f64::from(n))
            })
            .sum();
        let ln_z = (sum * reach / f64::from(3 * n)).ln();
        Ok(Self { view_sigma_rad, shift_sigma_angstrom, ln_z })
    }

    /// The largest angle of rotations, radians.
    pub fn view_reach_rad(&self) -> f64 {
        (REACH * self.view_sigma_rad).min(PI)
    }

    /// The standard deviation of displacements, Å.
    pub fn shift_sigma_angstrom(&self) -> f64 {
        self.shift_sigma_angstrom
    }

    /// The largest displacement, Å.
    pub fn shift_reach_angstrom(&self) -> f64 {
        REACH * self.shift_sigma_angstrom
    }

    /// ln of the density of rotations at an angle, against the uniform one; as if it had no end.
    pub(crate) fn ln_of_angle(&self, theta: f64) -> f64 {
        -0.5 * (theta / self.view_sigma_rad).powi(2) - self.ln_z
    }

    /// ln of the density of displacements per Å² at a squared distance; as if it had no end.
    pub(crate) fn ln_of_distance2(&self, distance2: f64) -> f64 {
        let sigma2 = self.shift_sigma_angstrom * self.shift_sigma_angstrom;
        -0.5 * distance2 / sigma2 - (TAU * sigma2 * (1.0 - (-0.5 * REACH * REACH).exp())).ln()
    }
}

/// The angle of the rotation between two.
pub(crate) fn angle_between(a: &Matrix3, b: &Matrix3) -> f64 {
    let trace: f64 = (0..3).map(|i| (0..3).map(|k| a[k][i] * b[k][i]).sum::<f64>()).sum();
    angle_of_trace(trace)
}

/// The angle of a rotation by its trace.
pub(crate) fn angle_of_trace(trace: f64) -> f64 {
    2.0 * (0.25 * (3.0 - trace)).clamp(0.0, 1.0).sqrt().asin()
}

/// A known pose, and what it says of others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Known<'a> {
    pub prior: PosePrior,
    pub pose: ContinuousPose,
    /// The rotations that the structure looks the same after, itself included: poses that differ by one of them are one.
    pub mates: &'a [Matrix3],
}

impl Known<'_> {
    /// The known rotation and all that stand for the same pose.
    pub fn rotations(&self) -> impl Iterator<Item = Matrix3> {
        self.mates.iter().map(|mate| between(mate, &self.pose.rotation))
    }

    /// ln of the density of a rotation by the angles that [`Known::angles`] gives.
    pub fn ln_of_angles(&self, angles: impl Iterator<Item = f64>) -> f64 {
        let mut sum = LogSum::new();
        angles.for_each(|angle| sum.add(self.prior.ln_of_angle(angle), 1.0));
        sum.ln() - (self.mates.len() as f64).ln()
    }

    /// ln of the density at a pose, as if it had no end.
    pub fn ln_density(&self, pose: &ContinuousPose) -> f64 {
        self.ln_of_angles(self.angles(pose)) + self.prior.ln_of_distance2(self.distance(pose).powi(2))
    }

    /// The angle to each of the rotations that stand for the known one.
    fn angles(&self, pose: &ContinuousPose) -> impl Iterator<Item = f64> {
        self.rotations().map(|rotation| angle_between(&pose.rotation, &rotation))
    }

    fn distance(&self, pose: &ContinuousPose) -> f64 {
        let [x, y] = [0, 1].map(|axis| pose.shift_angstrom[axis] - self.pose.shift_angstrom[axis]);
        x.hypot(y)
    }

    /// How far a pose lies from the known one: the angle in radians, the displacement in Å.
    pub fn distances(&self, pose: &ContinuousPose) -> (f64, f64) {
        (self.angles(pose).fold(f64::INFINITY, f64::min), self.distance(pose))
    }

    /// Whether a pose so far from the known one, in radians and Å, is at the edge of what is possible: beyond nine tenths of a reach.
    pub fn is_edge(&self, (theta, distance): (f64, f64)) -> bool {
        theta > 0.9 * self.prior.view_reach_rad() || distance > 0.9 * self.prior.shift_reach_angstrom()
    }

    /// Whether a pose is possible.
    pub fn holds(&self, pose: &ContinuousPose) -> bool {
        let (theta, distance) = self.distances(pose);
        theta <= self.prior.view_reach_rad() && distance <= self.prior.shift_reach_angstrom()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use verglas_fourier::sphere::rotation;

    #[test]
    fn densities_integrate_to_one() {
        for sigma in [0.02, 0.17, 1.5] {
            let prior = PosePrior::new(sigma, 4.0).unwrap();
            let n = 100_000;
            let step = prior.view_reach_rad() / f64::from(n);
            let sum: f64 = (0..n)
                .map(|i| (f64::from(i) + 0.5) * step)
                .map(|theta| prior.ln_of_angle(theta).exp() * (1.0 - theta.cos()) / PI * step)
                .sum();
            assert!((sum - 1.0).abs() < 1e-6, "{sigma}: {sum}");
            let step = prior.shift_reach_angstrom() / f64::from(n);
            let sum: f64 = (0..n)
                .map(|i| (f64::from(i) + 0.5) * step)
                .map(|r| prior.ln_of_distance2(r * r).exp() * TAU * r * step)
                .sum();
            assert!((sum - 1.0).abs() < 1e-6, "{sigma}: {sum}");
        }
        assert!(PosePrior::new(0.0, 1.0).is_err() && PosePrior::new(1.0, f64::NAN).is_err());
    }

    #[test]
    fn mates_of_a_pose_are_as_near_as_itself() {
        let mates = verglas_fourier::sphere::PointGroup::Dihedral(3).rotations();
        let prior = PosePrior::new(0.1, 4.0).unwrap();
        let pose = ContinuousPose { rotation: rotation(0.3, 1.0, 0.2), shift_angstrom: [1.0, 2.0] };
        let known = Known { prior, pose, mates: &mates };
        let other = ContinuousPose { rotation: rotation(0.35, 1.02, 0.2), shift_angstrom: [1.0, 3.0] };
        let (angle, distance) = known.distances(&other);
        assert!(angle > 0.01 && angle < 0.1 && (distance - 1.0).abs() < 1e-12 && known.holds(&other));
        for mate in &mates {
            let turned = ContinuousPose { rotation: crate::refine::rotation::product(mate, &other.rotation), ..other };
            assert!((known.distances(&turned).0 - angle).abs() < 1e-12 && known.holds(&turned));
            assert!((known.ln_density(&turned) - known.ln_density(&other)).abs() < 1e-9);
        }
        // Each of six is as likely as the others.
        let alone = Known { mates: &mates[..1], ..known };
        let lost = alone.ln_density(&other) - known.ln_density(&other);
        assert!((lost - 6_f64.ln()).abs() < 1e-9 || alone.distances(&other).0 > 1.0, "{lost}");
    }

    #[test]
    fn angles_between_rotations() {
        let a = rotation(0.3, 1.0, 0.2);
        assert!(angle_between(&a, &a) < 1e-7);
        assert!((angle_between(&a, &rotation(0.3, 1.0, 0.9)) - 0.7).abs() < 1e-12);
        assert!((angle_between(&a, &rotation(0.3, 1.0 - 1e-4, 0.2)) - 1e-4).abs() < 1e-10);
    }
}
