//! The result of verifying an output folder.

use std::path::PathBuf;

use serde::Serialize;
use verglas_core::findings::Warning;
use verglas_run::verify::Problem;

/// The result of verifying an output folder.
#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    /// The folder.
    pub folder: PathBuf,
    /// Stacks that there ought to be.
    pub n_stacks: usize,
    /// Stacks with which nothing is wrong.
    pub n_stacks_sound: usize,
    /// Images in these.
    pub n_images: usize,
    /// Images that were left out because they can't be read or normalised, as the run was asked to.
    pub n_images_skipped: usize,
    /// Into how many shards the run was divided, if it was.
    pub n_shards: Option<usize>,
    /// Bytes that were read.
    pub n_bytes: u64,
    /// What is wrong; empty for a folder that is complete and unaltered.
    pub problems: Vec<Problem>,
    /// Warnings, which don't make the folder unsound.
    pub warnings: Vec<Warning>,
    /// How long it took, s.
    pub seconds: f64,
}

impl Verification {
    /// Whether the folder is complete and unaltered.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}
