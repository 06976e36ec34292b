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
    /// What a template's values on the shells that are read say of its parts, `[shells, rank]`; empty where all are read.
    fitted: Vec<T>,
}

impl<T> Functions<T> {
    /// The sum over the shells that are read, times this, is a template's part of each function: `[shells, rank]`.
    pub fn fit(&self) -> &[T] {
        if self.fitted.is_empty() { &self.values } else { &self.fitted }
    }
}

impl<T: Real> Functions<T> {
    /// Some functions, `[inputs, rank]`.
    pub fn new(rank: usize, values: Vec<T>) -> Self {
        Self { rank, first: 0, is_whole: false, values, fitted: Vec::new() }
    }

    /// The sums of values times `factors`, `[values, rank]`.
    fn parts<'v>(&self, factors: &[T], values: impl Iterator<Item = &'v Complex<f64>>) -> Vec<Complex<f64>> {
        let mut parts = vec![Complex::default(); self.rank];
        for (row, value) in factors.chunks_exact(self.rank).zip(values) {
            parts.iter_mut().zip(row).for_each(|(part, factor)| *part += value * factor.to_f64());
        }
        parts
    }

    /// What values on some shells, one of `every`, say of the parts, by least squares: B·(BᵀB)⁻¹ with B the functions there. `None` where
    /// they say too little, so that rounding would grow.
    pub fn fit_to(&self, shells: &[usize], every: usize) -> Option<Vec<T>> {
        let rank = self.rank;
        let at = |shell: usize, i: usize| self.values[shell * rank + i].to_f64();
        // L·Lᵀ = BᵀB
        let mut lower = vec![0.0; rank * rank];
        for i in 0..rank {
            for j in 0..=i {
                let product: f64 = shells.iter().map(|&shell| at(shell, i) * at(shell, j)).sum();
                let sum: f64 = (0..j).map(|k| lower[i * rank + k] * lower[j * rank + k]).sum();
                let rest = product - sum;
                if i > j {
                    lower[i * rank + j] = rest / lower[j * rank + j];
                } else if rest > 0.0 {
                    lower[i * rank + i] = rest.sqrt();
                } else {
                    return None;
                }
            }
        }
        let mut fit = Vec::with_capacity(shells.len() * rank);
        let mut row = vec![0.0; rank];
        let mut sizes = vec![0.0; rank];
        for &shell in shells {
            for i in 0..rank {
                let sum: f64 = (0..i).map(|k| lower[i * rank + k] * row[k]).sum();
                row[i] = (at(shell, i) - sum) / lower[i * rank + i];
            }
            for i in (0..rank).rev() {
                let sum: f64 = (i + 1..rank).map(|k| lower[k * rank + i] * row[k]).sum();
                row[i] = (row[i] - sum) / lower[i * rank + i];
            }
            sizes.iter_mut().zip(&row).for_each(|(size, x)| *size += x * x);
            fit.extend(row.iter().map(|x| T::from_f64(*x)));
        }
        // Of one in `every` values each should count `every` times as much.
        sizes.iter().all(|size| *size <= MOST_GROWTH * every as f64).then_some(fit)
    }
}

/// One of so many shells is tried to be enough.
pub(crate) const SPARSEST: [usize; 3] = [4, 3, 2];

/// One of so many shells, from the outermost inwards, in rising order.
pub(crate) fn every_shell(n: usize, every: usize) -> Vec<usize> {
    let mut shells: Vec<usize> = (0..n).rev().step_by(every).collect();
    shells.reverse();
    shells
}

/// How much the square of rounding errors may grow where templates are read on few shells.
const MOST_GROWTH: f64 = 2.0;

