//! Images on few shells: as few as tell what templates between the grid's poses say of them.
//!
//! ```text
//! T_q[k] ≈ Σ_s M_q[k, s]·T_q[s]         so Σ_k Y_−q[k]·T_q[k] ≈ Σ_s Ỹ_−q[s]·T_q[s],   Ỹ_q[s] = Σ_k M_q[k, s]·Y_q[k]
//! |T[k]|² ≈ Σ_s N[k, s]·|T[s]|²         so Σ_k G[k]·|T[k]|² ≈ Σ_s G̃[s]·|T[s]|²,       G̃[s] = Σ_k N[k, s]·G[k]
//! ```
//!
//! for shells k and the few s among them: a template of a structure that leaves room in its box is known from few shells, wherever it is
//! displaced. M comes from the radial functions of displaced templates (`basis.rs`), N from those of |T|².

use std::sync::Arc;

use num_complex::Complex;
use verglas_fft::{Fft, plan_complex_forward_f64, plan_complex_inverse_f64};
use verglas_fourier::slices::SomeShells;

use super::basis::{Basis, Functions, SPARSEST, every_shell};
use super::eigen::eigen;
use super::simd::{Dispatch, Kernel, Simd};
use super::watch::GoOn;
use crate::displacements::Displacements;
use crate::error::LikelihoodError;
use crate::geometry::Geometry;
use crate::real::Real;
use crate::sets::TemplateSet;
use crate::sums::to_double;

/// The energy e of displaced templates that may be left out: ℓ₊ moves by some ρ·√e, and any template may lose 16 times as much.
const SHARE: f64 = 1e-9;
/// The energy of |T|² that may be left out.
const SHARE_OF_SQUARES: f64 = 1e-11;
/// Sums over |T|², whatever weighs the shells, may err by this share of theirs on the whole: ℓ₊ by half of it times ρ².
const MOST_OF_SQUARES: f64 = 5e-5;
/// Views whose squares radial functions are found from.
const VIEWS: usize = 64;
/// What is left of a template on all shells that follows from few, of its energy; templates between the views are made with errors of 5e-4
/// themselves, which are no smooth functions of the radius.
const MOST_OF_TEMPLATE: f64 = 4e-6;

/// What leads from all shells to few.
pub(crate) struct FewShells {
    /// The shells, and what |T|² on each of them weighs in a template's norm.
    pub shells: SomeShells,
    n_inplanes: usize,
    /// M for each frequency from 0 to P/2, `[n_shells, few]`.
    linear: Vec<Vec<f32>>,
    /// N, `[n_shells, few]`.
    squares: Vec<f64>,
    forward: Arc<dyn Fft<f64>>,
    inverse: Arc<dyn Fft<f64>>,
}

impl std::fmt::Debug for FewShells {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FewShells").field("shells", &self.shells).finish_non_exhaustive()
    }
}

