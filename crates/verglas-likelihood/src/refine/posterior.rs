//! ℓ₊ of one image at any pose.

use std::f64::consts::{PI, TAU};

use num_complex::Complex;
use verglas_fourier::pose::Matrix3;

use super::slices::Slices;
use crate::compare::simd::{Dispatch, Kernel, Simd};
use crate::error::LikelihoodError;
use crate::formula::LogLikelihood;
use crate::geometry::Geometry;
use crate::pose::ContinuousPose;
use crate::prior::Known;
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

/// One image, ready to be compared with any template.
pub(super) struct Posterior<'a> {
    pub geometry: &'a Geometry,
    pub likelihood: &'a LogLikelihood,
    slices: &'a dyn Slices,
    /// Angles that are summed over: half of them where the other half says the same.
    n_angles: usize,
    /// W·conj(C·I), real and imaginary parts, `[n_shells, n_angles]`.
    weighted: [Vec<f64>; 2],
    /// W·C², and W·s·C.
    power: Vec<f64>,
    constant: Vec<f64>,
    i_sy: f64,
    v: f64,
    known: Option<Known<'a>>,
    /// W·conj(C·I)·T of the template at work: rounded, which moves ℓ₊ by less than 1e-3.
    products: [Vec<f32>; 2],
    sums: Vec<f32>,
    /// Turns per radius of each angle, by which a displacement moves it.
    along: Vec<f32>,
}

/// A template at some rotation of the grid, its products with the image, and what it is alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turned {
    i_xx: f64,
    i_sx: f64,
}

impl<'a> Posterior<'a> {
    /// Room for one image.
    pub fn new(geometry: &'a Geometry, likelihood: &'a LogLikelihood, slices: &'a dyn Slices) -> Self {
        let p = geometry.n_inplanes();
        // Images and templates are real: opposite points are conjugates.
        let n_angles = if p.is_multiple_of(2) { p / 2 } else { p };
        let n = geometry.n_shells() * n_angles;
        let room = || vec![0.0; n];
        Self {
            geometry,
            likelihood,
            slices,
            n_angles,
            weighted: [room(), room()],
            power: room(),
            constant: room(),
            i_sy: 0.0,
            v: 1.0,
            known: None,
            products: [vec![0.0; n], vec![0.0; n]],
            sums: vec![0.0; n_angles],
            along: vec![0.0; n_angles],
        }
    }

    /// Takes an image, and what is known of its pose.
    pub fn take(&mut self, image: &ImageSums, known: Option<Known<'a>>) {
        self.known = known;
        let (p, n_angles) = (self.geometry.n_inplanes(), self.n_angles);
        let factor = if n_angles < p { 2.0 } else { 1.0 };
        for shell in 0..self.geometry.n_shells() {
            let weight = self.geometry.point_weights()[shell];
            for angle in 0..n_angles {
                let (to, from) = (shell * n_angles + angle, shell * p + angle);
                let mut value = image.weighted[from];
                if n_angles < p {
                    // The mean of both, should they differ by rounding.
                    value = 0.5 * (value + image.weighted[from + n_angles].conj());
                }
                (self.weighted[0][to], self.weighted[1][to]) = (factor * value.re, factor * value.im);
                let contrast = image.contrast[from];
                self.power[to] = factor * weight * contrast * contrast;
                self.constant[to] = factor * weight * self.geometry.constant()[from] * contrast;
            }
        }
        (self.i_sy, self.v) = (image.i_sy.re, image.v);
    }

    /// V of the image.
    pub fn v(&self) -> f64 {
        self.v
    }

    /// The templates of norm 1 at some rotations.
    pub fn slices(&self, rotations: &[Matrix3], out: &mut Vec<Complex<f64>>) -> Result<(), LikelihoodError> {
        out.resize(rotations.len() * self.geometry.n_points(), Complex::default());
        self.slices.take(rotations, out)
    }

    /// Takes a template, turned further by `turn` steps of the grid.
    pub fn turn(&mut self, template: &[Complex<f64>], turn: i64) -> Turned {
        let (p, n_angles) = (self.geometry.n_inplanes(), self.n_angles);
        let first = turn.rem_euclid(p as i64) as usize;
        let (mut i_xx, mut i_sx) = (0.0, 0.0);
        for (shell, template) in template.chunks_exact(p).enumerate() {
            let range = shell * n_angles..(shell + 1) * n_angles;
            let mut angle = first;
            for at in range {
                let value = template[angle];
                angle = if angle + 1 == p { 0 } else { angle + 1 };
                i_xx += self.power[at] * value.norm_sqr();
                i_sx += self.constant[at] * value.re;
                let (re, im) = (self.weighted[0][at], self.weighted[1][at]);
                self.products[0][at] = (re * value.re - im * value.im) as f32;
                self.products[1][at] = (re * value.im + im * value.re) as f32;
            }
        }
        Turned { i_xx, i_sx }
    }

    /// ℓ₊ of the template that was taken last, which is of the pose's rotation, where the pose moves it.
    pub fn value(&mut self, turned: Turned, pose: &ContinuousPose) -> Value {
        let shift_angstrom = pose.shift_angstrom;
        let mut i_xy = 0.0;
        f32::dispatch(Moved {
            geometry: self.geometry,
            n_angles: self.n_angles,
            products: [&self.products[0], &self.products[1]],
            shift_angstrom,
            sums: &mut self.sums,
            along: &mut self.along,
            i_xy: &mut i_xy,
        });
        let i_ss = self.geometry.i_ss();
        let a = turned.i_xx * i_ss - turned.i_sx * turned.i_sx;
        let b = i_xy * i_ss - turned.i_sx * self.i_sy;
        let cross_correlation = b / (a * self.v).sqrt();
        Value {
            log_likelihood: self.likelihood.value(cross_correlation, a, self.v),
            ln_prior: self.known.map_or(0.0, |known| known.ln_density(pose)),
            cross_correlation,
            a,
            b,
        }
    }
}

/// I_xy of a moved template.
struct Moved<'a> {
    geometry: &'a Geometry,
    n_angles: usize,
    products: [&'a [f32]; 2],
    shift_angstrom: [f64; 2],
    sums: &'a mut [f32],
    along: &'a mut [f32],
    i_xy: &'a mut f64,
}

impl Kernel<f32> for Moved<'_> {
    /// Re Σ product·exp(−2πi·(2/L)·r·(d·u)), in loops that the compiler turns into vectors.
    #[inline(always)]
    fn run<S: Simd<f32>>(self, _: S) {
        let grid = self.geometry.grid();
        let scale = 2.0 / self.geometry.box_angstrom();
        for (angle, along) in self.along.iter_mut().enumerate() {
            let (cos, sin) = grid.direction(angle);
            *along = (scale * (self.shift_angstrom[0] * cos + self.shift_angstrom[1] * sin)) as f32;
        }
        self.sums.fill(0.0);
        let shells = self.products[0].chunks_exact(self.n_angles).zip(self.products[1].chunks_exact(self.n_angles));
        for (radius, (re, im)) in grid.radii().iter().zip(shells) {
            let radius = *radius as f32;
            let values = self.sums.iter_mut().zip(&*self.along).zip(re.iter().zip(im));
            for ((sum, along), (re, im)) in values {
                let (sin, cos) = sin_cos_turns(radius * along);
                *sum += re * cos + im * sin;
            }
        }
        *self.i_xy = self.sums.iter().map(|sum| f64::from(*sum)).sum();
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
}
