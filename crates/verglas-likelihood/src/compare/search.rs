//! The comparison of images with the templates of one structure, block by block.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use verglas_core::threads::share_work;

use super::basis::Extent;
use super::candidates::{Evaluator, bytes_of_candidates};
use super::images::{ImageBlock, bytes_per_image};
use super::plan::{ComparisonSettings, Plan, SearchReal};
use super::product::GROUP;
use super::run::{Job, Outcome, bytes_of_thread};
use super::samples::bytes_of_samples;
use super::templates::n_phases;
use crate::displacements::Displacements;
use crate::error::LikelihoodError;
use crate::formula::integrate_views;
use crate::geometry::Geometry;
use crate::real::Real;
use crate::results::{Comparison, ImageResult, PairResult};
use crate::sets::{ImageSet, TemplateSet};

/// Templates of one structure, made ready to be compared with images.
///
/// Results depend on the templates, displacements and settings, and on each image by itself: not on the other images, on
/// threads or on memory, to the last bit (on processors with the same vectors).
#[derive(Debug)]
pub struct Search<'a, T: Real> {
    plan: Plan<'a, T>,
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
        let mut search = Self { plan: Plan::new(geometry, templates, displacements, settings)? };
        search.images_at_once()?;
        search.plan.make_phases();
        Ok(search)
    }

    /// The least memory that a search of these templates takes, in bytes, without making it; takes as long as finding their
    /// radial functions does.
    ///
    /// # Errors
    /// When a grid is too small for the likelihood.
    pub fn needed_memory_bytes(
        geometry: &'a Geometry,
        templates: TemplateSet<'a, T>,
        displacements: &'a Displacements,
        settings: &ComparisonSettings,
    ) -> Result<u64, LikelihoodError> {
        let settings = ComparisonSettings { memory_bytes: u64::MAX, ..settings.clone() };
        Ok(Self { plan: Plan::new(geometry, templates, displacements, settings)? }.least_memory_bytes())
    }

    /// The least memory that suffices whatever the templates of `n_views` views are, in bytes: what a search of them can keep
    /// to ([`Search::least_memory_bytes`]) is no more.
    pub fn sufficient_memory_bytes(
        geometry: &Geometry,
        displacements: &Displacements,
        n_views: usize,
        settings: &ComparisonSettings,
    ) -> u64 {
        let (basis, n_angles, lanes) = (Extent::most(geometry), geometry.n_inplanes(), T::lanes());
        let phases = n_phases(geometry, displacements, n_angles, lanes) * size_of::<T>();
        let n_threads = settings.n_threads.max(1);
        let fixed = phases as u64 + n_threads as u64 * bytes_of_thread::<T>(geometry, basis, n_angles, lanes);
        let for_images = fixed + GROUP as u64 * bytes_of_image::<T>(geometry, basis, n_views, settings);
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
        plan.bytes_of_phases()
            + plan.settings.n_threads.max(1) as u64 * bytes_of_thread::<T>(plan.geometry, basis, n_angles, plan.lanes)
    }

    fn bytes_per_image(&self) -> u64 {
        let plan = &self.plan;
        bytes_of_image::<T>(plan.geometry, plan.basis.extent(), plan.templates.n_views(), &plan.settings)
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
            comparison.images.extend(self.compare_block(images, range, pairs, full, go_on)?);
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
    ) -> Result<Vec<ImageResult>, LikelihoodError> {
        let n_threads = self.plan.settings.n_threads.max(1);
        let formula = self.plan.settings.formula;
        let block = ImageBlock::new(self.plan.geometry, &self.plan.basis, formula, images, range.clone(), n_threads)?;
        let job = Job::new(&self.plan, &block, images, pairs, full, go_on);
        share_work(n_threads, || T::dispatch(job.worker()));
        let Outcome { log_likelihoods, candidates, smallest } = job.finish()?;

        let n_views = self.plan.templates.n_views();
        let found: Vec<_> = candidates.into_iter().map(|candidates| Mutex::new(Some(candidates))).collect();
        let results: Vec<Mutex<Option<Result<ImageResult, LikelihoodError>>>> =
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
                let result = evaluator.best(images, range.start + index, candidates).map(|(pose, found)| ImageResult {
                    cross_correlation: found.cross_correlation,
                    template: pose.template,
                    displacement: pose.displacement,
                    rotation: pose.rotation,
                    log_likelihood_optimal: found.log_likelihood,
                    log_likelihood_integrated: integrated,
                    smallest_cross_correlation: smallest[index],
                    is_without_noise: self.plan.likelihood.is_without_noise(found.cross_correlation),
                });
                *results[index].lock().expect("no thread panics while it holds this") = Some(result);
            }
        });
        results
            .into_iter()
            .filter_map(|result| result.into_inner().expect("all threads are done"))
            .collect::<Result<Vec<_>, _>>()
    }
}

/// Bytes that an image takes while it is compared, at most.
fn bytes_of_image<T: Real>(geometry: &Geometry, basis: Extent, n_views: usize, settings: &ComparisonSettings) -> u64 {
    let n_threads = settings.n_threads.max(1);
    // Tables and candidates of each thread, and a likelihood for each view.
    let tables =
        n_threads * (5 * geometry.n_inplanes() * size_of::<T>() + 128) + (n_threads + 1) * bytes_of_candidates::<T>();
    bytes_per_image::<T>(geometry, basis, settings.formula) + (tables + n_views * size_of::<f64>()) as u64
}
