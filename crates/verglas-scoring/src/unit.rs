//! One structure against one stack: compared piece by piece, and published when all of it is there.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use num_complex::Complex;
use verglas_core::atomic::{FinishedFile, sync_folder, write_whole};
use verglas_core::error::{Error, Result};
use verglas_core::findings::{Warning, counted};
use verglas_core::hint::{Hint, Setting, Text};
use verglas_core::{Observer, StopFlag};
use verglas_formats::pt::{PtDtype, PtElement, write_pt};
use verglas_likelihood::compare::Search;
use verglas_likelihood::ctf::ContrastFormula;
use verglas_likelihood::{Contrast, ImageResult, ImageSet, LikelihoodError, PairResult};
use verglas_run::folder::OutputFolder;
use verglas_run::manifest::{FileRecord, StackRecord};
use verglas_run::recorder::{ChunkTimes, Recorder};
use verglas_run::tensor::TensorFile;

use crate::failure::{Compared, told};
use crate::names::{UnitNames, folders_of};
use crate::number::{Number, read_images};
use crate::prepare::LikelihoodJob;
use crate::settings::ContrastSource;
use crate::stacks::ImageStack;

/// What all units of a run share.
pub(crate) struct Surroundings<'a> {
    pub(crate) output: &'a OutputFolder,
    pub(crate) recorder: &'a Recorder<'a>,
    pub(crate) observer: &'a dyn Observer,
    pub(crate) stop: &'a StopFlag,
    pub(crate) told: &'a Told,
}

/// What was told of stacks, each of them once.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<Vec<(usize, Warning)>>);

impl Told {
    pub(crate) fn into_warnings(self) -> Vec<Warning> {
        let told = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        told.into_iter().map(|(_, warning)| warning).collect()
    }
}

/// Results of images and of their pairs, while a unit is made.
struct Tensors {
    /// Correlation, displacement along axes 0 and 1, rotation, ℓ, each with the checksums of its images.
    pairs: Vec<(TensorFile, Vec<u32>)>,
    full: Option<(TensorFile, Vec<u32>)>,
}

impl LikelihoodJob {
    /// Compares the images of a unit; `None` when it is time to stop. `n_at_once` images are held at a time.
    ///
    /// # Errors
    /// When images can't be read or compared, or the disk refuses.
    pub(crate) fn make<T: Number>(
        &self,
        unit: usize,
        search: &Search<'_, T>,
        n_at_once: usize,
        around: &Surroundings<'_>,
    ) -> Result<Option<StackRecord>> {
        let (structure, stack) = self.parts_of(unit);
        let names = UnitNames::of(structure.place, stack.number);
        around.output.check_is_same()?;
        let folders = folders_of(structure.place, self.settings.pairs);
        around.output.make_folders(&folders.iter().map(String::as_str).collect::<Vec<_>>())?;

        let (transfers, formula) = match self.settings.contrast {
            ContrastSource::None => (None, ContrastFormula::Right),
            ContrastSource::Stack if self.settings.as_cryolike => {
                (Some(stack.contrast(self.angle_rule())?), ContrastFormula::CryoLike)
            }
            ContrastSource::Stack => (Some(stack.contrast(self.angle_rule())?), ContrastFormula::Right),
        };
        let mut file = stack.open()?;
        let mut tensors = self.start::<T>(&names, structure.views.len(), stack.n_images, around)?;
        let n_displacements = self.displacements.len();
        let mut results: Vec<ImageResult> = Vec::with_capacity(stack.n_images);
        let mut values: Vec<Complex<T>> = Vec::new();
        for first in (0..stack.n_images).step_by(n_at_once.max(1)) {
            let last = stack.n_images.min(first + n_at_once.max(1));
            let before = Instant::now();
            values.clear();
            values.reserve_exact((last - first) * self.geometry.n_points());
            for start in (first..last).step_by(READ_AT_ONCE) {
                read_images(&mut file, &stack.fourier, start..last.min(start + READ_AT_ONCE), &mut values)?;
            }
            let read = before.elapsed();
            let contrast = match &transfers {
                None => Contrast::One,
                Some(transfers) => Contrast::Parameters(&transfers[first..last], formula),
            };
            let compared = Compared { stack: &stack.fourier, first };
            let tell = |error| told(error, structure, Some(compared), 0);
            let images = ImageSet::new(&self.geometry, &values, contrast).map_err(tell)?;
            let before = Instant::now();
            let refused = Mutex::new(None);
            let go_on = |n_pairs: u64| {
                let n = n_pairs.saturating_mul(n_displacements as u64);
                around.observer.images_done(n);
                if let Err(error) = around.recorder.note(n as usize, ChunkTimes::default()) {
                    refused.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    return false;
                }
                !around.stop.load(Ordering::Relaxed)
            };
            let comparison = search.compare_watched(&images, &go_on);
            if let Some(error) = refused.into_inner().unwrap_or_else(PoisonError::into_inner) {
                return Err(error);
            }
            let comparison = match comparison {
                Err(LikelihoodError::Stopped) => return Ok(None),
                other => other.map_err(tell)?,
            };
            let compute = before.elapsed();
            let before = Instant::now();
            tensors.write::<T>(self, (first, last - first), &comparison.pairs, &comparison.cross_correlations)?;
            results.extend(comparison.images);
            let write = before.elapsed();
            let bytes_read = (values.len() * size_of::<Complex<T>>()) as u64;
            around.recorder.note(0, ChunkTimes { read, compute, write, bytes_read, bytes_written: 0 })?;
        }
        if around.stop.load(Ordering::Relaxed) && stack.n_images == 0 {
            return Ok(None);
        }
        drop(values);
        self.tell_of(stack, &results, around);
        let before = Instant::now();
        around.output.check_is_same()?;
        let files = self.publish::<T>(&names, &folders, &results, tensors, around.output)?;
        let bytes_written = files.iter().map(|file| file.bytes).sum();
        around.recorder.note(0, ChunkTimes { write: before.elapsed(), bytes_written, ..ChunkTimes::default() })?;
        Ok(Some(StackRecord { number: unit, n_images: self.comparisons_of(unit), files }))
    }