/// The functions of all angular frequencies.
#[derive(Debug, Clone)]
pub(crate) struct Basis<T> {
    pub spectrum: Spectrum,
    /// Shells, or twice as many.
    pub n_inputs: usize,
    pub frequencies: Vec<Functions<T>>,
    /// Sum of the ranks.
    pub total: usize,
    /// The shells on which templates are displaced and transformed: fewer than there are, where these tell all of them.
    pub shells: Vec<usize>,
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
            .map(|q| Functions {
                rank: n_inputs,
                first: q * n_inputs,
                is_whole: true,
                values: Vec::new(),
                fitted: Vec::new(),
            })
            .collect::<Vec<_>>();
        let total = frequencies.len() * n_inputs;
        Self { spectrum, n_inputs, frequencies, total, shells: (0..geometry.n_shells()).collect() }
    }

    /// Numbers of each frequency that are read of templates.
    pub fn n_read(&self) -> usize {
        if self.spectrum == Spectrum::Half { self.shells.len() } else { 2 * self.shells.len() }
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
                return basis.with_few_shells(&samples, (p, MOST_OF_ANY * share), n_threads, go_on);
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
                Functions { rank, first: first - rank, is_whole: false, values, fitted: Vec::new() }
            })
            .collect();
        Self { spectrum: Spectrum::Half, n_inputs: n, frequencies, total: first, shells: (0..n).collect() }
    }

    /// Reads templates on every fourth, third or second shell, where no sample errs by more than `most` of its energy then: what
    /// fills R + δ is determined by fewer shells than the box asks for.
    fn with_few_shells(
        mut self,
        samples: &Samples<T>,
        (p, most): (usize, f64),
        n_threads: usize,
        go_on: GoOn<'_>,
    ) -> Result<Self, LikelihoodError> {
        for every in SPARSEST {
            if self.tells_all_on(every, samples, (p, most), n_threads, go_on)? {
                return Ok(self);
            }
        }
        self.shells = (0..self.n_inputs).collect();
        self.frequencies.iter_mut().for_each(|functions| functions.fitted.clear());
        Ok(self)
    }

    /// The same of [`Basis::of_templates`], reading templates on one of so many shells, where these tell all.
    ///
    /// # Errors
    /// [`LikelihoodError::Stopped`].
    pub fn on_shells(
        &self,
        every: usize,
        geometry: &Geometry,
        templates: &TemplateSet<T>,
        displacements: &Displacements,
        share: f64,
        (n_threads, go_on): (usize, GoOn<'_>),
    ) -> Result<Option<Self>, LikelihoodError> {
        let mut basis = self.clone();
        let samples = Samples::new(geometry, templates, displacements);
        let wanted = (geometry.n_inplanes(), MOST_OF_ANY * share);
        Ok(basis.tells_all_on(every, &samples, wanted, n_threads, go_on)?.then_some(basis))
    }

    /// Reads templates on one of so many shells; says whether rounding lets it, and no sample errs by more than `most` of its energy.
    fn tells_all_on(
        &mut self,
        every: usize,
        samples: &Samples<T>,
        (p, most): (usize, f64),
        n_threads: usize,
        go_on: GoOn<'_>,
    ) -> Result<bool, LikelihoodError> {
        self.shells = every_shell(self.n_inputs, every);
        for functions in &mut self.frequencies {
            let Some(fit) = functions.fit_to(&self.shells, every) else { return Ok(false) };
            functions.fitted = fit;
        }
        Ok(self.left_out(samples, p, n_threads, go_on)? <= most)
    }

    /// The largest share of the energy of a sample that its parts, found from the shells that are read, leave out, among those to
    /// be tried.
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
                        let read = self.shells.iter().map(|&shell| &rest[shell]);
                        let parts = functions.parts(functions.fit(), read);
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

#[cfg(test)]
pub(super) mod tests {
    use std::f64::consts::TAU;

    use verglas_fourier::grid::PolarGrid;

    use super::*;

    pub(in super::super) const N_VIEWS: usize = 12;

    /// Templates of a few points up to `reach` parts of the box's side from its middle, of norm 1; their amplitudes fall to 1/e at the
    /// radius `width`.
    pub(in super::super) fn templates(geometry: &Geometry, reach: f64, width: f64) -> Vec<Complex<f32>> {
        let part = |i: usize, step: f64| (i as f64 * step).fract();
        let mut values = Vec::new();
        for view in 0..N_VIEWS {
            let points: Vec<[f64; 2]> = (0..16)
                .map(|i| {
                    let radius = reach * geometry.box_angstrom() * part(16 * view + i, 0.618_034).sqrt();
                    let (sin, cos) = (TAU * part(16 * view + i, 0.754_878)).sin_cos();
                    [radius * cos, radius * sin]
                })
                .collect();
            let p = geometry.n_inplanes();
            let of_view = (0..geometry.n_points()).map(|at| {
                let wave = |point: &[f64; 2]| Complex::cis(-TAU * geometry.turns(at / p, at % p, *point));
                let radius = geometry.grid().radii()[at / p];
                points.iter().map(wave).sum::<Complex<f64>>() * (-(radius / width).powi(2)).exp()
            });
            let of_view: Vec<Complex<f64>> = of_view.collect();
            let square = |(at, value): (usize, &Complex<f64>)| geometry.point_weights()[at / p] * value.norm_sqr();
            let norm = of_view.iter().enumerate().map(square).sum::<f64>().sqrt();
            values.extend(of_view.iter().map(|value| Complex::new((value.re / norm) as f32, (value.im / norm) as f32)));
        }
        values
    }

    /// Templates of points, and the functions of theirs displaced.
    fn basis_of(geometry: &Geometry, reach: f64, share: f64) -> (Vec<Complex<f32>>, Displacements, Basis<f32>) {
        let values = templates(geometry, reach, f64::INFINITY);
        let displacements = Displacements::new(4.0, geometry.box_angstrom() / 96.0, 5, 5).unwrap();
        let templates = TemplateSet::new(geometry, &values, &[1.0; N_VIEWS]).unwrap();
        let basis = Basis::of_templates(geometry, &templates, &displacements, share, (1, &|| true)).unwrap();
        (values, displacements, basis)
    }

    #[test]
    fn few_shells_say_the_same_of_structures_that_leave_room() {
        let grid = PolarGrid::new(12.0, 0.25, 96).unwrap();
        let geometry = Geometry::new(grid, 96.0).unwrap();
        let share = 1e-9;
        let (values, displacements, basis) = basis_of(&geometry, 0.15, share);
        assert!(2 * basis.shells.len() <= geometry.n_shells() + 1, "{} shells", basis.shells.len());
        let templates = TemplateSet::new(&geometry, &values, &[1.0; N_VIEWS]).unwrap();
        let samples = Samples::new(&geometry, &templates, &displacements);
        let p = geometry.n_inplanes();
        for index in (0..200).step_by(7) {
            let spectrum = samples.spectrum(index);
            let mut error = 0.0;
            for (q, functions) in basis.frequencies.iter().enumerate().filter(|(_, functions)| functions.rank > 0) {
                let all: Vec<_> = spectrum.chunks_exact(p).map(|shell| shell[q]).collect();
                let expected = functions.parts(&functions.values, all.iter());
                let read = functions.parts(functions.fit(), basis.shells.iter().map(|&shell| &all[shell]));
                let errors = expected.iter().zip(&read).map(|(a, b)| (a - b).norm_sqr());
                error += both_signs(q, p) * errors.sum::<f64>();
            }
            assert!(error <= MOST_OF_ANY * share, "sample {index}: {error:e}");
        }
        // Points out to the box's rim, displaced beyond it: what one of three shells says is too little.
        let (_, _, wide) = basis_of(&geometry, 0.6, share);
        assert!(wide.shells.len() > basis.shells.len(), "{} and {} shells", wide.shells.len(), basis.shells.len());
    }
}
