//! Everything that can be checked before the first byte is written.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use verglas_core::StopFlag;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::findings::{Findings, counted};
use verglas_fourier::grid::Precision;
use verglas_fourier::pose::Matrix3;
use verglas_fourier::sphere::PointGroup;
use verglas_likelihood::compare::{CoarseTemplates, ComparisonSettings};
use verglas_likelihood::ctf::ContrastFormula;
use verglas_likelihood::displacements::Displacements;
use verglas_likelihood::refine::{ContinuousPose, Refinement, Slices};
use verglas_likelihood::{ContrastSign, DegreesOfFreedom, Formula, Geometry, TemplateSet};
use verglas_particles::metadata::Input;
use verglas_particles::settings::{DefocusAngleAxis, DescriptorSource};
use verglas_particles::{Conversion, ConvertSettings};
use verglas_run::Shard;
use verglas_run::descriptor::ImageDescriptor;
use verglas_run::disk::in_words;
use verglas_run::folder::OutputFolder;
use verglas_run::manifest::FolderRecord;
use verglas_structures::AxisOrder;
use verglas_structures::templates::RecordedTemplates;

use crate::audit::Audit;
use crate::between::Between;
use crate::grids::compare_grids;
use crate::known::{KnownPoses, check_known, on_axes};
use crate::memory::{Sizes, check_room};
use crate::names::{Kept, LikelihoodFiles};
use crate::number::Number;
use crate::right::{Likelihood, RightSettings};
use crate::settings::{ContrastSource, LikelihoodSettings, Particles, TableFormat};
use crate::stacks::{AngleRule, ImageStack, StackGrids, check_contrast, find_stacks, planned_stacks, recorded_stacks};
use crate::structures::{FoundStructures, StructureTemplates};

/// A job that was checked and can start.
#[derive(Debug)]
pub struct LikelihoodJob {
    pub(crate) settings: LikelihoodSettings,
    /// The folder of stacks, or what images are made from.
    pub(crate) particles: PathBuf,
    /// What makes images on the way, if they are not read from stacks.
    pub(crate) conversion: Option<Arc<Conversion>>,
    pub(crate) templates: PathBuf,
    pub(crate) descriptor: ImageDescriptor,
    pub(crate) descriptor_file: PathBuf,
    pub(crate) stacks: Vec<ImageStack>,
    pub(crate) structures: Vec<StructureTemplates>,
    pub(crate) geometry: Geometry,
    pub(crate) displacements: Displacements,
    /// What comparing with each structure takes at least, beside templates and images.
    pub(crate) least_search_bytes: Vec<u64>,
    /// Templates between the views, where poses between the grid's are looked at.
    pub(crate) between: Option<Between>,
    /// The structures' point group.
    pub(crate) symmetry: PointGroup,
    /// The rotations that they look the same after.
    pub(crate) mates: Vec<Matrix3>,
    /// How far poses may lie from the images' own; where all are searched, none.
    pub(crate) known: Option<KnownPoses>,
    /// The images that are searched without leaving out anything, too.
    pub(crate) audit: Audit,
}

impl LikelihoodJob {
    /// Looks at the images `particles` and the templates in `templates`, and checks all that can be checked before images are
    /// read. What must be told goes to `findings`; nothing is written. `output` is where the results shall go, if that is
    /// known: there must be room.
    ///
    /// # Errors
    /// When something is wrong; where several things are, [`Error::others`] has the rest. When `stop` is set.
    pub fn prepare(
        particles: impl Into<Particles>,
        templates: &Path,
        output: Option<&Path>,
        settings: LikelihoodSettings,
        findings: &mut Findings,
        stop: &StopFlag,
    ) -> Result<Self> {
        let checked = Self::check(&particles.into(), templates, (output, stop), settings, findings);
        or_first_error(checked, findings)
    }

    /// A job that is done and was made straight from `particles`, with so many images in each stack: what it found is looked at.
    ///
    /// # Errors
    /// When something is wrong with the templates.
    pub(crate) fn of_recorded_images(
        particles: PathBuf,
        n_images: &[usize],
        templates: &Path,
        settings: LikelihoodSettings,
    ) -> Result<Self> {
        let (findings, stop) = (&mut Findings::new(), &StopFlag::new(false));
        let found = FoundStructures::find(templates, &settings, findings);
        let stacks = FoundStacks { stacks: recorded_stacks(n_images), grids: Vec::new(), conversion: None };
        let job = found.and_then(|found| {
            Self::with_stacks(stacks, found, (particles, templates), (None, stop), settings, findings)
        });
        or_first_error(job, findings)
    }

