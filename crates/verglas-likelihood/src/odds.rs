//! Is there a particle in an image?
//!
//! Particles of one data set have much the same scale: a = μσ(1 ± 0.3), normal. No particle is a = 0. With t and its gain in the
//! size of a normal deviate, t_g = sign(t)·√(2p ln(1 + t²/ν)), and ρ₀ = μ√(A/I_ss), the signal-to-noise that a particle of usual scale has in
//! a pose,
//!
//! ```text
//! λ = ½(t_g + 1/(0.09ρ₀))²/(1 + 1/(0.09ρ₀²)) − ½ ln(1 + 0.09ρ₀²) − 1/0.18
//! ```
//!
//! and the ln of the odds that there is one is ln of the mean of exp λ over poses.

use crate::formula::{ContrastSign, LogLikelihood, LogSum};

/// How much the scales of particles differ: the standard deviation over the mean, squared.
const SPREAD2: f64 = 0.09;

/// λ of a pose: `scale` is μ, p the formula's, `a` A, `i_ss` I_ss, `cc` the correlation.
pub(crate) fn ln_odds_of_pose(p: f64, i_ss: f64, scale: f64, cc: f64, a: f64) -> f64 {
    // 1 + t²/ν = 1/(1 − cc²)
    let gain = (-2.0 * p * (-(cc * cc).min(1.0 - f64::EPSILON)).ln_1p()).sqrt().copysign(cc);
    let rho = scale * (a / i_ss).sqrt();
    let spread = SPREAD2 * rho * rho;
    0.5 * (gain + 1.0 / (SPREAD2 * rho)).powi(2) / (1.0 + 1.0 / spread) - 0.5 * spread.ln_1p() - 0.5 / SPREAD2
}

/// What an image's grid says of a particle, view by view.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfView {
    /// ln of the sum of exp ℓ₊ over the view's poses, with their weights, against that of its best pose alone.
    pub ln_width: f64,
    /// ℓ₊ of its best pose but for what all poses share and −½ ln A.
    pub gain: f64,
    /// ln of the prior's density there.
    pub ln_prior: f64,
    /// Its weight among the views.
    pub weight: f64,
}

/// ln of the mean of exp λ over the grid's poses, for each scale. Within a view λ − ℓ₊ is taken to be what it is at the best pose: it
/// changes little over the few nats that count.
pub(crate) fn ln_odds_of_grid(
    likelihood: &LogLikelihood,
    inverse: &InverseGain,
    (i_ss, a): (f64, f64),
    scales: &[f64],
    views: impl Iterator<Item = OfView> + Clone,
) -> Vec<f64> {
    let of_scale = |&scale: &f64| {
        let mut sum = LogSum::new();
        for view in views.clone() {
            let lambda = ln_odds_of_pose(likelihood.mu(), i_ss, scale, inverse.correlation(view.gain), a);
            sum.add(view.ln_width + lambda + view.ln_prior, view.weight);
        }
        sum.ln()
    };
    scales.iter().map(of_scale).collect()
}

/// From what a correlation adds to ℓ₊ back to the correlation.
#[derive(Debug)]
pub(crate) struct InverseGain {
    /// Rising, at equal distances of atanh cc.
    gains: Vec<f64>,
    /// atanh of the first correlation: where both signs add the same, those above 0 stand for both.
    first: f64,
}

/// Correlations of the table reach to tanh of it.
const REACH: f64 = 6.0;
const N_GAINS: usize = 4096;

impl InverseGain {
    pub fn new(likelihood: &LogLikelihood) -> Self {
        let first = if likelihood.sign() == ContrastSign::Positive { -REACH } else { 0.0 };
        let mut gains: Vec<f64> = (0..N_GAINS).map(|i| likelihood.gain(Self::at(first, i as f64))).collect();
        // Where rounding or the sign makes it no function that rises.
        for i in 1..gains.len() {
            gains[i] = gains[i].max(gains[i - 1]);
        }
        Self { gains, first }
    }

    fn at(first: f64, place: f64) -> f64 {
        (first + (REACH - first) * place / (N_GAINS - 1) as f64).tanh()
    }

    /// The correlation that adds `gain`.
    pub fn correlation(&self, gain: f64) -> f64 {
        let after = self.gains.partition_point(|other| *other < gain).clamp(1, N_GAINS - 1);
        let (low, high) = (self.gains[after - 1], self.gains[after]);
        let part = if high > low { ((gain - low) / (high - low)).clamp(0.0, 1.0) } else { 1.0 };
        Self::at(self.first, (after - 1) as f64 + part)
    }
}

/// The scale and the share of particles that are most likely: ln odds of each image at each of `scales`, `[images, scales]`.
///
/// Maximises Σ ln(π·exp(log odds) + 1 − π); both are found between the scales, to a hundredth. `None` where there is nothing to find them from.
pub fn most_likely_scale(scales: &[f64], log_odds: &[f64]) -> Option<ParticleScale> {
    let n_scales = scales.len();
    if n_scales < 3 || log_odds.is_empty() {
        return None;
    }
    let profile: Vec<(f64, f64)> = (0..n_scales)
        .map(|at| {
            let of_images: Vec<f64> = log_odds.iter().skip(at).step_by(n_scales).copied().collect();
            best_share(&of_images)
        })
        .collect();
    let best = (0..n_scales).max_by(|a, b| profile[*a].1.total_cmp(&profile[*b].1).then(b.cmp(a)))?;
    let middle = best.clamp(1, n_scales - 2);
    let [low, high, next] = [profile[middle - 1].1, profile[middle].1, profile[middle + 1].1];
    // The vertex of the parabola through three points, in steps.
    let bend = low - 2.0 * high + next;
    let vertex = if bend < 0.0 { (0.5 * (low - next) / bend).clamp(-1.0, 1.0) } else { (best as f64) - middle as f64 };
    let ratio = scales[middle + 1] / scales[middle];
    Some(ParticleScale {
        scale: scales[middle] * ratio.powf(vertex),
        share: profile[best].0,
        is_at_end: best == 0 || best == n_scales - 1,
    })
}

