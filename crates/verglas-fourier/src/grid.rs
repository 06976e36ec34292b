//! The grids that images live on: pixels before the transform, shells and angles after it.
//!
//! Conventions are CryoLike's. The Cartesian grid's axis 0 is the slow axis of an MRC section (its rows), and the angle
//! 0 of the polar grid lies along it.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, FRAC_PI_4, PI};

use thiserror::Error;
use verglas_choice::choice;

/// Largest box side, in pixels, that is accepted.
pub const MAX_PIXELS: usize = 1 << 14;
/// Largest number of shells that is accepted; the default grid of the largest box has 16 385.
pub const MAX_SHELLS: usize = 20_000;
/// Largest number of angles per shell that is accepted; the default grid of the largest box has 32 768.
pub const MAX_INPLANES: usize = 1 << 16;

choice! {
    /// The floating-point type of a polar Fourier stack.
    pub enum Precision("precision", default Single) {
        /// complex64 output, to within 1e-6 of direct summation.
        Single = "single",
        /// complex128 output, to within 1e-12 of direct summation.
        Double = "double",
    }
}

/// Why a grid cannot be.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GridError {
    /// A box side out of range.
    #[error("box side is {0} pixels, expected 1 to {MAX_PIXELS}")]
    Pixels(usize),
    /// A pixel size that is not a length.
    #[error("pixel size is {} × {} Å, expected two finite numbers above 0", brief(.0[0]), brief(.0[1]))]
    PixelSize([f64; 2]),
    /// A radius that is not a length.
    #[error("largest radius is {}, expected a finite number above 0", brief(*.0))]
    RadiusMax(f64),
    /// A distance between shells that is not a length.
    #[error("distance between shells is {}, expected a finite number above 0", brief(*.0))]
    DistRadii(f64),
    /// Radius and distance that make too many shells.
    #[error("radius {} at distance {} makes more than {MAX_SHELLS} shells", brief(*radius_max), brief(*dist_radii))]
    Shells {
        /// The largest radius asked for.
        radius_max: f64,
        /// The distance between shells asked for.
        dist_radii: f64,
    },
    /// A number of angles out of range.
    #[error("{0} angles per shell (n_inplanes), expected 1 to {MAX_INPLANES}")]
    Inplanes(usize),
}

/// A number with an exponent where it would take more digits than anybody reads.
pub fn brief(number: f64) -> String {
    let is_plain = number == 0.0 || !number.is_finite() || (1e-9..1e16).contains(&number.abs());
    if is_plain { number.to_string() } else { format!("{number:e}") }
}

/// A square of pixels: pixel `[a, b]` lies at `(a − ⌊N/2⌋, b − ⌊N/2⌋)`, for even and odd N alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CartesianGrid {
    n_pixels: usize,
    pixel_size_angstrom: [f64; 2],
}

impl CartesianGrid {
    /// A grid of `n_pixels` × `n_pixels` pixels of the given size, Å per pixel along axis 0 and axis 1.
    ///
    /// # Errors
    /// When the side is 0 or above [`MAX_PIXELS`], or a pixel size is not a finite number above 0.
    pub fn new(n_pixels: usize, pixel_size_angstrom: [f64; 2]) -> Result<Self, GridError> {
        if n_pixels == 0 || n_pixels > MAX_PIXELS {
            return Err(GridError::Pixels(n_pixels));
        }
        if !pixel_size_angstrom.iter().all(|&size| size.is_finite() && size > 0.0) {
            return Err(GridError::PixelSize(pixel_size_angstrom));
        }
        Ok(Self { n_pixels, pixel_size_angstrom })
    }

    /// Box side N, in pixels.
    pub fn n_pixels(&self) -> usize {
        self.n_pixels
    }

    /// Å per pixel along axis 0 and axis 1.
    pub fn pixel_size_angstrom(&self) -> [f64; 2] {
        self.pixel_size_angstrom
    }

    /// Coordinate of pixel index 0, −⌊N/2⌋; index `a` lies at `origin() + a`.
    pub fn origin(&self) -> i64 {
        // At most 2^13 by construction.
        -((self.n_pixels / 2) as i64)
    }
}

