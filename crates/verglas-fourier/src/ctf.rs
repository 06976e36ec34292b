//! The contrast transfer function (CTF) of one image, in RELION's convention.
//!
//! With the wavelength λ in Å and the spatial frequency **k** = (k_x, k_y) in 1/Å, k_x along the columns' direction (x,
//! the fast axis of an MRC section) and k_y along the rows' direction (y, the slow axis):
//!
//! ```text
//! CTF(k) = scale · exp(−B k²/4) · sin χ(k)
//! χ(k)   = π λ Δf(φ) k² − (π/2) C_s λ³ k⁴ + asin(Q) + phase shift
//! Δf(φ)  = (U + V)/2 + (U − V)/2 · cos 2(φ − α),   φ = atan2(k_y, k_x)
//! ```
//!
//! U and V are the defoci (positive for underfocus), α the angle from x to the direction of U, C_s the spherical
//! aberration, Q the amplitude contrast, B the B-factor. The sign makes low frequencies positive: a particle that is
//! lighter than its surroundings stays light, as in particle stacks of RELION and CryoSPARC.
//!
//! Source: `CTF::initialise`, `CTF::getDeltaF` and `CTF::getCTF` in `src/ctf.h` and `src/ctf.cpp` of RELION, which
//! write the same as −sin(K1·Δf·k² + K2·k⁴ − K5 − K3) with Δf negated and K3 = atan(Q/√(1 − Q²)).

use std::f64::consts::{FRAC_PI_2, PI, TAU};

/// Wavelength of electrons in Å, after acceleration through `voltage_kv` kilovolts, relativistic.
///
/// λ = 12.2643247 / √(V · (1 + 0.978466e-6 · V)) with V in volts: the constants of RELION's `CTF::initialise`.
///
/// ```
/// assert!((verglas_fourier::ctf::wavelength_angstrom(300.0) - 0.019687).abs() < 1e-6);
/// ```
pub fn wavelength_angstrom(voltage_kv: f64) -> f64 {
    let volts = voltage_kv * 1e3;
    12.264_324_7 / (volts * (1.0 + volts * 0.978_466e-6)).sqrt()
}

/// Spatial frequency, in 1/Å, from which on a box is too small for a defocus: (L/2)/(λ·|z|) with L the box's side and z the
/// defocus, all in Å; infinite without defocus.
///
/// The function moves signal of the frequency k by λ·|z|·k (the slope of χ, over 2π). Beyond half the box it has left the image,
/// and what its neighbours sent is not there; sampled at the box's 1/L, the function turns by more than half a turn from one sample
/// to the next there.
///
/// ```
/// use verglas_fourier::ctf::{frequency_limit_of_box, wavelength_angstrom};
///
/// // A box of 200 Å, 300 kV, 2 µm: 2.54/nm, so nothing finer than 3.94 Å.
/// let limit = frequency_limit_of_box(200.0, wavelength_angstrom(300.0), -20_000.0);
/// assert!((1.0 / limit - 3.94).abs() < 0.005);
/// ```
pub fn frequency_limit_of_box(box_angstrom: f64, wavelength_angstrom: f64, defocus_angstrom: f64) -> f64 {
    0.5 * box_angstrom / (wavelength_angstrom * defocus_angstrom.abs())
}

/// What determines the contrast transfer function of one image; the formula is in the [module's text](self).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ctf {
    /// Defocus in the direction of `defocus_angle_rad`, in Å, positive for underfocus.
    pub defocus_u_angstrom: f64,
    /// Defocus perpendicular to it, in Å; may be larger than `defocus_u_angstrom`.
    pub defocus_v_angstrom: f64,
    /// Angle from the columns' direction (x, the fast axis) to the direction of U, in radians.
    pub defocus_angle_rad: f64,
    /// Acceleration voltage in kV.
    pub voltage_kv: f64,
    /// Spherical aberration in mm.
    pub spherical_aberration_mm: f64,
    /// Fraction of amplitude contrast, within \[0, 1\]; outside it the function is NaN.
    pub amplitude_contrast: f64,
    /// Phase shift, of a phase plate for instance, in radians.
    pub phase_shift_rad: f64,
    /// B-factor in Å².
    pub b_factor_angstrom2: f64,
    /// Factor of the whole function.
    pub scale: f64,
}

