//! Beads on a grid in real space.
//!
//! A Gaussian is sampled as it is, once the grid is fine enough that what folds back from beyond its reach is nothing. Balls,
//! and Gaussians too narrow for that, are convolved with a Gaussian of standard deviation s first, which is divided out
//! again after the transform.

use std::collections::BTreeMap;
use std::f64::consts::{PI, TAU};
use std::ops::Range;
use std::sync::Arc;

use super::axis::{Axis, smooth_length};
use super::parallel::in_parallel;
use super::structure::{AtomShape, Beads};
use super::weights::{SliceReal, polynomial};
use crate::sphere::legendre_half;

/// Planes of the grid that one thread fills at a time.
const PLANES: usize = 4;

/// The grid that beads are put on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BeadGrid {
    /// Axes x, y, z.
    pub axes: [Axis; 3],
    /// Å between grid points.
    pub spacing: f64,
    /// s, in Å; 0 where nothing need be undone.
    pub smoothing: f64,
    /// The grid's middle from the structure's origin, Å.
    pub shift: [f64; 3],
    /// How many standard deviations are drawn.
    reach: f64,
}

impl BeadGrid {
    /// The grid that slices up to `q_max` per Å need.
    pub(super) fn new<T: SliceReal>(beads: &Beads, q_max: f64) -> Self {
        let radius = |pick: fn(f64, f64) -> f64| beads.radii_angstrom.iter().copied().reduce(pick).unwrap_or(1.0);
        let (smallest, largest) = (radius(f64::min), radius(f64::max));
        // Beyond this many standard deviations, and below this share of its peak, a Gaussian is nothing.
        let decades = -T::SPREADING.ln();
        let reach = (2.0 * decades).sqrt();
        let extent = match beads.shape {
            AtomShape::Gaussian => T::EXTENT * largest,
            AtomShape::HardSphere => largest,
        };
        let (shift, half) = bounds(beads, extent);
        // Samples within a quarter of the period are what the interpolation is made for.
        let periods = half.map(|half| 4.0 * (half + extent));
        let shortest = periods.iter().copied().fold(f64::INFINITY, f64::min);
        let margin = |terms: usize| (T::WIDTH / 2 + 2 + terms) as f64 / shortest;

        // Samples per Å: what lies at frequency k comes back at rate − k.
        let reached = q_max + margin(0);
        let plain = (2.0 * reached).max(reached + (decades / (2.0 * PI * PI)).sqrt() / smallest);
        let reached = q_max + margin(T::SCALING_TERMS);
        let fine = 4.0 * reached;
        let (rate, smoothing) = if beads.shape == AtomShape::Gaussian && plain <= fine {
            (plain, 0.0)
        } else {
            let needed = decades / (2.0 * PI * PI * fine * (fine - 2.0 * reached));
            let own = if beads.shape == AtomShape::Gaussian { smallest * smallest } else { 0.0 };
            (fine, (needed - own).max(0.0).sqrt())
        };
        let spacing = 1.0 / rate;
        let tail = match beads.shape {
            AtomShape::Gaussian => reach * largest.hypot(smoothing),
            AtomShape::HardSphere => largest + reach * smoothing,
        };
        let axes = [0, 1, 2].map(|axis| {
            // So large a grid is never made; it only has to be seen that it is too large.
            let samples = |angstrom: f64| (angstrom / spacing).ceil().min(1e8) as usize;
            let n = 2 * samples(half[axis] + tail) + 3;
            let n_grid = smooth_length(samples(periods[axis]).max(n));
            Axis::new::<T>(n, n_grid, spacing, q_max, axis == 0)
        });
        Self { axes, spacing, smoothing, shift, reach }
    }

    /// Bytes that the samples take.
    pub(super) fn bytes(&self) -> f64 {
        self.axes.iter().map(|axis| axis.n as f64).product::<f64>() * size_of::<f64>() as f64
    }

    /// Bytes that those at one place of the second axis take.
    pub(super) fn bytes_at_y(&self) -> f64 {
        self.bytes() / self.axes[1].n as f64
    }

