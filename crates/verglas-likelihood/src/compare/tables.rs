//! What turns products into correlations and likelihoods, for each image of a block with one template.

use std::f64::consts::LN_2;
use std::sync::Arc;

use num_complex::Complex;
use verglas_fft::{ComplexToReal, Fft, plan_complex_forward_f64, plan_real_inverse_f64};

use super::images::Facts;
use super::reduce::Scales;
use crate::error::LikelihoodError;
use crate::formula::{ContrastSign, Formula};
use crate::geometry::Geometry;
use crate::real::Real;
use crate::sums::{PairSums, to_double};

/// Numbers for each rotation of each image, for one template after the other.
pub(crate) struct Tables<T> {
    p: usize,
    forward: Arc<dyn Fft<f64>>,
    back: Arc<dyn ComplexToReal<f64>>,
    /// |T|², its spectrum: `[P/2 + 1, n_shells]`.
    power: Vec<Complex<f64>>,
    shell: Vec<Complex<f64>>,
    spectrum: Vec<Complex<f64>>,
    sums: PairSums,
    factor: Vec<T>,
    offset: Vec<T>,
    /// Where likelihoods have another one (CryoLike).
    likelihood_factor: Vec<T>,
    likelihood_offset: Vec<T>,
    half_log2_a: Vec<T>,
    /// 1/√A, from that of the first rotation on, where scales must be above 0.
    inverse_root_a: Vec<T>,
    /// The least and the largest ½ ln A of all rotations, for each image.
    half_ln_a_between: Vec<(f64, f64)>,
    /// ½ ln A that those are measured from, for each image.
    reference: Vec<f64>,
}

/// ln(1 + x), to 1e-16 where |x| < 0.03, which is less work than for any x.
fn ln_1p_of(x: f64) -> f64 {
    if x.abs() >= 0.03 {
        return x.ln_1p();
    }
    // 2 artanh s, s = x/(2 + x).
    let s = x / (2.0 + x);
    let s2 = s * s;
    2.0 * s * (1.0 + s2 * (1.0 / 3.0 + s2 * (1.0 / 5.0 + s2 * (1.0 / 7.0 + s2 / 9.0))))
}

impl<T: Real> Tables<T> {
    pub fn new(geometry: &Geometry, formula: Formula, sign: ContrastSign, integrated: bool, n_images: usize) -> Self {
        let (p, n) = (geometry.n_inplanes(), geometry.n_shells());
        let len = |is_needed: bool| if is_needed { n_images * p } else { 0 };
        let other = integrated && formula.is_cryolike();
        Self {
            p,
            forward: plan_complex_forward_f64(p),
            back: plan_real_inverse_f64(p),
            power: vec![Complex::default(); (p / 2 + 1) * n],
            shell: vec![Complex::default(); p],
            spectrum: vec![Complex::default(); p / 2 + 1],
            sums: PairSums { i_xx: vec![0.0; p], i_sx: Complex::default() },
            factor: vec![T::default(); len(true)],
            offset: vec![T::default(); len(true)],
            likelihood_factor: vec![T::default(); len(other)],
            likelihood_offset: vec![T::default(); len(other)],
            half_log2_a: vec![T::default(); len(integrated || sign == ContrastSign::Positive)],
            inverse_root_a: vec![T::default(); len(integrated && sign == ContrastSign::Positive)],
            half_ln_a_between: vec![(0.0, 0.0); n_images],
            reference: vec![0.0; n_images],
        }
    }

    /// Takes the next template.
    pub fn take(&mut self, template: &[Complex<T>]) {
        let n = template.len() / self.p;
        for (shell, values) in template.chunks_exact(self.p).enumerate() {
            for (to, value) in self.shell.iter_mut().zip(values) {
                *to = Complex::from(to_double(*value).norm_sqr());
            }
            self.forward.process(&mut self.shell);
            for (q, value) in self.shell[..self.p / 2 + 1].iter().enumerate() {
                self.power[q * n + shell] = *value;
            }
        }
    }

