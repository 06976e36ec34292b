//! The viewing angles, with the weights that integrate over the sphere.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use thiserror::Error;

use crate::pose::Matrix3;

/// Largest number of views that is accepted; a distance of a twentieth of a degree makes about as many.
pub const MAX_VIEWS: usize = 1 << 24;

/// Why viewing angles are impossible.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ViewError {
    /// A distance that is not an angle.
    #[error("viewing distance is {0}, expected a finite number above 0, in radians")]
    Distance(f64),
    /// A distance that makes too many views.
    #[error("viewing distance {0} makes more than {MAX_VIEWS} views")]
    Number(f64),
}

/// Viewing angles, one of each per view, in radians.
///
/// The weights sum up to 4π, whatever the symmetry.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Views {
    /// α, from 0 to 2π.
    pub azimuth: Vec<f64>,
    /// β, from 0 to π.
    pub polar: Vec<f64>,
    /// γ, in the plane of the image; 0 on these grids.
    pub gamma: Vec<f64>,
    /// The part of the sphere's area that the view stands for.
    pub weight: Vec<f64>,
}

impl Views {
    /// Views all over the sphere, about `viewing_distance` radians apart.
    ///
    /// # Errors
    /// When the distance is not a finite number above 0, or makes more than [`MAX_VIEWS`] views.
    pub fn new(viewing_distance: f64) -> Result<Self, ViewError> {
        let mut views = Self::default();
        for circle in circles(viewing_distance)? {
            let n = circle.n_azimuths;
            for k in 0..n {
                views.push(TAU * k as f64 / n as f64, circle.polar, circle.weight * (TAU / n as f64));
            }
        }
        Ok(views)
    }

    /// The views for a main axis along z, with two-fold axes across it or without.
    pub(super) fn of_axis(viewing_distance: f64, fold: usize, dihedral: bool) -> Result<Self, ViewError> {
        let mut views = Self::default();
        let circles = circles(viewing_distance)?;
        let n_circles = circles.len();
        for (index, circle) in circles.into_iter().enumerate() {
            let n = circle.n_azimuths.div_ceil(fold);
            let step = TAU / (fold * n) as f64;
            // Nodes ascend: the first half of the circles has β > π/2, an odd number has one at the equator.
            let (kept, share): (usize, fn(usize, usize) -> f64) = match (dihedral, (2 * index + 1).cmp(&n_circles)) {
                (false, _) => (n, |_, _| 1.0),
                (true, std::cmp::Ordering::Less) => (n, |_, _| 2.0),
                // The axis along x takes azimuth k to −k.
                (true, std::cmp::Ordering::Equal) => (n / 2 + 1, |k, n| if k == 0 || 2 * k == n { 1.0 } else { 2.0 }),
                (true, std::cmp::Ordering::Greater) => break,
            };
            for k in 0..kept {
                views.push(step * k as f64, circle.polar, circle.weight * (TAU / n as f64) * share(k, n));
            }
        }
        Ok(views)
    }

    pub(super) fn push(&mut self, azimuth: f64, polar: f64, weight: f64) {
        self.azimuth.push(azimuth);
        self.polar.push(polar);
        self.gamma.push(0.0);
        self.weight.push(weight);
    }

    /// Number of views.
    pub fn len(&self) -> usize {
        self.weight.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.weight.is_empty()
    }

    /// R_t of view `t`, by [`rotation`].
    ///
    /// # Panics
    /// When view `t` does not exist.
    pub fn rotation(&self, t: usize) -> Matrix3 {
        rotation(self.azimuth[t], self.polar[t], self.gamma[t])
    }

    /// R_t of all views.
    pub fn rotations(&self) -> Vec<Matrix3> {
        (0..self.len()).map(|t| self.rotation(t)).collect()
    }

    /// The direction of view `t` in the structure's frame: the third column of R_t.
    ///
    /// # Panics
    /// When view `t` does not exist.
    pub fn direction(&self, t: usize) -> [f64; 3] {
        let ((sa, ca), (sb, cb)) = (self.azimuth[t].sin_cos(), self.polar[t].sin_cos());
        [sb * ca, sb * sa, cb]
    }
}

