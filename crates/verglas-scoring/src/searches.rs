//! What images are compared with: all poses of the grid, or those near known ones, or both.

use verglas_fourier::pose::Matrix3;
use verglas_likelihood::compare::{CoarseTemplates, ComparisonSettings, Search, SearchReal};
use verglas_likelihood::displacements::Displacements;
use verglas_likelihood::refine::{ContinuousPose, Refinement};
use verglas_likelihood::{Comparison, Geometry, ImageSet, LikelihoodError, PosePrior, TemplateSet};

use crate::known::KnownPoses;
use crate::prepare::LikelihoodJob;

/// Which poses are searched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Searched<'s> {
    /// The displacements of all poses.
    pub(crate) displacements: &'s Displacements,
    /// What is known of poses, if anything.
    pub(crate) known: Option<&'s KnownPoses>,
}

impl<'s> Searched<'s> {
    /// Whether any image is compared with all poses.
    pub(crate) fn everywhere(&self) -> bool {
        self.known.is_none_or(|known| known.are_some_searched)
    }

    /// The searches that are made with `settings`: their displacements, and what each of them computes.
    pub(crate) fn planned(
        &self,
        settings: &ComparisonSettings,
    ) -> impl Iterator<Item = (&'s Displacements, ComparisonSettings)> + use<'s> {
        let everywhere = self.everywhere().then(|| (self.displacements, settings.clone()));
        // Near known poses all are looked at.
        let of_near = ComparisonSettings { pruning: None, ..settings.clone() };
        let near = self.known.map(|known| (&known.displacements, of_near));
        everywhere.into_iter().chain(near)
    }
}

/// The templates of one structure, and where their views lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TemplatesOfViews<'s, T: SearchReal> {
    pub(crate) geometry: &'s Geometry,
    pub(crate) templates: TemplateSet<'s, T>,
    /// The rotation of each view.
    pub(crate) views: &'s [Matrix3],
    /// Those that the structure looks the same after, itself among them.
    pub(crate) mates: &'s [Matrix3],
}

/// The templates of a structure, ready to be compared with images.
#[derive(Debug)]
pub(crate) struct Searches<'s, T: SearchReal> {
    all: Option<Search<'s, T>>,
    near: Option<(Search<'s, T>, PosePrior)>,
    views: &'s [Matrix3],
    mates: &'s [Matrix3],
}

impl LikelihoodJob {
    /// Which poses are searched.
    pub(crate) fn searched(&self) -> Searched<'_> {
        Searched { displacements: &self.displacements, known: self.known.as_ref() }
    }
}

impl<'s, T: SearchReal> Searches<'s, T> {
    /// Prepares what images are compared with. `coarse` are the templates at half of the resolution, if they are looked at first.
    ///
    /// # Errors
    /// As [`Search::new_watched`].
    pub(crate) fn new(
        of: TemplatesOfViews<'s, T>,
        searched: Searched<'s>,
        settings: ComparisonSettings,
        coarse: Option<&'s CoarseTemplates<T>>,
        refinement: Option<Refinement<'s>>,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self, LikelihoodError> {
        let n = searched.planned(&settings).count() as u64;
        // Both share the memory.
        let settings = ComparisonSettings { memory_bytes: settings.memory_bytes / n, ..settings };
        let (mut all, mut near) = (None, None);
        for (displacements, settings) in searched.planned(&settings) {
            let is_everywhere = std::ptr::eq(displacements, searched.displacements);
            let mut search = Search::new_watched(of.geometry, of.templates, displacements, settings, go_on)?;
            // In this order: what prepares the first needs the room of the second.
            if let Some(refinement) = refinement {
                search = search.with_refinement(refinement, go_on)?;
            }
            if let Some(coarse) = coarse.filter(|_| is_everywhere) {
                search = search.with_pruning(coarse, go_on)?;
            }
            match searched.known {
                Some(known) if !is_everywhere => near = Some((search, known.prior)),
                _ => all = Some(search),
            }
        }
        Ok(Self { all, near, views: of.views, mates: of.mates })
    }

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