    /// Starts the tensors that are too large to be kept till the end.
    fn start<T: Number>(
        &self,
        names: &UnitNames,
        n_views: usize,
        n_images: usize,
        around: &Surroundings<'_>,
    ) -> Result<Tensors> {
        let n_views = n_views as u64;
        let create = |name: &str, dtype: PtDtype, shape: &[u64]| {
            TensorFile::create(&around.output.path(name), dtype, n_images, shape).map(|file| (file, Vec::new()))
        };
        let mut pairs = Vec::new();
        if self.settings.pairs {
            for (place, name) in names.pairs.iter().enumerate() {
                let dtype = if place == LOG_LIKELIHOOD { PtDtype::Float64 } else { T::DTYPE };
                pairs.push(create(name, dtype, &[n_views])?);
            }
        }
        let shape = [n_views, self.displacements.len() as u64, self.geometry.n_inplanes() as u64];
        let full = match self.settings.full_cross_correlation {
            true => Some(create(&names.full_cross_correlation, T::DTYPE, &shape)?),
            false => None,
        };
        Ok(Tensors { pairs, full })
    }

    /// Writes what is kept of each image, and gives all files their names; that of the optimal log-likelihoods last.
    fn publish<T: Number>(
        &self,
        names: &UnitNames,
        folders: &[String],
        results: &[ImageResult],
        tensors: Tensors,
        output: &OutputFolder,
    ) -> Result<Vec<FileRecord>> {
        let set = self.displacements.angstrom();
        let record = |name: &str, file: FinishedFile| FileRecord::new(name, file.bytes, file.crc32);
        let numbers = |of: &dyn Fn(&ImageResult) -> f64| -> Vec<T> {
            results.iter().map(|result| T::from_f64(of(result))).collect()
        };
        let write = |name: &str, bytes: Vec<u8>| write_whole(&output.path(name), &bytes).map(|file| record(name, file));
        let mut files = vec![write(&names.cross_correlation, tensor(&numbers(&|result| result.cross_correlation))?)?];
        if let Some((file, crcs)) = tensors.full {
            files.push(record(&names.full_cross_correlation, file.finish(crcs.into_iter())?));
        }
        let templates: Vec<i64> = results.iter().map(|result| result.template as i64).collect();
        let [template, x, y, rotation] = &names.optimal_pose;
        files.push(write(template, tensor(&templates)?)?);
        files.push(write(x, tensor(&numbers(&|result| set[result.displacement][0]))?)?);
        files.push(write(y, tensor(&numbers(&|result| set[result.displacement][1]))?)?);
        files.push(write(rotation, tensor(&numbers(&|result| self.angle(result.rotation)))?)?);
        for ((file, crcs), name) in tensors.pairs.into_iter().zip(&names.pairs) {
            files.push(record(name, file.finish(crcs.into_iter())?));
        }
        if self.settings.integrated {
            let integrated: Vec<f64> = results.iter().map(|result| result.log_likelihood_integrated).collect();
            files.push(write(&names.integrated, tensor(&integrated)?)?);
        }
        // All else is on the disk before the last file is: with that a unit is done.
        folders.iter().try_for_each(|folder| sync_folder(&output.path(folder)))?;
        let optimal: Vec<f64> = results.iter().map(|result| result.log_likelihood_optimal).collect();
        files.push(write(&names.optimal, tensor(&optimal)?)?);
        let folder = output.path(&names.optimal);
        sync_folder(folder.parent().unwrap_or(Path::new(".")))?;
        Ok(files)
    }

