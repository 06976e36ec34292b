//! Rotations near another one.

use verglas_fourier::pose::Matrix3;

/// a·b
pub(crate) fn product(a: &Matrix3, b: &Matrix3) -> Matrix3 {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
}

/// aᵀ·b, what turns a into b in a's own frame.
pub(crate) fn between(a: &Matrix3, b: &Matrix3) -> Matrix3 {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[k][i] * b[k][j]).sum()))
}

/// The rotation by `angle` about z.
pub(crate) fn about_z(angle: f64) -> Matrix3 {
    let (sin, cos) = angle.sin_cos();
    [[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]]
}

/// The rotation by the vector (x, y, 0), which tilts z.
pub(crate) fn tilt(x: f64, y: f64) -> Matrix3 {
    let angle = x.hypot(y);
    // sin θ/θ and (1 − cos θ)/θ²
    let (s, c) = match angle {
        angle if angle < 1e-4 => (1.0 - angle * angle / 6.0, 0.5 - angle * angle / 24.0),
        angle => (angle.sin() / angle, 2.0 * (0.5 * angle).sin().powi(2) / (angle * angle)),
    };
    [[1.0 - c * y * y, c * x * y, s * y], [c * x * y, 1.0 - c * x * x, -s * x], [-s * y, s * x, angle.cos()]]
}

/// (x, y, ω) with `rotation` = tilt(x, y)·about_z(ω).
pub(crate) fn split(rotation: &Matrix3) -> [f64; 3] {
    // The third column is (s·y, −s·x, cos θ).
    let (sx, sy) = (-rotation[1][2], rotation[0][2]);
    let sine = sx.hypot(sy);
    let angle = sine.atan2(rotation[2][2]);
    let factor = if sine > 1e-12 { angle / sine } else { 1.0 };
    let (x, y) = (sx * factor, sy * factor);
    let rest = between(&tilt(x, y), rotation);
    [x, y, rest[1][0].atan2(rest[0][0])]
}

/// ω of R = R_z(α)·R_y(β)·R_z(ω), as the viewing angles have it; where β is 0 or π, α is 0.
pub(crate) fn inplane_angle(rotation: &Matrix3) -> f64 {
    let sine = rotation[0][2].hypot(rotation[1][2]);
    match sine > 1e-12 {
        // The last row is (−sin β cos ω, sin β sin ω, cos β).
        true => rotation[2][1].atan2(-rotation[2][0]),
        false => rotation[1][0].atan2(rotation[1][1]),
    }
}

/// (d_0, d_1) turned by `angle`.
pub(crate) fn turn(d: [f64; 2], angle: f64) -> [f64; 2] {
    let (sin, cos) = angle.sin_cos();
    [cos * d[0] - sin * d[1], sin * d[0] + cos * d[1]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use verglas_fourier::sphere;

    #[test]
    fn a_rotation_is_what_it_is_split_into() {
        for (x, y, omega) in
            [(0.0, 0.0, 0.3), (0.2, -0.1, -2.0), (1e-6, 2e-6, 1.0), (-2.0, 1.0, 3.0), (0.0, 1e-13, 0.0)]
        {
            let rotation = product(&tilt(x, y), &about_z(omega));
            let found = split(&rotation);
            for (found, expected) in found.into_iter().zip([x, y, omega]) {
                assert!((found - expected).abs() < 1e-9, "{x} {y} {omega}: {found}");
            }
            let unit = between(&rotation, &rotation);
            for i in 0..3 {
                for j in 0..3 {
                    assert!((unit[i][j] - f64::from(u8::from(i == j))).abs() < 1e-14);
                }
            }
        }
    }

    #[test]
    fn tilts_are_rotations_by_a_vector() {
        // About x, y turns to z.
        let turned = tilt(0.4, 0.0);
        assert!((turned[2][1] - 0.4_f64.sin()).abs() < 1e-15 && (turned[1][1] - 0.4_f64.cos()).abs() < 1e-15);
        // About y, z turns to x.
        assert!((tilt(0.0, 0.4)[0][2] - 0.4_f64.sin()).abs() < 1e-15);
    }

    #[test]
    fn the_angle_in_the_plane_is_that_of_the_views() {
        for (alpha, beta, omega) in [(0.3, 1.0, -0.7), (5.0, 3.0, 2.0), (1.0, 0.001, 0.5)] {
            let rotation = sphere::rotation(alpha, beta, omega);
            assert!((inplane_angle(&rotation) - omega).abs() < 1e-9, "{omega}");
            assert_eq!(
                product(&sphere::rotation(alpha, beta, 0.0), &about_z(omega)).map(|row| row.map(|v| (v * 1e9).round())),
                rotation.map(|row| row.map(|v| (v * 1e9).round()))
            );
        }
    }
}
