//! A matrix of log-likelihoods: a `.pt`, a `.npy`, or an array in memory.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;
use verglas_formats::npy::read_npy;
use verglas_formats::pt::PtFile;
use verglas_scoring::StructureChoice;

use crate::settings::MatrixAxes;

/// A matrix, open for reading.
#[derive(Debug)]
pub(super) struct Matrix {
    path: Option<PathBuf>,
    shape: [usize; 2],
    stored: Stored,
}

#[derive(Debug)]
enum Stored {
    Pt(PtFile<BufReader<File>>),
    Values(Vec<f64>),
}

/// Values that are read at a time.
const PIECE: usize = 1 << 20;

impl Matrix {
    /// Opens the `.pt` or `.npy` at `path`, by what is in it.
    ///
    /// # Errors
    /// When it can't be read, is neither, holds no real numbers, or does not have two axes.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let in_file = |error| Error::from_format(path, error);
        let mut start = Vec::new();
        let file = verglas_formats::open_regular(path).map_err(|error| cannot_read(path, &error))?;
        file.take(2).read_to_end(&mut start).map_err(|error| cannot_read(path, &error))?;
        let (shape, stored): (Vec<u64>, Stored) = if start == b"PK" {
            let mut file = PtFile::open(path).map_err(in_file)?;
            // The type is checked before the size.
            file.read_f64(0..0).map_err(in_file)?;
            (file.tensor().shape().to_vec(), Stored::Pt(file))
        } else {
            let array = read_npy(path).map_err(in_file)?;
            let shape = array.shape().iter().map(|&n| n as u64).collect();
            (shape, Stored::Values(array.to_f64().map_err(in_file)?))
        };
        let sides: Option<Vec<usize>> = shape.iter().map(|&n| usize::try_from(n).ok()).collect();
        let Some(shape) = sides.and_then(|sides| <[usize; 2]>::try_from(sides).ok()) else {
            return Err(Error::value(format!(
                "`{}` has the shape {shape:?}, expected two axes: images and structures",
                path.display()
            )));
        };
        Ok(Self { path: Some(path.to_owned()), shape, stored })
    }

    pub(super) fn of_array(shape: [usize; 2], values: Vec<f64>) -> Result<Self> {
        if shape[0].checked_mul(shape[1]) != Some(values.len()) {
            return Err(Error::value(format!("{} for the shape {shape:?}", counted(values.len(), "value"))));
        }
        Ok(Self { path: None, shape, stored: Stored::Values(values) })
    }

    pub(super) fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// Images and structures.
    pub(super) fn counts(&self, axes: MatrixAxes) -> (usize, usize) {
        let [rows, columns] = self.shape;
        match axes {
            MatrixAxes::ImagesStructures => (rows, columns),
            MatrixAxes::StructuresImages => (columns, rows),
        }
    }

    /// Its name.
    pub(super) fn said(&self) -> String {
        self.path.as_ref().map_or_else(|| "the matrix".to_owned(), |path| format!("`{}`", path.display()))
    }

    /// Some rows, in float64.
    fn rows(&mut self, rows: Range<usize>) -> Result<Vec<f64>> {
        let n_columns = self.shape[1];
        match (&mut self.stored, &self.path) {
            (Stored::Values(values), _) => Ok(values[rows.start * n_columns..rows.end * n_columns].to_vec()),
            (Stored::Pt(file), path) => file
                .read_f64(rows.start as u64..rows.end as u64)
                .map_err(|error| Error::from_format(path.as_deref().unwrap_or(Path::new("")), error)),
        }
    }
}

/// The structures of a matrix, in its order.
#[derive(Debug)]
pub(super) struct Columns {
    /// Their places in the list of templates.
    pub(super) places: Vec<usize>,
    pub(super) names: Vec<String>,
    pub(super) axes: MatrixAxes,
}

