//! The share of a flat prior's posterior that lies above 0: the distribution function of Student's t.
//!
//! ```text
//! t = cc·√(ν/(1 − cc²)),  x = ν/(ν + t²) = 1 − cc²        ν = 2p degrees of freedom
//! F_ν(t) = 1 − ½ I_x(p, ½)  for t ≥ 0,   ½ I_x(p, ½)  for t < 0
//! ```
//!
//! I is the regularised incomplete beta function: by its continued fraction where that converges fast, and by that of
//! I_y(½, p) = 1 − I_x(p, ½), y = cc², else (Abramowitz and Stegun 26.5.8, by Lentz's method).

use std::f64::consts::{LN_2, PI};

/// F_ν for one number of degrees of freedom, as a function of the correlation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct StudentT {
    p: f64,
    /// ln B(p, ½).
    ln_beta: f64,
}

impl StudentT {
    /// With ν = 2·`p` degrees of freedom, `p` above 0.
    pub fn new(p: f64) -> Self {
        Self { p, ln_beta: 0.5 * PI.ln() - ln_gamma_step(p) }
    }

    /// ln F_ν(t) at the correlation `cc`, −1 ≤ cc ≤ 1: within 1e-11.
    pub fn ln_share(&self, cc: f64) -> f64 {
        /// ln of what is nothing beside 1.
        const NOTHING: f64 = -40.0;
        if cc < 0.0 {
            return self.ln_upper(cc * cc, 1e-15) - LN_2;
        }
        // The share below −t is so small that few of its digits count.
        let ln_most = self.p * (-cc * cc).ln_1p();
        if ln_most < NOTHING {
            return 0.0;
        }
        (-0.5 * self.ln_upper(cc * cc, (1e-14 * (-ln_most).exp()).clamp(1e-15, 1e-3)).exp()).ln_1p()
    }

    /// ln I_x(p, ½) with x = 1 − `y`, to within `accuracy` or so.
    fn ln_upper(&self, y: f64, accuracy: f64) -> f64 {
        let y = y.clamp(0.0, 1.0);
        if y == 0.0 {
            return 0.0;
        }
        // x^p·√y/B(p, ½), what both fractions are multiplied with.
        let ln_front = self.p * (-y).ln_1p() + 0.5 * y.ln() - self.ln_beta;
        if y < 1.5 / (self.p + 2.5) {
            let lower = 2.0 * ln_front.exp() * continued_fraction((0.5, self.p), y, accuracy);
            (-lower).ln_1p()
        } else {
            ln_front - self.p.ln() + continued_fraction((self.p, 0.5), 1.0 - y, accuracy).ln()
        }
    }
}

/// ln Γ(p + ½) − ln Γ(p) for p > 0, without the cancellation of the two.
fn ln_gamma_step(p: f64) -> f64 {
    // Γ(p + 3/2)/Γ(p + 1) = Γ(p + ½)/Γ(p)·(p + ½)/p
    let (mut p, mut below) = (p, 1.0);
    while p < 20.0 {
        below *= (p + 0.5) / p;
        p += 1.0;
    }
    let square = 1.0 / (p * p);
    let series = 17.0 / 14336.0 - square * (31.0 / 18432.0);
    let series = 1.0 / 640.0 - square * series;
    let series = 1.0 / 192.0 - square * series;
    let series = (1.0 / 8.0 - square * series) / p;
    0.5 * p.ln() - series - f64::ln(below)
}

/// The continued fraction K of I_x(a, b) = x^a(1 − x)^b/(a·B(a, b))·K, until a step changes it by less than `accuracy`.
fn continued_fraction((a, b): (f64, f64), x: f64, accuracy: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let large = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / large(1.0 - (a + b) * x / (a + 1.0));
    let mut k = d;
    // Some √max(a, b) steps; never as many as this.
    for m in 1..100_000 {
        let m = f64::from(m);
        for numerator in [
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        ] {
            d = 1.0 / large(1.0 + numerator * d);
            c = large(1.0 + numerator / c);
            k *= c * d;
        }
        if (c * d - 1.0).abs() < accuracy {
            break;
        }
    }
    k
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ln F by Simpson's rule over the density, in terms that don't underflow.
    fn integrated(p: f64, t: f64) -> f64 {
        let nu = 2.0 * p;
        let ln_norm = ln_gamma_step(p) - 0.5 * (nu * PI).ln();
        let ln_density = |s: f64| ln_norm - (p + 0.5) * (s * s / nu).ln_1p();
        // From t downwards, to where the density is e⁻⁴⁰ of what it was.
        let tail = t.abs() * ((45.0 / (nu + 1.0)).exp() - 1.0);
        let width = 60.0 * (1.0 + t * t / nu) / t.abs().max(1.0) + tail + t.max(0.0) + 12.0;
        let n = 400_000;
        let step = width / f64::from(n);
        let top = if t < 0.0 { ln_density(t) } else { ln_density(0.0) };
        let sum: f64 = (0..=n)
            .map(|i| {
                let factor = if i == 0 || i == n {
                    1.0
                } else if i % 2 == 1 {
                    4.0
                } else {
                    2.0
                };
                factor * (ln_density(t - f64::from(i) * step) - top).exp()
            })
            .sum();
        top + (sum * step / 3.0).ln()
    }

    #[test]
    fn it_is_the_integral_of_the_density() {
        for p in [23.0, 48.5, 400.0, 6000.0] {
            let student = StudentT::new(p);
            for t in [-40.0, -8.0, -4.8, -1.3, -0.2, 0.0, 0.45, 1.1, 1.4, 2.0, 5.2] {
                let cc = t / (2.0 * p + t * t).sqrt();
                let (found, expected) = (student.ln_share(cc), integrated(p, t));
                let tolerance = 1e-9 * expected.abs().max(1.0);
                assert!((found - expected).abs() < tolerance, "p {p}, t {t}: {found} {expected}");
            }
        }
    }

    #[test]
    fn both_signs_together_are_everything() {
        let student = StudentT::new(300.0);
        for step in 0..200 {
            let cc = 0.002 * f64::from(step);
            let sum = student.ln_share(cc).exp() + student.ln_share(-cc).exp();
            assert!((sum - 1.0).abs() < 1e-13, "{cc}: {sum}");
        }
    }

    /// One degree of freedom is Cauchy's distribution, two have a closed form.
    #[test]
    fn one_and_two_degrees_of_freedom_are_known() {
        for t in [-300.0, -3.0, -0.1, 0.0, 0.7, 9.0_f64] {
            let cauchy = StudentT::new(0.5).ln_share(t / (1.0 + t * t).sqrt()).exp();
            assert!((cauchy - (0.5 + t.atan() / PI)).abs() < 1e-13, "{t}");
            let two = StudentT::new(1.0).ln_share(t / (2.0 + t * t).sqrt()).exp();
            assert!((two - (0.5 + t / (2.0 * (2.0 + t * t).sqrt()))).abs() < 1e-13, "{t}");
        }
    }

    #[test]
    fn far_out_nothing_underflows() {
        let student = StudentT::new(6000.0);
        // t = −3,000 of 12,000 degrees of freedom: ln F is about −p ln(1 + t²/ν).
        let t = -3000.0_f64;
        let cc = t / (12_000.0 + t * t).sqrt();
        let found = student.ln_share(cc);
        assert!(found.is_finite() && found < -6000.0 * (t * t / 12_000.0).ln_1p() + 1.0, "{found}");
        assert!(student.ln_share(-1.0) == f64::NEG_INFINITY && student.ln_share(1.0) == 0.0);
    }
}