/// R_t = R_z(α) · R_y(β) · R_z(γ), which turn points counterclockwise.
///
/// Its columns are the directions of image axis 0, image axis 1 and the view, in the structure's frame (x, y, z).
pub fn rotation(azimuth: f64, polar: f64, gamma: f64) -> Matrix3 {
    let ((sa, ca), (sb, cb), (sg, cg)) = (azimuth.sin_cos(), polar.sin_cos(), gamma.sin_cos());
    [
        [ca * cb * cg - sa * sg, -ca * cb * sg - sa * cg, ca * sb],
        [sa * cb * cg + ca * sg, -sa * cb * sg + ca * cg, sa * sb],
        [-sb * cg, sb * sg, cb],
    ]
}

/// A circle of views at one polar angle.
struct Circle {
    polar: f64,
    /// Legendre weight.
    weight: f64,
    n_azimuths: usize,
}

fn circles(viewing_distance: f64) -> Result<Vec<Circle>, ViewError> {
    if !(viewing_distance.is_finite() && viewing_distance > 0.0) {
        return Err(ViewError::Distance(viewing_distance));
    }
    let frequency = TAU / viewing_distance;
    // There are about f²/π views; a bound that is off by a little is as good.
    if frequency * frequency / PI > MAX_VIEWS as f64 {
        return Err(ViewError::Number(viewing_distance));
    }
    let n_circles = 3 + ((3.0 + frequency.round_ties_even()) / 2.0).ceil() as usize;
    let circle = |from_pole: f64, weight: f64, below: bool| {
        // The sine from the distance 1 − |t|, so that circles at opposite angles have as many azimuths.
        let sine = (from_pole * (2.0 - from_pole)).sqrt();
        let polar = 2.0 * (from_pole / 2.0).sqrt().asin();
        Circle {
            polar: if below { PI - polar } else { polar },
            weight,
            n_azimuths: 3 + (frequency * sine).round_ties_even() as usize,
        }
    };
    let half = legendre_half(n_circles);
    let mut circles: Vec<Circle> = half.iter().map(|&(x, weight)| circle(x, weight, true)).collect();
    if n_circles % 2 == 1 {
        // The node 0 itself.
        let (_, weight) = half[n_circles / 2];
        circles[n_circles / 2] = Circle { polar: FRAC_PI_2, ..circle(1.0, weight, false) };
    }
    circles.extend(half[..n_circles / 2].iter().rev().map(|&(x, weight)| circle(x, weight, false)));
    Ok(circles)
}

