//! A matrix with all that is known of it, wherever it was found.

use std::path::PathBuf;

use verglas_core::Findings;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::findings::counted;
use verglas_core::hint::{Hint, Setting};
use verglas_run::whole::checksum_file;

use super::matrix::{Matrix, cannot_read};
use super::noise;
use crate::record::Kind;
use crate::settings::{MatrixAxes, WeightsSettings};

/// The folder of matrices in a folder of likelihoods.
pub(super) const MATRIX_FOLDER: &str = "likelihood_matrix";

/// A matrix in memory, last axis fastest.
#[derive(Debug)]
pub struct Array {
    /// Its two extents.
    pub shape: [usize; 2],
    /// The log-likelihoods.
    pub values: Vec<f64>,
    /// Names of the structures, if they have any.
    pub names: Option<Vec<String>>,
    /// Log-likelihood of each image if it shows nothing.
    pub noise: Option<Vec<f64>>,
}

/// A matrix, and what is known of it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) matrix: Matrix,
    pub(super) kind: Kind,
    /// The matrix's file.
    pub(super) path: Option<PathBuf>,
    /// Which likelihood it is, where a folder says so.
    pub(super) likelihood: Option<String>,
    /// Which structures, where that is known.
    pub(super) structures: Option<(Vec<usize>, Vec<String>)>,
    /// Images and structures that there must be.
    pub(super) expected: Option<[usize; 2]>,
    pub(super) axes: Option<MatrixAxes>,
    /// The folder's table.
    pub(super) table: Option<PathBuf>,
    pub(super) noise: Option<Vec<f64>>,
    /// The matrix's checksum, where it is known already.
    pub(super) crc32: Option<u32>,
    pub(super) read: Vec<PathBuf>,
}

impl Found {
    pub(super) fn of_file(path: PathBuf) -> Result<Self> {
        let matrix = Matrix::open(&path)?;
        // In such a folder of ours and of CryoLike's, it is known which axis is which.
        let is_cryolikes = path.parent().is_some_and(|folder| folder.ends_with(MATRIX_FOLDER));
        Ok(Self {
            matrix,
            kind: Kind::Matrix,
            likelihood: None,
            structures: None,
            expected: None,
            axes: is_cryolikes.then_some(MatrixAxes::StructuresImages),
            table: None,
            noise: None,
            crc32: None,
            read: vec![path.clone()],
            path: Some(path),
        })
    }

    pub(super) fn of_array(array: Array) -> Result<Self> {
        let mut hasher = crc32fast::Hasher::new();
        array.values.iter().for_each(|value| hasher.update(&value.to_le_bytes()));
        let structures = array.names.map(|names| ((0..names.len()).collect(), names));
        Ok(Self {
            matrix: Matrix::of_array(array.shape, array.values)?,
            kind: Kind::Array,
            path: None,
            likelihood: None,
            structures,
            expected: None,
            axes: None,
            table: None,
            noise: array.noise,
            crc32: Some(hasher.finalize()),
            read: Vec::new(),
        })
    }

    /// Which axis is which.
    pub(super) fn axes(&self, settings: &WeightsSettings, findings: &mut Findings) -> Result<MatrixAxes> {
        use MatrixAxes::{ImagesStructures, StructuresImages};
        /// So many times more images than structures leave no doubt.
        const CLEARLY_MORE: usize = 4;
        let [rows, columns] = self.matrix.shape();
        if let Some(expected) = self.expected {
            // In a folder, the matrix has a fixed order of axes.
            if [columns, rows] != expected {
                return Err(Error::format(format!(
                    "{} has the shape [{rows}, {columns}], expected [{}, {}] (structures, images)",
                    self.matrix.said(),
                    expected[1],
                    expected[0]
                )));
            }
            return Ok(StructuresImages);
        }
        if let Some(axes) = settings.axes.or(self.axes) {
            return Ok(axes);
        }
        if let Some((places, _)) = &self.structures {
            match [rows == places.len(), columns == places.len()] {
                [true, false] => return Ok(StructuresImages),
                [false, true] => return Ok(ImagesStructures),
                _ => {}
            }
        }
        let (axes, guess) = match () {
            () if rows >= columns.saturating_mul(CLEARLY_MORE) => (ImagesStructures, [rows, columns]),
            () if columns >= rows.saturating_mul(CLEARLY_MORE) => (StructuresImages, [columns, rows]),
            () => {
                return Err(Error::value(format!(
                    "{} has the shape [{rows}, {columns}]: which axis is of images, and which of structures?",
                    self.matrix.said()
                ))
                .with_hint(
                    Hint::Choose(Setting::MatrixAxes, ImagesStructures.as_str())
                        + " or "
                        + Hint::Choose(Setting::MatrixAxes, StructuresImages.as_str()),
                ));
            }
        };
        findings.warn(
            "axes-guessed",
            format!(
                "{} has the shape [{rows}, {columns}]: taken for {} and {}; say it with ",
                self.matrix.said(),
                counted(guess[0], "image"),
                counted(guess[1], "structure")
            )
            .as_str()
                + Hint::Give(Setting::MatrixAxes),
        );
        Ok(axes)
    }

    pub(super) fn places(&self, n: usize) -> Result<Vec<usize>> {
        match &self.structures {
            Some((places, _)) if places.len() != n => Err(Error::value(format!(
                "{} has {}, {} are named",
                self.matrix.said(),
                counted(n, "structure"),
                places.len()
            ))),
            Some((places, _)) => Ok(places.clone()),
            None => Ok((0..n).collect()),
        }
    }

    pub(super) fn names(&self, n: usize) -> Result<Vec<String>> {
        let numbered = || (0..n).map(|place| format!("structure_{place}")).collect();
        Ok(self.structures.as_ref().map_or_else(numbered, |(_, names)| names.clone()))
    }

    /// The log-likelihood of each image if it shows nothing.
    pub(super) fn noise(&self, n_images: usize) -> Result<Vec<f64>> {
        let noise = match (&self.noise, &self.table) {
            (Some(noise), _) => noise.clone(),
            (None, Some(table)) => noise::read(table, n_images)?,
            (None, None) => {
                let message = format!("{} has no column of noise", self.matrix.said());
                return Err(Error::value(message).with_hint(
                    "it stands in the table of a folder of likelihoods; give the folder, or leave out "
                        + Hint::Give(Setting::NoiseColumn),
                ));
            }
        };
        if noise.len() != n_images {
            return Err(Error::value(format!(
                "{} of noise, expected one for each of the {}",
                counted(noise.len(), "value"),
                counted(n_images, "image")
            )));
        }
        match noise.iter().position(|value| !value.is_finite()) {
            Some(image) => {
                Err(Error::value(format!("the noise of image {image} is {}, expected a number", noise[image])))
            }
            None => Ok(noise),
        }
    }

    pub(super) fn crc32(&self) -> Result<u32> {
        match (self.crc32, &self.path) {
            (Some(crc32), _) => Ok(crc32),
            (None, Some(path)) => {
                checksum_file(path, || true).map(|sum| sum.crc32).map_err(|error| cannot_read(path, &error))
            }
            (None, None) => Err(Error::new(ErrorKind::Value, "a matrix without values")),
        }
    }
}
