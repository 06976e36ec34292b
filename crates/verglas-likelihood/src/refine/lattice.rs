//! The integral over one mode: a sum over a lattice in its own whitened coordinates.

use std::collections::HashMap;

use num_complex::Complex;

use super::chart::{Chart, Local};
use super::linear::{Matrix5, cholesky};
use super::mode::Mode;
use super::posterior::{Posterior, step_rad};
use crate::error::LikelihoodError;
use crate::formula::LogSum;
use crate::odds::ln_odds_of_pose;
use crate::pose::ContinuousPose;

/// Step in standard deviations.
const STEP: f64 = 1.5;
/// A point leads to its neighbours where it is at most so many nats below the mode: a Gaussian's reach of 4.2 deviations.
const NATS: f64 = 9.0;
/// Points so far below the best mode of all count for nothing.
const NATS_OF_ALL: f64 = 13.0;
/// A mode with more points is no mode that is narrower than the grid.
const MOST_POINTS: usize = 12_000;

/// Where a point of the lattice lies, in steps.
type Place = [i32; 5];

/// The lattice of a mode, summed.
#[derive(Debug)]
pub(super) struct Lattice {
    /// x = B·z, z whole numbers.
    basis: Matrix5,
    n: usize,
    /// ℓ₊ of the points that count.
    points: HashMap<Place, f64>,
    /// ln of Σ exp ℓ₊·dΩ·dd.
    pub ln_integral: f64,
    /// The same of exp λ, for each scale of particles.
    pub ln_odds: Vec<f64>,
}

/// One direction of view: templates at the rotations between two steps of the grid.
struct Column {
    view: [i32; 2],
    slices: Vec<Complex<f64>>,
}

impl Lattice {
    /// Sums a mode. `counts` says whether a pose belongs to it, and lies where poses are searched.
    ///
    /// `None` where there are too many points for a mode that is narrower than the grid.
    pub fn sum(
        posterior: &mut Posterior,
        mode: &Mode,
        n: usize,
        best_of_all: f64,
        (counts, scales): (&Counting, &[f64]),
    ) -> Result<Option<Self>, LikelihoodError> {
        let Some(root) = cholesky(&mode.covariance, n) else { return Ok(None) };
        // Rotations in whole steps of the grid, or the steps in whole parts, so that templates are taken once for each view.
        let grid_step = step_rad(posterior.geometry);
        let wanted = STEP * root[2][2];
        let (turns, parts) = match wanted >= grid_step {
            true => ((wanted / grid_step).floor() as i64, 1),
            false => (1, (grid_step / wanted).ceil() as i64),
        };
        let mut lengths = [STEP; 5];
        lengths[2] = turns as f64 * grid_step / (parts as f64 * root[2][2]);
        let basis: Matrix5 = std::array::from_fn(|i| std::array::from_fn(|j| root[i][j] * lengths[j]));
        let mut lattice =
            Self { basis, n, points: HashMap::new(), ln_integral: f64::NEG_INFINITY, ln_odds: Vec::new() };
        let top = mode.value.total();
        let floor = (top - NATS).max(best_of_all - NATS_OF_ALL);
        let mut sum = Sums { ln: LogSum::new(), odds: scales.iter().map(|&scale| (scale, LogSum::new())).collect() };
        let mut queue = vec![[0, 0]];
        let mut seen: HashMap<[i32; 2], ()> = HashMap::from([([0, 0], ())]);
        let mut next = 0;
        while let Some(&view) = queue.get(next) {
            next += 1;
            let column = lattice.column(posterior, &mode.chart, view, parts)?;
            let walk = Walk { turns, parts, floor, counts };
            let highest = lattice.walk(posterior, &mode.chart, &column, &walk, &mut sum)?;
            if lattice.points.len() > MOST_POINTS {
                return Ok(None);
            }
            if highest > floor {
                for [a, b] in [[1, 0], [-1, 0], [0, 1], [0, -1]] {
                    let neighbour = [view[0] + a, view[1] + b];
                    if seen.insert(neighbour, ()).is_none() {
                        queue.push(neighbour);
                    }
                }
            }
        }
        let volume: f64 = (0..n).map(|i| lattice.basis[i][i]).product();
        lattice.ln_integral = sum.ln.ln() + volume.ln();
        lattice.ln_odds = sum.odds.iter().map(|(_, sum)| sum.ln() + volume.ln()).collect();
        Ok(Some(lattice))
    }

    fn local(&self, place: &Place) -> Local {
        std::array::from_fn(|i| (0..=i).map(|j| self.basis[i][j] * f64::from(place[j])).sum())
    }

    fn column(
        &self,
        posterior: &Posterior,
        chart: &Chart,
        view: [i32; 2],
        parts: i64,
    ) -> Result<Column, LikelihoodError> {
        let base = self.local(&[view[0], view[1], 0, 0, 0]);
        let part = step_rad(posterior.geometry) / parts as f64;
        let rotations: Vec<_> = (0..parts)
            .map(|rest| chart.pose(&[base[0], base[1], base[2] + rest as f64 * part, 0.0, 0.0]).rotation)
            .collect();
        let mut slices = Vec::new();
        posterior.slices(&rotations, &mut slices)?;
        Ok(Column { view, slices })
    }

