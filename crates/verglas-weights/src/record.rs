//! `weights.json`: what was asked, what was read, what came out.

use std::path::Path;

use serde::{Deserialize, Serialize};
use verglas_core::error::{Error, Result};
use verglas_run::manifest::{FileRecord, RecordedPath, RecordedWarning};

use crate::mixture::{Interval, Pair};
use crate::names::RECORD;
use crate::settings::WeightsSettings;

/// The kind of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A folder's log-likelihoods over all poses.
    Integrated,
    /// A folder's log-likelihoods at the best poses.
    Optimal,
    /// A file's.
    Matrix,
    /// In memory.
    Array,
}

/// Where log-likelihoods came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedMatrix {
    /// Its kind.
    pub kind: Kind,
    /// Its file, if it is in one.
    pub path: Option<RecordedPath>,
    /// CRC-32 of the file, in hexadecimal; of the values, if it is in none.
    pub crc32: String,
    /// Which axis is which.
    pub axes: String,
    /// Images in it.
    pub n_images: usize,
    /// Structures in it.
    pub n_structures: usize,
    /// Which likelihood it is, where a folder says so: `plain`.
    pub likelihood: Option<String>,
    /// CRC-32 of the places of the images that were chosen, if not all.
    pub images_crc32: Option<String>,
}

/// The settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedWeights {
    /// The order of axes, if given.
    pub matrix_axes: Option<String>,
    /// Structures that were left out.
    pub exclude: Vec<usize>,
    /// The file of the images that count, if not all.
    pub images: Option<RecordedPath>,
    /// Whether images may show nothing.
    pub noise_column: bool,
    /// The number that log-likelihoods were divided by.
    pub temperature: f64,
    /// The largest gap.
    pub tolerance: f64,
    /// How many times images were resampled.
    pub bootstrap: usize,
    /// By which these draws are known again.
    pub seed: u64,
}

impl RecordedWeights {
    pub(crate) fn new(settings: &WeightsSettings, exclude: Vec<usize>) -> Self {
        Self {
            matrix_axes: settings.axes.map(|axes| axes.to_string()),
            exclude,
            images: settings.images.as_ref().and_then(|images| images.path()).map(Into::into),
            noise_column: settings.noise_column,
            temperature: settings.temperature,
            tolerance: settings.tolerance,
            bootstrap: settings.n_resamples,
            seed: settings.seed,
        }
    }
}

/// The result for one structure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StructureWeight {
    /// Its place in the list of templates, or in the matrix; none for noise.
    pub structure: Option<usize>,
    /// Its name.
    pub name: String,
    /// Its share of the images.
    pub weight: f64,
    /// The weight over the resamples, if images were resampled.
    #[serde(flatten)]
    pub interval: Option<Interval>,
    /// For how many images it has the largest likelihood.
    pub images_best: usize,
    /// How many images it explains: the sum of its responsibilities for them.
    pub responsibility: f64,
}

/// The contents of `weights.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeightsRecord {
    /// `verglas`.
    pub program: String,
    /// Its version.
    pub version: String,
    /// Where the run was started: relative paths start here.
    pub working_dir: RecordedPath,
    /// The settings.
    pub settings: RecordedWeights,
    /// Where log-likelihoods came from.
    pub matrix: RecordedMatrix,
    /// Images that count.
    pub n_images: usize,
    /// Structures, and noise if it takes part.
    pub n_structures: usize,
    /// f: the mean over images of ln Σ_k w_k L_ik.
    pub mean_log_likelihood: f64,
    /// f is at most so far below its maximum.
    pub gap: f64,
    /// Passes over the images that the weights took.
    pub iterations: usize,
    /// How many structures of equal weights are as mixed as these.
    pub effective_number: f64,
    /// The same over resamples.
    pub effective_number_interval: Option<Interval>,
    /// Images that belong to one structure alone.
    pub n_one_hot: usize,
    /// The weights, in the order of the matrix.
    pub structures: Vec<StructureWeight>,
    /// Pairs of structures whose weights go against each other, by their places in `structures`; the strongest first.
    pub not_told_apart: Vec<Pair>,
    /// The warnings.
    pub warnings: Vec<RecordedWarning>,
    /// When it was made, seconds since 1970, UTC.
    pub made: f64,
    /// How long that took, s.
    pub seconds: f64,
    /// The other files.
    pub files: Vec<FileRecord>,
}

impl WeightsRecord {
    /// Reads the record of the folder at `folder`.
    ///
    /// # Errors
    /// When there is none, or it is none.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(RECORD);
        let text = verglas_formats::read_regular(&path)
            .map_err(|error| Error::io(format_args!("cannot read `{}`", path.display()), &error))?;
        serde_json::from_slice(&text)
            .map_err(|error| Error::format(format!("`{}` is not a record of weights: {error}", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_stand_beside_their_weight_or_not_at_all() {
        let weight = |interval| StructureWeight {
            structure: Some(3),
            name: "a".to_owned(),
            weight: 0.5,
            interval,
            images_best: 2,
            responsibility: 1.5,
        };
        let interval = Interval { lo95: 0.1, lo68: 0.2, median: 0.5, hi68: 0.6, hi95: 0.7 };
        for weight in [weight(None), weight(Some(interval))] {
            let text = serde_json::to_string(&weight).unwrap();
            assert_eq!(text.contains("\"lo95\":0.1"), weight.interval.is_some(), "{text}");
            assert_eq!(serde_json::from_str::<StructureWeight>(&text).unwrap(), weight);
        }
    }
}