impl FewShells {
    /// The fewest for templates, which must be real in space, displaced by up to `reach_angstrom`; `None` where all are needed.
    ///
    /// # Errors
    /// [`LikelihoodError::Stopped`].
    pub fn find<T: Real>(
        geometry: &Geometry,
        templates: &TemplateSet<'_, T>,
        reach_angstrom: f64,
        (n_threads, go_on): (usize, GoOn<'_>),
    ) -> Result<Option<Self>, LikelihoodError> {
        let n = geometry.n_shells();
        let displacements = Displacements::new(reach_angstrom, 1.0, 5, 5)?;
        let basis = Basis::of_templates(geometry, templates, &displacements, SHARE, (n_threads, go_on))?;
        if basis.shells.len() == n {
            return Ok(None);
        }
        let squares = Squares::new(geometry, templates);
        for every in SPARSEST {
            let shells = every_shell(n, every);
            // Where the templates themselves need more shells, so do their squares.
            if shells.len() < basis.shells.len() {
                continue;
            }
            let fitted = match basis.shells == shells {
                true => Some(basis.clone()),
                false => basis.on_shells(every, geometry, templates, &displacements, SHARE, (n_threads, go_on))?,
            };
            if let (Some(basis), Some(squares)) = (fitted, squares.on(&shells, every)) {
                return Ok(Some(Self::new(geometry, &basis, squares)));
            }
        }
        Ok(None)
    }

    fn new<T: Real>(geometry: &Geometry, basis: &Basis<T>, squares: Vec<f64>) -> Self {
        let weights = geometry.point_weights();
        let few = basis.shells.len();
        let linear = |functions: &Functions<T>| {
            let mut matrix = Vec::with_capacity(weights.len() * few);
            for (k, weight) in weights.iter().enumerate() {
                let of_shell = &functions.values[k * functions.rank..(k + 1) * functions.rank];
                for (s, &shell) in basis.shells.iter().enumerate() {
                    let fit = &functions.fit()[s * functions.rank..(s + 1) * functions.rank];
                    let product: f64 = of_shell.iter().zip(fit).map(|(a, b)| a.to_f64() * b.to_f64()).sum();
                    // Where the weight is 0, so is everything that is multiplied with it.
                    let factor = if *weight > 0.0 { (weights[shell] / weight).sqrt() } else { 0.0 };
                    matrix.push((product * factor) as f32);
                }
            }
            matrix
        };
        // Norms are those of the grid, whatever noise weighs the shells.
        let mut of_norm = vec![0.0; few];
        for (shell, row) in squares.chunks_exact(few).enumerate() {
            let weight = geometry.grid().point_weight(shell);
            of_norm.iter_mut().zip(row).for_each(|(sum, factor)| *sum += weight * factor);
        }
        Self {
            shells: SomeShells { places: basis.shells.clone(), weights: of_norm },
            n_inplanes: geometry.n_inplanes(),
            linear: basis.frequencies.iter().map(linear).collect(),
            squares,
            forward: plan_complex_forward_f64(geometry.n_inplanes()),
            inverse: plan_complex_inverse_f64(geometry.n_inplanes()),
        }
    }

    /// Whether a template on all shells, `[n_shells, n_inplanes]`, is what follows from the same on few, `[few, n_inplanes]`: by what linear
    /// terms see of it, and quadratic ones.
    pub fn hold_for(&self, geometry: &Geometry, all: &[Complex<f32>], on_few: &[Complex<f32>]) -> bool {
        let (p, few, weights) = (self.n_inplanes, self.len(), geometry.point_weights());
        let spectra = |values: &[Complex<f32>]| {
            let mut values: Vec<Complex<f64>> = values.iter().map(|value| to_double(*value)).collect();
            self.forward.process(&mut values);
            values
        };
        let (of_all, of_few) = (spectra(all), spectra(on_few));
        let (mut rest, mut energy) = (0.0, 0.0);
        for q in 0..p {
            let matrix = &self.linear[q.min(p - q)];
            for ((row, shell), weight) in matrix.chunks_exact(few).zip(of_all.chunks_exact(p)).zip(weights) {
                let found: Complex<f64> =
                    row.iter().zip(of_few.chunks_exact(p)).map(|(factor, shell)| shell[q] * f64::from(*factor)).sum();
                rest += weight * (shell[q] - found).norm_sqr();
                energy += weight * shell[q].norm_sqr();
            }
        }
        let (mut error, mut total) = (0.0, 0.0);
        for angle in 0..p {
            for ((row, shell), weight) in self.squares.chunks_exact(few).zip(all.chunks_exact(p)).zip(weights) {
                let square = |value: Complex<f32>| to_double(value).norm_sqr();
                let found: f64 =
                    row.iter().zip(on_few.chunks_exact(p)).map(|(factor, shell)| factor * square(shell[angle])).sum();
                error += weight * (found - square(shell[angle]));
                total += weight * square(shell[angle]);
            }
        }
        rest <= MOST_OF_TEMPLATE * energy && error.abs() <= 4.0 * MOST_OF_SQUARES * total
    }

    /// Bytes that they take, at most.
    pub fn most_bytes(geometry: &Geometry) -> u64 {
        let (n, p) = (geometry.n_shells() as u64, geometry.n_inplanes() as u64);
        (4 * (p / 2 + 1) + 8) * n * n.div_ceil(2)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.shells.places.len()
    }

    /// What is multiplied with templates, `[n_shells, n_inplanes]`, on the few shells, `[few, n_inplanes]`: its part that is real in
    /// space.
    pub fn linear(&self, mut values: Vec<Complex<f64>>) -> Vec<Complex<f64>> {
        let (p, few) = (self.n_inplanes, self.len());
        self.forward.process(&mut values);
        let mut out = vec![Complex::default(); few * p];
        f32::dispatch(Multiply { of: self, spectra: &values, out: &mut out });
        self.inverse.process(&mut out);
        out
    }

    /// What is multiplied with |T|² at some angles, `[n_shells, angles]`, on the few shells, `[few, angles]`.
    pub fn squares(&self, values: &[f64]) -> Vec<f64> {
        let few = self.len();
        let n_angles = values.len() / (self.squares.len() / few);
        let mut out = vec![0.0; few * n_angles];
        for (row, values) in self.squares.chunks_exact(few).zip(values.chunks_exact(n_angles)) {
            for (out, factor) in out.chunks_exact_mut(n_angles).zip(row) {
                out.iter_mut().zip(values).for_each(|(out, value)| *out += factor * value);
            }
        }
        out
    }
}

/// From spectra on all shells to those on few, `[few, n_inplanes]`.
struct Multiply<'m> {
    of: &'m FewShells,
    spectra: &'m [Complex<f64>],
    out: &'m mut [Complex<f64>],
}

