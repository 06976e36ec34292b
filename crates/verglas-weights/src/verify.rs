//! Is a folder of weights complete and unaltered?

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde::Serialize;
use verglas_core::StopFlag;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::findings::Warning;
use verglas_run::manifest::manifest_paths;
use verglas_run::verify::{Problem, compare_file};
use verglas_run::whole::checksum_file;

use crate::names::{LOG_LIKELIHOOD, RECORD, TABLE, WEIGHTS, paths};
use crate::record::{Kind, WeightsRecord};

/// The result of verifying a folder of weights.
#[derive(Debug, Clone, Serialize)]
pub struct WeightsVerification {
    /// The folder.
    pub folder: PathBuf,
    /// Structures that have weights.
    pub n_structures: usize,
    /// Bytes that were read.
    pub n_bytes: u64,
    /// What is wrong; empty for a folder that is complete and unaltered.
    pub problems: Vec<Problem>,
    /// Warnings, which don't make the folder unsound.
    pub warnings: Vec<Warning>,
    /// How long it took, s.
    pub seconds: f64,
}

impl WeightsVerification {
    /// Whether the folder is complete and unaltered.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Whether a folder is one of weights: it has their record, and no other job's.
pub fn is_of_weights(folder: &Path) -> bool {
    folder.join(RECORD).is_file() && manifest_paths(folder).is_ok_and(|manifests| manifests.is_empty())
}

/// Looks at the folder of weights at `folder` until `stop` is set.
///
/// # Errors
/// When it has no record; when it is stopped. Faults of its contents are in the result.
pub fn verify_weights(folder: &Path, stop: &StopFlag) -> Result<WeightsVerification> {
    let start = Instant::now();
    let record = WeightsRecord::read(folder)?;
    let mut found = WeightsVerification {
        folder: folder.to_owned(),
        n_structures: record.structures.len(),
        n_bytes: 0,
        problems: Vec::new(),
        warnings: Vec::new(),
        seconds: 0.0,
    };
    let go_on = || !stop.load(Ordering::Relaxed);
    for name in [TABLE, WEIGHTS, LOG_LIKELIHOOD] {
        if !record.files.iter().any(|file| file.name == name) {
            found.problems.push(Problem::new("record-damaged", format!("`{RECORD}` has no record of `{name}`")));
        }
    }
    for file in &record.files {
        // Whatever a damaged record may name, nothing outside the folder is read.
        match paths(folder).find(|path| path.file_name().is_some_and(|name| name == file.name.as_str())) {
            Some(path) => found.problems.extend(compare_file(&path, file, &mut found.n_bytes, go_on)),
            None => {
                let message = format!("`{RECORD}` names `{}`, which is not a file of weights", file.name);
                found.problems.push(Problem::new("record-damaged", message));
            }
        }
    }
    let sum: f64 = record.structures.iter().map(|structure| structure.weight).sum();
    if (sum - 1.0).abs() > 1e-9 {
        let message = format!("the weights in `{RECORD}` sum to {sum}, expected 1");
        found.problems.push(Problem::new("record-damaged", message));
    }
    found.warnings.extend(changed_matrix(&record));
    if !go_on() {
        return Err(Error::new(ErrorKind::Interrupted, "stopped before all files were checked"));
    }
    found.seconds = start.elapsed().as_secs_f64();
    Ok(found)
}

/// Whether the matrix is gone or another one now.
fn changed_matrix(record: &WeightsRecord) -> Option<Warning> {
    let matrix = &record.matrix;
    let path = matrix.path.as_ref().filter(|_| matrix.kind != Kind::Array)?.from_dir(&record.working_dir);
    let what = match checksum_file(&path, || true) {
        Ok(sum) if format!("{:08x}", sum.crc32) == matrix.crc32 => return None,
        Ok(_) => "was changed since the weights were made",
        Err(_) => "no longer exists",
    };
    let message = format!("`{}`, which the weights are of, {what}", path.display());
    Some(Warning { code: "input-changed", message: message.into() })
}