    /// How many samples a bead of the mean radius changes, roughly.
    pub(super) fn samples_per_bead(&self, beads: &Beads) -> f64 {
        let radius = beads.radii_angstrom.iter().sum::<f64>() / beads.radii_angstrom.len() as f64;
        let side = match beads.shape {
            AtomShape::Gaussian => 2.0 * self.reach * radius.hypot(self.smoothing),
            AtomShape::HardSphere => 1.6 * (radius + self.reach * self.smoothing),
        };
        (side / self.spacing).powi(3)
    }

    /// The places within `reach` Å of a coordinate.
    fn places(&self, axis: usize, coordinate: f64, reach: f64) -> Range<usize> {
        let middle = (self.axes[axis].n / 2) as f64;
        let first = ((coordinate - reach) / self.spacing + middle).ceil().max(0.0) as usize;
        let last = ((coordinate + reach) / self.spacing + middle).floor() + 1.0;
        first..(last.max(0.0) as usize).clamp(first, self.axes[axis].n.max(first))
    }

    /// Å from the grid's middle.
    fn coordinate(&self, axis: usize, place: usize) -> f64 {
        (place as f64 - (self.axes[axis].n / 2) as f64) * self.spacing
    }

    /// Adds a Gaussian to the part `[x, y, all z]` of the samples.
    fn draw_gaussian(
        &self,
        samples: &mut [f64],
        part: &[Range<usize>; 2],
        position: [f64; 3],
        radius: f64,
        mass: f64,
        [along_y, along_z]: &mut [Vec<f64>; 2],
    ) {
        let width = radius.hypot(self.smoothing);
        let reach = self.reach * width;
        let x = shared(&self.places(0, position[0], reach), &part[0]);
        let y = shared(&self.places(1, position[1], reach), &part[1]);
        if x.is_empty() || y.is_empty() {
            return;
        }
        let height = |axis: usize, place: usize| {
            let distance = (self.coordinate(axis, place) - position[axis]) / width;
            (-0.5 * distance * distance).exp() / (TAU.sqrt() * width)
        };
        let z = self.places(2, position[2], reach);
        for (value, place) in along_y.iter_mut().zip(y.clone()) {
            *value = height(1, place);
        }
        for (value, place) in along_z.iter_mut().zip(z.clone()) {
            *value = height(2, place);
        }
        let [ny, nz] = [part[1].len(), self.axes[2].n];
        for place in x {
            let along_x = mass * height(0, place);
            for (row, along_y) in y.clone().zip(along_y.iter()) {
                let factor = along_x * along_y;
                let start = ((place - part[0].start) * ny + row - part[1].start) * nz;
                for (sample, along_z) in samples[start + z.start..start + z.end].iter_mut().zip(along_z.iter()) {
                    *sample += factor * along_z;
                }
            }
        }
    }

    /// Adds a smoothed ball to the part `[x, y, all z]` of the samples.
    fn draw_profile(
        &self,
        samples: &mut [f64],
        part: &[Range<usize>; 2],
        position: [f64; 3],
        profile: &Profile,
        mass: f64,
    ) {
        let reach = profile.reach;
        let [ny, nz] = [part[1].len(), self.axes[2].n];
        for place in shared(&self.places(0, position[0], reach), &part[0]) {
            let dx = self.coordinate(0, place) - position[0];
            let rows = self.places(1, position[1], (reach * reach - dx * dx).max(0.0).sqrt());
            for row in shared(&rows, &part[1]) {
                let dy = self.coordinate(1, row) - position[1];
                let rest = reach * reach - dx * dx - dy * dy;
                if rest <= 0.0 {
                    continue;
                }
                let z = self.places(2, position[2], rest.sqrt());
                let start = ((place - part[0].start) * ny + row - part[1].start) * nz;
                for (sample, column) in samples[start + z.start..start + z.end].iter_mut().zip(z) {
                    let dz = self.coordinate(2, column) - position[2];
                    *sample += mass * profile.at(dx * dx + dy * dy + dz * dz);
                }
            }
        }
    }
}

/// The overlap of two ranges.
fn shared(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    a.start.max(b.start)..a.end.min(b.end)
}

