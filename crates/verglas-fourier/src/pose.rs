//! Orientations of particles: RELION's three angles, CryoSPARC's rotation vectors, and the matrix that both describe.
//!
//! The matrix A is RELION's (`Euler_angles2matrix` in `src/euler.cpp`): it takes a point of the particle's own frame to
//! the frame of its image, of which x is the columns' direction (the fast axis of an MRC section), y the rows', and z
//! the viewing direction:
//!
//! ```text
//! A = R_z(psi) · R_y(tilt) · R_z(rot),  where R turns the axes, not the points:
//! R_z(t) = ⎡ cos t  sin t  0⎤      R_y(t) = ⎡cos t  0  −sin t⎤
//!          ⎢−sin t  cos t  0⎥               ⎢  0    1    0   ⎥
//!          ⎣  0      0     1⎦               ⎣sin t  0   cos t⎦
//! ```
//!
//! A particle's projection is therefore the density's integral along the third row of A, and its image sits at minus
//! `rlnOriginXAngst`, `rlnOriginYAngst` from the image's centre, since the origin is what is added to centre it.
//!
//! CryoSPARC's `alignments3D/pose` is a rotation vector v (axis times angle in radians) with A = exp(−\[v\]×), the
//! transpose of the rotation by v; its `alignments3D/shift` in pixels, times `alignments3D/psize_A`, is RELION's origin
//! in Å. Source: `geom.expmap`, `geom.rot2euler` and `metadata/cryosparc2.py` of pyem, whose `csparc2star.py` is how the
//! field converts.

use std::f64::consts::{PI, TAU};

/// A 3×3 matrix, rows first.
pub type Matrix3 = [[f64; 3]; 3];

/// The orientation of a particle: RELION's three angles, in radians.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pose {
    /// First angle, about the particle's z axis (`rlnAngleRot`).
    pub rot: f64,
    /// Second angle, about the new y axis (`rlnAngleTilt`).
    pub tilt: f64,
    /// Third angle, about the viewing direction, in the plane of the image (`rlnAnglePsi`).
    pub psi: f64,
}

impl Pose {
    /// The matrix A that takes the particle's frame to the image's.
    pub fn matrix(&self) -> Matrix3 {
        let (sa, ca) = self.rot.sin_cos();
        let (sb, cb) = self.tilt.sin_cos();
        let (sg, cg) = self.psi.sin_cos();
        [
            [cg * cb * ca - sg * sa, cg * cb * sa + sg * ca, -cg * sb],
            [-sg * cb * ca - cg * sa, -sg * cb * sa + cg * ca, sg * sb],
            [sb * ca, sb * sa, cb],
        ]
    }

    /// The angles of the rotation matrix `a`: rot and psi within (−π, π\], tilt within \[0, π\].
    ///
    /// Where tilt is 0 or π only rot + psi or rot − psi is determined; rot is then 0, as in RELION. `a` is taken to be
    /// a rotation (orthogonal, determinant 1) and not checked.
    pub fn from_matrix(a: &Matrix3) -> Self {
        let sine_tilt = a[2][0].hypot(a[2][1]);
        // Below this the last row's direction is nothing but rounding.
        let rot = if sine_tilt > 16.0 * f64::EPSILON { a[2][1].atan2(a[2][0]) } else { 0.0 };
        // psi out of rot and the upper block, where (1 ± cos tilt)·(cos, sin)(rot ± psi) stand: unlike the last column,
        // it keeps its precision when tilt is small, and so does the image's orientation.
        let psi = if a[2][2] >= 0.0 {
            (a[0][1] - a[1][0]).atan2(a[0][0] + a[1][1]) - rot
        } else {
            rot - (-a[0][1] - a[1][0]).atan2(a[1][1] - a[0][0])
        };
        Self { rot: wrap_angle(rot), tilt: sine_tilt.atan2(a[2][2]), psi: wrap_angle(psi) }
    }