    /// Checks, without changing anything, that `output` can be written to.
    ///
    /// # Errors
    /// When it is not empty and the settings say to refuse that, when it can't be written, or when it is the folder of the
    /// stacks or of the templates.
    pub fn check_output(
        output: &Path,
        particles: impl Into<Particles>,
        templates: &Path,
        settings: &LikelihoodSettings,
    ) -> Result<()> {
        let is_same = |other: &Path| match (output.canonicalize(), other.canonicalize()) {
            (Ok(output), Ok(other)) => output == other,
            _ => false,
        };
        let particles = particles.into();
        let stacks = match &particles {
            Particles::Stacks(folder) => Some((folder.as_path(), "the stacks")),
            Particles::Input { .. } => None,
        };
        for (folder, what) in stacks.into_iter().chain([(templates, "the templates")]) {
            if is_same(folder) {
                return Err(Error::value(format!("`{}` is the folder of {what}", output.display()))
                    .with_hint("choose another folder, or one below it"));
            }
        }
        OutputFolder::new(output, settings.shard, LikelihoodFiles::default()).check(settings.existing)
    }

    /// How many structures are compared.
    pub fn n_structures(&self) -> usize {
        self.structures.len()
    }

    /// How many stacks they are compared with.
    pub fn n_stacks(&self) -> usize {
        self.stacks.len()
    }

    /// Images of all stacks.
    pub fn n_images(&self) -> usize {
        self.stacks.iter().map(|stack| stack.n_images).sum()
    }

    /// Images of the stacks that this run compares.
    pub(crate) fn n_own_images(&self) -> usize {
        let stacks: BTreeSet<usize> = self.own_units().map(|unit| unit % self.stacks.len()).collect();
        stacks.into_iter().map(|stack| self.stacks[stack].n_images).sum()
    }

    /// D, how many displacements are tried.
    pub fn n_displacements(&self) -> usize {
        self.displacements.len()
    }

    /// Units of this run: of its shard, if one is asked for.
    pub fn n_units(&self) -> usize {
        self.own_units().len()
    }

    /// Comparisons of an image with a template at a displacement that these units make.
    pub fn n_comparisons(&self) -> usize {
        self.own_units().map(|unit| self.comparisons_of(unit)).fold(0, usize::saturating_add)
    }

    /// The units that this run makes: by structure, then stack.
    pub(crate) fn own_units(&self) -> Range<usize> {
        Shard::units_of(self.settings.shard, self.n_all_units())
    }

    pub(crate) fn n_all_units(&self) -> usize {
        self.structures.len() * self.stacks.len()
    }

    /// The structure and the stack of a unit.
    pub(crate) fn parts_of(&self, unit: usize) -> (&StructureTemplates, &ImageStack) {
        (&self.structures[unit / self.stacks.len()], &self.stacks[unit % self.stacks.len()])
    }

    /// Image × template × displacement.
    pub(crate) fn comparisons_of(&self, unit: usize) -> usize {
        let (structure, stack) = self.parts_of(unit);
        stack.n_images.saturating_mul(structure.views.len()).saturating_mul(self.displacements.len())
    }

    /// The place among all images of a stack's first.
    pub(crate) fn first_image_of(&self, stack: usize) -> usize {
        self.stacks[..stack].iter().map(|stack| stack.n_images).sum()
    }

    pub(crate) fn precision(&self) -> Precision {
        self.structures.first().map_or(Precision::Single, |structure| structure.precision)
    }

    pub(crate) fn formula(&self) -> Formula {
        match self.settings.as_cryolike {
            true => Formula::CryoLike { n_pixels: self.descriptor.cartesian_grid.n_pixels() },
            false => Formula::Right,
        }
    }

    /// How many independent values an image is taken to have.
    pub(crate) fn degrees_of_freedom(&self) -> DegreesOfFreedom {
        let n_pixels = self.descriptor.cartesian_grid.n_pixels();
        self.settings.independent_values.unwrap_or_default().of_images(n_pixels)
    }

