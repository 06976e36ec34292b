//! Log-likelihoods, wherever they are: found, checked, and brought into one form.

mod folder;
mod images;
mod matrix;
mod noise;

use std::path::{Path, PathBuf};

use verglas_core::Findings;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::findings::counted;
use verglas_core::hint::{Hint, Setting};
use verglas_run::whole::checksum_file;

use crate::record::{Kind, RecordedMatrix};
use crate::settings::WeightsSettings;
use images::select_images;
use matrix::{Columns, Matrix, read_values};

/// Where log-likelihoods come from.
#[derive(Debug)]
pub enum Source {
    /// A folder of likelihoods, or a file of a matrix (`.npy`, `.pt`).
    Path(PathBuf),
    /// A matrix in memory.
    Array(Array),
}

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

/// What images may show.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Component {
    /// The structure's place in the list of templates, or in the matrix; `None`: nothing at all.
    pub(crate) place: Option<usize>,
    pub(crate) name: String,
}

/// What is called so that is no structure.
pub(crate) const NOISE: &str = "noise";

/// Log-likelihoods `[images, components]`, finite, last axis fastest, as they were stored.
#[derive(Debug)]
pub(crate) struct LogLikelihoods {
    pub(crate) components: Vec<Component>,
    pub(crate) n_images: usize,
    pub(crate) values: Vec<f64>,
    /// Where they came from.
    pub(crate) record: RecordedMatrix,
    /// Files that were read.
    pub(crate) read: Vec<PathBuf>,
}

impl LogLikelihoods {
    /// Finds, checks and reads.
    ///
    /// # Errors
    /// What is missing, damaged, of another shape than it should be, or no number.
    pub(crate) fn read(source: Source, settings: &WeightsSettings, findings: &mut Findings) -> Result<Self> {
        let mut found = match source {
            Source::Path(path) if path.is_dir() => folder::find(&path, settings, findings)?,
            Source::Path(path) => Found::of_file(path)?,
            Source::Array(array) => Found::of_array(array)?,
        };
        let axes = found.axes(settings, findings)?;
        let (n_images, n_columns) = found.matrix.counts(axes);
        let columns = Columns { places: found.places(n_columns)?, names: found.names(n_columns)?, axes };
        let kept = columns.kept(settings.exclude.as_ref(), &found.matrix.said())?;
        let images = settings.images.as_deref().map(|path| select_images(path, n_images)).transpose()?;
        let n_chosen = images.as_ref().map_or(n_images, Vec::len);
        let noise = settings.noise_column.then(|| found.noise(n_images)).transpose()?;
        let n_components = kept.len() + usize::from(noise.is_some());
        if kept.len() < 2 {
            return Err(Error::value(format!(
                "{} {} {}, expected at least two to weigh against each other",
                found.matrix.said(),
                if settings.exclude.is_some() { "leaves" } else { "has" },
                counted(kept.len(), "structure")
            )));
        }
        if n_chosen == 0 {
            return Err(Error::value(format!("{} has no images", found.matrix.said())));
        }
        let mut values = read_values(&mut found.matrix, &columns, &kept, images.as_deref(), n_components)?;
        let mut components: Vec<Component> = kept
            .iter()
            .map(|&column| Component { place: Some(columns.places[column]), name: columns.names[column].clone() })
            .collect();
        if let Some(noise) = &noise {
            for (at, row) in values.chunks_exact_mut(n_components).enumerate() {
                row[kept.len()] = noise[images.as_ref().map_or(at, |images| images[at])];
            }
            components.push(Component { place: None, name: NOISE.to_owned() });
        }
        let record = RecordedMatrix {
            kind: found.kind,
            path: found.path.as_deref().map(Into::into),
            crc32: format!("{:08x}", found.crc32()?),
            axes: axes.to_string(),
            n_images,
            n_structures: n_columns,
            likelihood: found.likelihood.clone(),
            images_crc32: images.as_deref().map(crc32_of_places).map(|crc| format!("{crc:08x}")),
        };
        let mut read: Vec<PathBuf> = found.read;
        read.extend(settings.images.clone());
        Ok(Self { components, n_images: n_chosen, values, record, read })
    }
}

fn crc32_of_places(places: &[usize]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    places.iter().for_each(|&place| hasher.update(&(place as u64).to_le_bytes()));
    hasher.finalize()
}

/// A matrix, and what is known of it.
#[derive(Debug)]
pub(crate) struct Found {
    matrix: Matrix,
    kind: Kind,
    /// The matrix's file.
    path: Option<PathBuf>,
    /// Which likelihood it is, where a folder says so.
    likelihood: Option<String>,
    /// Which structures, where that is known.
    structures: Option<(Vec<usize>, Vec<String>)>,
    /// Images and structures that there must be.
    expected: Option<[usize; 2]>,
    axes: Option<crate::MatrixAxes>,
    /// The folder's table.
    table: Option<PathBuf>,
    noise: Option<Vec<f64>>,
    /// The matrix's checksum, where it is known already.
    crc32: Option<u32>,
    read: Vec<PathBuf>,
}

impl Found {
    fn of_file(path: PathBuf) -> Result<Self> {
        let matrix = Matrix::open(&path)?;
        // In such a folder of ours and of CryoLike's, it is known which axis is which.
        let is_cryolikes = path.parent().is_some_and(|folder| folder.ends_with(folder::MATRIX_FOLDER));
        Ok(Self {
            matrix,
            kind: Kind::Matrix,
            likelihood: None,
            structures: None,
            expected: None,
            axes: is_cryolikes.then_some(crate::MatrixAxes::StructuresImages),
            table: None,
            noise: None,
            crc32: None,
            read: vec![path.clone()],
            path: Some(path),
        })
    }

    fn of_array(array: Array) -> Result<Self> {
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
    fn axes(&self, settings: &WeightsSettings, findings: &mut Findings) -> Result<crate::MatrixAxes> {
        use crate::MatrixAxes::{ImagesStructures, StructuresImages};
        /// So many times more images than structures leave no doubt.
        const CLEARLY_MORE: usize = 4;
        let [rows, columns] = self.matrix.shape();
        if let Some(expected) = self.expected {
            // Of a folder: the matrix is as it must be, whatever is said.
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

    fn places(&self, n: usize) -> Result<Vec<usize>> {
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

    fn names(&self, n: usize) -> Result<Vec<String>> {
        let numbered = || (0..n).map(|place| format!("structure_{place}")).collect();
        Ok(self.structures.as_ref().map_or_else(numbered, |(_, names)| names.clone()))
    }

    /// The log-likelihood of each image if it shows nothing.
    fn noise(&self, n_images: usize) -> Result<Vec<f64>> {
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

    fn crc32(&self) -> Result<u32> {
        match (self.crc32, &self.path) {
            (Some(crc32), _) => Ok(crc32),
            (None, Some(path)) => {
                checksum_file(path, || true).map(|sum| sum.crc32).map_err(|error| cannot_read(path, &error))
            }
            (None, None) => Err(Error::new(ErrorKind::Value, "a matrix without values")),
        }
    }
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Error {
    Error::io(format_args!("cannot read `{}`", path.display()), error)
}