impl Ctf {
    /// The function at the spatial frequency (`kx`, `ky`), in 1/Å; `kx` along the columns' direction (x).
    ///
    /// For many frequencies of one image, [`Ctf::coefficients`] saves most of the work.
    pub fn value(&self, kx: f64, ky: f64) -> f64 {
        self.coefficients().value(kx, ky)
    }

    /// The function along one direction: at the frequency `k`, in 1/Å, and `azimuth_rad` from the columns' direction.
    pub fn value_along(&self, k: f64, azimuth_rad: f64) -> f64 {
        self.value(k * azimuth_rad.cos(), k * azimuth_rad.sin())
    }

    /// Mean over all directions of the function's square at the frequency `k`, in 1/Å: the radial profile that the
    /// power spectrum of the image follows.
    pub fn rotational_mean_power(&self, k: f64) -> f64 {
        // In the azimuth the square is a Bessel series of order up to about π λ |U − V| k², and has period π.
        // Equidistant points are exact below their number: 128 are enough for an astigmatism of 1,000 Å at a resolution
        // of 1 Å.
        const N_AZIMUTHS: usize = 128;
        let coefficients = self.coefficients();
        let sum: f64 = (0..N_AZIMUTHS)
            .map(|index| {
                let (sin, cos) = (PI * index as f64 / N_AZIMUTHS as f64).sin_cos();
                coefficients.value(k * cos, k * sin).powi(2)
            })
            .sum();
        sum / N_AZIMUTHS as f64
    }

    /// Everything of the function that does not depend on the frequency.
    pub fn coefficients(&self) -> CtfCoefficients {
        let wavelength = wavelength_angstrom(self.voltage_kv);
        let mean = 0.5 * (self.defocus_u_angstrom + self.defocus_v_angstrom);
        let deviation = 0.5 * (self.defocus_u_angstrom - self.defocus_v_angstrom);
        let (sin, cos) = (2.0 * self.defocus_angle_rad).sin_cos();
        CtfCoefficients {
            isotropic: PI * wavelength * mean,
            along: PI * wavelength * deviation * cos,
            diagonal: PI * wavelength * deviation * sin,
            quartic: FRAC_PI_2 * self.spherical_aberration_mm * 1e7 * wavelength.powi(3),
            constant: self.amplitude_contrast.asin() + self.phase_shift_rad,
            decay: 0.25 * self.b_factor_angstrom2,
            scale: self.scale,
        }
    }
}

/// The contrast transfer function as a polynomial in the frequency, without angles to look up.
///
/// χ = `isotropic`·k² + `along`·(k_x² − k_y²) + `diagonal`·2 k_x k_y − `quartic`·k⁴ + `constant`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CtfCoefficients {
    /// π λ (U + V)/2, in Å².
    isotropic: f64,
    /// π λ (U − V)/2 · cos 2α, in Å².
    along: f64,
    /// π λ (U − V)/2 · sin 2α, in Å².
    diagonal: f64,
    /// (π/2) C_s λ³, in Å⁴.
    quartic: f64,
    /// asin Q + phase shift, in radians.
    constant: f64,
    /// B/4, in Å².
    decay: f64,
    scale: f64,
}

impl CtfCoefficients {
    /// The function at the spatial frequency (`kx`, `ky`), in 1/Å.
    pub fn value(&self, kx: f64, ky: f64) -> f64 {
        let k2 = kx * kx + ky * ky;
        self.scale * (-self.decay * k2).exp() * self.phase(kx, ky).sin()
    }

