//! ℓ₊ of one image at any pose.
//!
//! Displacements near one that is chosen beforehand, the centre, are cheap: with t = (δ·u)/D for a displacement δ from the centre, D the
//! farthest, and z = 2π·(2/L)·r·D,
//!
//! ```text
//! Re Q·exp(−izt) = Σ_n c_n(z)·T_n(t)·(Re Q where n is even, Im Q where it is odd)
//! ```
//!
//! c_n the Chebyshev coefficients of cos zt and sin zt. So the sum over the radii is made once for a template at a rotation, and each
//! displacement is a sum over the angles.

use std::collections::BTreeMap;
use std::f64::consts::{PI, TAU};
use std::sync::Arc;

use num_complex::Complex;
use verglas_fft::{Fft, plan_complex_forward_f32, plan_complex_inverse_f32};
use verglas_fourier::pose::Matrix3;

use super::slices::Slices;
use crate::compare::few_shells::FewShells;
use crate::compare::simd::{Dispatch, Kernel, MOST_LANES, Simd};
use crate::error::LikelihoodError;
use crate::formula::LogLikelihood;
use crate::geometry::Geometry;
use crate::pose::ContinuousPose;
use crate::prior::Known;
use crate::real::Real;
use crate::sums::ImageSums;

/// What is known of one pose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Value {
    /// ℓ₊.
    pub log_likelihood: f64,
    /// ln of the prior's density, where poses are known; else 0.
    pub ln_prior: f64,
    pub cross_correlation: f64,
    pub a: f64,
    pub b: f64,
}

impl Value {
    /// What is integrated, its logarithm.
    pub fn total(&self) -> f64 {
        self.log_likelihood + self.ln_prior
    }
}

/// Orders that are summed at once, in registers.
const ORDERS: usize = 8;
/// Orders whose coefficients are smaller are left out: ℓ₊ moves by less than 1e-3.
const LEAST_COEFFICIENT: f64 = 1e-6;

/// One image, ready to be compared with any template.
pub(super) struct Posterior<'a> {
    pub geometry: &'a Geometry,
    pub likelihood: &'a LogLikelihood,
    slices: &'a dyn Slices,
    /// Where templates are made on few shells.
    few: Option<&'a FewShells>,
    /// Of the shells on which they are.
    radii: Vec<f64>,
    /// Along a shell, and back.
    forward: Arc<dyn Fft<f32>>,
    inverse: Arc<dyn Fft<f32>>,
    /// Angles that are summed over: half of them where the other half says the same.
    n_angles: usize,
    /// The same, filled up to whole vectors.
    n_padded: usize,
    /// cos and sin of the angles, `[n_padded]`.
    directions: [Vec<f32>; 2],
    /// W·conj(C·I), real and imaginary parts, `[shells that are taken, n_padded]`.
    weighted: [Vec<f32>; 2],
    /// The same, displaced by the centre: rounded, which moves ℓ₊ by less than 1e-3.
    moved: [Vec<f32>; 2],
    /// W·C², and W·s·C.
    power: Vec<f32>,
    constant: Vec<f32>,
    i_sy: f64,
    v: f64,
    known: Option<Known<'a>>,
    center_angstrom: [f64; 2],
    orders: Arc<Orders>,
    /// Those that were needed before, by how far they reach.
    made: BTreeMap<i32, Arc<Orders>>,
    /// For templates, which are taken over and over again.
    pub room: Vec<Complex<f32>>,
}

/// c_n of each shell.
#[derive(Debug)]
struct Orders {
    /// D, Å.
    reach_angstrom: f64,
    n: usize,
    /// `[shells that are taken, n filled up to ORDERS]`
    coefficients: Vec<f32>,
}

