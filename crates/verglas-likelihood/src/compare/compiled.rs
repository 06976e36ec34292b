//! What a search does, compiled here once for each number type, and not again by each crate that compares something.

use verglas_fourier::pose::Matrix3;

use super::coarse::CoarseTemplates;
use super::plan::ComparisonSettings;
use super::search::Search;
use super::work::Work;
use crate::displacements::Displacements;
use crate::error::LikelihoodError;
use crate::geometry::Geometry;
use crate::pose::ContinuousPose;
use crate::prior::PosePrior;
use crate::results::Comparison;
use crate::sets::{ImageSet, TemplateSet};

impl<'a, T: SearchReal> Search<'a, T> {
    /// Finds the radial functions of the templates, in single precision; takes some seconds for N = 128.
    ///
    /// # Errors
    /// When a grid is too small for the likelihood, or memory for the least that is needed.
    pub fn new(
        geometry: &'a Geometry,
        templates: TemplateSet<'a, T>,
        displacements: &'a Displacements,
        settings: ComparisonSettings,
    ) -> Result<Self, LikelihoodError> {
        Self::new_watched(geometry, templates, displacements, settings, &|| true)
    }

    /// The same, watched: `go_on`, asked by any thread, says whether to go on; once it says no, it must not say yes again.
    ///
    /// # Errors
    /// As [`Search::new`]; [`LikelihoodError::Stopped`].
    pub fn new_watched(
        geometry: &'a Geometry,
        templates: TemplateSet<'a, T>,
        displacements: &'a Displacements,
        settings: ComparisonSettings,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self, LikelihoodError> {
        T::search(geometry, templates, displacements, settings, go_on)
    }

    /// Looks in full only at poses that half of the resolution leaves possible, as far as the settings ask for that: ln L may then
    /// be too low by what they say. Memory for `coarse` is not counted. `go_on` is as
    /// in [`Search::new_watched`].
    ///
    /// # Errors
    /// When memory is too small now; [`LikelihoodError::Stopped`].
    pub fn with_pruning(
        self,
        coarse: &'a CoarseTemplates<T>,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self, LikelihoodError> {
        T::prune(self, coarse, go_on)
    }

    /// The least memory that a search of these templates takes, in bytes, without making it; takes as long as finding their
    /// radial functions does. `is_refined` says whether it is to be one [with refinement](Search::with_refinement), whose templates
    /// between the views are not counted. `go_on` is as in [`Search::new_watched`].
    ///
    /// # Errors
    /// When a grid is too small for the likelihood; [`LikelihoodError::Stopped`].
    pub fn needed_memory_bytes(
        geometry: &'a Geometry,
        templates: TemplateSet<'a, T>,
        displacements: &'a Displacements,
        settings: &ComparisonSettings,
        is_refined: bool,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<u64, LikelihoodError> {
        T::needed_bytes(geometry, templates, displacements, settings, is_refined, go_on)
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
        T::compare(self, images, go_on)
    }

    /// Compares each image with the templates near its known pose, weighted by the prior; `views` are the rotations of the
    /// templates' views, `mates` those that the structure looks the same after, itself among them. Integrals have the prior in place of uniform poses; best poses are those of the largest product.
    ///
    /// The search's displacements are those from the known one ([`Displacements::near`]): images are moved back by it first.
    ///
    /// # Errors
    /// As [`Search::compare_watched`]; when there are not as many poses as images, or views as templates; when displacements
    /// form no grid; an image without any view and rotation near its pose.
    pub fn compare_near(
        &self,
        images: &ImageSet<T>,
        (poses, prior): (&[ContinuousPose], PosePrior),
        (views, mates): (&[Matrix3], &'a [Matrix3]),
        go_on: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Comparison<T>, LikelihoodError> {
        T::compare_near(self, images, (poses, prior), (views, mates), go_on)
    }

    /// ln L over the grid of the images at these places, with all poses looked at in full, whatever is left out otherwise.
    ///
    /// # Errors
    /// As [`Search::compare_watched`].
    pub fn audit(
        &self,
        images: &ImageSet<T>,
        order: &[usize],
        go_on: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Vec<f64>, LikelihoodError> {
        T::audit(self, images, order, go_on)
    }
}

impl<T: SearchReal> CoarseTemplates<T> {
    /// Takes them from the templates; `None` where half of the resolution says too little: of grids that hold few values or whose
    /// poses are far apart, and of templates that are not real in space.
    pub fn new(geometry: &Geometry, templates: &TemplateSet<'_, T>, displacements: &Displacements) -> Option<Self> {
        T::coarse_templates(geometry, templates, displacements)
    }
}

/// Number types that images and templates can be compared in: `f32` and `f64`.
///
/// Its methods are those of [`Search`], compiled here, too.
pub trait SearchReal: Work {
    /// [`Search::new_watched`]
    #[doc(hidden)]
    fn search<'a>(
        geometry: &'a Geometry,
        templates: TemplateSet<'a, Self>,
        displacements: &'a Displacements,
        settings: ComparisonSettings,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Search<'a, Self>, LikelihoodError>;

    /// [`Search::with_pruning`]
    #[doc(hidden)]
    fn prune<'a>(
        search: Search<'a, Self>,
        coarse: &'a CoarseTemplates<Self>,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Search<'a, Self>, LikelihoodError>;

    /// [`CoarseTemplates::new`]
    #[doc(hidden)]
    fn coarse_templates(
        geometry: &Geometry,
        templates: &TemplateSet<'_, Self>,
        displacements: &Displacements,
    ) -> Option<CoarseTemplates<Self>>;

    /// [`Search::compare_watched`]
    #[doc(hidden)]
    fn compare(
        search: &Search<'_, Self>,
        images: &ImageSet<Self>,
        go_on: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Comparison<Self>, LikelihoodError>;

    /// [`Search::compare_near`]
    #[doc(hidden)]
    fn compare_near<'a>(
        search: &Search<'a, Self>,
        images: &ImageSet<Self>,
        poses: (&[ContinuousPose], PosePrior),
        views: (&[Matrix3], &'a [Matrix3]),
        go_on: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Comparison<Self>, LikelihoodError>;

    /// [`Search::needed_memory_bytes`]
    #[doc(hidden)]
    fn needed_bytes<'a>(
        geometry: &'a Geometry,
        templates: TemplateSet<'a, Self>,
        displacements: &'a Displacements,
        settings: &ComparisonSettings,
        is_refined: bool,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<u64, LikelihoodError>;

    /// [`Search::audit`]
    #[doc(hidden)]
    fn audit(
        search: &Search<'_, Self>,
        images: &ImageSet<Self>,
        order: &[usize],
        go_on: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Vec<f64>, LikelihoodError>;
}

macro_rules! search_real {
    ($($real:ty),*) => {
        $(
            impl SearchReal for $real {
                #[inline(never)]
                fn search<'a>(
                    geometry: &'a Geometry,
                    templates: TemplateSet<'a, Self>,
                    displacements: &'a Displacements,
                    settings: ComparisonSettings,
                    go_on: &(dyn Fn() -> bool + Sync),
                ) -> Result<Search<'a, Self>, LikelihoodError> {
                    Search::make(geometry, templates, displacements, settings, go_on)
                }

                #[inline(never)]
                fn prune<'a>(
                    search: Search<'a, Self>,
                    coarse: &'a CoarseTemplates<Self>,
                    go_on: &(dyn Fn() -> bool + Sync),
                ) -> Result<Search<'a, Self>, LikelihoodError> {
                    search.prune(coarse, go_on)
                }

                #[inline(never)]
                fn coarse_templates(
                    geometry: &Geometry,
                    templates: &TemplateSet<'_, Self>,
                    displacements: &Displacements,
                ) -> Option<CoarseTemplates<Self>> {
                    CoarseTemplates::make(geometry, templates, displacements)
                }

                #[inline(never)]
                fn compare(
                    search: &Search<'_, Self>,
                    images: &ImageSet<Self>,
                    go_on: &(dyn Fn(u64) -> bool + Sync),
                ) -> Result<Comparison<Self>, LikelihoodError> {
                    search.compare_all(images, go_on)
                }

                #[inline(never)]
                fn compare_near<'a>(
                    search: &Search<'a, Self>,
                    images: &ImageSet<Self>,
                    poses: (&[ContinuousPose], PosePrior),
                    views: (&[Matrix3], &'a [Matrix3]),
                    go_on: &(dyn Fn(u64) -> bool + Sync),
                ) -> Result<Comparison<Self>, LikelihoodError> {
                    search.compare_all_near(images, poses, views, go_on)
                }

                #[inline(never)]
                fn needed_bytes<'a>(
                    geometry: &'a Geometry,
                    templates: TemplateSet<'a, Self>,
                    displacements: &'a Displacements,
                    settings: &ComparisonSettings,
                    is_refined: bool,
                    go_on: &(dyn Fn() -> bool + Sync),
                ) -> Result<u64, LikelihoodError> {
                    Search::needed_bytes(geometry, templates, displacements, settings, is_refined, go_on)
                }

                #[inline(never)]
                fn audit(
                    search: &Search<'_, Self>,
                    images: &ImageSet<Self>,
                    order: &[usize],
                    go_on: &(dyn Fn(u64) -> bool + Sync),
                ) -> Result<Vec<f64>, LikelihoodError> {
                    search.audit_all(images, order, go_on)
                }
            }
        )*
    };
}

search_real!(f32, f64);