/// What is most likely of the particles of a data set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParticleScale {
    /// μ, the scale of particles against the noise's standard deviation.
    pub scale: f64,
    /// π, the share of images that show one.
    pub share: f64,
    /// Whether the scale is the first or last that was looked at.
    pub is_at_end: bool,
}

/// The share of particles that is most likely, and ln of the likelihood.
fn best_share(log_odds: &[f64]) -> (f64, f64) {
    // ln(π·e^x + 1 − π), concave in π: the derivative falls.
    let value = |share: f64| -> f64 {
        log_odds
            .iter()
            .map(
                |&x| if x > 0.0 { x + (share + (1.0 - share) * (-x).exp()).ln() } else { (share * x.exp_m1()).ln_1p() },
            )
            .sum()
    };
    let slope = |share: f64| -> f64 {
        // (e^x − 1)/(π·e^x + 1 − π)
        log_odds
            .iter()
            .map(|&x| {
                if x > 0.0 {
                    -(-x).exp_m1() / (share + (1.0 - share) * (-x).exp())
                } else {
                    x.exp_m1() / (1.0 + share * x.exp_m1())
                }
            })
            .sum()
    };
    let (mut low, mut high) = (LEAST_SHARE, 1.0 - LEAST_SHARE);
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        if slope(middle) > 0.0 { low = middle } else { high = middle }
    }
    let share = 0.5 * (low + high);
    (share, value(share))
}

/// Shares are no less, and no nearer to 1.
pub const LEAST_SHARE: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formula::{DegreesOfFreedom, Formula};
    use crate::geometry::Geometry;
    use verglas_fourier::grid::PolarGrid;

    /// By integration over the scale: normal about ρ₀ in units of its standard deviation, of width 0.3ρ₀, against a likelihood that is normal
    /// about t_g.
    #[test]
    fn odds_of_a_pose_are_the_integral_over_the_scale() {
        let (p, i_ss, a): (f64, f64, f64) = (200.0, 2.0, 3.0);
        for (scale, cc) in [(3.0_f64, 0.2_f64), (4.0, -0.1), (1.0, 0.0), (5.0, 0.3)] {
            let rho = scale * (a / i_ss).sqrt();
            let gain = (-2.0 * p * (1.0 - cc * cc).ln()).sqrt().copysign(cc);
            let (n, reach) = (200_000, 8.0);
            let step = 2.0 * reach / f64::from(n);
            let sum: f64 = (0..n)
                .map(|i| -reach + (f64::from(i) + 0.5) * step)
                .map(|z| {
                    let x = rho * (1.0 + 0.3 * z);
                    (-0.5 * z * z + gain * x - 0.5 * x * x).exp() * step / std::f64::consts::TAU.sqrt()
                })
                .sum();
            let found = ln_odds_of_pose(p, i_ss, scale, cc, a);
            assert!((found - sum.ln()).abs() < 1e-6, "{scale} {cc}: {found} {}", sum.ln());
        }
    }

    #[test]
    fn gains_lead_back_to_correlations() {
        let geometry = Geometry::new(PolarGrid::new(8.0, 0.25, 64).unwrap(), 64.0).unwrap();
        for sign in [ContrastSign::Positive, ContrastSign::Any] {
            let likelihood = LogLikelihood::of::<f32>(&geometry, Formula::Right, DegreesOfFreedom::Band, sign).unwrap();
            let inverse = InverseGain::new(&likelihood);
            for cc in [0.01, 0.2, 0.6, 0.95] {
                let found = inverse.correlation(likelihood.gain(cc));
                assert!((found - cc).abs() < 3e-5, "{sign:?} {cc}: {found}");
            }
        }
    }

    #[test]
    fn the_most_likely_scale_and_share_are_those_that_images_were_made_with() {
        // Images by their t in one pose each: two of three show a particle of ρ₀ = 5 ± 1.5.
        let mut seed = 3_u64;
        let mut normal = || {
            let mut uniform = || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((seed >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
            };
            (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()
        };
        let p: f64 = 300.0;
        let deviates: Vec<f64> =
            (0..3000).map(|i| if i % 3 == 0 { normal() } else { 5.0 * (1.0 + 0.3 * normal()) + normal() }).collect();
        let scales: Vec<f64> = (0..30).map(|i| 1.0 * 1.1_f64.powi(i)).collect();
        let log_odds: Vec<f64> = deviates
            .iter()
            .flat_map(|t| {
                let cc = (1.0 - (-t * t / (2.0 * p)).exp()).sqrt().copysign(*t);
                scales.iter().map(move |&scale| ln_odds_of_pose(p, 1.0, scale, cc, 1.0)).collect::<Vec<_>>()
            })
            .collect();
        let found = most_likely_scale(&scales, &log_odds).unwrap();
        assert!(
            (found.scale - 5.0).abs() < 0.2 && (found.share - 2.0 / 3.0).abs() < 0.03 && !found.is_at_end,
            "{found:?}"
        );
        assert_eq!(most_likely_scale(&scales, &[]), None);
    }
}