/// Beads, ready to be drawn on their grid: Σ_a m_a · (form of a), so that the sum of all samples is F(0).
///
/// The beads are added in their order for every sample: the sums depend on nothing else, to the last bit.
#[derive(Debug)]
pub(super) struct Drawing {
    grid: BeadGrid,
    beads: Arc<Beads>,
    /// The profile of each radius, by its bits.
    profiles: BTreeMap<u64, Profile>,
}

impl Drawing {
    pub(super) fn new(grid: BeadGrid, beads: Arc<Beads>) -> Self {
        let profiles = match beads.shape {
            AtomShape::Gaussian => BTreeMap::new(),
            AtomShape::HardSphere => beads
                .radii_angstrom
                .iter()
                .map(|&radius| (radius.to_bits(), Profile::new(radius, grid.smoothing, grid.reach)))
                .collect(),
        };
        Self { grid, beads, profiles }
    }

    /// What [`draw`](Self::draw) needs in addition to the samples.
    pub(super) fn scratch(&self) -> [Vec<f64>; 2] {
        [vec![0.0; self.grid.axes[1].n], vec![0.0; self.grid.axes[2].n]]
    }

    /// All samples, `[x, y, z]`, row-major.
    pub(super) fn all(&self, n_threads: usize) -> Vec<f64> {
        let [nx, ny, nz] = self.grid.axes.map(|axis| axis.n);
        let mut samples = vec![0.0; nx * ny * nz];
        in_parallel(
            n_threads,
            samples.chunks_mut(PLANES * ny * nz).enumerate(),
            || self.scratch(),
            |rows, (slab, samples)| self.draw(samples, &[slab * PLANES..(slab * PLANES + PLANES).min(nx), 0..ny], rows),
        );
        samples
    }

    /// The samples at place `y` of the second axis, `[x, z]`.
    pub(super) fn at_y(&self, y: usize, samples: &mut [f64], rows: &mut [Vec<f64>; 2]) {
        samples.fill(0.0);
        self.draw(samples, &[0..self.grid.axes[0].n, y..y + 1], rows);
    }

    /// Adds all beads to the part `[x, y, all z]` of the samples.
    fn draw(&self, samples: &mut [f64], part: &[Range<usize>; 2], rows: &mut [Vec<f64>; 2]) {
        let Self { grid, beads, profiles } = self;
        for (position, &radius) in beads.positions_angstrom.iter().zip(&beads.radii_angstrom) {
            let position = [0, 1, 2].map(|axis| position[axis] - grid.shift[axis]);
            let mass = beads.mass.of(radius) * grid.spacing.powi(3);
            match profiles.get(&radius.to_bits()) {
                None => grid.draw_gaussian(samples, part, position, radius, mass, rows),
                Some(profile) => grid.draw_profile(samples, part, position, profile, mass),
            }
        }
    }
}

/// The middle of the grid and, from there, the largest coordinate along each axis; the origin is kept as the middle unless
/// the beads are so far to one side of it that the grid would be needlessly large.
fn bounds(beads: &Beads, extent: f64) -> ([f64; 3], [f64; 3]) {
    let along = |axis: usize, pick: fn(f64, f64) -> f64| {
        beads.positions_angstrom.iter().map(|position| position[axis]).reduce(pick).unwrap_or(0.0)
    };
    let (low, high) = ([0, 1, 2].map(|axis| along(axis, f64::min)), [0, 1, 2].map(|axis| along(axis, f64::max)));
    let about_origin = [0, 1, 2].map(|axis| low[axis].abs().max(high[axis].abs()));
    let about_middle = [0, 1, 2].map(|axis| 0.5 * (high[axis] - low[axis]));
    let volume = |half: [f64; 3]| half.iter().map(|half| half + extent).product::<f64>();
    if volume(about_middle) < 0.7 * volume(about_origin) {
        let middle = [0, 1, 2].map(|axis| 0.5 * (low[axis] + high[axis]));
        // Rounding of the middle must not leave a bead outside.
        (middle, about_middle.map(|half| half * (1.0 + 1e-12)))
    } else {
        ([0.0; 3], about_origin)
    }
}