    /// The pose whose rotation vector (CryoSPARC's `alignments3D/pose`, in radians) is `vector`, as
    /// [`Pose::from_matrix`] gives it.
    ///
    /// ```
    /// use verglas_fourier::pose::Pose;
    /// // A turn about the viewing direction alone is all psi, of the same sign.
    /// let pose = Pose::from_rotation_vector([0.0, 0.0, 0.5]);
    /// assert!(pose.tilt == 0.0 && (pose.rot + pose.psi - 0.5).abs() < 1e-15);
    /// ```
    pub fn from_rotation_vector(vector: [f64; 3]) -> Self {
        let [x, y, z] = vector;
        let angle = (x * x + y * y + z * z).sqrt();
        // sin(t)/t and (1 − cos t)/t² from their series where the quotients lose digits.
        let (sine, versine) = if angle < 1e-4 {
            (1.0 - angle * angle / 6.0, 0.5 - angle * angle / 24.0)
        } else {
            let half = 0.5 * angle;
            (angle.sin() / angle, 0.5 * (half.sin() / half).powi(2))
        };
        let cosine = 1.0 - versine * angle * angle;
        Self::from_matrix(&[
            [cosine + versine * x * x, versine * x * y + sine * z, versine * x * z - sine * y],
            [versine * x * y - sine * z, cosine + versine * y * y, versine * y * z + sine * x],
            [versine * x * z + sine * y, versine * y * z - sine * x, cosine + versine * z * z],
        ])
    }

    /// The rotation vector (CryoSPARC's `alignments3D/pose`) of this pose, in radians, of length π at most.
    pub fn rotation_vector(&self) -> [f64; 3] {
        // As a quaternion, the product of the three turns; half angles lose no digits near a turn by π.
        let (s, c) = (0.5 * self.tilt).sin_cos();
        let (sum_sin, sum_cos) = (0.5 * (self.rot + self.psi)).sin_cos();
        let (difference_sin, difference_cos) = (0.5 * (self.rot - self.psi)).sin_cos();
        let real = c * sum_cos;
        let imaginary = [-s * difference_sin, s * difference_cos, c * sum_sin];
        let length = imaginary.iter().map(|value| value * value).sum::<f64>().sqrt();
        if length == 0.0 {
            return [0.0; 3];
        }
        // q and −q are one rotation: the one with a positive real part turns by π or less.
        let factor = 2.0 * length.atan2(real.abs()) / length * 1.0_f64.copysign(real);
        imaginary.map(|value| value * factor)
    }

    /// The same pose with rot and psi within (−π, π\] and tilt within \[0, π\].
    #[must_use]
    pub fn normalised(&self) -> Self {
        let tilt = wrap_angle(self.tilt);
        if tilt < 0.0 {
            Self { rot: wrap_angle(self.rot + PI), tilt: -tilt, psi: wrap_angle(self.psi + PI) }
        } else {
            Self { rot: wrap_angle(self.rot), tilt, psi: wrap_angle(self.psi) }
        }
    }

    /// The pose with these angles in degrees, as `rlnAngleRot`, `rlnAngleTilt` and `rlnAnglePsi` give them.
    pub fn from_degrees(rot: f64, tilt: f64, psi: f64) -> Self {
        Self { rot: rot.to_radians(), tilt: tilt.to_radians(), psi: psi.to_radians() }
    }
}

