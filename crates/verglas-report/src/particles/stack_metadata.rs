//! What one stack's metadata say about each of its images.

use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_formats::npz::NpzReader;
use verglas_fourier::ctf::Ctf;
use verglas_particles::stack::StackColumns;

/// The values of one stack, one per image.
#[derive(Debug)]
pub(crate) struct StackMetadata {
    pub(crate) n_images: usize,
    pub(crate) defocus_u_angstrom: Vec<f64>,
    pub(crate) defocus_v_angstrom: Vec<f64>,
    pub(crate) defocus_angle_rad: Vec<f64>,
    pub(crate) phase_shift_rad: Vec<f64>,
    pub(crate) image_mean: Vec<f64>,
    pub(crate) image_max: Vec<f64>,
    pub(crate) fourier_norm: Vec<f64>,
    /// Rotation and tilt, where they are known.
    pub(crate) direction: Option<(Vec<f64>, Vec<f64>)>,
    pub(crate) constants: LensConstants,
    /// Whether the defocus angle is measured from the rows' direction.
    angle_is_from_rows: bool,
}

/// What all images of a stack share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LensConstants {
    pub(crate) voltage_kv: f64,
    pub(crate) spherical_aberration_mm: f64,
    pub(crate) amplitude_contrast: f64,
}

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) file: String,
    /// From 0.
    pub(crate) section: i64,
    /// From 0.
    pub(crate) row: i64,
}

impl StackMetadata {
    /// Reads the metadata file of a stack of `n_images`.
    ///
    /// # Errors
    /// When it can't be read, lacks a value, or holds another number of images.
    pub(crate) fn read(path: &Path, n_images: usize) -> Result<Self> {
        let mut columns = StackColumns::open(path)?;
        let constants = LensConstants {
            voltage_kv: columns.of_all("voltage")?,
            spherical_aberration_mm: columns.of_all("sphericalAberration")?,
            amplitude_contrast: columns.of_all("amplitudeContrast")?,
        };
        let direction = match (columns.numbers("angleRotation")?, columns.numbers("angleTilt")?) {
            (Some(rot), Some(tilt)) if rot.len() == n_images && tilt.len() == n_images => Some((rot, tilt)),
            _ => None,
        };
        let axis = columns.texts("defocusAngle_axis")?.unwrap_or_default();
        let mut column = |name: &str| columns.of_images(name, n_images);
        Ok(Self {
            n_images,
            defocus_u_angstrom: column("defocusU")?,
            defocus_v_angstrom: column("defocusV")?,
            defocus_angle_rad: column("defocusAngle")?,
            phase_shift_rad: column("phaseShift")?,
            image_mean: column("image_mean")?,
            image_max: column("image_max")?,
            fourier_norm: column("fourier_norm")?,
            direction,
            constants,
            angle_is_from_rows: axis.first().is_some_and(|axis| axis == b"rows"),
        })
    }

    /// The contrast transfer function of one image, whichever axis its angle is written from.
    pub(crate) fn ctf(&self, image: usize) -> Ctf {
        let angle = self.defocus_angle_rad[image];
        Ctf {
            defocus_u_angstrom: self.defocus_u_angstrom[image],
            defocus_v_angstrom: self.defocus_v_angstrom[image],
            defocus_angle_rad: if self.angle_is_from_rows { std::f64::consts::FRAC_PI_2 - angle } else { angle },
            voltage_kv: self.constants.voltage_kv,
            spherical_aberration_mm: self.constants.spherical_aberration_mm,
            amplitude_contrast: self.constants.amplitude_contrast,
            phase_shift_rad: self.phase_shift_rad[image],
            b_factor_angstrom2: 0.0,
            scale: 1.0,
        }
    }

    pub(crate) fn defocus_angstrom(&self, image: usize) -> f64 {
        0.5 * (self.defocus_u_angstrom[image] + self.defocus_v_angstrom[image])
    }

    pub(crate) fn astigmatism_angstrom(&self, image: usize) -> f64 {
        (self.defocus_u_angstrom[image] - self.defocus_v_angstrom[image]).abs()
    }
}

/// Where some of a stack's images come from, in the order asked for.
///
/// # Errors
/// When the file can't be read or lacks an image.
pub(crate) fn read_sources(path: &Path, images: &[usize]) -> Result<Vec<Source>> {
    let in_file = |error| Error::from_format(path, error);
    let mut npz = NpzReader::open(path).map_err(in_file)?;
    let files = npz.read("files").and_then(|array| array.to_text()).map_err(in_file)?;
    let sections = npz.read("idxs").and_then(|array| array.to_i64()).map_err(in_file)?;
    let rows = npz.read("row").and_then(|array| array.to_i64()).map_err(in_file)?;
    images
        .iter()
        .map(|&image| match (files.get(image), sections.get(image), rows.get(image)) {
            (Some(file), Some(&section), Some(&row)) => {
                Ok(Source { file: String::from_utf8_lossy(file).into_owned(), section, row })
            }
            _ => Err(Error::format(format!("`{}` does not say where image {image} comes from", path.display()))),
        })
        .collect()
}
