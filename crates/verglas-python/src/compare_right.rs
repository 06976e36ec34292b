//! Right likelihoods of images in memory, arrays in and out.

use std::path::PathBuf;

use num_complex::Complex;
use numpy::{Element, IntoPyArray, PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use verglas::pose::{Matrix3, Pose};
use verglas::scoring::pose::from_relions_convention;
use verglas::scoring::{
    Integral, Likelihood, MemoryImages, MemoryNoise, MemorySettings, MemoryTemplates, PosesFrom, RightComparison,
    RightSettings, TemplatesBetween, compare_in_memory,
};
use verglas::sphere::{PointGroup, Views};
use verglas::structures::AxisOrder;
use verglas::templates::TemplateStructures;
use verglas::{Error, ErrorKind, StopFlag};
use verglas_likelihood::Geometry;
use verglas_likelihood::LikelihoodError;
use verglas_likelihood::compare::SearchReal;
use verglas_likelihood::displacements::Displacements;
use verglas_likelihood::noise::NoiseSpectrum;
use verglas_likelihood::refine::{ContinuousPose, Slices};

use crate::compare::{Arrays, go_on_of, raised};
use crate::descriptor::Descriptor;
use crate::error::{bad_value, exception};
use crate::in_memory::MemoryPreparation;
use crate::memory::ensure_memory;
use crate::reduce::{Reduced, Reduction};
use crate::right::RightValues;
use crate::watch::watched;

/// How images are compared, and what is known of the templates, as the Python modules say it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct RightCallValues<'py> {
    displacements: Vec<[f64; 2]>,
    right: RightValues,
    integrated: bool,
    /// Whether what each template says is all that is asked for.
    pairs: bool,
    /// σ² of the noise on each shell, where it was found before.
    sigma2: Option<Vec<f64>>,
    threads: usize,
    memory: u64,
    /// α, β, γ of the views.
    views: Option<[PyReadonlyArray1<'py, f64>; 3]>,
    /// The templates' own.
    symmetry: String,
    axis_order: Option<String>,
    between: Option<BetweenValue>,
    /// rot, tilt, psi in degrees, x and y in Å, of each image; NaN where they are not known.
    known: Option<PyReadonlyArray2<'py, f64>>,
}

/// Where templates between the views come from.
#[derive(FromPyObject)]
pub enum BetweenValue {
    /// The structure that they were made of, in memory.
    Memory(Py<MemoryPreparation>),
    /// A folder of templates, and the structure's name.
    Folder(PathBuf, String),
}

/// What all steps share.
struct Call<'a> {
    geometry: Geometry,
    displacements: Displacements,
    view_weights: &'a [f64],
    contrast: Option<&'a [f64]>,
    known: Vec<Option<ContinuousPose>>,
    views: Vec<Matrix3>,
    mates: Vec<Matrix3>,
    axes: AxisOrder,
    slices: Option<TemplatesBetween>,
    settings: MemorySettings,
    /// What came up before.
    warnings: Vec<(&'static str, String)>,
}

/// Compares images with the templates of a structure: a difference of one nat is one.
#[pyfunction]
#[pyo3(signature = (descriptor, arrays, view_weights, contrast, settings, progress = None))]
pub fn compare_right<'py>(
    py: Python<'py>,
    descriptor: &Bound<'py, Descriptor>,
    arrays: Arrays<'py>,
    view_weights: PyReadonlyArray1<'py, f64>,
    contrast: Option<PyReadonlyArray3<'py, f64>>,
    settings: RightCallValues<'_>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let descriptor = &descriptor.get().0;
    let said = |error: Error| exception(&error);
    let right = match settings.right.likelihood(false)? {
        Likelihood::Right(right) => right,
        Likelihood::Plain => return Err(bad_value("likelihood is plain")),
    };
    let box_angstrom = descriptor.box_angstrom().map_err(said)?;
    let geometry = Geometry::new(descriptor.polar_grid.clone(), box_angstrom).map_err(bad_value)?;
    let grid = &descriptor.cartesian_grid;
    let of_images = (grid.n_pixels(), grid.pixel_size_angstrom()[0]);
    let independent_values = settings.right.independent_values()?.unwrap_or_default();
    let axes = settings.axis_order.map_or(Ok(AxisOrder::Zyx), |order| order.parse()).map_err(said)?;
    let view_weights = view_weights.as_slice()?;
    let n_views = view_weights.len();
    let views = match settings.views {
        Some([azimuth, polar, gamma]) => {
            let of = |angles: PyReadonlyArray1<f64>| angles.as_array().to_vec();
            Views { azimuth: of(azimuth), polar: of(polar), gamma: of(gamma), weight: view_weights.to_vec() }
                .rotations()
        }
        // Nobody asks where they lie.
        None => vec![[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]; n_views],
    };
    let mut warnings = Vec::new();
    let found = match settings.integrated && right.integral != Some(Integral::Grid) {
        true => slices_of(py, settings.between, &right, (settings.threads, settings.memory), &mut warnings)?,
        false => None,
    };
    let (slices, slices_bytes) = found.map_or((None, 0), |(slices, bytes)| (Some(slices), bytes));
    let found = MemorySettings::of(&right, independent_values, &geometry, of_images).map_err(said)?;
    let noise = match settings.sigma2 {
        Some(sigma2) => MemoryNoise::Known(NoiseSpectrum::of(&geometry, &sigma2).map_err(bad_value)?),
        None => found.noise.clone(),
    };
    let call = Call {
        displacements: Displacements::of(settings.displacements).map_err(bad_value)?,
        view_weights,
        contrast: contrast.as_ref().map(|contrast| contrast.as_slice()).transpose()?,
        known: settings.known.map_or_else(Vec::new, |known| known_poses(&known, axes)),
        views,
        mates: symmetry_of(&right, &settings.symmetry)?.rotations(),
        axes,
        slices,
        settings: MemorySettings {
            noise,
            integrated: settings.integrated,
            odds: !settings.pairs,
            pairs: settings.pairs,
            n_threads: settings.threads,
            memory_bytes: settings.memory - slices_bytes,
            ..found
        },
        geometry,
        warnings,
    };
    match arrays {
        Arrays::Single(images, templates) => call.run(py, images.as_slice()?, templates.as_slice()?, progress.as_ref()),
        Arrays::Double(images, templates) => call.run(py, images.as_slice()?, templates.as_slice()?, progress.as_ref()),
    }
}