    /// What makes the likelihood right, if it is to be.
    pub(crate) fn right(&self) -> Option<&RightSettings> {
        self.settings.likelihood.right()
    }

    /// What is kept of every unit beside best poses.
    pub(crate) fn kept(&self) -> Kept {
        let LikelihoodSettings { integrated, pairs, full_cross_correlation: full, .. } = self.settings;
        Kept { integrated, pairs, full, right: self.right().is_some() }
    }

    /// Whether poses between the grid's are looked at.
    pub(crate) fn is_refined(&self) -> bool {
        self.between.is_some()
    }

    fn between_bytes(&self, structure: &StructureTemplates) -> u64 {
        let place = self.structures.iter().position(|other| other.place == structure.place);
        let of = |between: &Between| place.and_then(|place| between.needed_bytes.get(place)).copied();
        self.between.as_ref().and_then(of).unwrap_or(0)
    }

    /// What templates at half of the resolution take, if some are looked at.
    fn coarse_bytes(&self, structure: &StructureTemplates) -> u64 {
        match self.looks_coarsely(structure.views.len()) {
            true => match structure.precision {
                Precision::Single => CoarseTemplates::<f32>::needed_bytes(&self.geometry, structure.views.len()),
                Precision::Double => CoarseTemplates::<f64>::needed_bytes(&self.geometry, structure.views.len()),
            },
            false => 0,
        }
    }

    /// Whether half of the resolution is looked at first.
    fn looks_coarsely(&self, n_views: usize) -> bool {
        self.searched().everywhere() && self.comparison(u64::MAX).looks_coarsely(n_views, self.displacements.len())
    }

    /// Templates at half of the resolution, where they say enough.
    pub(crate) fn coarse<T: Number>(
        &self,
        geometry: &Geometry,
        templates: &TemplateSet<'_, T>,
    ) -> Option<CoarseTemplates<T>> {
        self.looks_coarsely(templates.n_views())
            .then(|| CoarseTemplates::new(geometry, templates, &self.displacements))
            .flatten()
    }

