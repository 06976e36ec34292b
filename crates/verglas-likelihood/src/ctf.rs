//! The contrast transfer of one image, on the polar grid.
//!
//! ```text
//! λ = 10¹⁰·h/√(2meΦ)/√(1 + eΦ/(2mc²))
//! z = (U + U′)/2 + (U − U′)/2·cos 2(θ − α)
//! χ = πλz q² − (π/2)C_s λ³q⁴ + phase shift
//! C = [√(1 − Q²)·sin χ + Q·cos χ]·exp(−B q²/4)
//! ```
//!
//! U, U′ the two defoci, signed; α the defocus angle from axis 0; q = 2r_n/L in 1/Å. h, e, c, m are those of CODATA 2018; the
//! constants that RELION uses ([`verglas_fourier::ctf`]) make λ 6e-6 longer.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use crate::error::LikelihoodError;
use crate::geometry::Geometry;
use crate::waves::{n_opposite, sin_cos_of_turns};

/// Planck's constant in J s (CODATA 2018).
const PLANCK: f64 = 6.626_070_15e-34;
/// Charge of an electron in C (CODATA 2018, as CryoLike rounds it).
const CHARGE: f64 = 1.602_176_63e-19;
/// Speed of light in m/s.
const LIGHT: f64 = 2.997_924_58e8;
/// Mass of an electron in kg (CODATA 2018).
const MASS: f64 = 9.109_383_701_5e-31;

/// Wavelength in Å of electrons after acceleration through `voltage_kv` kilovolts, relativistic.
///
/// ```
/// assert!((verglas_likelihood::ctf::wavelength_angstrom(300.0) - 0.0196875).abs() < 1e-7);
/// ```
pub fn wavelength_angstrom(voltage_kv: f64) -> f64 {
    let energy = CHARGE * voltage_kv * 1e3;
    1e10 * PLANCK / (2.0 * MASS * energy).sqrt() / (1.0 + energy / (2.0 * MASS * LIGHT * LIGHT)).sqrt()
}

/// The defocus angle from axis 0 (rows), of one that is measured from the columns' direction, as RELION and CryoSPARC do;
/// and the way back. Radians.
pub fn angle_from_other_axis(angle_rad: f64) -> f64 {
    FRAC_PI_2 - angle_rad
}

/// How the contrast transfer is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContrastFormula {
    /// As the [module's text](self) says.
    #[default]
    Right,
    /// With |U − U′| in place of U − U′, and without B-factor.
    CryoLike,
}

/// What determines the contrast transfer of one image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContrastTransfer {
    /// U, defocus in the direction of the angle, in Å, positive for underfocus.
    pub defocus_u_angstrom: f64,
    /// U′, defocus across it, in Å; may be larger.
    pub defocus_v_angstrom: f64,
    /// Angle from axis 0 (rows) to the direction of U, in radians; see [`angle_from_other_axis`].
    pub defocus_angle_rad: f64,
    /// Acceleration voltage in kV.
    pub voltage_kv: f64,
    /// Spherical aberration in mm.
    pub spherical_aberration_mm: f64,
    /// Fraction of amplitude contrast, within \[0, 1\].
    pub amplitude_contrast: f64,
    /// Phase shift in radians.
    pub phase_shift_rad: f64,
    /// B-factor in Å².
    pub b_factor_angstrom2: f64,
}

impl ContrastTransfer {
    /// C at each point of the grid, `[n_shells, n_inplanes]`, into `out`.
    ///
    /// # Errors
    /// When `out` has another length, the voltage is not above 0, the amplitude contrast not within \[0, 1\], or another
    /// quantity not finite. `image` is told in the error.
    pub fn fill(
        &self,
        geometry: &Geometry,
        formula: ContrastFormula,
        image: usize,
        out: &mut [f64],
    ) -> Result<(), LikelihoodError> {
        LikelihoodError::check_length("contrast transfer", geometry.n_points(), out.len())?;
        self.check(image)?;
        let (grid, lambda) = (geometry.grid(), wavelength_angstrom(self.voltage_kv));
        let mean = 0.5 * (self.defocus_u_angstrom + self.defocus_v_angstrom);
        let difference = self.defocus_u_angstrom - self.defocus_v_angstrom;
        let (deviation, b_factor) = match formula {
            ContrastFormula::Right => (0.5 * difference, self.b_factor_angstrom2),
            ContrastFormula::CryoLike => (0.5 * difference.abs(), 0.0),
        };
        let (sin_twice, cos_twice) = (2.0 * self.defocus_angle_rad).sin_cos();
        let p = grid.n_inplanes();
        // It is the same in opposite directions.
        let n = p - n_opposite(p);
        let defocus: Vec<f64> = (0..n)
            .map(|inplane| {
                let (cos, sin) = grid.direction(inplane);
                // cos 2(θ − α)
                mean + deviation * ((cos * cos - sin * sin) * cos_twice + 2.0 * sin * cos * sin_twice)
            })
            .collect();
        let quartic = FRAC_PI_2 * self.spherical_aberration_mm * 1e7 * lambda.powi(3);
        let in_phase = (1.0 - self.amplitude_contrast * self.amplitude_contrast).sqrt();
        let (mut turns, mut sin, mut cos) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        for (shell, out) in out.chunks_exact_mut(p).enumerate() {
            let q2 = (2.0 * grid.radii()[shell] / geometry.box_angstrom()).powi(2);
            let envelope = (-0.25 * b_factor * q2).exp();
            for (turns, defocus) in turns.iter_mut().zip(&defocus) {
                let chi = PI * lambda * defocus * q2 - quartic * q2 * q2 + self.phase_shift_rad;
                *turns = chi / TAU;
            }
            sin_cos_of_turns(&turns, &mut sin, &mut cos);
            let (first, opposite) = out.split_at_mut(n);
            for (out, (sin, cos)) in first.iter_mut().zip(sin.iter().zip(&cos)) {
                *out = (in_phase * sin + self.amplitude_contrast * cos) * envelope;
            }
            opposite.copy_from_slice(&first[..opposite.len()]);
        }
        Ok(())
    }

