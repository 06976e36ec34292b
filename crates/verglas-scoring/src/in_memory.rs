//! Right likelihoods of images in memory against the templates of one structure: no folder and no files.

use std::path::Path;

use num_complex::Complex;
use verglas_core::error::{Error, Result};
use verglas_core::findings::{Warning, counted};
use verglas_fourier::pose::Matrix3;
use verglas_likelihood::compare::{CoarseTemplates, ComparisonSettings, SearchReal};
use verglas_likelihood::displacements::Displacements;
use verglas_likelihood::noise::{NoiseSpectrum, PowerSums, image_power};
use verglas_likelihood::refine::{ContinuousPose, Refinement, Slices};
use verglas_likelihood::{
    Comparison, Contrast, DegreesOfFreedom, Formula, Geometry, ImageResult, ImageSet, LikelihoodError, LogLikelihood,
    PosePrior, StartPose, TemplateSet, TemplatesAt, residuals,
};
use verglas_structures::AxisOrder;

use crate::audit::Audit;
use crate::findings::RightFindings;
use crate::known::KnownPoses;
use crate::noise::spread;
use crate::noise_file;
use crate::odd_noise::{MOST_ROUNDS, odd_noise, unsettled_noise};
use crate::particle_scale::{GroupScale, median_scale, scales_about};
use crate::prepare::{FEW_VALUES, LEAST_VALUES};
use crate::publish::{integrated_of, optimal_of};
use crate::refined::{FIELDS, RefinedNumbers};
use crate::right::{IndependentValues, NoiseModel, PosesFrom, RightSettings};
use crate::row::NOISE;
use crate::searches::{Searched, Searches, TemplatesOfViews};

/// Images whose arrays are in memory: `[images, n_shells, n_inplanes]`.
#[derive(Debug, Clone, Copy)]
pub struct MemoryImages<'a, T> {
    /// Their Fourier transforms.
    pub values: &'a [Complex<T>],
    /// Their contrast transfers; 1 if there are none.
    pub contrast: Option<&'a [f64]>,
    /// What is known of their poses, one for each image; if nothing is, none.
    pub known: &'a [Option<ContinuousPose>],
}

/// Templates of one structure in memory.
#[derive(Clone, Copy)]
pub struct MemoryTemplates<'a, T> {
    /// `[views, n_shells, n_inplanes]`
    pub values: &'a [Complex<T>],
    /// The weight of each view.
    pub view_weights: &'a [f64],
    /// The rotation of each view.
    pub views: &'a [Matrix3],
    /// The rotations that the structure looks the same after, itself among them.
    pub mates: &'a [Matrix3],
    /// Templates between the views; where there are none, likelihoods are integrated over the grid's poses.
    pub slices: Option<&'a dyn Slices>,
}

/// The noise of images in memory.
#[derive(Debug, Clone, PartialEq)]
pub enum MemoryNoise {
    /// As it is found from some of them.
    Found,
    /// White.
    White,
    /// As it is known.
    Known(NoiseSpectrum),
}

impl MemoryNoise {
    /// That of a file as `noise_spectrum.csv`, which must hold one group.
    fn read(path: &Path, geometry: &Geometry) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::io(format_args!("cannot read `{}`", path.display()), &error))?;
        let spectrum = noise_file::read(&text, path, geometry, 1)?.into_iter().next();
        Ok(Self::Known(spectrum.unwrap_or_else(|| NoiseSpectrum::white(geometry))))
    }
}

/// How images in memory are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct MemorySettings {
    /// How many independent values an image has.
    pub degrees_of_freedom: DegreesOfFreedom,
    /// The noise.
    pub noise: MemoryNoise,
    /// What else makes it right.
    pub right: RightSettings,
    /// How far poses may lie from known ones, where these are searched.
    pub prior: Option<(PosePrior, PosesFrom)>,
    /// Whether likelihoods are integrated over poses.
    pub integrated: bool,
    /// Whether the particles' scale is looked for, and the odds that there is one; not where likelihoods aren't integrated.
    pub odds: bool,
    /// Whether the best pose of each image with each template is kept.
    pub pairs: bool,
    /// The images' pixel size in Å.
    pub pixel_angstrom: f64,
    /// Number of threads; decides nothing about the results.
    pub n_threads: usize,
    /// What buffers may take, in bytes, results and inputs not counted; decides nothing about the results.
    pub memory_bytes: u64,
}