    /// ω of a rotation, radians.
    pub(crate) fn angle(&self, rotation: usize) -> f64 {
        std::f64::consts::TAU * rotation as f64 / self.geometry.n_inplanes() as f64
    }

    /// Tells of a stack whose contrast is the other one, or that has no noise.
    fn tell_of(&self, stack: &ImageStack, results: &[ImageResult], around: &Surroundings<'_>) {
        let path = stack.fourier.display();
        let n = results.len();
        let count = |is: fn(&ImageResult) -> bool| results.iter().filter(|result| is(result)).count();
        let n_inverted = count(|result| -result.smallest_cross_correlation > result.cross_correlation);
        let tell = |code: &'static str, message: Text| {
            let mut told = around.told.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !told.iter().any(|(number, warning)| *number == stack.number && warning.code == code) {
                let warning = Warning { code, message };
                around.observer.warning(&warning);
                around.recorder.edit(|manifest| manifest.warnings.push((&warning).into()));
                told.push((stack.number, warning));
            }
        };
        if 2 * n_inverted > n {
            tell(
                "contrast-inverted",
                Text::from(format!(
                    "`{path}`: {n_inverted} of {} fit better with the opposite sign: their contrast may be inverted; then convert \
                     them with ",
                    counted(n, "image")
                )) + Hint::Choose(Setting::Contrast, "invert"),
            );
        }
        let n_without_noise = count(|result| result.is_without_noise);
        if n_without_noise > 0 {
            let images = counted(n, "image");
            tell(
                "no-noise",
                Text::from(format!(
                    "`{path}`: {n_without_noise} of {images} fit without any noise: their log-likelihoods are bounded by rounding"
                )),
            );
        }
    }
}

/// Images that are read at a time, so that little is held twice.
const READ_AT_ONCE: usize = 16;
/// The place of ℓ among the tensors of pairs.
const LOG_LIKELIHOOD: usize = 4;

impl Tensors {
    /// Writes the pairs and correlations of `n_images` images from `first` on.
    fn write<T: Number>(
        &mut self,
        job: &LikelihoodJob,
        (first, n_images): (usize, usize),
        pairs: &[PairResult],
        full: &[T],
    ) -> Result<()> {
        let set = job.displacements.angstrom();
        for (place, (file, crcs)) in self.pairs.iter_mut().enumerate() {
            let number = |pair: &PairResult| match place {
                0 => pair.cross_correlation,
                1 => set[pair.displacement as usize][0],
                2 => set[pair.displacement as usize][1],
                3 => job.angle(pair.rotation as usize),
                _ => pair.log_likelihood,
            };
            if place == LOG_LIKELIHOOD {
                let numbers: Vec<f64> = pairs.iter().map(number).collect();
                write_images(file, crcs, (first, n_images), bytemuck::cast_slice(&numbers))?;
            } else {
                let numbers: Vec<T> = pairs.iter().map(|pair| T::from_f64(number(pair))).collect();
                write_images(file, crcs, (first, n_images), bytemuck::cast_slice(&numbers))?;
            }
        }
        if let Some((file, crcs)) = &mut self.full {
            write_images(file, crcs, (first, n_images), bytemuck::cast_slice(full))?;
        }
        Ok(())
    }
}

/// Writes the bytes of `n_images` images to their place.
fn write_images(file: &TensorFile, crcs: &mut Vec<u32>, (first, n_images): (usize, usize), bytes: &[u8]) -> Result<()> {
    if n_images == 0 {
        return Ok(());
    }
    file.write_images(first, bytes)?;
    crcs.extend(bytes.chunks_exact((bytes.len() / n_images).max(1)).map(crc32fast::hash));
    Ok(())
}

/// The bytes of a file of one number for each image.
fn tensor<E: PtElement>(values: &[E]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write_pt(&mut bytes, &[values.len() as u64], values)
        .map_err(|error| Error::value(format!("no tensor can be written: {error}")))?;
    Ok(bytes)
}
