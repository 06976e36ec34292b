//! A folder of likelihoods, read again for what others make of it: stacks and templates need not be there any more.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};
use verglas_formats::pt::PtFile;
use verglas_fourier::sphere::Views;
use verglas_particles::export::RecordedImages;
use verglas_run::descriptor::ImageDescriptor;
use verglas_run::manifest::{FolderRecord, InputRecord, Manifest};
use verglas_structures::AxisOrder;
use verglas_structures::templates::{TemplateList, TemplateStack};

use crate::manifest::{RecordedLikelihood, recorded_images};
use crate::names::{NOISE_MEASURED, NOISE_SPECTRUM, UnitNames};
use crate::noise_file;
use crate::refined::RefinedNumbers;
use crate::results::read_refined;

/// The units of a folder of likelihoods that are whole. Structures and stacks are told by their places among those that were
/// compared, from 0.
#[derive(Debug, Clone)]
pub struct LikelihoodFolder {
    root: PathBuf,
    settings: RecordedLikelihood,
    manifest: Manifest,
    there: BTreeSet<usize>,
}

/// How well some images go with a structure; NaN for images that were left out.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitScores {
    /// The best correlation of each.
    pub cross_correlation: Vec<f64>,
    /// Its integrated log-likelihood, else the optimal one: what structures are compared by.
    pub log_likelihood: Vec<f64>,
}

/// The best pose of some images with a structure.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitPoses {
    /// Place among the structure's views; below 0 for images that were left out.
    pub template: Vec<i64>,
    /// (d_0, d_1) along image axes 0 and 1, Å.
    pub displacement_angstrom: Vec<[f64; 2]>,
    /// Of each image with a known pose, whether the best one is at the edge of what that allows.
    pub at_edge_of_known: Vec<Option<bool>>,
}

impl LikelihoodFolder {
    /// The folder at `root` with its manifests.
    ///
    /// # Errors
    /// When the manifests are not of likelihoods, or contradict themselves.
    pub fn new(root: &Path, record: &FolderRecord) -> Result<Self> {
        let manifest = record.first().clone();
        let damaged = |what: String| Error::format(format!("the manifest of `{}` {what}", root.display()));
        if !matches!(manifest.settings.input, InputRecord::Likelihood { .. }) {
            return Err(damaged("is not of likelihoods".to_owned()));
        }
        let settings = RecordedLikelihood::of(&manifest);
        let n_structures = settings.structure_places.len();
        let n_units = n_structures.saturating_mul(settings.n_images.len());
        let lengths = [settings.structures.len(), settings.n_templates.len()];
        if n_units == 0 || n_units != record.n_stacks() || lengths.iter().any(|&n| n != n_structures) {
            return Err(damaged(format!(
                "has {n_structures} structures and {} stacks, and counts {} units",
                settings.n_images.len(),
                record.n_stacks()
            )));
        }
        let there: BTreeSet<usize> = record.stacks().iter().map(|unit| unit.number).collect();
        if let Some(last) = there.last().filter(|&&last| last >= n_units) {
            return Err(damaged(format!("records unit {last} of {n_units}, which are counted from 0")));
        }
        Ok(Self { root: root.to_owned(), settings, manifest, there })
    }

    /// What was asked.
    pub fn settings(&self) -> &RecordedLikelihood {
        &self.settings
    }

    /// How many structures were compared.
    pub fn n_structures(&self) -> usize {
        self.settings.structure_places.len()
    }

    /// Images of each stack.
    pub fn n_images(&self) -> &[usize] {
        &self.settings.n_images
    }

    /// Whether a structure's results of a stack are there.
    pub fn has(&self, structure: usize, stack: usize) -> bool {
        self.there.contains(&(structure * self.settings.n_images.len() + stack))
    }

    /// The folder that the stacks were in, or the file that images were read from.
    pub fn particles(&self) -> Option<PathBuf> {
        match &self.manifest.settings.input {
            InputRecord::Likelihood { particles, .. } => Some(self.manifest.resolve(particles)),
            _ => None,
        }
    }

