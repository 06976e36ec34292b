//! The search and its kernels, compiled here once for each number type and instruction set, and not again by each crate that
//! compares something.

use verglas_fourier::pose::Matrix3;

use super::coarse::{CoarseJob, CoarseTemplates};
use super::near::NearJob;
use super::plan::ComparisonSettings;
use super::run::Job;
use super::search::Search;
use super::simd::Dispatch;
use crate::displacements::Displacements;
use crate::error::LikelihoodError;
use crate::geometry::Geometry;
use crate::pose::ContinuousPose;
use crate::prior::PosePrior;
use crate::real::Real;
use crate::results::Comparison;
use crate::sets::{ImageSet, TemplateSet};

/// What a thread does.
pub trait Work: Real {
    /// Takes templates of a job until none are left.
    fn work(job: &Job<'_, Self>);
    /// The same at half of the resolution.
    fn work_coarse(job: &CoarseJob<'_, Self>);
    /// The same near known poses.
    fn work_near(job: &NearJob<'_, Self>);
}

macro_rules! work {
    ($($real:ty),*) => {
        $(
            impl Work for $real {
                #[inline(never)]
                fn work(job: &Job<'_, Self>) {
                    Self::dispatch(job.worker());
                }

                #[inline(never)]
                fn work_coarse(job: &CoarseJob<'_, Self>) {
                    Self::dispatch(job.worker());
                }

                #[inline(never)]
                fn work_near(job: &NearJob<'_, Self>) {
                    Self::dispatch(job.worker());
                }
            }
        )*
    };
}

work!(f32, f64);

/// Number types that images and templates can be compared in: `f32` and `f64`.
///
/// Its methods are those of [`Search`], compiled here, too.
pub trait SearchReal: Dispatch + Work {
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
