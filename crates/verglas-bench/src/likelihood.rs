//! How fast templates are made and images are compared with them, on data made for it.

use std::sync::atomic::Ordering;
use std::time::Instant;

use num_complex::Complex;
use serde::Serialize;
use verglas_core::StopFlag;
use verglas_core::error::{Error, Result};
use verglas_fourier::grid::Precision;
use verglas_fourier::slices::{SlicePlan, SliceReal, SliceSettings, Structure};
use verglas_likelihood::compare::{ComparisonSettings, Search, SearchReal, instruction_set};
use verglas_likelihood::ctf::ContrastFormula;
use verglas_likelihood::displacements::Displacements;
use verglas_likelihood::{Contrast, ImageSet, LikelihoodError, TemplateSet};

use super::likelihood_data::{Data, Images, PIXEL_ANGSTROM};
use super::settings::unless_stopped;

/// The settings for measuring templates and likelihoods.
#[derive(Debug, Clone, PartialEq)]
pub struct LikelihoodBenchSettings {
    /// Box sides, pixels, in the order in which they are measured.
    pub n_pixels: Vec<usize>,
    /// Precision of images and templates.
    pub precision: Precision,
    /// Threads that compute.
    pub n_threads: usize,
}

/// The default box sides.
pub const DEFAULT_BOXES: [usize; 2] = [64, 128];

/// The smallest box that is measured: what is compared in smaller ones says nothing.
pub const LEAST_BOX: usize = 16;

/// The results; times are wall times with all threads at work.
#[derive(Debug, Clone, Serialize)]
pub struct LikelihoodBenchReport {
    /// The version that was measured.
    pub version: &'static str,
    /// `single` or `double`.
    pub precision: &'static str,
    /// Threads that computed.
    pub n_threads: usize,
    /// Instructions that comparisons use: `avx512`, `avx2` or `portable`.
    pub instruction_set: &'static str,
    /// The last of `boxes`.
    #[serde(flatten)]
    pub last: BoxReport,
    /// Each box that was measured.
    pub boxes: Vec<BoxReport>,
}

/// The results for one box side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BoxReport {
    /// Box side, pixels.
    pub n_pixels: usize,
    /// Shells of the default grid.
    pub n_shells: usize,
    /// Angles per shell of the default grid, and rotations of each comparison.
    pub n_inplanes: usize,
    /// Beads of the structure.
    pub n_beads: usize,
    /// A template from beads, once the structure is prepared, ms.
    pub template_ms: f64,
    /// To prepare the beads, ms, once for all views.
    pub template_prepare_ms: f64,
    /// A template from a map of as many voxels as the box along each axis, once it is prepared, ms.
    pub template_ms_from_map: f64,
    /// To prepare the map, ms, once for all views.
    pub template_prepare_ms_from_map: f64,
    /// Images that are compared.
    pub n_images: usize,
    /// Templates that each is compared with.
    pub n_templates: usize,
    /// Displacements that each template is tried at.
    pub n_displacements: usize,
    /// Image × template × displacement per second, each with all rotations, for the best pose of each image.
    pub pairs_per_second: f64,
    /// The same with the integrated likelihood.
    pub pairs_per_second_integrated: f64,
    /// To prepare the templates for comparisons, s, once for all images; not within the pairs' time.
    pub prepare_seconds: f64,
    /// Images whose best template is the one that they were made from.
    pub n_right: usize,
}

/// How long comparisons of one box are to take, the best pose and the integrated likelihood together, s.
const COMPARE_SECONDS: f64 = 5.0;
/// How long templates are made, s.
const TEMPLATE_SECONDS: f64 = 0.5;
/// Templates that images are compared with: they need as many radial functions as thousands would.
const N_TEMPLATES: usize = 32;
/// Images for estimating how many there is time for.
const FEW_IMAGES: usize = 48;
const MOST_IMAGES: usize = 512;
/// Images and templates that are held at once, at most.
const MOST_BYTES: usize = 256 << 20;