    /// Whether all values are of their ranges; `image` is told in the error.
    ///
    /// # Errors
    /// As [`ContrastTransfer::fill`].
    pub fn check(&self, image: usize) -> Result<(), LikelihoodError> {
        let problem = |problem: String| Err(LikelihoodError::Contrast { image, problem });
        if !(self.voltage_kv.is_finite() && self.voltage_kv > 0.0) {
            return problem(format!("voltage is {} kV, expected a finite number above 0", self.voltage_kv));
        }
        if !(0.0..=1.0).contains(&self.amplitude_contrast) {
            return problem(format!("amplitude contrast is {}, expected 0 to 1", self.amplitude_contrast));
        }
        for (name, value) in [
            ("defocus U", self.defocus_u_angstrom),
            ("defocus V", self.defocus_v_angstrom),
            ("defocus angle", self.defocus_angle_rad),
            ("spherical aberration", self.spherical_aberration_mm),
            ("phase shift", self.phase_shift_rad),
            ("B-factor", self.b_factor_angstrom2),
        ] {
            if !value.is_finite() {
                return problem(format!("{name} is {value}, expected a finite number"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use verglas_fourier::ctf::Ctf;
    use verglas_fourier::grid::PolarGrid;

    const TRANSFER: ContrastTransfer = ContrastTransfer {
        defocus_u_angstrom: 9_000.0,
        defocus_v_angstrom: 15_000.0,
        defocus_angle_rad: 0.4,
        voltage_kv: 300.0,
        spherical_aberration_mm: 2.7,
        amplitude_contrast: 0.1,
        phase_shift_rad: 0.3,
        b_factor_angstrom2: 40.0,
    };

    #[test]
    fn it_is_relions_function_but_for_the_wavelength() {
        let geometry = Geometry::new(PolarGrid::new(4.0, 0.25, 20).unwrap(), 64.0).unwrap();
        let mut values = vec![0.0; geometry.n_points()];
        for angle in [0.4, 1.2, 2.0, 3.0, -0.7] {
            let transfer = ContrastTransfer { defocus_angle_rad: angle, ..TRANSFER };
            transfer.fill(&geometry, ContrastFormula::Right, 0, &mut values).unwrap();
            // RELION's x is the columns' direction, our axis 1.
            let relion = Ctf {
                defocus_u_angstrom: transfer.defocus_u_angstrom,
                defocus_v_angstrom: transfer.defocus_v_angstrom,
                defocus_angle_rad: angle_from_other_axis(angle),
                voltage_kv: 300.0,
                spherical_aberration_mm: 2.7,
                amplitude_contrast: 0.1,
                phase_shift_rad: 0.3,
                b_factor_angstrom2: 40.0,
                scale: 1.0,
            };
            for shell in 0..geometry.n_shells() {
                for inplane in 0..20 {
                    let q = 2.0 * geometry.grid().radii()[shell] / 64.0;
                    let (cos, sin) = geometry.grid().direction(inplane);
                    let expected = relion.value(q * sin, q * cos);
                    // χ reaches 60 rad, of which 6e-6 are the wavelength's.
                    assert!((values[shell * 20 + inplane] - expected).abs() < 1e-4);
                }
            }
        }
    }

    #[test]
    fn cryolike_takes_the_size_of_the_difference_and_no_b_factor() {
        let geometry = Geometry::new(PolarGrid::new(4.0, 0.25, 20).unwrap(), 64.0).unwrap();
        let (mut values, mut expected) = (vec![0.0; geometry.n_points()], vec![0.0; geometry.n_points()]);
        TRANSFER.fill(&geometry, ContrastFormula::CryoLike, 0, &mut values).unwrap();
        let exchanged = ContrastTransfer {
            defocus_u_angstrom: TRANSFER.defocus_v_angstrom,
            defocus_v_angstrom: TRANSFER.defocus_u_angstrom,
            b_factor_angstrom2: 0.0,
            ..TRANSFER
        };
        exchanged.fill(&geometry, ContrastFormula::Right, 0, &mut expected).unwrap();
        assert_eq!(values, expected);
    }

    #[test]
    fn bad_values_are_told_with_the_image() {
        let geometry = Geometry::new(PolarGrid::new(4.0, 0.25, 20).unwrap(), 64.0).unwrap();
        let mut values = vec![0.0; geometry.n_points()];
        let bad = ContrastTransfer { phase_shift_rad: f64::NAN, ..TRANSFER };
        let error = bad.fill(&geometry, ContrastFormula::Right, 7, &mut values).unwrap_err();
        assert_eq!(error.to_string(), "image 7: phase shift is NaN, expected a finite number");
        let bad = ContrastTransfer { voltage_kv: 0.0, ..TRANSFER };
        assert!(bad.fill(&geometry, ContrastFormula::Right, 7, &mut values).is_err());
    }
}
