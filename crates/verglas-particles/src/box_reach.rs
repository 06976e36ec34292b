//! From which resolution on images' boxes are too small for their defocus.

use verglas_core::findings::counted;
use verglas_fourier::ctf::{frequency_limit_of_box, wavelength_angstrom};

/// Statistics collected over particles; their size does not depend on the number of particles.
#[derive(Debug, Clone)]
pub struct BoxReach {
    box_angstrom: f64,
    /// Largest frequency of the grid, 1/Å.
    rim: f64,
    n_particles: usize,
    /// Particles whose limit lies within the grid, by its share of the rim.
    limits: Vec<u64>,
    /// The smallest limit, as a share of the rim.
    smallest: f64,
}

/// Steps in which limits are counted, between 0 and the rim.
const N_STEPS: usize = 1000;

impl BoxReach {
    /// For boxes of this side, Å, and a polar grid that ends at the frequency `rim`, 1/Å.
    pub fn new(box_angstrom: f64, rim: f64) -> Self {
        Self { box_angstrom, rim, n_particles: 0, limits: vec![0; N_STEPS], smallest: f64::INFINITY }
    }

    /// Adds a particle with these two defoci, Å.
    pub fn add(&mut self, voltage_kv: f64, defocus_angstrom: [f64; 2]) {
        let [u, v] = defocus_angstrom;
        let limit = frequency_limit_of_box(self.box_angstrom, wavelength_angstrom(voltage_kv), u.abs().max(v.abs()));
        let share = limit / self.rim;
        self.n_particles += 1;
        if share < 1.0 {
            self.limits[(share * N_STEPS as f64) as usize] += 1;
            self.smallest = self.smallest.min(share);
        }
    }

    /// How many particles' limits lie within the grid.
    pub fn n_cut(&self) -> usize {
        self.limits.iter().sum::<u64>() as usize
    }

    /// Whether more than half of the band lies beyond the limits of more than half of the particles.
    pub fn is_much(&self) -> bool {
        let n_half: u64 = self.limits[..N_STEPS / 2].iter().sum();
        2 * n_half as usize > self.n_particles
    }

    /// The message; `None` if all boxes are large enough.
    pub fn message(&self) -> Option<String> {
        let n_cut = self.n_cut();
        if n_cut == 0 {
            return None;
        }
        let median = self.median_share();
        let resolution = |share: f64| match 1.0 / (share * self.rim) {
            resolution if resolution < 1e5 => format!("{resolution:.1}"),
            resolution => format!("{resolution:.1e}"),
        };
        let mut text = format!(
            "the box of {:.1} Å is too small for the defocus of {n_cut} of {}: the CTF moves detail finer than {} Å ",
            self.box_angstrom,
            counted(self.n_particles, "particle"),
            resolution(median),
        );
        if n_cut > 1 {
            text.push_str(&format!("(median; {} Å where the defocus is strongest) ", resolution(self.smallest)));
        }
        text.push_str(&format!(
            "out of it by more than half its side, {:.0} % of the band that the grid reaches",
            100.0 * (1.0 - median)
        ));
        Some(text)
    }

    /// Median of the limits within the grid, as shares of the rim, to the middle of a step.
    fn median_share(&self) -> f64 {
        let half = (self.n_cut() as u64).div_ceil(2);
        let mut n = 0;
        let step = self.limits.iter().position(|count| {
            n += count;
            n >= half
        });
        // One limit alone is known exactly; no median is below the smallest.
        let middle = step.map_or(1.0, |step| (step as f64 + 0.5) / N_STEPS as f64);
        if self.n_cut() == 1 { self.smallest } else { middle.max(self.smallest) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At 300 kV, λ = 0.0196875 Å: a box of 200 Å and 1 µm, limit 0.5079/Å.
    fn reach(defoci: &[f64]) -> BoxReach {
        let mut reach = BoxReach::new(200.0, 0.4);
        defoci.iter().for_each(|&z| reach.add(300.0, [z, 0.5 * z]));
        reach
    }

    #[test]
    fn boxes_that_are_large_enough_are_not_reported() {
        let reach = reach(&[10_000.0, -12_000.0, 0.0]);
        assert_eq!((reach.n_cut(), reach.message(), reach.is_much()), (0, None, false));
    }

    #[test]
    fn the_larger_defocus_counts_and_its_sign_does_not() {
        // 0.5079/2 = 0.25397/Å: 3.94 Å; 36.5 % of the band.
        let text = reach(&[-20_000.0, 5_000.0]).message().unwrap();
        for part in ["of 1 of 2 particles", "finer than 3.9 Å out of it", "37 % of the band"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn it_is_much_where_most_lose_more_than_half() {
        // 0.5079/2.6 = 0.195/Å is below half of the rim.
        assert!(reach(&[26_000.0, 26_000.0, 1_000.0]).is_much());
        assert!(!reach(&[26_000.0, 1_000.0]).is_much());
        assert!(!reach(&[25_000.0, 25_000.0]).is_much());
        let text = reach(&[26_000.0, 26_000.0, 50_000.0]).message().unwrap();
        assert!(text.contains("finer than 5.1 Å (median; 9.8 Å where"), "{text}");
    }
}