/// Measures templates and likelihoods.
///
/// # Errors
/// When a box is too small or too large to be measured, or when it is stopped.
pub fn run_likelihood_bench(settings: &LikelihoodBenchSettings, stop: &StopFlag) -> Result<LikelihoodBenchReport> {
    let mut boxes = Vec::new();
    for &n_pixels in &settings.n_pixels {
        if n_pixels < LEAST_BOX {
            return Err(Error::value(format!("a box of {n_pixels} px, expected {LEAST_BOX} or more")));
        }
        boxes.push(match settings.precision {
            Precision::Single => measure::<f32>(n_pixels, settings.n_threads, stop)?,
            Precision::Double => measure::<f64>(n_pixels, settings.n_threads, stop)?,
        });
    }
    let last = boxes.last().cloned().ok_or_else(|| Error::value("no box is to be measured"))?;
    Ok(LikelihoodBenchReport {
        version: env!("CARGO_PKG_VERSION"),
        precision: settings.precision.as_str(),
        n_threads: settings.n_threads,
        instruction_set: instruction_set(),
        last,
        boxes,
    })
}

fn measure<T: SearchReal + SliceReal>(n_pixels: usize, n_threads: usize, stop: &StopFlag) -> Result<BoxReport> {
    let data = Data::new(n_pixels)?;
    let (prepare_beads, beads_ms) = time_templates::<T>(&data, data.beads(), n_threads, stop)?;
    let (prepare_map, map_ms) = time_templates::<T>(&data, data.map(), n_threads, stop)?;

    let (templates, weights) = data.templates::<T>(N_TEMPLATES, n_threads)?;
    let set = TemplateSet::new(data.geometry(), &templates, &weights).map_err(as_error)?;
    let reach = n_pixels as f64 / 16.0;
    let displacements = Displacements::new(reach, PIXEL_ANGSTROM, 16, 16).map_err(as_error)?;
    let n_pairs = |images: &Images<T>| (images.len() * N_TEMPLATES * displacements.len()) as f64;
    let search = |integrated: bool| {
        let settings = ComparisonSettings { integrated, n_threads, ..ComparisonSettings::default() };
        let start = Instant::now();
        let go_on = || !stop.load(Ordering::Relaxed);
        match Search::new_watched(data.geometry(), set, &displacements, settings, &go_on) {
            Ok(search) => Ok((search, start.elapsed().as_secs_f64())),
            Err(error) => Err(unless_stopped(stop).err().unwrap_or_else(|| as_error(error))),
        }
    };
    let compare = |search: &Search<'_, T>, images: &Images<T>| {
        let contrast = Contrast::Parameters(&images.transfers, ContrastFormula::Right);
        let set = ImageSet::new(data.geometry(), &images.values, contrast).map_err(as_error)?;
        let start = Instant::now();
        let comparison = match search.compare_watched(&set, &|_| !stop.load(Ordering::Relaxed)) {
            Err(LikelihoodError::Stopped) => return unless_stopped(stop).map(|()| (0, f64::NAN)),
            other => other.map_err(as_error)?,
        };
        let seconds = start.elapsed().as_secs_f64();
        let is_right = |(image, result): (usize, &verglas_likelihood::ImageResult)| {
            result.template == images.template_of(image, N_TEMPLATES)
        };
        Ok((comparison.images.iter().enumerate().filter(|&pair| is_right(pair)).count(), seconds))
    };
    unless_stopped(stop)?;
    let ((best_pose, prepare_seconds), (integrated, _)) = (search(false)?, search(true)?);
    let mut images = Images::default();
    data.add_images(&templates, FEW_IMAGES, &mut images)?;
    let mut measured = [compare(&best_pose, &images)?, compare(&integrated, &images)?];
    let seconds: f64 = measured.iter().map(|(_, seconds)| seconds).sum();
    let in_time = (FEW_IMAGES as f64 * COMPARE_SECONDS / seconds.max(1e-9)) as usize;
    let most = (MOST_BYTES / size_of_val(&images.values[..images.values.len() / FEW_IMAGES]).max(1)).min(MOST_IMAGES);
    // Where the few take so long, they are enough.
    if in_time >= 2 * FEW_IMAGES {
        data.add_images(&templates, in_time.min(most), &mut images)?;
        unless_stopped(stop)?;
        measured = [compare(&best_pose, &images)?, compare(&integrated, &images)?];
    }
    let [(n_right, best_pose_seconds), (_, integrated_seconds)] = measured;
    Ok(BoxReport {
        n_pixels,
        n_shells: data.geometry().n_shells(),
        n_inplanes: data.geometry().n_inplanes(),
        n_beads: data.n_beads(),
        template_ms: beads_ms,
        template_prepare_ms: prepare_beads,
        template_ms_from_map: map_ms,
        template_prepare_ms_from_map: prepare_map,
        n_images: images.len(),
        n_templates: N_TEMPLATES,
        n_displacements: displacements.len(),
        pairs_per_second: n_pairs(&images) / best_pose_seconds,
        pairs_per_second_integrated: n_pairs(&images) / integrated_seconds,
        prepare_seconds,
        n_right,
    })
}