    /// The function at one `kx` and each of `ky`, in 1/Å, rounded to single precision, into `out`; as many values are
    /// written as the shorter of the two holds.
    ///
    /// The phase is computed and reduced in double precision, its sine in single: within 2e-7 · `scale` of
    /// [`CtfCoefficients::value`], at a fraction of the time.
    pub fn fill_line(&self, kx: f64, ky: &[f64], out: &mut [f32]) {
        for (out, &ky) in out.iter_mut().zip(ky) {
            *out = sine_of_turns(self.phase(kx, ky) / TAU);
        }
        if self.decay == 0.0 {
            let scale = self.scale as f32;
            if scale != 1.0 {
                out.iter_mut().take(ky.len()).for_each(|value| *value *= scale);
            }
        } else {
            for (out, &ky) in out.iter_mut().zip(ky) {
                *out *= (self.scale * (-self.decay * (kx * kx + ky * ky)).exp()) as f32;
            }
        }
    }

    /// χ at the spatial frequency (`kx`, `ky`), in radians.
    #[inline(always)]
    fn phase(&self, kx: f64, ky: f64) -> f64 {
        let (x2, y2) = (kx * kx, ky * ky);
        let k2 = x2 + y2;
        (self.isotropic - self.quartic * k2) * k2
            + self.along * (x2 - y2)
            + self.diagonal * (2.0 * kx * ky)
            + self.constant
    }
}

/// sin(2π · `turns`) to single precision.
///
/// Free of branches, so that the compiler makes vector code of a loop over it.
#[inline(always)]
fn sine_of_turns(turns: f64) -> f32 {
    // Adding and subtracting 1.5 · 2⁵² rounds to an integer, as doubles near it are 1 apart.
    const ROUNDER: f64 = 6_755_399_441_055_744.0;
    let fraction = (turns - ((turns + ROUNDER) - ROUNDER)) as f32;
    // sin(2πt) = sin(2π(½ − t)): fold (¼, ½] onto [0, ¼], where the series of 6 terms is within 6e-8.
    let folded = (0.5 - fraction.abs()).min(fraction.abs()).copysign(fraction);
    let x = folded * std::f32::consts::TAU;
    let x2 = x * x;
    let series = 1.0 / 362_880.0 - x2 * (1.0 / 39_916_800.0);
    let series = -1.0 / 5_040.0 + x2 * series;
    let series = 1.0 / 120.0 + x2 * series;
    let series = -1.0 / 6.0 + x2 * series;
    x + x * x2 * series
}

#[cfg(test)]
mod tests {
    use super::*;

    const CTF: Ctf = Ctf {
        defocus_u_angstrom: 15_000.0,
        defocus_v_angstrom: 12_000.0,
        defocus_angle_rad: 0.6,
        voltage_kv: 300.0,
        spherical_aberration_mm: 2.7,
        amplitude_contrast: 0.1,
        phase_shift_rad: 0.0,
        b_factor_angstrom2: 0.0,
        scale: 1.0,
    };

    #[test]
    fn wavelengths_are_those_of_the_textbooks() {
        // Relativistic wavelengths, Williams & Carter, Transmission Electron Microscopy, table 1.2 (in pm).
        for (voltage_kv, picometre) in [(100.0, 3.70), (200.0, 2.51), (300.0, 1.97)] {
            assert!((wavelength_angstrom(voltage_kv) * 100.0 - picometre).abs() < 0.005, "{voltage_kv} kV");
        }
    }

    #[test]
    fn at_zero_frequency_only_the_amplitude_contrast_is_left_and_positive() {
        assert!((CTF.value(0.0, 0.0) - 0.1).abs() < 1e-15);
        assert!((Ctf { scale: 3.0, ..CTF }.value(0.0, 0.0) - 0.3).abs() < 1e-15);
        // The first lobe keeps the sign: light stays light.
        assert!(CTF.value(0.02, 0.0) > 0.0);
    }

    #[test]
    fn a_quarter_turn_of_phase_shift_makes_the_cosine_of_the_sine() {
        let without = Ctf { amplitude_contrast: 0.0, ..CTF };
        let with = Ctf { phase_shift_rad: FRAC_PI_2, ..without };
        let k = 0.037;
        assert!((without.value(k, 0.01).powi(2) + with.value(k, 0.01).powi(2) - 1.0).abs() < 1e-12);
        assert_eq!(with.value(0.0, 0.0), 1.0);
    }

