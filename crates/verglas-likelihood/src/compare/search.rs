//! The comparison of images with the templates of one structure, block by block.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use verglas_core::threads::share_work;
use verglas_fourier::pose::Matrix3;

use super::basis::Extent;
use super::candidates::{Evaluator, bytes_of_candidates};
use super::images::{ImageBlock, bytes_per_image};
use super::near::{NearImage, NearJob};
use super::plan::{ComparisonSettings, Plan};
use super::product::GROUP;
use super::run::{Job, Outcome, bytes_of_thread};
use super::samples::bytes_of_samples;
use super::templates::n_phases;
use super::work::SearchReal;
use crate::displacements::Displacements;
use crate::error::LikelihoodError;
use crate::formula::{ContrastSign, LogSum, integrate_views};
use crate::geometry::Geometry;
use crate::odds::{InverseGain, OfView, ln_odds_of_grid};
use crate::pose::{BestOfView, ContinuousPose};
use crate::prior::{Known, PosePrior};
use crate::real::Real;
use crate::refine::{OddsOfModes, Refinement, Refiner, Searched};
use crate::results::{Comparison, ImageResult, PairResult};
use crate::sets::{ImageSet, TemplateSet};

/// What is found of an image: its result, and ln of the odds that there is a particle for each scale.
type Found = (ImageResult, Vec<f64>);

/// Templates of one structure, made ready to be compared with images.
///
/// Results depend on the templates, displacements and settings, and on each image by itself: not on the other images, on
/// threads or on memory, to the last bit (on processors with the same vectors).
#[derive(Debug)]
pub struct Search<'a, T: Real> {
    plan: Plan<'a, T>,
    refinement: Option<Refinement<'a>>,
}

impl<'a, T: SearchReal> Search<'a, T> {
    /// Finds the radial functions of the templates, in single precision; takes a second or two for N = 128.
    ///
    /// # Errors
    /// When a grid is too small for the likelihood, or memory for the least that is needed.
    pub fn new(
        geometry: &'a Geometry,
        templates: TemplateSet<'a, T>,
        displacements: &'a Displacements,
        settings: ComparisonSettings,
    ) -> Result<Self, LikelihoodError> {
        let plan = Plan::new(geometry, templates, displacements, settings)?;
        let mut search = Self { plan, refinement: None };
        search.images_at_once()?;
        search.plan.make_phases();
        Ok(search)
    }

    /// Finds what lies between the grid's points, too, for scales above 0 with integrated likelihoods.
    ///
    /// # Errors
    /// When there are not as many views as templates, or memory is too small now.
    pub fn with_refinement(mut self, refinement: Refinement<'a>) -> Result<Self, LikelihoodError> {
        LikelihoodError::check_length("views", self.plan.templates.n_views(), refinement.views.len())?;
        self.plan.keeps_views = true;
        self.refinement = Some(refinement);
        self.images_at_once()?;
        Ok(self)
    }

    /// The least memory that a search of these templates takes, in bytes, without making it; takes as long as finding their
    /// radial functions does. `is_refined` says whether it is to be one [with refinement](Search::with_refinement), whose templates
    /// between the views are not counted.
    ///
    /// # Errors
    /// When a grid is too small for the likelihood.
    pub fn needed_memory_bytes(
        geometry: &'a Geometry,
        templates: TemplateSet<'a, T>,
        displacements: &'a Displacements,
        settings: &ComparisonSettings,
        is_refined: bool,
    ) -> Result<u64, LikelihoodError> {
        let settings = ComparisonSettings { memory_bytes: u64::MAX, ..settings.clone() };
        let mut plan = Plan::new(geometry, templates, displacements, settings)?;
        plan.keeps_views |= is_refined;
        Ok(Self { plan, refinement: None }.least_memory_bytes())
    }

    /// The least memory that suffices whatever the templates of `n_views` views are, in bytes: what a search of them can keep
    /// to ([`Search::least_memory_bytes`]) is no more.
    pub fn sufficient_memory_bytes(
        geometry: &Geometry,
        displacements: &Displacements,
        n_views: usize,
        settings: &ComparisonSettings,
        is_refined: bool,
    ) -> u64 {
        let (basis, n_angles, lanes) = (Extent::most(geometry), geometry.n_inplanes(), T::lanes());
        let phases = n_phases(geometry, displacements, n_angles, lanes) * size_of::<T>();
        let n_threads = settings.n_threads.max(1);
        let refinement = if is_refined { bytes_of_refinement(geometry, n_threads) } else { 0 };
        let fixed =
            phases as u64 + refinement + n_threads as u64 * bytes_of_thread::<T>(geometry, basis, n_angles, lanes);
        let keeps_views = is_refined || settings.integrated && !settings.particle_scales.is_empty();
        let of_views = if keeps_views { (n_views * size_of::<BestOfView>()) as u64 } else { 0 };
        let for_images = fixed + GROUP as u64 * (of_views + bytes_of_image::<T>(geometry, basis, n_views, settings));
        for_images.max(bytes_of_samples(geometry, n_threads))
    }

