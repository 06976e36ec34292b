//! From sums to correlations and log-likelihoods.

use std::f64::consts::{LN_2, PI};

use crate::error::LikelihoodError;
use crate::geometry::Geometry;
use crate::real::Real;
use crate::student::StudentT;

/// Whose formulas count.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Formula {
    /// cc = B/√(A·V), the constant taken out of both; M = 4πr_max²; views weighted by v/Σv; sums over all angular
    /// frequencies.
    #[default]
    Right,
    /// CryoLike's: cc = I_xy/√(I_xx I_yy); M = N²; I_sx that of the best pose in the optimal ℓ; v added to ℓ; for odd P half
    /// of the angular spectrum, read as a real signal's.
    CryoLike {
        /// N, the side of the images' box in pixels.
        n_pixels: usize,
    },
}

impl Formula {
    /// Whether it is CryoLike's.
    pub fn is_cryolike(self) -> bool {
        matches!(self, Self::CryoLike { .. })
    }
}

/// Which scales of a template in an image are possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContrastSign {
    /// Any: an inverted particle fits as well.
    #[default]
    Any,
    /// Above 0 only: ℓ₊ = ℓ + ln F_ν(t), t = cc·√(ν/(1 − cc²)), ν = 2μ, F the distribution function of Student's t; best
    /// poses are those of the largest ℓ₊.
    Positive,
}

/// M, how many independent values an image has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DegreesOfFreedom {
    /// 4πr_max², what the disc holds (CryoLike's formula: N²).
    #[default]
    Band,
    /// So many: N² as CryoLike has it.
    Pixels {
        /// N, the side of the images' box in pixels.
        n_pixels: usize,
    },
}

/// ℓ = −μ ln(V(1 − cc²)) − ½ ln A + (3 − M)/2·ln 2π − ln 2 − ½ ln I_ss + ln Γ(μ) + μ ln(2 I_ss),  μ = M/2 − 2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogLikelihood {
    mu: f64,
    constant: f64,
    least_residual: f64,
    student: Option<StudentT>,
}

impl LogLikelihood {
    /// The formula for a grid; the number type decides how small 1 − cc² may become.
    ///
    /// # Errors
    /// When M is 4 or less: nothing is left to estimate the noise from.
    pub fn new<T: Real>(geometry: &Geometry, formula: Formula) -> Result<Self, LikelihoodError> {
        Self::of::<T>(geometry, formula, DegreesOfFreedom::Band, ContrastSign::Any)
    }

    /// The same with another number of independent values, and one sign or both.
    ///
    /// # Errors
    /// As [`LogLikelihood::new`].
    pub fn of<T: Real>(
        geometry: &Geometry,
        formula: Formula,
        degrees_of_freedom: DegreesOfFreedom,
        sign: ContrastSign,
    ) -> Result<Self, LikelihoodError> {
        let m = match (formula, degrees_of_freedom) {
            (Formula::Right, DegreesOfFreedom::Band) => geometry.degrees_of_freedom(),
            (Formula::CryoLike { n_pixels }, _) | (_, DegreesOfFreedom::Pixels { n_pixels }) => {
                (n_pixels as f64).powi(2)
            }
        };
        let mu = m / 2.0 - 2.0;
        LikelihoodError::check_positive("M/2 − 2, M the number of independent values", mu)?;
        LikelihoodError::check_positive("I_ss", geometry.i_ss())?;
        let i_ss = geometry.i_ss();
        let constant =
            (3.0 - m) / 2.0 * (2.0 * PI).ln() - LN_2 - 0.5 * i_ss.ln() + ln_gamma(mu) + mu * (2.0 * i_ss).ln();
        let student = (sign == ContrastSign::Positive).then(|| StudentT::new(mu));
        Ok(Self { mu, constant, least_residual: T::LEAST_RESIDUAL, student })
    }

    /// μ.
    pub fn mu(&self) -> f64 {
        self.mu
    }

    /// Whether scales must be above 0.
    pub fn sign(&self) -> ContrastSign {
        if self.student.is_some() { ContrastSign::Positive } else { ContrastSign::Any }
    }

    /// ℓ of one pose, or ℓ₊.
    pub fn value(&self, cc: f64, a: f64, v: f64) -> f64 {
        self.gain(cc) - self.mu * v.ln() - 0.5 * a.ln() + self.constant
    }

    /// What the correlation adds: −μ ln(1 − cc²), and ln F where scales must be above 0.
    pub fn gain(&self, cc: f64) -> f64 {
        self.student.map_or(0.0, |student| student.ln_share(cc)) + self.gain_of_any_sign(cc)
    }

    /// −μ ln(1 − cc²).
    fn gain_of_any_sign(&self, cc: f64) -> f64 {
        -self.mu * (1.0 - cc * cc).max(self.least_residual).ln()
    }

    /// The scale of a template in an image and its standard deviation: B/A, √(E/(2pA)), E = V − B²/A, p = μ.
    pub(crate) fn contrast(&self, a: f64, b: f64, v: f64) -> (f64, f64) {
        let residual = (v - b * b / a).max(0.0);
        (b / a, (residual / (2.0 * self.mu * a)).sqrt())
    }

