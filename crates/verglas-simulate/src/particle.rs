//! The truth about each simulated particle, drawn from the seed.

use std::f64::consts::PI;
use std::ops::RangeInclusive;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use verglas_fourier::ctf::Ctf;
use verglas_fourier::pose::Pose;

use super::SimulationSettings;

/// Particles that come from one micrograph.
const PARTICLES_PER_MICROGRAPH: usize = 10;

/// The truth about one particle, in full precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimulatedParticle {
    /// Its orientation.
    pub pose: Pose,
    /// RELION's origin, x (columns) and y (rows), in Å: the particle lies at minus this from the image's centre.
    pub origin_angstrom: [f64; 2],
    /// The contrast transfer function of its image.
    pub ctf: Ctf,
    /// Which of the structures it is of, from 0; 0 where the known density is projected.
    pub structure: usize,
    /// Its optics group, from 0.
    pub optics_group: usize,
    /// Its micrograph, from 0.
    pub micrograph: usize,
    /// Its half of the data set, 0 or 1.
    pub half: u8,
    /// Its identifier in CryoSPARC's files, different for each particle of the data set.
    pub uid: u64,
}

impl SimulatedParticle {
    /// The particle `index` of a data set, from 0.
    pub fn draw(settings: &SimulationSettings, index: usize) -> Self {
        let mut stream = Purpose::Truth.stream(settings.seed, index);
        // Everything is drawn in this order, even from a range of one value: changing a setting changes only its own
        // values.
        let pose = Pose {
            rot: PI - stream.random::<f64>() * 2.0 * PI,
            tilt: (1.0 - 2.0 * stream.random::<f64>()).acos(),
            psi: PI - stream.random::<f64>() * 2.0 * PI,
        };
        let reach = settings.max_origin_angstrom;
        let origin_angstrom = [0, 1].map(|_| draw_from(&mut stream, &(-reach..=reach)));
        let defocus = draw_from(&mut stream, &settings.defocus_angstrom);
        let astigmatism = draw_from(&mut stream, &settings.astigmatism_angstrom);
        let defocus_angle_rad = draw_from(&mut stream, &settings.defocus_angle_rad);
        let phase_shift_rad = draw_from(&mut stream, &settings.phase_shift_rad);
        let half = u8::from(stream.random::<f64>() < 0.5);
        let structure = structure_at(settings, stream.random());
        let micrograph = index / PARTICLES_PER_MICROGRAPH;
        let optics_group = micrograph % settings.optics_groups.len();
        let optics = &settings.optics_groups[optics_group];
        let ctf = Ctf {
            defocus_u_angstrom: defocus + 0.5 * astigmatism,
            defocus_v_angstrom: defocus - 0.5 * astigmatism,
            defocus_angle_rad,
            voltage_kv: optics.voltage_kv,
            spherical_aberration_mm: optics.spherical_aberration_mm,
            amplitude_contrast: optics.amplitude_contrast,
            phase_shift_rad,
            b_factor_angstrom2: 0.0,
            scale: 1.0,
        };
        let uid = Purpose::Uid.seed(settings.seed, index);
        Self { pose, origin_angstrom, ctf, structure, optics_group, micrograph, half, uid }
    }
}

/// The structure that a fraction below 1 falls on, if shares lie side by side.
fn structure_at(settings: &SimulationSettings, fraction: f64) -> usize {
    if settings.shares.is_empty() {
        return (fraction * settings.structures.len() as f64) as usize;
    }
    let mut end = 0.0;
    let at = fraction * settings.shares.iter().sum::<f64>();
    let place = settings.shares.iter().position(|share| {
        end += share;
        at < end
    });
    // Rounding must not lead beyond the last one.
    place.unwrap_or(settings.shares.len() - 1)
}

/// The purposes of a particle's random numbers: each has its own stream, so that none disturbs the others.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Truth = 1,
    Noise = 2,
    Uid = 3,
}

impl Purpose {
    /// The stream of the particle `index`, whatever the thread, the layout and the particles before it.
    pub(super) fn stream(self, seed: u64, index: usize) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(self.seed(seed, index))
    }

    /// A number that differs for each `index` of one `seed` and purpose, as all steps are one to one.
    fn seed(self, seed: u64, index: usize) -> u64 {
        scramble(scramble(seed).wrapping_add(scramble(self as u64)).wrapping_add(index as u64))
    }
}

