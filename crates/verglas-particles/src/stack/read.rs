//! All metadata of a stack's images, ours or CryoLike's.

use std::ops::Range;

use verglas_core::choice::Choice;
use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;
use verglas_fourier::ctf::Ctf;
use verglas_fourier::pose::Pose;

use super::columns::{StackColumns, own_values};
use super::keys;
use crate::particle::{
    Column, DefocusAngleAxis, LensConstants, OriginColumn, OriginColumns, OriginUnit, ParticleTable, PoseColumns,
};

/// How each image of a stack was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Capture {
    /// Defocus in the direction of `defocus_angle_rad`, one per image, Å.
    pub defocus_u_angstrom: Vec<f64>,
    /// The other defocus, one per image, Å.
    pub defocus_v_angstrom: Vec<f64>,
    /// Direction of U, one per image, radians from `defocus_angle_axis`.
    pub defocus_angle_rad: Vec<f64>,
    /// From which axis it is measured; CryoLike's own files don't say: they hold it as it was read, from the columns'.
    pub defocus_angle_axis: DefocusAngleAxis,
    /// Phase shift, radians; 0 where there is none.
    pub phase_shift_rad: Column,
    /// Acceleration voltage, kV.
    pub voltage_kv: Column,
    /// Spherical aberration, mm.
    pub spherical_aberration_mm: Column,
    /// Amplitude contrast, as a fraction.
    pub amplitude_contrast: Column,
    /// B-factor of the CTF's envelope, Å², where it is known for these images.
    pub ctf_bfactor: Option<Column>,
    /// Scale of the CTF, where it is known for these images.
    pub ctf_scale_factor: Option<Column>,
}

impl Capture {
    /// The contrast transfer function of `image`, whichever axis its angle is measured from.
    ///
    /// # Panics
    /// If the stack has no such image.
    pub fn ctf(&self, image: usize) -> Ctf {
        let LensConstants { voltage_kv, spherical_aberration_mm, amplitude_contrast } = self.optics(image);
        Ctf {
            defocus_u_angstrom: self.defocus_u_angstrom[image],
            defocus_v_angstrom: self.defocus_v_angstrom[image],
            defocus_angle_rad: self.defocus_angle_axis.angle_from_columns(self.defocus_angle_rad[image]),
            voltage_kv,
            spherical_aberration_mm,
            amplitude_contrast,
            phase_shift_rad: self.phase_shift_rad.get(image),
            b_factor_angstrom2: self.ctf_bfactor.as_ref().map_or(0.0, |column| column.get(image)),
            scale: self.ctf_scale_factor.as_ref().map_or(1.0, |column| column.get(image)),
        }
    }

    /// The lens constants of `image`.
    ///
    /// # Panics
    /// If the stack has no such image.
    pub fn optics(&self, image: usize) -> LensConstants {
        LensConstants {
            voltage_kv: self.voltage_kv.get(image),
            spherical_aberration_mm: self.spherical_aberration_mm.get(image),
            amplitude_contrast: self.amplitude_contrast.get(image),
        }
    }
}

/// The values that normalising an image and its transform subtracted and divided by; with these it can be undone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageScales {
    /// The image's mean, which was subtracted.
    pub mean: f64,
    /// The largest absolute value after that, which the image was divided by.
    pub max: f64,
    /// The Fourier image's norm, which it was divided by.
    pub norm: f64,
}

/// All metadata of a stack's images except the grids
/// ([`ImageDescriptor`](verglas_run::descriptor::ImageDescriptor)) and where they come from ([`ImageSources`]).
#[derive(Debug, Clone, PartialEq)]
pub struct StackMetadata {
    /// Images of the stack.
    pub n_images: usize,
    /// How each was taken.
    pub capture: Capture,
    /// Orientations, radians, as far as present.
    pub pose: PoseColumns,
    /// Origins, Å, as far as present.
    pub origin: OriginColumns,
    /// The metadata's own pixel size, Å, before downsampling.
    pub ref_pixel_size_angstrom: Option<[f64; 2]>,
    /// The range of the images among those of their file, in stacks that never mix files.
    pub range_in_file: Option<Range<usize>>,
    /// The values subtracted and divided by, one per image; CryoLike's own files lack them.
    pub scales: Option<Vec<ImageScales>>,
}

impl StackMetadata {
    /// The contrast transfer function of `image`.
    ///
    /// # Panics
    /// If the stack has no such image.
    pub fn ctf(&self, image: usize) -> Ctf {
        self.capture.ctf(image)
    }

