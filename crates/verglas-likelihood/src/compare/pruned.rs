//! The search that looks at few poses in full: all at half of the resolution, the best of these in full, and then those that may
//! add more to the likelihood than is to be lost.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use verglas_core::threads::share_work;

use super::basis::Extent;
use super::coarse::{About, Bounds, CoarseJob, CoarseTemplates, Decision};
use super::images::{ImageBlock, bytes_per_image};
use super::plan::{ComparisonSettings, Plan, Pruning};
use super::run::{Job, Outcome, Selection, bytes_of_thread};
use super::samples::bytes_of_samples;
use super::templates::n_phases;
use super::work::Work;
use crate::displacements::Displacements;
use crate::error::LikelihoodError;
use crate::formula::integrate_views;
use crate::geometry::Geometry;
use crate::sets::ImageSet;

/// No rank is as high.
const ALL: u32 = u32::MAX;

/// What is prepared once for the templates of a structure.
#[derive(Debug)]
pub(super) struct Pruner<'a, T: Work> {
    plan: Plan<'a, T>,
    coarse: &'a CoarseTemplates<T>,
    pruning: Pruning,
    /// The displacements that weigh of each strip, with the nodes about them.
    strips: Vec<Vec<About>>,
}

/// What was looked at of a block's images.
pub(super) struct Pruned<T> {
    /// The images in another order.
    pub block: ImageBlock<T>,
    /// Which of the block's images each is.
    pub rows: Vec<usize>,
    pub outcome: Outcome,
    /// For each image how much the other poses may add, in nats, and the share of those that were looked at: all of them where too
    /// many would have to be.
    pub shares: Vec<(f64, f64)>,
}

/// Bytes that an image takes beside what it takes in full: its coarse spectra, and what its poses gain.
pub(super) fn bytes_of_pruned_image<T: Work>(
    geometry: &Geometry,
    coarse: Extent,
    (n_views, n_displacements): (usize, usize),
    settings: &ComparisonSettings,
) -> u64 {
    let n_threads = settings.n_threads.max(1);
    let strips = n_displacements.div_ceil(T::lanes());
    let of_threads = n_threads * (5 * geometry.n_inplanes() * size_of::<T>() + 4 * n_displacements);
    // Gains of all images, and bounds of one in each thread, which this counts for every image.
    let of_image = 4 * n_views * strips + of_threads + geometry.n_points() * 2 * size_of::<T>();
    bytes_per_image::<T>(geometry, coarse, settings.formula) + of_image as u64
}

/// Bytes of what does not depend on the images: phases and threads.
pub(super) fn bytes_of_pruner<T: Work>(
    geometry: &Geometry,
    displacements: &Displacements,
    coarse: Extent,
    settings: &ComparisonSettings,
) -> u64 {
    let n_threads = settings.n_threads.max(1) as u64;
    let (p, lanes) = (geometry.n_inplanes(), T::lanes());
    let phases = (n_phases(geometry.n_shells(), displacements, p, lanes) * size_of::<T>()) as u64;
    let prepared = bytes_of_samples(geometry, settings.n_threads.max(1));
    phases.max(prepared) + n_threads * bytes_of_thread::<T>(geometry, coarse, p, lanes)
}

