//! The comparison of images with the templates of one structure, block by block.

use std::f64::consts::TAU;

use num_complex::Complex;
use verglas_core::threads::share_work;
use verglas_fourier::pose::Matrix3;
use verglas_fourier::slices::SomeShells;
use verglas_fourier::sphere::rotation;

use super::basis::Extent;
use super::candidates::bytes_of_candidates;
use super::coarse::CoarseTemplates;
use super::few_shells::FewShells;
use super::finish::{Found, LookedAt, finish_images};
use super::images::{ImageBlock, bytes_per_image};
use super::near::NearJob;
use super::plan::{ComparisonSettings, Plan};
use super::product::GROUP;
use super::pruned::{Pruned, Pruner, bytes_of_pruned_image, bytes_of_pruner};
use super::run::{Job, Outcome, bytes_of_thread};
use super::samples::bytes_of_samples;
use super::templates::n_phases;
use super::work::Work;
use crate::displacements::Displacements;
use crate::error::LikelihoodError;
use crate::formula::{LogSum, integrate_views};
use crate::geometry::Geometry;
use crate::pose::{BestOfView, ContinuousPose};
use crate::prior::{Known, PosePrior};
use crate::real::Real;
use crate::refine::rotation::turn;
use crate::refine::{Refinement, Searched};
use crate::results::{Comparison, PairResult};
use crate::sets::{ImageSet, TemplateSet};

/// Templates of one structure, made ready to be compared with images.
///
/// Results depend on the templates, displacements and settings, and on each image by itself: not on the other images, on
/// threads or on memory, to the last bit (on processors with the same vectors).
#[derive(Debug)]
pub struct Search<'a, T: Work> {
    plan: Plan<'a, T>,
    refinement: Option<Refinement<'a>>,
    pruner: Option<Pruner<'a, T>>,
}

