//! For each angular frequency the few radial functions that displaced templates are made of.
//!
//! A structure of extent R, displaced by δ, fills a ball of R + δ; its templates' angular spectra are then combinations of few
//! functions of the radius, and none where q is beyond 2π·(R + δ)·(spatial frequency). Which they are is found from a sample
//! of the displaced templates: the eigenvectors of Σ Re(t tᴴ) of largest eigenvalues.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use num_complex::Complex;
use verglas_core::threads::share_work;

use super::eigen::eigen;
use super::samples::Samples;
use super::watch::{GoOn, unless_stopped};
use crate::displacements::Displacements;
use crate::error::LikelihoodError;
use crate::geometry::Geometry;
use crate::real::Real;
use crate::sets::TemplateSet;

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

/// How much a basis amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub n_inputs: usize,
    pub n_frequencies: usize,
    /// Sum of the ranks.
    pub total: usize,
}

impl Extent {
    /// The most that the basis of any templates amounts to.
    pub fn most(geometry: &Geometry) -> Self {
        let (n_inputs, n_frequencies) = (2 * geometry.n_shells(), geometry.n_inplanes() / 2 + 1);
        Self { n_inputs, n_frequencies, total: n_inputs * n_frequencies }
    }
}

impl<T: Real> Basis<T> {
    /// How much it amounts to.
    pub fn extent(&self) -> Extent {
        Extent { n_inputs: self.n_inputs, n_frequencies: self.frequencies.len(), total: self.total }
    }

    /// Every input is a function.
    pub fn whole(geometry: &Geometry, spectrum: Spectrum) -> Self {
        let n_inputs = geometry.n_shells() * if spectrum == Spectrum::Half { 1 } else { 2 };
        let frequencies = (0..=geometry.n_inplanes() / 2)
            .map(|q| Functions { rank: n_inputs, first: q * n_inputs, is_whole: true, values: Vec::new() })
            .collect::<Vec<_>>();
        let total = frequencies.len() * n_inputs;
        Self { spectrum, n_inputs, frequencies, total }
    }

    /// Whether every input is a function.
    pub fn is_whole(&self) -> bool {
        self.frequencies.iter().all(|functions| functions.is_whole)
    }

    /// The fewest functions that leave out no more than `share` of the energy of displaced templates, by a sample of them;
    /// and, of other samples, no more than some times as much of any.
    ///
    /// # Errors
    /// [`LikelihoodError::Stopped`].
    pub fn of_templates(
        geometry: &Geometry,
        templates: &TemplateSet<T>,
        displacements: &Displacements,
        share: f64,
        (n_threads, go_on): (usize, GoOn<'_>),
    ) -> Result<Self, LikelihoodError> {
        let (n, p) = (geometry.n_shells(), geometry.n_inplanes());
        let samples = Samples::new(geometry, templates, displacements);
        let eigen = all_eigen(n, samples.moments(n_threads, go_on)?, n_threads, go_on)?;
        let mut of_all = share;
        loop {
            let basis = Self::of_largest(n, p, &eigen, of_all);
            let is_all = basis.total == n * eigen.len();
            if is_all || basis.left_out(&samples, p, n_threads, go_on)? <= MOST_OF_ANY * share {
                return Ok(basis);
            }
            of_all /= 8.0;
        }
    }

    /// The functions of the largest eigenvalues: those of the smallest, of all frequencies, are left out as long as they sum
    /// up to no more than the share.
    fn of_largest(n: usize, p: usize, eigen: &[Eigen], share: f64) -> Self {
        let mut values: Vec<(f64, usize)> = eigen
            .iter()
            .enumerate()
            .flat_map(|(q, (values, _))| values.iter().map(move |&v| (v.max(0.0) * both_signs(q, p), q)))
            .collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let total: f64 = values.iter().map(|value| value.0).sum();
        let (mut ranks, mut left_out) = (vec![n; eigen.len()], 0.0);
        for (value, q) in values {
            left_out += value;
            if left_out > share * total {
                break;
            }
            ranks[q] -= 1;
        }
        let mut first = 0;
        let frequencies = eigen
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

    /// The largest share of the energy of a sample that the functions leave out, among those to be tried.
    fn left_out(
        &self,
        samples: &Samples<T>,
        p: usize,
        n_threads: usize,
        go_on: GoOn<'_>,
    ) -> Result<f64, LikelihoodError> {
        let range = samples.trials();
        let (next, worst) = (AtomicUsize::new(range.start), Mutex::new(0.0_f64));
        share_work(n_threads, || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if !range.contains(&index) || !go_on() {
                    break;
                }
                let spectrum = samples.spectrum(index);
                let mut rest = vec![Complex::default(); self.n_inputs];
                let mut sum = 0.0;
                for (q, functions) in self.frequencies.iter().enumerate() {
                    for (rest, shell) in rest.iter_mut().zip(spectrum.chunks_exact(p)) {
                        *rest = shell[q];
                    }
                    if functions.rank > 0 {
                        let mut parts = vec![Complex::default(); functions.rank];
                        for (row, value) in functions.values.chunks_exact(functions.rank).zip(&rest) {
                            parts.iter_mut().zip(row).for_each(|(part, factor)| *part += value * factor.to_f64());
                        }
                        for (row, value) in functions.values.chunks_exact(functions.rank).zip(&mut rest) {
                            row.iter().zip(&parts).for_each(|(factor, part)| *value -= part * factor.to_f64());
                        }
                    }
                    sum += both_signs(q, p) * rest.iter().map(|value| value.norm_sqr()).sum::<f64>();
                }
                let mut worst = worst.lock().expect("no thread panics while it holds this");
                *worst = worst.max(sum);
            }
        });
        unless_stopped(go_on)?;
        Ok(worst.into_inner().expect("all threads are done"))
    }
}

/// A template may lose this many times the share that all lose together.
const MOST_OF_ANY: f64 = 16.0;

/// How often a frequency counts: once for each sign.
fn both_signs(q: usize, p: usize) -> f64 {
    if q == 0 || 2 * q == p { 1.0 } else { 2.0 }
}

/// Eigenvalues and eigenvectors.
type Eigen = (Vec<f64>, Vec<f64>);

/// Those of each matrix.
fn all_eigen(
    n: usize,
    matrices: Vec<Vec<f64>>,
    n_threads: usize,
    go_on: GoOn<'_>,
) -> Result<Vec<Eigen>, LikelihoodError> {
    let next = AtomicUsize::new(0);
    let found: Vec<Mutex<Eigen>> = matrices.into_iter().map(|matrix| Mutex::new((Vec::new(), matrix))).collect();
    share_work(n_threads, || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(found) = found.get(index).filter(|_| go_on()) else { break };
            let mut found = found.lock().expect("no thread panics while it holds this");
            found.0 = eigen(n, &mut found.1);
        }
    });
    unless_stopped(go_on)?;
    Ok(found.into_iter().map(|found| found.into_inner().expect("all threads are done")).collect())
}