    /// What [`LogLikelihood::gain`] is never less than, for scales above 0: F is ½ at least where the correlation is above 0.
    pub(crate) fn gain_at_least(&self, cc: f64) -> f64 {
        if cc >= 0.0 { self.gain_of_any_sign(cc) - LN_2 } else { f64::NEG_INFINITY }
    }

    /// A correlation that no smaller one than adds `gain` (of scales above 0).
    ///
    /// ln F is never above 0, nor above −ln 2 where the correlation is below 0.
    pub(crate) fn least_correlation(&self, gain: f64) -> f64 {
        match gain {
            _ if gain > 0.0 => (-(-gain / self.mu).exp_m1()).sqrt() * (1.0 - 1e-12),
            _ if gain > -LN_2 => 0.0,
            _ => f64::NEG_INFINITY,
        }
    }

    /// ℓ where 1 − cc² is 1 and A is 1: what all poses of an image share.
    pub fn shared(&self, v: f64) -> f64 {
        -self.mu * v.ln() + self.constant
    }

    /// Whether 1 − cc² is smaller than it is let be: an image without noise.
    pub fn is_without_noise(&self, cc: f64) -> bool {
        1.0 - cc * cc < self.least_residual
    }
}

/// ln Γ(x) for x > 0: Stirling's series from 16 on, to 1e-15 of the value.
///
/// ```
/// assert!((verglas_likelihood::ln_gamma(5.0) - 24_f64.ln()).abs() < 1e-14);
/// ```
pub fn ln_gamma(x: f64) -> f64 {
    // Γ(x + 1) = x·Γ(x)
    let (mut x, mut product) = (x, 1.0);
    while x < 16.0 {
        product *= x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = 1.0 / 1188.0 - square * (691.0 / 360_360.0);
    let series = 1.0 / 1680.0 - square * series;
    let series = 1.0 / 1260.0 - square * series;
    let series = 1.0 / 360.0 - square * series;
    let series = (1.0 / 12.0 - square * series) / x;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * PI).ln() + series - f64::ln(product)
}

/// ln Σ exp of values that come one after the other, each times a factor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LogSum {
    largest: f64,
    sum: f64,
}

impl LogSum {
    /// The sum of nothing.
    pub fn new() -> Self {
        Self { largest: f64::NEG_INFINITY, sum: 0.0 }
    }

    /// Adds `factor`·exp(`exponent`); `factor` ≥ 0.
    pub fn add(&mut self, exponent: f64, factor: f64) {
        if exponent > self.largest {
            self.sum = self.sum * (self.largest - exponent).exp() + factor;
            self.largest = exponent;
        } else if exponent > f64::NEG_INFINITY {
            self.sum += factor * (exponent - self.largest).exp();
        }
    }

    /// ln of the sum.
    pub fn ln(&self) -> f64 {
        self.largest + self.sum.ln()
    }
}

/// ℓ of an image from those of its views: ln Σ_t (v_t/Σv)·exp ℓ_t, or with CryoLike's formula ln Σ_t exp(ℓ_t + v_t).
pub(crate) fn integrate_views(formula: Formula, view_weights: &[f64], of_views: impl Iterator<Item = f64>) -> f64 {
    let total: f64 = view_weights.iter().sum();
    let mut sum = LogSum::new();
    for (&weight, of_view) in view_weights.iter().zip(of_views) {
        match formula {
            Formula::Right => sum.add(of_view, weight / total),
            Formula::CryoLike { .. } => sum.add(of_view + weight, 1.0),
        }
    }
    sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_of_the_gamma_function_is_that_of_factorials() {
        let mut expected = 0.0_f64;
        for n in 1..2000 {
            assert!((ln_gamma(n as f64) - expected).abs() <= 4e-15 * expected.max(1.0), "{n}");
            expected += f64::from(n).ln();
        }
        assert!((ln_gamma(0.5) - 0.5 * PI.ln()).abs() < 1e-14);
    }

    #[test]
    fn sums_of_exponentials_neither_overflow_nor_forget() {
        let mut sum = LogSum::new();
        for (exponent, factor) in [(-1000.0, 1.0), (1000.0, 0.5), (999.0, 2.0), (f64::NEG_INFINITY, 1.0)] {
            sum.add(exponent, factor);
        }
        assert!((sum.ln() - (1000.0 + (0.5 + 2.0 * (-1.0_f64).exp()).ln())).abs() < 1e-12);
    }

    #[test]
    fn weights_of_views_are_shares_here_and_added_by_cryolike() {
        let weights = [1.0, 3.0];
        let right = integrate_views(Formula::Right, &weights, [0.0, 0.0].into_iter());
        assert!(right.abs() < 1e-15);
        let other = integrate_views(Formula::CryoLike { n_pixels: 4 }, &weights, [0.0, 0.0].into_iter());
        assert!((other - (1_f64.exp() + 3_f64.exp()).ln()).abs() < 1e-14);
    }
}
