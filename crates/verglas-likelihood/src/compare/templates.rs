//! Templates, displaced, as angular spectra on the basis, several side by side.

use std::f64::consts::TAU;

use num_complex::Complex;
use verglas_fourier::waves::sin_cos_turns;

use super::basis::{Basis, Spectrum};
use super::fft::{LaneFft, Pair, times};
use super::product::project;
use super::simd::MOST_LANES;
use super::simd::Simd;
use crate::displacements::Displacements;
use crate::geometry::Geometry;
use crate::real::Real;
use crate::sets::TemplateSet;

/// Whether all templates are real in space to this share of their energy: T(θ + π) = conj T(θ), P even.
pub(crate) fn are_real<T: Real>(geometry: &Geometry, templates: &TemplateSet<T>) -> bool {
    let p = geometry.n_inplanes();
    let most = if T::IS_SINGLE { 1e-12 } else { 1e-26 };
    p.is_multiple_of(2)
        && (0..templates.n_views()).all(|view| {
            let (mut difference, mut energy) = (0.0, 0.0);
            for (shell, weight) in templates.template(view).chunks_exact(p).zip(geometry.point_weights()) {
                let (first, second) = shell.split_at(p / 2);
                for (a, b) in first.iter().zip(second) {
                    let (re, im) = (a.re.to_f64() - b.re.to_f64(), a.im.to_f64() + b.im.to_f64());
                    difference += weight * (re * re + im * im);
                    energy += weight * (a.re.to_f64().powi(2) + a.im.to_f64().powi(2));
                }
            }
            difference <= most * energy
        })
}

/// Where the values of several templates come from, times √W. (A closure would not be compiled for the instruction set.)
pub(crate) trait Source<T: Real> {
    /// The value of each lane's template on a shell, which has this place among those that are read.
    fn value<S: Simd<T>>(&self, simd: S, place: usize, shell: usize, angle: usize) -> Pair<S::V>;
}

/// One template at the displacements of a strip.
pub(crate) struct Displaced<'a, T> {
    pub template: &'a [Complex<T>],
    pub p: usize,
    /// √W of each shell.
    pub roots: &'a [T],
    /// `[shells that are read, angles, 2, lanes]`
    pub phases: &'a [T],
    pub n_angles: usize,
}

impl<T: Real> Source<T> for Displaced<'_, T> {
    #[inline(always)]
    fn value<S: Simd<T>>(&self, simd: S, place: usize, shell: usize, angle: usize) -> Pair<S::V> {
        let (value, root) = (self.template[shell * self.p + angle], self.roots[shell]);
        let (re, im) = (simd.splat(value.re * root), simd.splat(value.im * root));
        let phase = &self.phases[(place * self.n_angles + angle) * 2 * S::LANES..][..2 * S::LANES];
        let (cos, sin) = (simd.load(phase), simd.load(&phase[S::LANES..]));
        [simd.fnma(im, sin, simd.mul(re, cos)), simd.fma(im, cos, simd.mul(re, sin))]
    }
}

/// Some templates side by side, unmoved; the last one fills up what is left.
pub(crate) struct SideBySide<'a, T: Real> {
    pub templates: TemplateSet<'a, T>,
    pub first: usize,
    pub p: usize,
    /// √W of each shell.
    pub roots: &'a [T],
}

impl<T: Real> Source<T> for SideBySide<'_, T> {
    #[inline(always)]
    fn value<S: Simd<T>>(&self, simd: S, _place: usize, shell: usize, angle: usize) -> Pair<S::V> {
        let (mut re, mut im) = ([T::default(); MOST_LANES], [T::default(); MOST_LANES]);
        for lane in 0..S::LANES {
            let view = (self.first + lane).min(self.templates.n_views() - 1);
            let value = self.templates.template(view)[shell * self.p + angle];
            (re[lane], im[lane]) = (value.re * self.roots[shell], value.im * self.roots[shell]);
        }
        [simd.load(&re), simd.load(&im)]
    }
}

/// How spectra are computed.
#[derive(Debug)]
pub(crate) struct Transform<T> {
    p: usize,
    /// Angles that are read: half of them where templates are real in space.
    pub n_angles: usize,
    fft: LaneFft<T>,
    /// exp(−2πi j/P)
    waves: Vec<Complex<T>>,
}

/// Room for one strip.
pub(crate) struct StripScratch<V> {
    x: Vec<Pair<V>>,
    odd: Vec<Pair<V>>,
    y: Vec<Pair<V>>,
    /// `[frequencies, inputs]`
    spectrum: Vec<Pair<V>>,
}

impl<T: Real> Transform<T> {
    pub fn new(geometry: &Geometry, are_real: bool) -> Self {
        let p = geometry.n_inplanes();
        let n_angles = if are_real { p / 2 } else { p };
        let waves = (0..n_angles)
            .map(|j| Complex::cis(-TAU * j as f64 / p as f64))
            .map(|wave| Complex::new(T::from_f64(wave.re), T::from_f64(wave.im)))
            .collect();
        Self { p, n_angles, fft: LaneFft::new(n_angles, false), waves }
    }

    pub fn scratch<S: Simd<T>>(&self, simd: S, basis: &Basis<T>) -> StripScratch<S::V> {
        let zero = [simd.splat(T::default()); 2];
        StripScratch {
            x: vec![zero; self.n_angles],
            odd: vec![zero; self.n_angles],
            y: vec![zero; self.n_angles],
            spectrum: vec![zero; basis.frequencies.len() * basis.n_read()],
        }
    }