/// Shells and angles in Fourier space, with the weights that integrate over the disc.
///
/// * Radii are in cycles per half box: the wave of radius r advances by 4πr/N radians per pixel, so that r = N/4 is the
///   Nyquist frequency.
/// * Shells: S = 1 + ⌈R / dist_radii⌉. With nodes t and weights w of the S-point Gauss–Jacobi rule for the weight
///   (1 − t)⁰(1 + t)¹, the radii are r = (t + 1)·R/2 and the shell weights w·2π·(R/2)²/(2π)².
/// * Angles: θ_j = 2πj / n_inplanes for j = 0 … n_inplanes − 1.
/// * Σ_s Σ_j f(r_s, θ_j) · [`point_weight`](Self::point_weight)`(s)` is the integral of f over the disc of radius R.
#[derive(Debug, Clone, PartialEq)]
pub struct PolarGrid {
    radius_max: f64,
    dist_radii: f64,
    n_inplanes: usize,
    radii: Vec<f64>,
    shell_weights: Vec<f64>,
}

impl PolarGrid {
    /// A grid out to `radius_max` with shells about `dist_radii` apart and `n_inplanes` angles on each.
    ///
    /// # Errors
    /// When a length is not a finite number above 0, when there would be more than [`MAX_SHELLS`] shells, or when
    /// `n_inplanes` is 0 or above [`MAX_INPLANES`].
    pub fn new(radius_max: f64, dist_radii: f64, n_inplanes: usize) -> Result<Self, GridError> {
        if !(radius_max.is_finite() && radius_max > 0.0) {
            return Err(GridError::RadiusMax(radius_max));
        }
        if !(dist_radii.is_finite() && dist_radii > 0.0) {
            return Err(GridError::DistRadii(dist_radii));
        }
        if n_inplanes == 0 || n_inplanes > MAX_INPLANES {
            return Err(GridError::Inplanes(n_inplanes));
        }
        let n_intervals = (radius_max / dist_radii).ceil();
        if n_intervals >= MAX_SHELLS as f64 {
            return Err(GridError::Shells { radius_max, dist_radii });
        }
        let rule = gauss_jacobi_01(1 + n_intervals as usize);
        let half = radius_max / 2.0;
        Ok(Self {
            radius_max,
            dist_radii,
            n_inplanes,
            radii: rule.iter().map(|node| node.from_left * half).collect(),
            // w·2π·(R/2)²/(2π)²
            shell_weights: rule.iter().map(|node| node.weight * half * half / (2.0 * PI)).collect(),
        })
    }

    /// The innermost `n_shells` shells, with one of `every` angles: sums over them are those over the disc that they fill, out
    /// to half-way to the next shell.
    ///
    /// # Panics
    /// If there are not so many shells, or `every` does not divide the number of angles.
    #[must_use]
    pub fn inner(&self, n_shells: usize, every: usize) -> Self {
        assert!(n_shells > 0 && self.n_inplanes.is_multiple_of(every), "shells, and a divisor of the angles");
        let radii = self.radii[..n_shells].to_vec();
        let radius_max = match self.radii.get(n_shells) {
            Some(next) => 0.5 * (radii[n_shells - 1] + next),
            None => self.radius_max,
        };
        Self {
            radius_max,
            dist_radii: self.dist_radii,
            n_inplanes: self.n_inplanes / every,
            radii,
            shell_weights: self.shell_weights[..n_shells].to_vec(),
        }
    }

    /// Largest radius R; the outermost shell lies a little below it.
    pub fn radius_max(&self) -> f64 {
        self.radius_max
    }

    /// The distance that the number of shells was made from.
    pub fn dist_radii(&self) -> f64 {
        self.dist_radii
    }

    /// Number of shells S.
    pub fn n_shells(&self) -> usize {
        self.radii.len()
    }

    /// Number of angles on each shell.
    pub fn n_inplanes(&self) -> usize {
        self.n_inplanes
    }

    /// Number of points, S · n_inplanes.
    pub fn n_points(&self) -> usize {
        self.radii.len() * self.n_inplanes
    }