/// A ball of mass 1 convolved with a Gaussian, as piecewise polynomials in the squared distance from its middle.
#[derive(Debug)]
struct Profile {
    /// Where it ends, Å.
    reach: f64,
    /// Pieces per Å².
    rate: f64,
    /// `[pieces, DEGREE + 1]` by falling power of the place in the piece, −1 to 1.
    coefficients: Vec<[f64; Profile::DEGREE + 1]>,
}

impl Profile {
    const DEGREE: usize = 9;

    fn new(radius: f64, smoothing: f64, reach: f64) -> Self {
        let reach = radius + reach * smoothing;
        // Pieces narrow enough that the steepest part, 2·radius·smoothing wide in the squared distance, or 2·smoothing² of a
        // ball smaller than that, has some.
        let wanted = 8.0 * reach * reach / (smoothing * smoothing.max(radius)).max(1e-300);
        let n_pieces = wanted.ceil().clamp(16.0, 65_536.0) as usize;
        let rate = n_pieces as f64 / (reach * reach);
        let nodes: Vec<f64> =
            (0..=Self::DEGREE).map(|m| (PI * (m as f64 + 0.5) / (Self::DEGREE + 1) as f64).cos()).collect();
        let ball = SmoothedBall::new(radius, smoothing);
        let coefficients = (0..n_pieces)
            .map(|piece| {
                let square = |node: &f64| (piece as f64 + 0.5 + 0.5 * node) / rate;
                let values = nodes.iter().map(|node| ball.at(square(node).sqrt())).collect();
                let mut coefficients = polynomial(&nodes, values);
                coefficients.reverse();
                coefficients.try_into().expect("as many coefficients as nodes")
            })
            .collect();
        Self { reach, rate, coefficients }
    }

    #[inline]
    fn at(&self, square: f64) -> f64 {
        let scaled = square * self.rate;
        let piece = (scaled as usize).min(self.coefficients.len() - 1);
        let place = 2.0 * (scaled - piece as f64) - 1.0;
        self.coefficients[piece].iter().fold(0.0, |sum, coefficient| sum * place + coefficient)
    }
}

/// A ball of radius R and mass 1 convolved with a Gaussian of standard deviation s:
///
/// ```text
/// 3/(4πR³)·{½[erf((R + r)/√2s) + erf((R − r)/√2s)] − s/(√(2π)r)·[exp(−(R − r)²/2s²) − exp(−(R + r)²/2s²)]}
/// ```
///
/// Of a ball no larger than a few s the braces are a small difference; there the Gaussian is integrated over the ball, shell
/// by shell.
struct SmoothedBall {
    radius: f64,
    s: f64,
    /// Half of the nodes on (−1, 1) and their weights, where shells are integrated.
    half: Vec<(f64, f64)>,
}

impl SmoothedBall {
    fn new(radius: f64, s: f64) -> Self {
        Self { radius, s, half: if radius < 2.0 * s { legendre_half(24) } else { Vec::new() } }
    }

    /// The density at distance r from its middle.
    fn at(&self, r: f64) -> f64 {
        let Self { radius, s, ref half } = *self;
        if !half.is_empty() {
            let shell = |rho: f64| {
                let exponent = r * rho / (s * s);
                let difference = if exponent < 1e-8 { 1.0 } else { -(-2.0 * exponent).exp_m1() / (2.0 * exponent) };
                3.0 * rho * rho * (-0.5 * ((r - rho) / s).powi(2)).exp() * difference
            };
            let sum: f64 = half
                .iter()
                .map(|(x, weight)| weight * (shell(0.5 * radius * x) + shell(0.5 * radius * (2.0 - x))))
                .sum();
            return 0.5 * sum / (radius * radius * (TAU.sqrt() * s).powi(3));
        }
        let scale = 1.0 / (std::f64::consts::SQRT_2 * s);
        let inside = 0.5 * (erf((radius + r) * scale) + erf((radius - r) * scale));
        let exponential = (-((radius - r) * scale).powi(2)).exp();
        let exponent = 2.0 * radius * r / (s * s);
        // The second exponential is the first times exp(−2Rr/s²).
        let difference = if exponent < 1e-8 { 2.0 * radius / (s * s) } else { -(-exponent).exp_m1() / r };
        (inside - s / TAU.sqrt() * exponential * difference) * 3.0 / (4.0 * PI * radius.powi(3))
    }
}