/// How long a structure takes to be prepared, and each of its templates then, ms.
fn time_templates<T: SliceReal>(
    data: &Data,
    structure: Structure,
    n_threads: usize,
    stop: &StopFlag,
) -> Result<(f64, f64)> {
    unless_stopped(stop)?;
    let as_error = |error: verglas_fourier::slices::SliceError| Error::value(error.to_string());
    let settings = SliceSettings { n_threads, ..SliceSettings::default() };
    let start = Instant::now();
    let plan =
        SlicePlan::<T>::new(structure, data.geometry().grid(), data.box_angstrom(), &settings).map_err(as_error)?;
    let prepare_ms = start.elapsed().as_secs_f64() * 1e3;
    let n = (MOST_BYTES / 2 / (plan.slice_len() * size_of::<Complex<T>>())).clamp(16, 256);
    let rotations = data.rotations(n);
    let mut values = vec![Complex::<T>::default(); n * plan.slice_len()];
    let mut norms = vec![0.0; n];
    // The first ones fetch tables and pages.
    plan.compute(&rotations, &mut values, &mut norms).map_err(as_error)?;
    let (start, mut n_made) = (Instant::now(), 0);
    while start.elapsed().as_secs_f64() < TEMPLATE_SECONDS {
        unless_stopped(stop)?;
        plan.compute(&rotations, &mut values, &mut norms).map_err(as_error)?;
        n_made += n;
    }
    Ok((prepare_ms, start.elapsed().as_secs_f64() * 1e3 / n_made.max(1) as f64))
}

fn as_error(error: LikelihoodError) -> Error {
    Error::value(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_box_is_measured_and_images_find_their_templates() {
        for precision in [Precision::Single, Precision::Double] {
            let settings = LikelihoodBenchSettings { n_pixels: vec![32], precision, n_threads: 2 };
            let report = run_likelihood_bench(&settings, &StopFlag::new(false)).unwrap();
            let one = &report.last;
            assert_eq!((one.n_pixels, one.n_shells, one.n_inplanes), (32, 33, 64));
            assert_eq!((one.n_templates, one.n_displacements), (32, 257));
            // Made with a strong signal: all but a few, by chance, find the view that they were made from.
            assert!(10 * one.n_right >= 8 * one.n_images, "{} of {}", one.n_right, one.n_images);
            let numbers =
                [one.template_ms, one.template_ms_from_map, one.pairs_per_second, one.pairs_per_second_integrated];
            assert!(numbers.iter().all(|number| number.is_finite() && *number > 0.0), "{one:?}");
            let json = serde_json::to_value(&report).unwrap();
            assert_eq!(json["template_ms"], json["boxes"][0]["template_ms"]);
            assert_eq!(json["pairs_per_second"], json["boxes"][0]["pairs_per_second"]);
        }
    }

    #[test]
    fn a_box_of_nothing_is_refused_and_a_set_flag_stops() {
        let settings = LikelihoodBenchSettings { n_pixels: vec![8], precision: Precision::Single, n_threads: 1 };
        let error = run_likelihood_bench(&settings, &StopFlag::new(false)).unwrap_err().to_string();
        assert_eq!(error, "a box of 8 px, expected 16 or more");
        let settings = LikelihoodBenchSettings { n_pixels: vec![24], ..settings };
        let error = run_likelihood_bench(&settings, &StopFlag::new(true)).unwrap_err().to_string();
        assert!(error.contains("stopped"), "{error}");
    }
}