    /// RELION's `getCTF`, step by step and with its signs, as a second way to the same number.
    fn relion(ctf: &Ctf, x: f64, y: f64) -> f64 {
        let average = -(ctf.defocus_u_angstrom + ctf.defocus_v_angstrom) * 0.5;
        let deviation = -(ctf.defocus_u_angstrom - ctf.defocus_v_angstrom) * 0.5;
        let lambda = wavelength_angstrom(ctf.voltage_kv);
        let k1 = PI / 2.0 * 2.0 * lambda;
        let k2 = PI / 2.0 * ctf.spherical_aberration_mm * 1e7 * lambda * lambda * lambda;
        let k3 = (ctf.amplitude_contrast / (1.0 - ctf.amplitude_contrast * ctf.amplitude_contrast).sqrt()).atan();
        let u2 = x * x + y * y;
        let angle = y.atan2(x) - ctf.defocus_angle_rad;
        let defocus = average + deviation * (2.0 * angle).cos();
        let argument = k1 * defocus * u2 + k2 * u2 * u2 - ctf.phase_shift_rad - k3;
        ctf.scale * (-ctf.b_factor_angstrom2 / 4.0 * u2).exp() * -argument.sin()
    }

    #[test]
    fn it_equals_relions_formula() {
        let odd = Ctf {
            defocus_u_angstrom: 9_000.0,
            defocus_v_angstrom: 9_700.0,
            defocus_angle_rad: -2.1,
            phase_shift_rad: 0.7,
            b_factor_angstrom2: 40.0,
            scale: 0.9,
            ..CTF
        };
        for ctf in [CTF, odd] {
            for i in -20..=20 {
                for j in -20..=20 {
                    let (kx, ky) = (f64::from(i) * 0.017, f64::from(j) * 0.017);
                    let expected = relion(&ctf, kx, ky);
                    // χ reaches 300 rad here, of which doubles keep 6e-14.
                    assert!((ctf.value(kx, ky) - expected).abs() < 1e-11, "{kx} {ky}");
                }
            }
        }
    }

    #[test]
    fn the_defocus_is_u_along_the_angle_and_v_across() {
        let along = Ctf { defocus_v_angstrom: CTF.defocus_u_angstrom, ..CTF };
        let across = Ctf { defocus_u_angstrom: CTF.defocus_v_angstrom, ..CTF };
        let k = 0.08;
        assert!((CTF.value_along(k, 0.6) - along.value_along(k, 0.0)).abs() < 1e-12);
        assert!((CTF.value_along(k, 0.6 + FRAC_PI_2) - across.value_along(k, 0.0)).abs() < 1e-12);
        assert!((along.value_along(k, 0.0) - across.value_along(k, 0.0)).abs() > 0.1);
    }

    #[test]
    fn lines_agree_with_single_values() {
        let damped = Ctf { b_factor_angstrom2: 60.0, scale: 0.8, phase_shift_rad: 1.0, ..CTF };
        let doubled = Ctf { scale: 2.0, defocus_u_angstrom: 40_000.0, ..CTF };
        let ky: Vec<f64> = (-200..200).map(|row| f64::from(row) * 0.0025).collect();
        for ctf in [CTF, damped, doubled] {
            let mut line = vec![0.0; ky.len()];
            ctf.coefficients().fill_line(0.21, &ky, &mut line);
            for (value, &ky) in line.iter().zip(&ky) {
                assert!((f64::from(*value) - ctf.value(0.21, ky)).abs() < 2e-7 * ctf.scale, "{ky}");
            }
        }
    }

    #[test]
    fn the_radial_power_of_a_round_ctf_is_its_square() {
        let round = Ctf { defocus_v_angstrom: CTF.defocus_u_angstrom, ..CTF };
        assert!((round.rotational_mean_power(0.1) - round.value(0.1, 0.0).powi(2)).abs() < 1e-12);
        // Astigmatic: against ten times as many directions.
        let sum: f64 = (0..1280).map(|i| CTF.value_along(0.2, TAU * f64::from(i) / 1280.0).powi(2)).sum();
        assert!((CTF.rotational_mean_power(0.2) - sum / 1280.0).abs() < 1e-12);
    }
}