impl MemorySettings {
    fn finds_particles(&self) -> bool {
        self.integrated && self.odds
    }

    /// Those of a job, for images of `n_pixels` pixels of `pixel_angstrom` Å: integrated, without pairs, by one thread with 2 GiB. The
    /// integral is refined where there are templates between the views, whatever `right` says of it; all images are one group.
    ///
    /// # Errors
    /// Numbers out of their range; a spectrum's file that can't be read or is of other shells.
    pub fn of(
        right: &RightSettings,
        independent_values: IndependentValues,
        geometry: &Geometry,
        (n_pixels, pixel_angstrom): (usize, f64),
    ) -> Result<Self> {
        right.check_pruning()?;
        let prior = right.prior()?;
        Ok(Self {
            degrees_of_freedom: independent_values.of_images(n_pixels),
            noise: match &right.noise {
                NoiseModel::Spectrum => MemoryNoise::Found,
                NoiseModel::White => MemoryNoise::White,
                NoiseModel::File(path) => MemoryNoise::read(path, geometry)?,
            },
            right: right.clone(),
            prior: (right.poses_from != PosesFrom::Search).then_some((prior, right.poses_from)),
            integrated: true,
            odds: true,
            pairs: false,
            pixel_angstrom,
            n_threads: 1,
            memory_bytes: 2 << 30,
        })
    }
}

/// What is found of images in memory.
#[derive(Debug)]
pub struct RightComparison<T> {
    /// The comparison; its odds are those of one scale, or there are none.
    pub comparison: Comparison<T>,
    /// The noise's spectrum.
    pub noise: NoiseSpectrum,
    /// The particles' scale, where it was looked for.
    pub particles: Option<GroupScale>,
    /// Images that were audited, and how much larger ln L over the grid is where nothing is left out.
    pub audited: Vec<(usize, f64)>,
    /// What is out of the ordinary.
    pub warnings: Vec<Warning>,
}

impl<T> RightComparison<T> {
    /// What a job's tables say of each image.
    fn rows(&self, axes: AxisOrder) -> Vec<RefinedNumbers> {
        let mut audited = self.audited.iter().peekable();
        let mut log_odds = self.comparison.log_odds.iter();
        let of = |(image, result): (usize, &ImageResult)| {
            let numbers = RefinedNumbers::of(result, axes);
            let numbers = match audited.next_if(|(audited, _)| *audited == image) {
                Some((_, difference)) => numbers.with_audit(*difference),
                None => numbers,
            };
            match (&self.particles, log_odds.next()) {
                (Some(particles), Some(odds)) => numbers.with_odds(*odds, particles.probability(*odds)),
                _ => numbers,
            }
        };
        self.comparison.images.iter().enumerate().map(of).collect()
    }

