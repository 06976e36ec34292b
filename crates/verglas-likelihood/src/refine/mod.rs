//! The likelihood between the grid's points.
//!
//! ```text
//! ln L = ln ∫ dΩ/(8π²) ∫∫ dd/(4D′²) exp ℓ₊(Ω, d)
//! ```
//!
//! over all rotations and the cells of the displacements that are searched. Modes of ℓ₊ that are narrower than the grid are
//! summed over lattices of their own (`lattice.rs`), about maxima found from the grid's best poses (`mode.rs`); all poses of the
//! grid outside of their cells are added with the grid's weights (`rest.rs`). `docs/math.md` says how well that does.

mod chart;
mod climber;
mod frame;
mod lattice;
mod linear;
mod mode;
mod posterior;
mod rest;
pub(crate) mod rotation;
mod slices;
mod square;

use std::f64::consts::PI;

use rustc_hash::FxHashMap;
use verglas_fourier::pose::Matrix3;

pub use climber::Climber;
pub use frame::Refinement;
pub use slices::Slices;

pub use crate::pose::ContinuousPose;
pub use crate::results::Refined;

use self::chart::{Chart, Local, Moves};
use self::frame::{moves_of, steps_of};
use self::lattice::{Counting, Lattice, Reach};
use self::linear::Matrix5;
use self::mode::{Mode, climb};
use self::posterior::{Posterior, step_rad};
use self::rest::{GridPoses, SumInside};
use self::rotation::product;
use self::square::Square;
use crate::compare::few_shells::FewShells;
use crate::displacements::Displacements;
use crate::error::LikelihoodError;
use crate::formula::{LogLikelihood, LogSum};
use crate::geometry::Geometry;
use crate::pose::{BestOfView, Candidate, Pose};
use crate::prior::Known;
use crate::real::Real;
use crate::sets::TemplateSet;
use crate::sums::ImageSums;

/// The default of [`Refinement::n_modes`].
pub const DEFAULT_MODES: usize = 5;
/// Modes are apart if views differ by more than this, radians,
const APART_VIEW: f64 = 0.35;
/// or rotations by more steps of the grid,
const APART_TURNS: f64 = 5.0;
/// or displacements by more pixels.
const APART_PIXELS: f64 = 1.6;
/// A pose of the grid that is no more nats higher than a mode's parabola is on its slope.
const SLOPE: f64 = 1.0;
/// Where much is left to the grid, so many times as many modes are looked for.
const MORE_MODES: usize = 4;
/// Modes with δᵀHδ below this between them are one.
const SAME: f64 = 2.0;
/// Poses of the grid so many nats below the best lead to no mode.
const NATS_OF_POSES: f64 = 12.0;
/// Modes so many nats below the best are dropped.
const NATS_OF_MODES: f64 = 8.0;
/// Up to this many standard deviations, a step of the grid is as good as any lattice.
const FINE: f64 = 2.0;
/// A mode that is wider than this, radians, is no matter of a lattice.
const WIDE: f64 = 0.6;

/// Refines one image after the other.
pub(crate) struct Refiner<'a, T: Real> {
    refinement: Refinement<'a>,
    /// Scales of particles for which odds are summed.
    particle_scales: &'a [f64],
    posterior: Posterior<'a>,
    templates: &'a TemplateSet<'a, T>,
    displacements: &'a Displacements,
    moves: Moves,
    square: Square<'a>,
    /// Distances of the grid's poses.
    steps: Local,
}

/// Modes that are looked for, one start after the other.
struct ModeSearch {
    /// Poses of the grid that may lead to one, best first, with their scores.
    starts: Vec<(Pose, f64)>,
    /// The first that was not looked at.
    next: usize,
    modes: Vec<Mode>,
    /// Starts that led to no mode, or to a known one.
    in_vain: Vec<ContinuousPose>,
}

/// What lattices say of a particle.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OddsOfModes {
    /// ln of the mean of exp λ over poses, as far as lattices hold them, for each scale.
    pub ln_sums: Vec<f64>,
    /// ln of the share of the grid's sum that lies outside of them.
    pub ln_rest: f64,
    /// A of the best mode.
    pub a: f64,
}