    /// Spectra on the basis, `[total]`, of the templates of a source.
    #[inline(always)]
    pub fn run<S: Simd<T>>(
        &self,
        simd: S,
        basis: &Basis<T>,
        source: &impl Source<T>,
        scratch: &mut StripScratch<S::V>,
        out: &mut [Pair<S::V>],
    ) {
        if self.n_angles < self.p {
            self.folded(simd, basis, source, scratch);
        } else {
            self.plain(simd, basis, source, scratch);
        }
        let n_read = basis.n_read();
        for (q, functions) in basis.frequencies.iter().enumerate() {
            let inputs = &scratch.spectrum[q * n_read..(q + 1) * n_read];
            let out = &mut out[functions.first..functions.first + functions.rank];
            if functions.is_whole {
                out.copy_from_slice(inputs);
            } else if functions.rank > 0 {
                project(simd, functions.fit(), inputs, 1, out);
            }
        }
    }

    #[inline(always)]
    fn plain<S: Simd<T>>(&self, simd: S, basis: &Basis<T>, source: &impl Source<T>, scratch: &mut StripScratch<S::V>) {
        let (zero, n_read, n_shells) = (simd.splat(T::default()), basis.n_read(), basis.shells.len());
        for (place, &shell) in basis.shells.iter().enumerate() {
            for (j, x) in scratch.x.iter_mut().enumerate() {
                *x = source.value(simd, place, shell, j);
            }
            self.fft.run(simd, &mut scratch.x, &mut scratch.y);
            for q in 0..basis.frequencies.len() {
                scratch.spectrum[q * n_read + place] = scratch.x[q];
                if basis.spectrum == Spectrum::Full {
                    let [re, im] = scratch.x[(self.p - q) % self.p];
                    scratch.spectrum[q * n_read + n_shells + place] = [re, simd.sub(zero, im)];
                }
            }
        }
    }

    /// With T(θ + π) = conj T(θ), h = P/2: a_2m = Σ_j<h 2 Re T_j·exp(−2πi mj/h), and
    /// a_2m+1 = Σ_j<h 2i Im T_j·exp(−2πi j/P)·exp(−2πi mj/h). Two shells share a transform, as both sums are of real numbers.
    #[inline(always)]
    fn folded<S: Simd<T>>(&self, simd: S, basis: &Basis<T>, source: &impl Source<T>, scratch: &mut StripScratch<S::V>) {
        let (h, n_read, zero) = (self.p / 2, basis.n_read(), simd.splat(T::default()));
        let StripScratch { x, odd, y, spectrum } = scratch;
        for (pair, shells) in basis.shells.chunks(2).enumerate() {
            let (first, has_second) = (2 * pair, shells.len() == 2);
            for j in 0..h {
                let a = source.value(simd, first, shells[0], j);
                let b = if has_second { source.value(simd, first + 1, shells[1], j) } else { [zero; 2] };
                x[j] = [a[0], b[0]];
                odd[j] = times(simd, [a[1], b[1]], self.waves[j]);
            }
            self.fft.run(simd, x, y);
            for m in 0..=h / 2 {
                let ([a_re, a_im], [b_re, b_im]) = (x[m], x[(h - m) % h]);
                let place = 2 * m * n_read + first;
                // a + conj b, and −i(a − conj b)
                spectrum[place] = [simd.add(a_re, b_re), simd.sub(a_im, b_im)];
                if has_second {
                    spectrum[place + 1] = [simd.add(a_im, b_im), simd.sub(b_re, a_re)];
                }
            }
            self.fft.run(simd, odd, y);
            for m in 0..h.div_ceil(2) {
                let ([a_re, a_im], [b_re, b_im]) = (odd[m], odd[h - 1 - m]);
                let place = (2 * m + 1) * n_read + first;
                // i(a + conj b), and a − conj b
                spectrum[place] = [simd.sub(b_im, a_im), simd.add(a_re, b_re)];
                if has_second {
                    spectrum[place + 1] = [simd.sub(a_re, b_re), simd.add(a_im, b_im)];
                }
            }
        }
    }
}

/// How many numbers [`phases`] has.
pub(crate) fn n_phases(n_shells: usize, displacements: &Displacements, n_angles: usize, lanes: usize) -> usize {
    displacements.len().div_ceil(lanes) * n_shells * n_angles * 2 * lanes
}

/// exp(−2πi·(2/L)·(d_0 x + d_1 y)) for strips of displacements: `[strips, shells, angles, 2, lanes]`. The last strip is filled
/// up with the last displacement; `order` is that of the displacements.
pub(crate) fn phases<T: Real>(
    geometry: &Geometry,
    shells: &[usize],
    displacements: &Displacements,
    order: &[usize],
    n_angles: usize,
    lanes: usize,
) -> Vec<T> {
    let set = displacements.angstrom();
    let n_strips = set.len().div_ceil(lanes);
    let mut values = Vec::with_capacity(n_phases(shells.len(), displacements, n_angles, lanes));
    for strip in 0..n_strips {
        for &shell in shells {
            for angle in 0..n_angles {
                let start = values.len();
                values.resize(start + 2 * lanes, T::default());
                for lane in 0..lanes {
                    let displacement = set[order[(strip * lanes + lane).min(set.len() - 1)]];
                    let turns = geometry.turns(shell, angle, displacement);
                    let (sin, cos) = sin_cos_turns(turns);
                    values[start + lane] = T::from_f64(cos);
                    values[start + lanes + lane] = T::from_f64(-sin);
                }
            }
        }
    }
    values
}
