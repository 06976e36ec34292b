//! The integral over one mode: a sum over a lattice in its own whitened coordinates.

use num_complex::Complex;
use rustc_hash::FxHashMap;
use verglas_fourier::pose::Matrix3;

use super::chart::{Chart, Local, Moves};
use super::linear::{Matrix5, cholesky};
use super::mode::Mode;
use super::posterior::{Posterior, Template, Turned, step_rad};
use super::rotation::{inplane_angle, product, turn};
use super::square::Square;
use crate::error::LikelihoodError;
use crate::formula::LogSum;
use crate::odds::ln_odds_of_pose;
use crate::pose::ContinuousPose;

/// Step in standard deviations.
const STEP: f64 = 1.6;
/// A step along views is at most so many of the grid's: a mode that is long is no Gaussian all along.
const LONGEST: f64 = 2.0;

/// How far a lattice goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// A point leads to its neighbours where it is at most so many nats below the mode,
    nats: f64,
    /// and below the best mode of all.
    nats_of_all: f64,
    /// A mode with more points is no mode that is narrower than the grid.
    most_points: usize,
}

impl Reach {
    /// A Gaussian's reach of 3.7 deviations, and a step.
    pub const USUAL: Self = Self { nats: 7.0, nats_of_all: 9.0, most_points: 12_000 };
    /// For modes whose tails hold too much to leave them to the grid.
    pub const FAR: Self = Self { nats: 10.0, nats_of_all: 12.0, most_points: 40_000 };
}

/// Points lie no more standard deviations of the displacement away.
const FARTHEST: f64 = 6.5;
/// A direction of view that promises to lie so far below what leads on is not looked at.
const PROMISE: f64 = 0.5;

/// Where a point of the lattice lies, in steps.
type Place = [i32; 5];

/// By place.
type ByPlace<const N: usize, V> = FxHashMap<[i32; N], V>;

/// The lattice of a mode, summed.
#[derive(Debug)]
pub(super) struct Lattice {
    /// x = B·z, z whole numbers.
    basis: Matrix5,
    n: usize,
    /// The points that count.
    points: ByPlace<5, ()>,
    /// ln of Σ exp ℓ₊·dΩ·dd.
    pub ln_integral: f64,
    /// The same of exp λ, for each scale of particles.
    pub ln_odds: Vec<f64>,
}

/// One direction of view: its template at the rotations between two steps of the grid.
struct Column {
    view: [i32; 2],
    templates: Vec<Template>,
    /// ln of the volume element.
    ln_volume: f64,
    /// What was turned, by place along the rotations.
    turned: ByPlace<1, AtRotation>,
}

/// What all poses of one rotation share.
struct AtRotation {
    rotation: Matrix3,
    turned: Turned,
    rivals: Vec<Rival>,
}

