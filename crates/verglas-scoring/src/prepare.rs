//! Everything that can be checked before the first byte is written.

use std::ops::Range;
use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, counted};
use verglas_core::hint::{Hint, Setting};
use verglas_fourier::grid::Precision;
use verglas_likelihood::displacements::Displacements;
use verglas_likelihood::{Formula, Geometry};
use verglas_run::Shard;
use verglas_run::descriptor::ImageDescriptor;
use verglas_run::folder::OutputFolder;
use verglas_run::manifest::FolderRecord;

use crate::failure::in_words;
use crate::memory::{Sizes, check_room};
use crate::names::LikelihoodFiles;
use crate::settings::{ContrastSource, LikelihoodSettings, TableFormat};
use crate::stacks::{AngleRule, ImageStack, StackGrids, check_contrast, find_stacks};
use crate::structures::{FoundStructures, StructureTemplates, TemplateGrids};

/// A job that was checked and can start.
#[derive(Debug)]
pub struct LikelihoodJob {
    pub(crate) settings: LikelihoodSettings,
    pub(crate) particles: PathBuf,
    pub(crate) templates: PathBuf,
    pub(crate) descriptor: ImageDescriptor,
    pub(crate) descriptor_file: PathBuf,
    pub(crate) stacks: Vec<ImageStack>,
    pub(crate) structures: Vec<StructureTemplates>,
    pub(crate) geometry: Geometry,
    pub(crate) displacements: Displacements,
}

impl LikelihoodJob {
    /// Looks at the stacks in `particles` and the templates in `templates`, and checks all that can be checked before images are
    /// read. What must be told goes to `findings`; nothing is written. `output` is where the results shall go, if that is
    /// known: there must be room.
    ///
    /// # Errors
    /// When something is wrong; where several things are, [`Error::others`] has the rest.
    pub fn prepare(
        particles: &Path,
        templates: &Path,
        output: Option<&Path>,
        settings: LikelihoodSettings,
        findings: &mut Findings,
    ) -> Result<Self> {
        let checked = Self::check(particles, templates, output, settings, findings);
        match (findings.take_error(), checked) {
            (None, Some(job)) => Ok(job),
            (Some(error), _) => Err(error),
            (None, None) => Err(Error::value("there is nothing to compare")),
        }
    }