impl<'a, T: Work> Pruner<'a, T> {
    pub fn new(
        full: &Plan<'_, T>,
        coarse: &'a CoarseTemplates<T>,
        pruning: Pruning,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self, LikelihoodError> {
        let mut plan = coarse.plan(&full.settings, go_on)?;
        plan.make_phases();
        let strips = coarse.nodes().strips(&full.order, full.lanes, full.n_weighted());
        Ok(Self { plan, coarse, pruning, strips })
    }

    /// Looks at those poses of a block's images that matter; gives the block back where nothing can be said at half
    /// of the resolution.
    ///
    /// # Errors
    /// As the search over all; [`LikelihoodError::Stopped`].
    pub fn search(
        &self,
        full: &Plan<'_, T>,
        block: ImageBlock<T>,
        images: &ImageSet<'_, T>,
        go_on: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Result<Pruned<T>, ImageBlock<T>>, LikelihoodError> {
        let n_threads = full.settings.n_threads.max(1);
        let (n_views, n_strips) = (full.templates.n_views(), self.strips.len());
        let n_images = block.n_images;
        let of_images = self.coarse.images(full.geometry, images, &block.order);
        let set = of_images.set(self.plan.geometry, images.contrast())?;
        let (basis, formula) = (&self.plan.basis, full.settings.formula);
        let order = (0..n_images).collect();
        // An image of which nothing is there at half of the resolution.
        let Ok(coarse) = ImageBlock::new(self.plan.geometry, basis, formula, &set, order, None, n_threads) else {
            return Ok(Err(block));
        };
        // What the noise of an image is, by all of it.
        let values = full.geometry.degrees_of_freedom();
        let scales: Vec<f64> = coarse
            .facts
            .iter()
            .zip(&block.facts)
            .map(|(coarse, full_facts)| {
                (coarse.v / self.plan.geometry.i_ss()) / (full_facts.v / full.geometry.i_ss()) * values
            })
            .collect();
        let mut ranks = vec![0_u32; n_images * n_views * n_strips];
        let job = CoarseJob::new((&self.plan, self.coarse), &coarse, &self.strips, &scales, &mut ranks, go_on);
        share_work(n_threads, || T::work_coarse(&job));
        let Some(smallest) = job.finish() else {
            return if go_on(0) { Ok(Err(block)) } else { Err(LikelihoodError::Stopped) };
        };
        drop((coarse, of_images));
        let decisions = self.decide(full, &block, &mut ranks);

        // Images that look alike stand beside each other: their poses are looked at together.
        let mut rows: Vec<usize> = (0..n_images).collect();
        rows.sort_by_key(|&row| (decisions[row].as_ref().map_or(usize::MAX, |decision| decision.view), row));
        let order = rows.iter().map(|&row| block.order[row]).collect();
        drop(block);
        let block = ImageBlock::new(full.geometry, &full.basis, formula, images, order, None, n_threads)?;
        let mut below: Vec<u32> = decisions.iter().map(|decision| decision.as_ref().map_or(0, |d| d.first)).collect();
        let first = self.look(full, &block, images, (&ranks, &below, &rows), go_on)?;
        let ln_sum = |outcome: &Outcome, index: usize| {
            let of_views = outcome.log_likelihoods[index * n_views..(index + 1) * n_views].iter().copied();
            let shared = full.likelihood.shared(block.facts[index].v);
            integrate_views(formula, full.templates.view_weights(), of_views) - shared
        };
        for (index, &row) in rows.iter().enumerate() {
            let found = decisions[row].as_ref().and_then(|d| d.below(ln_sum(&first, index), self.pruning.loss));
            below[row] = found.unwrap_or(ALL);
        }
        drop(first);
        let mut outcome = self.look(full, &block, images, (&ranks, &below, &rows), go_on)?;
        let mut shares = Vec::with_capacity(n_images);
        for (index, &row) in rows.iter().enumerate() {
            let Some(decision) = decisions[row].as_ref().filter(|_| below[row] < ALL) else {
                shares.push((0.0, 1.0));
                continue;
            };
            shares.push((decision.pruned_mass(below[row], ln_sum(&outcome, index)), decision.share(below[row])));
            // As large as a correlation in full that gains as much.
            let coarse = smallest[row] * (scales[row] / values).sqrt();
            outcome.smallest[index] = outcome.smallest[index].min(coarse);
        }
        Ok(Ok(Pruned { block, rows, outcome, shares }))
    }

    /// Which poses of each image are looked at.
    fn decide(&self, full: &Plan<'_, T>, block: &ImageBlock<T>, ranks: &mut [u32]) -> Vec<Option<Decision>> {
        let bounds = Bounds { plan: full, coarse: self.coarse, pruning: self.pruning, strips: &self.strips };
        let n_each = ranks.len() / block.n_images;
        let work: Vec<_> = ranks.chunks_exact_mut(n_each).map(|ranks| Mutex::new((ranks, None))).collect();
        let next = AtomicUsize::new(0);
        share_work(full.settings.n_threads.max(1), || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(work) = work.get(index) else { break };
                let mut work = work.lock().unwrap_or_else(PoisonError::into_inner);
                work.1 = bounds.decide(block, index, work.0);
                if work.1.is_none() {
                    work.0.fill(0);
                }
            }
        });
        work.into_iter().map(|work| work.into_inner().unwrap_or_else(PoisonError::into_inner).1).collect()
    }

    /// Compares the poses whose ranks are low enough, in full.
    fn look(
        &self,
        full: &Plan<'_, T>,
        block: &ImageBlock<T>,
        images: &ImageSet<'_, T>,
        (ranks, below, rows): (&[u32], &[u32], &[usize]),
        go_on: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Outcome, LikelihoodError> {
        let (n_views, n_strips) = (full.templates.n_views(), self.strips.len());
        let selection = Selection { ranks, below, rows, n_views, n_strips };
        let tells_nothing = |_| go_on(0);
        let job = Job::new(full, block, images, Some(selection), &mut [], &mut [], &tells_nothing);
        share_work(full.settings.n_threads.max(1), || T::work(&job));
        job.finish()
    }

    /// Bytes that an image takes beside what it takes in full.
    pub fn bytes_per_image(&self, full: &Plan<'_, T>) -> u64 {
        let sizes = (full.templates.n_views(), full.displacements.len());
        bytes_of_pruned_image::<T>(self.plan.geometry, self.plan.basis.extent(), sizes, &full.settings)
    }

    /// Bytes of what does not depend on the images.
    pub fn fixed_bytes(&self) -> u64 {
        let Plan { geometry, displacements, basis, settings, .. } = &self.plan;
        bytes_of_pruner::<T>(geometry, displacements, basis.extent(), settings)
    }
}