impl Kernel<f32> for Multiply<'_> {
    /// In loops that the compiler turns into vectors.
    #[inline(always)]
    fn run<S: Simd<f32>>(self, _: S) {
        let Self { of, spectra, out } = self;
        let (p, few) = (of.n_inplanes, of.len());
        let (mut re, mut im) = (vec![0.0_f32; few], vec![0.0_f32; few]);
        for (q, matrix) in of.linear.iter().enumerate() {
            let sign = if q.is_multiple_of(2) { 0.5 } else { -0.5 };
            re.fill(0.0);
            im.fill(0.0);
            for (row, shell) in matrix.chunks_exact(few).zip(spectra.chunks_exact(p)) {
                let value = shell[q] * 0.5 + shell[(p - q) % p].conj() * sign;
                let (a, b) = (value.re as f32, value.im as f32);
                for ((re, im), factor) in re.iter_mut().zip(&mut im).zip(row) {
                    *re += a * factor;
                    *im += b * factor;
                }
            }
            for ((out, re), im) in out.chunks_exact_mut(p).zip(&re).zip(&im) {
                let value = Complex::new(f64::from(*re), f64::from(*im)) / p as f64;
                out[(p - q) % p] = value.conj() * (2.0 * sign);
                out[q] = value;
            }
        }
    }
}

/// W·|T|² of some views.
struct Squares<'a> {
    weights: &'a [f64],
    /// `[views · angles, n_shells]`
    of_views: Vec<f64>,
    functions: Functions<f64>,
}

impl<'a> Squares<'a> {
    fn new<T: Real>(geometry: &'a Geometry, templates: &TemplateSet<'_, T>) -> Self {
        let (n, p, weights) = (geometry.n_shells(), geometry.n_inplanes(), geometry.point_weights());
        let n_views = templates.n_views();
        let mut of_views = Vec::new();
        for i in 0..VIEWS.min(n_views) {
            let spread = ((i as f64 * 0.618_033_988_749_894_9).fract() * n_views as f64) as usize;
            let template = templates.template(if n_views <= VIEWS { i } else { spread });
            // Opposite points are conjugates.
            for angle in 0..p.div_ceil(2) {
                of_views.extend(weights.iter().enumerate().map(|(shell, weight)| {
                    let value = template[shell * p + angle];
                    weight * (value.re.to_f64().powi(2) + value.im.to_f64().powi(2))
                }));
            }
        }
        let mut moments = vec![0.0; n * n];
        for values in of_views.chunks_exact(n) {
            for (row, a) in moments.chunks_exact_mut(n).zip(values) {
                row.iter_mut().zip(values).for_each(|(moment, b)| *moment += a * b);
            }
        }
        let of_values = eigen(n, &mut moments);
        let (total, mut left_out) = (of_values.iter().sum::<f64>(), 0.0);
        let n_left_out = of_values
            .iter()
            .take_while(|value| {
                left_out += value.max(0.0);
                left_out <= SHARE_OF_SQUARES * total
            })
            .count();
        let rank = n - n_left_out;
        let values = (0..n).flat_map(|k| moments[k * n + n_left_out..(k + 1) * n].to_vec()).collect();
        Self { weights, of_views, functions: Functions::new(rank, values) }
    }

    /// N on some shells, one of `every`, where sums over the few are those over all.
    fn on(&self, shells: &[usize], every: usize) -> Option<Vec<f64>> {
        let (n, few, rank) = (self.weights.len(), shells.len(), self.functions.rank);
        let fit = self.functions.fit_to(shells, every)?;
        // Of W·|T|² first.
        let mut matrix = vec![0.0; n * few];
        for (row, of_shell) in matrix.chunks_exact_mut(few).zip(self.functions.values.chunks_exact(rank.max(1))) {
            for (value, fit) in row.iter_mut().zip(fit.chunks_exact(rank.max(1))) {
                *value = of_shell.iter().zip(fit).map(|(a, b)| a * b).sum();
            }
        }
        let (mut error, mut total) = (0.0, 0.0);
        for values in self.of_views.chunks_exact(n) {
            for (row, value) in matrix.chunks_exact(few).zip(values) {
                let found: f64 = row.iter().zip(shells).map(|(factor, &shell)| factor * values[shell]).sum();
                error += (found - value).abs();
                total += value;
            }
        }
        let is_small = error <= MOST_OF_SQUARES * total;
        if !is_small {
            return None;
        }
        for (row, weight) in matrix.chunks_exact_mut(few).zip(self.weights) {
            for (value, &shell) in row.iter_mut().zip(shells) {
                *value *= if *weight > 0.0 { self.weights[shell] / weight } else { 0.0 };
            }
        }
        Some(matrix)
    }
}

