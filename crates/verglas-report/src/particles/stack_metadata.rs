//! The metadata of each image of one stack.

use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_fourier::ctf::Ctf;
use verglas_particles::particle::LensConstants;
use verglas_particles::stack::{Capture, ImageScales, StackColumns, keys};

/// The values of one stack, one per image.
#[derive(Debug)]
pub(crate) struct StackMetadata {
    pub(crate) n_images: usize,
    pub(crate) capture: Capture,
    pub(crate) scales: Vec<ImageScales>,
    /// Rotation and tilt, where they are known.
    pub(crate) direction: Option<(Vec<f64>, Vec<f64>)>,
    /// Values that all images share.
    pub(crate) constants: LensConstants,
}

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) file: String,
    /// From 0.
    pub(crate) section: u64,
    /// From 0.
    pub(crate) row: u64,
}

impl StackMetadata {
    /// Reads the metadata file of a stack of `n_images`, at least one.
    ///
    /// # Errors
    /// When it can't be read, lacks a value, or holds another number of images.
    pub(crate) fn read(path: &Path, n_images: usize) -> Result<Self> {
        let mut columns = StackColumns::open(path)?;
        if !columns.has(keys::PHASE_SHIFT) {
            return Err(columns.lacks(keys::PHASE_SHIFT));
        }
        let capture = columns.capture(n_images, None)?;
        let direction = match (columns.numbers(keys::ANGLE_ROTATION)?, columns.numbers(keys::ANGLE_TILT)?) {
            (Some(rot), Some(tilt)) if rot.len() == n_images && tilt.len() == n_images => Some((rot, tilt)),
            _ => None,
        };
        Ok(Self { n_images, constants: capture.optics(0), capture, scales: columns.scales(n_images)?, direction })
    }

    /// The contrast transfer function of one image without its envelope, whichever axis its angle is written from.
    pub(crate) fn ctf(&self, image: usize) -> Ctf {
        Ctf { b_factor_angstrom2: 0.0, scale: 1.0, ..self.capture.ctf(image) }
    }

    pub(crate) fn defocus_angstrom(&self, image: usize) -> f64 {
        0.5 * (self.capture.defocus_u_angstrom[image] + self.capture.defocus_v_angstrom[image])
    }

    pub(crate) fn astigmatism_angstrom(&self, image: usize) -> f64 {
        (self.capture.defocus_u_angstrom[image] - self.capture.defocus_v_angstrom[image]).abs()
    }
}

/// Where some of a stack's images come from, in the order asked for.
///
/// # Errors
/// When the file can't be read or lacks an image.
pub(crate) fn read_sources(path: &Path, images: &[usize]) -> Result<Vec<Source>> {
    let mut columns = StackColumns::open(path)?;
    let files = columns.needed_texts(keys::FILES)?;
    let sections = columns.needed_identities(keys::SECTIONS)?;
    let rows = columns.needed_identities(keys::ROW)?;
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