/// Templates between the views, if they are wanted and can be had, and the bytes that they take. That they can't is a warning where it is
/// not said that they must, and memory and files have nothing to do with it.
fn slices_of(
    py: Python<'_>,
    between: Option<BetweenValue>,
    right: &RightSettings,
    (n_threads, memory_bytes): (usize, u64),
    warnings: &mut Vec<(&'static str, String)>,
) -> PyResult<Option<(TemplatesBetween, u64)>> {
    let found = watched(py, None, 0, move |_, _| take_slices(between, n_threads, memory_bytes))?;
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error)
            if right.integral == Some(Integral::Refined)
                || matches!(error.kind(), ErrorKind::Io | ErrorKind::Memory) =>
        {
            Err(exception(&error.with_hint("integral=\"grid\" does without templates between the views")))
        }
        Err(error) => {
            let text = format!(
                "likelihoods are integrated over the grid's poses alone, which can be off by several nats: templates between them can't be \
                 made: {error}; take templates of make_templates, or accept this with integral=\"grid\""
            );
            warnings.push(("integral-over-grid", text));
            Ok(None)
        }
    }
}

fn take_slices(
    between: Option<BetweenValue>,
    n_threads: usize,
    memory_bytes: u64,
) -> verglas::Result<(TemplatesBetween, u64)> {
    let fits = |needed: u64| match needed <= memory_bytes {
        true => Ok(needed),
        false => {
            let [needed, allowed] = [needed, memory_bytes].map(|bytes| bytes.div_ceil(1 << 20));
            let text = format!("templates between the views take {needed} MiB of memory, {allowed} MiB are allowed");
            Err(Error::new(ErrorKind::Memory, text))
        }
    };
    let (slices, needed) = match between {
        Some(BetweenValue::Memory(job)) => {
            let job = job.get().job()?;
            let needed = fits(job.slices_bytes()?)?;
            (job.slices()?, needed)
        }
        Some(BetweenValue::Folder(folder, name)) => {
            let structures = TemplateStructures::read(&folder, n_threads, memory_bytes)?;
            let needed = fits(structures.needed_bytes(&name)?)?;
            (structures.slices(&name)?, needed)
        }
        None => return Err(Error::value("the templates don't say what they were made of")),
    };
    Ok((TemplatesBetween(slices), needed))
}

