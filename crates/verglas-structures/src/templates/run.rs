//! The work: one structure after the other, each on all threads.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytemuck::Pod;
use num_complex::Complex;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::findings::Warning;
use verglas_core::hint::Hint;
use verglas_core::{Observer, StopFlag};
use verglas_fourier::grid::Precision;
use verglas_fourier::slices::SliceReal;
use verglas_run::folder::{DESCRIPTOR, OutputFolder};
use verglas_run::manifest::RunState;
use verglas_run::recorder::{ChunkTimes, Recorder};
use verglas_run::resume::make_way;

use super::list::list_bytes;
use super::manifest::new_manifest;
use super::names::LIST;
use super::names::{PLOT_FOLDER, TemplateFiles};
use super::picture::PolarPicture;
use super::prepare::TemplateJob;
use super::summary::TemplateSummary;
use super::unit::Surroundings;

impl TemplateJob {
    /// Makes all templates and writes them below `output`.
    ///
    /// `warnings` are those that [`TemplateJob::prepare`] gave; they are kept in the manifest.
    ///
    /// # Errors
    /// When the folder can't be used, a structure can't be loaded any more, a template can't be normalised, or the disk
    /// refuses. Structures that were done by then are kept; nothing else is left under a final name.
    pub fn run(
        &self,
        output: &Path,
        warnings: &[Warning],
        observer: &dyn Observer,
        stop: &StopFlag,
    ) -> Result<TemplateSummary> {
        match self.descriptor.precision {
            Precision::Single => self.run_in::<f32>(output, warnings, observer, stop),
            Precision::Double => self.run_in::<f64>(output, warnings, observer, stop),
        }
    }

    fn run_in<T: SliceReal>(
        &self,
        folder: &Path,
        warnings: &[Warning],
        observer: &dyn Observer,
        stop: &StopFlag,
    ) -> Result<TemplateSummary>
    where
        Complex<T>: Pod,
    {
        let start = Instant::now();
        let output = OutputFolder::new(folder, self.settings.shard, TemplateFiles::new(self.names()));
        output.check(self.settings.existing)?;
        let (_lock, no_locks) = output.lock()?;
        // No other process writes here from now on, so the state found now does not change.
        output.check(self.settings.existing)?;
        let mut warnings = warnings.to_vec();
        if let Some(warning) = no_locks {
            observer.warning(&warning);
            warnings.push(warning);
        }
        let descriptor = self.descriptor.to_bytes()?;
        let mut manifest = new_manifest(self, &warnings, &descriptor);
        output.check_shared_files(&[(DESCRIPTOR, Some(descriptor.as_slice()))])?;
        let kept = make_way(&output, &mut manifest, self.settings.existing, self.own_units(), stop)?;
        let n_kept = kept.len();
        manifest.stacks = kept.into_values().collect();
        manifest.run.n_threads = self.settings.n_threads;
        manifest.run.memory_bytes = self.settings.memory_bytes;
        let is_kept = |number: usize| manifest.stacks.binary_search_by_key(&number, |stack| stack.number).is_ok();
        let to_do: Vec<usize> = self.own_units().filter(|&number| !is_kept(number)).collect();
        observer.images_kept(manifest.n_images_written() as u64);

        let recorder = Recorder::begin(manifest, &output, start)?;
        let made = self.make_all::<T>(&to_do, &output, &recorder, &descriptor, observer, stop);
        let list = match made {
            Ok(list) => list,
            Err(error) => {
                let state = if error.kind() == ErrorKind::Interrupted { RunState::Stopped } else { RunState::Failed };
                // The first error counts: a manifest that can't be written either is most likely its consequence.
                let _ = recorder.finish(state);
                return Err(error);
            }
        };
        let (manifest, written) = recorder.finish(RunState::Complete);
        written?;
        Ok(TemplateSummary::new(self, folder, &manifest, n_kept, list, warnings, start.elapsed()))
    }

    /// Makes the structures `to_do`, then the list if all are there: its path is returned.
    fn make_all<T: SliceReal>(
        &self,
        to_do: &[usize],
        output: &OutputFolder,
        recorder: &Recorder<'_>,
        descriptor: &[u8],
        observer: &dyn Observer,
        stop: &StopFlag,
    ) -> Result<Option<PathBuf>>
    where
        Complex<T>: Pod,
    {
        if self.settings.plots {
            output.make_folders(&[PLOT_FOLDER])?;
        }
        output.write_shared_file(DESCRIPTOR, descriptor)?;
        let picture = (self.settings.plots && !to_do.is_empty())
            .then(|| PolarPicture::new(&self.descriptor.polar_grid, self.descriptor.cartesian_grid.n_pixels()));
        let around = Surroundings { output, recorder, observer, stop, picture: picture.as_ref() };
        for &unit in to_do {
            let made = if stop.load(Ordering::Relaxed) { None } else { self.make::<T>(unit, &around)? };
            let Some(record) = made else {
                let (n_done, n_own) = (recorder.edit(|manifest| manifest.stacks.len()), self.own_units().len());
                return Err(Error::new(
                    ErrorKind::Interrupted,
                    format!("stopped: {n_done} of {n_own} structures in `{}` are done", output.root().display()),
                )
                .with_hint("the same job with " + Hint::Resume + " makes the others"));
            };
            recorder.add(record, Vec::new());
            recorder.note(0, ChunkTimes::default())?;
        }
        self.write_list(output)
    }

    /// Writes the list, if the templates of all structures are done, whichever run made them.
    fn write_list(&self, output: &OutputFolder) -> Result<Option<PathBuf>> {
        let there = output.published_units()?;
        if !(0..self.names().len()).all(|unit| there.contains(&unit)) {
            return Ok(None);
        }
        output.check_is_same()?;
        output.write_shared_file(LIST, &list_bytes(output.root(), self.names())?)?;
        Ok(Some(output.path(LIST)))
    }
}
