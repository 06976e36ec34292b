//! The stacks that are compared: those of a folder, ours or CryoLike's, or those that particles would be converted into. What
//! they say of their images.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use verglas_core::error::{Error, Result};
use verglas_core::findings::{Findings, counted};
use verglas_core::hint::{Hint, Setting};
use verglas_formats::pt::{ElementType, PtFile};
use verglas_fourier::grid::Precision;
use verglas_likelihood::LikelihoodError;
use verglas_likelihood::ctf::{ContrastTransfer, angle_from_other_axis};
use verglas_particles::Conversion;
use verglas_particles::particle::LensConstants;
use verglas_particles::settings::DefocusAngleAxis;
use verglas_particles::stack::{ConversionFiles, FOURIER_FOLDER, ImageSources, StackColumns, StackNames, keys};
use verglas_run::descriptor::ImageDescriptor;
use verglas_run::folder::JobFiles;
use verglas_run::verify::listed;

/// A stack of images.
#[derive(Debug, Clone)]
pub(crate) struct ImageStack {
    /// Its number, from 0.
    pub(crate) number: usize,
    pub(crate) n_images: usize,
    /// The place of its first image among those of all stacks.
    pub(crate) first_image: usize,
    pub(crate) origin: StackOrigin,
}

/// Where a stack's images come from.
#[derive(Debug, Clone)]
pub(crate) enum StackOrigin {
    /// They are read.
    Files {
        /// The tensor.
        fourier: PathBuf,
        /// What it says of itself.
        metadata: PathBuf,
    },
    /// They are made on the way, as the stack of this number of the conversion.
    Particles(Arc<Conversion>),
    /// They were made on the way once, and are not made again: what was found is looked at.
    Recorded,
}

/// A stack's grids, for comparison with others'.
#[derive(Debug)]
pub(crate) struct StackGrids {
    pub(crate) descriptor: ImageDescriptor,
    pub(crate) path: PathBuf,
}

/// How the contrast transfer follows from the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AngleRule {
    /// The axis that angles are taken to be written from, whatever the metadata say.
    pub(crate) axis: Option<DefocusAngleAxis>,
    /// Whether angles are taken as they are stored, as CryoLike takes them.
    pub(crate) as_cryolike: bool,
}

/// The stacks in `folder`, the first `most` of them; what is wrong with any goes to `findings`.
pub(crate) fn find_stacks(
    folder: &Path,
    most: Option<usize>,
    findings: &mut Findings,
) -> Option<(Vec<ImageStack>, Vec<StackGrids>)> {
    let numbers = match numbers(folder, most) {
        Ok(n) => 0..n,
        Err(error) => {
            findings.error(error);
            return None;
        }
    };
    let (mut stacks, mut grids, mut is_sound, mut first_image) = (Vec::new(), Vec::new(), true, 0);
    for number in numbers {
        let names = StackNames::of(number);
        let (fourier, metadata) = (folder.join(names.fourier), folder.join(names.metadata));
        match look_at(&fourier, &metadata) {
            Ok((n_images, descriptor)) => {
                grids.push(StackGrids { descriptor, path: metadata.clone() });
                let origin = StackOrigin::Files { fourier, metadata };
                stacks.push(ImageStack { number, n_images, first_image, origin });
                first_image += n_images;
            }
            Err(error) => {
                findings.error(error);
                is_sound = false;
            }
        }
    }
    is_sound.then_some((stacks, grids))
}

/// The stacks that `conversion` would write.
pub(crate) fn planned_stacks(conversion: &Arc<Conversion>) -> Vec<ImageStack> {
    in_sequence(conversion.stack_sizes(), &StackOrigin::Particles(Arc::clone(conversion)))
}

/// Stacks of so many images that were made on the way.
pub(crate) fn recorded_stacks(n_images: &[usize]) -> Vec<ImageStack> {
    in_sequence(n_images.iter().copied(), &StackOrigin::Recorded)
}