    /// Radii of the shells, increasing.
    pub fn radii(&self) -> &[f64] {
        &self.radii
    }

    /// Quadrature weights of the shells, as CryoLike's `weight_shells`.
    pub fn shell_weights(&self) -> &[f64] {
        &self.shell_weights
    }

    /// θ_j = 2πj / n_inplanes, in radians.
    pub fn angle(&self, j: usize) -> f64 {
        2.0 * PI * j as f64 / self.n_inplanes as f64
    }

    /// (cos θ_j, sin θ_j), reduced to an eighth of a turn first: symmetric angles have exactly symmetric values.
    pub fn direction(&self, j: usize) -> (f64, f64) {
        let eighths = 8 * (j % self.n_inplanes);
        let (octant, rest) = (eighths / self.n_inplanes, eighths % self.n_inplanes);
        // Odd octants are measured back from their upper end.
        let fraction = if octant % 2 == 0 { rest } else { self.n_inplanes - rest };
        let (sin, cos) = if fraction == self.n_inplanes {
            (FRAC_1_SQRT_2, FRAC_1_SQRT_2)
        } else {
            (FRAC_PI_4 * fraction as f64 / self.n_inplanes as f64).sin_cos()
        };
        match octant {
            0 => (cos, sin),
            1 => (sin, cos),
            2 => (-sin, cos),
            3 => (-cos, sin),
            4 => (-cos, -sin),
            5 => (-sin, -cos),
            6 => (sin, -cos),
            _ => (cos, -sin),
        }
    }

    /// Integration weight of every point of shell `s`: (2π)² · shell weight / n_inplanes.
    pub fn point_weight(&self, s: usize) -> f64 {
        4.0 * PI * PI * self.shell_weights[s] / self.n_inplanes as f64
    }
}

/// A node of the rule, measured from the left end, with its weight.
struct Node {
    /// 1 + t
    from_left: f64,
    weight: f64,
}

/// Nodes and weights of the `n`-point Gauss rule on [−1, 1] for the weight 1 + t, nodes increasing.
///
/// Newton's method on the Jacobi polynomial P_n^(0,1), from the asymptotic places of its zeros. Both polynomial and node
/// are expressed by the distance from the nearer end of the interval: the three-term recurrence, written for differences
/// of successive polynomials, is then free of cancellation, and the outermost nodes and weights keep their relative
/// precision.
fn gauss_jacobi_01(n: usize) -> Vec<Node> {
    let spacing = PI / (n as f64 + 1.0);
    // The k-th zero counted from the left lies about this angle from that end.
    let angle = |k: usize| (k as f64 + 0.25) * spacing;
    let n_left = (1..=n).take_while(|&k| angle(k) < FRAC_PI_2).count();
    let left: Vec<f64> = (1..=n_left).map(|k| 2.0 * (angle(k) / 2.0).sin().powi(2)).collect();
    let right: Vec<f64> = (n_left + 1..=n)
        .map(|k| {
            let from_right = (n - k) as f64 + 0.75;
            2.0 * (from_right * spacing / 2.0).sin().powi(2)
        })
        .collect();
    let left = newton(&left, |z| left_of_middle(n, z)).into_iter();
    let right = newton(&right, |x| right_of_middle(n, x)).into_iter();
    left.map(|(z, weight)| Node { from_left: z, weight })
        .chain(right.map(|(x, weight)| Node { from_left: 2.0 - x, weight }))
        .collect()
}

/// How many zeros are improved side by side: each step of the recurrence waits for the one before, and n² steps are many
/// for the largest boxes.
const LANES: usize = 16;
type Lanes = [f64; LANES];

