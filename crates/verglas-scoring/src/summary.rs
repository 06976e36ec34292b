//! What a job that makes likelihoods did, for the closing words.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use verglas_core::findings::Warning;
use verglas_run::Shard;
use verglas_run::manifest::Manifest;

use crate::closing::Closing;
use crate::findings::RightSummary;
use crate::prepare::LikelihoodJob;

/// What a job that makes likelihoods did.
#[derive(Debug, Clone, Serialize)]
pub struct LikelihoodSummary {
    /// The output folder.
    pub output: PathBuf,
    /// Structures that were compared.
    pub structures: Vec<String>,
    /// Stacks of images.
    pub n_stacks: usize,
    /// Images of all stacks.
    pub n_images: usize,
    /// Images that were left out, for they can't be read or compared; with a shard, those of its units.
    pub n_images_skipped: usize,
    /// Templates of all structures.
    pub n_templates: usize,
    /// Displacements that were tried.
    pub n_displacements: usize,
    /// Units that are on disk; with a shard, its own.
    pub n_units: usize,
    /// Of these, units that an earlier run had done.
    pub n_units_kept: usize,
    /// Images × templates × displacements that this run computed.
    pub n_comparisons: usize,
    /// The part of the units that was asked for, if not all.
    pub shard: Option<Shard>,
    /// For how many images each structure is the best; `None` until all units are done.
    pub n_best: Option<Vec<usize>>,
    /// Tables that were written.
    pub tables: Vec<PathBuf>,
    /// `single` or `double`.
    pub precision: &'static str,
    /// Whether likelihoods were integrated.
    pub integrated: bool,
    /// `right` or `plain`.
    pub likelihood: &'static str,
    /// What all images say of a right likelihood; `None` until all units are done.
    pub right: Option<RightSummary>,
    /// Whether everything was done as CryoLike does it.
    pub as_cryolike: bool,
    /// What there was to tell.
    pub warnings: Vec<Warning>,
    /// Bytes that this run wrote.
    pub bytes_written: u64,
    /// Time from the first to the last byte, s.
    pub seconds: f64,
}

impl LikelihoodSummary {
    pub(crate) fn new(
        job: &LikelihoodJob,
        output: &Path,
        manifest: &Manifest,
        n_kept: usize,
        closing: Option<Closing>,
        warnings: Vec<Warning>,
        elapsed: Duration,
    ) -> Self {
        let (n_best, right, tables) = match closing {
            Some(closing) => (Some(closing.n_best), closing.right, closing.tables),
            None => (None, None, Vec::new()),
        };
        Self {
            output: output.to_owned(),
            structures: job.structures.iter().map(|structure| structure.name.clone()).collect(),
            n_stacks: job.stacks.len(),
            n_images: job.n_images(),
            n_images_skipped: manifest.skipped.len(),
            n_templates: job.structures.iter().map(|structure| structure.views.len()).sum(),
            n_displacements: job.displacements.len(),
            n_units: manifest.stacks.len(),
            n_units_kept: n_kept,
            n_comparisons: manifest.run.n_images_done,
            shard: manifest.shard,
            n_best,
            tables,
            precision: job.precision().as_str(),
            integrated: job.settings.integrated,
            likelihood: job.settings.likelihood.name(),
            right,
            as_cryolike: job.settings.as_cryolike,
            warnings,
            bytes_written: manifest.run.bytes_written,
            seconds: elapsed.as_secs_f64(),
        }
    }

    /// Images × templates × displacements that this run computed per second.
    pub fn comparisons_per_second(&self) -> f64 {
        self.n_comparisons as f64 / self.seconds.max(1e-9)
    }
}