fn in_sequence(sizes: impl Iterator<Item = usize>, origin: &StackOrigin) -> Vec<ImageStack> {
    let mut first_image = 0;
    let of = |(number, n_images): (usize, usize)| {
        first_image += n_images;
        ImageStack { number, n_images, first_image: first_image - n_images, origin: origin.clone() }
    };
    sizes.enumerate().map(of).collect()
}

/// How many stacks there are, from number 0 on.
fn numbers(folder: &Path, most: Option<usize>) -> Result<usize> {
    let fourier = folder.join(FOURIER_FOLDER);
    if !fourier.is_dir() {
        return Err(Error::not_found(format!("`{}` has no folder `{FOURIER_FOLDER}`", folder.display()))
            .with_hint("expected a folder of stacks that `verglas convert` or CryoLike made"));
    }
    let cannot_read = |error| Error::io(format_args!("cannot read the folder `{}`", fourier.display()), &error);
    let mut there = [BTreeSet::new(), BTreeSet::new()];
    for entry in std::fs::read_dir(&fourier).map_err(cannot_read)? {
        let name = entry.map_err(cannot_read)?.file_name();
        let Some(name) = name.to_str() else { continue };
        let Some(number) = ConversionFiles.unit_of(FOURIER_FOLDER, name) else { continue };
        there[usize::from(name.ends_with(".npz"))].insert(number);
    }
    let last = there.iter().filter_map(|numbers| numbers.last()).max();
    let Some(&last) = last else {
        return Err(Error::not_found(format!("`{}` holds no stack", fourier.display()))
            .with_hint("expected files such as `particles_fourier_stack_000000.pt` with `.npz` beside them"));
    };
    let n = most.map_or(last + 1, |most| most.min(last + 1));
    let mut missing = Vec::new();
    for number in 0..n {
        let names = StackNames::of(number);
        for (numbers, name) in there.iter().zip([names.fourier, names.metadata]) {
            if !numbers.contains(&number) {
                missing.push(format!("`{}`", folder.join(name).display()));
            }
        }
        // A stray number far behind makes no list of millions.
        if missing.len() > 1000 {
            break;
        }
    }
    if missing.is_empty() {
        return Ok(n);
    }
    Err(Error::not_found(format!(
        "`{}`: stacks are counted from 000000 without a gap, and of {n} these files are missing: {}",
        folder.display(),
        listed(&missing)
    ))
    .with_hint(
        "finish the conversion first, or take only stacks before the gap with " + Hint::Give(Setting::MaxStacks),
    ))
}

/// The number of images and the grids of a stack whose tensor is what its metadata say.
fn look_at(fourier: &Path, metadata: &Path) -> Result<(usize, ImageDescriptor)> {
    let mut columns = StackColumns::open(metadata)?;
    let descriptor = columns.descriptor()?;
    let file = PtFile::open(fourier).map_err(|error| Error::from_format(fourier, error))?;
    let (grid, shape) = (&descriptor.polar_grid, file.tensor().shape());
    let precision = match file.tensor().element_type() {
        ElementType::Complex64 => Precision::Single,
        ElementType::Complex128 => Precision::Double,
        other => {
            return Err(Error::format(format!(
                "`{}` holds values of type {}, expected complex64 or complex128",
                fourier.display(),
                other.name()
            )));
        }
    };
    let said = columns.numbers(keys::N_IMAGES)?.and_then(|n| n.first().copied());
    let (n_shells, n_inplanes) = (grid.n_shells() as u64, grid.n_inplanes() as u64);
    let n_images = match *shape {
        [n, shells, inplanes] if (shells, inplanes) == (n_shells, n_inplanes) => usize::try_from(n).ok(),
        _ => None,
    };
    let n_images = n_images.filter(|&n| said.is_none_or(|said| said == n as f64));
    match n_images {
        Some(n_images) if precision == descriptor.precision => Ok((n_images, descriptor)),
        _ => Err(Error::format(format!(
            "`{}` has the shape {shape:?} in {} precision, its metadata `{}` say [{}, {n_shells}, {n_inplanes}] in {}",
            fourier.display(),
            precision.as_str(),
            metadata.display(),
            said.map_or("images".to_owned(), |said| said.to_string()),
            descriptor.precision.as_str()
        ))),
    }
}