/// Improves the distances of zeros from an end; returns each with its quadrature weight 4/((1 − t²)P′²).
fn newton(starts: &[f64], polynomial: impl Fn(&Lanes) -> (Lanes, Lanes)) -> Vec<(f64, f64)> {
    let mut found = Vec::with_capacity(starts.len());
    for starts in starts.chunks(LANES) {
        let (mut x, mut is_done) = ([starts[0]; LANES], [false; LANES]);
        x[..starts.len()].copy_from_slice(starts);
        // From its starting point every zero is found in four or five steps; the bound only guards against a cycle between
        // neighbouring numbers.
        for _ in 0..10 {
            let (value, slope) = polynomial(&x);
            for lane in (0..LANES).filter(|&lane| !is_done[lane]).collect::<Vec<_>>() {
                let step = value[lane] / slope[lane];
                x[lane] -= step;
                is_done[lane] = step.abs() <= 4.0 * f64::EPSILON * x[lane];
            }
            if is_done.iter().all(|&done| done) {
                break;
            }
        }
        let (_, slope) = polynomial(&x);
        found.extend(
            x.iter().zip(slope).take(starts.len()).map(|(&x, slope)| (x, 4.0 / (x * (2.0 - x) * slope * slope))),
        );
    }
    found
}

/// ±P_n^(0,1) and its derivative at distances `z` from t = −1.
///
/// There P_n^(0,1)(t) = (−1)ⁿ(n + 1)p_n with p_0 = 1, and with D_k = k²(k + 1)²(p_k − p_{k−1})/(2k + 1):
/// D_{k+1} = D_k − (k + 1)³ z p_k.
fn left_of_middle(n: usize, z: &Lanes) -> (Lanes, Lanes) {
    let (mut p, mut difference) = (Sums::of(1.0), Sums::of(0.0));
    for k in 0..n {
        let k = k as f64;
        let (fall, rise, over) = (-(k + 1.0).powi(3), 2.0 * k + 3.0, ((k + 1.0) * (k + 2.0)).powi(2));
        for lane in 0..LANES {
            difference.add(lane, fall * z[lane] * p.value[lane]);
            p.add(lane, difference.value[lane] * rise / over);
        }
    }
    let n = n as f64;
    let slope = |lane: usize| {
        let (z, p, difference) = (z[lane], p.value[lane], difference.value[lane]);
        (n + 1.0) * ((2.0 * difference / (n + 1.0).powi(2) - n * z * p) / (z * (2.0 - z)))
    };
    (p.value.map(|p| (n + 1.0) * p), std::array::from_fn(slope))
}

/// P_n^(0,1) and its derivative at distances `x` from t = 1.
///
/// P_0 = 1, and with D_k = k(k + 1)(P_k − P_{k−1})/(2k + 1): D_{k+1} = D_k − (k + 1) x P_k.
fn right_of_middle(n: usize, x: &Lanes) -> (Lanes, Lanes) {
    let (mut p, mut difference) = (Sums::of(1.0), Sums::of(0.0));
    for k in 0..n {
        let k = k as f64;
        let (fall, rise, over) = (-(k + 1.0), 2.0 * k + 3.0, (k + 1.0) * (k + 2.0));
        for lane in 0..LANES {
            difference.add(lane, fall * x[lane] * p.value[lane]);
            p.add(lane, difference.value[lane] * rise / over);
        }
    }
    let n = n as f64;
    let slope = |lane: usize| {
        let (x, p, difference) = (x[lane], p.value[lane], difference.value[lane]);
        (2.0 * difference - n * x * p) / (x * (2.0 - x))
    };
    (p.value, std::array::from_fn(slope))
}

/// Sums that carry along what rounding takes away from them (Kahan).
struct Sums {
    value: Lanes,
    excess: Lanes,
}

impl Sums {
    fn of(value: f64) -> Self {
        Self { value: [value; LANES], excess: [0.0; LANES] }
    }