    /// What looking between the grid's poses needs.
    pub(crate) fn refinement<'s>(
        &'s self,
        slices: &'s dyn Slices,
        views: &'s [Matrix3],
        right: &RightSettings,
    ) -> Refinement<'s> {
        let pixel_angstrom = self.descriptor.cartesian_grid.pixel_size_angstrom()[0];
        Refinement { slices, views, mates: &self.mates, n_modes: right.n_modes, pixel_angstrom }
    }

    /// The poses of a stack's images that are known beforehand, on a structure's axes; where all are searched, none.
    ///
    /// # Errors
    /// When the metadata can't be read.
    pub(crate) fn known_poses(&self, stack: &ImageStack, axes: AxisOrder) -> Result<Vec<Option<ContinuousPose>>> {
        match self.known {
            None => Ok(vec![None; stack.n_images]),
            Some(_) => Ok(on_axes(&stack.known_poses()?, axes)),
        }
    }

    pub(crate) fn angle_rule(&self) -> AngleRule {
        angle_rule(&self.settings)
    }

    /// Whether images have a contrast transfer.
    pub(crate) fn contrast_is_known(&self) -> bool {
        self.settings.contrast == ContrastSource::Stack
    }

    pub(crate) fn contrast_formula(&self) -> ContrastFormula {
        if self.settings.as_cryolike { ContrastFormula::CryoLike } else { ContrastFormula::Right }
    }

    /// What is computed, within `memory_bytes`.
    pub(crate) fn comparison(&self, memory_bytes: u64) -> ComparisonSettings {
        ComparisonSettings {
            formula: self.formula(),
            // ℓ of each pair is what is integrated over.
            integrated: self.settings.integrated || self.settings.pairs,
            pairs: self.settings.pairs,
            full: self.settings.full_cross_correlation,
            sign: self.right().map_or(ContrastSign::Any, |right| right.sign.contrast_sign()),
            degrees_of_freedom: self.degrees_of_freedom(),
            // It stands for no cell of its own.
            weighs_appended: self.right().is_none(),
            pruning: self.right().and_then(|right| right.pruning),
            // Whatever it will be.
            particle_scales: if self.right().is_some() && self.settings.integrated { vec![1.0] } else { Vec::new() },
            n_threads: self.settings.n_threads,
            memory_bytes,
        }
    }

    /// What comparing with a structure is made of.
    pub(crate) fn sizes(&self, structure: &StructureTemplates) -> Sizes {
        Sizes {
            n_views: structure.views.len(),
            n_points: self.geometry.n_points(),
            n_displacements: self.displacements.len(),
            n_inplanes: self.geometry.n_inplanes(),
            number_bytes: match structure.precision {
                Precision::Single => 4,
                Precision::Double => 8,
            },
            // That there is a transform is checked with the images.
            between_bytes: self.between_bytes(structure),
            coarse_bytes: self.coarse_bytes(structure),
            source_bytes: self.conversion.as_ref().and_then(|images| images.image_maker_bytes().ok()).unwrap_or(0),
        }
    }

    /// The largest stack's images.
    pub(crate) fn most_images(&self) -> usize {
        self.stacks.iter().map(|stack| stack.n_images).max().unwrap_or(0)
    }

    /// Checks what can be checked, as much of it as possible: one thing that is wrong hides no other unless it must.
    fn check(
        particles: &Particles,
        templates: &Path,
        (output, stop): (Option<&Path>, &StopFlag),
        mut settings: LikelihoodSettings,
        findings: &mut Findings,
    ) -> Option<Self> {
        if settings.as_cryolike {
            settings.likelihood = Likelihood::Plain;
        }
        if let Some(shard) = settings.shard
            && !shard.is_valid()
        {
            findings.error(Error::value(format!("there is no shard {shard}")));
        }
        if settings.tables.iter().any(|format| !format.is_built()) {
            findings.error(TableFormat::without_parquet());
        }
        let stacks = match particles {
            Particles::Stacks(folder) => {
                let stacks = FoundStacks::in_folder(folder, &settings, findings);
                tell_of_unfinished_stacks(folder, findings);
                stacks
            }
            // Their grids are those of the templates.
            Particles::Input { .. } => None,
        };
        let found = FoundStructures::find(templates, &settings, findings);
        let stacks = match particles {
            Particles::Stacks(_) => stacks,
            Particles::Input { input, settings: of_images, has_own_grids } => {
                let descriptor = found.as_ref().map(|found| &found.descriptor).filter(|_| !has_own_grids);
                let of_images = settings_of_images(of_images, descriptor, &settings);
                FoundStacks::of_input(input, of_images, findings)
            }
        };
        Self::with_stacks(stacks?, found?, (particles.path(), templates), (output, stop), settings, findings)
    }

    /// Checks the rest, with the stacks and structures that were found.
    fn with_stacks(
        FoundStacks { stacks, grids: stack_grids, conversion }: FoundStacks,
        found: FoundStructures,
        (particles, templates): (PathBuf, &Path),
        (output, stop): (Option<&Path>, &StopFlag),
        settings: LikelihoodSettings,
        findings: &mut Findings,
    ) -> Option<Self> {
        if settings.contrast == ContrastSource::Stack {
            check_contrast(&stacks, angle_rule(&settings), findings);
        }
        let FoundStructures { structures, grids, descriptor, descriptor_file, as_cryolike } = found;
        compare_grids(&descriptor, &descriptor_file, &grids, &stack_grids, findings);
        if let Some(made) = as_cryolike.filter(|made| *made != settings.as_cryolike) {
            let (theirs, ours) =
                if made { ("as CryoLike makes them", "not") } else { ("not as CryoLike makes them", "so") };
            findings.note(format!("the templates were made {theirs}; the comparison is {ours}"));
        }
        let box_angstrom = or_tell(descriptor.box_angstrom(), findings)?;
        let geometry = Geometry::new(descriptor.polar_grid.clone(), box_angstrom);
        let geometry = or_tell(geometry.map_err(|error| Error::caused_by(ErrorKind::Value, error)), findings)?;
        let [n_0, n_1] = settings.n_displacements;
        let pixel = descriptor.cartesian_grid.pixel_size_angstrom()[0];
        let displacements = Displacements::new(settings.max_displacement_pixels, pixel, n_0, n_1);
        let displacements =
            or_tell(displacements.map_err(|error| Error::caused_by(ErrorKind::Value, error)), findings)?;
        let symmetry = or_tell(symmetry_of(templates, &settings), findings)?;
        let mut job = Self {
            settings,
            particles,
            conversion,
            templates: templates.to_owned(),
            descriptor,
            descriptor_file,
            stacks,
            structures,
            geometry,
            displacements,
            least_search_bytes: Vec::new(),
            between: None,
            symmetry,
            mates: symmetry.rotations(),
            known: None,
            audit: Audit::new(0, 0.0),
        };
        job.check_band(findings);
        if let Some(right) = job.right() {
            if let Err(error) = right.check_pruning() {
                findings.error(error);
            }
            let share = if right.pruning.is_some() { right.audit_share } else { 0.0 };
            job.audit = Audit::new(job.n_images(), share);
        }
        let prior = check_known(&job.stacks, &job.settings, findings);
        job.known = prior.and_then(|(prior, from)| KnownPoses::new(prior, &job.displacements, from));
        if let Err(error) = job.check_noise() {
            findings.error(error);
        }
        match Between::find(templates, &job.structures, &job.settings, (findings, stop)) {
            Ok(between) => job.between = between,
            Err(error) => findings.error(error),
        }
        // Templates that are wrong take any memory.
        if findings.errors.is_empty() {
            match job.least_search_bytes(stop) {
                Ok(least) => job.least_search_bytes = least,
                Err(error) => findings.error(error),
            }
        }
        job.check_room(output, findings);
        job.note_decisions(findings);
        Some(job)
    }

    /// Whether the band holds enough to tell the noise from.
    fn check_band(&self, findings: &mut Findings) {
        if self.formula().is_cryolike() || self.degrees_of_freedom() != DegreesOfFreedom::Band {
            return;
        }
        let m = self.geometry.degrees_of_freedom();
        let radius = self.geometry.grid().radius_max();
        let what = format!("the grid out to radius {radius} holds {m:.0} independent values of an image (4π·radius²)");
        if m < LEAST_VALUES {
            findings.error(
                Error::value(format!("{what}, expected at least {LEAST_VALUES}"))
                    .with_hint("convert and make templates with a larger box or more resolution"),
            );
        } else if m < FEW_VALUES {
            findings.warn("small-band", format!("{what}: with less than {FEW_VALUES}, log-likelihoods of wrong structures are a few percent too near"));
        }
    }

    /// Whether the disk has room.
    fn check_room(&self, output: Option<&Path>, findings: &mut Findings) {
        if !self.settings.full_cross_correlation {
            return;
        }
        let of_unit = |unit: usize| {
            let (structure, stack) = self.parts_of(unit);
            self.sizes(structure).full_bytes().saturating_mul(stack.n_images as u64)
        };
        let bytes = self.own_units().map(of_unit).fold(0, u64::saturating_add);
        findings.warn("full-size", format!("all correlations of this run will take {} on the disk", in_words(bytes)));
        if let Some(output) = output
            && let Err(error) = check_room(output, bytes)
        {
            findings.error(error);
        }
    }

    /// Tells a user who asks what will be compared, and how.
    fn note_decisions(&self, findings: &mut Findings) {
        let grid = self.geometry.grid();
        findings.note(format!(
            "{} in {} against {} of {}, at {}, in {} precision{}",
            counted(self.n_images(), "image"),
            counted(self.stacks.len(), "stack"),
            counted(self.structures.iter().map(|structure| structure.views.len()).sum(), "template"),
            counted(self.structures.len(), "structure"),
            counted(self.displacements.len(), "displacement"),
            self.precision().as_str(),
            if self.settings.as_cryolike { ", as CryoLike does it" } else { "" }
        ));
        findings.note(format!(
            "{} shells out to radius {}, {} angles, by `{}`",
            grid.n_shells(),
            grid.radius_max(),
            grid.n_inplanes(),
            self.descriptor_file.display()
        ));
        let (n_threads, memory) = (self.settings.n_threads, in_words(self.settings.memory_bytes));
        findings.note(format!("{}, within {memory}", counted(n_threads, "thread")));
    }
}