impl ImageStack {
    /// What messages call it.
    pub(crate) fn label(&self) -> String {
        match &self.origin {
            StackOrigin::Files { fourier, .. } => format!("`{}`", fourier.display()),
            StackOrigin::Recorded => format!("stack {}", self.number),
            StackOrigin::Particles(conversion) => format!("stack {} of `{}`", self.number, conversion.name()),
        }
    }

    /// What messages call one of its images.
    pub(crate) fn label_of(&self, image: usize) -> String {
        match &self.origin {
            StackOrigin::Files { .. } | StackOrigin::Recorded => format!("{}: image {image}", self.label()),
            StackOrigin::Particles(conversion) => {
                let (table, particle) = (conversion.table(), conversion.particle_of(self.number, image));
                format!(
                    "section {} of `{}` ({})",
                    u64::from(table.section[particle].0) + 1,
                    table.image_name(particle),
                    table.place(particle)
                )
            }
        }
    }

    /// What determines the contrast transfer of each image.
    ///
    /// # Errors
    /// When the metadata lack something, or a value is out of its range.
    pub(crate) fn contrast(&self, rule: AngleRule) -> Result<Vec<ContrastTransfer>> {
        if self.n_images == 0 {
            return Ok(Vec::new());
        }
        let transfers = match &self.origin {
            StackOrigin::Files { metadata, .. } => self.stored_contrast(metadata, rule)?,
            StackOrigin::Particles(conversion) => self.planned_contrast(conversion, rule),
            StackOrigin::Recorded => return Err(self.not_made_again()),
        };
        match transfers.iter().enumerate().find_map(|(image, transfer)| transfer.check(image).err()) {
            Some(LikelihoodError::Contrast { image, problem }) => {
                Err(Error::format(format!("{}: {problem}", self.label_of(image))))
            }
            Some(error) => Err(Error::format(format!("{}: {error}", self.label()))),
            None => Ok(transfers),
        }
    }

    /// The lens constants that its images were taken with; `None` of a stack without images.
    ///
    /// # Errors
    /// When the metadata lack one.
    pub(crate) fn constants(&self) -> Result<Option<LensConstants>> {
        if self.n_images == 0 {
            return Ok(None);
        }
        Ok(Some(match &self.origin {
            StackOrigin::Files { metadata, .. } => {
                StackColumns::open(metadata)?.capture(self.n_images, Some(self.first_image))?.optics(0)
            }
            StackOrigin::Particles(conversion) => {
                let table = conversion.table();
                table.constants[table.constants_index(conversion.particle_of(self.number, 0)) as usize]
            }
            StackOrigin::Recorded => return Err(self.not_made_again()),
        }))
    }

    /// The error for what only images say that are not made again.
    pub(crate) fn not_made_again(&self) -> Error {
        Error::value(format!("the images of stack {} were made on the way, and are not made again", self.number))
    }

    fn stored_contrast(&self, metadata: &Path, rule: AngleRule) -> Result<Vec<ContrastTransfer>> {
        let n = self.n_images;
        let capture = StackColumns::open(metadata)?.capture(n, Some(self.first_image))?;
        let is_from_rows = rule.is_from_rows(capture.defocus_angle_axis == DefocusAngleAxis::Rows);
        let of = |image: usize| {
            let angle = capture.defocus_angle_rad[image];
            let constants = capture.optics(image);
            ContrastTransfer {
                defocus_u_angstrom: capture.defocus_u_angstrom[image],
                defocus_v_angstrom: capture.defocus_v_angstrom[image],
                defocus_angle_rad: if is_from_rows { angle } else { angle_from_other_axis(angle) },
                voltage_kv: constants.voltage_kv,
                spherical_aberration_mm: constants.spherical_aberration_mm,
                amplitude_contrast: constants.amplitude_contrast,
                phase_shift_rad: capture.phase_shift_rad.get(image),
                b_factor_angstrom2: capture.ctf_bfactor.as_ref().map_or(0.0, |column| column.get(image)),
            }
        };
        Ok((0..n).map(of).collect())
    }

