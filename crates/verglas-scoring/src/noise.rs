//! The noise's spectrum, found from some of the images before any unit is made: the same for all structures and shards.
//!
//! The sample's best poses over all structures are searched once, with the images' own mean power for the noise's; then what is left
//! of the images at these poses gives the spectrum, poses are refined with it, and so on until it stays.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use num_complex::Complex;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::findings::{Warning, counted};
use verglas_core::{Observer, StopFlag};
use verglas_fourier::pose::Matrix3;
use verglas_likelihood::compare::ComparisonSettings;
use verglas_likelihood::ctf::{ContrastFormula, ContrastTransfer};
use verglas_likelihood::noise::{NoiseSpectrum, PowerSums, Residual, image_power};
use verglas_likelihood::refine::ContinuousPose;
use verglas_likelihood::{
    Comparison, Contrast, Geometry, ImageCheck, ImageSet, LikelihoodError, StartPose, TemplateSet, TemplatesAt,
    residuals,
};
use verglas_run::folder::OutputFolder;
use verglas_run::manifest::{Manifest, manifest_paths};

use crate::failure::{Compared, told};
use crate::images::ImageReader;
use crate::left_out;
use crate::manifest::{FoundNoise, RecordedLikelihood, RecordedRight};
use crate::names::{NOISE_MEASURED, NOISE_SPECTRUM, PARTICLE_SCALE};
use crate::noise_file;
use crate::number::Number;
use crate::odd_noise::{MOST_ROUNDS, odd_noise, unsettled_noise};
use crate::particle_file;
use crate::particle_scale::{GroupScale, N_SCALES, median_scale, scales_about};
use crate::prepare::LikelihoodJob;
use crate::right::{NoiseGroups, NoiseModel, RightSettings};
use crate::searches::{Searches, TemplatesOfViews};
use crate::settings::ContrastSource;

/// The noise that images are compared with.
#[derive(Debug)]
pub(crate) struct Noise {
    /// The geometry with each group's weights.
    pub(crate) geometries: Vec<Geometry>,
    /// Each stack's group.
    pub(crate) group_of_stack: Vec<usize>,
    /// The file's text, where there are spectra.
    pub(crate) text: Option<String>,
    /// The text of what was measured, where spectra were found.
    pub(crate) measured: Option<String>,
    /// The particles of each group, and each stack's group; where odds are not computed, none.
    pub(crate) scales: Vec<GroupScale>,
    pub(crate) scale_of_stack: Vec<usize>,
    /// The text of the file of these.
    pub(crate) scale_text: Option<String>,
}

impl Noise {
    /// White noise.
    fn white(job: &LikelihoodJob) -> Self {
        let nowhere = vec![0; job.stacks.len()];
        Self {
            geometries: vec![job.geometry.clone()],
            group_of_stack: nowhere.clone(),
            text: None,
            measured: None,
            scales: Vec::new(),
            scale_of_stack: nowhere,
            scale_text: None,
        }
    }

    /// Of the spectra that a text holds.
    fn of_text(job: &LikelihoodJob, groups: &Groups, text: String, path: &Path) -> Result<Self> {
        let spectra = noise_file::read(&text, path, &job.geometry, groups.n)?;
        let of = |spectrum: &NoiseSpectrum| {
            spectrum.weigh(&job.geometry).map_err(|error| Error::value(format!("`{}`: {error}", path.display())))
        };
        let geometries = spectra.iter().map(of).collect::<Result<_>>()?;
        Ok(Self { geometries, group_of_stack: groups.of_stack.clone(), text: Some(text), ..Self::white(job) })
    }

    /// With the particles' scales that a text holds.
    fn with_scales(mut self, groups: &Groups, text: String, path: &Path) -> Result<Self> {
        self.scales = particle_file::read(&text, path, groups.n)?;
        self.scale_of_stack.clone_from(&groups.of_stack);
        self.scale_text = Some(text);
        Ok(self)
    }

