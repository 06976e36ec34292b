//! The files of a unit: tensors that grow while images are compared, and what is written when all of them are.

use std::path::Path;

use verglas_core::atomic::{FinishedFile, sync_folder, write_whole};
use verglas_core::error::{Error, Result};
use verglas_formats::pt::{PtDtype, PtElement, write_pt};
use verglas_likelihood::{Comparison, ImageResult, PairResult};
use verglas_run::folder::OutputFolder;
use verglas_run::manifest::FileRecord;
use verglas_run::tensor::TensorFile;

use crate::left_out::{self, LeftOut};
use crate::names::{UnitNames, left_out_folder};
use crate::number::Number;
use crate::prepare::LikelihoodJob;
use crate::refined::{FIELDS, RefinedNumbers};

/// Results of pairs and of poses, while a unit is made.
pub(crate) struct Tensors {
    n_views: usize,
    /// Correlation, displacement along axes 0 and 1, rotation, ℓ, each with the checksums of its images.
    pairs: Vec<(TensorFile, Vec<u32>)>,
    full: Option<(TensorFile, Vec<u32>)>,
}

/// What came of all images of a unit; those that were left out have no result.
pub(crate) struct UnitOutcome {
    pub(crate) results: Vec<Option<ImageResult>>,
    /// What a right likelihood says beside, of each image.
    pub(crate) refined: Vec<RefinedNumbers>,
    pub(crate) left_out: LeftOut,
}

impl LikelihoodJob {
    /// Starts the tensors that are too large to be kept till the end.
    pub(crate) fn start_tensors<T: Number>(
        &self,
        names: &UnitNames,
        n_views: usize,
        n_images: usize,
        output: &OutputFolder,
    ) -> Result<Tensors> {
        let create = |name: &str, dtype: PtDtype, shape: &[u64]| {
            TensorFile::create(&output.path(name), dtype, n_images, shape).map(|file| (file, Vec::new()))
        };
        let mut pairs = Vec::new();
        if self.settings.pairs {
            for (place, name) in names.pairs.iter().enumerate() {
                let dtype = if place == LOG_LIKELIHOOD { PtDtype::Float64 } else { T::DTYPE };
                pairs.push(create(name, dtype, &[n_views as u64])?);
            }
        }
        let shape = [n_views as u64, self.displacements.len() as u64, self.geometry.n_inplanes() as u64];
        let full = match self.settings.full_cross_correlation {
            true => Some(create(&names.full_cross_correlation, T::DTYPE, &shape)?),
            false => None,
        };
        Ok(Tensors { n_views, pairs, full })
    }

    /// Writes what is kept of each image, and gives all files their names; that of the optimal log-likelihoods last.
    pub(crate) fn publish<T: Number>(
        &self,
        (structure, names): (usize, &UnitNames),
        folders: &[String],
        outcome: &UnitOutcome,
        tensors: Tensors,
        output: &OutputFolder,
    ) -> Result<Vec<FileRecord>> {
        let results = &outcome.results;
        let record = |name: &str, file: FinishedFile| FileRecord::new(name, file.bytes, file.crc32);
        // Of images that were left out.
        let number =
            |result: &Option<ImageResult>, of: &dyn Fn(&ImageResult) -> f64| result.as_ref().map_or(f64::NAN, of);
        let numbers = |of: &dyn Fn(&ImageResult) -> f64| -> Vec<T> {
            results.iter().map(|result| T::from_f64(number(result, of))).collect()
        };
        let write = |name: &str, bytes: Vec<u8>| write_whole(&output.path(name), &bytes).map(|file| record(name, file));
        let mut files = vec![write(&names.cross_correlation, tensor(&numbers(&|result| result.cross_correlation))?)?];
        if let Some((file, crcs)) = tensors.full {
            files.push(record(&names.full_cross_correlation, file.finish(crcs.into_iter())?));
        }
        let templates: Vec<i64> =
            results.iter().map(|result| result.map_or(NO_TEMPLATE, |result| result.template as i64)).collect();
        let [template, x, y, rotation] = &names.optimal_pose;
        files.push(write(template, tensor(&templates)?)?);
        files.push(write(x, tensor(&numbers(&|result| result.displacement_angstrom[0]))?)?);
        files.push(write(y, tensor(&numbers(&|result| result.displacement_angstrom[1]))?)?);
        files.push(write(rotation, tensor(&numbers(&|result| self.angle(result.rotation)))?)?);
        for ((file, crcs), name) in tensors.pairs.into_iter().zip(&names.pairs) {
            files.push(record(name, file.finish(crcs.into_iter())?));
        }
        if self.settings.integrated {
            let integrated: Vec<f64> = results.iter().map(|result| number(result, &integrated_of)).collect();
            files.push(write(&names.integrated, tensor(&integrated)?)?);
        }
        if self.right().is_some() {
            let numbers: Vec<f64> = outcome.refined.iter().flat_map(|numbers| numbers.0).collect();
            files.push(write(&names.refined, tensor_of(&[results.len(), FIELDS.len()], &numbers)?)?);
        }
        let list = output.path(&names.left_out);
        if outcome.left_out.is_empty() {
            // A killed run may have left out what this one has not.
            remove_if_there(&list)?;
        } else {
            output.make_folders(&[&left_out_folder(structure)])?;
            files.push(write(&names.left_out, left_out::to_bytes(&outcome.left_out)?)?);
            sync_folder(list.parent().unwrap_or(Path::new(".")))?;
        }
        // All else is on the disk before the last file is: with that a unit is done.
        folders.iter().try_for_each(|folder| sync_folder(&output.path(folder)))?;
        let optimal: Vec<f64> = results.iter().map(|result| number(result, &optimal_of)).collect();
        files.push(write(&names.optimal, tensor(&optimal)?)?);
        let folder = output.path(&names.optimal);
        sync_folder(folder.parent().unwrap_or(Path::new(".")))?;
        Ok(files)
    }

