//! For each angular frequency the few radial functions that displaced templates are made of.
//!
//! A structure of extent R, displaced by δ, fills a ball of R + δ; its templates' angular spectra are then combinations of few
//! functions of the radius, and none where q is beyond 2π·(R + δ)·(spatial frequency). Which they are is found from a sample
//! of the displaced templates: the eigenvectors of Σ Re(t tᴴ) of largest eigenvalues.

use std::f64::consts::TAU;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use num_complex::Complex;
use verglas_core::threads::share_work;
use verglas_fft::plan_complex_forward_f64;

use super::eigen::eigen;
use crate::displacements::Displacements;
use crate::geometry::Geometry;
use crate::real::Real;
use crate::sets::TemplateSet;
use crate::sums::displace;

/// How many displaced templates the functions are found from.
const N_SAMPLES: usize = 512;
/// How many are transformed before their moments are added.
const AT_ONCE: usize = 64;

/// Which angular frequencies of images and templates are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spectrum {
    /// Those from 0 to ⌊P/2⌋: templates are real in space, the others follow.
    Half,
    /// All; those below 0 stand, conjugated, beside those above.
    Full,
}

/// The functions of one angular frequency.
#[derive(Debug, Clone)]
pub(crate) struct Functions<T> {
    /// How many there are.
    pub rank: usize,
    /// Place of the first among those of all frequencies.
    pub first: usize,
    /// Whether each input is a function of its own, and `values` empty.
    pub is_whole: bool,
    /// `[inputs, rank]`, inputs being shells or, with a full spectrum, shells of q and of −q.
    pub values: Vec<T>,
}

/// The functions of all angular frequencies.
#[derive(Debug, Clone)]
pub(crate) struct Basis<T> {
    pub spectrum: Spectrum,
    /// Shells, or twice as many.
    pub n_inputs: usize,
    pub frequencies: Vec<Functions<T>>,
    /// Sum of the ranks.
    pub total: usize,
}

impl<T: Real> Basis<T> {
    /// Every input is a function.
    pub fn whole(geometry: &Geometry, spectrum: Spectrum) -> Self {
        let n_inputs = geometry.n_shells() * if spectrum == Spectrum::Half { 1 } else { 2 };
        let frequencies = (0..=geometry.n_inplanes() / 2)
            .map(|q| Functions { rank: n_inputs, first: q * n_inputs, is_whole: true, values: Vec::new() })
            .collect::<Vec<_>>();
        let total = frequencies.len() * n_inputs;
        Self { spectrum, n_inputs, frequencies, total }
    }

    /// The fewest functions that leave out no more than `share` of the energy of displaced templates, by a sample of them.
    pub fn of_templates(
        geometry: &Geometry,
        templates: &TemplateSet<T>,
        displacements: &Displacements,
        share: f64,
        n_threads: usize,
    ) -> Self {
        let (n, n_frequencies) = (geometry.n_shells(), geometry.n_inplanes() / 2 + 1);
        let moments = moments(geometry, templates, displacements, n_threads);
        let next = AtomicUsize::new(0);
        let found: Vec<Mutex<(Vec<f64>, Vec<f64>)>> =
            moments.into_iter().map(|moments| Mutex::new((Vec::new(), moments))).collect();
        share_work(n_threads, || {
            loop {
                let q = next.fetch_add(1, Ordering::Relaxed);
                let Some(found) = found.get(q) else { break };
                let mut found = found.lock().expect("no thread panics while it holds this");
                found.0 = eigen(n, &mut found.1);
            }
        });
        let found: Vec<(Vec<f64>, Vec<f64>)> =
            found.into_iter().map(|found| found.into_inner().expect("all threads are done")).collect();

        // The smallest of all frequencies are left out, as long as they sum up to no more than the share.
        let mut values: Vec<(f64, usize)> = found
            .iter()
            .enumerate()
            .flat_map(|(q, (values, _))| values.iter().map(move |&v| (v.max(0.0), q)))
            .collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let total: f64 = values.iter().map(|value| value.0).sum();
        let (mut ranks, mut left_out) = (vec![n; n_frequencies], 0.0);
        for (value, q) in values {
            left_out += value;
            if left_out > share * total {
                break;
            }
            ranks[q] -= 1;
        }
        let mut first = 0;
        let frequencies = found
            .iter()
            .zip(ranks)
            .map(|((_, vectors), rank)| {
                // Eigenvalues rise, so the last vectors are kept.
                let values =
                    (0..n).flat_map(|k| (0..rank).map(move |i| T::from_f64(vectors[k * n + n - 1 - i]))).collect();
                first += rank;
                Functions { rank, first: first - rank, is_whole: false, values }
            })
            .collect();
        Self { spectrum: Spectrum::Half, n_inputs: n, frequencies, total: first }
    }
}

