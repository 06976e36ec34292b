//! The templates of one structure: computed by all threads, batch by batch, and published when they are whole.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use bytemuck::Pod;
use num_complex::Complex;
use verglas_core::atomic::{FinishedFile, sync_folder, write_whole};
use verglas_core::error::{Error, Result};
use verglas_core::findings::Findings;
use verglas_core::threads::share_work;
use verglas_core::{Observer, StopFlag};
use verglas_formats::pt::PtDtype;
use verglas_fourier::grid::Precision;
use verglas_fourier::polar::Real;
use verglas_fourier::slices::{SliceError, SliceReal};
use verglas_plot::{PlotPlan, StackPictures};
use verglas_run::folder::OutputFolder;
use verglas_run::manifest::{FileRecord, StackRecord};
use verglas_run::recorder::{ChunkTimes, Recorder};
use verglas_run::tensor::TensorFile;

use super::memory::plan_memory;
use super::metadata::TemplateMetadata;
use super::names::{PLOT_FOLDER, TemplateNames};
use super::picture::PolarPicture;
use super::prepare::TemplateJob;
use super::slicer::{Origin, Slicer};
use crate::load::Input;

/// State shared by all structures of a run.
pub(super) struct Surroundings<'a> {
    pub(super) output: &'a OutputFolder,
    pub(super) recorder: &'a Recorder<'a>,
    pub(super) observer: &'a dyn Observer,
    pub(super) stop: &'a StopFlag,
    /// `None` when no plots are asked for.
    pub(super) picture: Option<&'a PolarPicture>,
}

impl TemplateJob {
    /// Makes the templates of structure `unit`; `None` when it is time to stop.
    ///
    /// # Errors
    /// When the structure can't be loaded, a template can't be normalised, or the disk refuses.
    pub(super) fn make<T: SliceReal>(&self, unit: usize, around: &Surroundings<'_>) -> Result<Option<StackRecord>>
    where
        Complex<T>: Pod,
    {
        let planned = &self.structures.planned()[unit];
        let source = self.structures.source(planned);
        let mut times = ChunkTimes::default();
        let before = Instant::now();
        let mut findings = Findings::new();
        let content = self.structures.load(planned, &mut findings)?;
        for warning in &findings.warnings {
            around.observer.warning(warning);
            around.recorder.edit(|manifest| manifest.warnings.push(warning.into()));
        }
        times.read = before.elapsed();
        let before = Instant::now();
        let n_views = self.views.len();
        let (structure, origin) = Origin::of(content, &self.descriptor, &self.settings, self.box_angstrom);
        let budget = plan_memory((&structure, &source), &self.descriptor, self.box_angstrom, &self.settings, n_views)?;
        let grid = &self.descriptor.polar_grid;
        let slicer =
            Slicer::<T>::new(structure, grid, self.box_angstrom, &self.settings, n_views, budget.transform_bytes)
                .map_err(|error| Error::value(format!("`{source}`: {error}")))?;
        times.compute = before.elapsed();

        around.output.check_is_same()?;
        let names = TemplateNames::of(&planned.name);
        let dtype = match self.descriptor.precision {
            Precision::Single => PtDtype::Complex64,
            Precision::Double => PtDtype::Complex128,
        };
        let shape = [grid.n_shells() as u64, grid.n_inplanes() as u64];
        let tensor = TensorFile::create(&around.output.path(&names.fourier), dtype, n_views, shape)?;
        let plots = around.picture.map(|picture| (PlotPlan::of_templates(&self.descriptor, &planned.name), picture));
        let pictures = plots.as_ref().map(|(plan, _)| Mutex::new(plan.start()));
        let pictures = pictures.as_ref();

        let n_values = grid.n_points();
        let n_batch = budget.n_batch.clamp(1, n_views);
        let mut values = vec![Complex::<T>::default(); n_batch * n_values];
        let (mut norms, mut crcs) = (vec![0.0; n_views], vec![0; n_views]);
        for first in (0..n_views).step_by(n_batch) {
            if around.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let n = n_batch.min(n_views - first);
            let before = Instant::now();
            let rotations: Vec<_> = (first..first + n).map(|view| self.views.rotation(view)).collect();
            let values = &mut values[..n * n_values];
            slicer.compute(&rotations, values, &mut norms[first..first + n]).map_err(|error| match error {
                SliceError::Norm { view, norm } => Error::value(format!(
                    "`{source}`: template {} (azimuth {}, polar angle {}) has norm {norm}, expected a number above 0",
                    first + view,
                    self.views.azimuth[first + view],
                    self.views.polar[first + view]
                )),
                other => Error::value(format!("`{source}`: {other}")),
            })?;
            times.compute += before.elapsed();
            let before = Instant::now();
            let batch = Batch { tensor: &tensor, plots: plots.as_ref(), pictures, first };
            batch.write(values, n_values, &mut crcs[first..first + n], self.settings.n_threads)?;
            times.write += before.elapsed();
            times.bytes_written = (n * n_values * size_of::<Complex<T>>()) as u64;
            around.observer.images_done(n as u64);
            around.recorder.note(n, std::mem::take(&mut times))?;
        }

        around.output.check_is_same()?;
        let record = |path: &Path, file: FinishedFile| FileRecord::new(path.to_string_lossy(), file.bytes, file.crc32);
        let mut files = vec![record(&names.fourier, tensor.finish(crcs.into_iter())?)];
        if let (Some((plan, _)), Some(pictures)) = (&plots, pictures) {
            let drawn = pictures.lock().unwrap_or_else(PoisonError::into_inner).draw(plan, unit, n_views);
            let pngs = [drawn.physical_png, drawn.fourier_png, drawn.power_png];
            for (name, png) in names.plots().into_iter().zip(pngs) {
                files.push(record(name, write_whole(&around.output.path(name), &png)?));
            }
            sync_folder(&around.output.path(PLOT_FOLDER))?;
        }
        let input = &self.structures.inputs()[planned.input];
        let metadata = TemplateMetadata {
            descriptor: &self.descriptor,
            views: &self.views,
            symmetry: self.settings.symmetry,
            norms: &norms,
            origin: &origin,
            source: match input {
                Input::File(path) => std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()),
                Input::Array(..) => source.as_bytes(),
            },
            source_sha256: &self.checksums[planned.input],
            part: planned.part,
            as_cryolike: self.settings.as_cryolike,
        };
        // The tensor is on the disk before the metadata are: with these a structure is done.
        sync_folder(around.output.root())?;
        let written = write_whole(&around.output.path(&names.metadata), &metadata.to_bytes()?)?;
        files.push(record(&names.metadata, written));
        sync_folder(around.output.root())?;
        Ok(Some(StackRecord { number: unit, n_images: n_views, files }))
    }
}