impl Orders {
    fn new(geometry: &Geometry, radii: &[f64], reach_angstrom: f64) -> Self {
        let turns = 2.0 / geometry.box_angstrom() * reach_angstrom;
        let of_radius = |radius: f64, n: usize| coefficients(TAU * turns * radius, n);
        let widest = TAU * turns * radii.iter().copied().fold(0.0, f64::max);
        let most = 16 + 2 * widest.ceil() as usize;
        let largest = of_radius(radii.iter().copied().fold(0.0, f64::max), most);
        let n = largest.iter().rposition(|value| value.abs() > LEAST_COEFFICIENT).map_or(1, |last| last + 1);
        let padded = n.next_multiple_of(ORDERS);
        let mut all = vec![0.0; radii.len() * padded];
        for (to, radius) in all.chunks_exact_mut(padded).zip(radii) {
            to.iter_mut().zip(of_radius(*radius, n)).for_each(|(to, value)| *to = value as f32);
        }
        Self { reach_angstrom, n, coefficients: all }
    }

    fn n_padded(&self) -> usize {
        self.n.next_multiple_of(ORDERS)
    }
}

/// The first `n` Chebyshev coefficients of cos zt, where even, and sin zt, where odd, for t from −1 to 1.
fn coefficients(z: f64, n: usize) -> Vec<f64> {
    // At so many nodes what is above folds to nothing.
    let n_nodes = 16 + n + z.ceil() as usize;
    let node = |k: usize| PI * (k as f64 + 0.5) / n_nodes as f64;
    let values: Vec<(f64, f64)> = (0..n_nodes).map(|k| (z * node(k).cos()).sin_cos()).collect();
    (0..n)
        .map(|order| {
            let sum: f64 = values
                .iter()
                .enumerate()
                .map(|(k, (sin, cos))| (if order % 2 == 0 { cos } else { sin }) * (order as f64 * node(k)).cos())
                .sum();
            sum * if order == 0 { 1.0 } else { 2.0 } / n_nodes as f64
        })
        .collect()
}

/// A template of norm 1, ready to be turned: `[shells, n_inplanes + n_padded]`, the first angles once more after the last.
#[derive(Debug, Default)]
pub(super) struct Template {
    parts: [Vec<f32>; 2],
}

/// A template at some rotation of the grid, summed with the image over the radii, and what it is alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Turned {
    i_xx: f64,
    i_sx: f64,
    /// `[n orders, n_padded]`
    of_orders: Vec<f32>,
}

impl<'a> Posterior<'a> {
    /// Room for one image. With `few`, templates are taken on these shells alone.
    pub fn new(
        geometry: &'a Geometry,
        likelihood: &'a LogLikelihood,
        slices: &'a dyn Slices,
        few: Option<&'a FewShells>,
    ) -> Self {
        let all = geometry.grid().radii();
        let radii: Vec<f64> = match few {
            Some(few) => few.shells.places.iter().map(|&shell| all[shell]).collect(),
            None => all.to_vec(),
        };
        let p = geometry.n_inplanes();
        // Images and templates are real: opposite points are conjugates.
        let n_angles = if p.is_multiple_of(2) { p / 2 } else { p };
        let n_padded = n_angles.next_multiple_of(MOST_LANES);
        let n = radii.len() * n_padded;
        let room = || vec![0.0; n];
        let mut directions = [vec![0.0; n_padded], vec![0.0; n_padded]];
        for angle in 0..n_angles {
            let (cos, sin) = geometry.grid().direction(angle);
            (directions[0][angle], directions[1][angle]) = (cos as f32, sin as f32);
        }
        Self {
            geometry,
            likelihood,
            slices,
            few,
            orders: Arc::new(Orders::new(geometry, &radii, 0.0)),
            radii,
            forward: plan_complex_forward_f32(p),
            inverse: plan_complex_inverse_f32(p),
            n_angles,
            n_padded,
            directions,
            weighted: [room(), room()],
            moved: [room(), room()],
            power: room(),
            constant: room(),
            i_sy: 0.0,
            v: 1.0,
            known: None,
            center_angstrom: [f64::NAN; 2],
            made: BTreeMap::new(),
            room: Vec::new(),
        }
    }