    /// How many radial functions are kept, of all frequencies together, and how many there would be.
    pub fn n_functions(&self) -> (usize, usize) {
        (self.plan.basis.total, self.plan.basis.n_inputs * self.plan.basis.frequencies.len())
    }

    /// The least memory that a search can keep to, in bytes.
    pub fn least_memory_bytes(&self) -> u64 {
        let for_images = self.fixed_bytes() + GROUP as u64 * self.bytes_per_image();
        for_images.max(self.plan.bytes_to_prepare())
    }

    fn fixed_bytes(&self) -> u64 {
        let plan = &self.plan;
        let (basis, n_angles) = (plan.basis.extent(), plan.transform.n_angles);
        let n_threads = plan.settings.n_threads.max(1);
        let refinement = if plan.keeps_views { bytes_of_refinement(plan.geometry, n_threads) } else { 0 };
        let of_threads = n_threads as u64 * bytes_of_thread::<T>(plan.geometry, basis, n_angles, plan.lanes);
        plan.bytes_of_phases() + refinement + of_threads
    }

    fn bytes_per_image(&self) -> u64 {
        let plan = &self.plan;
        let n_views = plan.templates.n_views();
        let of_views = if plan.keeps_views { n_views * size_of::<BestOfView>() } else { 0 };
        bytes_of_image::<T>(plan.geometry, plan.basis.extent(), n_views, &plan.settings) + of_views as u64
    }

    /// How many images are held at once.
    fn images_at_once(&self) -> Result<usize, LikelihoodError> {
        let (fixed, per_image, given) = (self.fixed_bytes(), self.bytes_per_image(), self.plan.settings.memory_bytes);
        let n = given.saturating_sub(fixed) / per_image / GROUP as u64 * GROUP as u64;
        if n == 0 {
            return Err(LikelihoodError::Memory { needed: self.least_memory_bytes(), given });
        }
        Ok(n as usize)
    }

    /// Compares each image with each template, displaced and turned.
    ///
    /// # Errors
    /// Values that are not finite, and images and templates that are 0 or constant, with their place.
    pub fn compare(&self, images: &ImageSet<T>) -> Result<Comparison<T>, LikelihoodError> {
        self.compare_watched(images, &|_| true)
    }