#[cfg(test)]
mod tests {
    use verglas_fourier::grid::PolarGrid;

    use super::super::basis::tests::{N_VIEWS, templates};
    use super::*;
    use crate::sums::displace;

    /// The radius at which amplitudes have fallen to 1/e.
    const WIDTH: f64 = 7.0;

    /// Sums of an image and a contrast transfer with displaced templates, over all shells and over few.
    #[test]
    fn sums_over_few_shells_are_those_over_all() {
        let mut seed = 3_u64;
        let mut uniform = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
        };
        let geometry = Geometry::new(PolarGrid::new(12.0, 0.25, 96).unwrap(), 96.0).unwrap();
        let (p, n_points, weights) = (geometry.n_inplanes(), geometry.n_points(), geometry.point_weights());
        let values = templates(&geometry, 0.15, WIDTH);
        let set = TemplateSet::new(&geometry, &values, &[1.0; N_VIEWS]).unwrap();
        let few = FewShells::find(&geometry, &set, 5.0, (1, &|| true)).unwrap().unwrap();
        assert!(2 * few.len() <= geometry.n_shells() + 1, "{} of {}", few.len(), geometry.n_shells());
        // Noise that is real in space, and a transfer that is no smooth function of the radius.
        let mut noise: Vec<Complex<f64>> = (0..n_points).map(|_| Complex::new(uniform(), uniform())).collect();
        for shell in noise.chunks_exact_mut(p) {
            for angle in 0..p / 2 {
                shell[angle + p / 2] = shell[angle].conj();
            }
        }
        for (at, value) in noise.iter_mut().enumerate() {
            *value *= weights[at / p];
        }
        let transfer = |at: usize| (0.4 * ((at / p) as f64).powi(2)).sin();
        let squares: Vec<f64> = (0..n_points).map(|at| weights[at / p] * transfer(at).powi(2)).collect();
        let (of_noise, of_squares) = (few.linear(noise.clone()), few.squares(&squares));
        let all: f64 = noise.iter().map(|value| value.norm_sqr()).sum::<f64>().sqrt();
        let mut displaced = vec![Complex::default(); n_points];
        for (view, shift) in [(0, [0.0, 0.0]), (5, [4.0, -3.0]), (11, [-5.0, 5.0])] {
            displace(&geometry, set.template(view), shift, &mut displaced);
            let on_few = |at: usize| displaced[few.shells.places[at / p] * p + at % p];
            let expected: f64 = noise.iter().zip(&displaced).map(|(a, b)| (a * b).re).sum();
            let found: f64 = of_noise.iter().enumerate().map(|(at, value)| (value * on_few(at)).re).sum();
            // Against what such a sum is by chance: noise times a template of norm 1.
            let chance = all / (weights.iter().sum::<f64>() * p as f64).sqrt();
            assert!((found - expected).abs() < 1e-4 * chance, "{view}: {found} {expected}, {chance}");
            let expected: f64 = squares.iter().zip(&displaced).map(|(a, b)| a * b.norm_sqr()).sum();
            let found: f64 = of_squares.iter().enumerate().map(|(at, value)| value * on_few(at).norm_sqr()).sum();
            assert!((found / expected - 1.0).abs() < 2e-4, "{view}: {found} {expected}");
            let norm: f64 = (0..few.len() * p).map(|at| few.shells.weights[at / p] * on_few(at).norm_sqr()).sum();
            assert!((norm - 1.0).abs() < 1e-4, "{view}: {norm}");
        }
    }

    /// A structure that fills the box is known from all shells only.
    #[test]
    fn where_few_shells_say_too_little_all_are_needed() {
        let geometry = Geometry::new(PolarGrid::new(12.0, 0.5, 96).unwrap(), 96.0).unwrap();
        let values = templates(&geometry, 0.49, WIDTH);
        let set = TemplateSet::new(&geometry, &values, &[1.0; N_VIEWS]).unwrap();
        assert!(FewShells::find(&geometry, &set, 5.0, (1, &|| true)).unwrap().is_none());
    }
}