/// Templates that follow each other, to be written.
struct Batch<'a> {
    tensor: &'a TensorFile,
    plots: Option<&'a (PlotPlan, &'a PolarPicture)>,
    pictures: Option<&'a Mutex<StackPictures>>,
    /// The place of the first.
    first: usize,
}

impl Batch<'_> {
    /// Writes the templates to their place, by all threads, and keeps their checksums, power and pictures.
    fn write<T: Real>(&self, values: &[Complex<T>], n_values: usize, crcs: &mut [u32], n_threads: usize) -> Result<()>
    where
        Complex<T>: Pod,
    {
        let work = Mutex::new(values.chunks_exact(n_values).zip(crcs).enumerate());
        let failure = Mutex::new(None);
        share_work(n_threads, || {
            let mut power = self.plots.map(|(plan, _)| plan.start_power());
            loop {
                let next = work.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((place, (template, crc))) = next else { break };
                let bytes = bytemuck::cast_slice(template);
                *crc = crc32fast::hash(bytes);
                if let Err(error) = self.tensor.write_images(self.first + place, bytes) {
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    break;
                }
                let (Some((plan, picture)), Some(pictures)) = (self.plots, self.pictures) else { continue };
                if let Some(power) = &mut power {
                    plan.add_power(template, power);
                }
                let view = self.first + place;
                if pictures.lock().unwrap_or_else(PoisonError::into_inner).wants(view) {
                    let shown = plan.show(&picture.apply(template), template);
                    pictures.lock().unwrap_or_else(PoisonError::into_inner).keep(view, shown);
                }
            }
            if let (Some(power), Some(pictures)) = (power, self.pictures) {
                pictures.lock().unwrap_or_else(PoisonError::into_inner).add_power(&power);
            }
        });
        failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }
}
