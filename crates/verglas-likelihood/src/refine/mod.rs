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

use verglas_fourier::pose::Matrix3;

pub use climber::Climber;
pub use frame::Refinement;
pub use slices::Slices;

pub use crate::pose::ContinuousPose;
pub use crate::results::Refined;

use self::chart::{Chart, Local, Moves};
use self::frame::{moves_of, steps_of};
use self::lattice::{Counting, Lattice};
use self::mode::{Mode, climb};
use self::posterior::{Posterior, step_rad};
use self::rest::GridPoses;
use self::rotation::product;
use self::square::Square;
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
/// Modes with δᵀHδ below this between them are one.
const SAME: f64 = 2.0;
/// Poses of the grid so many nats below the best lead to no mode.
const NATS_OF_POSES: f64 = 12.0;
/// Modes so many nats below the best are dropped.
const NATS_OF_MODES: f64 = 8.0;
/// Up to this many standard deviations a step of the grid is as good as any lattice.
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
    /// What climbs from the image's starts came to, in their order.
    climbed: Vec<Option<Mode>>,
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
    ) -> Self {
        let (grid, moves) = (displacements.grid(), moves_of(displacements));
        let reach = std::array::from_fn(|axis| grid.map_or(0.0, |grid| grid.reach_angstrom(axis)));
        let steps = steps_of(geometry, templates.n_views(), displacements);
        let posterior = Posterior::new(geometry, likelihood, refinement.slices);
        Self {
            refinement,
            particle_scales,
            posterior,
            templates,
            displacements,
            moves,
            square: Square { known: None, moves, reach },
            steps,
            climbed: Vec::new(),
        }
    }

    /// A pose of the grid.
    fn pose(&self, pose: &Pose) -> ContinuousPose {
        let angle = pose.rotation as f64 * step_rad(self.posterior.geometry);
        let displacement = self.displacements.angstrom()[pose.displacement];
        ContinuousPose::of_template(&self.refinement.views[pose.template], angle, displacement)
    }

    /// The best poses of the grid that are apart from each other, best first, with their scores; the first is the grid's best.
    fn starts(&self, searched: &Searched<'_, 'a>, n: usize) -> Vec<(ContinuousPose, f64)> {
        let of_views = searched.of_views.iter().enumerate().map(|(template, best)| Candidate {
            score: best.score,
            pose: Pose { template, displacement: best.displacement as usize, rotation: best.rotation as usize },
        });
        let mut all: Vec<Candidate> = of_views.chain(searched.candidates.iter().copied()).collect();
        let top = all.iter().map(|candidate| candidate.score).fold(f64::NEG_INFINITY, f64::max);
        all.retain(|candidate| candidate.score.is_finite() && candidate.score >= top - NATS_OF_POSES);
        all.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.pose.cmp(&b.pose)));
        let mut found = vec![(self.pose(&searched.best), top)];
        for candidate in &all {
            if found.len() >= n {
                break;
            }
            let pose = self.pose(&candidate.pose);
            let is_apart = |other: &ContinuousPose, pose: &ContinuousPose| {
                let local = Chart::new(*other, Moves::Both).local(pose);
                local[0].hypot(local[1]) > APART_VIEW
                    || local[2].abs() > APART_TURNS * self.steps[2]
                    || local[3].hypot(local[4]) > APART_PIXELS * self.refinement.pixel_angstrom
            };
            let is_new = |(other, _): &(ContinuousPose, f64)| {
                with_mates(self.refinement.mates, &pose).all(|mate| is_apart(other, &mate))
            };
            if found.iter().all(is_new) {
                found.push((pose, candidate.score));
            }
        }
        found
    }

    /// Whether the grid sums a mode as well as a lattice does, or no lattice could.
    fn is_the_grids(&self, mode: &Mode) -> bool {
        let n = self.moves.n_coordinates();
        let sd = |i: usize| mode.covariance[i][i].sqrt();
        let is_fine = (0..n).all(|i| self.steps[i] <= FINE * sd(i));
        is_fine || (0..3).any(|i| sd(i) > WIDE)
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
        self.climbed.clear();
        let modes = self.modes(searched, self.refinement.n_modes)?;
        let found = self.integrate(searched, &modes)?;
        if !found.0.is_between {
            return Ok(found);
        }
        let more = self.modes(searched, 2 * self.refinement.n_modes)?;
        if more.len() == modes.len() { Ok(found) } else { self.integrate(searched, &more) }
    }

    /// The modes that the best `n_modes` poses of the grid lead to, best first.
    fn modes(&mut self, searched: &Searched<'_, 'a>, n_modes: usize) -> Result<Vec<Mode>, LikelihoodError> {
        let n = self.moves.n_coordinates();
        let starts = self.starts(searched, n_modes.max(1));
        let farthest = match &searched.known {
            None => self.square.reach[0].hypot(self.square.reach[1]) + 2.0 * self.refinement.pixel_angstrom,
            Some(known) => {
                let [x, y] = known.pose.shift_angstrom;
                x.hypot(y) + 2.0 * known.prior.shift_reach_angstrom()
            }
        };
        let mut modes: Vec<Mode> = Vec::new();
        let shared = self.posterior.likelihood.shared(self.posterior.v());
        for (place, (start, score)) in starts.into_iter().enumerate() {
            // No higher than a mode that is known lets expect there: its slope.
            let is_slope = |mode: &Mode| {
                let nearest = with_mates(self.refinement.mates, &start)
                    .map(|mate| mode.quadratic(&mode.chart.local(&mate), n))
                    .fold(f64::INFINITY, f64::min);
                score + shared <= mode.value.total() - 0.5 * nearest + SLOPE
            };
            if place == self.climbed.len() && modes.iter().any(is_slope) {
                self.climbed.push(None);
            }
            if place == self.climbed.len() {
                let best =
                    self.climbed.iter().flatten().map(|mode| mode.value.total()).fold(f64::NEG_INFINITY, f64::max);
                let limits = (farthest, best - NATS_OF_MODES);
                let mode = climb(&mut self.posterior, start, self.moves, &self.steps, limits)?;
                self.climbed.push(mode);
            }
            let Some(mode) = self.climbed[place].clone() else { continue };
            let is_near = |other: &Mode, pose: &ContinuousPose| other.quadratic(&other.chart.local(pose), n) < SAME;
            let is_known =
                |other: &Mode| with_mates(self.refinement.mates, mode.chart.center()).any(|mate| is_near(other, &mate));
            let is_known = modes.iter().any(is_known);
            if !is_known {
                modes.push(mode);
            }
        }
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
            let lattice = Lattice::sum(&mut self.posterior, &modes[index], n, best_of_all, (&counting, scales));
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
            true => f64::NEG_INFINITY,
            false => self.grid_poses(searched.known).sum_inside(&mut self.posterior, modes, lattices),
        };
        let rest = 1.0 - (inside - searched.log_likelihood).exp();
        let ln_rest = if rest > 0.0 { searched.log_likelihood + rest.ln() } else { f64::NEG_INFINITY };
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
        let coarse = best.is_some_and(|(_, mode)| (0..n).any(|i| self.steps[i] > FINE * mode.covariance[i][i].sqrt()));
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

/// A pose and its mates, itself first.
fn with_mates<'m>(mates: &'m [Matrix3], pose: &ContinuousPose) -> impl Iterator<Item = ContinuousPose> + use<'m> {
    let pose = *pose;
    mates.iter().map(move |mate| ContinuousPose { rotation: product(mate, &pose.rotation), ..pose })
}