/// The angle, in radians, brought into (−π, π].
pub fn wrap_angle(angle: f64) -> f64 {
    if angle > -PI && angle <= PI {
        return angle;
    }
    let wrapped = angle.rem_euclid(TAU);
    if wrapped > PI { wrapped - TAU } else { wrapped }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::f64::consts::FRAC_PI_2;

    fn product(a: &Matrix3, b: &Matrix3) -> Matrix3 {
        std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
    }

    fn difference(a: &Matrix3, b: &Matrix3) -> f64 {
        a.iter().flatten().zip(b.iter().flatten()).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
    }

    fn axes_about_z(t: f64) -> Matrix3 {
        [[t.cos(), t.sin(), 0.0], [-t.sin(), t.cos(), 0.0], [0.0, 0.0, 1.0]]
    }

    fn axes_about_y(t: f64) -> Matrix3 {
        [[t.cos(), 0.0, -t.sin()], [0.0, 1.0, 0.0], [t.sin(), 0.0, t.cos()]]
    }

    #[test]
    fn the_matrix_is_the_product_of_three_turns() {
        let pose = Pose { rot: 0.4, tilt: 1.1, psi: -2.3 };
        let expected = product(&axes_about_z(-2.3), &product(&axes_about_y(1.1), &axes_about_z(0.4)));
        assert!(difference(&pose.matrix(), &expected) < 1e-15);
    }

    #[test]
    fn rotation_vectors_give_the_transpose_of_their_turn() {
        // A quarter turn about x takes y to z; A is its transpose and takes z to y.
        let a = Pose::from_rotation_vector([FRAC_PI_2, 0.0, 0.0]).matrix();
        assert!(difference(&a, &[[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]) < 1e-15);
    }

    /// The result of pyem's formulas (`rot2euler(expmap(v))`, in NumPy) for the first rows of a real CryoSPARC file and
    /// a few others: the vector, then rot, tilt, psi in degrees.
    #[test]
    fn rotation_vectors_convert_as_in_pyem() {
        let known = [
            ([2.3386633, -0.25595567, -1.2236784], [-157.808488039040, 118.790969119798, 34.683299384927]),
            ([-1.0133039, -2.72435, -1.9319392], [51.952485647378, 110.211059348977, 92.757186416228]),
            ([-0.8730542, 0.080643564, -1.9179143], [26.698651187214, 42.391064759871, -142.746536210025]),
            ([-0.8239668, -1.609365, 1.8968768], [-137.330448748548, 83.620684921562, -83.107140017266]),
            ([0.1, -0.2, 0.3], [-144.804755378519, 12.763495817871, 162.065142267325]),
            ([-3.0, 0.5, -0.4], [6.389999134766, 164.429720035416, -154.685356449183]),
            ([0.7, 1.9, -2.0], [-98.264889387072, 89.449960686246, -57.815170524736]),
        ];
        for (vector, [rot, tilt, psi]) in known {
            let pose = Pose::from_rotation_vector(vector);
            let expected = Pose::from_degrees(rot, tilt, psi);
            assert!((pose.rot - expected.rot).abs() < 1e-9, "{vector:?}: {pose:?}, expected {expected:?}");
            assert!((pose.tilt - expected.tilt).abs() < 1e-9, "{vector:?}: {pose:?}, expected {expected:?}");
            assert!((pose.psi - expected.psi).abs() < 1e-9, "{vector:?}: {pose:?}, expected {expected:?}");
        }
    }

    #[test]
    fn without_tilt_everything_is_psi() {
        let pose = Pose::from_matrix(&Pose { rot: 0.3, tilt: 0.0, psi: 0.5 }.matrix());
        assert_eq!((pose.rot, pose.tilt), (0.0, 0.0));
        assert!((pose.psi - 0.8).abs() < 1e-15);
        let upside_down = Pose { rot: 0.3, tilt: PI, psi: 0.5 };
        let pose = Pose::from_matrix(&upside_down.matrix());
        assert!((pose.tilt - PI).abs() < 1e-15);
        assert!(difference(&pose.matrix(), &upside_down.matrix()) < 1e-15);
        assert_eq!(Pose::from_rotation_vector([0.0; 3]), Pose::default());
        assert_eq!(Pose::default().rotation_vector(), [0.0; 3]);
    }

    #[test]
    fn a_small_tilt_costs_no_precision() {
        for exponent in 3..18 {
            for base in [0.0, PI] {
                let pose = Pose { rot: 2.0, tilt: (base - 10f64.powi(-exponent)).abs(), psi: -1.2 };
                let a = pose.matrix();
                assert!(difference(&Pose::from_matrix(&a).matrix(), &a) < 4e-15, "{pose:?}");
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        assert!(Pose::from_rotation_vector([f64::NAN, 0.0, 0.0]).psi.is_nan());
        assert!(Pose { rot: f64::INFINITY, tilt: 0.0, psi: 0.0 }.normalised().rot.is_nan());
        assert!(wrap_angle(f64::NAN).is_nan());
    }

    proptest! {
        #[test]
        fn angles_survive_matrices_and_vectors(rot in -20.0..20.0, tilt in -20.0..20.0, psi in -20.0..20.0) {
            let pose = Pose { rot, tilt, psi };
            let a = pose.matrix();
            for other in [Pose::from_matrix(&a), pose.normalised(), Pose::from_rotation_vector(pose.rotation_vector())] {
                // Angles up to 20 rad keep 4e-15, the products of the matrix some multiples of 1e-16.
                prop_assert!(difference(&other.matrix(), &a) < 2e-14, "{:?}", other);
                prop_assert!(other.rot > -PI && other.rot <= PI);
                prop_assert!((0.0..=PI).contains(&other.tilt));
                prop_assert!(other.psi > -PI && other.psi <= PI);
            }
        }

        #[test]
        fn vectors_survive_angles(x in -1.0..1.0, y in -1.0..1.0, z in -1.0..1.0, angle in 0.0..3.1f64) {
            let length = f64::sqrt(x * x + y * y + z * z);
            prop_assume!(length > 1e-3);
            let vector = [x, y, z].map(|value| value / length * angle);
            let back = Pose::from_rotation_vector(vector).rotation_vector();
            // Near a turn by π a vector's direction is as well determined as the matrix: 0.04 rad from it, 1e-16/0.04.
            for (value, expected) in back.iter().zip(vector) {
                prop_assert!((value - expected).abs() < 1e-13, "{back:?} {vector:?}");
            }
        }
    }
}
