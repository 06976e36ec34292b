//! A sample of the displaced templates, and their moments.

use std::f64::consts::TAU;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use num_complex::Complex;
use verglas_core::threads::share_work;
use verglas_fft::{Fft, plan_complex_forward_f64};

use super::watch::{GoOn, unless_stopped};
use crate::displacements::Displacements;
use crate::error::LikelihoodError;
use crate::geometry::Geometry;
use crate::real::Real;
use crate::sets::TemplateSet;
use crate::sums::displace;

/// How many displaced templates radial functions are found from.
const N_SAMPLES: usize = 512;
/// How many others show whether they are enough.
const N_TRIALS: usize = 128;
/// How many are transformed before their moments are added.
const AT_ONCE: usize = 16;

const UNMOVED: [f64; 2] = [0.0; 2];

/// Displaced templates, in an order that spreads the first of them over views and displacements.
pub(crate) struct Samples<'a, T: Real> {
    geometry: &'a Geometry,
    templates: &'a TemplateSet<'a, T>,
    /// All displacements, and (0, 0): the constant's product is that of the unmoved template.
    set: Vec<[f64; 2]>,
    fft: Arc<dyn Fft<f64>>,
    roots: Vec<f64>,
}

/// Bytes that are needed beside what stays.
pub(crate) fn bytes_of_samples(geometry: &Geometry, n_threads: usize) -> u64 {
    let (n, p) = (geometry.n_shells(), geometry.n_inplanes());
    // Moments and their eigenvectors, and spectra.
    (2 * 8 * n * n * (p / 2 + 1) + 16 * n * p * (AT_ONCE + n_threads)) as u64
}

impl<'a, T: Real> Samples<'a, T> {
    pub fn new(geometry: &'a Geometry, templates: &'a TemplateSet<'a, T>, displacements: &Displacements) -> Self {
        let roots = geometry.point_weights().iter().map(|weight| weight.sqrt()).collect();
        let mut set = displacements.angstrom().to_vec();
        if !set.contains(&UNMOVED) {
            set.push(UNMOVED);
        }
        Self { geometry, templates, set, fft: plan_complex_forward_f64(geometry.n_inplanes()), roots }
    }

    /// Those that functions are found from.
    fn n_found_from(&self) -> usize {
        N_SAMPLES.min(self.templates.n_views() * self.set.len())
    }

    /// Those that functions are tried on: others, or the same where there are no others.
    pub fn trials(&self) -> std::ops::Range<usize> {
        let n_all = self.templates.n_views() * self.set.len();
        if n_all <= N_SAMPLES { 0..n_all } else { N_SAMPLES..N_SAMPLES + N_TRIALS }
    }

    /// The spectrum of a sample times √W, of norm 1: `[n_shells, P]`.
    pub fn spectrum(&self, index: usize) -> Vec<Complex<f64>> {
        let (view, displacement) = self.place(index);
        let p = self.geometry.n_inplanes();
        let mut values = vec![Complex::default(); self.geometry.n_points()];
        displace(self.geometry, self.templates.template(view), displacement, &mut values);
        self.fft.process(&mut values);
        for (shell, root) in values.chunks_exact_mut(p).zip(&self.roots) {
            shell.iter_mut().for_each(|value| *value *= root);
        }
        let norm: f64 = values.iter().map(|value| value.norm_sqr()).sum::<f64>().sqrt();
        values.iter_mut().for_each(|value| *value /= norm);
        values
    }

    /// The view and displacement of a sample: of eight one is a displacement at the edge of the set, and one is none.
    fn place(&self, index: usize) -> (usize, [f64; 2]) {
        let (n_views, set) = (self.templates.n_views(), &self.set);
        if n_views * set.len() <= N_SAMPLES {
            return (index % n_views, set[index / n_views]);
        }
        // Steps of the golden section and of its relative in the plane spread any number of points.
        let share = |i: usize, step: f64| (i as f64 * step).fract();
        let view = (share(index, 0.618_033_988_749_894_9) * n_views as f64) as usize;
        let displacement = if index % 8 == 4 {
            UNMOVED
        } else if index.is_multiple_of(8) {
            // Farthest from the origin in a direction.
            let (sin, cos) = (TAU * share(index / 8, 0.618_033_988_749_894_9)).sin_cos();
            let along = |d: &[f64; 2]| d[0] * cos + d[1] * sin;
            *set.iter().max_by(|a, b| along(a).total_cmp(&along(b))).unwrap_or(&set[0])
        } else {
            set[(share(index, 0.754_877_666_246_692_7) * set.len() as f64) as usize]
        };
        (view.min(n_views - 1), displacement)
    }

    /// For each frequency from 0 to ⌊P/2⌋ the matrix Σ Re(t tᴴ) over the samples: `[n_shells, n_shells]`.
    ///
    /// # Errors
    /// [`LikelihoodError::Stopped`].
    pub fn moments(&self, n_threads: usize, go_on: GoOn<'_>) -> Result<Vec<Vec<f64>>, LikelihoodError> {
        let (n, p) = (self.geometry.n_shells(), self.geometry.n_inplanes());
        let n_samples = self.n_found_from();
        let moments: Vec<Mutex<Vec<f64>>> = (0..p / 2 + 1).map(|_| Mutex::new(vec![0.0; n * n])).collect();
        for start in (0..n_samples).step_by(AT_ONCE) {
            unless_stopped(go_on)?;
            let spectra: Vec<Mutex<Vec<Complex<f64>>>> =
                (start..n_samples.min(start + AT_ONCE)).map(|_| Mutex::default()).collect();
            let next = AtomicUsize::new(0);
            share_work(n_threads, || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(spectrum) = spectra.get(index) else { break };
                    let found = self.spectrum(start + index);
                    *spectrum.lock().expect("no thread panics while it holds this") = found;
                }
            });
            let spectra: Vec<Vec<Complex<f64>>> =
                spectra.into_iter().map(|spectrum| spectrum.into_inner().expect("all threads are done")).collect();
            let next = AtomicUsize::new(0);
            share_work(n_threads, || {
                let mut column = vec![Complex::default(); n];
                loop {
                    let q = next.fetch_add(1, Ordering::Relaxed);
                    let Some(moments) = moments.get(q).filter(|_| go_on()) else { break };
                    let mut moments = moments.lock().expect("no thread panics while it holds this");
                    for spectrum in &spectra {
                        for (column, shell) in column.iter_mut().zip(spectrum.chunks_exact(p)) {
                            *column = shell[q];
                        }
                        // Up to the diagonal.
                        for (row, (moments, a)) in moments.chunks_exact_mut(n).zip(&column).enumerate() {
                            for (moment, b) in moments.iter_mut().zip(&column[..=row]) {
                                *moment += a.re * b.re + a.im * b.im;
                            }
                        }
                    }
                }
            });
        }
        unless_stopped(go_on)?;
        let whole = |moments: Mutex<Vec<f64>>| {
            let mut moments = moments.into_inner().expect("all threads are done");
            for row in 0..n {
                for column in 0..row {
                    moments[column * n + row] = moments[row * n + column];
                }
            }
            moments
        };
        Ok(moments.into_iter().map(whole).collect())
    }
}