    /// What the tables of a job say of each image, by the names of their columns and of [`RefinedNumbers::get`]; NaN where there is nothing.
    /// Of `at_edge`, 0 or 1.
    pub fn columns(&self, axes: AxisOrder) -> Vec<(&'static str, Vec<f64>)> {
        let rows = self.rows(axes);
        let of_all = |of: fn(&ImageResult) -> f64| self.comparison.images.iter().map(of).collect();
        let column = |name: &'static str| {
            let values = rows.iter().map(|row| row.get(name).unwrap_or(f64::NAN));
            (name, values.collect::<Vec<f64>>())
        };
        let mut columns =
            vec![("log_likelihood_optimal", of_all(optimal_of)), ("log_likelihood_integrated", of_all(integrated_of))];
        columns.push(("at_edge", of_all(|result| f64::from(u8::from(result.is_at_edge)))));
        columns.extend(FIELDS.into_iter().filter(|name| *name != "is_at_edge").map(column));
        let noise = |(image, row): (&ImageResult, &RefinedNumbers)| {
            integrated_of(image) - row.get("log_odds_particle").unwrap_or(f64::NAN)
        };
        columns.push((NOISE, self.comparison.images.iter().zip(&rows).map(noise).collect()));
        columns
    }

    /// What is out of the ordinary of the images together, as a job tells it.
    fn warn(&mut self, right: &RightSettings) {
        let mut findings = RightFindings::new();
        for ((image, result), numbers) in self.comparison.images.iter().enumerate().zip(self.rows(AxisOrder::Zyx)) {
            findings.add(&numbers, integrated_of(result), right);
            findings.add_search(&numbers, image, right);
        }
        self.warnings.extend(findings.warnings(right));
        let n = self.comparison.images.len();
        let images = counted(n, "image");
        let count = |is: fn(&ImageResult) -> bool| self.comparison.images.iter().filter(|result| is(result)).count();
        let n_inverted = count(|result| -result.smallest_cross_correlation > result.cross_correlation);
        let (n_without_noise, n_at_edge) = (count(|result| result.is_without_noise), count(|result| result.is_at_edge));
        if 2 * n_inverted > n {
            let message = format!(
                "{n_inverted} of {images} fit better with the opposite sign: their contrast may be inverted; then multiply them by −1"
            );
            self.warnings.push(Warning { code: "contrast-inverted", message: message.into() });
        }
        if n_without_noise > 0 {
            let message = format!(
                "{n_without_noise} of {images} fit without any noise: their log-likelihoods are bounded by rounding"
            );
            self.warnings.push(Warning { code: "no-noise", message: message.into() });
        }
        if 10 * n_at_edge > n {
            let message = format!(
                "the best poses of {n_at_edge} of {images} are at the rim of what was searched: the particles may be farther off"
            );
            self.warnings.push(Warning { code: "at-edge", message: message.into() });
        }
    }
}

/// Compares images with the templates of a structure: the noise's spectrum and the particles' scale are found from some of them, then
/// all are compared. `go_on`, asked by any thread, is told how many more pairs of the comparison of all are done, and says whether to go
/// on.
///
/// # Errors
/// As [`verglas_likelihood::compare::Search::compare_watched`]; where poses are known, or looked at between the grid's, when displacements
/// form no grid; arrays of other lengths; a band of less than 50 independent values.
pub fn compare_in_memory<T: SearchReal>(
    geometry: &Geometry,
    images: &MemoryImages<'_, T>,
    templates: &MemoryTemplates<'_, T>,
    displacements: &Displacements,
    settings: &MemorySettings,
    go_on: &(dyn Fn(u64) -> bool + Sync),
) -> std::result::Result<RightComparison<T>, LikelihoodError> {
    let known = match settings.prior {
        None => None,
        Some((prior, from)) => Some(KnownPoses::new(prior, displacements, from).ok_or(LikelihoodError::NoGrid)?),
    };
    let searched = Searched { displacements, known: known.as_ref() };
    if templates.slices.is_some() && settings.integrated && displacements.grid().is_none() {
        return Err(LikelihoodError::NoGrid);
    }
    let job = MemoryJob { geometry, templates, searched, settings, go_on };
    let n_images = images.values.len() / geometry.n_points();
    LikelihoodError::check_length("views", templates.view_weights.len(), templates.views.len())?;
    if settings.prior.is_some() {
        LikelihoodError::check_length("known poses", n_images, images.known.len())?;
        let is_everywhere = searched.everywhere();
        if let Some(image) = images.known.iter().position(Option::is_none).filter(|_| !is_everywhere) {
            return Err(LikelihoodError::NothingNear { image });
        }
    }
    // All, where that is no more: then nothing is copied.
    let n_sampled = settings.right.noise_images.min(n_images);
    let is_sampled = settings.noise == MemoryNoise::Found || settings.finds_particles();
    let gathered = (is_sampled && n_sampled < n_images)
        .then(|| Gathered::spread(images, n_images, n_sampled, geometry.n_points()));
    let sample = gathered.as_ref().map_or(*images, Gathered::images);
    let of_all = |error: LikelihoodError| match &gathered {
        Some(_) => error.of_image(|image| spread(image, n_images, n_sampled)),
        None => error,
    };
    let mut warnings = Vec::new();
    if settings.degrees_of_freedom == DegreesOfFreedom::Band {
        let value = geometry.degrees_of_freedom();
        let what = format!(
            "number of independent values of an image that the grid out to radius {} holds (4π·radius²)",
            geometry.grid().radius_max()
        );
        if value < LEAST_VALUES {
            return Err(LikelihoodError::Value { what, value, expected: "at least 50" });
        } else if value < FEW_VALUES {
            let message = format!(
                "the {what} is {value:.0}: with less than {FEW_VALUES}, log-likelihoods of wrong structures are a few percent too near"
            );
            warnings.push(Warning { code: "small-band", message: message.into() });
        }
    }
    let (noise, weighted, scales) = job.noise(&sample, &mut warnings).map_err(of_all)?;
    let mut particles = None;
    if settings.finds_particles() {
        let median = median_scale(scales.into_iter());
        let log_odds = match median.is_finite() {
            true => {
                let found = job.compare(&weighted, &sample, scales_about(median), job.refinement());
                found.map_err(of_all)?.log_odds
            }
            false => Vec::new(),
        };
        particles = Some(GroupScale::find(median, &log_odds));
    }
    let particle_scales = particles.map(|found| found.scale).filter(|scale| scale.is_finite()).into_iter().collect();
    drop(gathered);
    let audit = Audit::new(n_images, settings.right.audit_share);
    let (comparison, audited) = job.compare_all(&weighted, images, particle_scales, &audit)?;
    let mut found = RightComparison { comparison, noise, particles, audited, warnings };
    found.warn(&settings.right);
    Ok(found)
}