    /// The files that say it, with their texts.
    pub(crate) fn files(&self) -> Vec<(&'static str, &str)> {
        let all = [(NOISE_MEASURED, &self.measured), (NOISE_SPECTRUM, &self.text), (PARTICLE_SCALE, &self.scale_text)];
        all.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?))).collect()
    }

    /// The particles of a stack's group.
    pub(crate) fn scale(&self, stack: usize) -> Option<&GroupScale> {
        self.scales.get(self.scale_of_stack[stack]).filter(|scale| scale.scale.is_finite())
    }

    /// The geometry of a stack's images.
    pub(crate) fn geometry(&self, stack: usize) -> &Geometry {
        &self.geometries[self.group_of_stack[stack]]
    }

    /// What tells it from others.
    pub(crate) fn found(&self) -> FoundNoise {
        FoundNoise {
            spectrum_crc32: self.text.as_deref().map(crc32_of),
            measured_crc32: self.measured.as_deref().map(crc32_of),
            scale_crc32: self.scale_text.as_deref().map(crc32_of),
        }
    }
}

/// Which stacks' images share a spectrum.
struct Groups {
    of_stack: Vec<usize>,
    n: usize,
}

impl LikelihoodJob {
    fn noise_groups(&self, right: &RightSettings) -> Result<Groups> {
        // Without a contrast transfer nothing is asked of the metadata.
        if right.noise_groups == NoiseGroups::All || self.settings.contrast == ContrastSource::None {
            return Ok(Groups { of_stack: vec![0; self.stacks.len()], n: 1 });
        }
        let mut known: BTreeMap<[u64; 3], usize> = BTreeMap::new();
        let mut of_stack = Vec::with_capacity(self.stacks.len());
        for stack in &self.stacks {
            let n = known.len();
            of_stack.push(match stack.constants()? {
                Some(constants) => *known.entry(constants.key()).or_insert(n),
                None => 0,
            });
        }
        Ok(Groups { of_stack, n: known.len().max(1) })
    }