/// What the search over the grid found of an image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Searched<'s, 'a> {
    pub of_views: &'s [BestOfView],
    pub candidates: &'s [Candidate],
    /// ln of the mean of exp ℓ₊ over the grid.
    pub log_likelihood: f64,
    /// The grid's best pose.
    pub best: Pose,
    /// What is known of the pose beforehand.
    pub known: Option<Known<'a>>,
}

impl<'a, T: Real> Refiner<'a, T> {
    pub fn new(
        refinement: Refinement<'a>,
        geometry: &'a Geometry,
        likelihood: &'a LogLikelihood,
        templates: &'a TemplateSet<'a, T>,
        displacements: &'a Displacements,
        particle_scales: &'a [f64],
        few_shells: Option<&'a FewShells>,
    ) -> Self {
        let (grid, moves) = (displacements.grid(), moves_of(displacements));
        let reach = std::array::from_fn(|axis| grid.map_or(0.0, |grid| grid.reach_angstrom(axis)));
        let steps = steps_of(geometry, templates.n_views(), displacements);
        let posterior = Posterior::new(geometry, likelihood, refinement.slices, few_shells);
        Self {
            refinement,
            particle_scales,
            posterior,
            templates,
            displacements,
            moves,
            square: Square { known: None, moves, reach },
            steps,
        }
    }

    /// A pose of the grid.
    fn pose(&self, pose: &Pose) -> ContinuousPose {
        let angle = pose.rotation as f64 * step_rad(self.posterior.geometry);
        let displacement = self.displacements.angstrom()[pose.displacement];
        ContinuousPose::of_template(&self.refinement.views[pose.template], angle, displacement)
    }