    /// Takes an image, and what is known of its pose.
    pub fn take(&mut self, image: &ImageSums, known: Option<Known<'a>>) {
        self.known = known;
        let (p, n_angles) = (self.geometry.n_inplanes(), self.n_angles);
        let factor = if n_angles < p { 2.0 } else { 1.0 };
        (self.i_sy, self.v) = (image.i_sy.re, image.v);
        // Of another image, what was displaced counts no more.
        self.center_angstrom = [f64::NAN; 2];
        if let Some(few) = self.few {
            return self.take_on(few, image, factor);
        }
        for shell in 0..self.geometry.n_shells() {
            let weight = self.geometry.point_weights()[shell];
            for angle in 0..n_angles {
                let (to, from) = (shell * self.n_padded + angle, shell * p + angle);
                let mut value = image.weighted[from];
                if n_angles < p {
                    // The mean of both, should they differ by rounding.
                    value = 0.5 * (value + image.weighted[from + n_angles].conj());
                }
                self.weighted[0][to] = (factor * value.re) as f32;
                self.weighted[1][to] = (factor * value.im) as f32;
                let contrast = image.contrast[from];
                self.power[to] = (factor * weight * contrast * contrast) as f32;
                self.constant[to] = (factor * weight * self.geometry.constant()[from] * contrast) as f32;
            }
        }
    }

    /// The same on few shells; `factor` is how many points stand for one.
    fn take_on(&mut self, few: &FewShells, image: &ImageSums, factor: f64) {
        let (p, n_angles) = (self.geometry.n_inplanes(), self.n_angles);
        let weights = self.geometry.point_weights();
        let weighted = few.linear(image.weighted.clone());
        let of_constant = image.contrast.iter().zip(self.geometry.constant()).enumerate();
        let constant = few.linear(of_constant.map(|(at, (c, s))| Complex::from(weights[at / p] * c * s)).collect());
        let half = image.contrast.chunks_exact(p).zip(weights);
        let power: Vec<f64> =
            half.flat_map(|(shell, weight)| shell[..n_angles].iter().map(move |c| weight * c * c)).collect();
        let power = few.squares(&power);
        for shell in 0..few.len() {
            for angle in 0..n_angles {
                let (to, from) = (shell * self.n_padded + angle, shell * p + angle);
                self.weighted[0][to] = (factor * weighted[from].re) as f32;
                self.weighted[1][to] = (factor * weighted[from].im) as f32;
                self.power[to] = (factor * power[shell * n_angles + angle]) as f32;
                self.constant[to] = (factor * constant[from].re) as f32;
            }
        }
    }

    /// As [`Posterior::center`], to reach all of these displacements.
    pub fn center_for(&mut self, center_angstrom: [f64; 2], shifts: impl Iterator<Item = [f64; 2]>) {
        let [x, y] = center_angstrom;
        self.center(center_angstrom, shifts.map(|shift| (shift[0] - x).hypot(shift[1] - y)).fold(0.0, f64::max));
    }

    /// Chooses the displacement that those of all poses are near to: no farther than `reach_angstrom`.
    pub fn center(&mut self, center_angstrom: [f64; 2], reach_angstrom: f64) {
        // A few reaches do for all.
        let size = (2.0 * (reach_angstrom / self.geometry.box_angstrom()).max(1e-4).log2()).ceil() as i32;
        let reach =
            if reach_angstrom > 0.0 { self.geometry.box_angstrom() * (0.5 * f64::from(size)).exp2() } else { 0.0 };
        let key = if reach > 0.0 { size } else { i32::MIN };
        let (geometry, radii) = (self.geometry, &self.radii);
        self.orders = self.made.entry(key).or_insert_with(|| Arc::new(Orders::new(geometry, radii, reach))).clone();
        if self.center_angstrom == center_angstrom {
            return;
        }
        self.center_angstrom = center_angstrom;
        let scale = 2.0 / self.geometry.box_angstrom();
        let [x, y] = center_angstrom.map(|shift| (scale * shift) as f32);
        let [weighted_re, weighted_im] = &self.weighted;
        let [moved_re, moved_im] = &mut self.moved;
        f32::dispatch(Displace {
            radii: &self.radii,
            turns: self.directions[0].iter().zip(&self.directions[1]).map(|(cos, sin)| x * cos + y * sin).collect(),
            weighted: [weighted_re, weighted_im],
            moved: [moved_re, moved_im],
        });
    }

