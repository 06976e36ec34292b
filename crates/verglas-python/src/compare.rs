//! Images against templates, arrays in and out.

use std::sync::atomic::Ordering;

use num_complex::Complex;
use numpy::{Element, PyReadonlyArray1, PyReadonlyArray3};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use verglas::scoring::IndependentValues;
use verglas::{Error, ErrorKind, Observer, StopFlag};
use verglas_core::hint::{Hint, Setting};
use verglas_likelihood::compare::{ComparisonSettings, Search, SearchReal};
use verglas_likelihood::displacements::Displacements;
use verglas_likelihood::noise::NoiseSpectrum;
use verglas_likelihood::{Comparison, Contrast, Formula, Geometry, ImageSet, LikelihoodError, TemplateSet};

use crate::choices::choose;
use crate::descriptor::Descriptor;
use crate::error::{bad_value, exception};
use crate::memory::ensure_memory;
use crate::reduce::{Reduced, Reduction};
use crate::watch::{Counter, watched};

/// How images are compared, as the Python modules say it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct CompareValues {
    displacements: Vec<[f64; 2]>,
    as_cryolike: bool,
    degrees_of_freedom: Option<String>,
    /// σ² of the noise on each shell, unless it is white.
    noise: Option<Vec<f64>>,
    integrated: bool,
    reduction: String,
    threads: usize,
    memory: u64,
}

/// Images and templates of one precision, `[…, n_shells, n_inplanes]`.
#[derive(FromPyObject)]
pub enum Arrays<'py> {
    Single(PyReadonlyArray3<'py, Complex<f32>>, PyReadonlyArray3<'py, Complex<f32>>),
    Double(PyReadonlyArray3<'py, Complex<f64>>, PyReadonlyArray3<'py, Complex<f64>>),
}

/// What all comparisons of a call share.
struct Call<'a> {
    geometry: Geometry,
    displacements: Displacements,
    view_weights: &'a [f64],
    contrast: Option<&'a [f64]>,
    settings: ComparisonSettings,
    reduction: Reduction,
}

/// Compares each image with each template, displaced and turned; what is kept of it depends on the reduction.
#[pyfunction]
#[pyo3(signature = (descriptor, arrays, view_weights, contrast, settings, progress = None))]
pub fn compare<'py>(
    py: Python<'py>,
    descriptor: &Bound<'py, Descriptor>,
    arrays: Arrays<'py>,
    view_weights: PyReadonlyArray1<'py, f64>,
    contrast: Option<PyReadonlyArray3<'py, f64>>,
    settings: CompareValues,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let descriptor = &descriptor.get().0;
    let box_angstrom = descriptor.box_angstrom().map_err(|error| exception(&error))?;
    let geometry = Geometry::new(descriptor.polar_grid.clone(), box_angstrom).map_err(bad_value)?;
    let geometry = match settings.noise {
        Some(sigma2) => NoiseSpectrum::of(&geometry, &sigma2).and_then(|noise| noise.weigh(&geometry)),
        None => Ok(geometry),
    };
    let geometry = geometry.map_err(bad_value)?;
    let n_pixels = descriptor.cartesian_grid.n_pixels();
    let degrees_of_freedom: IndependentValues = match settings.degrees_of_freedom {
        Some(name) => choose("degrees_of_freedom", &name)?,
        None => IndependentValues::default(),
    };
    let displacements = Displacements::of(settings.displacements).map_err(bad_value)?;
    let formula = match settings.as_cryolike {
        true => Formula::CryoLike { n_pixels },
        false => Formula::Right,
    };
    let reduction = Reduction::of(&settings.reduction)?;
    let call = Call {
        geometry,
        displacements,
        view_weights: view_weights.as_slice()?,
        contrast: contrast.as_ref().map(|contrast| contrast.as_slice()).transpose()?,
        settings: ComparisonSettings {
            formula,
            degrees_of_freedom: degrees_of_freedom.of_images(n_pixels),
            integrated: settings.integrated,
            pairs: reduction == Reduction::Pairs,
            full: reduction != Reduction::Pairs,
            n_threads: settings.threads,
            memory_bytes: settings.memory,
            ..ComparisonSettings::default()
        },
        reduction,
    };
    match arrays {
        Arrays::Single(images, templates) => call.run(py, images.as_slice()?, templates.as_slice()?, progress.as_ref()),
        Arrays::Double(images, templates) => call.run(py, images.as_slice()?, templates.as_slice()?, progress.as_ref()),
    }
}