    /// The best poses of the grid, best first, with their scores; the first is the grid's best.
    fn starts(searched: &Searched<'_, 'a>) -> Vec<(Pose, f64)> {
        let mut all: Vec<Candidate> = all_candidates(searched).collect();
        let top = all.iter().map(|candidate| candidate.score).fold(f64::NEG_INFINITY, f64::max);
        all.retain(|candidate| candidate.score.is_finite() && candidate.score >= top - NATS_OF_POSES);
        all.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.pose.cmp(&b.pose)));
        all.dedup_by_key(|candidate| candidate.pose);
        std::iter::once((searched.best, top)).chain(all.iter().map(|start| (start.pose, start.score))).collect()
    }

    /// Whether two poses are apart, and so are their mates.
    fn are_apart(&self, one: &ContinuousPose, other: &ContinuousPose) -> bool {
        let chart = Chart::new(*one, Moves::Both);
        with_mates(self.refinement.mates, other).all(|mate| {
            let local = chart.local(&mate);
            local[0].hypot(local[1]) > APART_VIEW
                || local[2].abs() > APART_TURNS * self.steps[2]
                || local[3].hypot(local[4]) > APART_PIXELS * self.refinement.pixel_angstrom
        })
    }

    /// Whether the grid sums a mode as well as a lattice does, or no lattice could.
    fn is_the_grids(&self, mode: &Mode) -> bool {
        self.is_fine_for(mode) || (0..3).any(|i| mode.covariance[i][i].sqrt() > WIDE)
    }

    /// Whether a step of the grid is as good as any lattice.
    fn is_fine_for(&self, mode: &Mode) -> bool {
        least_of_dual(&mode.covariance, &self.steps, self.moves.n_coordinates()) * FINE * FINE >= 1.0
    }

    /// Finds the modes of an image, and the integral.
    ///
    /// # Errors
    /// Where templates can't be taken.
    pub fn refine(
        &mut self,
        image: &ImageSums,
        searched: &Searched<'_, 'a>,
    ) -> Result<(Refined, OddsOfModes), LikelihoodError> {
        self.posterior.take(image, searched.known);
        self.square.known = searched.known;
        let starts = Self::starts(searched);
        let mut search = ModeSearch { starts, next: 0, modes: Vec::new(), in_vain: Vec::new() };
        let modes = self.modes(&mut search, self.refinement.n_modes.max(1))?;
        let found = self.integrate(searched, &modes, Reach::USUAL)?;
        if !found.0.is_between {
            return Ok(found);
        }
        let more = self.modes(&mut search, MORE_MODES * self.refinement.n_modes.max(1))?;
        self.integrate(searched, &more, Reach::FAR)
    }

    /// Up to `n_modes` modes that poses of the grid lead to, best first. A pose that a known mode explains leads to none, nor one
    /// that is near a start in vain.
    fn modes(&mut self, search: &mut ModeSearch, n_modes: usize) -> Result<Vec<Mode>, LikelihoodError> {
        let n = self.moves.n_coordinates();
        let farthest = match &self.square.known {
            None => self.square.reach[0].hypot(self.square.reach[1]) + 2.0 * self.refinement.pixel_angstrom,
            Some(known) => {
                let [x, y] = known.pose.shift_angstrom;
                x.hypot(y) + 2.0 * known.prior.shift_reach_angstrom()
            }
        };
        let shared = self.posterior.likelihood.shared(self.posterior.v());
        let mates = self.refinement.mates;
        while search.modes.len() < n_modes && search.in_vain.len() < n_modes {
            let Some((pose, score)) = search.starts.get(search.next) else { break };
            let start = self.pose(pose);
            search.next += 1;
            // No higher than a mode that is known lets expect there: its slope.
            let is_slope = |mode: &Mode| {
                let nearest = with_mates(mates, &start)
                    .map(|mate| mode.quadratic(&mode.chart.local(&mate), n))
                    .fold(f64::INFINITY, f64::min);
                score + shared <= mode.value.total() - 0.5 * nearest + SLOPE
            };
            if search.modes.iter().any(is_slope) || !search.in_vain.iter().all(|other| self.are_apart(other, &start)) {
                continue;
            }
            let best = search.modes.iter().map(|mode| mode.value.total()).fold(f64::NEG_INFINITY, f64::max);
            let limits = (farthest, best - NATS_OF_MODES);
            let mode = climb(&mut self.posterior, start, self.moves, &self.steps, limits)?;
            let is_near = |other: &Mode, pose: &ContinuousPose| other.quadratic(&other.chart.local(pose), n) < SAME;
            let is_known = |mode: &Mode| {
                let mut center = with_mates(mates, mode.chart.center());
                center.any(|mate| search.modes.iter().any(|other| is_near(other, &mate)))
            };
            match mode.filter(|mode| !is_known(mode)) {
                Some(mode) => search.modes.push(mode),
                None => search.in_vain.push(start),
            }
        }
        let mut modes = search.modes.clone();
        modes.sort_by(|a, b| b.laplace.total_cmp(&a.laplace));
        let least = modes.first().map_or(0.0, |mode| mode.laplace - NATS_OF_MODES);
        modes.retain(|mode| mode.laplace >= least);
        Ok(modes)
    }

    /// Sums the modes over their lattices, and the rest of the grid.
    fn integrate(
        &mut self,
        searched: &Searched<'_, 'a>,
        modes: &[Mode],
        reach: Reach,
    ) -> Result<(Refined, OddsOfModes), LikelihoodError> {
        let n = self.moves.n_coordinates();
        let best_of_all = modes.iter().map(|mode| mode.value.total()).fold(f64::NEG_INFINITY, f64::max);
        let mut lattices: Vec<(usize, Lattice)> = Vec::new();
        for index in 0..modes.len() {
            if self.is_the_grids(&modes[index]) {
                continue;
            }
            let counting = Counting { modes, index, square: self.square, mates: self.refinement.mates, n };
            let scales = self.particle_scales;
            let lattice = Lattice::sum(
                &mut self.posterior,
                &modes[index],
                n,
                best_of_all,
                (&counting, scales),
                (&self.steps, reach),
            );
            if let Some(lattice) = lattice? {
                lattices.push((index, lattice));
            }
        }
        self.gather(searched, modes, &lattices)
    }

    /// Puts lattices and the rest of the grid together.
    fn gather(
        &mut self,
        searched: &Searched<'_, 'a>,
        modes: &[Mode],
        lattices: &[(usize, Lattice)],
    ) -> Result<(Refined, OddsOfModes), LikelihoodError> {
        // 1/(8π²) and one over the area that displacements may lie in.
        // Every mode stands for its mates.
        let mut ln_prior = (self.refinement.mates.len() as f64).ln() - (8.0 * PI * PI).ln();
        for axis in 0..2 {
            if searched.known.is_none() && self.square.reach[axis] > 0.0 {
                ln_prior -= (2.0 * self.square.reach[axis]).ln();
            }
        }
        let mut total = LogSum::new();
        let mut of_modes = vec![f64::NEG_INFINITY; modes.len()];
        for (index, lattice) in lattices {
            of_modes[*index] = lattice.ln_integral + ln_prior;
            total.add(of_modes[*index], 1.0);
        }
        let inside = match lattices.is_empty() {
            true => SumInside { ln: f64::NEG_INFINITY, excess: 0.0 },
            false => {
                let ln_found = self.ln_found(searched);
                self.grid_poses(searched.known).sum_inside(&mut self.posterior, modes, lattices, &ln_found)
            }
        };
        // The search's sum is good to its own precision, which would be all of a small rest.
        let of_grid = searched.log_likelihood - inside.excess;
        let rest = 1.0 - (inside.ln - of_grid).exp();
        let ln_rest = if rest > 0.0 { of_grid + rest.ln() } else { f64::NEG_INFINITY };
        total.add(ln_rest, 1.0);
        let log_likelihood = total.ln();
        let odds = OddsOfModes {
            ln_sums: (0..self.particle_scales.len())
                .map(|scale| {
                    let mut sum = LogSum::new();
                    lattices.iter().for_each(|(_, lattice)| sum.add(lattice.ln_odds[scale] + ln_prior, 1.0));
                    sum.ln()
                })
                .collect(),
            ln_rest: if rest > 0.0 { rest.ln() } else { f64::NEG_INFINITY },
            a: 0.0,
        };
        let grid_share = (ln_rest - log_likelihood).exp();

        // The best mode is the highest; where there is none, the grid's best pose stands.
        let best =
            modes.iter().enumerate().max_by(|a, b| a.1.value.total().total_cmp(&b.1.value.total()).then(b.0.cmp(&a.0)));
        let n = self.moves.n_coordinates();
        let (pose, value, mode_share, sd) = match best {
            Some((index, mode)) => {
                let variance = |i: usize| mode.covariance[i][i];
                let shift = (3..n).map(variance).sum::<f64>() / (n - 3).max(1) as f64;
                let sd = [(0.5 * (variance(0) + variance(1))).sqrt(), variance(2).sqrt(), shift.sqrt()];
                (*mode.chart.center(), mode.value, (of_modes[index] - log_likelihood).exp(), sd)
            }
            None => {
                let pose = self.pose(&searched.best);
                let value = mode::values(&mut self.posterior, &Chart::new(pose, self.moves), &[[0.0; 5]])?;
                (pose, value[0], 0.0, self.spread(searched))
            }
        };
        let coarse = best.is_some_and(|(_, mode)| !self.is_fine_for(mode));
        let (contrast, contrast_sd) = self.posterior.likelihood.contrast(value.a, value.b, self.posterior.v());
        let odds = OddsOfModes { a: value.a, ..odds };
        let refined = Refined {
            log_likelihood,
            log_likelihood_optimal: value.log_likelihood,
            cross_correlation: value.cross_correlation,
            pose,
            contrast,
            contrast_sd,
            n_modes: lattices.len(),
            mode_share,
            grid_share,
            view_sd_rad: sd[0],
            psi_sd_rad: sd[1],
            shift_sd_angstrom: sd[2],
            is_between: coarse && (0.05..=0.95).contains(&grid_share),
        };
        Ok((refined, odds))
    }

    /// What the search says of its best poses.
    fn ln_found(&self, searched: &Searched<'_, 'a>) -> FxHashMap<Pose, f64> {
        let shared = self.posterior.likelihood.shared(self.posterior.v());
        all_candidates(searched).map(|candidate| (candidate.pose, candidate.score + shared)).collect()
    }

    fn grid_poses(&self, known: Option<Known<'a>>) -> GridPoses<'a, T> {
        GridPoses {
            templates: self.templates,
            views: self.refinement.views,
            displacements: self.displacements,
            known,
            mates: self.refinement.mates,
        }
    }

    /// The spread of the grid's best poses about the best one: view, rotation, displacement.
    fn spread(&self, searched: &Searched<'_, 'a>) -> [f64; 3] {
        let chart = Chart::new(self.pose(&searched.best), Moves::Both);
        let top = searched.candidates.first().map_or(0.0, |first| first.score);
        let (mut sum, mut squares) = (0.0, [0.0; 3]);
        for candidate in searched.candidates {
            let weight = (candidate.score - top).exp();
            let local = chart.local(&self.pose(&candidate.pose));
            sum += weight;
            squares[0] += 0.5 * weight * (local[0] * local[0] + local[1] * local[1]);
            squares[1] += weight * local[2] * local[2];
            squares[2] += 0.5 * weight * (local[3] * local[3] + local[4] * local[4]);
        }
        squares.map(|square| if sum > 0.0 { (square / sum).sqrt() } else { f64::NAN })
    }
}

