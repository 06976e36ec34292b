//! The matrix of a folder of likelihoods.

use std::path::Path;

use verglas_core::Findings;
use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;
use verglas_core::hint::Hint;
use verglas_run::manifest::{FolderRecord, InputRecord, manifest_paths};
use verglas_run::verify::compare_file;
use verglas_scoring::RecordedLikelihood;

use super::found::Found;
use super::matrix::Matrix;
use crate::record::Kind;
use crate::settings::{MatrixAxes, WeightsSettings};

const INTEGRATED: &str = "likelihood_matrix/integrated_fourier_log_likelihood_matrix.pt";
const OPTIMAL: &str = "likelihood_matrix/optimal_fourier_log_likelihood_matrix.pt";
/// The table of all results.
const TABLE: &str = "results.csv";

/// Finds the integrated log-likelihoods of the folder at `root`, or else those of the best poses.
///
/// # Errors
/// When it is not such a folder, is not complete, is of runs that don't belong together, or was altered.
pub(super) fn find(root: &Path, settings: &WeightsSettings, findings: &mut Findings) -> Result<Found> {
    let shown = root.display();
    let is_ours = !manifest_paths(root)?.is_empty();
    let record = is_ours.then(|| FolderRecord::read(root)).transpose()?;
    if let Some(record) = &record {
        if !matches!(record.first().settings.input, InputRecord::Likelihood { .. }) {
            let what = record.first().settings.input.nouns()[1];
            return Err(Error::value(format!(
                "`{shown}` holds no likelihoods: its manifest is of a job that makes {what}s"
            )));
        }
        if !record.is_complete() {
            let n_done = record.stacks().len();
            return Err(Error::value(format!(
                "the likelihoods in `{shown}` are not complete: {n_done} of {} are there",
                counted(record.n_stacks(), "unit")
            ))
            .with_hint("finish them with " + Hint::Resume));
        }
    }
    let recorded = record.as_ref().map(|record| RecordedLikelihood::of(record.first()));
    let has_integrated = match &recorded {
        Some(recorded) => recorded.integrated,
        None => root.join(INTEGRATED).exists(),
    };
    let name = if has_integrated { INTEGRATED } else { OPTIMAL };
    let path = root.join(name);
    if !path.exists() {
        return Err(match is_ours {
            true => Error::not_found(format!("`{}` is missing", path.display()))
                .with_hint("the job that made the folder writes it, with " + Hint::Resume),
            false => Error::not_found(format!("`{shown}` has neither `{INTEGRATED}` nor `{OPTIMAL}`"))
                .with_hint("expected the output folder of `verglas likelihood` or CryoLike's, or a matrix (.pt, .npy)"),
        });
    }
    if !has_integrated {
        findings.warn(
            "optimal-only",
            format!(
                "`{shown}` has log-likelihoods of the best poses only: structures whose templates happen to fit noise \
                 are favoured, and weights are more certain than they should be"
            ),
        );
    }
    let crc32 = record.as_ref().map(|record| check_unaltered(record, name, &path)).transpose()?;
    let (structures, expected) = match &recorded {
        None => {
            findings.warn(
                "names-unknown",
                format!("`{shown}` has no manifest: structures are numbered in the order of the matrix"),
            );
            (None, None)
        }
        Some(recorded) => {
            warn_of_likelihood(recorded, findings);
            let n_images = recorded.n_images.iter().sum();
            let structures = (recorded.structure_places.clone(), recorded.structures.clone());
            (Some(structures), Some([n_images, recorded.structures.len()]))
        }
    };
    if let Some(axes) = settings.axes.filter(|axes| *axes != MatrixAxes::StructuresImages) {
        return Err(Error::value(format!("the matrices of a folder are structures × images, but {axes} is given")));
    }
    let table = root.join(TABLE);
    let mut read = vec![path.clone()];
    read.extend(settings.noise_column.then(|| table.clone()));
    Ok(Found {
        matrix: Matrix::open(&path)?,
        kind: if has_integrated { Kind::Integrated } else { Kind::Optimal },
        path: Some(path),
        likelihood: recorded.map(|recorded| recorded.likelihood),
        structures,
        expected,
        axes: Some(MatrixAxes::StructuresImages),
        table: Some(table),
        noise: None,
        crc32,
        read,
    })
}

/// Whether the matrix is what the run wrote; its checksum.
fn check_unaltered(record: &FolderRecord, name: &str, path: &Path) -> Result<u32> {
    let recorded = record.parts.iter().flat_map(|part| &part.closing).find(|file| file.name == name);
    let Some(file) = recorded else {
        return Err(Error::format(format!("no manifest has a record of `{}`", path.display())));
    };
    match compare_file(path, file, &mut 0, || true) {
        Some(problem) => Err(Error::format(problem.message)),
        None => u32::from_str_radix(&file.crc32, 16)
            .map_err(|_| Error::format(format!("the manifest's checksum of `{}` is not valid", path.display()))),
    }
}

/// The assumptions behind log-likelihoods decide how confident weights are.
fn warn_of_likelihood(recorded: &RecordedLikelihood, findings: &mut Findings) {
    if recorded.as_cryolike {
        findings.warn(
            "likelihood-as-cryolike",
            "these log-likelihoods are CryoLike's, which count every pixel as if it were independent: their \
             differences are several times too large, and weights and intervals more certain than they should be",
        );
    } else if recorded.likelihood == "plain" {
        findings.warn(
            "likelihood-plain",
            "these log-likelihoods assume white noise and poses on the grid: where that is wrong, their differences \
             are too large, and weights and intervals more certain than they should be",
        );
    }
}