/// The point group that is given, else that of the templates.
fn symmetry_of(templates: &Path, settings: &LikelihoodSettings) -> Result<PointGroup> {
    let given = settings.likelihood.right().and_then(|right| right.symmetry);
    let recorded = match FolderRecord::read(templates) {
        Ok(record) => Some(RecordedTemplates::of(record.first()).symmetry),
        // CryoLike's have none. One that is damaged says something that must not be overlooked.
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            return Err(error.with_hint("it says what the templates were made of, and their symmetry: make them again"));
        }
    };
    let own: PointGroup = recorded.and_then(|symmetry| symmetry.parse().ok()).unwrap_or(PointGroup::Cyclic(1));
    match given {
        Some(given) if own != PointGroup::Cyclic(1) && given != own => Err(Error::value(format!(
            "symmetry {given} is given, and the templates in `{}` are those of an asymmetric unit of {own}",
            templates.display()
        ))),
        given => Ok(given.unwrap_or(own)),
    }
}

/// Independent values below which there is no telling.
pub(crate) const LEAST_VALUES: f64 = 50.0;
/// Independent values below which likelihoods are a little off.
pub(crate) const FEW_VALUES: f64 = 200.0;

fn angle_rule(settings: &LikelihoodSettings) -> AngleRule {
    AngleRule { axis: settings.defocus_angle_axis, as_cryolike: settings.as_cryolike }
}