    /// What is wrong with the file of a spectrum that is given.
    ///
    /// # Errors
    /// When it can't be read, or is of other shells or groups.
    pub(crate) fn check_noise(&self) -> Result<()> {
        match self.settings.likelihood.right() {
            Some(right) => match &right.noise {
                NoiseModel::File(path) => {
                    Noise::of_text(self, &self.noise_groups(right)?, read_text(path)?, path).map(drop)
                }
                _ => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// The noise: given, white, found by an earlier run or shard into the same folder, or found now.
    ///
    /// # Errors
    /// When images can't be read or compared; when it is stopped.
    pub(crate) fn noise<T: Number>(
        &self,
        output: &OutputFolder,
        images: &ImageReader<'_>,
        is_earlier_kept: bool,
        (observer, stop): (&dyn Observer, &StopFlag),
        warnings: &mut Vec<Warning>,
    ) -> Result<Noise> {
        let Some(right) = self.settings.likelihood.right() else { return Ok(Noise::white(self)) };
        let groups = self.noise_groups(right)?;
        let [path, scale_path] = [NOISE_SPECTRUM, PARTICLE_SCALE].map(|name| output.path(name));
        let given = match &right.noise {
            NoiseModel::White => Some(Noise::white(self)),
            NoiseModel::File(file) => Some(Noise::of_text(self, &groups, read_text(file)?, file)?),
            NoiseModel::Spectrum if is_earlier_kept => {
                // Both, or it is found again, which gives the same.
                let text = earlier_text(output.root(), &path, |settings| &settings.noise_spectrum_crc32);
                let measured_path = output.path(NOISE_MEASURED);
                let measured = earlier_text(output.root(), &measured_path, |settings| &settings.noise_measured_crc32);
                let noise = text.filter(|_| measured.is_some()).map(|text| Noise::of_text(self, &groups, text, &path));
                noise.transpose()?.map(|noise| Noise { measured, ..noise })
            }
            NoiseModel::Spectrum => None,
        };
        let earlier_scales = is_earlier_kept
            .then(|| earlier_text(output.root(), &scale_path, |settings| &settings.particle_scale_crc32))
            .flatten();
        match (given, earlier_scales) {
            (Some(noise), Some(text)) => noise.with_scales(&groups, text, &scale_path),
            (Some(noise), None) if !self.settings.integrated => Ok(noise),
            (given, _) => {
                let mut sample = Sample::<T>::new(self, right, &groups, images, (observer, stop));
                let noise = match given {
                    Some(noise) => {
                        sample.take(&noise, &groups)?;
                        noise
                    }
                    // As whoever reads it again.
                    None => {
                        let spectra = sample.find()?;
                        let measured = Some(noise_file::measured_to_text(&self.geometry, &spectra));
                        let noise =
                            Noise::of_text(self, &groups, noise_file::to_text(&self.geometry, &spectra), &path)?;
                        Noise { measured, ..noise }
                    }
                };
                let scales = if self.settings.integrated { Some(sample.scales()?) } else { None };
                observer.stage("");
                // Of a data set without empty images the share can never be told: that is recorded, and is nothing to worry about.
                let is_told = |warning: &&Warning| warning.code != PARTICLE_SHARE_UNKNOWN;
                sample.warnings.iter().filter(is_told).for_each(|warning| observer.warning(warning));
                warnings.append(&mut sample.warnings);
                match scales {
                    Some(scales) => noise.with_scales(&groups, particle_file::to_text(&scales), &scale_path),
                    None => Ok(noise),
                }
            }
        }
    }
}

fn crc32_of(text: &str) -> String {
    format!("{:08x}", crc32fast::hash(text.as_bytes()))
}

/// What an earlier run found, if a manifest of the folder knows it.
fn earlier_text(root: &Path, path: &Path, recorded: fn(&RecordedRight) -> &Option<String>) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let crc32 = crc32_of(&text);
    let is_known = |(_, path): &(_, PathBuf)| {
        let settings = Manifest::read(path).map(|manifest| RecordedLikelihood::of(&manifest));
        settings.is_ok_and(|settings| recorded(&settings.right).as_deref() == Some(crc32.as_str()))
    };
    manifest_paths(root).ok()?.iter().any(is_known).then_some(text)
}

fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| Error::io(format_args!("cannot read `{}`", path.display()), &error))
}

/// The share of images that show a particle was not found.
const PARTICLE_SHARE_UNKNOWN: &str = "particle-share-unknown";

/// An image of the sample.
#[derive(Debug, Clone, Copy)]
struct Sampled {
    /// Places of the stack, and of the image in it.
    stack: usize,
    place: usize,
    /// ℓ₊ of the best pose so far; below any where there is none yet.
    score: f64,
    best: Best,
    /// B/A there, and the image's own scale, E/(I_ss·M); NaN where these are not known.
    contrast: f64,
    unit: f64,
}

#[derive(Debug, Clone, Copy)]
struct Best {
    /// Place among the structures that are compared.
    structure: usize,
    /// The pose of the grid, and where it was refined to.
    at: StartPose,
}

/// Images of a group that are compared.
struct Wanted {
    /// Their places in the group.
    places: Vec<usize>,
    /// Scales of particles for which odds are computed.
    particle_scales: Vec<f64>,
}

/// Some images of each group, and the spectra so far.
struct Sample<'a, 'r, T: Number> {
    job: &'a LikelihoodJob,
    right: &'a RightSettings,
    images: &'a ImageReader<'r>,
    observer: &'a dyn Observer,
    stop: &'a StopFlag,
    /// Of each group, in the order of stacks and places.
    groups: Vec<Vec<Sampled>>,
    geometries: Vec<Geometry>,
    warnings: Vec<Warning>,
    number: std::marker::PhantomData<T>,
}

/// What is done with some images: their places in the group, values, and contrast transfers.
type Handle<'h, T> = &'h mut dyn FnMut(&[usize], &[Complex<T>], Option<&[ContrastTransfer]>) -> Result<()>;

