//! Is a folder of likelihoods complete and unaltered?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::findings::{Warning, counted};
use verglas_core::hint::{Hint, Text};
use verglas_core::threads::share_work;
use verglas_core::{Observer, StopFlag};
use verglas_formats::pt::PtFile;
use verglas_run::folder::unit_files;
use verglas_run::manifest::{FileRecord, InputRecord, Manifest, StackRecord, manifest_paths};
use verglas_run::shard::Shard;
use verglas_run::verify::{Problem, changed_inputs, compare_file, listed, read_parts, unfinished};

use crate::manifest::RecordedLikelihood;
use crate::names::{
    DISPLACEMENTS, LikelihoodFiles, MATRICES, NOISE_MEASURED, NOISE_SPECTRUM, PARTICLE_SCALE, UnitNames,
};
use crate::verify_tables::{check_tables, file_of, tables_of};

/// What was found in a folder of likelihoods.
#[derive(Debug, Clone, Serialize)]
pub struct LikelihoodVerification {
    /// The folder.
    pub folder: PathBuf,
    /// Units that there ought to be: structures × stacks.
    pub n_units: usize,
    /// Units with which nothing is wrong.
    pub n_units_sound: usize,
    /// Into how many shards the run was divided, if it was.
    pub n_shards: Option<usize>,
    /// Bytes that were read.
    pub n_bytes: u64,
    /// What is wrong; empty for a folder that is complete and unaltered.
    pub problems: Vec<Problem>,
    /// What the folder is sound in spite of.
    pub warnings: Vec<Warning>,
    /// How long it took, s.
    pub seconds: f64,
}

impl LikelihoodVerification {
    /// Whether the folder is complete and unaltered.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, code: &'static str, message: impl Into<Text>) {
        self.problems.push(Problem::new(code, message));
    }
}

/// Whether a folder is one of likelihoods, by what its manifests say; not where there are none or none can be read.
pub fn is_of_likelihoods(folder: &Path) -> bool {
    let parts = manifest_paths(folder).unwrap_or_default();
    let mut parts = parts.iter().filter_map(|(_, path)| Manifest::read(path).ok());
    parts.any(|part| matches!(part.settings.input, InputRecord::Likelihood { .. }))
}

/// Looks at the folder of likelihoods at `folder`, on some threads, until `stop` is set. `observer` is told of each unit's
/// comparisons.
///
/// # Errors
/// When the folder can't be read or holds no manifest; when it is stopped. What is wrong with what it holds is told in the
/// result.
pub fn verify_likelihoods(
    folder: &Path,
    n_threads: usize,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> Result<LikelihoodVerification> {
    let start = Instant::now();
    let mut found = LikelihoodVerification {
        folder: folder.to_owned(),
        n_units: 0,
        n_units_sound: 0,
        n_shards: None,
        n_bytes: 0,
        problems: Vec::new(),
        warnings: Vec::new(),
        seconds: 0.0,
    };
    let parts = read_parts(folder, &mut found.problems)?;
    if let Some(first) = parts.first() {
        let settings = RecordedLikelihood::of(first);
        found.n_shards = first.shard.map(Shard::of);
        found.n_units = first.plan.n_stacks;
        let n_named = settings.structure_places.len().saturating_mul(settings.n_images.len());
        if n_named != first.plan.n_stacks || settings.structures.len() != settings.structure_places.len() {
            let n = counted(first.plan.n_stacks, "unit");
            found.problem(
                "manifest-damaged",
                format!("the manifest is of {n}, and names structures and stacks of {n_named}"),
            );
        }
        found.problems.extend(unfinished(&parts, "unit"));
        let records = records(&parts, &mut found);
        check_units(folder, &settings, &records, (n_threads, observer, stop), &mut found)?;
        let is_complete = found.n_shards.unwrap_or(1) == parts.len() && parts.iter().all(|part| part.is_complete);
        if is_complete {
            check_closing(folder, &settings, &parts, &mut found, stop);
        }
        report_strays(folder, &settings, &records, is_complete, &mut found)?;
        found.warnings.extend(changed_inputs(&parts, "the likelihoods were made"));
    }
    found.seconds = start.elapsed().as_secs_f64();
    Ok(found)
}

/// The recorded units by number; numbers that can't be are problems.
fn records<'a>(parts: &'a [Manifest], found: &mut LikelihoodVerification) -> BTreeMap<usize, &'a StackRecord> {
    let mut records = BTreeMap::new();
    for part in parts {
        let own = part.own_units();
        for record in &part.stacks {
            let name = part.file_name();
            if !own.contains(&record.number) {
                let message = format!("{name} records unit {}, which is not one of its own", record.number);
                found.problem("manifest-damaged", message);
            } else if records.insert(record.number, record).is_some() {
                found.problem("manifest-damaged", format!("{name} records unit {} twice", record.number));
            }
        }
    }
    records
}

