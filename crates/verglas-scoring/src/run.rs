//! The work: one structure after the other, each against its stacks in turn.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::findings::{Warning, counted};
use verglas_core::hint::Hint;
use verglas_core::{Observer, StopFlag};
use verglas_formats::pt::write_pt;
use verglas_fourier::grid::Precision;
use verglas_likelihood::compare::ComparisonSettings;
use verglas_likelihood::{LikelihoodError, TemplateSet};
use verglas_run::Existing;
use verglas_run::folder::OutputFolder;
use verglas_run::manifest::{FileRecord, Manifest, RunState, manifest_name};
use verglas_run::recorder::{ChunkTimes, Recorder};
use verglas_run::resume::make_way;

use crate::closing::{Closing, close};
use crate::failure::told;
use crate::images::ImageReader;
use crate::left_out;
use crate::manifest::new_manifest;
use crate::names::{DISPLACEMENTS, LikelihoodFiles};
use crate::number::Number;
use crate::prepare::LikelihoodJob;
use crate::searches::{Searches, TemplatesOfViews};
use crate::summary::LikelihoodSummary;
use crate::unit::{Surroundings, Told};

impl LikelihoodJob {
    /// Makes all likelihoods and writes them below `output`.
    ///
    /// `warnings` are what [`LikelihoodJob::prepare`] found to tell; they are kept in the manifest.
    ///
    /// # Errors
    /// When the folder can't be used, images or templates can't be read any more or compared, or the disk refuses. Units that
    /// were done by then stay; nothing else is left under a final name.
    pub fn run(
        &self,
        output: &Path,
        warnings: &[Warning],
        observer: &dyn Observer,
        stop: &StopFlag,
    ) -> Result<LikelihoodSummary> {
        match self.precision() {
            Precision::Single => self.run_in::<f32>(output, warnings, observer, stop),
            Precision::Double => self.run_in::<f64>(output, warnings, observer, stop),
        }
    }

    fn run_in<T: Number>(
        &self,
        folder: &Path,
        warnings: &[Warning],
        observer: &dyn Observer,
        stop: &StopFlag,
    ) -> Result<LikelihoodSummary> {
        let start = Instant::now();
        let places = self.structures.iter().map(|structure| structure.place).collect();
        let files = LikelihoodFiles::new(places, self.stacks.len());
        let output = OutputFolder::new(folder, self.settings.shard, files);
        output.check(self.settings.existing)?;
        let (_lock, no_locks) = output.lock()?;
        // Nobody else writes here from now on, so what is found now stays as it is.
        output.check(self.settings.existing)?;
        let mut warnings = warnings.to_vec();
        if let Some(warning) = no_locks {
            observer.warning(&warning);
            warnings.push(warning);
        }
        let images = ImageReader::new(self.conversion.as_deref())?;
        let is_earlier_kept = self.settings.existing == Existing::Resume || self.settings.shard.is_some();
        let noise = self.noise::<T>(&output, &images, is_earlier_kept, (observer, stop), &mut warnings)?;
        let mut manifest = new_manifest(self, &noise.found(), &warnings)?;
        // It is written anew when shards begin.
        let earlier = Manifest::read(&output.path(manifest_name(self.settings.shard)));
        let kept = make_way(&output, &mut manifest, self.settings.existing, self.own_units(), stop)?;
        let n_kept = kept.len();
        let kept_stacks: HashSet<usize> = kept.keys().map(|unit| unit % self.stacks.len()).collect();
        manifest.skipped = earlier.map(|earlier| earlier.skipped).unwrap_or_default();
        manifest.skipped.retain(|image| kept_stacks.contains(&image.stack));
        manifest.stacks = kept.into_values().collect();
        manifest.run.n_threads = self.settings.n_threads;
        manifest.run.memory_bytes = self.settings.memory_bytes;
        let is_kept = |number: usize| manifest.stacks.binary_search_by_key(&number, |unit| unit.number).is_ok();
        let to_do: Vec<usize> = self.own_units().filter(|&number| !is_kept(number)).collect();
        observer.images_kept(manifest.n_images_written() as u64);

        let recorder = Recorder::begin(manifest, &output, start)?;
        let told = Told::default();
        let around = Surroundings {
            output: &output,
            recorder: &recorder,
            observer,
            stop,
            told: &told,
            images: &images,
            noise: &noise,
        };
        let closing = match self.make_all::<T>(&to_do, &around) {
            Ok(closing) => closing,
            Err(error) => {
                let state = if error.kind() == ErrorKind::Interrupted { RunState::Stopped } else { RunState::Failed };
                // The first error counts: a manifest that can't be written either is most likely its consequence.
                let _ = recorder.finish(state);
                return Err(error);
            }
        };
        warnings.extend(told.into_warnings());
        let n_left_out = recorder.edit(|manifest| manifest.skipped.len());
        let is_in_tables = !self.settings.tables.is_empty();
        if let Some(warning) = left_out::warning(n_left_out, self.n_own_images(), is_in_tables) {
            observer.warning(&warning);
            recorder.edit(|manifest| manifest.warnings.push((&warning).into()));
            warnings.push(warning);
        }
        if let Some(closing) = &closing {
            warnings.extend(closing.warnings.iter().cloned());
        }
        let (manifest, written) = recorder.finish(RunState::Complete);
        written?;
        Ok(LikelihoodSummary::new(self, folder, &manifest, n_kept, closing, warnings, start.elapsed()))
    }

