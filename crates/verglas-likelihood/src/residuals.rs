//! What is left of many images at the maxima near their best poses.

use std::f64::consts::TAU;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use num_complex::Complex;
use verglas_core::threads::share_work;
use verglas_fourier::pose::Matrix3;

use crate::displacements::Displacements;
use crate::error::LikelihoodError;
use crate::formula::LogLikelihood;
use crate::geometry::Geometry;
use crate::noise::{Residual, move_slice, residual_power, template_at};
use crate::pose::ContinuousPose;
use crate::real::Real;
use crate::refine::{Climber, Refinement};
use crate::results::ImageResult;
use crate::sets::{ImageSet, TemplateSet};

/// A pose that an image's maximum is looked for from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StartPose {
    /// The grid's view.
    pub template: usize,
    /// How far its template is moved in its own frame, Å.
    pub displacement_angstrom: [f64; 2],
    /// w, its rotation being 2πw/P.
    pub rotation: usize,
    /// The pose itself, or where it was refined to before.
    pub pose: ContinuousPose,
}

impl StartPose {
    /// The grid's best pose of an image; `views` are the rotations of the views.
    pub fn of_grid(result: &ImageResult, views: &[Matrix3], n_inplanes: usize) -> Self {
        let ImageResult { template, displacement_angstrom, rotation, .. } = *result;
        let angle = TAU * rotation as f64 / n_inplanes as f64;
        let pose = ContinuousPose::of_template(&views[template], angle, displacement_angstrom);
        Self { template, displacement_angstrom, rotation, pose }
    }
}

/// Where templates at the images' poses come from.
#[derive(Debug, Clone, Copy)]
pub enum TemplatesAt<'t, 'a, T: Real> {
    /// Templates of any pose: maxima are climbed to first.
    Any(&'t Refinement<'a>),
    /// Those of the grid: poses stay.
    Grid(TemplateSet<'a, T>),
}

/// The same for one thread.
enum Source<'t, 'a, T: Real> {
    Any(Box<Climber<'a>>, &'t Refinement<'a>),
    Grid(TemplateSet<'a, T>),
}

/// What is left of each image, by the geometry's weights, and the pose it was taken at; one image for each of `starts`.
///
/// `go_on`, asked by any thread, says whether to go on.
///
/// # Errors
/// As [`residual_power`], of the first image that has one; [`LikelihoodError::Stopped`].
pub fn residuals<T: Real>(
    (geometry, likelihood, displacements): (&Geometry, &LogLikelihood, &Displacements),
    templates: TemplatesAt<'_, '_, T>,
    (images, starts): (&ImageSet<T>, &[StartPose]),
    n_threads: usize,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<(Residual, ContinuousPose)>, LikelihoodError> {
    LikelihoodError::check_length("poses to start from", images.n_images(), starts.len())?;
    let (next, has_failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let found = Mutex::new(vec![None; starts.len()]);
    let failed: Mutex<Option<(usize, LikelihoodError)>> = Mutex::new(None);
    share_work(n_threads.max(1), || {
        let mut source = match templates {
            TemplatesAt::Any(refinement) => {
                Source::Any(Box::new(Climber::new(refinement, geometry, likelihood, displacements)), refinement)
            }
            TemplatesAt::Grid(templates) => Source::Grid(templates),
        };
        while !has_failed.load(Ordering::Relaxed) && go_on() {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(start) = starts.get(index) else { break };
            let left = match &mut source {
                Source::Any(climber, refinement) => at_maximum(geometry, (climber, refinement), images, index, start),
                Source::Grid(templates) => {
                    let values = templates.template(start.template);
                    let at = template_at(geometry, values, start.displacement_angstrom, start.rotation);
                    residual_power(geometry, images, index, &at).map(|left| (left, start.pose))
                }
            };
            match left {
                Ok(left) => found.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(left),
                Err(error) => {
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    if failed.as_ref().is_none_or(|(first, _)| index < *first) {
                        *failed = Some((index, error));
                    }
                    has_failed.store(true, Ordering::Relaxed);
                }
            }
        }
    });
    if let Some((_, error)) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    // What is missing must not look like a spectrum.
    found.into_iter().collect::<Option<_>>().ok_or(LikelihoodError::Stopped)
}

/// What is left of an image at the maximum near its pose, and that pose.
fn at_maximum<T: Real>(
    geometry: &Geometry,
    (climber, refinement): (&mut Climber, &Refinement),
    images: &ImageSet<T>,
    image: usize,
    start: &StartPose,
) -> Result<(Residual, ContinuousPose), LikelihoodError> {
    let pose = climber.climb(images, image, start.pose)?;
    let mut template = vec![Complex::default(); geometry.n_points()];
    refinement.slices.take(&[pose.rotation], &mut template)?;
    move_slice(geometry, &mut template, pose.shift_angstrom);
    residual_power(geometry, images, image, &template).map(|left| (left, pose))
}