    #[inline(always)]
    fn add(&mut self, lane: usize, term: f64) {
        let term = term - self.excess[lane];
        let next = self.value[lane] + term;
        self.excess[lane] = (next - self.value[lane]) - term;
        self.value[lane] = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shell_is_the_midpoint_rule_of_the_weight() {
        // ∫(1 + t)dt = 2, and its centre of mass is at t = 1/3.
        let rule = gauss_jacobi_01(1);
        assert!((rule[0].from_left - 4.0 / 3.0).abs() < 1e-15);
        assert!((rule[0].weight - 2.0).abs() < 1e-14);
    }

    #[test]
    fn two_shells_by_hand() {
        // The polynomial 5t² − 2t − 1 is orthogonal to 1 and t for the weight 1 + t; its zeros are (1 ± √6)/5.
        let rule = gauss_jacobi_01(2);
        let root = 6.0_f64.sqrt();
        assert!((rule[0].from_left - (6.0 - root) / 5.0).abs() < 1e-15);
        assert!((rule[1].from_left - (6.0 + root) / 5.0).abs() < 1e-15);
        assert!((rule[0].weight + rule[1].weight - 2.0).abs() < 1e-14);
    }

    #[test]
    fn zeros_that_are_improved_together_are_those_of_the_polynomial() {
        // Σ t is the sum of the recurrence's diagonal, 1/((2k + 1)(2k + 3)), which telescopes to n/(2n + 1).
        for n in [1, 2, 15, 16, 17, 31, 33, 257] {
            let rule = gauss_jacobi_01(n);
            assert_eq!(rule.len(), n);
            let sum: f64 = rule.iter().map(|node| node.from_left - 1.0).sum();
            assert!((sum - n as f64 / (2 * n + 1) as f64).abs() < 1e-14 * n as f64, "{n}: {sum}");
            assert!(rule.windows(2).all(|pair| pair[0].from_left < pair[1].from_left));
        }
    }

    #[test]
    fn weights_integrate_the_disc() {
        let grid = PolarGrid::new(7.5, 0.25, 60).unwrap();
        assert_eq!(grid.n_shells(), 31);
        let sum: f64 = (0..grid.n_shells()).map(|s| grid.point_weight(s) * grid.n_inplanes() as f64).sum();
        assert!((sum / (PI * 7.5 * 7.5) - 1.0).abs() < 1e-14);
    }

    #[test]
    fn directions_are_exactly_symmetric() {
        for n in [1, 2, 3, 4, 7, 8, 60, 61, 62] {
            let grid = PolarGrid::new(1.0, 1.0, n).unwrap();
            for j in 0..n {
                let (cos, sin) = grid.direction(j);
                // The angle itself is rounded, by up to 4e-16 near a full turn, twice.
                assert!((cos - grid.angle(j).cos()).abs() < 2e-15 && (sin - grid.angle(j).sin()).abs() < 2e-15);
                if n % 4 == 0 {
                    assert_eq!(grid.direction((j + n / 4) % n), (-sin, cos));
                }
                if n % 2 == 0 {
                    assert_eq!(grid.direction((j + n / 2) % n), (-cos, -sin));
                }
            }
        }
    }

    #[test]
    fn limits_are_errors() {
        assert!(matches!(PolarGrid::new(0.0, 0.25, 4), Err(GridError::RadiusMax(_))));
        assert!(matches!(PolarGrid::new(f64::NAN, 0.25, 4), Err(GridError::RadiusMax(_))));
        assert!(matches!(PolarGrid::new(1.0, f64::INFINITY, 4), Err(GridError::DistRadii(_))));
        assert!(matches!(PolarGrid::new(1.0, -1.0, 4), Err(GridError::DistRadii(_))));
        assert!(matches!(PolarGrid::new(1e300, 1e-300, 4), Err(GridError::Shells { .. })));
        assert!(matches!(PolarGrid::new(1.0, 0.25, 0), Err(GridError::Inplanes(0))));
        assert!(matches!(PolarGrid::new(1.0, 0.25, usize::MAX), Err(GridError::Inplanes(_))));
        assert!(matches!(CartesianGrid::new(0, [1.0, 1.0]), Err(GridError::Pixels(0))));
        assert!(matches!(CartesianGrid::new(8, [1.0, 0.0]), Err(GridError::PixelSize(_))));
        let shells = PolarGrid::new(1e300, 1e-300, 4).unwrap_err().to_string();
        assert_eq!(shells, "radius 1e300 at distance 1e-300 makes more than 20000 shells");
        assert_eq!("double".parse::<Precision>(), Ok(Precision::Double));
        assert!("Double".parse::<Precision>().is_err());
    }
}