/// For each frequency Σ Re(t tᴴ) over a sample of displaced templates of equal norm, t the spectrum times √W.
fn moments<T: Real>(
    geometry: &Geometry,
    templates: &TemplateSet<T>,
    displacements: &Displacements,
    n_threads: usize,
) -> Vec<Vec<f64>> {
    let (n, p) = (geometry.n_shells(), geometry.n_inplanes());
    let n_frequencies = p / 2 + 1;
    let n_all = templates.n_views() * displacements.len();
    let n_samples = n_all.min(N_SAMPLES);
    let fft = plan_complex_forward_f64(p);
    let roots: Vec<f64> = geometry.point_weights().iter().map(|weight| weight.sqrt()).collect();
    let moments: Vec<Mutex<Vec<f64>>> = (0..n_frequencies).map(|_| Mutex::new(vec![0.0; n * n])).collect();
    for start in (0..n_samples).step_by(AT_ONCE) {
        let spectra: Vec<Mutex<Vec<Complex<f64>>>> =
            (start..n_samples.min(start + AT_ONCE)).map(|_| Mutex::default()).collect();
        let next = AtomicUsize::new(0);
        share_work(n_threads, || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(spectrum) = spectra.get(index) else { break };
                let (view, displacement) = sample(start + index, n_samples, templates.n_views(), displacements);
                let mut values = vec![Complex::default(); n * p];
                displace(geometry, templates.template(view), displacement, &mut values);
                fft.process(&mut values);
                for (shell, root) in values.chunks_exact_mut(p).zip(&roots) {
                    shell.iter_mut().for_each(|value| *value *= root);
                }
                let norm: f64 = values.iter().map(|value| value.norm_sqr()).sum::<f64>().sqrt();
                values.iter_mut().for_each(|value| *value /= norm);
                *spectrum.lock().expect("no thread panics while it holds this") = values;
            }
        });
        let spectra: Vec<Vec<Complex<f64>>> =
            spectra.into_iter().map(|spectrum| spectrum.into_inner().expect("all threads are done")).collect();
        let next = AtomicUsize::new(0);
        share_work(n_threads, || {
            let mut column = vec![Complex::default(); n];
            loop {
                let q = next.fetch_add(1, Ordering::Relaxed);
                let Some(moments) = moments.get(q) else { break };
                let mut moments = moments.lock().expect("no thread panics while it holds this");
                for spectrum in &spectra {
                    for (column, shell) in column.iter_mut().zip(spectrum.chunks_exact(p)) {
                        *column = shell[q];
                    }
                    for (row, a) in moments.chunks_exact_mut(n).zip(&column) {
                        for (moment, b) in row.iter_mut().zip(&column) {
                            *moment += a.re * b.re + a.im * b.im;
                        }
                    }
                }
            }
        });
    }
    moments.into_iter().map(|moments| moments.into_inner().expect("all threads are done")).collect()
}

/// The view and displacement of a sample: spread over both, the corners of the square among them.
fn sample(index: usize, n_samples: usize, n_views: usize, displacements: &Displacements) -> (usize, [f64; 2]) {
    let set = displacements.angstrom();
    if n_samples == n_views * set.len() {
        return (index % n_views, set[index / n_views]);
    }
    // The golden section spreads any number of points.
    let share = |i: usize, step: f64| (i as f64 * step).fract();
    let view = (share(index, 0.618_033_988_749_894_9) * n_views as f64) as usize;
    let displacement = if index.is_multiple_of(8) {
        // Farthest from the origin in a direction.
        let (sin, cos) = (TAU * share(index / 8, 0.618_033_988_749_894_9)).sin_cos();
        let along = |d: &[f64; 2]| d[0] * cos + d[1] * sin;
        *set.iter().max_by(|a, b| along(a).total_cmp(&along(b))).unwrap_or(&set[0])
    } else {
        set[(share(index, 0.754_877_666_246_692_7) * set.len() as f64) as usize]
    };
    (view.min(n_views - 1), displacement)
}