/// The names of a unit's files, and its number of images; `None` for one that the settings have not.
fn unit_of(settings: &RecordedLikelihood, unit: usize) -> Option<(UnitNames, usize)> {
    let n_stacks = settings.n_images.len();
    let place = settings.structure_places.get(unit.checked_div(n_stacks)?)?;
    let stack = unit % n_stacks;
    Some((UnitNames::of(*place, stack), settings.n_images[stack]))
}

/// Looks at the files of every recorded unit; problems come in the order of the units.
fn check_units(
    folder: &Path,
    settings: &RecordedLikelihood,
    records: &BTreeMap<usize, &StackRecord>,
    (n_threads, observer, stop): (usize, &dyn Observer, &StopFlag),
    found: &mut LikelihoodVerification,
) -> Result<()> {
    let work: Vec<&StackRecord> = records.values().copied().collect();
    let next = AtomicUsize::new(0);
    let all = Mutex::new(Vec::with_capacity(work.len()));
    share_work(n_threads.min(work.len()), || {
        while let Some(record) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let mut n_bytes = 0;
            let problems = check_unit(folder, settings, record, &mut n_bytes, stop);
            all.lock().unwrap_or_else(PoisonError::into_inner).push((record.number, problems, n_bytes));
            observer.images_done(record.n_images as u64);
        }
    });
    if stop.load(Ordering::Relaxed) {
        return Err(Error::new(ErrorKind::Interrupted, "stopped before all units were looked at"));
    }
    let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    all.sort_by_key(|(number, ..)| *number);
    for (_, problems, n_bytes) in all {
        found.n_bytes += n_bytes;
        found.n_units_sound += usize::from(problems.is_empty());
        found.problems.extend(problems);
    }
    Ok(())
}

fn check_unit(
    folder: &Path,
    settings: &RecordedLikelihood,
    record: &StackRecord,
    n_bytes: &mut u64,
    stop: &StopFlag,
) -> Vec<Problem> {
    let Some((names, n_images)) = unit_of(settings, record.number) else {
        let message = format!("the manifest has no structure and stack for unit {}", record.number);
        return vec![Problem::new("manifest-damaged", message)];
    };
    let expected = names.expected(settings.kept());
    let mut problems = Vec::new();
    for name in &expected {
        match record.files.iter().find(|file| file.name == *name) {
            Some(record) => {
                let problem = compare_file(&folder.join(name), record, n_bytes, || !stop.load(Ordering::Relaxed));
                problems.extend(problem);
            }
            None => problems.push(Problem::new("manifest-damaged", format!("the manifest has no record of `{name}`"))),
        }
    }
    for file in record.files.iter().filter(|file| !expected.contains(&file.name.as_str())) {
        // There only where images were left out.
        if file.name == names.left_out {
            let problem = compare_file(&folder.join(&file.name), file, n_bytes, || !stop.load(Ordering::Relaxed));
            problems.extend(problem);
            continue;
        }
        let message = format!("the manifest names `{}` among the files of unit {}", file.name, record.number);
        problems.push(Problem::new("manifest-damaged", message));
    }
    if problems.is_empty() {
        problems.extend(expected.iter().filter_map(|name| check_rows(&folder.join(name), n_images)));
    }
    problems
}

/// A tensor that has a row for each image.
fn check_rows(path: &Path, n_images: usize) -> Option<Problem> {
    match PtFile::open(path) {
        Ok(file) if file.tensor().n_rows() == n_images as u64 => None,
        Ok(file) => Some(Problem::new(
            "results-differ",
            format!(
                "`{}` has {} rows, its stack {}",
                path.display(),
                file.tensor().n_rows(),
                counted(n_images, "image")
            ),
        )),
        Err(error) => Some(Problem::new("results-unreadable", error.describe(&path.display().to_string()))),
    }
}

/// Which of a unit's files a matrix is made of.
type FileOf = fn(UnitNames) -> String;

