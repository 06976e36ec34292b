//! The settings of a job that computes weights.

use std::path::{Path, PathBuf};

use verglas_core::choice::choice;
use verglas_core::error::{Error, Result};
use verglas_core::hint::{Hint, Setting};
use verglas_core::threads::default_threads;
use verglas_scoring::StructureChoice;

use crate::mixture::{MAX_TOLERANCE, MIN_TOLERANCE};
use crate::names::{LOG_LIKELIHOOD_CRYOER, LOG_LIKELIHOOD_TENSOR, LOG_LIKELIHOOD_TEXT};

choice! {
    /// Which axis of a matrix is which.
    pub enum MatrixAxes("matrix axes") {
        /// A row for each image, a column for each structure.
        ImagesStructures = "images-structures",
        /// A row for each structure, as CryoLike's matrices have it.
        StructuresImages = "structures-images",
    }
}

choice! {
    /// How log-likelihoods are written besides `log_likelihood.npy`.
    pub enum LogLikelihoodFormat("format of log-likelihoods") {
        /// Text, a line for each image: for NumPy's loadtxt, and cryoER's scripts that read text.
        Text = "txt",
        /// A tensor, images × structures.
        Tensor = "pt",
        /// A `.npy`, structures × images: for cryoER's run_cryoER_mcmc with lmbd = -1.
        CryoEr = "cryoer",
    }
}

impl LogLikelihoodFormat {
    /// The name of the file.
    pub(crate) fn file_name(self) -> &'static str {
        match self {
            Self::Text => LOG_LIKELIHOOD_TEXT,
            Self::Tensor => LOG_LIKELIHOOD_TENSOR,
            Self::CryoEr => LOG_LIKELIHOOD_CRYOER,
        }
    }
}

/// Which images count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageChoice {
    /// The contents of a `.npy`: a mask over all, or places of some.
    File(PathBuf),
    /// One truth value for each image.
    Mask(Vec<bool>),
    /// Their places, each at most once.
    Places(Vec<i64>),
}

impl ImageChoice {
    /// The file that it is in, if any.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Mask(_) | Self::Places(_) => None,
        }
    }
}

/// The settings of a job that computes weights.
#[derive(Debug, Clone)]
pub struct WeightsSettings {
    /// Which axis of a matrix is which; by default images are those of which there are clearly more.
    pub axes: Option<MatrixAxes>,
    /// Structures that are left out, by their places.
    pub exclude: Option<StructureChoice>,
    /// The images that count, if not all.
    pub images: Option<ImageChoice>,
    /// Whether images may show nothing: the column of noise takes part as one more structure.
    pub noise_column: bool,
    /// T: log-likelihoods are divided by it.
    pub temperature: f64,
    /// The largest gap.
    pub tolerance: f64,
    /// How many times images are resampled; 0: there are no intervals.
    pub n_resamples: usize,
    /// By which these draws are known again.
    pub seed: u64,
    /// How log-likelihoods are written besides `log_likelihood.npy`, where files are.
    pub log_likelihood: Vec<LogLikelihoodFormat>,
    /// Whether files of an earlier run are replaced.
    pub overwrite: bool,
    /// Threads that compute.
    pub n_threads: usize,
}

impl Default for WeightsSettings {
    fn default() -> Self {
        Self {
            axes: None,
            exclude: None,
            images: None,
            noise_column: false,
            temperature: 1.0,
            tolerance: 1e-6,
            n_resamples: 200,
            seed: 0,
            log_likelihood: Vec::new(),
            overwrite: false,
            n_threads: default_threads(),
        }
    }
}

/// More resamples than anybody needs; memory would not hold them.
const MOST_RESAMPLES: usize = 1_000_000;

impl WeightsSettings {
    /// Whether the numbers are such as can be worked with.
    ///
    /// # Errors
    /// All that are not, as one.
    pub(crate) fn check(&self) -> Result<()> {
        let mut errors = Vec::new();
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            let error = Error::value(format!("the temperature is {}, expected a positive number", self.temperature));
            errors
                .push(error.with_hint("1 takes the log-likelihoods as they are: " + Hint::Give(Setting::Temperature)));
        }
        if !(MIN_TOLERANCE..=MAX_TOLERANCE).contains(&self.tolerance) {
            errors.push(Error::value(format!(
                "the tolerance is {}, expected {MIN_TOLERANCE:e} to {MAX_TOLERANCE}",
                self.tolerance
            )));
        }
        if self.n_resamples > MOST_RESAMPLES {
            errors.push(Error::value(format!("{} resamples, expected at most {MOST_RESAMPLES}", self.n_resamples)));
        }
        Error::all_of(errors).map_or(Ok(()), Err)
    }
}
