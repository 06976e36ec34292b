//! Images, made ready to be multiplied with templates.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use num_complex::Complex;
use verglas_core::threads::share_work;
use verglas_fft::plan_complex_forward_f64;

use super::basis::{Basis, Extent, Spectrum};
use super::product::GROUP;
use crate::error::LikelihoodError;
use crate::formula::Formula;
use crate::geometry::Geometry;
use crate::real::Real;
use crate::sets::ImageSet;
use crate::sums::ImageSums;

/// Harmonics of C² that hold less than this share of its energy are left out, all together.
const LEAST_SHARE: f64 = 1e-26;

/// What is kept of one image beside its spectrum.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub i_yy: f64,
    pub i_sy: Complex<f64>,
    pub v: f64,
    /// W·C², its spectrum at the angular frequencies 0, step, 2·step, …: `[frequencies, n_shells]`.
    pub power: Vec<Complex<f64>>,
    pub step: usize,
}

/// Some images.
#[derive(Debug)]
pub(crate) struct ImageBlock<T> {
    /// The place of each among all.
    pub order: Vec<usize>,
    pub n_images: usize,
    /// Spectra of √W·C·I/P on the basis: `[groups, total, GROUP, 2]`.
    pub panels: Vec<T>,
    /// The same of √W·C·s; empty with CryoLike's formula, which does not use it.
    pub constants: Vec<T>,
    pub facts: Vec<Facts>,
}

/// Bytes that an image takes, at most.
pub(crate) fn bytes_per_image<T: Real>(geometry: &Geometry, basis: Extent, formula: Formula) -> u64 {
    let panels = if formula.is_cryolike() { 1 } else { 2 };
    let power = 16 * geometry.n_shells() * (geometry.n_inplanes() / 2 + 1);
    (panels * 2 * basis.total * size_of::<T>() + power) as u64
}

impl<T: Real> ImageBlock<T> {
    /// The images at the places `order`, each moved back by its displacement of `moved`, Å, if there are any.
    ///
    /// # Errors
    /// The first image's that can't be compared.
    pub fn new(
        geometry: &Geometry,
        basis: &Basis<T>,
        formula: Formula,
        images: &ImageSet<T>,
        order: Vec<usize>,
        moved: Option<&[[f64; 2]]>,
        n_threads: usize,
    ) -> Result<Self, LikelihoodError> {
        let (n_images, group_len) = (order.len(), basis.total * GROUP * 2);
        let n_groups = n_images.div_ceil(GROUP);
        let mut panels = vec![T::default(); n_groups * group_len];
        let mut constants = vec![T::default(); if formula.is_cryolike() { 0 } else { panels.len() }];
        let mut facts = vec![Facts::default(); n_images];
        let error: Mutex<Option<(usize, LikelihoodError)>> = Mutex::new(None);
        {
            let mut constants = constants.chunks_exact_mut(group_len);
            let groups: Vec<_> = panels
                .chunks_exact_mut(group_len)
                .zip(facts.chunks_mut(GROUP))
                .map(|(panel, facts)| Mutex::new((panel, constants.next(), facts)))
                .collect();
            let next = AtomicUsize::new(0);
            share_work(n_threads, || {
                let mut worker = Worker::new(geometry, basis, formula);
                loop {
                    let group = next.fetch_add(1, Ordering::Relaxed);
                    let Some(taken) = groups.get(group) else { break };
                    let mut taken = taken.lock().expect("no thread panics while it holds this");
                    let (panel, constant, facts) = &mut *taken;
                    for (place, facts) in facts.iter_mut().enumerate() {
                        let index = group * GROUP + place;
                        let (image, moved) = (order[index], moved.map(|moved| moved[index]));
                        let panels = (&mut **panel, constant.as_deref_mut());
                        if let Err(found) = worker.fill(images, (image, moved), place, panels, facts) {
                            let mut error = error.lock().expect("no thread panics while it holds this");
                            if error.as_ref().is_none_or(|(first, _)| image < *first) {
                                *error = Some((image, found));
                            }
                        }
                    }
                }
            });
        }
        match error.into_inner().expect("all threads are done") {
            Some((_, error)) => Err(error),
            None => Ok(Self { order, n_images, panels, constants, facts }),
        }
    }
}

struct Worker<'a, T: Real> {
    geometry: &'a Geometry,
    basis: &'a Basis<T>,
    formula: Formula,
    sums: ImageSums,
    fft: std::sync::Arc<dyn verglas_fft::Fft<f64>>,
    spectrum: Vec<Complex<f64>>,
    roots: Vec<f64>,
}

impl<'a, T: Real> Worker<'a, T> {
    fn new(geometry: &'a Geometry, basis: &'a Basis<T>, formula: Formula) -> Self {
        Self {
            geometry,
            basis,
            formula,
            sums: ImageSums::new(geometry),
            fft: plan_complex_forward_f64(geometry.n_inplanes()),
            spectrum: vec![Complex::default(); geometry.n_points()],
            roots: geometry.point_weights().iter().map(|weight| weight.sqrt()).collect(),
        }
    }