    /// Follows the points of one view from the middle to where they count for nothing; gives the highest.
    fn walk(
        &mut self,
        posterior: &mut Posterior,
        chart: &Chart,
        column: &Column,
        walk: &Walk,
        sum: &mut Sums,
    ) -> Result<f64, LikelihoodError> {
        let n_inner = self.n - 2;
        let [a, b] = column.view;
        let mut values: HashMap<[i32; 3], f64> = HashMap::new();
        let mut highest = f64::NEG_INFINITY;
        let mut frontier = vec![[0, 0, 0]];
        // A first point that counts for nothing may lie beside some that count.
        let mut climbs = 8;
        while !frontier.is_empty() {
            frontier.sort_unstable();
            frontier.dedup();
            let mut leads = Vec::new();
            let mut turned = None;
            for inner in frontier.drain(..) {
                let place = [a, b, inner[0], inner[1], inner[2]];
                let local = self.local(&place);
                let pose = chart.pose(&local);
                let counts = (walk.counts)(&local, &pose);
                if counts == Counts::Elsewhere {
                    values.insert(inner, f64::NEG_INFINITY);
                    continue;
                }
                let steps = i64::from(inner[0]) * walk.turns;
                let (turn, rest) = (steps.div_euclid(walk.parts), steps.rem_euclid(walk.parts) as usize);
                let facts = match turned {
                    Some((other, facts)) if other == inner[0] => facts,
                    _ => {
                        let n_points = posterior.geometry.n_points();
                        posterior.turn(&column.slices[rest * n_points..(rest + 1) * n_points], turn)
                    }
                };
                turned = Some((inner[0], facts));
                let at = posterior.value(facts, &pose);
                let value = at.total();
                values.insert(inner, value);
                if counts == Counts::Here {
                    let ln_volume = Chart::ln_volume(&local);
                    sum.ln.add(value + ln_volume, 1.0);
                    let (p, i_ss) = (posterior.likelihood.mu(), posterior.geometry.i_ss());
                    for (scale, sum) in &mut sum.odds {
                        let lambda = ln_odds_of_pose(p, i_ss, *scale, at.cross_correlation, at.a);
                        sum.add(lambda + at.ln_prior + ln_volume, 1.0);
                    }
                    self.points.insert(place, value);
                }
                highest = highest.max(value);
                if value > walk.floor {
                    leads.push(inner);
                }
            }
            if leads.is_empty() && highest <= walk.floor && climbs > 0 {
                climbs -= 1;
                // The highest so far, of equals the first.
                let best = values.iter().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(a.0)));
                leads.extend(best.map(|(inner, _)| *inner));
            }
            for inner in leads {
                for axis in 0..n_inner {
                    for sign in [-1, 1] {
                        let mut neighbour = inner;
                        neighbour[axis] += sign;
                        if !values.contains_key(&neighbour) {
                            frontier.push(neighbour);
                        }
                    }
                }
            }
            if self.points.len() > MOST_POINTS {
                break;
            }
        }
        Ok(highest)
    }

    /// ℓ₊ of the lattice's point that a pose is nearest to, if it has been summed.
    pub fn cell(&self, local: &Local) -> Option<f64> {
        let mut place = [0; 5];
        // From the outer coordinates inwards, as cells of a lower triangle are: each rounding moves those that follow.
        let mut rest = *local;
        for i in 0..self.n {
            let whole = (rest[i] / self.basis[i][i]).round();
            if whole.is_nan() || whole.abs() > 1e6 {
                return None;
            }
            place[i] = whole as i32;
            for (j, rest) in rest.iter_mut().enumerate().take(self.n).skip(i) {
                *rest -= self.basis[j][i] * whole;
            }
        }
        self.points.get(&place).copied()
    }

    /// How far the cells reach along each coordinate.
    pub fn reach(&self) -> Local {
        let mut reach = [0.0_f64; 5];
        for place in self.points.keys() {
            let local = self.local(place);
            for (i, reach) in reach.iter_mut().enumerate() {
                let half: f64 = (0..=i).map(|j| 0.5 * self.basis[i][j].abs()).sum();
                *reach = reach.max(local[i].abs() + half);
            }
        }
        reach
    }
}

/// Says whether a point belongs to a mode.
pub(super) type Counting<'c> = dyn Fn(&Local, &ContinuousPose) -> Counts + 'c;

/// What is summed over points.
struct Sums {
    ln: LogSum,
    /// Scales of particles, each with its sum of exp λ.
    odds: Vec<(f64, LogSum)>,
}

/// Whether a point of a lattice is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    Here,
    /// It lies where no poses are searched, but leads to some that are.
    Outside,
    /// It belongs to another mode.
    Elsewhere,
}

struct Walk<'a> {
    turns: i64,
    parts: i64,
    floor: f64,
    counts: &'a Counting<'a>,
}