    /// The same, watched: `go_on` is told by any thread how many more pairs of an image and a template are compared, and says
    /// whether to go on.
    ///
    /// # Errors
    /// As [`Search::compare`]; [`LikelihoodError::Stopped`].
    pub fn compare_watched(
        &self,
        images: &ImageSet<T>,
        go_on: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Comparison<T>, LikelihoodError> {
        let (n_images, n_views) = (images.n_images(), self.plan.templates.n_views());
        let n_poses = self.plan.displacements.len() * self.plan.geometry.n_inplanes();
        let mut comparison = Comparison::default();
        if self.plan.settings.pairs {
            let none =
                PairResult { cross_correlation: f64::NAN, displacement: 0, rotation: 0, log_likelihood: f64::NAN };
            comparison.pairs = vec![none; n_images * n_views];
        }
        if self.plan.settings.full {
            comparison.cross_correlations = vec![T::default(); n_images * n_views * n_poses];
        }
        if n_images == 0 {
            return Ok(comparison);
        }
        let at_once = self.images_at_once()?;
        // Blocks of about the same size.
        let n_blocks = n_images.div_ceil(at_once);
        let at_once = n_images.div_ceil(n_blocks).next_multiple_of(GROUP);
        for first in (0..n_images).step_by(at_once) {
            let range = first..n_images.min(first + at_once);
            let pairs = match self.plan.settings.pairs {
                true => &mut comparison.pairs[range.start * n_views..range.end * n_views],
                false => &mut [],
            };
            let full = match self.plan.settings.full {
                true => {
                    &mut comparison.cross_correlations[range.start * n_views * n_poses..range.end * n_views * n_poses]
                }
                false => &mut [],
            };
            for (result, odds) in self.compare_block(images, range, pairs, full, go_on)? {
                comparison.images.push(result);
                comparison.log_odds.extend(odds);
            }
        }
        Ok(comparison)
    }

    fn compare_block(
        &self,
        images: &ImageSet<T>,
        range: std::ops::Range<usize>,
        pairs: &mut [PairResult],
        full: &mut [T],
        go_on: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Vec<Found>, LikelihoodError> {
        let n_threads = self.plan.settings.n_threads.max(1);
        let formula = self.plan.settings.formula;
        let block =
            ImageBlock::new(self.plan.geometry, &self.plan.basis, formula, images, range.clone().collect(), n_threads)?;
        let job = Job::new(&self.plan, &block, images, pairs, full, go_on);
        share_work(n_threads, || T::work(&job));
        let Outcome { log_likelihoods, of_views, candidates, smallest } = job.finish()?;

        let n_views = self.plan.templates.n_views();
        let found: Vec<_> = candidates.into_iter().map(|candidates| Mutex::new(Some(candidates))).collect();
        let results: Vec<Mutex<Option<Result<Found, LikelihoodError>>>> =
            range.clone().map(|_| Mutex::new(None)).collect();
        let next = AtomicUsize::new(0);
        share_work(n_threads, || {
            let mut evaluator = Evaluator::new(
                self.plan.geometry,
                &self.plan.templates,
                self.plan.displacements,
                formula,
                self.plan.likelihood,
            );
            let inverse = self.inverse_gain();
            let mut refiner = self.refinement.map(|refinement| {
                let refinement = Refinement { particle_scales: self.scales(), ..refinement };
                let Plan { geometry, likelihood, templates, displacements, .. } = &self.plan;
                Refiner::new(refinement, geometry, likelihood, templates, displacements)
            });
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(candidates) = found.get(index) else { break };
                let Some(candidates) = candidates.lock().expect("no thread panics while it holds this").take() else {
                    continue;
                };
                let integrated = match self.plan.settings.integrated {
                    true => integrate_views(
                        formula,
                        self.plan.templates.view_weights(),
                        log_likelihoods[index * n_views..(index + 1) * n_views].iter().copied(),
                    ),
                    false => f64::NAN,
                };
                let image = range.start + index;
                let candidates = candidates.into_sorted();
                let mut evaluate = || -> Result<Found, LikelihoodError> {
                    evaluator.take(images, image)?;
                    let (pose, found) = evaluator.best(image, &candidates)?;
                    let refined = match &mut refiner {
                        None => None,
                        Some(refiner) => {
                            let searched = Searched {
                                of_views: &of_views[index * n_views..(index + 1) * n_views],
                                candidates: &candidates,
                                log_likelihood: integrated,
                                best: pose,
                                known: None,
                            };
                            Some(refiner.refine(evaluator.sums(), &searched)?)
                        }
                    };
                    let odds = match &inverse {
                        None => Vec::new(),
                        Some(inverse) => {
                            let of_views = of_views[index * n_views..(index + 1) * n_views].iter();
                            let of_views = of_views.zip(&log_likelihoods[index * n_views..(index + 1) * n_views]);
                            let v = block.facts[index].v;
                            let views = of_views
                                .enumerate()
                                .map(|(view, (best, sum))| (view, *best, sum - self.plan.likelihood.shared(v), 0.0));
                            self.odds(inverse, views, (found.a, refined.as_ref().map(|(_, odds)| odds)))
                        }
                    };
                    let refined = refined.map(|(refined, _)| refined);
                    let result = ImageResult {
                        cross_correlation: found.cross_correlation,
                        template: pose.template,
                        displacement: pose.displacement,
                        rotation: pose.rotation,
                        log_likelihood_optimal: found.log_likelihood,
                        log_likelihood_integrated: integrated,
                        smallest_cross_correlation: smallest[index],
                        is_without_noise: self.plan.likelihood.is_without_noise(found.cross_correlation),
                        contrast: found.contrast,
                        contrast_sd: found.contrast_sd,
                        refined,
                    };
                    Ok((result, odds))
                };
                let result = evaluate();
                *results[index].lock().expect("no thread panics while it holds this") = Some(result);
            }
        });
        results
            .into_iter()
            .filter_map(|result| result.into_inner().expect("all threads are done"))
            .collect::<Result<Vec<_>, _>>()
    }

    /// Compares each image with the templates near its known pose, weighted by the prior; `views` are the rotations of the
    /// templates' views, `mates` those that the structure looks the same after, itself among them. Integrals have the prior in place of uniform poses; best poses are those of the largest product.
    ///
    /// # Errors
    /// As [`Search::compare_watched`]; when there are not as many poses as images, or views as templates; when displacements
    /// form no grid.
    pub fn compare_near(
        &self,
        images: &ImageSet<T>,
        (poses, prior): (&[ContinuousPose], PosePrior),
        (views, mates): (&[Matrix3], &'a [Matrix3]),
        go_on: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Comparison<T>, LikelihoodError> {
        LikelihoodError::check_length("known poses", images.n_images(), poses.len())?;
        LikelihoodError::check_length("views", self.plan.templates.n_views(), views.len())?;
        if self.plan.displacements.grid().is_none() {
            return Err(LikelihoodError::Length { what: "grid of displacements", expected: 1, found: 0 });
        }
        // Neighbours stand beside each other: circles of views, eight degrees apart, one after the other.
        let mut order: Vec<usize> = (0..poses.len()).collect();
        let key = |pose: &ContinuousPose| {
            let [x, y, z] = [0, 1, 2].map(|axis| pose.rotation[axis][2]);
            let circle = (z.clamp(-1.0, 1.0).acos() / 0.14) as i64;
            let azimuth = y.atan2(x);
            (circle, if circle % 2 == 0 { azimuth } else { -azimuth })
        };
        let keys: Vec<(i64, f64)> = poses.iter().map(key).collect();
        order.sort_by(|&a, &b| keys[a].0.cmp(&keys[b].0).then(keys[a].1.total_cmp(&keys[b].1)).then(a.cmp(&b)));
        let mut results: Vec<Option<Found>> = vec![None; poses.len()];
        let at_once = self.images_at_once()?;
        for order in order.chunks(at_once) {
            let found = self.compare_block_near(images, order.to_vec(), (poses, prior), (views, mates), go_on)?;
            for (&image, found) in order.iter().zip(found) {
                results[image] = Some(found);
            }
        }
        let mut comparison = Comparison::default();
        for (result, odds) in results.into_iter().flatten() {
            comparison.images.push(result);
            comparison.log_odds.extend(odds);
        }
        Ok(comparison)
    }

    fn compare_block_near(
        &self,
        images: &ImageSet<T>,
        order: Vec<usize>,
        (poses, prior): (&[ContinuousPose], PosePrior),
        (views, mates): (&[Matrix3], &'a [Matrix3]),
        go_on: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Vec<Found>, LikelihoodError> {
        let Plan { geometry, likelihood, templates, displacements, settings, .. } = &self.plan;
        let n_threads = settings.n_threads.max(1);
        let known: Vec<Known<'a>> = order.iter().map(|&image| Known { prior, pose: poses[image], mates }).collect();
        let block = ImageBlock::new(geometry, &self.plan.basis, settings.formula, images, order.clone(), n_threads)?;
        let job = NearJob::new(&self.plan, &block, views, &known, go_on);
        share_work(n_threads, || T::work_near(&job));
        let found: Vec<Mutex<Option<NearImage>>> =
            job.finish()?.into_iter().map(|image| Mutex::new(Some(image))).collect();
        let results: Vec<Mutex<Option<Result<Found, LikelihoodError>>>> =
            order.iter().map(|_| Mutex::new(None)).collect();
        let next = AtomicUsize::new(0);
        let total: f64 = templates.view_weights().iter().sum();
        share_work(n_threads, || {
            let mut evaluator = Evaluator::new(geometry, templates, displacements, settings.formula, *likelihood);
            let inverse = self.inverse_gain();
            let mut refiner = self.refinement.map(|refinement| {
                let refinement = Refinement { particle_scales: self.scales(), ..refinement };
                Refiner::new(refinement, geometry, likelihood, templates, displacements)
            });
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(found) = found.get(index) else { break };
                let Some(found) = found.lock().expect("no thread panics while it holds this").take() else { continue };
                let image = order[index];
                let evaluate = || -> Result<Found, LikelihoodError> {
                    evaluator.take(images, image)?;
                    let mut sum = LogSum::new();
                    for (view, of_view, _) in &found.of_views {
                        sum.add(*of_view, templates.view_weights()[*view as usize] / total);
                    }
                    let integrated = sum.ln() + likelihood.shared(block.facts[index].v);
                    let candidates = found.candidates.into_sorted();
                    let Some(best) = candidates.first() else { return Err(LikelihoodError::NothingNear { image }) };
                    let at = evaluator.evaluate(best.pose);
                    let mut of_views =
                        vec![BestOfView { score: f64::NAN, displacement: 0, rotation: 0 }; templates.n_views()];
                    for (view, _, best) in &found.of_views {
                        of_views[*view as usize] = *best;
                    }
                    let refined = match &mut refiner {
                        None => None,
                        Some(refiner) => {
                            let searched = Searched {
                                of_views: &of_views,
                                candidates: &candidates,
                                log_likelihood: integrated,
                                best: best.pose,
                                known: Some(known[index]),
                            };
                            Some(refiner.refine(evaluator.sums(), &searched)?)
                        }
                    };
                    let odds = match &inverse {
                        None => Vec::new(),
                        Some(inverse) => {
                            let step = std::f64::consts::TAU / geometry.n_inplanes() as f64;
                            let views = found.of_views.iter().map(|(view, sum, best)| {
                                let displacement = displacements.angstrom()[best.displacement as usize];
                                let angle = step * f64::from(best.rotation);
                                let pose = ContinuousPose::of_template(&views[*view as usize], angle, displacement);
                                (*view as usize, *best, *sum, known[index].ln_density(&pose))
                            });
                            self.odds(inverse, views, (at.a, refined.as_ref().map(|(_, odds)| odds)))
                        }
                    };
                    let refined = refined.map(|(refined, _)| refined);
                    let result = ImageResult {
                        cross_correlation: at.cross_correlation,
                        template: best.pose.template,
                        displacement: best.pose.displacement,
                        rotation: best.pose.rotation,
                        log_likelihood_optimal: at.log_likelihood,
                        log_likelihood_integrated: integrated,
                        smallest_cross_correlation: found.smallest,
                        is_without_noise: likelihood.is_without_noise(at.cross_correlation),
                        contrast: at.contrast,
                        contrast_sd: at.contrast_sd,
                        refined,
                    };
                    Ok((result, odds))
                };
                let result = evaluate();
                *results[index].lock().expect("no thread panics while it holds this") = Some(result);
            }
        });
        results
            .into_iter()
            .filter_map(|result| result.into_inner().expect("all threads are done"))
            .collect::<Result<Vec<_>, _>>()
    }
}

impl<'a, T: SearchReal> Search<'a, T> {
    /// Scales of particles for which odds are computed.
    fn scales(&self) -> &[f64] {
        if self.plan.settings.integrated { &self.plan.settings.particle_scales } else { &[] }
    }

    fn inverse_gain(&self) -> Option<InverseGain> {
        (!self.scales().is_empty()).then(|| InverseGain::new(&self.plan.likelihood))
    }

    /// ln of the odds that there is a particle, for each scale: of lattices, and of the grid's poses outside of them. `views` are
    /// looked at views: place, best pose, ln of the sum of exp ℓ₊ but for what all poses share, and ln of the prior's density at the best pose.
    fn odds(
        &self,
        inverse: &InverseGain,
        views: impl Iterator<Item = (usize, BestOfView, f64, f64)> + Clone,
        (a, of_modes): (f64, Option<&OddsOfModes>),
    ) -> Vec<f64> {
        let Plan { likelihood, templates, geometry, .. } = &self.plan;
        let total: f64 = templates.view_weights().iter().sum();
        let is_positive = likelihood.sign() == ContrastSign::Positive;
        let a = of_modes.map_or(a, |odds| odds.a);
        let of_view = |(view, best, sum, ln_prior): (usize, BestOfView, f64, f64)| {
            // Scores are ℓ₊ with the prior but for what all poses share, or correlations.
            let score = if is_positive { best.score } else { likelihood.gain(best.score) - 0.5 * a.ln() };
            let weight = templates.view_weights()[view] / total;
            OfView { ln_width: sum - score, gain: score - ln_prior + 0.5 * a.ln(), ln_prior, weight }
        };
        let of_grid = ln_odds_of_grid(likelihood, inverse, (geometry.i_ss(), a), self.scales(), views.map(of_view));
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

/// Bytes of all threads that look between the grid's poses: two templates and what is summed of them, and some templates of a
/// view.
fn bytes_of_refinement(geometry: &Geometry, n_threads: usize) -> u64 {
    n_threads as u64 * 40 * 16 * geometry.n_points() as u64
}

/// Bytes that an image takes while it is compared, at most.
fn bytes_of_image<T: Real>(geometry: &Geometry, basis: Extent, n_views: usize, settings: &ComparisonSettings) -> u64 {
    let n_threads = settings.n_threads.max(1);
    // Tables and candidates of each thread, and a likelihood for each view.
    let tables =
        n_threads * (5 * geometry.n_inplanes() * size_of::<T>() + 128) + (n_threads + 1) * bytes_of_candidates();
    bytes_per_image::<T>(geometry, basis, settings.formula) + (tables + n_views * size_of::<f64>()) as u64
}