/// What all steps share.
struct MemoryJob<'j, T: SearchReal> {
    geometry: &'j Geometry,
    templates: &'j MemoryTemplates<'j, T>,
    searched: Searched<'j>,
    settings: &'j MemorySettings,
    go_on: &'j (dyn Fn(u64) -> bool + Sync),
}

/// A comparison, and of the images that were audited how much larger ln L over the grid is where nothing is left out.
type Audited<T> = (Comparison<T>, Vec<(usize, f64)>);

/// The noise, the geometry with its weights, and the scale of each image of the sample against it.
type FoundNoise = (NoiseSpectrum, Geometry, Vec<f64>);

impl<T: SearchReal> MemoryJob<'_, T> {
    fn refinement(&self) -> Option<Refinement<'_>> {
        let MemoryTemplates { views, mates, slices, .. } = *self.templates;
        let (n_modes, pixel_angstrom) = (self.settings.right.n_modes, self.settings.pixel_angstrom);
        slices.filter(|_| self.settings.integrated).map(|slices| Refinement {
            slices,
            views,
            mates,
            n_modes,
            pixel_angstrom,
        })
    }

    fn set<'s>(&self, images: &MemoryImages<'s, T>) -> std::result::Result<ImageSet<'s, T>, LikelihoodError> {
        ImageSet::new(self.geometry, images.values, images.contrast.map_or(Contrast::One, Contrast::Values))
    }

    /// Finds the noise from a sample of the images.
    fn noise(
        &self,
        sample: &MemoryImages<'_, T>,
        warnings: &mut Vec<Warning>,
    ) -> std::result::Result<FoundNoise, LikelihoodError> {
        let (geometry, set) = (self.geometry, self.set(sample)?);
        let n_images = set.n_images();
        let (mut noise, is_sought) = match &self.settings.noise {
            MemoryNoise::White => (NoiseSpectrum::white(geometry), false),
            MemoryNoise::Known(spectrum) => (spectrum.clone(), false),
            MemoryNoise::Found => {
                let mut sums = PowerSums::new(geometry);
                for image in 0..n_images {
                    sums.add(&image_power(geometry, &set, image)?);
                }
                (sums.spectrum(geometry).unwrap_or_else(|| NoiseSpectrum::white(geometry)), true)
            }
        };
        let mut weighted = noise.weigh(geometry)?;
        if n_images == 0 || (!is_sought && !self.settings.finds_particles()) {
            return Ok((noise, weighted, Vec::new()));
        }
        let found = self.compare(&weighted, sample, Vec::new(), None)?;
        let views = self.templates.views;
        let start = |result| StartPose::of_grid(result, views, geometry.n_inplanes());
        let mut starts: Vec<StartPose> = found.images.iter().map(start).collect();
        let refinement = self.refinement();
        let templates = match &refinement {
            Some(refinement) => TemplatesAt::Any(refinement),
            None => TemplatesAt::Grid(TemplateSet::new(geometry, self.templates.values, self.templates.view_weights)?),
        };
        let go_on = || (self.go_on)(0);
        let mut units = vec![f64::NAN; n_images];
        for round in 1..=MOST_ROUNDS {
            let likelihood = LogLikelihood::of::<T>(
                &weighted,
                Formula::Right,
                self.settings.degrees_of_freedom,
                self.settings.right.sign.contrast_sign(),
            )?;
            let sums = (&weighted, &likelihood, self.searched.displacements);
            let left = residuals(sums, templates, (&set, &starts), self.settings.n_threads, &go_on)?;
            let mut power = PowerSums::new(geometry);
            for ((left, pose), (start, unit)) in left.iter().zip(starts.iter_mut().zip(&mut units)) {
                power.add(&left.power);
                (start.pose, *unit) = (*pose, left.unit);
            }
            if !is_sought {
                break;
            }
            let found = power.spectrum(geometry);
            let is_known = found.is_some();
            let before = std::mem::replace(&mut noise, found.unwrap_or_else(|| NoiseSpectrum::white(geometry)));
            weighted = noise.weigh(geometry)?;
            let is_settled = noise.is_settled(&before);
            if is_settled || round == MOST_ROUNDS {
                if !is_known {
                    let message = format!(
                        "{} are too few to find the spectrum of their noise, which is taken to be white",
                        counted(n_images, "image")
                    );
                    warnings.push(Warning { code: "noise-unknown", message: message.into() });
                }
                warnings.extend(odd_noise("these images", &noise, &units));
                warnings.extend(unsettled_noise(is_settled));
                // As whoever reads a job's file of it: to the last bit.
                noise = NoiseSpectrum::of(geometry, noise.sigma2())?;
                weighted = noise.weigh(geometry)?;
                break;
            }
        }
        let scales = found.images.iter().zip(&units).map(|(result, unit)| result.contrast / unit.sqrt());
        Ok((noise, weighted, scales.collect()))
    }

    /// Compares a sample of the images; with `refinement`, between the grid's poses, too.
    fn compare(
        &self,
        geometry: &Geometry,
        sample: &MemoryImages<'_, T>,
        particle_scales: Vec<f64>,
        refinement: Option<Refinement<'_>>,
    ) -> std::result::Result<Comparison<T>, LikelihoodError> {
        let settings = ComparisonSettings { pairs: false, particle_scales, ..self.comparison() };
        let tells_nothing = |_| (self.go_on)(0);
        let set = self.set(sample)?;
        self.with_searches(geometry, settings, refinement, |searches| {
            searches.compare(&set, &self.known(sample, set.n_images()), &tells_nothing)
        })
    }

    /// Compares all images, and some of them with nothing left out.
    fn compare_all(
        &self,
        geometry: &Geometry,
        images: &MemoryImages<'_, T>,
        particle_scales: Vec<f64>,
        audit: &Audit,
    ) -> std::result::Result<Audited<T>, LikelihoodError> {
        let settings = ComparisonSettings { particle_scales, ..self.comparison() };
        let set = self.set(images)?;
        self.with_searches(geometry, settings, self.refinement(), |searches| {
            let comparison = searches.compare(&set, &self.known(images, set.n_images()), self.go_on)?;
            let is_audited = |&image: &usize| comparison.images[image].evaluated_share < 1.0 && audit.has(image);
            let chosen: Vec<usize> = (0..set.n_images()).filter(is_audited).collect();
            let mut audited = Vec::with_capacity(chosen.len());
            if !chosen.is_empty() {
                let found = searches.audit(&set, &chosen, &|_| (self.go_on)(0))?;
                let differences = chosen
                    .into_iter()
                    .zip(found)
                    .map(|(image, found)| (image, found - comparison.images[image].log_likelihood_integrated));
                audited.extend(differences);
            }
            Ok((comparison, audited))
        })
    }

    fn comparison(&self) -> ComparisonSettings {
        let MemorySettings { degrees_of_freedom, integrated, pairs, n_threads, memory_bytes, .. } = *self.settings;
        ComparisonSettings {
            formula: Formula::Right,
            sign: self.settings.right.sign.contrast_sign(),
            degrees_of_freedom,
            // It stands for no cell of its own.
            weighs_appended: false,
            // ℓ of each pair is what is integrated over.
            integrated: integrated || pairs,
            pairs,
            full: false,
            pruning: self.settings.right.pruning,
            particle_scales: Vec::new(),
            n_threads,
            memory_bytes,
        }
    }

    /// What is known of each image's pose.
    fn known(&self, images: &MemoryImages<'_, T>, n_images: usize) -> Vec<Option<ContinuousPose>> {
        if images.known.is_empty() { vec![None; n_images] } else { images.known.to_vec() }
    }

    fn with_searches<R>(
        &self,
        geometry: &Geometry,
        settings: ComparisonSettings,
        refinement: Option<Refinement<'_>>,
        compare: impl FnOnce(&Searches<'_, T>) -> std::result::Result<R, LikelihoodError>,
    ) -> std::result::Result<R, LikelihoodError> {
        let MemoryTemplates { values, view_weights, views, mates, .. } = *self.templates;
        let templates = TemplateSet::new(geometry, values, view_weights)?;
        let displacements = self.searched.displacements;
        let is_coarse = self.searched.everywhere() && settings.looks_coarsely(views.len(), displacements.len());
        let coarse = if is_coarse { CoarseTemplates::new(geometry, &templates, displacements) } else { None };
        // They are held beside the search.
        let coarse_bytes = match &coarse {
            Some(_) => CoarseTemplates::<T>::needed_bytes(geometry, views.len()),
            None => 0,
        };
        let settings =
            ComparisonSettings { memory_bytes: settings.memory_bytes.saturating_sub(coarse_bytes), ..settings };
        let of = TemplatesOfViews { geometry, templates, views, mates };
        let go_on = || (self.go_on)(0);
        let searches = Searches::new(of, self.searched, settings, coarse.as_ref(), refinement, &go_on)?;
        compare(&searches)
    }
}

/// Some of the images, side by side.
struct Gathered<T> {
    values: Vec<Complex<T>>,
    contrast: Option<Vec<f64>>,
    known: Vec<Option<ContinuousPose>>,
}

impl<T: SearchReal> Gathered<T> {
    /// `n` of `n_images`, evenly spread.
    fn spread(images: &MemoryImages<'_, T>, n_images: usize, n: usize, n_points: usize) -> Self {
        let place = |i: usize| spread(i, n_images, n);
        let points = |i: usize| place(i) * n_points..(place(i) + 1) * n_points;
        let of = |all: &[f64]| (0..n).flat_map(|i| all[points(i)].iter().copied()).collect();
        Self {
            values: (0..n).flat_map(|i| images.values[points(i)].iter().copied()).collect(),
            contrast: images.contrast.map(of),
            known: (0..n).filter_map(|i| images.known.get(place(i)).copied()).collect(),
        }
    }

    fn images(&self) -> MemoryImages<'_, T> {
        MemoryImages { values: &self.values, contrast: self.contrast.as_deref(), known: &self.known }
    }
}