    fn fill(
        &mut self,
        images: &ImageSet<T>,
        (image, moved): (usize, Option<[f64; 2]>),
        place: usize,
        (panel, constant): (&mut [T], Option<&mut [T]>),
        facts: &mut Facts,
    ) -> Result<(), LikelihoodError> {
        let (geometry, p) = (self.geometry, self.geometry.n_inplanes());
        images.fill(geometry, image, &mut self.sums.values, &mut self.sums.contrast)?;
        self.sums.sum(geometry, self.formula, image)?;
        if let Some(displacement) = moved {
            self.sums.move_back(geometry, displacement);
        }
        for (at, value) in self.spectrum.iter_mut().enumerate() {
            *value = self.sums.values[at] * (self.roots[at / p] * self.sums.contrast[at]);
        }
        self.fft.process(&mut self.spectrum);
        self.project(place, panel);
        if let Some(constant) = constant {
            for (at, value) in self.spectrum.iter_mut().enumerate() {
                *value = Complex::from(self.roots[at / p] * self.sums.contrast[at] * geometry.constant()[at]);
            }
            self.fft.process(&mut self.spectrum);
            self.project(place, constant);
        }
        let weights = geometry.point_weights();
        for (at, value) in self.spectrum.iter_mut().enumerate() {
            *value = Complex::from(weights[at / p] * self.sums.contrast[at] * self.sums.contrast[at]);
        }
        self.fft.process(&mut self.spectrum);
        (facts.power, facts.step) = self.harmonics();
        (facts.i_yy, facts.i_sy, facts.v) = (self.sums.i_yy, self.sums.i_sy, self.sums.v);
        Ok(())
    }

    /// The spectrum on the basis, into the image's place of a group.
    fn project(&self, place: usize, panel: &mut [T]) {
        let (n, p) = (self.geometry.n_shells(), self.geometry.n_inplanes());
        let mut inputs = vec![Complex::default(); self.basis.n_inputs];
        for (q, functions) in self.basis.frequencies.iter().enumerate() {
            let opposite = (p - q) % p;
            for shell in 0..n {
                let at = |q: usize| self.spectrum[shell * p + q] / p as f64;
                match self.basis.spectrum {
                    // Only the part that is real in space meets anything in templates that are.
                    Spectrum::Half if p.is_multiple_of(2) => {
                        let sign = if q.is_multiple_of(2) { 0.5 } else { -0.5 };
                        inputs[shell] = at(q) * 0.5 + at(opposite).conj() * sign;
                    }
                    // CryoLike's half of a spectrum that has no such symmetry.
                    Spectrum::Half => inputs[shell] = at(q),
                    Spectrum::Full => {
                        inputs[shell] = at(q) * 0.5;
                        inputs[n + shell] = at(opposite).conj() * 0.5;
                    }
                }
            }
            let out = panel[functions.first * GROUP * 2..].chunks_exact_mut(GROUP * 2).take(functions.rank);
            if functions.rank == 0 {
                continue;
            }
            if functions.is_whole {
                for (out, value) in out.zip(&inputs) {
                    (out[2 * place], out[2 * place + 1]) = (T::from_f64(value.re), T::from_f64(value.im));
                }
                continue;
            }
            let mut sums = vec![Complex::default(); functions.rank];
            for (row, value) in functions.values.chunks_exact(functions.rank).zip(&inputs) {
                for (sum, factor) in sums.iter_mut().zip(row) {
                    *sum += value * factor.to_f64();
                }
            }
            for (out, value) in out.zip(&sums) {
                (out[2 * place], out[2 * place + 1]) = (T::from_f64(value.re), T::from_f64(value.im));
            }
        }
    }

    /// The angular frequencies of W·C² that hold anything.
    fn harmonics(&self) -> (Vec<Complex<f64>>, usize) {
        let (n, p) = (self.geometry.n_shells(), self.geometry.n_inplanes());
        let at = |shell: usize, q: usize| self.spectrum[shell * p + q];
        let energy: Vec<f64> = (0..=p / 2).map(|q| (0..n).map(|shell| at(shell, q).norm_sqr()).sum::<f64>()).collect();
        let least = LEAST_SHARE * energy.iter().sum::<f64>();
        let of_odd: f64 = energy.iter().skip(1).step_by(2).sum();
        let step = if p.is_multiple_of(2) && of_odd <= least { 2 } else { 1 };
        let (mut n_kept, mut rest) = (energy.len(), 0.0);
        while n_kept > 1 && rest + energy[n_kept - 1] <= least {
            n_kept -= 1;
            rest += energy[n_kept];
        }
        let power = (0..n_kept).step_by(step).flat_map(|q| (0..n).map(move |shell| at(shell, q))).collect();
        (power, step)
    }
}
