//! Values as sums over all beads, for beads so few that a grid is not worth it.

use std::sync::Arc;

use num_complex::Complex;

use super::direct::{direction, wave};
use super::points::SlicePoints;
use super::structure::Beads;
use super::weights::SliceReal;
use crate::pose::Matrix3;

/// Beads to sum over.
#[derive(Debug)]
pub(super) struct Direct {
    beads: Arc<Beads>,
    /// `[n_shells, beads]`: mass times form factor.
    weights: Vec<f64>,
}

impl Direct {
    pub(super) fn new(beads: Arc<Beads>, q: &[f64]) -> Self {
        let weights = q
            .iter()
            .flat_map(|&q| {
                let beads = &beads;
                beads
                    .radii_angstrom
                    .iter()
                    .map(move |&radius| beads.mass.of(radius) * beads.shape.form_factor(radius, q))
            })
            .collect();
        Self { beads, weights }
    }

    /// The points of one slice.
    pub(super) fn slice<T: SliceReal>(&self, points: &SlicePoints, rotation: &Matrix3, slice: &mut [Complex<T>]) {
        let n_beads = self.beads.radii_angstrom.len();
        let mut along = Vec::with_capacity(n_beads);
        for (j, &angle) in points.angles.iter().enumerate() {
            let towards = direction(rotation, angle);
            along.clear();
            along.extend(
                self.beads.positions_angstrom.iter().map(|x| x[0] * towards[0] + x[1] * towards[1] + x[2] * towards[2]),
            );
            for (n, (&q, shell)) in points.q.iter().zip(&points.shells).enumerate() {
                let weights = &self.weights[shell * n_beads..(shell + 1) * n_beads];
                let mut sum = Complex::new(0.0, 0.0);
                for (along, weight) in along.iter().zip(weights) {
                    sum += wave(q * along) * weight;
                }
                slice[n * points.n_inplanes + j] = Complex::new(T::rounded(sum.re), T::rounded(sum.im));
            }
        }
    }

    /// F at any points, in 1/Å.
    pub(super) fn values_at<T: SliceReal>(&self, points: &[[f64; 3]], out: &mut [Complex<T>]) {
        for (point, out) in points.iter().zip(out) {
            let q = point.iter().map(|k| k * k).sum::<f64>().sqrt();
            let mut sum = Complex::new(0.0, 0.0);
            for (x, &radius) in self.beads.positions_angstrom.iter().zip(&self.beads.radii_angstrom) {
                let turns = x[0] * point[0] + x[1] * point[1] + x[2] * point[2];
                sum += wave(turns) * (self.beads.mass.of(radius) * self.beads.shape.form_factor(radius, q));
            }
            *out = Complex::new(T::rounded(sum.re), T::rounded(sum.im));
        }
    }
}