    /// V of the image.
    pub fn v(&self) -> f64 {
        self.v
    }

    /// How many points a template has.
    pub fn slice_len(&self) -> usize {
        self.radii.len() * self.geometry.n_inplanes()
    }

    /// The templates of norm 1 at some rotations, `[rotations, shells, n_inplanes]`.
    pub fn slices(&self, rotations: &[Matrix3], out: &mut Vec<Complex<f32>>) -> Result<(), LikelihoodError> {
        out.resize(rotations.len() * self.slice_len(), Complex::default());
        let Some(few) = self.few else { return self.slices.take_rounded(rotations, out) };
        match self.slices.take_on(&few.shells, rotations, out)? {
            true => Ok(()),
            false => Err(LikelihoodError::Slices("they can't be taken on some shells alone any more".to_owned())),
        }
    }

    /// Makes a template of the grid ready to be turned, `[n_shells, n_inplanes]`.
    pub fn prepare_grids<T: Real>(&self, values: &[Complex<T>], template: &mut Template) {
        let p = self.geometry.n_inplanes();
        match self.few {
            None => self.prepare(values.chunks_exact(p), template),
            Some(few) => {
                let shells = few.shells.places.iter().map(|&shell| &values[shell * p..(shell + 1) * p]);
                self.prepare(shells, template);
            }
        }
    }

