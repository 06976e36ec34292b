//! Where the contrast transfer function of an image vanishes: ellipses around the centre of its Fourier image.

use std::f64::consts::TAU;

use verglas_fourier::ctf::Ctf;

/// Points of a ring.
const N_AZIMUTHS: usize = 72;

/// The first zeros of `ctf` out to the frequency `rim` (1/Å): closed lines on the disc whose rim has the radius 1.
///
/// Each point is (right, down) from the centre, as the picture of the physical image is turned: columns to the right,
/// rows downwards. Rings that leave the disc in some direction are left out.
pub(crate) fn zero_rings(ctf: &Ctf, rim: f64, most: usize) -> Vec<Vec<[f64; 2]>> {
    let by_azimuth: Vec<Vec<f64>> =
        (0..N_AZIMUTHS).map(|index| zeros_along(ctf, TAU * index as f64 / N_AZIMUTHS as f64, rim, most)).collect();
    let n_rings = by_azimuth.iter().map(Vec::len).min().unwrap_or(0);
    (0..n_rings)
        .map(|ring| {
            by_azimuth
                .iter()
                .enumerate()
                .map(|(index, zeros)| {
                    let (sin, cos) = (TAU * index as f64 / N_AZIMUTHS as f64).sin_cos();
                    // The azimuth counts from the columns' direction towards the rows'.
                    [zeros[ring] / rim * cos, zeros[ring] / rim * sin]
                })
                .collect()
        })
        .collect()
}

/// Frequencies at which the function changes sign along one direction.
fn zeros_along(ctf: &Ctf, azimuth_rad: f64, rim: f64, most: usize) -> Vec<f64> {
    const N_STEPS: usize = 1500;
    let (sin, cos) = azimuth_rad.sin_cos();
    let coefficients = ctf.coefficients();
    let value = |step: usize| {
        let k = rim * step as f64 / N_STEPS as f64;
        (k, coefficients.value(k * cos, k * sin))
    };
    let mut zeros = Vec::new();
    let mut last = value(0);
    for step in 1..=N_STEPS {
        let next = value(step);
        if last.1 * next.1 < 0.0 {
            zeros.push(last.0 + (next.0 - last.0) * last.1 / (last.1 - next.1));
            if zeros.len() == most {
                break;
            }
        }
        last = next;
    }
    zeros
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_lie_closer_along_the_larger_defocus() {
        let ctf = Ctf {
            defocus_u_angstrom: 20_000.0,
            defocus_v_angstrom: 10_000.0,
            defocus_angle_rad: 30_f64.to_radians(),
            voltage_kv: 300.0,
            spherical_aberration_mm: 2.7,
            amplitude_contrast: 0.1,
            phase_shift_rad: 0.0,
            b_factor_angstrom2: 0.0,
            scale: 1.0,
        };
        let rings = zero_rings(&ctf, 0.2, 8);
        assert!(rings.len() >= 4, "{}", rings.len());
        for ring in &rings {
            for [x, y] in ring {
                assert!(ctf.value(x * 0.2, y * 0.2).abs() < 0.02, "{x} {y}");
            }
            let radius = |degrees: usize| ring[degrees / 5][0].hypot(ring[degrees / 5][1]);
            // Shortest along 30°, longest across it.
            let shortest = (0..36).min_by(|&a, &b| radius(a * 5).total_cmp(&radius(b * 5))).unwrap() * 5;
            assert_eq!(shortest, 30);
            assert!(radius(120) > 1.3 * radius(30));
        }
        assert!(zero_rings(&Ctf { amplitude_contrast: 2.0, ..ctf }, 0.2, 8).is_empty());
    }
}