    /// The same numbers as the metadata of the written stack would give.
    fn planned_contrast(&self, conversion: &Conversion, rule: AngleRule) -> Vec<ContrastTransfer> {
        let table = conversion.table();
        let is_from_rows = rule.is_from_rows(conversion.settings().defocus_angle_axis == DefocusAngleAxis::Rows);
        let of = |image: usize| {
            let particle = conversion.particle_of(self.number, image);
            let constants = table.constants[table.constants_index(particle) as usize];
            let angle = table.defocus_angle_rad.get(particle);
            ContrastTransfer {
                defocus_u_angstrom: table.defocus_u_angstrom.get(particle),
                defocus_v_angstrom: table.defocus_v_angstrom.get(particle),
                defocus_angle_rad: if is_from_rows { angle } else { angle_from_other_axis(angle) },
                voltage_kv: constants.voltage_kv,
                spherical_aberration_mm: constants.spherical_aberration_mm,
                amplitude_contrast: constants.amplitude_contrast,
                phase_shift_rad: table.phase_shift_rad.get(particle),
                b_factor_angstrom2: table.ctf_bfactor.as_ref().map_or(0.0, |column| column.get(particle)),
            }
        };
        (0..self.n_images).map(of).collect()
    }

    /// Where each image comes from, as far as the metadata say it.
    ///
    /// # Errors
    /// When these can't be read.
    pub(crate) fn sources(&self) -> Result<ImageSources> {
        let n = self.n_images;
        match &self.origin {
            StackOrigin::Files { metadata, .. } => StackColumns::open(metadata)?.sources(n, Some(self.first_image)),
            StackOrigin::Particles(conversion) => {
                let particles = (0..n).map(|image| conversion.particle_of(self.number, image));
                Ok(ImageSources::of_particles(conversion.table(), particles))
            }
            StackOrigin::Recorded => Ok(ImageSources::default()),
        }
    }
}

impl AngleRule {
    /// Whether angles are taken to be measured from the rows, of images that say so or don't.
    fn is_from_rows(self, is_stated: bool) -> bool {
        match self.axis {
            _ if self.as_cryolike => true,
            Some(axis) => axis == DefocusAngleAxis::Rows,
            None => is_stated,
        }
    }
}

/// Tells of B-factors, which make a difference that is easily overlooked, and finds what is wrong with any stack's contrast
/// transfer.
pub(crate) fn check_contrast(stacks: &[ImageStack], rule: AngleRule, findings: &mut Findings) {
    let (mut n, mut largest) = (0, 0.0_f64);
    for stack in stacks {
        match stack.contrast(rule) {
            Ok(transfers) => {
                for transfer in transfers.iter().filter(|transfer| transfer.b_factor_angstrom2 != 0.0) {
                    n += 1;
                    largest = if transfer.b_factor_angstrom2.abs() > largest.abs() {
                        transfer.b_factor_angstrom2
                    } else {
                        largest
                    };
                }
            }
            Err(error) => findings.error(error),
        }
    }
    if n > 0 {
        let images = counted(n, "image");
        let what = if rule.as_cryolike {
            format!("{images} have a B-factor (the largest is {largest} Å²), which CryoLike does not apply")
        } else {
            format!("{images} have a B-factor (the largest is {largest} Å²), which is applied")
        };
        findings.warn("b-factor", what);
    }
}
