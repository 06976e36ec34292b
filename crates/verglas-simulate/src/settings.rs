//! The settings of a simulation.

use std::f64::consts::PI;
use std::ops::RangeInclusive;

use verglas_core::threads::default_threads;
use verglas_fourier::slices::Structure;

use verglas_core::error::{Error, Result};

use super::Layout;

/// Most particles of one data set; the truth of each is kept in memory.
const MAX_PARTICLES: usize = 10_000_000;
/// Boxes that can be simulated, in pixels: below, there is no particle to see, above, no detector to take it.
const N_PIXELS: RangeInclusive<usize> = 4..=8192;
/// Particles in a stack file by default.
const PARTICLES_PER_STACK: usize = 1_000;

/// The settings of a simulation; [`SimulationSettings::new`] gives the usual values.
#[derive(Debug, Clone)]
pub struct SimulationSettings {
    /// How many particles.
    pub n_particles: usize,
    /// Side N of the box in pixels.
    pub n_pixels: usize,
    /// Pixel size in Å.
    pub pixel_size_angstrom: f64,
    /// What is projected: each particle shows one of these, drawn from the seed. Empty: the built-in density.
    pub structures: Vec<Structure>,
    /// How many particles show each structure, in proportion; as many each where this is empty.
    pub shares: Vec<f64>,
    /// Which files hold the data set, and how.
    pub layout: Layout,
    /// How many image files; by default one per 1,000 particles, but two at least.
    pub n_stacks: Option<usize>,
    /// Variance of the noiseless image (after the CTF) over that of the noise, both over the whole box and of each
    /// image for itself; none means no noise.
    pub signal_to_noise: Option<f64>,
    /// Seed of everything random: the same seed gives the same data set.
    pub seed: u64,
    /// The optics groups, which take turns from micrograph to micrograph.
    pub optics_groups: Vec<SimulatedOptics>,
    /// Range of the mean defocus (U + V)/2, in Å.
    pub defocus_angstrom: RangeInclusive<f64>,
    /// Range of the astigmatism U − V, in Å; where it is negative, U < V.
    pub astigmatism_angstrom: RangeInclusive<f64>,
    /// Range of the defocus angle, in radians; it is written as drawn.
    pub defocus_angle_rad: RangeInclusive<f64>,
    /// Range of the phase shift, in radians.
    pub phase_shift_rad: RangeInclusive<f64>,
    /// Largest shift of a particle from the box's centre in either axis, in Å.
    pub max_origin_angstrom: f64,
    /// How many threads compute and write; the bytes do not depend on it.
    pub n_threads: usize,
}

/// The optics of one group of particles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimulatedOptics {
    /// Acceleration voltage in kV.
    pub voltage_kv: f64,
    /// Spherical aberration in mm.
    pub spherical_aberration_mm: f64,
    /// Fraction of amplitude contrast, within \[0, 1\].
    pub amplitude_contrast: f64,
}

impl SimulationSettings {
    /// The usual values: 1.3 Å per pixel, one optics group (300 kV, 2.7 mm, 0.1), defocus 0.8 to 2.5 µm, astigmatism up
    /// to 500 Å either way in any direction, no phase shift, shifts up to 3 pixels, signal to noise 0.1, as many
    /// threads as the machine runs.
    pub fn new(n_particles: usize, n_pixels: usize) -> Self {
        let pixel_size_angstrom = 1.3;
        Self {
            n_particles,
            n_pixels,
            pixel_size_angstrom,
            structures: Vec::new(),
            shares: Vec::new(),
            layout: Layout::Star,
            n_stacks: None,
            signal_to_noise: Some(0.1),
            seed: 0,
            optics_groups: vec![SimulatedOptics {
                voltage_kv: 300.0,
                spherical_aberration_mm: 2.7,
                amplitude_contrast: 0.1,
            }],
            defocus_angstrom: 8_000.0..=25_000.0,
            astigmatism_angstrom: -500.0..=500.0,
            defocus_angle_rad: -PI..=PI,
            phase_shift_rad: 0.0..=0.0,
            max_origin_angstrom: 3.0 * pixel_size_angstrom,
            n_threads: default_threads(),
        }
    }

    /// How many image files the data set has.
    pub fn n_stacks(&self) -> usize {
        self.n_stacks.unwrap_or_else(|| self.n_particles.div_ceil(PARTICLES_PER_STACK).max(2).min(self.n_particles))
    }

