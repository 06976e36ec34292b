//! The summary of a job that makes templates.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use verglas_core::findings::Warning;
use verglas_run::Shard;
use verglas_run::manifest::Manifest;

use super::prepare::TemplateJob;

/// The summary of a job that makes templates.
#[derive(Debug, Clone, Serialize)]
pub struct TemplateSummary {
    /// The output folder.
    pub output: PathBuf,
    /// Structures whose templates are on disk; with a shard, its own.
    pub n_structures: usize,
    /// Of these, structures that an earlier run had done.
    pub n_structures_kept: usize,
    /// Templates of one structure.
    pub n_templates_each: usize,
    /// Templates on disk.
    pub n_templates: usize,
    /// Templates that this run computed.
    pub n_templates_computed: usize,
    /// The part of the structures that was asked for, if not all.
    pub shard: Option<Shard>,
    /// The list, if all structures are done and it was written.
    pub list: Option<PathBuf>,
    /// Side of the images that the templates are for, pixels.
    pub n_pixels: usize,
    /// Their pixel size, Å.
    pub pixel_size_angstrom: f64,
    /// Shells of the polar grid.
    pub n_shells: usize,
    /// Angles per shell.
    pub n_inplanes: usize,
    /// `single` or `double`.
    pub precision: &'static str,
    /// Whether everything was done as CryoLike does it.
    pub as_cryolike: bool,
    /// All warnings.
    pub warnings: Vec<Warning>,
    /// Bytes that this run wrote.
    pub bytes_written: u64,
    /// Time from the first to the last byte, s.
    pub seconds: f64,
}

impl TemplateSummary {
    pub(super) fn new(
        job: &TemplateJob,
        output: &Path,
        manifest: &Manifest,
        n_kept: usize,
        list: Option<PathBuf>,
        warnings: Vec<Warning>,
        elapsed: Duration,
    ) -> Self {
        let descriptor = &job.descriptor;
        Self {
            output: output.to_owned(),
            n_structures: manifest.stacks.len(),
            n_structures_kept: n_kept,
            n_templates_each: job.views.len(),
            n_templates: manifest.n_images_written(),
            n_templates_computed: manifest.run.n_images_done,
            shard: manifest.shard,
            list,
            n_pixels: descriptor.cartesian_grid.n_pixels(),
            pixel_size_angstrom: descriptor.cartesian_grid.pixel_size_angstrom()[0],
            n_shells: descriptor.polar_grid.n_shells(),
            n_inplanes: descriptor.polar_grid.n_inplanes(),
            precision: descriptor.precision.as_str(),
            as_cryolike: job.settings.as_cryolike,
            warnings,
            bytes_written: manifest.run.bytes_written,
            seconds: elapsed.as_secs_f64(),
        }
    }

    /// Templates that this run computed per second.
    pub fn templates_per_second(&self) -> f64 {
        self.n_templates_computed as f64 / self.seconds.max(1e-9)
    }
}
