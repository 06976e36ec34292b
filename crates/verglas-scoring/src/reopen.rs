//! A job that is done, known again from its folder: what its results were counted in.

use std::path::{Path, PathBuf};

use verglas_core::StopFlag;
use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, counted};
use verglas_core::hint::Hint;
use verglas_particles::Conversion;
use verglas_particles::export::RecordedImages;
use verglas_run::manifest::{FolderRecord, InputFile, InputRecord, InputRole, Manifest, RecordedPath, size_and_time};
use verglas_run::whole::sha256_of;

use crate::manifest::{RecordedLikelihood, recorded_images};
use crate::prepare::LikelihoodJob;
use crate::right::{Integral, Likelihood, NoiseModel, RightSettings};
use crate::settings::{ContrastSource, LikelihoodSettings, Particles, StructureChoice};

/// The manifests of a folder of likelihoods in which every unit is there.
#[derive(Debug)]
pub(crate) struct FinishedFolder {
    pub(crate) root: PathBuf,
    record: FolderRecord,
    particles: RecordedPath,
    templates: RecordedPath,
    is_straight: bool,
    settings: RecordedLikelihood,
}

impl FinishedFolder {
    /// Reads the manifest of the folder at `root`, or those of all its shards.
    ///
    /// # Errors
    /// When there is none, when it is of something else, or when units are missing.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let record = FolderRecord::read(root)?;
        let first = record.first();
        let InputRecord::Likelihood { particles, templates, images } = first.settings.input.clone() else {
            return Err(Error::value(format!("`{}` is no folder of likelihoods", root.display()))
                .with_hint("expected the output folder of `verglas likelihood`"));
        };
        let n_there = record.stacks().len();
        if !record.is_complete() || n_there != record.n_stacks() {
            let of = counted(record.n_stacks(), "unit");
            let hint = "the same job with " + Hint::Resume + " makes the others";
            return Err(
                Error::value(format!("`{}` is not whole: {n_there} of {of} are there", root.display())).with_hint(hint)
            );
        }
        let settings = RecordedLikelihood::of(first);
        Ok(Self { root: root.to_owned(), record, particles, templates, is_straight: images.is_some(), settings })
    }

    /// The metadata file in place of which `given` stands, where images were made on the way: none if `given` is the file itself,
    /// or the folder of the job whose file it is.
    ///
    /// # Errors
    /// When `given` is another folder.
    pub(crate) fn other_source(&self, given: &Path) -> Result<Option<PathBuf>> {
        let is_given = |other: &Path| match (given.canonicalize(), other.canonicalize()) {
            (Ok(given), Ok(other)) => given == other,
            _ => false,
        };
        let metadata = self.manifest().inputs.iter().filter(|input| input.role == Some(InputRole::Metadata));
        let mut files = metadata.map(|input| self.manifest().locate(&input.path));
        match files.any(|file| file.ancestors().any(is_given)) {
            true => Ok(None),
            false if given.is_dir() => {
                Err(self.other_particles(given, "it holds neither stacks nor the file that the images were made from"))
            }
            false => Ok(Some(given.to_owned())),
        }
    }

    /// Where the stacks are that it was made from, or the particles.
    pub(crate) fn particles(&self) -> PathBuf {
        self.manifest().locate(&self.particles)
    }

    /// Images that were made on the way of particles; `None` where they were read from stacks.
    pub(crate) fn recorded_images(&self) -> Option<RecordedImages<'_>> {
        recorded_images(&self.root, self.manifest())
    }

    /// The job that made it, from the stacks in the folder `particles`; `None` where it was made straight from particles, and
    /// these are not looked at.
    ///
    /// # Errors
    /// When stacks or templates are gone, or are not those that it was made from.
    pub(crate) fn reopen(&self, particles: Option<&Path>, findings: &mut Findings) -> Result<LikelihoodJob> {
        let templates = self.manifest().locate(&self.templates);
        let settings = self.settings_of_results()?;
        let job = match particles {
            Some(particles) => {
                self.check_stacks(particles)?;
                let (findings, stop) = (&mut Findings::new(), &StopFlag::new(false));
                LikelihoodJob::prepare(particles, &templates, None, settings, findings, stop)?
            }
            None => {
                let n_images = &self.settings.n_images;
                LikelihoodJob::of_recorded_images(self.particles(), n_images, &templates, settings)?
            }
        };
        self.known_again(job, &templates, findings)
    }

    /// The job that made it with its images, which can be read or made again.
    ///
    /// # Errors
    /// When stacks, particles or templates are gone, or are not those that it was made from.
    pub(crate) fn reopen_images(&self, findings: &mut Findings) -> Result<LikelihoodJob> {
        let recorded = &self.settings;
        let settings = LikelihoodSettings {
            contrast: recorded.ctf.parse().unwrap_or_default(),
            defocus_angle_axis: recorded.defocus_angle_axis.as_ref().and_then(|axis| axis.parse().ok()),
            skip_unreadable: recorded.skip_unreadable,
            ..self.settings_of_results()?
        };
        let particles = match self.recorded_images() {
            None => {
                self.check_stacks(&self.particles())?;
                Particles::Stacks(self.particles())
            }
            Some(images) => Particles::Input {
                input: images.input(None),
                settings: Box::new(images.settings()?),
                has_own_grids: false,
            },
        };
        let templates = self.manifest().locate(&self.templates);
        let (own, stop) = (&mut Findings::new(), &StopFlag::new(false));
        let job = LikelihoodJob::prepare(particles, &templates, None, settings, own, stop)?;
        let job = self.known_again(job, &templates, findings)?;
        let plan = job.conversion.as_deref().map(Conversion::plan_crc32);
        match plan == recorded.images_plan_crc32 {
            true => Ok(job),
            false => Err(self.other_particles(&job.particles, "other images, or in another order")),
        }
    }

    /// The job, if its templates, structures, images and grids are those that were recorded.
    fn known_again(&self, job: LikelihoodJob, templates: &Path, findings: &mut Findings) -> Result<LikelihoodJob> {
        self.check_templates(findings)?;
        self.compare(&job, templates)?;
        Ok(job)
    }

    /// Settings by which results are read.
    fn settings_of_results(&self) -> Result<LikelihoodSettings> {
        let recorded = &self.settings;
        Ok(LikelihoodSettings {
            // Where it is gone, that of the templates is taken, and has the right checksum or not.
            descriptor: recorded
                .descriptor
                .as_ref()
                .map(|path| self.manifest().locate(path))
                .filter(|path| path.exists()),
            structures: StructureChoice::Places(recorded.structure_places.iter().map(|&place| place..=place).collect()),
            max_displacement_pixels: recorded.max_displacement,
            n_displacements: recorded.displacements,
            integrated: recorded.integrated,
            // Nothing is computed any more: what only computing needs is not checked.
            contrast: ContrastSource::None,
            memory_bytes: u64::MAX,
            templates_axes: match &recorded.templates_axes {
                Some(axes) => Some(axes.parse()?),
                None => None,
            },
            max_stacks: Some(recorded.n_images.len()),
            // What is read of units; nothing is looked for that only computing needs.
            likelihood: match recorded.is_right() {
                true => Likelihood::Right(RightSettings {
                    noise: NoiseModel::White,
                    integral: Some(Integral::Grid),
                    ..RightSettings::default()
                }),
                false => Likelihood::Plain,
            },
            as_cryolike: recorded.as_cryolike,
            ..LikelihoodSettings::default()
        })
    }

    fn manifest(&self) -> &Manifest {
        self.record.first()
    }

    /// Whether the metadata of the stacks in `particles` are those that were read.
    fn check_stacks(&self, particles: &Path) -> Result<()> {
        if self.is_straight {
            // The stacks that a conversion with the same options writes hold the same images in the same order.
            let plan = FolderRecord::read(particles)?.first().plan.crc32.clone();
            return match self.settings.images_plan_crc32.as_ref() == Some(&plan) {
                true => Ok(()),
                false => Err(self.other_particles(particles, "other images, or in another order")),
            };
        }
        let recorded = self.manifest().inputs.iter().filter(|input| input.role == Some(InputRole::Metadata));
        for before in recorded {
            // By its name, wherever the folder is now.
            let Some(name) = before.path.file_name() else { continue };
            let path = particles.join(verglas_particles::stack::FOURIER_FOLDER).join(name);
            if !path.exists() {
                return Err(self.other_particles(particles, format_args!("`{}` is not there", path.display())));
            }
            let (bytes, _) = size_and_time(&path);
            if bytes != before.bytes {
                let size = |bytes: Option<u64>| bytes.map_or("none".to_owned(), |bytes| bytes.to_string());
                let (now, then) = (size(bytes), size(before.bytes));
                let what = format_args!("`{}` has {now} bytes, and had {then}", path.display());
                return Err(self.other_particles(particles, what));
            }
            if let Some(then) = &before.sha256 {
                let now = sha256_of(&path)
                    .map_err(|error| Error::io(format_args!("cannot read `{}`", path.display()), &error))?;
                if now != *then {
                    let what = format_args!("`{}` holds something else than then", path.display());
                    return Err(self.other_particles(particles, what));
                }
            }
        }
        Ok(())
    }

    fn other_particles(&self, particles: &Path, what: impl std::fmt::Display) -> Error {
        let root = self.root.display();
        Error::value(format!("`{root}` was not made from what is in `{}`: {what}", particles.display()))
            .with_hint(format!("it was made from `{}`", self.particles().display()))
    }

    /// Whether the templates are those that were read; another time of change alone is told.
    fn check_templates(&self, findings: &mut Findings) -> Result<()> {
        const SAME_TIME_S: f64 = 1e-6;
        let structures = |input: &&InputFile| input.role == Some(InputRole::Structure);
        let mut touched = Vec::new();
        for before in self.manifest().inputs.iter().filter(structures) {
            let path = self.manifest().locate(&before.path);
            let (bytes, modified) = size_and_time(&path);
            if bytes.is_some() && bytes != before.bytes {
                return Err(Error::value(format!(
                    "`{}` is not what `{}` was made with: its size is another",
                    path.display(),
                    self.root.display()
                ))
                .with_hint("poses are counted in the views of the templates: put these back as they were"));
            }
            if let (Some(then), Some(now)) = (before.modified, modified)
                && (then - now).abs() > SAME_TIME_S
            {
                touched.push(path);
            }
        }
        if let Some(first) = touched.first() {
            findings.warn(
                "templates-touched",
                format!(
                    "{} of templates (`{}`) have another time of change than when `{}` was made; their sizes are the same",
                    counted(touched.len(), "file"),
                    first.display(),
                    self.root.display()
                ),
            );
        }
        Ok(())
    }

    /// Whether what was found has the structures, images and grids that the manifest speaks of.
    fn compare(&self, job: &LikelihoodJob, templates: &Path) -> Result<()> {
        let recorded = &self.settings;
        let names: Vec<&str> = job.structures.iter().map(|structure| structure.name.as_str()).collect();
        let n_templates: Vec<usize> = job.structures.iter().map(|structure| structure.views.len()).collect();
        let n_images: Vec<usize> = job.stacks.iter().map(|stack| stack.n_images).collect();
        let crc32 = job.descriptor.to_bytes().ok().map(|bytes| format!("{:08x}", crc32fast::hash(&bytes)));
        let templates_differ = names != recorded.structures
            || n_templates != recorded.n_templates
            || job.precision().as_str() != recorded.precision
            || crc32 != recorded.descriptor_crc32
            || job.displacements.len() != recorded.n_displacements;
        if templates_differ {
            return Err(Error::value(format!(
                "the templates in `{}` are not what `{}` was made with: other structures, views or grids",
                templates.display(),
                self.root.display()
            ))
            .with_hint("poses are counted in the views of the templates: put these back as they were"));
        }
        if n_images != recorded.n_images {
            return Err(self.other_particles(&job.particles, "other numbers of images in its stacks"));
        }
        Ok(())
    }
}

/// The structure of this place in the list of templates, by its place among those that were compared.
///
/// # Errors
/// When it was not compared.
pub(crate) fn place_among(job: &LikelihoodJob, place: usize, root: &Path) -> Result<usize> {
    /// Structures that are named in a message.
    const MOST_NAMED: usize = 10;
    job.structures.iter().position(|structure| structure.place == place).ok_or_else(|| {
        let named = job.structures.iter().take(MOST_NAMED);
        let mut named: Vec<String> =
            named.map(|structure| format!("{} (`{}`)", structure.place, structure.name)).collect();
        if job.structures.len() > MOST_NAMED {
            named.push(format!("and {} more", job.structures.len() - MOST_NAMED));
        }
        Error::value(format!("`{}` has no structure {place}; it has {}", root.display(), named.join(", ")))
    })
}
