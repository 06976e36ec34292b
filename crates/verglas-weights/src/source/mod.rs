//! Log-likelihoods, wherever they are: found, checked, and brought into one form.

mod folder;
mod found;
mod images;
mod matrix;
mod noise;

use std::path::PathBuf;

use verglas_core::Findings;
use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;

use crate::record::RecordedMatrix;
use crate::settings::WeightsSettings;
pub use found::Array;
use found::Found;
use images::select_images;
use matrix::{Columns, read_values};

/// Where log-likelihoods come from.
#[derive(Debug)]
pub enum Source {
    /// A folder of likelihoods, or a file of a matrix (`.npy`, `.pt`).
    Path(PathBuf),
    /// A matrix in memory.
    Array(Array),
}

/// What images may show.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Component {
    /// The structure's place in the list of templates, or in the matrix; `None`: nothing at all.
    pub(crate) place: Option<usize>,
    pub(crate) name: String,
}

/// The name of the component that is not a structure.
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
    /// What is missing, damaged, of the wrong shape, or not a number.
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
        let images = settings.images.as_ref().map(|choice| select_images(choice, n_images)).transpose()?;
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
        read.extend(settings.images.as_ref().and_then(|images| images.path()).map(Into::into));
        Ok(Self { components, n_images: n_chosen, values, record, read })
    }
}

fn crc32_of_places(places: &[usize]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    places.iter().for_each(|&place| hasher.update(&(place as u64).to_le_bytes()));
    hasher.finalize()
}