    /// The orientation of `image`, where all three angles are known.
    ///
    /// # Panics
    /// If the stack has no such image.
    pub fn pose(&self, image: usize) -> Option<Pose> {
        self.pose.get(image)
    }

    /// The lens constants of `image`.
    ///
    /// # Panics
    /// If the stack has no such image.
    pub fn optics(&self, image: usize) -> LensConstants {
        self.capture.optics(image)
    }
}

/// Where the images of a stack come from, as far as its metadata say so; one value per image each, or none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageSources {
    /// Rows of the metadata, from 0.
    pub rows: Vec<i64>,
    /// CryoSPARC's identifiers.
    pub uids: Vec<u64>,
    /// Image files, as the metadata or the command line wrote them (raw bytes).
    pub files: Vec<Vec<u8>>,
    /// Sections in these, from 0.
    pub sections: Vec<i64>,
}

impl ImageSources {
    /// Of these rows of a table, in their order.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn of_particles(table: &ParticleTable, particles: impl Iterator<Item = usize>) -> Self {
        let mut sources = Self::default();
        for particle in particles {
            sources.rows.push(i64::from(table.row[particle]));
            sources.uids.extend(table.uid.as_ref().map(|uids| uids[particle]));
            sources.files.push(table.image_names[table.image[particle] as usize].clone());
            sources.sections.push(i64::from(table.section[particle].0));
        }
        sources
    }
}

impl StackColumns {
    /// How many images the file says that the stack has.
    ///
    /// # Errors
    /// When it does not say so.
    pub fn n_images(&mut self) -> Result<usize> {
        let found = self.identities(keys::N_IMAGES)?.and_then(|values| values.first().copied());
        found.and_then(|n| usize::try_from(n).ok()).ok_or_else(|| self.lacks(keys::N_IMAGES))
    }

    /// How each of the stack's images was taken; for `first_image` see [`StackColumns::shared`].
    ///
    /// # Errors
    /// When a value that the contrast transfer needs is missing, or the number of values in an array is not that of the
    /// images.
    pub fn capture(&mut self, n_images: usize, first_image: Option<usize>) -> Result<Capture> {
        let mut of_images = |name| self.of_images(name, n_images);
        let defocus_u_angstrom = of_images(keys::DEFOCUS_U)?;
        let defocus_v_angstrom = of_images(keys::DEFOCUS_V)?;
        let defocus_angle_rad = of_images(keys::DEFOCUS_ANGLE)?;
        let mut optional = |name| self.shared(name, n_images, first_image);
        let phase_shift_rad = optional(keys::PHASE_SHIFT)?.unwrap_or(Column::Constant(0.0));
        let ctf_bfactor = optional(keys::CTF_BFACTOR)?;
        let ctf_scale_factor = optional(keys::CTF_SCALE_FACTOR)?;
        let mut constant = |name| match self.shared(name, n_images, first_image)? {
            Some(column) => Ok::<_, Error>(column),
            None => self.of_all(name).map(Column::Constant),
        };
        Ok(Capture {
            defocus_u_angstrom,
            defocus_v_angstrom,
            defocus_angle_rad,
            phase_shift_rad,
            voltage_kv: constant(keys::VOLTAGE)?,
            spherical_aberration_mm: constant(keys::SPHERICAL_ABERRATION)?,
            amplitude_contrast: constant(keys::AMPLITUDE_CONTRAST)?,
            ctf_bfactor,
            ctf_scale_factor,
            defocus_angle_axis: self.defocus_angle_axis()?.unwrap_or_default(),
        })
    }

    /// From which axis the defocus angle is measured, where the file says so.
    ///
    /// # Errors
    /// When it says something that it never does.
    pub fn defocus_angle_axis(&mut self) -> Result<Option<DefocusAngleAxis>> {
        let Some(texts) = self.texts(keys::DEFOCUS_ANGLE_AXIS)? else { return Ok(None) };
        let there = texts.iter().map(|text| String::from_utf8_lossy(text)).collect::<Vec<_>>().join(", ");
        let wrong = |error| Error::format(format!("`{}`: its {error}", self.path().display()));
        DefocusAngleAxis::from_name_of(keys::DEFOCUS_ANGLE_AXIS, &there).map(Some).map_err(wrong)
    }