/// The symmetry of the structure: the templates' own, unless it is given.
fn symmetry_of(right: &RightSettings, own: &str) -> PyResult<PointGroup> {
    let own: PointGroup = own.parse().map_err(bad_value)?;
    match right.symmetry {
        Some(given) if own != PointGroup::Cyclic(1) && given != own => Err(bad_value(format!(
            "symmetry {given} is given, and the templates are those of an asymmetric unit of {own}"
        ))),
        given => Ok(given.unwrap_or(own)),
    }
}

/// Known poses, from RELION's convention; none where a number is not finite.
fn known_poses(known: &PyReadonlyArray2<'_, f64>, axes: AxisOrder) -> Vec<Option<ContinuousPose>> {
    let of_row = |row: numpy::ndarray::ArrayView1<f64>| {
        let [rot, tilt, psi] = [row[0], row[1], row[2]].map(f64::to_radians);
        let is_known = row.iter().all(|number| number.is_finite());
        is_known.then(|| from_relions_convention(&Pose { rot, tilt, psi }, [row[3], row[4]], axes))
    };
    known.as_array().rows().into_iter().map(of_row).collect()
}

impl Call<'_> {
    fn run<'py, T: SearchReal + Element>(
        self,
        py: Python<'py>,
        images: &[Complex<T>],
        templates: &[Complex<T>],
        progress: Option<&Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (n_points, n_views) = (self.geometry.n_points(), self.view_weights.len());
        let n_images = images.len() / n_points;
        if let (Some((_, PosesFrom::Source)), Some(image)) =
            (self.settings.prior, self.known.iter().position(Option::is_none))
        {
            return Err(bad_value(format!(
                "image {image} has no known pose\nhint: poses_from=\"source,search\" searches all poses of such images"
            )));
        }
        let n_pairs = if self.settings.pairs { n_images.saturating_mul(n_views) } else { 0 };
        let sides = [n_images, n_views, self.displacements.len(), self.geometry.n_inplanes()];
        ensure_memory(
            Reduction::Pairs.bytes(n_pairs, sides[2], sides[3], size_of::<T>()),
            "the results of a comparison",
        )?;
        let images = MemoryImages { values: images, contrast: self.contrast, known: &self.known };
        let templates = MemoryTemplates {
            values: templates,
            view_weights: self.view_weights,
            views: &self.views,
            mates: &self.mates,
            slices: self.slices.as_ref().map(|slices| slices as &dyn Slices),
        };
        let total = (n_images * n_views).saturating_mul(sides[2]) as u64;
        let compared: Result<RightComparison<T>, LikelihoodError> =
            watched(py, progress, total, |counter, stop: &StopFlag| {
                let go_on = go_on_of(counter, stop, sides[2]);
                compare_in_memory(&self.geometry, &images, &templates, &self.displacements, &self.settings, &go_on)
            })?;
        let found = compared.map_err(raised)?;
        let columns = found.columns(self.axes);
        let RightComparison { comparison, noise, particles, warnings, .. } = found;
        let mut reduced = if self.settings.pairs { Reduced::new(Reduction::Pairs) } else { Reduced::of_images() };
        reduced.take(comparison, sides[2], sides[3]);
        let arrays = reduced.into_arrays(py, sides)?;
        let named = PyDict::new(py);
        for (name, values) in columns {
            named.set_item(name, values.into_pyarray(py))?;
        }
        arrays.set_item("columns", named)?;
        arrays.set_item("is_refined", self.slices.is_some() && self.settings.integrated)?;
        arrays.set_item("noise", noise.sigma2().to_vec().into_pyarray(py))?;
        let scale = particles.map(|particles| particles.scale).filter(|scale| scale.is_finite());
        arrays.set_item("particle_scale", scale)?;
        arrays.set_item("particle_share", particles.and_then(|particles| particles.share))?;
        let found =
            warnings.into_iter().map(|warning| (warning.code, warning.message.said_in(&crate::words::PythonWords)));
        arrays.set_item("warnings", self.warnings.into_iter().chain(found).collect::<Vec<_>>())?;
        Ok(arrays)
    }
}