impl<'a, 'r, T: Number> Sample<'a, 'r, T> {
    fn new(
        job: &'a LikelihoodJob,
        right: &'a RightSettings,
        groups: &Groups,
        images: &'a ImageReader<'r>,
        (observer, stop): (&'a dyn Observer, &'a StopFlag),
    ) -> Self {
        let nowhere = ContinuousPose { rotation: [[0.0; 3]; 3], shift_angstrom: [0.0; 2] };
        let at = StartPose { template: 0, displacement_angstrom: [0.0; 2], rotation: 0, pose: nowhere };
        let best = Best { structure: 0, at };
        let of_group = |group: usize| {
            let stacks: Vec<usize> = (0..job.stacks.len()).filter(|&stack| groups.of_stack[stack] == group).collect();
            let n: usize = stacks.iter().map(|&stack| job.stacks[stack].n_images).sum();
            let n_sampled = n.min(right.noise_images);
            let mut wanted = (0..n_sampled).map(|i| spread(i, n, n_sampled)).peekable();
            let (mut sampled, mut first) = (Vec::with_capacity(n_sampled), 0);
            for stack in stacks {
                let last = first + job.stacks[stack].n_images;
                while let Some(image) = wanted.next_if(|&image| image < last) {
                    let place = image - first;
                    let score = f64::NEG_INFINITY;
                    sampled.push(Sampled { stack, place, score, best, contrast: f64::NAN, unit: f64::NAN });
                }
                first = last;
            }
            sampled
        };
        let groups: Vec<Vec<Sampled>> = (0..groups.n).map(of_group).collect();
        let geometries = vec![job.geometry.clone(); groups.len()];
        Self {
            job,
            right,
            images,
            observer,
            stop,
            groups,
            geometries,
            warnings: Vec::new(),
            number: std::marker::PhantomData,
        }
    }

    /// The spectra.
    fn find(&mut self) -> Result<Vec<NoiseSpectrum>> {
        let n: usize = self.groups.iter().map(Vec::len).sum();
        let images = counted(n, "image");
        self.observer.stage(&format!("noise of {images}"));
        let mut sums = Vec::with_capacity(self.groups.len());
        for group in 0..self.groups.len() {
            sums.push(self.power(group)?);
        }
        let mut spectra = self.spectra(&sums, false)?;
        self.search(&images)?;
        for round in 1..=MOST_ROUNDS {
            self.observer.stage(&format!("noise of {images}: round {round}"));
            let (sums, units) = self.residuals()?;
            self.warnings.clear();
            let before = std::mem::replace(&mut spectra, self.spectra(&sums, true)?);
            let is_settled = spectra.iter().zip(&before).all(|(now, before)| now.is_settled(before));
            if is_settled || round == MOST_ROUNDS {
                self.tell(&spectra, &units, is_settled);
                break;
            }
        }
        Ok(spectra)
    }

    /// The spectra of sums, where a group has too little that of all, else white; geometries follow them.
    fn spectra(&mut self, sums: &[PowerSums], is_told: bool) -> Result<Vec<NoiseSpectrum>> {
        let geometry = &self.job.geometry;
        let mut all = PowerSums::new(geometry);
        sums.iter().for_each(|sums| all.join(sums));
        let of_all = all.spectrum(geometry);
        let mut spectra = Vec::with_capacity(sums.len());
        for (group, sums) in sums.iter().enumerate() {
            let own = sums.spectrum(geometry);
            if own.is_none() && is_told {
                let instead = if of_all.is_some() && self.groups.len() > 1 { "that of all images" } else { "white" };
                let message = format!(
                    "group {group} has {}: too few to find the spectrum of their noise, which is taken to be {instead}",
                    counted(sums.n_images(), "image")
                );
                self.warnings.push(Warning { code: "noise-unknown", message: message.into() });
            }
            spectra.push(
                own.or_else(|| of_all.clone().map(NoiseSpectrum::unmeasured))
                    .unwrap_or_else(|| NoiseSpectrum::white(geometry)),
            );
        }
        for (weighted, spectrum) in self.geometries.iter_mut().zip(&spectra) {
            *weighted = spectrum.weigh(geometry).map_err(|error| Error::value(error.to_string()))?;
        }
        Ok(spectra)
    }