    /// Orientations, as far as present.
    ///
    /// # Errors
    /// When the number of values in an array is not that of the images.
    pub fn pose(&mut self, n_images: usize) -> Result<PoseColumns> {
        Ok(PoseColumns {
            rot: self.of_images_if_there(keys::ANGLE_ROTATION, n_images)?,
            tilt: self.of_images_if_there(keys::ANGLE_TILT, n_images)?,
            psi: self.of_images_if_there(keys::ANGLE_PSI, n_images)?,
        })
    }

    /// Origins, as far as present.
    ///
    /// # Errors
    /// When the number of values in an array is not that of the images.
    pub fn origin(&mut self, n_images: usize) -> Result<OriginColumns> {
        let mut axis = |key| {
            let values = self.of_images_if_there(key, n_images)?;
            Ok::<_, Error>(values.map(|values| OriginColumn { values, unit: OriginUnit::Angstrom }))
        };
        Ok(OriginColumns { x: axis(keys::ORIGIN_X)?, y: axis(keys::ORIGIN_Y)? })
    }

    /// The values that were subtracted from each image and divided by, which must be present.
    ///
    /// # Errors
    /// When an array is missing or its number of values is not that of the images.
    pub fn scales(&mut self, n_images: usize) -> Result<Vec<ImageScales>> {
        let mut column = |name| self.of_images(name, n_images);
        let (means, maxima) = (column(keys::IMAGE_MEAN)?, column(keys::IMAGE_MAX)?);
        let scales = means.into_iter().zip(maxima).zip(column(keys::FOURIER_NORM)?);
        Ok(scales.map(|((mean, max), norm)| ImageScales { mean, max, norm }).collect())
    }

    /// Where each image comes from; for `first_image` see [`StackColumns::shared`].
    ///
    /// # Errors
    /// When an array can't be read.
    pub fn sources(&mut self, n_images: usize, first_image: Option<usize>) -> Result<ImageSources> {
        Ok(ImageSources {
            rows: own(self.whole_numbers(keys::ROW)?, n_images, first_image),
            uids: own(self.identities(keys::UID)?, n_images, first_image),
            files: own(self.texts(keys::FILES)?, n_images, first_image),
            sections: own(self.whole_numbers(keys::SECTIONS)?, n_images, first_image),
        })
    }

    /// Everything but grids and sources.
    ///
    /// # Errors
    /// When a value that the contrast transfer needs is missing, or the number of values in an array is not that of the
    /// images.
    pub fn metadata(&mut self) -> Result<StackMetadata> {
        let n_images = self.n_images()?;
        let is_any_scale_there =
            [keys::IMAGE_MEAN, keys::IMAGE_MAX, keys::FOURIER_NORM].iter().any(|key| self.has(key));
        Ok(StackMetadata {
            n_images,
            capture: self.capture(n_images, None)?,
            pose: self.pose(n_images)?,
            origin: self.origin(n_images)?,
            ref_pixel_size_angstrom: self.ref_pixel_size_angstrom()?,
            range_in_file: self.range_in_file()?,
            scales: if is_any_scale_there { Some(self.scales(n_images)?) } else { None },
        })
    }

    fn ref_pixel_size_angstrom(&mut self) -> Result<Option<[f64; 2]>> {
        match self.numbers(keys::REF_PIXEL_SIZE)?.as_deref() {
            None => Ok(None),
            Some([both]) => Ok(Some([*both, *both])),
            Some([first, second]) => Ok(Some([*first, *second])),
            Some(values) => Err(Error::format(format!(
                "`{}`: its `{}` has {}, expected one or two",
                self.path().display(),
                keys::REF_PIXEL_SIZE,
                counted(values.len(), "value")
            ))),
        }
    }

    fn range_in_file(&mut self) -> Result<Option<Range<usize>>> {
        let mut end = |key| Ok::<_, Error>(self.identities(key)?.and_then(|values| values.first().copied()));
        let (start, end) = (end(keys::STACK_START)?, end(keys::STACK_END)?);
        Ok(start.zip(end).map(|(start, end)| start as usize..end as usize))
    }

    fn of_images_if_there(&mut self, name: &str, n_images: usize) -> Result<Option<Column>> {
        let is_there = self.array(name)?.is_some_and(|array| !array.is_empty());
        if is_there { self.of_images(name, n_images).map(|values| Some(Column::PerParticle(values))) } else { Ok(None) }
    }
}

/// The stack's own values, or none.
fn own<T: Clone>(values: Option<Vec<T>>, n_images: usize, first_image: Option<usize>) -> Vec<T> {
    let values = values.unwrap_or_default();
    own_values(&values, n_images, first_image).map(<[T]>::to_vec).unwrap_or_default()
}
