//! What images are compared with: all poses of the grid, or those near known ones, or both.

use verglas_fourier::pose::Matrix3;
use verglas_likelihood::compare::{CoarseTemplates, ComparisonSettings, Search};
use verglas_likelihood::displacements::Displacements;
use verglas_likelihood::refine::{ContinuousPose, Refinement};
use verglas_likelihood::{Comparison, Geometry, ImageSet, LikelihoodError, PosePrior, TemplateSet};

use crate::number::Number;
use crate::prepare::LikelihoodJob;

/// The templates of a structure, ready to be compared with images.
#[derive(Debug)]
pub(crate) struct Searches<'s, T: Number> {
    all: Option<Search<'s, T>>,
    near: Option<(Search<'s, T>, PosePrior)>,
    views: &'s [Matrix3],
    mates: &'s [Matrix3],
}

impl LikelihoodJob {
    /// The searches that are made with `settings`: their displacements, and what each of them computes.
    pub(crate) fn planned_searches(
        &self,
        settings: &ComparisonSettings,
    ) -> impl Iterator<Item = (&Displacements, ComparisonSettings)> {
        let everywhere = self.searches_everywhere().then(|| (&self.displacements, settings.clone()));
        // Near known poses all are looked at.
        let of_near = ComparisonSettings { pruning: None, ..settings.clone() };
        let near = self.known.as_ref().map(|known| (&known.displacements, of_near));
        everywhere.into_iter().chain(near)
    }

    /// Whether any image is compared with all poses.
    pub(crate) fn searches_everywhere(&self) -> bool {
        self.known.as_ref().is_none_or(|known| known.are_some_searched)
    }

    /// Prepares what images are compared with. `coarse` is what [`LikelihoodJob::coarse`] gives.
    ///
    /// # Errors
    /// As [`Search::new_watched`].
    pub(crate) fn searches<'s, T: Number>(
        &'s self,
        (geometry, templates, views): (&'s Geometry, TemplateSet<'s, T>, &'s [Matrix3]),
        settings: ComparisonSettings,
        coarse: Option<&'s CoarseTemplates<T>>,
        refinement: Option<Refinement<'s>>,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Searches<'s, T>, LikelihoodError> {
        let n = self.planned_searches(&settings).count() as u64;
        // Both share the memory.
        let settings = ComparisonSettings { memory_bytes: settings.memory_bytes / n, ..settings };
        let (mut all, mut near) = (None, None);
        for (displacements, settings) in self.planned_searches(&settings) {
            let is_everywhere = std::ptr::eq(displacements, &self.displacements);
            let mut search = Search::new_watched(geometry, templates, displacements, settings, go_on)?;
            if let Some(coarse) = coarse.filter(|_| is_everywhere) {
                search = search.with_pruning(coarse, go_on)?;
            }
            if let Some(refinement) = refinement {
                search = search.with_refinement(refinement)?;
            }
            match &self.known {
                Some(known) if !is_everywhere => near = Some((search, known.prior)),
                _ => all = Some(search),
            }
        }
        Ok(Searches { all, near, views, mates: &self.mates })
    }
}

impl<T: Number> Searches<'_, T> {
    /// Compares images near their poses where these are known, else with all; only one after the other where some are.
    ///
    /// # Errors
    /// As [`Search::compare_watched`] and [`Search::compare_near`].
    pub(crate) fn compare(
        &self,
        images: &ImageSet<T>,
        known: &[Option<ContinuousPose>],
        go_on: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Comparison<T>, LikelihoodError> {
        let Some((near, prior)) = &self.near else { return self.everywhere().compare_watched(images, go_on) };
        let mut all = Comparison::default();
        let mut first = 0;
        for run in known.chunk_by(|a, b| a.is_some() == b.is_some()) {
            let images = images.range(first..first + run.len());
            let poses: Vec<ContinuousPose> = run.iter().copied().flatten().collect();
            let found = match poses.is_empty() {
                true => self.everywhere().compare_watched(&images, go_on),
                false => near.compare_near(&images, (&poses, *prior), (self.views, self.mates), go_on),
            };
            let found = found.map_err(|error| error.of_image_from(first))?;
            all.images.extend(found.images);
            all.log_odds.extend(found.log_odds);
            first += run.len();
        }
        Ok(all)
    }

    /// ln L over the grid of some images, with all poses looked at in full.
    ///
    /// # Errors
    /// As [`Search::audit`].
    pub(crate) fn audit(
        &self,
        images: &ImageSet<T>,
        order: &[usize],
        go_on: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Vec<f64>, LikelihoodError> {
        self.everywhere().audit(images, order, go_on)
    }

    /// The search of all poses.
    fn everywhere(&self) -> &Search<'_, T> {
        self.all.as_ref().expect("images without a known pose were refused unless all poses are searched")
    }
}