impl<'a, T: Work> Search<'a, T> {
    pub(super) fn make(
        geometry: &'a Geometry,
        templates: TemplateSet<'a, T>,
        displacements: &'a Displacements,
        settings: ComparisonSettings,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self, LikelihoodError> {
        let plan = Plan::new(geometry, templates, displacements, settings, go_on)?;
        let mut search = Self { plan, refinement: None, pruner: None };
        search.images_at_once()?;
        search.plan.make_phases();
        Ok(search)
    }

    /// Finds what lies between the grid's points, too, for scales above 0 with integrated likelihoods.
    ///
    /// # Errors
    /// When there are not as many views as templates, or memory is too small now; [`LikelihoodError::Stopped`] once `go_on` says no.
    pub fn with_refinement(
        mut self,
        refinement: Refinement<'a>,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self, LikelihoodError> {
        LikelihoodError::check_length("views", self.plan.templates.n_views(), refinement.views.len())?;
        self.plan.keeps_views = true;
        // Finding them takes as much memory as preparing the search did: phases are made again after it.
        self.plan.phases = Vec::new();
        self.plan.few_shells = self.few_shells(&refinement, go_on)?;
        self.plan.make_phases();
        self.refinement = Some(refinement);
        self.images_at_once()?;
        Ok(self)
    }

    /// The shells that do for templates between the views, where these can be taken on some alone.
    fn few_shells(
        &self,
        refinement: &Refinement<'_>,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<FewShells>, LikelihoodError> {
        /// Maxima are looked for so many pixels beyond the displacements that are searched.
        const BEYOND: f64 = 2.5;
        /// Rotations at which templates on few shells are tried.
        const TRIALS: u32 = 16;
        let Plan { geometry, templates, displacements, settings, transform, .. } = &self.plan;
        let are_real = transform.n_angles < geometry.n_inplanes();
        if !T::IS_SINGLE || !are_real {
            return Ok(None);
        }
        let places: Vec<usize> = (0..geometry.n_shells()).collect();
        let weights = places.iter().map(|&shell| geometry.grid().point_weight(shell)).collect();
        let mut all = vec![Complex::default(); geometry.n_points()];
        if !refinement.slices.take_on(&SomeShells { places, weights }, &refinement.views[..1], &mut all)? {
            return Ok(None);
        }
        let farthest = displacements.angstrom().iter().map(|d| d[0].hypot(d[1])).fold(0.0, f64::max);
        let reach = farthest + BEYOND * refinement.pixel_angstrom;
        let Some(few) = FewShells::find(geometry, templates, reach, (settings.n_threads.max(1), go_on))? else {
            return Ok(None);
        };
        // They were found from the grid's templates: do they do for others?
        let mut on_few = vec![Complex::default(); few.len() * geometry.n_inplanes()];
        for trial in 0..TRIALS {
            let part = |step: f64| (f64::from(trial) * step + 0.5).fract();
            let (tilt, rot) = ((1.0 - 2.0 * part(0.618_033_988_749_894_9)).acos(), TAU * part(0.754_877_666_246_692_7));
            let rotation = [rotation(rot, tilt, TAU * part(0.569_840_290_998_053_2))];
            refinement.slices.take_rounded(&rotation, &mut all)?;
            let taken = refinement.slices.take_on(&few.shells, &rotation, &mut on_few)?;
            if !taken || !few.hold_for(geometry, &all, &on_few) {
                return Ok(None);
            }
        }
        Ok(Some(few))
    }

    pub(super) fn prune(
        mut self,
        coarse: &'a CoarseTemplates<T>,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self, LikelihoodError> {
        let Plan { settings, templates, displacements, .. } = &self.plan;
        let is_wanted = settings.looks_coarsely(templates.n_views(), displacements.len());
        if let Some(pruning) = settings.pruning().filter(|_| is_wanted) {
            self.pruner = Some(Pruner::new(&self.plan, coarse, pruning, go_on)?);
            self.images_at_once()?;
        }
        Ok(self)
    }

    /// The least memory that a search takes, without making it.
    pub(super) fn needed_bytes(
        geometry: &'a Geometry,
        templates: TemplateSet<'a, T>,
        displacements: &'a Displacements,
        settings: &ComparisonSettings,
        is_refined: bool,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<u64, LikelihoodError> {
        let settings = ComparisonSettings { memory_bytes: u64::MAX, ..settings.clone() };
        let mut plan = Plan::new(geometry, templates, displacements, settings.clone(), go_on)?;
        plan.keeps_views |= is_refined;
        let mut least = Self { plan, refinement: None, pruner: None }.least_memory_bytes();
        if settings.looks_coarsely(templates.n_views(), displacements.len()) {
            least = least.saturating_add(of_pruning::<T>(geometry, displacements, templates.n_views(), &settings));
        }
        Ok(least)
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
        let phases = n_phases(geometry.n_shells(), displacements, n_angles, lanes) * size_of::<T>();
        let n_threads = settings.n_threads.max(1);
        let refinement = if is_refined { bytes_of_refinement(geometry, n_threads) } else { 0 };
        let fixed =
            phases as u64 + refinement + n_threads as u64 * bytes_of_thread::<T>(geometry, basis, n_angles, lanes);
        let keeps_views = is_refined || !settings.scales().is_empty();
        let of_views = if keeps_views { (n_views * size_of::<BestOfView>()) as u64 } else { 0 };
        let for_images = fixed + GROUP as u64 * (of_views + bytes_of_image::<T>(geometry, basis, n_views, settings));
        let least = for_images.max(bytes_of_samples(geometry, n_threads));
        match settings.looks_coarsely(n_views, displacements.len()) {
            true => least.saturating_add(of_pruning::<T>(geometry, displacements, n_views, settings)),
            false => least,
        }
    }

    /// How many radial functions are kept, of all frequencies together, and how many there would be.
    pub fn n_functions(&self) -> (usize, usize) {
        (self.plan.basis.total, self.plan.basis.n_inputs * self.plan.basis.frequencies.len())
    }

    /// On how many shells templates between the views are taken.
    pub fn n_shells_between(&self) -> usize {
        self.plan.few_shells.as_ref().map_or(self.plan.geometry.n_shells(), FewShells::len)
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
        let pruner = self.pruner.as_ref().map_or(0, Pruner::fixed_bytes);
        plan.bytes_of_phases() + refinement + of_threads + pruner
    }

    fn bytes_per_image(&self) -> u64 {
        let plan = &self.plan;
        let n_views = plan.templates.n_views();
        let of_views = if plan.keeps_views { n_views * size_of::<BestOfView>() } else { 0 };
        let of_pruner = self.pruner.as_ref().map_or(0, |pruner| pruner.bytes_per_image(plan));
        bytes_of_image::<T>(plan.geometry, plan.basis.extent(), n_views, &plan.settings) + of_views as u64 + of_pruner
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

    pub(super) fn compare_all(
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
            for (result, odds) in self.compare_block(images, range.collect(), pairs, full, go_on)? {
                comparison.images.push(result);
                comparison.log_odds.extend(odds);
            }
        }
        Ok(comparison)
    }

    /// Compares the images at these places: as far as half of the resolution allows with few poses, else with all.
    fn compare_block(
        &self,
        images: &ImageSet<T>,
        order: Vec<usize>,
        pairs: &mut [PairResult],
        full: &mut [T],
        go_on: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Vec<Found>, LikelihoodError> {
        let n_threads = self.plan.settings.n_threads.max(1);
        let Plan { geometry, basis, settings, .. } = &self.plan;
        let block = ImageBlock::new(geometry, basis, settings.formula, images, order, None, n_threads)?;
        let pruned = match &self.pruner {
            Some(pruner) => pruner.search(&self.plan, block, images, go_on)?,
            None => Err(block),
        };
        match pruned {
            Ok(Pruned { block, rows, outcome, shares }) => {
                let results = self.finish_block(&block, images, outcome, &shares, go_on)?;
                if !go_on((results.len() * self.plan.templates.n_views()) as u64) {
                    return Err(LikelihoodError::Stopped);
                }
                // In the images' own order again.
                let mut found: Vec<(usize, Found)> = rows.into_iter().zip(results).collect();
                found.sort_unstable_by_key(|(row, _)| *row);
                Ok(found.into_iter().map(|(_, found)| found).collect())
            }
            Err(block) => {
                let job = Job::new(&self.plan, &block, images, None, pairs, full, go_on);
                share_work(n_threads, || T::work(&job));
                let outcome = job.finish()?;
                self.finish_block(&block, images, outcome, &vec![(0.0, 1.0); block.n_images], go_on)
            }
        }
    }

    /// Makes the results of a block's images, each with what is known of poses that were not looked at.
    fn finish_block(
        &self,
        block: &ImageBlock<T>,
        images: &ImageSet<T>,
        outcome: Outcome,
        shares: &[(f64, f64)],
        go_on: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Vec<Found>, LikelihoodError> {
        let Outcome { log_likelihoods, of_views, candidates, smallest } = outcome;
        let Plan { settings, templates, likelihood, keeps_views, .. } = &self.plan;
        let n_views = templates.n_views();
        finish_images(&self.plan, self.refinement, block.n_images, go_on, |index, finisher| {
            let of_all = index * n_views..(index + 1) * n_views;
            let of_views = if *keeps_views { &of_views[of_all.clone()] } else { &[] };
            let log_likelihoods = if settings.integrated { &log_likelihoods[of_all] } else { &[] };
            let integrated = match settings.integrated {
                true => integrate_views(settings.formula, templates.view_weights(), log_likelihoods.iter().copied()),
                false => f64::NAN,
            };
            let (image, candidates) = (block.order[index], candidates[index].sorted());
            finisher.evaluator.take(images, image)?;
            let (best, at) = finisher.evaluator.best(image, &candidates)?;
            let searched =
                Searched { of_views, candidates: &candidates, log_likelihood: integrated, best, known: None };
            let shared = likelihood.shared(block.facts[index].v);
            let looked_at = of_views.iter().zip(log_likelihoods).enumerate();
            let views = looked_at.filter(|(_, (best, _))| best.score.is_finite()).map(|(view, (best, sum))| LookedAt {
                view,
                best: *best,
                ln_sum: sum - shared,
                ln_prior: 0.0,
            });
            finisher.finish(&searched, &at, smallest[index], views, shares[index])
        })
    }

    pub(super) fn audit_all(
        &self,
        images: &ImageSet<T>,
        order: &[usize],
        go_on: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Vec<f64>, LikelihoodError> {
        let Plan { geometry, basis, settings, templates, .. } = &self.plan;
        let (n_threads, n_views) = (settings.n_threads.max(1), templates.n_views());
        let mut found = Vec::with_capacity(order.len());
        for order in order.chunks(self.images_at_once()?) {
            let block = ImageBlock::new(geometry, basis, settings.formula, images, order.to_vec(), None, n_threads)?;
            let tells_nothing = |_| go_on(0);
            let job = Job::new(&self.plan, &block, images, None, &mut [], &mut [], &tells_nothing);
            share_work(n_threads, || T::work(&job));
            let outcome = job.finish()?;
            found.extend(
                outcome.log_likelihoods.chunks_exact(n_views).map(|of_views| {
                    integrate_views(settings.formula, templates.view_weights(), of_views.iter().copied())
                }),
            );
        }
        Ok(found)
    }

    pub(super) fn compare_all_near(
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
        let origins: Vec<[f64; 2]> = order.iter().map(|&image| poses[image].shift_angstrom).collect();
        // Of images that are moved back.
        let of_moved = |image: &usize| ContinuousPose { shift_angstrom: [0.0; 2], ..poses[*image] };
        let known: Vec<Known<'a>> = order.iter().map(|image| Known { prior, pose: of_moved(image), mates }).collect();
        let (basis, moved) = (&self.plan.basis, Some(&origins[..]));
        let block = ImageBlock::new(geometry, basis, settings.formula, images, order.clone(), moved, n_threads)?;
        let job = NearJob::new(&self.plan, &block, views, &known, go_on);
        share_work(n_threads, || T::work_near(&job));
        let found = job.finish()?;
        let total: f64 = templates.view_weights().iter().sum();
        let step = std::f64::consts::TAU / geometry.n_inplanes() as f64;
        let pose_of = |view: usize, displacement: usize, rotation: usize| {
            let displacement = displacements.angstrom()[displacement];
            ContinuousPose::of_template(&views[view], step * rotation as f64, displacement)
        };
        finish_images(&self.plan, self.refinement, order.len(), go_on, |index, finisher| {
            let (image, found, known) = (order[index], &found[index], &known[index]);
            let [x, y] = origins[index];
            finisher.evaluator.take(images, image)?;
            finisher.evaluator.move_back([x, y]);
            let mut sum = LogSum::new();
            let mut of_views = vec![BestOfView { score: f64::NAN, displacement: 0, rotation: 0 }; templates.n_views()];
            for (view, of_view, best) in &found.of_views {
                sum.add(*of_view, templates.view_weights()[*view as usize] / total);
                of_views[*view as usize] = *best;
            }
            let candidates = found.candidates.sorted();
            let Some(best) = candidates.first() else { return Err(LikelihoodError::NothingNear { image }) };
            let at = finisher.evaluator.evaluate(best.pose);
            let searched = Searched {
                of_views: &of_views,
                candidates: &candidates,
                log_likelihood: sum.ln() + likelihood.shared(block.facts[index].v),
                best: best.pose,
                known: Some(*known),
            };
            let looked_at = found.of_views.iter().map(|(view, ln_sum, best)| {
                let pose = pose_of(*view as usize, best.displacement as usize, best.rotation as usize);
                LookedAt { view: *view as usize, best: *best, ln_sum: *ln_sum, ln_prior: known.ln_density(&pose) }
            });
            let (mut result, odds) = finisher.finish(&searched, &at, found.smallest, looked_at, (0.0, 1.0))?;
            // Back to where the image is.
            let best = pose_of(best.pose.template, best.pose.displacement, best.pose.rotation);
            let distances = known.distances(result.refined.as_ref().map_or(&best, |refined| &refined.pose));
            (result.prior_distance, result.is_at_edge) = (Some(distances), known.is_edge(distances));
            let [d_0, d_1] = turn([x, y], step * result.rotation as f64);
            result.displacement_angstrom[0] += d_0;
            result.displacement_angstrom[1] += d_1;
            if let Some(refined) = &mut result.refined {
                refined.pose.shift_angstrom[0] += x;
                refined.pose.shift_angstrom[1] += y;
            }
            Ok((result, odds))
        })
    }
}

/// Bytes that the least search at half of the resolution takes, whatever the templates are.
fn of_pruning<T: Work>(
    geometry: &Geometry,
    displacements: &Displacements,
    n_views: usize,
    settings: &ComparisonSettings,
) -> u64 {
    let coarse = Extent::most(geometry);
    let of_image = bytes_of_pruned_image::<T>(geometry, coarse, (n_views, displacements.len()), settings);
    bytes_of_pruner::<T>(geometry, displacements, coarse, settings) + GROUP as u64 * of_image
}

/// Bytes of all threads that look between the grid's poses: two templates and what is summed of them, and some templates of a
/// view; and what leads to few shells.
fn bytes_of_refinement(geometry: &Geometry, n_threads: usize) -> u64 {
    n_threads as u64 * 40 * 16 * geometry.n_points() as u64 + FewShells::most_bytes(geometry)
}

/// Bytes that an image takes while it is compared, at most.
fn bytes_of_image<T: Real>(geometry: &Geometry, basis: Extent, n_views: usize, settings: &ComparisonSettings) -> u64 {
    let n_threads = settings.n_threads.max(1);
    // Tables and candidates of each thread, and a likelihood for each view.
    let tables =
        n_threads * (5 * geometry.n_inplanes() * size_of::<T>() + 128) + (n_threads + 1) * bytes_of_candidates();
    bytes_per_image::<T>(geometry, basis, settings.formula) + (tables + n_views * size_of::<f64>()) as u64
}