impl Lattice {
    /// Sums a mode, with odds for each of `scales`, over a grid whose poses are `grid_steps` apart. `counting` says which poses
    /// belong to it, and lie where poses are searched.
    ///
    /// `None` where there are too many points for a mode that is narrower than the grid.
    pub fn sum(
        posterior: &mut Posterior,
        mode: &Mode,
        n: usize,
        best_of_all: f64,
        (counting, scales): (&Counting, &[f64]),
        (grid_steps, reach): (&Local, Reach),
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
        lengths[0] = lengths[0].min(LONGEST * grid_steps[0] / root[0][0].hypot(root[1][0]));
        lengths[1] = lengths[1].min(LONGEST * grid_steps[1] / root[1][1]);
        let basis: Matrix5 = std::array::from_fn(|i| std::array::from_fn(|j| root[i][j] * lengths[j]));
        let mut lattice =
            Self { basis, n, points: ByPlace::default(), ln_integral: f64::NEG_INFINITY, ln_odds: Vec::new() };
        posterior.center(mode.chart.center().shift_angstrom, farthest(mode, n));
        let top = mode.value.total();
        let floor = (top - reach.nats).max(best_of_all - reach.nats_of_all);
        let mut sum = Sums { ln: LogSum::new(), odds: scales.iter().map(|&scale| (scale, LogSum::new())).collect() };
        let mut queue = vec![[0, 0]];
        let mut seen: ByPlace<2, ()> = ByPlace::default();
        seen.insert([0, 0], ());
        let mut next = 0;
        while let Some(&view) = queue.get(next) {
            next += 1;
            let mut column = lattice.column(posterior, &mode.chart, view, parts)?;
            let walk = Walk { turns, parts, floor, counting, most_points: reach.most_points };
            let highest = lattice.walk(posterior, &mode.chart, &mut column, &walk, &mut sum);
            if lattice.points.len() > reach.most_points {
                return Ok(None);
            }
            if highest > floor {
                for [a, b] in [[1, 0], [-1, 0], [0, 1], [0, -1]] {
                    let neighbour = [view[0] + a, view[1] + b];
                    // As a Gaussian falls from one to the other.
                    let square = |[a, b]: [i32; 2]| f64::from(a * a + b * b);
                    let promised = highest - 0.5 * STEP * STEP * (square(neighbour) - square(view)).max(0.0);
                    if promised > floor - PROMISE && seen.insert(neighbour, ()).is_none() {
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
        let rotation = chart.rotation(&[base[0], base[1], base[2], 0.0, 0.0]);
        let mut slice: Vec<Complex<f32>> = Vec::new();
        posterior.slices(&[rotation], &mut slice)?;
        let prepared = (0..parts).map(|rest| {
            let mut template = Template::default();
            posterior.prepare_between(&slice, rest as f64 * part, &mut template);
            template
        });
        Ok(Column {
            view,
            templates: prepared.collect(),
            ln_volume: Chart::ln_volume(&base),
            turned: ByPlace::default(),
        })
    }

    /// Follows the points of one view from the middle to where they count for nothing; gives the highest.
    fn walk(&mut self, posterior: &Posterior, chart: &Chart, column: &mut Column, walk: &Walk, sum: &mut Sums) -> f64 {
        let n_inner = self.n - 2;
        let [a, b] = column.view;
        let mut values: ByPlace<3, f64> = ByPlace::default();
        let mut highest = f64::NEG_INFINITY;
        let mut frontier = vec![[0, 0, 0]];
        // A first point that counts for nothing may lie beside some that count.
        let mut climbs = 8;
        while !frontier.is_empty() {
            frontier.sort_unstable();
            frontier.dedup();
            let mut leads = Vec::new();
            for inner in frontier.drain(..) {
                let place = [a, b, inner[0], inner[1], inner[2]];
                let local = self.local(&place);
                let AtRotation { rotation, turned, rivals } = column.turned.entry([inner[0]]).or_insert_with(|| {
                    let steps = i64::from(inner[0]) * walk.turns;
                    let (turn, rest) = (steps.div_euclid(walk.parts), steps.rem_euclid(walk.parts) as usize);
                    let mut turned = Turned::default();
                    posterior.turn(&column.templates[rest], turn, &mut turned);
                    let rotation = chart.rotation(&local);
                    let rivals = walk.counting.rivals(&rotation);
                    AtRotation { rotation, turned, rivals }
                });
                let pose = chart.moved(rotation, &local);
                let counts = walk.counting.counts(&local, &pose, rivals);
                if counts == Counts::Elsewhere {
                    values.insert(inner, f64::NEG_INFINITY);
                    continue;
                }
                let at = posterior.value(turned, &pose);
                let value = at.total();
                values.insert(inner, value);
                if counts == Counts::Here {
                    sum.ln.add(value + column.ln_volume, 1.0);
                    let (p, i_ss) = (posterior.likelihood.mu(), posterior.geometry.i_ss());
                    for (scale, sum) in &mut sum.odds {
                        let lambda = ln_odds_of_pose(p, i_ss, *scale, at.cross_correlation, at.a);
                        sum.add(lambda + at.ln_prior + column.ln_volume, 1.0);
                    }
                    self.points.insert(place, ());
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
            if self.points.len() > walk.most_points {
                break;
            }
        }
        highest
    }

    /// Whether the lattice's point that a pose is nearest to has been summed.
    pub fn has(&self, local: &Local) -> bool {
        let mut place = [0; 5];
        // From the outer coordinates inwards, as cells of a lower triangle are: each rounding moves those that follow.
        let mut rest = *local;
        for i in 0..self.n {
            let whole = (rest[i] / self.basis[i][i]).round();
            if whole.is_nan() || whole.abs() > 1e6 {
                return false;
            }
            place[i] = whole as i32;
            for (j, rest) in rest.iter_mut().enumerate().take(self.n).skip(i) {
                *rest -= self.basis[j][i] * whole;
            }
        }
        self.points.contains_key(&place)
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

/// How far from the mode's displacement those of its points may lie, Å.
fn farthest(mode: &Mode, n: usize) -> f64 {
    let variance: f64 = (3..n).map(|i| mode.covariance[i][i]).sum();
    let reach = FARTHEST * variance.sqrt();
    match mode.chart.moves() {
        Moves::None => 0.0,
        Moves::Both => reach,
        // Along an axis of the template, which turns.
        Moves::Along(axis) => {
            let [x, y] = mode.chart.center().shift_angstrom;
            let angle = (FARTHEST * mode.covariance[2][2].sqrt()).min(std::f64::consts::PI);
            let along = turn([x, y], inplane_angle(&mode.chart.center().rotation))[axis].abs();
            reach + 2.0 * (0.5 * angle).sin() * (x.hypot(y) + along)
        }
    }
}

/// Says which poses belong to a mode.
pub(super) struct Counting<'c> {
    pub modes: &'c [Mode],
    /// Which of them.
    pub index: usize,
    pub square: Square<'c>,
    /// The rotations that the structure looks the same after.
    pub mates: &'c [Matrix3],
    pub n: usize,
}

/// Another mode, or the same from a mate of the pose, with where the pose's rotation lies in its chart.
struct Rival {
    mode: usize,
    /// The rotation's mate.
    rotation: Matrix3,
    of_rotation: [f64; 3],
}

impl Counting<'_> {
    /// All that poses of a rotation may be nearer to.
    fn rivals(&self, rotation: &Matrix3) -> Vec<Rival> {
        let mut found = Vec::new();
        for (mode, other) in self.modes.iter().enumerate() {
            for mate in self.mates.iter().skip(usize::from(mode == self.index)) {
                let rotation = product(mate, rotation);
                let of_rotation = other.chart.of_rotation(&rotation);
                found.push(Rival { mode, rotation, of_rotation });
            }
        }
        found
    }

    fn counts(&self, local: &Local, pose: &ContinuousPose, rivals: &[Rival]) -> Counts {
        let own = self.modes[self.index].quadratic(local, self.n);
        let is_nearer = |rival: &Rival| {
            let other = &self.modes[rival.mode];
            let mate = ContinuousPose { rotation: rival.rotation, ..*pose };
            let local = other.chart.local_of(rival.of_rotation, &mate);
            other.quadratic(&local, self.n) < own
        };
        // A mate of the pose may be nearer to this mode, too: it counts there then.
        if rivals.iter().any(is_nearer) {
            Counts::Elsewhere
        } else if self.square.holds(pose) {
            Counts::Here
        } else {
            Counts::Outside
        }
    }
}

/// What is summed over points.
struct Sums {
    ln: LogSum,
    /// Scales of particles, each with its sum of exp λ.
    odds: Vec<(f64, LogSum)>,
}

/// Whether a point of a lattice is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counts {
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
    counting: &'a Counting<'a>,
    most_points: usize,
}