    /// Whether all this can be simulated.
    ///
    /// # Errors
    /// For the first setting that is outside its range.
    pub fn check(&self) -> Result<()> {
        let n_stacks = self.n_stacks();
        expect((1..=MAX_PARTICLES).contains(&self.n_particles), || {
            format!("expected 1 to {MAX_PARTICLES} particles, found {}", self.n_particles)
        })?;
        expect(N_PIXELS.contains(&self.n_pixels), || {
            format!("expected a box of {} to {} pixels, found {}", N_PIXELS.start(), N_PIXELS.end(), self.n_pixels)
        })?;
        expect((1..=self.n_particles).contains(&n_stacks), || {
            format!("expected 1 to {} stacks, one particle in each at least, found {n_stacks}", self.n_particles)
        })?;
        expect(self.n_threads > 0, || "expected 1 thread or more, found 0".into())?;
        expect(!self.optics_groups.is_empty(), || "expected 1 optics group or more, found none".into())?;
        let (n_shares, n_structures) = (self.shares.len(), self.structures.len());
        expect(self.shares.is_empty() || n_shares == n_structures, || {
            format!("expected a share of each of {n_structures} structures, found {n_shares}")
        })?;
        for &share in &self.shares {
            check_number("share of a structure", share, 1e-9..=1e9)?;
        }
        check_number("pixel size in Å", self.pixel_size_angstrom, 1e-3..=1e3)?;
        if let Some(ratio) = self.signal_to_noise {
            check_number("signal-to-noise ratio", ratio, 1e-12..=1e12)?;
        }
        check_number("largest shift in Å", self.max_origin_angstrom, 0.0..=1e6)?;
        check_range("defocus in Å", &self.defocus_angstrom, 1e6)?;
        check_range("astigmatism in Å", &self.astigmatism_angstrom, 1e6)?;
        check_range("defocus angle in radians", &self.defocus_angle_rad, 1e3)?;
        check_range("phase shift in radians", &self.phase_shift_rad, 1e3)?;
        for optics in &self.optics_groups {
            check_number("voltage in kV", optics.voltage_kv, 1.0..=1e4)?;
            check_number("spherical aberration in mm", optics.spherical_aberration_mm, 0.0..=1e3)?;
            check_number("amplitude contrast", optics.amplitude_contrast, 0.0..=1.0)?;
        }
        Ok(())
    }
}

fn expect(holds: bool, message: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::value(message())) }
}

fn check_number(what: &str, value: f64, allowed: RangeInclusive<f64>) -> Result<()> {
    expect(allowed.contains(&value), || {
        format!("expected the {what} within {} to {}, found {value}", allowed.start(), allowed.end())
    })
}

/// Both ends within ±`bound`, in order.
fn check_range(what: &str, range: &RangeInclusive<f64>, bound: f64) -> Result<()> {
    check_number(what, *range.start(), -bound..=bound)?;
    check_number(what, *range.end(), -bound..=bound)?;
    expect(range.start() <= range.end(), || {
        format!("expected the range of the {what} in ascending order, found {} to {}", range.start(), range.end())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_by_default() {
        for (n_particles, n_stacks) in [(1, 1), (2, 2), (1_000, 2), (2_001, 3), (10_000, 10)] {
            assert_eq!(SimulationSettings::new(n_particles, 32).n_stacks(), n_stacks, "{n_particles} particles");
        }
    }

    #[test]
    fn impossible_settings_are_refused_with_what_was_found() {
        let good = SimulationSettings::new(10, 32);
        assert!(good.check().is_ok());
        let wrong = [
            (SimulationSettings { n_particles: 0, ..good.clone() }, "expected 1 to 10000000 particles, found 0"),
            (SimulationSettings { n_particles: usize::MAX, ..good.clone() }, "particles, found 18446744073709551615"),
            (SimulationSettings { n_pixels: 3, ..good.clone() }, "expected a box of 4 to 8192 pixels, found 3"),
            (SimulationSettings { n_stacks: Some(11), ..good.clone() }, "expected 1 to 10 stacks"),
            (SimulationSettings { n_stacks: Some(0), ..good.clone() }, "found 0"),
            (SimulationSettings { n_threads: 0, ..good.clone() }, "expected 1 thread or more, found 0"),
            (SimulationSettings { optics_groups: vec![], ..good.clone() }, "found none"),
            (SimulationSettings { shares: vec![1.0, 2.0], ..good.clone() }, "share of each of 0 structures, found 2"),
            (SimulationSettings { signal_to_noise: Some(0.0), ..good.clone() }, "signal-to-noise ratio"),
            (SimulationSettings { signal_to_noise: Some(f64::NAN), ..good.clone() }, "found NaN"),
            (SimulationSettings { pixel_size_angstrom: f64::INFINITY, ..good.clone() }, "pixel size in Å"),
            (SimulationSettings { defocus_angstrom: 2.0..=1.0, ..good.clone() }, "ascending order, found 2 to 1"),
        ];
        for (settings, text) in wrong {
            let message = settings.check().unwrap_err().to_string();
            assert!(message.contains(text), "{message}");
        }
    }
}