    /// Makes a template of these shells ready to be turned.
    fn prepare<'v, T: Real>(&self, shells: impl Iterator<Item = &'v [Complex<T>]>, template: &mut Template) {
        let p = self.geometry.n_inplanes();
        let row = p + self.n_padded;
        let [re, im] = &mut template.parts;
        re.resize(self.radii.len() * row, 0.0);
        im.resize(self.radii.len() * row, 0.0);
        let rows = re.chunks_exact_mut(row).zip(im.chunks_exact_mut(row));
        for (values, (re, im)) in shells.zip(rows) {
            for (value, (re, im)) in values.iter().zip(re.iter_mut().zip(im.iter_mut())) {
                (*re, *im) = (value.re.to_f64() as f32, value.im.to_f64() as f32);
            }
            for at in p..row {
                (re[at], im[at]) = (re[at - p], im[at - p]);
            }
        }
    }

    /// Makes a template ready that is turned by an angle less than a step of the grid: along each shell the waves that its points
    /// hold are turned.
    pub fn prepare_between(&self, values: &[Complex<f32>], angle: f64, template: &mut Template) {
        let p = self.geometry.n_inplanes();
        if angle == 0.0 {
            return self.prepare(values.chunks_exact(p), template);
        }
        // exp(iqω)/P; of the highest wave of an even number, which stands for both signs, the real part.
        let factor = |place: usize| {
            let q = if 2 * place <= p { place as f64 } else { place as f64 - p as f64 };
            let wave = Complex::cis(q * angle) / p as f64;
            Complex::new(wave.re as f32, if 2 * place == p { 0.0 } else { wave.im as f32 })
        };
        let factors: Vec<Complex<f32>> = (0..p).map(factor).collect();
        let mut turned = values.to_vec();
        let mut scratch = vec![Complex::default(); self.scratch_len()];
        self.forward.process_with_scratch(&mut turned, &mut scratch);
        for shell in turned.chunks_exact_mut(p) {
            shell.iter_mut().zip(&factors).for_each(|(value, factor)| *value *= factor);
        }
        self.inverse.process_with_scratch(&mut turned, &mut scratch);
        self.prepare(turned.chunks_exact(p), template);
    }

    fn scratch_len(&self) -> usize {
        self.forward.get_inplace_scratch_len().max(self.inverse.get_inplace_scratch_len())
    }

    /// Sums a template, turned further by `turn` steps of the grid, with the image.
    pub fn turn(&self, template: &Template, turn: i64, turned: &mut Turned) {
        let p = self.geometry.n_inplanes();
        turned.of_orders.resize(self.orders.n_padded() * self.n_padded, 0.0);
        f32::dispatch(Sum {
            posterior: self,
            template,
            first: turn.rem_euclid(p as i64) as usize,
            row: p + self.n_padded,
            turned,
        });
    }

    /// ℓ₊ of a template that was turned to the pose's rotation, where the pose moves it. It is −∞ where that is farther from the centre
    /// than was said.
    pub fn value(&self, turned: &Turned, pose: &ContinuousPose) -> Value {
        let delta = [0, 1].map(|axis| pose.shift_angstrom[axis] - self.center_angstrom[axis]);
        let reach = self.orders.reach_angstrom;
        let is_within = delta[0].hypot(delta[1]) <= reach * (1.0 + 1e-9) + 1e-9;
        let mut i_xy = 0.0;
        f32::dispatch(AtDisplacement {
            orders: &turned.of_orders,
            n: self.orders.n,
            directions: [&self.directions[0], &self.directions[1]],
            delta: delta.map(|delta| if reach > 0.0 { (delta / reach) as f32 } else { 0.0 }),
            i_xy: &mut i_xy,
        });
        let i_ss = self.geometry.i_ss();
        let a = turned.i_xx * i_ss - turned.i_sx * turned.i_sx;
        let b = i_xy * i_ss - turned.i_sx * self.i_sy;
        let cross_correlation = b / (a * self.v).sqrt();
        Value {
            log_likelihood: match is_within {
                true => self.likelihood.value(cross_correlation, a, self.v),
                false => f64::NEG_INFINITY,
            },
            ln_prior: self.known.map_or(0.0, |known| known.ln_density(pose)),
            cross_correlation,
            a,
            b,
        }
    }
}

/// Displaces W·conj(C·I).
struct Displace<'p> {
    radii: &'p [f64],
    /// Turns per radius of each angle, `[n_padded]`.
    turns: Vec<f32>,
    weighted: [&'p [f32]; 2],
    moved: [&'p mut [f32]; 2],
}

impl Kernel<f32> for Displace<'_> {
    /// value·exp(−2πi·r·turns), in loops that the compiler turns into vectors.
    #[inline(always)]
    fn run<S: Simd<f32>>(self, _: S) {
        let n = self.turns.len();
        let [re, im] = self.weighted;
        let [moved_re, moved_im] = self.moved;
        let weighted = re.chunks_exact(n).zip(im.chunks_exact(n));
        let moved = moved_re.chunks_exact_mut(n).zip(moved_im.chunks_exact_mut(n));
        for ((radius, (re, im)), (moved_re, moved_im)) in self.radii.iter().zip(weighted).zip(moved) {
            let radius = *radius as f32;
            for angle in 0..n {
                let (sin, cos) = sin_cos_turns(radius * self.turns[angle]);
                moved_re[angle] = re[angle] * cos + im[angle] * sin;
                moved_im[angle] = im[angle] * cos - re[angle] * sin;
            }
        }
    }
}

/// Sums a turned template with the image over the radii.
struct Sum<'p, 'a> {
    posterior: &'p Posterior<'a>,
    template: &'p Template,
    /// The template's angle at the image's first.
    first: usize,
    /// From one shell of the template to the next.
    row: usize,
    turned: &'p mut Turned,
}