    /// Tells what is out of the ordinary.
    fn tell(&mut self, spectra: &[NoiseSpectrum], units: &[Vec<f64>], is_settled: bool) {
        for (group, (spectrum, units)) in spectra.iter().zip(units).enumerate() {
            self.warnings.extend(odd_noise(&format!("group {group}"), spectrum, units));
        }
        self.warnings.extend(unsettled_noise(is_settled));
    }

    /// The images' own power.
    fn power(&self, group: usize) -> Result<PowerSums> {
        let geometry = &self.job.geometry;
        let mut sums = PowerSums::new(geometry);
        let all: Vec<usize> = (0..self.groups[group].len()).collect();
        self.each_piece(group, &all, self.most_at_once(), &mut |places, values, transfers| {
            let tell = |error| self.told(group, places, error);
            let set = self.image_set(geometry, values, transfers).map_err(tell)?;
            for index in 0..places.len() {
                sums.add(&image_power(geometry, &set, index).map_err(tell)?);
            }
            Ok(())
        })?;
        Ok(sums)
    }

    /// Searches the best pose of each image over all structures.
    fn search(&mut self, images: &str) -> Result<()> {
        let job = self.job;
        let n = job.structures.len();
        let all = |group: &Vec<Sampled>| Wanted { places: (0..group.len()).collect(), particle_scales: Vec::new() };
        let wanted: Vec<Wanted> = self.groups.iter().map(all).collect();
        for structure in 0..n {
            self.observer.stage(&format!("noise of {images}: structure {} of {n}", structure + 1));
            let mut found: Vec<(usize, usize, f64, f64, Best)> = Vec::new();
            self.compare(structure, &wanted, false, |group, places, comparison, views| {
                for (&place, result) in places.iter().zip(comparison.images) {
                    let at = StartPose::of_grid(&result, views, job.geometry.n_inplanes());
                    let best = Best { structure, at };
                    found.push((group, place, result.log_likelihood_optimal, result.contrast, best));
                }
            })?;
            for (group, place, score, contrast, best) in found {
                let sampled = &mut self.groups[group][place];
                if score > sampled.score {
                    (sampled.score, sampled.contrast, sampled.best) = (score, contrast, best);
                }
            }
        }
        Ok(())
    }

