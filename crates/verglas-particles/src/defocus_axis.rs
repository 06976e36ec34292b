//! The direction that a defocus angle is measured from: the field's columns, or CryoLike's rows.

use std::f64::consts::{FRAC_PI_2, PI};

use crate::particle::{Column, DefocusAngleAxis, ParticleTable};

/// Turns defocus values so that CryoLike draws the CTF of an astigmatic image the right way round.
///
/// CryoLike lays θ = 0 along the rows' direction, while everyone else measures from the columns' (x), so the angle
/// becomes π/2 − angle; and it takes |U − V|, so U must be the larger: where U < V they are exchanged, which adds π/2
/// to the angle first. The result lies in (−π/2, π/2]: astigmatism has the period π.
pub(crate) fn turn_to_rows(table: &mut ParticleTable) {
    let n = table.len();
    let (u, v, angle) = (&table.defocus_u_angstrom, &table.defocus_v_angstrom, &table.defocus_angle_rad);
    let turned: Vec<[f64; 3]> = match (u, v, angle) {
        (Column::Constant(u), Column::Constant(v), Column::Constant(angle)) => vec![turn(*u, *v, *angle)],
        _ => (0..n).map(|i| turn(u.get(i), v.get(i), angle.get(i))).collect(),
    };
    let column = |component: usize| match turned.as_slice() {
        [only] => Column::Constant(only[component]),
        _ => Column::PerParticle(turned.iter().map(|values| values[component]).collect()),
    };
    let [u, v, angle] = [0, 1, 2].map(column);
    table.defocus_u_angstrom = u;
    table.defocus_v_angstrom = v;
    table.defocus_angle_rad = angle;
    table.defocus_angle_axis = DefocusAngleAxis::Rows;
}

fn turn(u: f64, v: f64, angle: f64) -> [f64; 3] {
    let (u, v, angle) = if u < v { (v, u, angle + FRAC_PI_2) } else { (u, v, angle) };
    [u, v, into_half_turn(FRAC_PI_2 - angle)]
}

/// The equivalent angle in (−π/2, π/2].
fn into_half_turn(angle: f64) -> f64 {
    let angle = angle.rem_euclid(PI);
    if angle > FRAC_PI_2 { angle - PI } else { angle }
}

#[cfg(test)]
mod tests {
    use super::*;
    use verglas_fourier::ctf::Ctf;

    #[test]
    fn u_becomes_the_larger_and_the_angle_is_mirrored() {
        let [u, v, angle] = turn(12_000.0, 10_000.0, 0.3);
        assert_eq!((u, v), (12_000.0, 10_000.0));
        assert!((angle - (FRAC_PI_2 - 0.3)).abs() < 1e-15);
        let [u, v, angle] = turn(10_000.0, 12_000.0, 0.3);
        assert_eq!((u, v), (12_000.0, 10_000.0));
        assert!((angle - -0.3).abs() < 1e-15);
    }

    #[test]
    fn the_function_stays_the_same() {
        for (u, v, angle) in [(12_000.0, 10_000.0, 0.3), (10_000.0, 12_000.0, -1.2), (9_000.0, 9_500.0, 3.0)] {
            let ctf = |u: f64, v: f64, angle: f64| Ctf {
                defocus_u_angstrom: u,
                defocus_v_angstrom: v,
                defocus_angle_rad: angle,
                voltage_kv: 300.0,
                spherical_aberration_mm: 2.7,
                amplitude_contrast: 0.1,
                phase_shift_rad: 0.0,
                b_factor_angstrom2: 0.0,
                scale: 1.0,
            };
            let [turned_u, turned_v, turned] = turn(u, v, angle);
            let turned = ctf(turned_u, turned_v, DefocusAngleAxis::Rows.angle_from_columns(turned));
            for azimuth in [0.0, 0.4, 1.1, 2.5] {
                // χ is some 50 rad here, of which doubles keep 1e-14.
                let difference = turned.value_along(0.1, azimuth) - ctf(u, v, angle).value_along(0.1, azimuth);
                assert!(difference.abs() < 1e-11, "{u} {v} {angle} {azimuth}: {difference}");
            }
        }
    }

    #[test]
    fn angles_end_in_the_half_open_half_turn() {
        for degrees in -720..720 {
            let angle = f64::from(degrees).to_radians();
            let turned = into_half_turn(angle);
            assert!(turned > -FRAC_PI_2 && turned <= FRAC_PI_2, "{degrees}: {turned}");
            let period = (turned - angle) / PI;
            assert!((period - period.round()).abs() < 1e-12, "{degrees}");
        }
    }
}