    /// Checks, without changing anything, that `output` can be written to.
    ///
    /// # Errors
    /// When it is not empty and the settings say to refuse that, when it can't be written, or when it is the folder of the
    /// stacks or of the templates.
    pub fn check_output(
        output: &Path,
        particles: &Path,
        templates: &Path,
        settings: &LikelihoodSettings,
    ) -> Result<()> {
        let is_same = |other: &Path| match (output.canonicalize(), other.canonicalize()) {
            (Ok(output), Ok(other)) => output == other,
            _ => false,
        };
        for (folder, what) in [(particles, "the stacks"), (templates, "the templates")] {
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

    pub(crate) fn precision(&self) -> Precision {
        self.structures.first().map_or(Precision::Single, |structure| structure.precision)
    }

    pub(crate) fn formula(&self) -> Formula {
        match self.settings.as_cryolike {
            true => Formula::CryoLike { n_pixels: self.descriptor.cartesian_grid.n_pixels() },
            false => Formula::Right,
        }
    }

    pub(crate) fn angle_rule(&self) -> AngleRule {
        angle_rule(&self.settings)
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
        }
    }

    /// The largest stack's images.
    pub(crate) fn most_images(&self) -> usize {
        self.stacks.iter().map(|stack| stack.n_images).max().unwrap_or(0)
    }

    /// Checks what can be checked, as much of it as possible: one thing that is wrong hides no other unless it must.
    fn check(
        particles: &Path,
        templates: &Path,
        output: Option<&Path>,
        settings: LikelihoodSettings,
        findings: &mut Findings,
    ) -> Option<Self> {
        if let Some(shard) = settings.shard
            && !shard.is_valid()
        {
            findings.error(Error::value(format!("there is no shard {shard}")));
        }
        if settings.tables.iter().any(|format| !format.is_built()) {
            findings.error(TableFormat::without_parquet());
        }
        let stacks = find_stacks(particles, settings.max_stacks, findings);
        if let Some((stacks, _)) = &stacks
            && settings.contrast == ContrastSource::Stack
        {
            check_contrast(stacks, angle_rule(&settings), findings);
        }
        tell_of_unfinished_stacks(particles, findings);
        let found = FoundStructures::find(templates, &settings, findings);
        let (found, (stacks, stack_grids)) = (found?, stacks?);
        let FoundStructures { structures, grids, descriptor, descriptor_file, as_cryolike } = found;
        compare_grids(&descriptor, &descriptor_file, &grids, &stack_grids, findings);
        if let Some(made) = as_cryolike.filter(|made| *made != settings.as_cryolike) {
            let (theirs, ours) =
                if made { ("as CryoLike makes them", "not") } else { ("not as CryoLike makes them", "so") };
            findings.note(format!("the templates were made {theirs}; the comparison is {ours}"));
        }
        let box_angstrom = or_tell(descriptor.box_angstrom(), findings)?;
        let geometry = Geometry::new(descriptor.polar_grid.clone(), box_angstrom);
        let geometry = or_tell(geometry.map_err(|error| Error::value(error.to_string())), findings)?;
        let [n_0, n_1] = settings.n_displacements;
        let pixel = descriptor.cartesian_grid.pixel_size_angstrom()[0];
        let displacements = Displacements::new(settings.max_displacement_pixels, pixel, n_0, n_1);
        let displacements = or_tell(displacements.map_err(|error| Error::value(error.to_string())), findings)?;
        let job = Self {
            settings,
            particles: particles.to_owned(),
            templates: templates.to_owned(),
            descriptor,
            descriptor_file,
            stacks,
            structures,
            geometry,
            displacements,
        };
        job.check_sizes(output, findings);
        job.note_decisions(findings);
        Some(job)
    }

    /// Whether memory and disk have room.
    fn check_sizes(&self, output: Option<&Path>, findings: &mut Findings) {
        for structure in &self.structures {
            let planned = self.sizes(structure).plan(&structure.path, &self.settings, self.most_images());
            if let Err(error) = planned {
                findings.error(error);
                break;
            }
        }
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

fn angle_rule(settings: &LikelihoodSettings) -> AngleRule {
    AngleRule { axis: settings.defocus_angle_axis, as_cryolike: settings.as_cryolike }
}

/// The value, or an error kept with what else was found.
fn or_tell<T>(result: Result<T>, findings: &mut Findings) -> Option<T> {
    result.map_err(|error| findings.error(error)).ok()
}

/// A conversion that is not done has stacks that look like all there are.
fn tell_of_unfinished_stacks(particles: &Path, findings: &mut Findings) {
    let Ok(record) = FolderRecord::read(particles) else { return };
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

/// Whether all are on the grids of the descriptor, to the last bit.
fn compare_grids(
    descriptor: &ImageDescriptor,
    file: &Path,
    templates: &[TemplateGrids],
    stacks: &[StackGrids],
    findings: &mut Findings,
) {
    let mut differing = Vec::new();
    for template in templates {
        let difference = match &template.descriptor {
            Some(other) => difference(other, descriptor),
            None => {
                let grid = &descriptor.polar_grid;
                let expected = [grid.n_shells(), grid.n_inplanes()];
                (template.shape != expected).then(|| {
                    let [shells, inplanes] = template.shape;
                    format!("{shells} shells × {inplanes} angles, not {} × {}", expected[0], expected[1])
                })
            }
        };
        differing.extend(difference.map(|difference| (&template.path, difference)));
    }
    differing.extend(
        stacks
            .iter()
            .filter_map(|stack| difference(&stack.descriptor, descriptor).map(|difference| (&stack.path, difference))),
    );
    // Many files of one folder differ alike.
    let mut told: Vec<(&PathBuf, String, usize)> = Vec::new();
    for (path, difference) in differing {
        match told.iter_mut().find(|(_, other, _)| *other == difference) {
            Some((_, _, n)) => *n += 1,
            None => told.push((path, difference, 0)),
        }
    }
    for (path, difference, n_more) in told {
        let more = if n_more > 0 { format!(" and {}", counted(n_more, "more file")) } else { String::new() };
        findings.error(
            Error::value(format!("`{}`{more}: other grids than `{}`: {difference}", path.display(), file.display()))
                .with_hint("make the templates with the grids of the stacks: " + Hint::Give(Setting::Descriptor)),
        );
    }
}

/// What differs between two descriptors' grids.
fn difference(found: &ImageDescriptor, expected: &ImageDescriptor) -> Option<String> {
    if found.is_compatible_with(expected) {
        return None;
    }
    let values = |descriptor: &ImageDescriptor| {
        let (cartesian, polar) = (&descriptor.cartesian_grid, &descriptor.polar_grid);
        let [rows, columns] = cartesian.pixel_size_angstrom();
        [
            ("box in pixels", cartesian.n_pixels() as f64),
            ("pixel size along rows", rows),
            ("pixel size along columns", columns),
            ("largest radius", polar.radius_max()),
            ("distance of shells", polar.dist_radii()),
            ("angles per shell", polar.n_inplanes() as f64),
        ]
    };
    let differing: Vec<String> = values(found)
        .into_iter()
        .zip(values(expected))
        .filter(|((_, found), (_, expected))| found != expected)
        .map(|((name, found), (_, expected))| format!("{name} {found}, not {expected}"))
        .collect();
    Some(if differing.is_empty() { "another grid of pixels".to_owned() } else { differing.join("; ") })
}