impl Kernel<f32> for Sum<'_, '_> {
    #[inline(always)]
    fn run<S: Simd<f32>>(self, simd: S) {
        let Posterior { ref moved, ref power, ref constant, ref orders, n_padded, .. } = *self.posterior;
        let n_shells = self.posterior.radii.len();
        let n_orders = orders.n_padded();
        let zero = simd.splat(0.0);
        let mut numbers = [0.0; MOST_LANES];
        let mut sum_of = |v: S::V| -> f64 {
            simd.store(v, &mut numbers);
            numbers[..S::LANES].iter().map(|number| f64::from(*number)).sum()
        };
        let [template_re, template_im] = &self.template.parts;
        (self.turned.i_xx, self.turned.i_sx) = (0.0, 0.0);
        for block in (0..n_padded).step_by(S::LANES) {
            for first_order in (0..n_orders).step_by(ORDERS) {
                let mut sums = [zero; ORDERS];
                let (mut i_xx, mut i_sx) = (zero, zero);
                for shell in 0..n_shells {
                    let (at, from) = (shell * n_padded + block, shell * self.row + self.first + block);
                    let (re, im) = (simd.load(&template_re[from..]), simd.load(&template_im[from..]));
                    let (w_re, w_im) = (simd.load(&moved[0][at..]), simd.load(&moved[1][at..]));
                    let product_re = simd.fnma(w_im, im, simd.mul(w_re, re));
                    let product_im = simd.fma(w_im, re, simd.mul(w_re, im));
                    let of_shell = &orders.coefficients[shell * n_orders + first_order..][..ORDERS];
                    for pair in 0..ORDERS / 2 {
                        let (even, odd) = (2 * pair, 2 * pair + 1);
                        sums[even] = simd.fma(product_re, simd.splat(of_shell[even]), sums[even]);
                        sums[odd] = simd.fma(product_im, simd.splat(of_shell[odd]), sums[odd]);
                    }
                    if first_order == 0 {
                        let square = simd.fma(re, re, simd.mul(im, im));
                        i_xx = simd.fma(simd.load(&power[at..]), square, i_xx);
                        i_sx = simd.fma(simd.load(&constant[at..]), re, i_sx);
                    }
                }
                for (order, sum) in sums.into_iter().enumerate() {
                    simd.store(sum, &mut self.turned.of_orders[(first_order + order) * n_padded + block..]);
                }
                self.turned.i_xx += sum_of(i_xx);
                self.turned.i_sx += sum_of(i_sx);
            }
        }
    }
}

/// Sums a turned template over the angles, displaced.
struct AtDisplacement<'p> {
    /// `[n orders, n_padded]`
    orders: &'p [f32],
    n: usize,
    directions: [&'p [f32]; 2],
    /// The displacement from the centre, in parts of the farthest.
    delta: [f32; 2],
    i_xy: &'p mut f64,
}

impl Kernel<f32> for AtDisplacement<'_> {
    #[inline(always)]
    fn run<S: Simd<f32>>(self, simd: S) {
        let n_padded = self.directions[0].len();
        let [x, y] = self.delta.map(|delta| simd.splat(delta));
        let zero = simd.splat(0.0);
        let mut total = zero;
        for block in (0..n_padded).step_by(S::LANES) {
            let t = simd.mul(y, simd.load(&self.directions[1][block..]));
            let t = simd.fma(x, simd.load(&self.directions[0][block..]), t);
            let twice = simd.add(t, t);
            // Clenshaw's recurrence.
            let (mut this, mut before) = (zero, zero);
            for order in (1..self.n).rev() {
                let next = simd.fma(twice, this, simd.sub(simd.load(&self.orders[order * n_padded + block..]), before));
                (before, this) = (this, next);
            }
            let first = simd.sub(simd.load(&self.orders[block..]), before);
            total = simd.add(total, simd.fma(t, this, first));
        }
        let mut numbers = [0.0; MOST_LANES];
        simd.store(total, &mut numbers);
        *self.i_xy = numbers[..S::LANES].iter().map(|number| f64::from(*number)).sum();
    }
}