impl Columns {
    /// Which of them are not excluded.
    ///
    /// # Errors
    /// When a place is excluded that none has.
    pub(super) fn kept(&self, exclude: Option<&StructureChoice>, of: &dyn Display) -> Result<Vec<usize>> {
        let all = 0..self.places.len();
        let ranges = match exclude {
            None => return Ok(all.collect()),
            Some(StructureChoice::All) => return Ok(Vec::new()),
            Some(StructureChoice::Places(ranges)) => ranges,
        };
        for range in ranges {
            // Ranges may be of any length: the first place that none has is near.
            if let Some(missing) = range.clone().find(|place| !self.places.contains(place)) {
                let places: Vec<String> = self.places.iter().map(ToString::to_string).collect();
                return Err(Error::value(format!(
                    "there is no structure {missing} to exclude: {of} has {}",
                    verglas_run::verify::listed(&places)
                )));
            }
        }
        let is_excluded = |column: &usize| ranges.iter().any(|range| range.contains(&self.places[*column]));
        Ok(all.filter(|column| !is_excluded(column)).collect())
    }
}

/// The log-likelihoods of the structures `kept` and of some images (all, if none are named), `[images, n_components]`; what
/// is beyond the structures is 0.
///
/// # Errors
/// When the file can't be read; the first value that is not a finite number, with its place and how many there are.
pub(super) fn read_values(
    matrix: &mut Matrix,
    columns: &Columns,
    kept: &[usize],
    images: Option<&[usize]>,
    n_components: usize,
) -> Result<Vec<f64>> {
    let (n_all, n_columns) = matrix.counts(columns.axes);
    let n_images = images.map_or(n_all, <[usize]>::len);
    let n_values = n_images.checked_mul(n_components);
    let mut values = Vec::new();
    let is_given = n_values.is_some_and(|n| values.try_reserve_exact(n).is_ok());
    let Some(n_values) = n_values.filter(|_| is_given) else {
        let what =
            format!("{} of {n_components} structures take more memory than there is", counted(n_images, "image"));
        return Err(Error::new(verglas_core::ErrorKind::Memory, what));
    };
    values.resize(n_values, 0.0);
    let mut bad = Bad { first: None, n: 0 };
    // Where each image goes.
    let place_of: Option<Vec<u32>> = images.map(|images| {
        let mut places = vec![u32::MAX; n_all];
        images.iter().enumerate().for_each(|(at, &image)| places[image] = at as u32);
        places
    });
    let place = |image: usize| match &place_of {
        None => Some(image),
        Some(places) => Some(places[image]).filter(|&at| at != u32::MAX).map(|at| at as usize),
    };
    match columns.axes {
        MatrixAxes::StructuresImages => {
            for (to, &column) in kept.iter().enumerate() {
                for (image, value) in matrix.rows(column..column + 1)?.into_iter().enumerate() {
                    let Some(at) = place(image) else { continue };
                    bad.look(value, image, column);
                    values[at * n_components + to] = value;
                }
            }
        }
        MatrixAxes::ImagesStructures => {
            let step = (PIECE / n_columns.max(1)).max(1);
            for start in (0..n_all).step_by(step) {
                let rows = start..n_all.min(start + step);
                let piece = matrix.rows(rows.clone())?;
                for (image, row) in rows.zip(piece.chunks_exact(n_columns.max(1))) {
                    let Some(at) = place(image) else { continue };
                    for (to, &column) in kept.iter().enumerate() {
                        bad.look(row[column], image, column);
                        values[at * n_components + to] = row[column];
                    }
                }
            }
        }
    }
    let Some((value, image, column)) = bad.first else { return Ok(values) };
    let more = match bad.n {
        1 => String::new(),
        n => format!(", and so are {} more", n - 1),
    };
    let cell = match columns.axes {
        MatrixAxes::ImagesStructures => [image, column],
        MatrixAxes::StructuresImages => [column, image],
    };
    Err(Error::format(format!(
        "{}: row {}, column {} (from 0) is {value}, expected a number: image {image}, structure {} (`{}`){more}",
        matrix.said(),
        cell[0],
        cell[1],
        columns.places[column],
        columns.names[column]
    )))
}

/// Values that are not finite numbers.
struct Bad {
    /// Value, image, column.
    first: Option<(f64, usize, usize)>,
    n: usize,
}

impl Bad {
    fn look(&mut self, value: f64, image: usize, column: usize) {
        if !value.is_finite() {
            self.n += 1;
            self.first.get_or_insert((value, image, column));
        }
    }
}

/// The error for a file that can't be read.
pub(super) fn cannot_read(path: &Path, error: &std::io::Error) -> Error {
    Error::io(format_args!("cannot read `{}`", path.display()), error)
}