    /// The numbers of one image, whose place in the block is `index`, with the template taken last.
    pub fn fill(
        &mut self,
        geometry: &Geometry,
        formula: Formula,
        facts: &Facts,
        i_sx: Complex<f64>,
        (index, image, view): (usize, usize, usize),
    ) -> Result<(), LikelihoodError> {
        let (n, p) = (geometry.n_shells(), self.p);
        // I_xx(w) = (1/P) Σ_q conj(G_q)·H_q·exp(2πi qw/P), G and H the spectra of W·C² and |T|².
        self.spectrum.fill(Complex::default());
        for (place, image_power) in facts.power.chunks_exact(n).enumerate() {
            let q = place * facts.step;
            let mut sum = Complex::default();
            for (g, h) in image_power.iter().zip(&self.power[q * n..(q + 1) * n]) {
                sum += g.conj() * h;
            }
            self.spectrum[q] = sum / p as f64;
        }
        if facts.power.len() == n {
            self.sums.i_xx.fill(self.spectrum[0].re);
        } else {
            self.spectrum[0].im = 0.0;
            if p.is_multiple_of(2) {
                self.spectrum[p / 2].im = 0.0;
            }
            // Lengths are those of the plan, and the two numbers that must be real are.
            let _ = self.back.process(&mut self.spectrum, &mut self.sums.i_xx);
        }
        self.sums.i_sx = i_sx;
        self.sums.check(geometry, formula, image, view)?;

        let (i_ss, v) = (geometry.i_ss(), facts.v);
        let product = match formula {
            Formula::Right => i_sx.re * facts.i_sy.re,
            Formula::CryoLike { .. } => i_sx.re * facts.i_sy.re - i_sx.im * facts.i_sy.im,
        };
        let range = index * p..(index + 1) * p;
        let first_a = self.sums.a(geometry, formula, 0);
        self.reference[index] = 0.5 * first_a.ln();
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        // Where the CTF is the same at all angles, so is all that follows.
        let n_different = if facts.power.len() == n { 1 } else { p };
        for (w, at) in range.clone().take(n_different).enumerate() {
            let a = self.sums.a(geometry, formula, w);
            let scale = 1.0 / (a * v).sqrt();
            match formula {
                Formula::Right => {
                    self.factor[at] = T::from_f64(i_ss * scale);
                    self.offset[at] = T::from_f64(product * scale);
                }
                Formula::CryoLike { .. } => {
                    self.factor[at] = T::from_f64(1.0 / (self.sums.i_xx[w] * facts.i_yy).sqrt());
                    self.offset[at] = T::default();
                    if !self.likelihood_factor.is_empty() {
                        self.likelihood_factor[at] = T::from_f64(i_ss * scale);
                        self.likelihood_offset[at] = T::from_f64(product * scale);
                    }
                }
            }
            if !self.half_log2_a.is_empty() {
                (least, most) = (least.min(a), most.max(a));
                self.half_log2_a[at] = T::from_f64(0.5 * ln_1p_of((a - first_a) / first_a) / LN_2);
                if !self.inverse_root_a.is_empty() {
                    self.inverse_root_a[at] = T::from_f64((first_a / a).sqrt());
                }
            }
        }
        if n_different < p {
            let all = [
                &mut self.factor,
                &mut self.offset,
                &mut self.likelihood_factor,
                &mut self.likelihood_offset,
                &mut self.half_log2_a,
                &mut self.inverse_root_a,
            ];
            for numbers in all.into_iter().filter(|numbers| !numbers.is_empty()) {
                let first = numbers[range.start];
                numbers[range.clone()].fill(first);
            }
        }
        self.half_ln_a_between[index] = (0.5 * least.ln(), 0.5 * most.ln());
        Ok(())
    }

    /// What turns the products of an image into correlations.
    pub fn scales(&self, index: usize) -> Scales<'_, T> {
        let range = index * self.p..(index + 1) * self.p;
        Scales { factor: &self.factor[range.clone()], offset: &self.offset[range] }
    }

    /// What turns them into the correlations of likelihoods, where those are others.
    pub fn likelihood_scales(&self, index: usize) -> Option<Scales<'_, T>> {
        let range = index * self.p..(index + 1) * self.p;
        (!self.likelihood_factor.is_empty())
            .then(|| Scales { factor: &self.likelihood_factor[range.clone()], offset: &self.likelihood_offset[range] })
    }

    /// ½ log₂ A of each rotation, from that of the first on.
    pub fn half_log2_a(&self, index: usize) -> &[T] {
        &self.half_log2_a[index * self.p..(index + 1) * self.p]
    }

    /// 1/√A of each rotation, from that of the first on.
    pub fn inverse_root_a(&self, index: usize) -> &[T] {
        &self.inverse_root_a[index * self.p..(index + 1) * self.p]
    }

    /// The least and the largest ½ ln A of all rotations.
    pub fn half_ln_a_between(&self, index: usize) -> (f64, f64) {
        self.half_ln_a_between[index]
    }

    /// ½ ln A of the first rotation.
    pub fn reference(&self, index: usize) -> f64 {
        self.reference[index]
    }
}

#[cfg(test)]
mod tests {
    use super::ln_1p_of;

    #[test]
    fn logarithms_near_one_are_those_of_the_library() {
        for x in (-400..=400).map(|i| f64::from(i) * 1e-4) {
            let expected = x.ln_1p();
            assert!((ln_1p_of(x) - expected).abs() <= 4e-16 * expected.abs(), "{x}");
        }
    }
}