/// The least kᵀΣk over the shortest vectors k of the grid's dual lattice: by Poisson's formula, a sum over the grid is off from the
/// integral of a Gaussian of covariance Σ by terms 2·exp(−2π²·kᵀΣk). Coordinates that depend on each other make it small, however
/// wide each of them is.
///
/// How the grid's views and displacements lie in the chart differs from pose to pose: k may point anywhere in these planes.
fn least_of_dual(covariance: &Matrix5, steps: &Local, n: usize) -> f64 {
    const DIRECTIONS: usize = 12;
    let circle = |[a, b]: [f64; 2]| -> Vec<[f64; 2]> {
        let along = |i: usize| {
            let (sin, cos) = (PI * i as f64 / (DIRECTIONS / 2) as f64).sin_cos();
            [if a > 0.0 { cos / a } else { 0.0 }, if b > 0.0 { sin / b } else { 0.0 }]
        };
        std::iter::once([0.0; 2]).chain((0..DIRECTIONS).map(along)).collect()
    };
    let shifts = match n {
        5 => circle([steps[3], steps[4]]),
        4 => vec![[0.0; 2], [1.0 / steps[3], 0.0], [-1.0 / steps[3], 0.0]],
        _ => vec![[0.0; 2]],
    };
    let mut least = f64::INFINITY;
    for view in circle([steps[0], steps[1]]) {
        // Of k and −k, one is enough.
        for turn in [0.0, 1.0 / steps[2]] {
            for shift in &shifts {
                let k = [view[0], view[1], turn, shift[0], shift[1]];
                let square: f64 = (0..n).map(|i| (0..n).map(|j| k[i] * covariance[i][j] * k[j]).sum::<f64>()).sum();
                if k.iter().any(|k| *k != 0.0) {
                    least = least.min(square);
                }
            }
        }
    }
    least
}

