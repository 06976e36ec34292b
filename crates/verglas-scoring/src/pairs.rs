//! Images beside what their best poses say that they show.

use std::path::Path;

use num_complex::Complex;
use verglas_core::StopFlag;
use verglas_core::error::{Error, Result};
use verglas_core::findings::Findings;
use verglas_fourier::grid::Precision;
use verglas_likelihood::Geometry;
use verglas_likelihood::ctf::ContrastTransfer;
use verglas_run::descriptor::ImageDescriptor;
use verglas_structures::templates::TemplateStack;

use crate::images::ImageReader;
use crate::names::UnitNames;
use crate::number::Number;
use crate::prepare::LikelihoodJob;
use crate::reopen::FinishedFolder;
use crate::results::UnitResults;

/// An image, told by its stack and its place in it, and a structure, by its place among those that were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairOf {
    /// The stack's number.
    pub stack: usize,
    /// Among the stack's images, from 0.
    pub image: usize,
    /// Among the structures, from 0.
    pub structure: usize,
}

/// An image, and the template of its best pose on the grid as it would be seen there: both `[n_shells, n_inplanes]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The image's transform.
    pub image: Vec<Complex<f64>>,
    /// C·T, turned and moved.
    pub template: Vec<Complex<f64>>,
    /// Their correlation, without means, every shell counting by its area alone.
    pub correlation: f64,
}

/// Pairs, with the grids that they are on.
#[derive(Debug)]
pub struct Pairs {
    /// The grids.
    pub descriptor: ImageDescriptor,
    /// In the order that was asked for.
    pub pairs: Vec<Pair>,
}

/// Reads images of the folder of likelihoods at `root` again, or makes them again where they were made on the way, with the templates
/// that they go with.
///
/// # Errors
/// When the folder is not whole, when stacks, particles or templates are gone or not what they were, when an image was left out.
pub fn pairs(root: &Path, wanted: &[PairOf]) -> Result<Pairs> {
    let folder = FinishedFolder::read(root)?;
    let job = folder.reopen_images(&mut Findings::new())?;
    let pairs = match job.precision() {
        Precision::Single => of_job::<f32>(&job, root, wanted)?,
        Precision::Double => of_job::<f64>(&job, root, wanted)?,
    };
    Ok(Pairs { descriptor: job.descriptor.clone(), pairs })
}

fn of_job<T: Number>(job: &LikelihoodJob, root: &Path, wanted: &[PairOf]) -> Result<Vec<Pair>> {
    let (geometry, stop) = (&job.geometry, StopFlag::new(false));
    let reader = ImageReader::new(job.conversion.as_deref())?;
    let stacks: Vec<usize> = wanted.iter().map(|wanted| wanted.stack).collect();
    reader.expect(&stacks);
    let mut values: Vec<Complex<f64>> = Vec::new();
    let of = |&PairOf { stack, image, structure }: &PairOf| {
        let (of_stack, templates) = (&job.stacks[stack], &job.structures[structure]);
        let names = UnitNames::of(templates.place, of_stack.number);
        let unit = UnitResults::<T>::read(job.frame(), root, &names, of_stack.n_images, templates.views.len())?;
        if unit.left_out.contains_key(&image) {
            return Err(Error::value(format!("{} was left out", of_stack.label_of(image))));
        }
        let range = image..image + 1;
        reader.open(of_stack)?.read(range, geometry.n_points(), &mut values, &stop)?;
        let view = unit.template[image];
        let template = TemplateStack::open(&templates.path)?.read_double(view..view + 1)?;
        let (rotation, displacement) = (unit.rotation[image], unit.displacement_angstrom[image]);
        let transfer = match job.contrast_is_known() {
            true => Some(of_stack.contrast(job.angle_rule())?[image]),
            false => None,
        };
        let seen = seen(job, &template, (rotation, displacement), transfer)?;
        Ok(Pair { correlation: correlation(geometry, &values, &seen), image: values.clone(), template: seen })
    };
    wanted.iter().map(of).collect()
}

/// A template turned by `rotation` steps and moved by a displacement in its own frame, as a microscope shows it.
fn seen(
    job: &LikelihoodJob,
    template: &[Complex<f64>],
    (rotation, [d_0, d_1]): (usize, [f64; 2]),
    transfer: Option<ContrastTransfer>,
) -> Result<Vec<Complex<f64>>> {
    let geometry = &job.geometry;
    let (grid, p) = (geometry.grid(), geometry.n_inplanes());
    let mut contrast = vec![1.0; geometry.n_points()];
    if let Some(transfer) = transfer {
        transfer
            .fill(geometry, job.contrast_formula(), 0, &mut contrast)
            .map_err(|error| Error::value(error.to_string()))?;
    }
    let point = |at: usize| {
        let (shell, own) = (at / p, (at % p + rotation) % p);
        // In the template's frame, its direction and displacement are those that were looked up.
        let (cos, sin) = grid.direction(own);
        let q = 2.0 * grid.radii()[shell] / geometry.box_angstrom();
        let phase = -std::f64::consts::TAU * q * (d_0 * cos + d_1 * sin);
        template[shell * p + own] * Complex::cis(phase) * contrast[at]
    };
    Ok((0..geometry.n_points()).map(point).collect())
}

/// The correlation of two transforms, each without its mean over the box.
fn correlation(geometry: &Geometry, one: &[Complex<f64>], other: &[Complex<f64>]) -> f64 {
    let p = geometry.n_inplanes();
    let sum = |of: &dyn Fn(usize) -> f64| -> f64 {
        (0..geometry.n_points()).map(|at| geometry.point_weights()[at / p] * of(at)).sum()
    };
    let mean = |values: &[Complex<f64>]| sum(&|at| geometry.constant()[at] * values[at].re) / geometry.i_ss();
    let (mean_one, mean_other) = (mean(one), mean(other));
    let product = |a: &[Complex<f64>], b: &[Complex<f64>]| sum(&|at| (a[at] * b[at].conj()).re);
    let variance = |values: &[Complex<f64>], mean: f64| product(values, values) - geometry.i_ss() * mean * mean;
    let covariance = product(one, other) - geometry.i_ss() * mean_one * mean_other;
    covariance / (variance(one, mean_one) * variance(other, mean_other)).sqrt()
}