/// The Gauss–Legendre rule of order `n`: the nodes' distances 1 − |t| from the end, ascending, up to the middle, with
/// their weights. The other half is the same.
///
/// Newton's method on P_n in x = 1 − t, by the recurrence of differences D_k = k(P_k − P_{k−1}):
/// D_{k+1} = D_k − (2k + 1) x P_k, which has no cancellation near the end.
pub(crate) fn legendre_half(n: usize) -> Vec<(f64, f64)> {
    let polynomial = |x: f64| {
        let (mut p, mut difference) = (1.0, 0.0);
        for k in 0..n {
            let k = k as f64;
            difference -= (2.0 * k + 1.0) * x * p;
            p += difference / (k + 1.0);
        }
        let n = n as f64;
        // dP/dx
        (p, (difference - n * x * p) / (x * (2.0 - x)))
    };
    (0..n.div_ceil(2))
        .map(|k| {
            let guess = PI * (k as f64 + 0.75) / (n as f64 + 0.5);
            let mut x = 2.0 * (guess / 2.0).sin().powi(2);
            if 2 * k + 1 == n {
                x = 1.0;
            } else {
                // Four or five steps; the bound guards against a cycle between neighbouring numbers.
                for _ in 0..10 {
                    let (value, slope) = polynomial(x);
                    let step = value / slope;
                    x -= step;
                    if step.abs() <= 4.0 * f64::EPSILON * x {
                        break;
                    }
                }
            }
            let (_, slope) = polynomial(x);
            (x, 2.0 / (x * (2.0 - x) * slope * slope))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::symmetry::PointGroup;
    use super::*;

    #[test]
    fn legendre_rules_by_hand() {
        // ±1/√3, weight 1; 0 and ±√(3/5), weights 8/9 and 5/9.
        let two = legendre_half(2);
        assert!((two[0].0 - (1.0 - 1.0 / 3.0_f64.sqrt())).abs() < 1e-16 && (two[0].1 - 1.0).abs() < 1e-15);
        let three = legendre_half(3);
        assert!((three[0].0 - (1.0 - 0.6_f64.sqrt())).abs() < 1e-16 && (three[0].1 - 5.0 / 9.0).abs() < 1e-15);
        assert!(three[1].0 == 1.0 && (three[1].1 - 8.0 / 9.0).abs() < 1e-15);
    }

    #[test]
    fn a_distance_makes_the_circles_of_the_contract() {
        // f = 4: 3 + ⌈7/2⌉ = 7 circles, the middle one of 3 + 4 azimuths; β falls.
        let views = Views::new(TAU / 4.0).unwrap();
        assert!(views.polar.is_sorted_by(|a, b| a >= b));
        let mut polar = views.polar.clone();
        polar.dedup();
        assert_eq!(polar.len(), 7);
        assert_eq!(polar[3], FRAC_PI_2);
        assert_eq!(views.polar.iter().filter(|&&beta| beta == FRAC_PI_2).count(), 7);
        // Halves to even: f = 2.5 rounds to 2, 3 + ⌈5/2⌉ = 6; f = 3.5 to 4, 3 + ⌈7/2⌉ = 7.
        assert_eq!(circles(TAU / 2.5).unwrap().len(), 6);
        assert_eq!(circles(TAU / 3.5).unwrap().len(), 7);
        // CryoLike's default at F = 1.
        assert_eq!(Views::new(1.0 / (4.0 * PI)).unwrap().len(), 2370);
    }

    #[test]
    fn weights_sum_up_to_the_sphere() {
        for distance in [10.0, 1.8, 0.3, 0.02] {
            let views = Views::new(distance).unwrap();
            let sum: f64 = views.weight.iter().sum();
            // 1e-16 a view, at random.
            assert!((sum / (4.0 * PI) - 1.0).abs() < 1e-13, "{distance}: {sum}");
        }
    }

    #[test]
    fn rotations_turn_points_counterclockwise() {
        // A quarter turn about z takes x to y.
        let r = rotation(FRAC_PI_2, 0.0, 0.0);
        assert!((r[1][0] - 1.0).abs() < 1e-15 && (r[0][1] + 1.0).abs() < 1e-15);
        // A quarter turn about y takes z to x: the view is along x.
        let r = rotation(0.0, FRAC_PI_2, 0.0);
        assert!((r[0][2] - 1.0).abs() < 1e-15 && (r[2][0] + 1.0).abs() < 1e-15);
        // γ turns in the plane: image axis 0 goes where axis 1 was.
        let (plain, turned) = (rotation(0.3, 0.7, 0.0), rotation(0.3, 0.7, FRAC_PI_2));
        for row in 0..3 {
            assert!((turned[row][0] - plain[row][1]).abs() < 1e-15);
            assert!((turned[row][2] - plain[row][2]).abs() < 1e-15);
        }
        // The third column is the direction.
        let views = Views { azimuth: vec![0.3], polar: vec![0.7], gamma: vec![0.2], weight: vec![1.0] };
        let (direction, r) = (views.direction(0), views.rotation(0));
        assert!((0..3).all(|row| (direction[row] - r[row][2]).abs() < 1e-15));
    }

    #[test]
    fn what_is_no_distance_is_an_error() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(Views::new(bad), Err(ViewError::Distance(_))));
        }
        assert_eq!(Views::new(1e-4), Err(ViewError::Number(1e-4)));
        assert_eq!(Views::for_symmetry(1e-4, PointGroup::Octahedral), Err(ViewError::Number(1e-4)));
    }
}