/// The value, or an error kept with what else was found.
fn or_tell<T>(result: Result<T>, findings: &mut Findings) -> Option<T> {
    result.map_err(|error| findings.error(error)).ok()
}

fn or_first_error(job: Option<LikelihoodJob>, findings: &mut Findings) -> Result<LikelihoodJob> {
    match (findings.take_error(), job) {
        (None, Some(job)) => Ok(job),
        (Some(error), _) => Err(error),
        (None, None) => Err(Error::value("there is nothing to compare")),
    }
}

/// A conversion that is not done has stacks that look like all there are.
fn tell_of_unfinished_stacks(particles: &Path, findings: &mut Findings) {
    let record = match FolderRecord::read(particles) {
        Ok(record) => record,
        Err(error) if error.kind() == ErrorKind::NotFound => return,
        Err(error) => {
            let what = "whether the conversion is finished is not known: ";
            findings.warn("stacks-record-unreadable", what + error.message().clone());
            return;
        }
    };
    if !record.is_complete() {
        findings.warn(
            "stacks-unfinished",
            format!(
                "the conversion into `{}` is not finished: {} of {} are recorded",
                particles.display(),
                record.stacks().len(),
                counted(record.n_stacks(), "stack")
            ),
        );
    }
}

/// What a conversion is asked that makes the job's images: on the grids of `descriptor`, else on its own.
fn settings_of_images(
    of_images: &ConvertSettings,
    descriptor: Option<&ImageDescriptor>,
    settings: &LikelihoodSettings,
) -> ConvertSettings {
    ConvertSettings {
        descriptor: match descriptor {
            Some(descriptor) => DescriptorSource::Given(Box::new(descriptor.clone())),
            None => of_images.descriptor.clone(),
        },
        defocus_angle_axis: DefocusAngleAxis::Columns,
        max_stacks: settings.max_stacks,
        physical: false,
        plots: false,
        shard: None,
        skip_unreadable: settings.skip_unreadable,
        n_threads: settings.n_threads,
        memory_bytes: settings.memory_bytes,
        ..of_images.clone()
    }
}

/// The stacks that are compared, their grids, and what makes their images on the way.
struct FoundStacks {
    stacks: Vec<ImageStack>,
    grids: Vec<StackGrids>,
    conversion: Option<Arc<Conversion>>,
}

impl FoundStacks {
    /// Those of a folder.
    fn in_folder(folder: &Path, settings: &LikelihoodSettings, findings: &mut Findings) -> Option<Self> {
        let (stacks, grids) = find_stacks(folder, settings.max_stacks, findings)?;
        Some(Self { stacks, grids, conversion: None })
    }

    /// Those that a conversion would make.
    fn of_input(input: &Input, settings: ConvertSettings, findings: &mut Findings) -> Option<Self> {
        // What is wrong with the templates does not make these images wrong.
        let mut own = Findings::new();
        let prepared = Conversion::prepare_in_memory(input.clone(), settings, &mut own);
        findings.warnings.append(&mut own.warnings);
        findings.notes.append(&mut own.notes);
        let conversion = Arc::new(or_tell(prepared, findings)?);
        let path = conversion.table().sources.first().map(|source| source.path.clone()).unwrap_or_default();
        let grids = vec![StackGrids { descriptor: conversion.descriptor().clone(), path }];
        Some(Self { stacks: planned_stacks(&conversion), grids, conversion: Some(conversion) })
    }
}