/// sin 2πt and cos 2πt within 1e-6 and what rounding t makes of it, without branches.
#[inline(always)]
fn sin_cos_turns(turns: f32) -> (f32, f32) {
    /// Adding and subtracting it rounds.
    const ROUNDER: f32 = 12_582_912.0;
    let rest = turns - ((turns + ROUNDER) - ROUNDER);
    // Half of the angle, at most π/2.
    let x = PI as f32 * rest;
    let square = x * x;
    let sine = -1.0 / 39_916_800.0;
    let sine = sine * square + 1.0 / 362_880.0;
    let sine = sine * square - 1.0 / 5_040.0;
    let sine = sine * square + 1.0 / 120.0;
    let sine = sine * square - 1.0 / 6.0;
    let sine = (sine * square + 1.0) * x;
    let cosine = 1.0 / 479_001_600.0;
    let cosine = cosine * square - 1.0 / 3_628_800.0;
    let cosine = cosine * square + 1.0 / 40_320.0;
    let cosine = cosine * square - 1.0 / 720.0;
    let cosine = cosine * square + 1.0 / 24.0;
    let cosine = cosine * square - 0.5;
    let cosine = cosine * square + 1.0;
    (2.0 * sine * cosine, 1.0 - 2.0 * sine * sine)
}