/// Displacements, matrices and tables are what was written, and matrices and tables say what the units' files do.
fn check_closing(
    folder: &Path,
    settings: &RecordedLikelihood,
    parts: &[Manifest],
    found: &mut LikelihoodVerification,
    stop: &StopFlag,
) {
    let hint = || "the same job with " + Hint::Resume + " writes it";
    let [cross_correlation, optimal, integrated] = MATRICES;
    let mut expected = vec![DISPLACEMENTS, cross_correlation, optimal];
    expected.extend(settings.integrated.then_some(integrated));
    expected.extend(tables_of(settings).map(file_of));
    expected.extend(settings.right.noise_spectrum_crc32.as_ref().map(|_| NOISE_SPECTRUM));
    expected.extend(settings.right.noise_measured_crc32.as_ref().map(|_| NOISE_MEASURED));
    expected.extend(settings.right.particle_scale_crc32.as_ref().map(|_| PARTICLE_SCALE));
    for name in expected {
        let records: Vec<&FileRecord> =
            parts.iter().flat_map(|part| &part.closing).filter(|record| record.name == name).collect();
        let problem = match records[..] {
            [] if !folder.join(name).exists() => {
                Some(Problem::new("file-missing", format!("`{}` is missing", folder.join(name).display())))
            }
            [] => Some(Problem::new("manifest-damaged", format!("no manifest has a record of `{name}`"))),
            [first, ..] if records.iter().any(|other| *other != first) => {
                Some(Problem::new("manifests-differ", format!("the manifests have different records of `{name}`")))
            }
            [first, ..] => {
                compare_file(&folder.join(name), first, &mut found.n_bytes, || !stop.load(Ordering::Relaxed))
            }
        };
        found.problems.extend(problem.map(|problem| problem.with_hint(hint())));
    }
    if found.problems.is_empty() {
        let of: [(&str, FileOf); 3] = [
            (cross_correlation, |names| names.cross_correlation),
            (optimal, |names| names.optimal),
            (integrated, |names| names.integrated),
        ];
        let n = if settings.integrated { 3 } else { 2 };
        for (name, file_of) in &of[..n] {
            match is_of_units(folder, settings, name, *file_of) {
                Ok(true) => {}
                Ok(false) => found.problem("matrix-differs", format!("`{name}` does not agree with the units' files")),
                Err(error) => found.problem("matrix-unreadable", error.to_string()),
            }
        }
        let (problems, warnings) = check_tables(folder, settings, parts, stop);
        found.problems.extend(problems);
        found.warnings.extend(warnings);
    }
}

/// Whether a matrix holds what the units' files do, in order.
fn is_of_units(
    folder: &Path,
    settings: &RecordedLikelihood,
    name: &str,
    file_of: FileOf,
) -> verglas_formats::Result<bool> {
    let mut matrix = PtFile::open(folder.join(name))?;
    let n_images: u64 = settings.n_images.iter().map(|&n| n as u64).sum();
    if matrix.tensor().shape() != [settings.structure_places.len() as u64, n_images] {
        return Ok(false);
    }
    for (place, &structure) in settings.structure_places.iter().enumerate() {
        let mut expected = Vec::new();
        for (stack, &n) in settings.n_images.iter().enumerate() {
            let mut file = PtFile::open(folder.join(file_of(UnitNames::of(structure, stack))))?;
            expected.extend(file.read_bytes(0..n as u64)?);
        }
        if matrix.read_bytes(place as u64..place as u64 + 1)? != expected {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Files of units that no manifest knows, and what killed runs left.
fn report_strays(
    folder: &Path,
    settings: &RecordedLikelihood,
    records: &BTreeMap<usize, &StackRecord>,
    is_complete: bool,
    found: &mut LikelihoodVerification,
) -> Result<()> {
    let (mut unknown, mut unfinished) = (Vec::new(), Vec::new());
    let files = LikelihoodFiles::new(settings.structure_places.clone(), settings.n_images.len());
    for file in unit_files(folder, &files)? {
        let is_recorded =
            || records.get(&file.unit).is_some_and(|record| record.files.iter().any(|known| known.name == file.name));
        if file.is_partial {
            unfinished.push(format!("`{}`", file.name));
        } else if !is_recorded() && (is_complete || file.unit >= found.n_units) {
            unknown.push(format!("`{}`", file.name));
        }
    }
    if !unknown.is_empty() {
        let message = format!("{} that no manifest knows: {}", counted(unknown.len(), "file"), listed(&unknown));
        found.problem("file-unknown", message);
    }
    if !unfinished.is_empty() {
        let n = counted(unfinished.len(), "unfinished file");
        let message = format!("{n} of a run that is going on or was killed: {}", listed(&unfinished));
        found.warnings.push(Warning { code: "unfinished-files", message: message.into() });
    }
    Ok(())
}