impl Call<'_> {
    fn run<'py, T: SearchReal + Element>(
        &self,
        py: Python<'py>,
        images: &[Complex<T>],
        templates: &[Complex<T>],
        progress: Option<&Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (n_points, n_views) = (self.geometry.n_points(), self.view_weights.len());
        let n_images = images.len() / n_points;
        let (n_displacements, n_inplanes) = (self.displacements.len(), self.geometry.n_inplanes());
        let n_pairs = n_images.saturating_mul(n_views);
        let bytes = self.reduction.bytes(n_pairs, n_displacements, n_inplanes, size_of::<T>());
        ensure_memory(bytes, "the results of a comparison")?;
        let total = n_pairs.saturating_mul(n_displacements) as u64;
        let compared =
            watched(py, progress, total, |counter, stop| self.compare(images, templates, n_images, counter, stop))?;
        let reduced = compared.map_err(raised)?;
        reduced.into_arrays(py, [n_images, n_views, n_displacements, n_inplanes])
    }

    fn compare<T: SearchReal>(
        &self,
        images: &[Complex<T>],
        templates: &[Complex<T>],
        n_images: usize,
        counter: &Counter,
        stop: &StopFlag,
    ) -> Result<Reduced<T>, LikelihoodError> {
        let n_points = self.geometry.n_points();
        let templates = TemplateSet::new(&self.geometry, templates, self.view_weights)?;
        let n_poses = self.displacements.len() * self.geometry.n_inplanes();
        // All correlations of this many images are held at a time, in half of the memory.
        let image_bytes = (templates.n_views() * n_poses * size_of::<T>()) as u64;
        let n_at_once = match self.settings.full {
            true => (self.settings.memory_bytes / 2 / image_bytes.max(1)).min(n_images as u64) as usize,
            false => n_images.max(1),
        };
        if n_at_once == 0 && n_images > 0 {
            return Err(LikelihoodError::Memory { needed: 2 * image_bytes, given: self.settings.memory_bytes });
        }
        let mut settings = self.settings.clone();
        if settings.full {
            settings.memory_bytes -= n_at_once as u64 * image_bytes;
        }
        let go_on = || !stop.load(Ordering::Relaxed);
        let search = Search::new_watched(&self.geometry, templates, &self.displacements, settings, &go_on)?;
        let go_on = go_on_of(counter, stop, self.displacements.len());
        let mut reduced = Reduced::new(self.reduction);
        for first in (0..n_images).step_by(n_at_once.max(1)) {
            let last = n_images.min(first + n_at_once);
            let range = first * n_points..last * n_points;
            let contrast = self.contrast.map_or(Contrast::One, |values| Contrast::Values(&values[range.clone()]));
            let set = ImageSet::new(&self.geometry, &images[range], contrast)?;
            let comparison: Comparison<T> =
                search.compare_watched(&set, &go_on).map_err(|error| error.of_image_from(first))?;
            reduced.take(comparison, self.displacements.len(), self.geometry.n_inplanes());
        }
        Ok(reduced)
    }
}

/// Counts comparisons, and says whether to go on.
pub fn go_on_of<'c>(
    counter: &'c Counter,
    stop: &'c StopFlag,
    n_displacements: usize,
) -> impl Fn(u64) -> bool + Sync + 'c {
    move |n_pairs| {
        counter.images_done(n_pairs.saturating_mul(n_displacements as u64));
        !stop.load(Ordering::Relaxed)
    }
}

/// The exception for what stopped a comparison.
pub fn raised(error: LikelihoodError) -> PyErr {
    match error {
        LikelihoodError::Memory { needed, given } => {
            let [needed, given] = [needed, given].map(|bytes| bytes.div_ceil(1 << 20));
            let error = Error::new(
                ErrorKind::Memory,
                format!("comparing takes at least {needed} MiB of memory, {given} MiB are allowed"),
            );
            exception(&error.with_hint("allow more with " + Hint::Give(Setting::Memory)))
        }
        LikelihoodError::Stopped => {
            exception(&Error::new(ErrorKind::Interrupted, "stopped before all images were compared"))
        }
        other => bad_value(other),
    }
}