/// The best pose of each view, and the best of all.
fn all_candidates<'s>(searched: &Searched<'s, '_>) -> impl Iterator<Item = Candidate> + use<'s> {
    let of_views = searched.of_views.iter().enumerate().map(|(template, best)| Candidate {
        score: best.score,
        pose: Pose { template, displacement: best.displacement as usize, rotation: best.rotation as usize },
    });
    of_views.chain(searched.candidates.iter().copied())
}

/// A pose and its mates, itself first.
fn with_mates<'m>(mates: &'m [Matrix3], pose: &ContinuousPose) -> impl Iterator<Item = ContinuousPose> + use<'m> {
    let pose = *pose;
    mates.iter().map(move |mate| ContinuousPose { rotation: product(mate, &pose.rotation), ..pose })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_is_as_fine_as_its_worst_direction() {
        let steps = [0.1, 0.1, 0.2, 3.0, 3.0];
        let mut covariance: Matrix5 =
            std::array::from_fn(|i| std::array::from_fn(|j| if i == j { 0.49 * steps[i] * steps[i] } else { 0.0 }));
        // Each coordinate by itself: 0.7 of a step.
        for n in 3..=5 {
            assert!((least_of_dual(&covariance, &steps, n) - 0.49).abs() < 1e-12);
        }
        // Two that go together, a rotation and a displacement: their difference is narrow, 2·0.49·(1 − 0.9).
        covariance[2][3] = 0.9 * 0.49 * steps[2] * steps[3];
        covariance[3][2] = covariance[2][3];
        assert!((least_of_dual(&covariance, &steps, 5) - 0.098).abs() < 1e-12);
        assert!((least_of_dual(&covariance, &steps, 3) - 0.49).abs() < 1e-12);
    }
}