/// The grid's step of rotations, radians.
pub(super) fn step_rad(geometry: &Geometry) -> f64 {
    TAU / geometry.n_inplanes() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sines_and_cosines_of_turns() {
        for step in -3000..3000 {
            let turns = 0.00137 * step as f32;
            let (sin, cos) = sin_cos_turns(turns);
            let (expected_sin, expected_cos) = (TAU * f64::from(turns)).sin_cos();
            let off = (f64::from(sin) - expected_sin).abs().max((f64::from(cos) - expected_cos).abs());
            assert!(off < 1e-6, "{turns}: {off:e}");
        }
    }

    struct NoSlices;
    impl Slices for NoSlices {
        fn take(&self, _: &[Matrix3], _: &mut [Complex<f64>]) -> Result<(), LikelihoodError> {
            unreachable!("templates are given")
        }
    }

    #[test]
    fn between_two_rotations_waves_are_turned() {
        use crate::formula::Formula;
        use verglas_fourier::grid::PolarGrid;

        for p in [36, 21] {
            let geometry = Geometry::new(PolarGrid::new(8.0, 0.5, p).unwrap(), 64.0).unwrap();
            let likelihood = LogLikelihood::new::<f64>(&geometry, Formula::Right).unwrap();
            let posterior = Posterior::new(&geometry, &likelihood, &NoSlices, None);
            // Waves of a few frequencies, others on each shell.
            let value = |shell: usize, angle: f64| {
                let wave = |q: i32, size: f64| Complex::from_polar(size, f64::from(q) * angle + 0.3 * shell as f64);
                wave(0, 1.0) + wave(3, 0.5) + wave(-7, 0.7) + wave((p / 2 - 1) as i32, 0.2)
            };
            let of_all = |turned: f64| -> Vec<Complex<f64>> {
                let place = |at: usize| (at / p, TAU * (at % p) as f64 / p as f64 + turned);
                (0..geometry.n_points()).map(place).map(|(shell, angle)| value(shell, angle)).collect()
            };
            for angle in [0.0, 0.07, 0.11] {
                let (mut found, mut expected) = (Template::default(), Template::default());
                let rounded: Vec<Complex<f32>> =
                    of_all(0.0).iter().map(|value| Complex::new(value.re as f32, value.im as f32)).collect();
                posterior.prepare_between(&rounded, angle, &mut found);
                posterior.prepare_grids(&of_all(angle), &mut expected);
                for (found, expected) in found.parts.iter().flatten().zip(expected.parts.iter().flatten()) {
                    assert!((found - expected).abs() < 2e-6, "{p} {angle}: {found} {expected}");
                }
            }
        }
    }

    /// As sums over all points, whatever the reach.
    #[test]
    fn displaced_products_are_those_of_all_points() {
        use crate::formula::Formula;
        use crate::sums::{ImageSums, displace};
        use verglas_fourier::grid::PolarGrid;

        let mut seed = 1_u64;
        let mut uniform = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
        };
        for n_inplanes in [36, 21] {
            let geometry = Geometry::new(PolarGrid::new(8.0, 0.25, n_inplanes).unwrap(), 64.0).unwrap();
            let (p, n) = (n_inplanes, geometry.n_points());
            // Of real images, where opposite points are there.
            let mut real = |values: &mut Vec<Complex<f64>>| {
                *values = (0..n).map(|_| Complex::new(uniform(), uniform())).collect();
                if p.is_multiple_of(2) {
                    for shell in values.chunks_exact_mut(p) {
                        for angle in 0..p / 2 {
                            shell[angle + p / 2] = shell[angle].conj();
                        }
                    }
                }
            };
            let mut image = ImageSums::new(&geometry);
            real(&mut image.values);
            image.contrast.iter_mut().enumerate().for_each(|(at, value)| *value = 0.3 + 0.5 * ((at / p) as f64).cos());
            image.sum(&geometry, Formula::Right, 0).unwrap();
            let mut template = Vec::new();
            real(&mut template);
            let likelihood = LogLikelihood::new::<f64>(&geometry, Formula::Right).unwrap();
            let mut posterior = Posterior::new(&geometry, &likelihood, &NoSlices, None);
            posterior.take(&image, None);
            let (mut prepared, mut turned) = (Template::default(), Turned::default());
            posterior.prepare_grids(&template, &mut prepared);
            for (reach, turn) in [(0.0, 3), (0.4, 0), (3.0, -5), (11.0, 17)] {
                let center = [2.0, -5.0];
                posterior.center(center, reach);
                posterior.turn(&prepared, turn, &mut turned);
                for part in [[0.0, 0.0], [0.6, -0.8], [-0.3, 0.2], [1.0, 0.0]] {
                    let shift = [center[0] + reach * part[0], center[1] + reach * part[1]];
                    let rotation = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
                    let found = posterior.value(&turned, &ContinuousPose { rotation, shift_angstrom: shift });
                    // Turned first, and displaced then.
                    let turned: Vec<Complex<f64>> = (0..n)
                        .map(|at| template[at / p * p + ((at % p) as i64 + turn).rem_euclid(p as i64) as usize])
                        .collect();
                    let mut moved = vec![Complex::default(); n];
                    displace(&geometry, &turned, shift, &mut moved);
                    let i_xy: f64 = image.weighted.iter().zip(&moved).map(|(a, b)| (a * b).re).sum();
                    let weights = geometry.point_weights();
                    let over = |term: &dyn Fn(usize) -> f64| (0..n).map(|at| weights[at / p] * term(at)).sum::<f64>();
                    let i_xx = over(&|at| image.contrast[at].powi(2) * turned[at].norm_sqr());
                    let i_sx = over(&|at| image.contrast[at] * geometry.constant()[at] * turned[at].re);
                    let a = i_xx * geometry.i_ss() - i_sx * i_sx;
                    let b = i_xy * geometry.i_ss() - i_sx * image.i_sy.re;
                    let size = (a * image.v).sqrt();
                    assert!((found.a / a - 1.0).abs() < 1e-5, "{reach} {part:?}: {} {a}", found.a);
                    let off = (found.b - b).abs() / size;
                    assert!(off < 1e-5, "{n_inplanes} {reach} {part:?}: {} {b}", found.b);
                }
            }
            let far = ContinuousPose {
                rotation: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
                shift_angstrom: [40.0, 0.0],
            };
            assert_eq!(posterior.value(&turned, &far).log_likelihood, f64::NEG_INFINITY);
        }
    }
}
