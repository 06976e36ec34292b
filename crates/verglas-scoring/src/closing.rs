//! What is written when all units are there: matrices of all structures and images, and tables.

use std::path::PathBuf;

use verglas_core::atomic::sync_folder;
use verglas_core::error::Result;
use verglas_core::findings::{Warning, counted};
use verglas_core::hint::{Hint, Setting, Text};
use verglas_run::folder::OutputFolder;
use verglas_run::manifest::FileRecord;
use verglas_run::tensor::TensorFile;

use crate::findings::{RightFindings, RightSummary};
use crate::names::{MATRICES, MATRIX_FOLDER, UnitNames};
use crate::number::Number;
use crate::prepare::LikelihoodJob;
use crate::results::read_numbers;
use crate::row::StackResults;
use crate::tables::Tables;

/// What was written at the end.
#[derive(Debug)]
pub(crate) struct Closing {
    /// All files.
    pub(crate) files: Vec<FileRecord>,
    /// The tables among them.
    pub(crate) tables: Vec<PathBuf>,
    /// For how many images each structure is the best.
    pub(crate) n_best: Vec<usize>,
    /// What all images say of a right likelihood.
    pub(crate) right: Option<RightSummary>,
    pub(crate) warnings: Vec<Warning>,
}

/// Writes matrices and tables from the units' files.
///
/// # Errors
/// When a unit's file can't be read, or the disk refuses.
pub(crate) fn close<T: Number>(job: &LikelihoodJob, output: &OutputFolder) -> Result<Closing> {
    output.make_folders(&[MATRIX_FOLDER])?;
    let [cross_correlation, optimal, integrated] = MATRICES;
    let mut files = vec![
        matrix::<T>(job, output, cross_correlation, |names| names.cross_correlation)?,
        matrix::<f64>(job, output, optimal, |names| names.optimal)?,
    ];
    if job.settings.integrated {
        files.push(matrix::<f64>(job, output, integrated, |names| names.integrated)?);
    }
    sync_folder(&output.path(MATRIX_FOLDER))?;
    let mut tables = Tables::<T>::start(job, output)?;
    let (mut n_best, mut n_at_edge, mut n) = (vec![0; job.structures.len()], 0, 0);
    let mut findings = RightFindings::new();
    for stack in 0..job.stacks.len() {
        let results = StackResults::<T>::read(job, output.root(), stack)?;
        let first_image = job.first_image_of(stack);
        for image in 0..results.stack.n_images {
            let best = results.best(image);
            if let Some(right) = job.right() {
                for structure in 0..job.structures.len() {
                    if let Some(numbers) = results.refined(structure, image) {
                        findings.add_search(numbers, first_image + image, right);
                    }
                }
            }
            if let Some(best) = best {
                n_best[best] += 1;
                n += 1;
                let row = results.row(image, best, Some(best));
                n_at_edge += usize::from(row.is_at_edge);
                if let (Some(refined), Some(right)) = (&row.refined, job.right()) {
                    findings.add(refined, row.integrated.unwrap_or(row.optimal), right);
                }
            }
            tables.write(&results, image, best)?;
        }
    }
    let paths = tables.finish(&mut files)?;
    sync_folder(output.root())?;
    let mut warnings = Vec::new();
    // More than a tenth.
    if 10 * n_at_edge > n {
        let images = counted(n, "image");
        let message = match job.known {
            None => {
                Text::from(format!(
                    "the best poses of {n_at_edge} of {images} are at the rim of the displacements that were tried: the particles \
                     may be farther off; try more with "
                )) + Hint::Give(Setting::MaxDisplacement)
            }
            Some(_) => {
                Text::from(format!(
                    "the best poses of {n_at_edge} of {images} are at the edge of what their known poses allow: they may be farther \
                     off; allow more with "
                )) + Hint::Give(Setting::ViewSigma)
                    + " and "
                    + Hint::Give(Setting::ShiftSigma)
            }
        };
        warnings.push(Warning { code: "at-edge", message });
    }
    let right = job.right().map(|right| {
        warnings.extend(findings.warnings(right));
        findings.summary()
    });
    Ok(Closing { files, tables: paths, n_best, right, warnings })
}

/// Writes one number of each structure and image: `[structures, images]`.
fn matrix<T: Number>(
    job: &LikelihoodJob,
    output: &OutputFolder,
    name: &str,
    file_of: impl Fn(UnitNames) -> String,
) -> Result<FileRecord> {
    let n_images = job.n_images();
    let tensor = TensorFile::create(&output.path(name), T::DTYPE, job.structures.len(), [n_images as u64])?;
    let mut crcs = Vec::with_capacity(job.structures.len());
    let mut row: Vec<T> = Vec::with_capacity(n_images);
    for (place, structure) in job.structures.iter().enumerate() {
        row.clear();
        for stack in &job.stacks {
            let path = output.path(file_of(UnitNames::of(structure.place, stack.number)));
            row.extend(read_numbers::<T>(&path, stack.n_images)?);
        }
        let bytes: &[u8] = bytemuck::cast_slice(&row);
        tensor.write_images(place, bytes)?;
        crcs.push(crc32fast::hash(bytes));
    }
    let finished = tensor.finish(crcs.into_iter())?;
    Ok(FileRecord::new(name, finished.bytes, finished.crc32))
}