/// The output function of SplitMix64 (Steele, Lea and Flood 2014): one to one on 64 bits, every bit depends on every
/// other.
fn scramble(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Evenly from the range.
fn draw_from(stream: &mut Xoshiro256PlusPlus, range: &RangeInclusive<f64>) -> f64 {
    let fraction: f64 = stream.random();
    // From the upper end, as fractions are below 1: of (−π, π] in angles, π is the one that belongs.
    range.end() - fraction * (range.end() - range.start())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn scrambling_is_splitmix64() {
        // The first outputs of SplitMix64 seeded with 1234567, from its authors' reference program.
        assert_eq!(scramble(1_234_567), 6_457_827_717_110_365_317);
        assert_eq!(scramble(1_234_567_u64.wrapping_add(0x9e37_79b9_7f4a_7c15)), 3_203_168_211_198_807_973);
    }

    #[test]
    fn particles_keep_to_the_settings() {
        let mut settings = SimulationSettings::new(2_000, 32);
        settings.optics_groups.push(super::super::SimulatedOptics { voltage_kv: 200.0, ..settings.optics_groups[0] });
        let particles: Vec<_> = (0..2_000).map(|index| SimulatedParticle::draw(&settings, index)).collect();
        let mean_cosine = particles.iter().map(|particle| particle.pose.tilt.cos()).sum::<f64>() / 2_000.0;
        // Four standard deviations of the mean of 2,000 cosines, evenly in [−1, 1].
        assert!(mean_cosine.abs() < 4.0 / (3.0f64 * 2_000.0).sqrt());
        for particle in &particles {
            assert_eq!(particle.pose.normalised(), particle.pose);
            let (u, v) = (particle.ctf.defocus_u_angstrom, particle.ctf.defocus_v_angstrom);
            assert!((8_000.0..=25_000.0).contains(&(0.5 * (u + v))) && (u - v).abs() <= 500.0);
            assert!(particle.origin_angstrom.iter().all(|value| value.abs() <= 3.9));
        }
        let count = |is: &dyn Fn(&SimulatedParticle) -> bool| particles.iter().filter(|particle| is(particle)).count();
        assert!((900..1_100).contains(&count(&|p| p.ctf.defocus_u_angstrom < p.ctf.defocus_v_angstrom)));
        assert!((900..1_100).contains(&count(&|p| p.half == 1)));
        assert_eq!(count(&|p| p.ctf.voltage_kv == 200.0), 1_000);
        assert_eq!(particles.iter().map(|particle| particle.uid).collect::<HashSet<_>>().len(), 2_000);
    }

    #[test]
    fn structures_are_shown_in_proportion() {
        let shown = |shares: &[f64]| {
            let settings = SimulationSettings { shares: shares.to_vec(), ..SimulationSettings::new(2_000, 32) };
            let mut n = vec![0; shares.len()];
            (0..2_000).for_each(|index| n[SimulatedParticle::draw(&settings, index).structure] += 1);
            n
        };
        let n = shown(&[1.0, 0.5, 2.5]);
        // Four standard deviations of a count.
        for (n, share) in n.into_iter().zip([0.25, 0.125, 0.625]) {
            let expected = 2_000.0 * share;
            assert!((f64::from(n) - expected).abs() < 4.0 * (expected * (1.0 - share)).sqrt(), "{n} of {expected}");
        }
        assert_eq!(shown(&[3.0]), [2_000]);
    }

    #[test]
    fn a_setting_changes_only_what_it_says() {
        let settings = SimulationSettings::new(10, 32);
        let fixed = SimulationSettings { defocus_angle_rad: 0.5..=0.5, ..settings.clone() };
        for index in 0..10 {
            let mut particle = SimulatedParticle::draw(&settings, index);
            particle.ctf.defocus_angle_rad = 0.5;
            assert_eq!(SimulatedParticle::draw(&fixed, index), particle);
        }
        let other = SimulationSettings { seed: 1, ..settings.clone() };
        assert_ne!(SimulatedParticle::draw(&other, 0), SimulatedParticle::draw(&settings, 0));
    }
}