    /// Makes the units `to_do`, then tables and matrices if all are there.
    fn make_all<T: Number>(&self, to_do: &[usize], around: &Surroundings<'_>) -> Result<Option<Closing>> {
        let displacements = self.displacement_bytes::<T>()?;
        around.output.write_shared_file(DISPLACEMENTS, &displacements)?;
        let of_noise = around.noise.files();
        for (name, text) in &of_noise {
            around.output.write_shared_file(name, text.as_bytes())?;
        }
        for units in to_do.chunk_by(|a, b| a / self.stacks.len() == b / self.stacks.len()) {
            self.make_structure::<T>(units, around)?;
        }
        let there = around.output.published_units()?;
        if !(0..self.n_all_units()).all(|unit| there.contains(&unit)) {
            return Ok(None);
        }
        around.output.check_is_same()?;
        let mut closing = close::<T>(self, around.output)?;
        closing.files.insert(0, FileRecord::of(DISPLACEMENTS, &displacements));
        closing.files.extend(of_noise.iter().map(|(name, text)| FileRecord::of(*name, text.as_bytes())));
        around.recorder.edit(|manifest| {
            manifest.closing = closing.files.clone();
            manifest.warnings.extend(closing.warnings.iter().map(Into::into));
        });
        closing.warnings.iter().for_each(|warning| around.observer.warning(warning));
        Ok(Some(closing))
    }

    /// Makes `units`, all of one structure.
    fn make_structure<T: Number>(&self, units: &[usize], around: &Surroundings<'_>) -> Result<()> {
        let Some(&first) = units.first() else { return Ok(()) };
        if around.stop.load(Ordering::Relaxed) {
            return Err(self.stopped(around));
        }
        let (structure, _) = self.parts_of(first);
        let before = Instant::now();
        let least_search_bytes = self.least_search_bytes[first / self.stacks.len()];
        let budget = self.sizes(structure).plan(&self.settings, least_search_bytes, self.most_images());
        around.images.expect(&units.iter().map(|unit| unit % self.stacks.len()).collect::<Vec<_>>());
        let values = structure.read::<T>(self.geometry.n_points())?;
        let times = ChunkTimes { read: before.elapsed(), ..ChunkTimes::default() };
        around.recorder.note(0, times)?;
        let views = structure.views.rotations();
        let slices = self.between.as_ref().map(|between| between.slices(structure)).transpose()?;
        let tell = |error| told(error, structure, None, budget.held_bytes);
        let group_of = |unit: usize| {
            let stack = unit % self.stacks.len();
            (around.noise.group_of_stack[stack], around.noise.scale_of_stack[stack])
        };
        // Stacks with another noise are compared with other weights.
        for units in units.chunk_by(|&a, &b| group_of(a) == group_of(b)) {
            let geometry = around.noise.geometry(units[0] % self.stacks.len());
            let before = Instant::now();
            let templates = TemplateSet::new(geometry, &values, &structure.views.weight).map_err(tell)?;
            let scale = around.noise.scale(units[0] % self.stacks.len());
            let particle_scales = scale.map(|scale| scale.scale).into_iter().collect();
            let settings = ComparisonSettings { particle_scales, ..self.comparison(budget.search_bytes) };
            let coarse = self.coarse(geometry, &templates);
            let go_on = || !around.stop.load(Ordering::Relaxed);
            let refinement =
                slices.as_ref().zip(self.right()).map(|(slices, right)| self.refinement(slices, &views, right));
            let of = TemplatesOfViews { geometry, templates, views: &views, mates: &self.mates };
            let made = Searches::new(of, self.searched(), settings, coarse.as_ref(), refinement, &go_on);
            let searches = match made {
                Err(LikelihoodError::Stopped) => return Err(self.stopped(around)),
                made => made.map_err(tell)?,
            };
            let times = ChunkTimes { compute: before.elapsed(), ..ChunkTimes::default() };
            around.recorder.note(0, times)?;
            for &unit in units {
                let Some(made) = self.make::<T>(unit, &searches, budget.n_images, around)? else {
                    return Err(self.stopped(around));
                };
                around.recorder.add(made.record, Vec::new());
                around.recorder.edit(|manifest| left_out::enter(manifest, made.left_out));
                around.recorder.note(0, ChunkTimes::default())?;
            }
        }
        Ok(())
    }

    fn stopped(&self, around: &Surroundings<'_>) -> Error {
        let (n_done, n_own) = (around.recorder.edit(|manifest| manifest.stacks.len()), self.n_units());
        Error::new(
            ErrorKind::Interrupted,
            format!("stopped: {n_done} of {} in `{}` are done", counted(n_own, "unit"), around.output.root().display()),
        )
        .with_hint("the same job with " + Hint::Resume + " makes the others")
    }

    /// The bytes of the set of displacements, `[2, D]`.
    fn displacement_bytes<T: Number>(&self) -> Result<Vec<u8>> {
        let set = self.displacements.angstrom();
        let along = |axis: usize| set.iter().map(move |d| T::from_f64(d[axis]));
        let values: Vec<T> = along(0).chain(along(1)).collect();
        let mut bytes = Vec::new();
        write_pt(&mut bytes, &[2, set.len() as u64], &values)
            .map_err(|error| Error::value(format!("no set of displacements can be written: {error}")))?;
        Ok(bytes)
    }
}