    /// Compares images of each group with the templates of a structure and, where `is_refined`, with what lies between them. `take`
    /// gets the group, the images' places in it, what was found of them, and the rotations of the views.
    fn compare(
        &self,
        structure: usize,
        wanted: &[Wanted],
        is_refined: bool,
        mut take: impl FnMut(usize, &[usize], Comparison<T>, &[Matrix3]),
    ) -> Result<()> {
        if wanted.iter().all(|wanted| wanted.places.is_empty()) {
            return Ok(());
        }
        let job = self.job;
        let (structure, least_search_bytes) = (&job.structures[structure], job.least_search_bytes[structure]);
        let values = structure.read::<T>(job.geometry.n_points())?;
        let views = structure.views.rotations();
        let between = job.between.as_ref().filter(|_| is_refined);
        let slices = between.map(|between| between.slices(structure)).transpose()?;
        let budget = job.sizes(structure).plan(&job.settings, least_search_bytes, self.right.noise_images);
        for (group, Wanted { places, particle_scales }) in wanted.iter().enumerate() {
            if places.is_empty() {
                continue;
            }
            let geometry = &self.geometries[group];
            let tell = |error| match error {
                LikelihoodError::Stopped => stopped(),
                error => told(error, structure, None, budget.held_bytes),
            };
            let templates = TemplateSet::new(geometry, &values, &structure.views.weight).map_err(tell)?;
            let settings = ComparisonSettings {
                pairs: false,
                full: false,
                particle_scales: particle_scales.clone(),
                ..job.comparison(budget.search_bytes)
            };
            let coarse = job.coarse(geometry, &templates);
            let go_on = || !self.stop.load(Ordering::Relaxed);
            let refinement = slices.as_ref().map(|slices| job.refinement(slices, &views, self.right));
            let of = TemplatesOfViews { geometry, templates, views: &views, mates: &job.mates };
            let searches =
                Searches::new(of, job.searched(), settings, coarse.as_ref(), refinement, &go_on).map_err(tell)?;
            self.each_piece(group, places, budget.n_images, &mut |places, values, transfers| {
                let tell = |error| self.told(group, places, error);
                let set = self.image_set(geometry, values, transfers).map_err(tell)?;
                let go_on = |_| !self.stop.load(Ordering::Relaxed);
                let known = self.known_of(&self.groups[group], places, structure.axis_order)?;
                let comparison = searches.compare(&set, &known, &go_on).map_err(tell)?;
                take(group, places, comparison, &views);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Poses that are known of some images of a group.
    fn known_of(
        &self,
        sampled: &[Sampled],
        places: &[usize],
        axes: verglas_structures::AxisOrder,
    ) -> Result<Vec<Option<ContinuousPose>>> {
        let mut of_stack: Option<(usize, Vec<Option<ContinuousPose>>)> = None;
        let mut known = Vec::with_capacity(places.len());
        for &place in places {
            let Sampled { stack, place, .. } = sampled[place];
            if of_stack.as_ref().is_none_or(|(there, _)| *there != stack) {
                of_stack = Some((stack, self.job.known_poses(&self.job.stacks[stack], axes)?));
            }
            known.push(of_stack.as_ref().and_then(|(_, known)| known.get(place).copied().flatten()));
        }
        Ok(known)
    }

    /// What is left of the images at their poses, which are refined first; summed, and each image's scale.
    fn residuals(&mut self) -> Result<(Vec<PowerSums>, Vec<Vec<f64>>)> {
        let job = self.job;
        let mut found: Vec<Vec<Option<(Residual, ContinuousPose)>>> =
            self.groups.iter().map(|group| vec![None; group.len()]).collect();
        for (structure_place, structure) in job.structures.iter().enumerate() {
            let own: Vec<Vec<usize>> = self.groups.iter().map(|group| places_of(group, structure_place)).collect();
            if own.iter().all(Vec::is_empty) {
                continue;
            }
            let views = structure.views.rotations();
            let slices = job.between.as_ref().map(|between| between.slices(structure)).transpose()?;
            let templates = if slices.is_some() { Vec::new() } else { structure.read::<T>(job.geometry.n_points())? };
            for (group, own) in own.iter().enumerate() {
                let geometry = &self.geometries[group];
                let likelihood = verglas_likelihood::LogLikelihood::of::<T>(
                    geometry,
                    job.formula(),
                    job.degrees_of_freedom(),
                    self.right.sign.contrast_sign(),
                )
                .map_err(|error| Error::value(error.to_string()))?;
                let refinement = slices.as_ref().map(|slices| job.refinement(slices, &views, self.right));
                let at = match &refinement {
                    Some(refinement) => TemplatesAt::Any(refinement),
                    None => TemplatesAt::Grid(
                        TemplateSet::new(geometry, &templates, &structure.views.weight)
                            .map_err(|error| told(error, structure, None, 0))?,
                    ),
                };
                let sampled = &self.groups[group];
                let found = &mut found[group];
                self.each_piece(group, own, self.most_at_once(), &mut |places, values, transfers| {
                    let tell = |error| self.told(group, places, error);
                    let set = self.image_set(geometry, values, transfers).map_err(tell)?;
                    let starts: Vec<StartPose> = places.iter().map(|&place| sampled[place].best.at).collect();
                    let sums = (geometry, &likelihood, &job.displacements);
                    let go_on = || !self.stop.load(Ordering::Relaxed);
                    let left = residuals(sums, at, (&set, &starts), job.settings.n_threads, &go_on).map_err(tell)?;
                    places.iter().zip(left).for_each(|(&place, left)| found[place] = Some(left));
                    Ok(())
                })?;
            }
        }
        let (mut sums, mut units) = (Vec::new(), Vec::new());
        for (group, found) in found.into_iter().enumerate() {
            let (mut of_group, mut scales) = (PowerSums::new(&job.geometry), Vec::new());
            for (place, left) in found.into_iter().enumerate() {
                let Some((left, pose)) = left else { continue };
                of_group.add(&left.power);
                scales.push(left.unit);
                self.groups[group][place].unit = left.unit;
                self.groups[group][place].best.at.pose = pose;
            }
            sums.push(of_group);
            units.push(scales);
        }
        Ok((sums, units))
    }

    /// Takes a noise that is known, and searches the images' best poses with it.
    fn take(&mut self, noise: &Noise, groups: &Groups) -> Result<()> {
        for (group, geometry) in self.geometries.iter_mut().enumerate() {
            if let Some(stack) = groups.of_stack.iter().position(|&of_stack| of_stack == group) {
                geometry.clone_from(noise.geometry(stack));
            }
        }
        let n: usize = self.groups.iter().map(Vec::len).sum();
        self.search(&counted(n, "image"))?;
        self.residuals().map(drop)
    }

    /// How strong the particles of each group are, and how many images show one.
    fn scales(&mut self) -> Result<Vec<GroupScale>> {
        let n: usize = self.groups.iter().map(Vec::len).sum();
        self.observer.stage(&format!("particles of {}", counted(n, "image")));
        let medians: Vec<f64> = self.groups.iter().map(|group| median_of(group)).collect();
        let log_odds = self.log_odds(&medians)?;
        let mut scales = Vec::with_capacity(medians.len());
        for (group, (&median, log_odds)) in medians.iter().zip(&log_odds).enumerate() {
            let scale = GroupScale::find(median, log_odds);
            if scale.share.is_none() && scale.n_images > 0 {
                let message = format!(
                    "group {group}: the share of images that show a particle can't be told from {}: particles are taken to be as strong \
                     as the median of these",
                    counted(scale.n_images, "image")
                );
                self.warnings.push(Warning { code: PARTICLE_SHARE_UNKNOWN, message: message.into() });
            }
            scales.push(scale);
        }
        Ok(scales)
    }

    /// ln of the odds that there is a particle of each image with its best structure, for scales about the median of its group.
    fn log_odds(&self, medians: &[f64]) -> Result<Vec<Vec<f64>>> {
        let mut found: Vec<BTreeMap<usize, Vec<f64>>> = vec![BTreeMap::new(); self.groups.len()];
        for structure in 0..self.job.structures.len() {
            let own = |(sampled, median): (&Vec<Sampled>, &f64)| Wanted {
                places: if median.is_finite() { places_of(sampled, structure) } else { Vec::new() },
                particle_scales: scales_about(*median),
            };
            let wanted: Vec<Wanted> = self.groups.iter().zip(medians).map(own).collect();
            self.compare(structure, &wanted, true, |group, places, comparison, _| {
                for (&place, odds) in places.iter().zip(comparison.log_odds.chunks_exact(N_SCALES)) {
                    found[group].insert(place, odds.to_vec());
                }
            })?;
        }
        Ok(found.into_iter().map(|of_images| of_images.into_values().flatten().collect()).collect())
    }

    /// Images that are held at once where little else is.
    fn most_at_once(&self) -> usize {
        let bytes = 2 * self.job.geometry.n_points() * size_of::<T>();
        let half = self.job.settings.memory_bytes / 4 / bytes.max(1) as u64;
        (half as usize).clamp(1, 256)
    }

    fn image_set<'s>(
        &self,
        geometry: &Geometry,
        values: &'s [Complex<T>],
        transfers: Option<&'s [ContrastTransfer]>,
    ) -> std::result::Result<ImageSet<'s, T>, LikelihoodError> {
        let contrast = match transfers {
            None => Contrast::One,
            Some(transfers) => Contrast::Parameters(transfers, ContrastFormula::Right),
        };
        ImageSet::new(geometry, values, contrast)
    }

    fn told(&self, group: usize, places: &[usize], error: LikelihoodError) -> Error {
        if error == LikelihoodError::Stopped {
            return stopped();
        }
        // Images of several stacks: the first is named by its own.
        let of = |index: usize| places.get(index).or(places.first()).map(|&place| self.groups[group][place]);
        let index = match &error {
            LikelihoodError::ImageNotFinite { image, .. }
            | LikelihoodError::ImageNorm { image }
            | LikelihoodError::Contrast { image, .. }
            | LikelihoodError::PairNorm { image, .. }
            | LikelihoodError::NothingNear { image } => *image,
            _ => 0,
        };
        let Some(sampled) = of(index) else { return Error::value(error.to_string()) };
        let places: Vec<usize> = vec![sampled.place; index + 1];
        let compared = Compared { stack: &self.job.stacks[sampled.stack], places: &places };
        told(error, &self.job.structures[sampled.best.structure], Some(compared), 0)
    }

    /// Hands in the images of a group at the places `wanted`, some at a time.
    fn each_piece(&self, group: usize, wanted: &[usize], at_once: usize, handle: Handle<'_, T>) -> Result<()> {
        let (job, sampled) = (self.job, &self.groups[group]);
        let n_points = job.geometry.n_points();
        let stacks: Vec<usize> = wanted
            .chunk_by(|&a, &b| sampled[a].stack == sampled[b].stack)
            .map(|of_stack| sampled[of_stack[0]].stack)
            .collect();
        self.images.expect(&stacks);
        let (mut places, mut values) = (Vec::new(), Vec::new());
        let mut transfers: Vec<ContrastTransfer> = Vec::new();
        let has_transfers = job.settings.contrast == ContrastSource::Stack;
        let mut check = job.settings.skip_unreadable.then(|| ImageCheck::new(&job.geometry, job.formula()));
        let mut one = Vec::new();
        for of_stack in wanted.chunk_by(|&a, &b| sampled[a].stack == sampled[b].stack) {
            let stack = &job.stacks[sampled[of_stack[0]].stack];
            let of_images = if has_transfers { stack.contrast(job.angle_rule())? } else { Vec::new() };
            let mut open = self.images.open(stack)?;
            for &wanted in of_stack {
                let place = sampled[wanted].place;
                if self.stop.load(Ordering::Relaxed) {
                    return Err(stopped());
                }
                let range: Range<usize> = place..place + 1;
                let mut reasons = open.read(range, n_points, &mut one, self.stop)?;
                if let Some(check) = &mut check {
                    left_out::look(check, n_points, &one, &mut reasons)?;
                }
                if reasons.iter().any(Option::is_some) {
                    continue;
                }
                places.push(wanted);
                values.extend_from_slice(&one);
                transfers.extend(of_images.get(place));
                if places.len() >= at_once.max(1) {
                    handle(&places, &values, has_transfers.then_some(&transfers[..]))?;
                    (places, values, transfers) = (Vec::new(), Vec::new(), Vec::new());
                }
            }
        }
        if places.is_empty() {
            return Ok(());
        }
        handle(&places, &values, has_transfers.then_some(&transfers[..]))
    }
}

/// The place among `n_images` of one of `n` that are evenly spread.
pub(crate) fn spread(i: usize, n_images: usize, n: usize) -> usize {
    (i as u128 * n_images as u128 / n.max(1) as u128) as usize
}

/// The places of those images of a group that a structure fits best.
fn places_of(group: &[Sampled], structure: usize) -> Vec<usize> {
    let is_own = |sampled: &Sampled| sampled.best.structure == structure && sampled.score.is_finite();
    (0..group.len()).filter(|&place| is_own(&group[place])).collect()
}

/// The median of B/A over the noise's standard deviation; NaN where it is not above 0.
fn median_of(sampled: &[Sampled]) -> f64 {
    median_scale(sampled.iter().map(|image| image.contrast / image.unit.sqrt()))
}

fn stopped() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped while the noise's spectrum was looked for: nothing was written yet")
}