    /// Images that were made on the way of particles; `None` where they were read from stacks.
    pub fn recorded_images(&self) -> Option<RecordedImages<'_>> {
        recorded_images(&self.root, &self.manifest)
    }

    /// How well some images of a stack go with a structure.
    ///
    /// # Errors
    /// When a file can't be read, or has not as many numbers as the stack has images.
    pub fn scores(&self, structure: usize, stack: usize, images: Range<usize>) -> Result<UnitScores> {
        let names = self.names(structure, stack);
        let log_likelihood = if self.settings.integrated { &names.integrated } else { &names.optimal };
        Ok(UnitScores {
            cross_correlation: self.numbers(&names.cross_correlation, stack, images.clone())?,
            log_likelihood: self.numbers(log_likelihood, stack, images)?,
        })
    }

    /// The best poses of some images of a stack with a structure.
    ///
    /// # Errors
    /// When a file can't be read, or has not as many numbers as the stack has images; when there is no such view.
    pub fn poses(&self, structure: usize, stack: usize, images: Range<usize>) -> Result<UnitPoses> {
        let names = self.names(structure, stack);
        let [template, x, y, _] = &names.optimal_pose;
        let (path, mut file) = self.open(template, stack)?;
        let rows = images.start as u64..images.end as u64;
        let template = file.read_i64(rows).map_err(|error| Error::from_format(&path, error))?;
        let n_views = self.settings.n_templates[structure];
        if let Some(view) = template.iter().find(|&&view| view >= n_views as i64) {
            return Err(Error::format(format!("`{}` names view {view} of {n_views}", path.display())));
        }
        let x = self.numbers(x, stack, images.clone())?;
        let y = self.numbers(y, stack, images.clone())?;
        let at_edge = |numbers: RefinedNumbers| numbers.get("is_at_edge").map(|is_at_edge| is_at_edge != 0.0);
        // Not read where it says nothing of that.
        let refined = match self.settings.has_known_poses() {
            true => self.refined(structure, stack, images.clone())?,
            false => None,
        };
        let at_edge_of_known = match refined {
            Some(refined) => refined.into_iter().map(at_edge).collect(),
            None => vec![None; images.len()],
        };
        let displacement_angstrom = x.into_iter().zip(y).map(<[f64; 2]>::from).collect();
        Ok(UnitPoses { template, displacement_angstrom, at_edge_of_known })
    }

    /// What a right likelihood says beside of some images of a stack with a structure; `None` where likelihoods are plain.
    ///
    /// # Errors
    /// When a file can't be read, or has not as many numbers as the stack has images.
    pub fn refined(&self, structure: usize, stack: usize, images: Range<usize>) -> Result<Option<Vec<RefinedNumbers>>> {
        if !self.settings.is_right() {
            return Ok(None);
        }
        let names = self.names(structure, stack);
        read_refined(&self.root.join(&names.refined), self.settings.n_images[stack], images).map(Some)
    }

    /// The noise of each group of images by shell: (resolution in Å, σ²); none where it was not looked for.
    ///
    /// # Errors
    /// When `noise_spectrum.csv` can't be read.
    pub fn noise(&self) -> Result<Vec<Vec<(f64, f64)>>> {
        self.by_resolution(NOISE_SPECTRUM, "sigma2")
    }

    /// What was measured of it by shell, which that is a fit to; none where it was not looked for.
    ///
    /// # Errors
    /// When `noise_measured.csv` can't be read.
    pub fn measured_noise(&self) -> Result<Vec<Vec<(f64, f64)>>> {
        self.by_resolution(NOISE_MEASURED, "measured")
    }

    fn by_resolution(&self, file: &str, column: &str) -> Result<Vec<Vec<(f64, f64)>>> {
        let path = self.root.join(file);
        if !path.is_file() {
            return Ok(Vec::new());
        }
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Error::io(format_args!("cannot read `{}`", path.display()), &error))?;
        noise_file::by_resolution(&text, &path, column)
    }

    /// The views that a structure's templates were made for, and which of its axes is which.
    ///
    /// # Errors
    /// When the templates are not where they were, or have another number of views.
    pub fn views(&self, structure: usize) -> Result<(Views, AxisOrder)> {
        let InputRecord::Likelihood { templates, .. } = &self.manifest.settings.input else {
            return Err(Error::value("no folder of templates is recorded"));
        };
        let folder = self.manifest.resolve(templates);
        let list = TemplateList::read(&folder)?;
        let place = self.settings.structure_places[structure];
        let path = list
            .paths
            .get(place)
            .ok_or_else(|| Error::format(format!("`{}` lists no structure {place} any more", folder.display())))?;
        let stack = TemplateStack::open(path)?;
        let said = self.settings.templates_axes.as_deref().and_then(|axes| axes.parse().ok());
        let (views, axes) = match stack.facts() {
            Some(facts) => (facts.views.clone(), facts.axis_order),
            None => (self.default_views()?, said),
        };
        let n_views = self.settings.n_templates[structure];
        if views.len() != n_views {
            return Err(Error::format(format!(
                "`{}` has {} views now, and had {n_views}",
                path.display(),
                views.len()
            )));
        }
        Ok((views, axes.unwrap_or_default()))
    }

    /// The views of templates that don't say theirs.
    fn default_views(&self) -> Result<Views> {
        let Some(descriptor) = &self.settings.descriptor else {
            return Err(Error::value("neither templates nor manifest say the viewing angles"));
        };
        let path = self.manifest.resolve(descriptor);
        let distance = ImageDescriptor::load(&path)?.template.viewing_distance;
        let distance = distance.ok_or_else(|| Error::value(format!("`{}` has no viewing distance", path.display())))?;
        Views::new(distance).map_err(|error| Error::value(format!("`{}`: {error}", path.display())))
    }

    fn names(&self, structure: usize, stack: usize) -> UnitNames {
        UnitNames::of(self.settings.structure_places[structure], stack)
    }

    /// Some real numbers of a tensor of one for each image of the stack.
    fn numbers(&self, name: &str, stack: usize, images: Range<usize>) -> Result<Vec<f64>> {
        let (path, mut file) = self.open(name, stack)?;
        let rows = images.start as u64..images.end as u64;
        file.read_f64(rows).map_err(|error| Error::from_format(&path, error))
    }

    fn open(&self, name: &str, stack: usize) -> Result<(PathBuf, PtFile)> {
        let path = self.root.join(name);
        let file = PtFile::open(&path).map_err(|error| Error::from_format(&path, error))?;
        let n = self.settings.n_images[stack];
        match file.tensor().shape() {
            [there] if *there == n as u64 => Ok((path, file)),
            shape => Err(Error::format(format!("`{}` has the shape {shape:?}, expected [{n}]", path.display()))),
        }
    }
}