/// The error function: exp(−x²)·2x/√π·Σ (2x²)ⁿ/(1·3·5 … (2n + 1)), all terms positive.
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return 1.0_f64.copysign(x);
    }
    let (mut term, mut sum, mut n) = (1.0, 1.0, 1.0);
    while term > f64::EPSILON * 0.1 * sum {
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
        n += 1.0;
    }
    (-x * x).exp() * 2.0 * x / PI.sqrt() * sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slices::structure::AtomMass;

    #[test]
    fn the_error_function_is_that_of_the_tables() {
        for (x, expected) in [
            (0.0, 0.0),
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (3.0, 0.999_977_909_503_001_4),
            (7.0, 1.0),
        ] {
            assert!((erf(x) - expected).abs() < 4e-16 && (erf(-x) + expected).abs() < 4e-16, "{x}: {}", erf(x));
        }
    }

    #[test]
    fn a_smoothed_ball_keeps_its_mass() {
        for (radius, s) in [(3.0, 0.6), (1.0, 1.0), (0.001, 0.9), (20.0, 0.7)] {
            let ball = SmoothedBall::new(radius, s);
            let end = radius + 9.0 * s;
            let n = 20_000;
            let sum: f64 = (0..n)
                .map(|k| (k as f64 + 0.5) * end / f64::from(n))
                .map(|r| 4.0 * PI * r * r * ball.at(r) * end / f64::from(n))
                .sum();
            // The midpoint rule on something smooth that ends in nothing.
            assert!((sum - 1.0).abs() < 1e-12, "{radius}, {s}: {sum}");
            // Inside a large ball nothing is smoothed away.
            if radius > 10.0 * s {
                let density = 3.0 / (4.0 * PI * radius.powi(3));
                assert!((ball.at(0.0) / density - 1.0).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn profiles_are_the_smoothed_ball() {
        for (radius, s) in [(3.0, 0.6), (2.25, 1.1), (0.5, 0.9), (20.0, 0.7), (0.01, 0.8), (1.4, 0.7)] {
            let (profile, ball) = (Profile::new(radius, s, 8.0), SmoothedBall::new(radius, s));
            for k in 0..1000 {
                let r = profile.reach * (f64::from(k) + 0.3) / 1000.0;
                let error = (profile.at(r * r) - ball.at(r)).abs() / ball.at(0.0);
                assert!(error < 1e-13, "{radius}, {s}, {r}: {error:e}");
            }
        }
    }

    #[test]
    fn samples_sum_up_to_the_masses() {
        for shape in [AtomShape::Gaussian, AtomShape::HardSphere] {
            let beads = Beads {
                positions_angstrom: vec![[1.0, 2.0, -3.0], [-4.0, 0.5, 2.0]],
                radii_angstrom: vec![2.5, 3.0],
                shape,
                mass: AtomMass::Volume,
            };
            let grid = BeadGrid::new::<f64>(&beads, 0.25);
            let (total, [nx, ny, nz]) = (beads.total(), grid.axes.map(|axis| axis.n));
            let drawing = Drawing::new(grid, Arc::new(beads));
            let samples = drawing.all(2);
            let sum: f64 = samples.iter().sum();
            assert!((sum / total - 1.0).abs() < 1e-12, "{shape:?}: {sum}");
            assert_eq!(samples, drawing.all(1));
            // Piece by piece they are the same to the last bit.
            let mut piece = vec![1.0; nx * nz];
            for y in 0..ny {
                drawing.at_y(y, &mut piece, &mut drawing.scratch());
                for x in 0..nx {
                    assert_eq!(piece[x * nz..][..nz], samples[(x * ny + y) * nz..][..nz], "{shape:?}: {x}, {y}");
                }
            }
        }
    }
}
