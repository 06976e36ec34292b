//! The interpolation kernel, a Kaiser–Bessel window, and its Fourier transform.

use std::f64::consts::PI;

/// φ(t) = I₀(β√(1 − (2t/w)²))/I₀(β) on |t| ≤ w/2, with β = f·π·w·(1 − 1/(2σ)) for an oversampling of σ = 2.
///
/// A sum of its values at integer distances from a point interpolates there what the grid holds, once the image has been
/// divided by the kernel's transform; see `docs/math.md` for the error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kernel {
    /// Number w of grid points that the kernel covers along each axis.
    width: usize,
    beta: f64,
    /// I₀(β)
    peak: f64,
}

impl Kernel {
    /// A kernel over `width` points; `shape` is the factor f, just below 1, found by trying.
    pub(crate) fn new(width: usize, shape: f64) -> Self {
        let beta = shape * PI * width as f64 * 0.75;
        Self { width, beta, peak: bessel_i0(beta) }
    }

    /// φ(t), 0 outside of the kernel.
    pub(crate) fn value(&self, t: f64) -> f64 {
        let x = 2.0 * t / self.width as f64;
        let rest = (1.0 - x) * (1.0 + x);
        if rest < 0.0 { 0.0 } else { bessel_i0(self.beta * rest.sqrt()) / self.peak }
    }

    /// φ̂(x) = w·sinh(s)/(s·I₀(β)), s = √(β² − (πwx/`n_grid`)²), the transform at pixel coordinate x.
    pub(crate) fn transform(&self, x: f64, n_grid: usize) -> f64 {
        let width = self.width as f64;
        let q = PI * width * x / n_grid as f64;
        // Real for all pixels: |x| ≤ N/2 ≤ n_grid/4 makes q at most a third of β.
        let s = (self.beta * self.beta - q * q).sqrt();
        width * s.sinh() / (s * self.peak)
    }

    /// The first grid point that the kernel reaches from `u`: ⌈u − w/2⌉.
    pub(crate) fn first_tap(&self, u: f64) -> i64 {
        (u - self.width as f64 / 2.0).ceil() as i64
    }
}

/// The modified Bessel function I₀(x) by its series Σ ((x/2)ᵏ/k!)², for 0 ≤ x ≤ 50: all terms are positive, and some 80
/// of them count.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-18 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bessel_i0_at_known_places() {
        // Abramowitz & Stegun, table 9.8 and mpmath.
        for (x, value) in [
            (0.0, 1.0),
            (1.0, 1.266_065_877_752_008_3),
            (10.0, 2_815.716_628_466_254),
            (32.0, 5.590_908_381_350_873e12),
        ] {
            assert!((bessel_i0(x) / value - 1.0).abs() < 1e-14, "I0({x}) = {}", bessel_i0(x));
        }
    }

    #[test]
    fn the_transform_is_the_integral_of_the_kernel() {
        let kernel = Kernel::new(7, 0.988);
        let steps = 20_000;
        for x in [0.0, 3.0, 16.0] {
            let sum: f64 = (0..steps)
                .map(|k| 7.0 * ((k as f64 + 0.5) / steps as f64 - 0.5))
                .map(|t| kernel.value(t) * (2.0 * PI * x * t / 64.0).cos())
                .sum();
            assert!((sum * 7.0 / steps as f64 / kernel.transform(x, 64) - 1.0).abs() < 1e-6);
        }
    }
}
