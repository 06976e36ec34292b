//! The displacements that are compared at half of the resolution, and what they say of those between them.

use std::f64::consts::TAU;

use crate::displacements::Displacements;
use crate::geometry::Geometry;

/// Every second displacement along the axes whose steps are short enough for that.
#[derive(Debug)]
pub(crate) struct Nodes {
    /// Their places among all.
    pub places: Vec<usize>,
    /// Each displacement between them.
    about: Vec<About>,
    /// J₀ of each inner shell at the distances between nodes and what lies between them; empty where all are nodes.
    waves: Vec<[f32; N_LAGS]>,
}

/// A displacement with the nodes about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct About {
    /// Four nodes, which may be the same.
    pub nodes: [u32; 4],
    /// Between which it lies.
    pub side: Side,
}

impl About {
    fn node(number: u32) -> Self {
        Self { nodes: [number; 4], side: Side::Node }
    }
}

/// Where a displacement lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Side {
    /// It is a node.
    Node = 0,
    /// Between two along axis 0.
    First = 1,
    /// Between two along axis 1.
    Second = 2,
    /// Between four.
    Middle = 3,
}

/// A step along axis 0, along axis 1, along both; two steps likewise.
const N_LAGS: usize = 6;

/// What nodes say of displacements between them, as of normal variables: t = weight·Σ t_node ± √rest, the sum over all four.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Between {
    /// By where they lie.
    pub weights: [f32; 4],
    /// The share of the variance that nodes say nothing of, at most.
    pub rest: f32,
}

/// Where nodes say nothing of more than this share of the variance between them, bounds would be so wide that more poses had to be
/// looked at in full than are saved.
const MOST_REST: f32 = 0.02;

/// The shells of the inner half.
pub(super) fn n_inner(geometry: &Geometry) -> usize {
    geometry.grid().radii().partition_point(|radius| 2.0 * radius <= geometry.grid().radius_max())
}

/// The mean over all directions of the wave of a shell, displaced.
pub(super) fn mean_wave(geometry: &Geometry, shell: usize, distance_angstrom: f64) -> f32 {
    const N: usize = 64;
    let turns = 2.0 / geometry.box_angstrom() * geometry.grid().radii()[shell] * distance_angstrom;
    let sum: f64 = (0..N).map(|i| (TAU * turns * (TAU * (i as f64 + 0.5) / N as f64).cos()).cos()).sum();
    (sum / N as f64) as f32
}

impl Nodes {
    /// Of displacements on the grid of `geometry`: all are nodes where they form no grid, or steps are wide for templates of so much
    /// power on each inner shell.
    pub fn new(geometry: &Geometry, displacements: &Displacements, power: impl Iterator<Item = f32>) -> Self {
        let nodes = Self::of_pairs(geometry, displacements);
        if nodes.between(power).rest <= MOST_REST { nodes } else { Self::all(displacements.len()) }
    }

    /// Every displacement is one.
    fn all(n_all: usize) -> Self {
        let about = (0..n_all as u32).map(About::node).collect();
        Self { places: (0..n_all).collect(), about, waves: Vec::new() }
    }

    /// Every second along each axis that has three or more, and none of whose waves is too short for that.
    fn of_pairs(geometry: &Geometry, displacements: &Displacements) -> Self {
        let n_all = displacements.len();
        let Some(grid) = displacements.grid() else { return Self::all(n_all) };
        // Half of the resolution has waves of L/R and longer, which two points each determine.
        let longest = geometry.box_angstrom() / (2.0 * geometry.grid().radius_max());
        let is_halved =
            [0, 1].map(|axis| grid.n[axis] >= 3 && 2.0 * grid.steps_angstrom[axis] <= longest * (1.0 + 1e-9));
        if is_halved == [false; 2] {
            return Self::all(n_all);
        }
        let is_node = |axis: usize, i: usize| !is_halved[axis] || i.is_multiple_of(2) || i == grid.n[axis] - 1;
        let [n_0, n_1] = grid.n;
        let mut numbers = vec![u32::MAX; n_all];
        let mut places = Vec::new();
        for (place, number) in numbers.iter_mut().enumerate() {
            // One that is appended is a node of its own.
            let is_appended = place >= n_0 * n_1;
            if is_appended || (is_node(0, place % n_0) && is_node(1, place / n_0)) {
                *number = places.len() as u32;
                places.push(place);
            }
        }
        let about = |place: usize| {
            if numbers[place] != u32::MAX {
                return About::node(numbers[place]);
            }
            let (column, row) = (place % n_0, place / n_0);
            let at = |column: usize, row: usize| numbers[row * n_0 + column];
            let (nodes, side) = match (is_node(0, column), is_node(1, row)) {
                (false, true) => {
                    let (a, b) = (at(column - 1, row), at(column + 1, row));
                    ([a, b, a, b], Side::First)
                }
                (true, false) => {
                    let (a, b) = (at(column, row - 1), at(column, row + 1));
                    ([a, b, a, b], Side::Second)
                }
                _ => {
                    let [left, right] = [column - 1, column + 1];
                    ([at(left, row - 1), at(right, row - 1), at(left, row + 1), at(right, row + 1)], Side::Middle)
                }
            };
            About { nodes, side }
        };
        let about = (0..n_all).map(about).collect();
        // Along an axis that is not halved nothing lies between nodes.
        let [s_0, s_1] = [0, 1].map(|axis| if is_halved[axis] { grid.steps_angstrom[axis] } else { 0.0 });
        let lags = [s_0, s_1, s_0.hypot(s_1), 2.0 * s_0, 2.0 * s_1, 2.0 * s_0.hypot(s_1)];
        let waves = (0..n_inner(geometry)).map(|k| lags.map(|lag| mean_wave(geometry, k, lag))).collect();
        Self { places, about, waves }
    }

    /// The displacements of strips, which stand in this order, with the nodes about them; those before `n_weighted` only.
    pub fn strips(&self, order: &[usize], lanes: usize, n_weighted: usize) -> Vec<Vec<About>> {
        let weighted = |strip: &[usize]| {
            strip.iter().filter(|place| **place < n_weighted).map(|&place| self.about[place]).collect()
        };
        order.chunks(lanes).map(weighted).collect()
    }

    /// What nodes say of displacements between them, of a template with so much power on each inner shell.
    pub fn between(&self, power: impl Iterator<Item = f32>) -> Between {
        if self.waves.is_empty() {
            return Between { weights: [0.25; 4], rest: 0.0 };
        }
        let (mut sums, mut total) = ([0.0_f32; N_LAGS], 0.0);
        for (waves, power) in self.waves.iter().zip(power) {
            total += power;
            for (sum, wave) in sums.iter_mut().zip(waves) {
                *sum += wave * power;
            }
        }
        let [first, second, middle, first_2, second_2, across] = sums.map(|sum| sum / total);
        // Best linear predictions from two and from four.
        let weights =
            [1.0, first / (1.0 + first_2), second / (1.0 + second_2), middle / (1.0 + first_2 + second_2 + across)];
        let known = [2.0 * weights[1] * first, 2.0 * weights[2] * second, 4.0 * weights[3] * middle];
        let rest = known.into_iter().map(|known| 1.0 - known).fold(0.0, f32::max);
        Between { weights: [0.25, 0.5 * weights[1], 0.5 * weights[2], weights[3]], rest: rest.clamp(0.0, 1.0) }
    }
}