    /// ω of a rotation, radians.
    pub(crate) fn angle(&self, rotation: usize) -> f64 {
        std::f64::consts::TAU * rotation as f64 / self.geometry.n_inplanes() as f64
    }
}

/// ln L of an image: between the grid's poses, where these were looked at.
pub(crate) fn integrated_of(result: &ImageResult) -> f64 {
    result.refined.map_or(result.log_likelihood_integrated, |refined| refined.log_likelihood)
}

/// ℓ at an image's best pose: of the best mode, where modes were looked at.
pub(crate) fn optimal_of(result: &ImageResult) -> f64 {
    result.refined.map_or(result.log_likelihood_optimal, |refined| refined.log_likelihood_optimal)
}

/// The place of ℓ among the tensors of pairs.
const LOG_LIKELIHOOD: usize = 4;
/// The template of an image that was left out.
pub(crate) const NO_TEMPLATE: i64 = -1;

impl Tensors {
    /// Writes the pairs and correlations of `n_images` images from `first` on; `kept` of these were compared, and the others are
    /// NaN.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn write<T: Number>(
        &mut self,
        job: &LikelihoodJob,
        (first, n_images): (usize, usize),
        kept: &[usize],
        comparison: &Comparison<T>,
    ) -> Result<()> {
        let set = job.displacements.angstrom();
        let n_views = self.n_views;
        let place_of = |image: usize| kept.binary_search(&image).ok();
        for (place, (file, crcs)) in self.pairs.iter_mut().enumerate() {
            let number = |pair: &PairResult| match place {
                0 => pair.cross_correlation,
                1 => set[pair.displacement as usize][0],
                2 => set[pair.displacement as usize][1],
                3 => job.angle(pair.rotation as usize),
                _ => pair.log_likelihood,
            };
            let numbers = (0..n_images).flat_map(|image| {
                let pairs = place_of(image).map(|kept| &comparison.pairs[kept * n_views..(kept + 1) * n_views]);
                (0..n_views).map(move |view| pairs.map_or(f64::NAN, |pairs| number(&pairs[view])))
            });
            if place == LOG_LIKELIHOOD {
                let numbers: Vec<f64> = numbers.collect();
                write_images(file, crcs, (first, n_images), bytemuck::cast_slice(&numbers))?;
            } else {
                let numbers: Vec<T> = numbers.map(T::from_f64).collect();
                write_images(file, crcs, (first, n_images), bytemuck::cast_slice(&numbers))?;
            }
        }
        let Some((file, crcs)) = &mut self.full else { return Ok(()) };
        let all = &comparison.cross_correlations;
        if kept.len() == n_images {
            return write_images(file, crcs, (first, n_images), bytemuck::cast_slice(all));
        }
        let n_poses = n_views * job.displacements.len() * job.geometry.n_inplanes();
        let nothing = vec![T::from_f64(f64::NAN); n_poses];
        for image in 0..n_images {
            let values = place_of(image).map_or(&nothing[..], |kept| &all[kept * n_poses..(kept + 1) * n_poses]);
            write_images(file, crcs, (first + image, 1), bytemuck::cast_slice(values))?;
        }
        Ok(())
    }
}

fn remove_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(format_args!("cannot remove `{}`", path.display()), &error))
        }
        _ => Ok(()),
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
    tensor_of(&[values.len()], values)
}

/// The bytes of a file of a tensor.
fn tensor_of<E: PtElement>(shape: &[usize], values: &[E]) -> Result<Vec<u8>> {
    let shape: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
    let mut bytes = Vec::new();
    write_pt(&mut bytes, &shape, values).map_err(|error| Error::value(format!("no tensor can be written: {error}")))?;
    Ok(bytes)
}
