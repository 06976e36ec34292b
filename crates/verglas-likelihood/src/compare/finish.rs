//! From what the search over the grid found of a block's images to their results.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use verglas_core::threads::share_work;

use super::candidates::Evaluator;
use super::plan::Plan;
use crate::direct::AtPose;
use crate::error::LikelihoodError;
use crate::formula::{ContrastSign, LogSum};
use crate::odds::{OfView, ln_odds_of_grid};
use crate::pose::BestOfView;
use crate::real::Real;
use crate::refine::{OddsOfModes, Refinement, Refiner, Searched};
use crate::results::ImageResult;

/// What is found of an image: its result, and ln of the odds that there is a particle for each scale.
pub(super) type Found = (ImageResult, Vec<f64>);

/// A view that was looked at, for the odds.
#[derive(Debug, Clone, Copy)]
pub(super) struct LookedAt {
    /// Its place among the views.
    pub view: usize,
    pub best: BestOfView,
    /// ln of the sum of exp ℓ₊ over its poses, but for what all poses share.
    pub ln_sum: f64,
    /// ln of the prior's density at the best pose.
    pub ln_prior: f64,
}

/// Makes results of one image after the other.
pub(super) struct Finisher<'p, T: Real> {
    plan: &'p Plan<'p, T>,
    pub evaluator: Evaluator<'p, T>,
    refiner: Option<Refiner<'p, T>>,
}

/// Makes the results of `n_images` images on all threads, in their order: `of_image` gets the place of each.
///
/// # Errors
/// That of the first image that has one; [`LikelihoodError::Stopped`] once `go_on`, asked before each image, says no.
pub(super) fn finish_images<'p, T: Real>(
    plan: &'p Plan<'p, T>,
    refinement: Option<Refinement<'p>>,
    n_images: usize,
    go_on: &(dyn Fn(u64) -> bool + Sync),
    of_image: impl Fn(usize, &mut Finisher<'p, T>) -> Result<Found, LikelihoodError> + Sync,
) -> Result<Vec<Found>, LikelihoodError> {
    let results: Vec<Mutex<Option<Result<Found, LikelihoodError>>>> = (0..n_images).map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let is_stopped = AtomicBool::new(false);
    share_work(plan.settings.n_threads.max(1), || {
        let mut finisher = Finisher::new(plan, refinement);
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(result) = results.get(index) else { break };
            // Between the grid's poses, an image takes a tenth of a second or more.
            if is_stopped.load(Ordering::Relaxed) || !go_on(0) {
                is_stopped.store(true, Ordering::Relaxed);
                break;
            }
            *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(of_image(index, &mut finisher));
        }
    });
    if is_stopped.into_inner() {
        return Err(LikelihoodError::Stopped);
    }
    results
        .into_iter()
        .filter_map(|result| result.into_inner().expect("all threads are done"))
        .collect::<Result<Vec<_>, _>>()
}

impl<'p, T: Real> Finisher<'p, T> {
    fn new(plan: &'p Plan<'p, T>, refinement: Option<Refinement<'p>>) -> Self {
        let Plan { geometry, likelihood, templates, displacements, settings, .. } = plan;
        let evaluator = Evaluator::new(geometry, templates, displacements, settings.formula, *likelihood);
        let refiner = refinement.map(|refinement| {
            Refiner::new(
                refinement,
                geometry,
                likelihood,
                templates,
                displacements,
                settings.scales(),
                plan.few_shells.as_ref(),
            )
        });
        Self { plan, evaluator, refiner }
    }

    /// The result of the image that the evaluator took last: `at` is its best pose, `smallest` its smallest correlation; the
    /// last two are what is known of poses that were not looked at.
    ///
    /// # Errors
    /// Where templates between the views can't be taken.
    pub fn finish(
        &mut self,
        searched: &Searched<'_, 'p>,
        at: &AtPose,
        smallest: f64,
        views: impl Iterator<Item = LookedAt> + Clone,
        (pruned_mass, evaluated_share): (f64, f64),
    ) -> Result<Found, LikelihoodError> {
        let refined = match &mut self.refiner {
            None => None,
            Some(refiner) => Some(refiner.refine(self.evaluator.sums(), searched)?),
        };
        let (refined, of_modes) = refined.unzip();
        let odds = self.odds(views, (at.a, of_modes.as_ref()));
        let result = ImageResult {
            cross_correlation: at.cross_correlation,
            template: searched.best.template,
            displacement: searched.best.displacement,
            displacement_angstrom: self.plan.displacements.angstrom()[searched.best.displacement],
            is_at_edge: self.plan.displacements.is_at_rim()[searched.best.displacement],
            prior_distance: None,
            rotation: searched.best.rotation,
            log_likelihood_optimal: at.log_likelihood,
            log_likelihood_integrated: searched.log_likelihood,
            smallest_cross_correlation: smallest,
            is_without_noise: self.plan.likelihood.is_without_noise(at.cross_correlation),
            contrast: at.contrast,
            contrast_sd: at.contrast_sd,
            pruned_mass,
            evaluated_share,
            refined,
        };
        Ok((result, odds))
    }

    /// ln of the odds that there is a particle, for each scale: of lattices, and of the grid's poses outside of them.
    fn odds(
        &self,
        views: impl Iterator<Item = LookedAt> + Clone,
        (a, of_modes): (f64, Option<&OddsOfModes>),
    ) -> Vec<f64> {
        let Plan { likelihood, templates, geometry, settings, .. } = self.plan;
        let Some(inverse) = &self.plan.inverse_gain else { return Vec::new() };
        let total: f64 = templates.view_weights().iter().sum();
        let is_positive = likelihood.sign() == ContrastSign::Positive;
        let a = of_modes.map_or(a, |odds| odds.a);
        let of_view = |LookedAt { view, best, ln_sum, ln_prior }| {
            // Scores are ℓ₊ with the prior but for what all poses share, or correlations.
            let score = if is_positive { best.score } else { likelihood.gain(best.score) - 0.5 * a.ln() };
            let weight = templates.view_weights()[view] / total;
            OfView { ln_width: ln_sum - score, gain: score - ln_prior + 0.5 * a.ln(), ln_prior, weight }
        };
        let of_grid = ln_odds_of_grid(likelihood, inverse, (geometry.i_ss(), a), settings.scales(), views.map(of_view));
        let Some(of_modes) = of_modes else { return of_grid };
        let joined = of_grid.iter().zip(&of_modes.ln_sums).map(|(of_grid, of_modes_sum)| {
            let mut sum = LogSum::new();
            sum.add(*of_modes_sum, 1.0);
            sum.add(of_grid + of_modes.ln_rest, 1.0);
            sum.ln()
        });
        joined.collect()
    }
}
