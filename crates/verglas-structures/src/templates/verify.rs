//! Is a folder of templates complete and unaltered?

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
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
use verglas_run::folder::{DESCRIPTOR, unit_files};
use verglas_run::manifest::{InputRecord, Manifest, StackRecord, manifest_paths};
use verglas_run::shard::Shard;
use verglas_run::verify::{Problem, changed_inputs, compare_file, listed, read_parts, unfinished};

use super::list::read_paths;
use super::manifest::RecordedTemplates;
use super::names::LIST;
use super::names::{TemplateFiles, TemplateNames};
use super::stack::TemplateStack;

/// The result of verifying a folder of templates.
#[derive(Debug, Clone, Serialize)]
pub struct TemplateVerification {
    /// The folder.
    pub folder: PathBuf,
    /// Structures that there ought to be templates of.
    pub n_structures: usize,
    /// Structures with whose templates nothing is wrong.
    pub n_structures_sound: usize,
    /// Templates of these.
    pub n_templates: usize,
    /// Into how many shards the run was divided, if it was.
    pub n_shards: Option<usize>,
    /// Bytes that were read.
    pub n_bytes: u64,
    /// What is wrong; empty for a folder that is complete and unaltered.
    pub problems: Vec<Problem>,
    /// Warnings, which don't make the folder unsound.
    pub warnings: Vec<Warning>,
    /// How long it took, s.
    pub seconds: f64,
}

impl TemplateVerification {
    /// Whether the folder is complete and unaltered.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, code: &'static str, message: impl Into<Text>) {
        self.problems.push(Problem::new(code, message));
    }
}

/// Whether a folder is one of templates, by what its manifests say; not where there are none or none can be read.
pub fn is_of_templates(folder: &Path) -> bool {
    let parts = manifest_paths(folder).unwrap_or_default();
    let mut parts = parts.iter().filter_map(|(_, path)| Manifest::read(path).ok());
    parts.any(|part| matches!(part.settings.input, InputRecord::Structures { .. }))
}

/// Verifies the folder of templates at `folder`, on several threads, until `stop` is set. `observer` is called for each
/// structure's templates.
///
/// # Errors
/// When the folder can't be read or holds no manifest; when it is stopped. Faults of its contents are in the
/// result.
pub fn verify_templates(
    folder: &Path,
    n_threads: usize,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> Result<TemplateVerification> {
    let start = Instant::now();
    let mut found = TemplateVerification {
        folder: folder.to_owned(),
        n_structures: 0,
        n_structures_sound: 0,
        n_templates: 0,
        n_shards: None,
        n_bytes: 0,
        problems: Vec::new(),
        warnings: Vec::new(),
        seconds: 0.0,
    };
    let parts = read_parts(folder, &mut found.problems)?;
    if let Some(first) = parts.first() {
        let settings = RecordedTemplates::of(first);
        found.n_shards = first.shard.map(Shard::of);
        found.n_structures = first.plan.n_stacks;
        if settings.structures.len() != first.plan.n_stacks {
            let (n, named) = (counted(first.plan.n_stacks, "structure"), settings.structures.len());
            found.problem("manifest-damaged", format!("the manifest is of {n}, and names {named}"));
        }
        found.problems.extend(unfinished(&parts, "structure"));
        let records = records(&parts, &mut found);
        check_structures(folder, &settings, &records, n_threads, observer, stop, &mut found)?;
        if let Some(record) = parts.iter().find_map(|part| part.descriptor.as_ref()) {
            if record.name == DESCRIPTOR {
                let problem = compare_file(&folder.join(DESCRIPTOR), record, &mut found.n_bytes, || true);
                found.problems.extend(problem);
            } else {
                found.problem("manifest-damaged", format!("the manifest names the descriptor `{}`", record.name));
            }
        }
        let is_complete = found.n_shards.unwrap_or(1) == parts.len() && parts.iter().all(|part| part.is_complete);
        if is_complete {
            check_list(folder, &settings, &mut found);
        }
        report_strays(folder, &settings, &records, is_complete, &mut found)?;
        found.warnings.extend(changed_inputs(&parts, "the templates were made"));
    }
    found.seconds = start.elapsed().as_secs_f64();
    Ok(found)
}

/// The recorded structures by number; numbers that can't be are problems.
fn records<'a>(parts: &'a [Manifest], found: &mut TemplateVerification) -> BTreeMap<usize, &'a StackRecord> {
    let mut records = BTreeMap::new();
    for part in parts {
        let own = part.own_units();
        for record in &part.stacks {
            let name = part.file_name();
            if !own.contains(&record.number) {
                let message = format!("{name} records structure {}, which is not one of its own", record.number);
                found.problem("manifest-damaged", message);
            } else if records.insert(record.number, record).is_some() {
                found.problem("manifest-damaged", format!("{name} records structure {} twice", record.number));
            }
        }
    }
    records
}

/// Looks at the files of every recorded structure; problems come in the order of the structures.
fn check_structures(
    folder: &Path,
    settings: &RecordedTemplates,
    records: &BTreeMap<usize, &StackRecord>,
    n_threads: usize,
    observer: &dyn Observer,
    stop: &StopFlag,
    found: &mut TemplateVerification,
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
            let problems = check_structure(folder, settings, record, &mut n_bytes, stop);
            all.lock().unwrap_or_else(PoisonError::into_inner).push((record.number, problems, n_bytes));
            observer.images_done(record.n_images as u64);
        }
    });
    if stop.load(Ordering::Relaxed) {
        return Err(Error::new(ErrorKind::Interrupted, "stopped before all templates were checked"));
    }
    let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    all.sort_by_key(|(number, ..)| *number);
    for (number, problems, n_bytes) in all {
        found.n_bytes += n_bytes;
        if problems.is_empty() {
            found.n_structures_sound += 1;
            found.n_templates += records.get(&number).map_or(0, |record| record.n_images);
        }
        found.problems.extend(problems);
    }
    Ok(())
}

fn check_structure(
    folder: &Path,
    settings: &RecordedTemplates,
    record: &StackRecord,
    n_bytes: &mut u64,
    stop: &StopFlag,
) -> Vec<Problem> {
    let Some(name) = settings.structures.get(record.number) else {
        let message = format!("the manifest has no name for structure {}", record.number);
        return vec![Problem::new("manifest-damaged", message)];
    };
    let names = TemplateNames::of(name);
    let mut expected: Vec<&Path> = vec![&names.fourier, &names.metadata];
    if settings.plots {
        expected.extend(names.plots());
    }
    let mut problems = Vec::new();
    for path in &expected {
        let Some(record) = record.files.iter().find(|file| Path::new(&file.name) == *path) else {
            let message = format!("the manifest has no record of `{}`", path.display());
            problems.push(Problem::new("manifest-damaged", message));
            continue;
        };
        problems.extend(compare_file(&folder.join(path), record, n_bytes, || !stop.load(Ordering::Relaxed)));
    }
    for file in record.files.iter().filter(|file| !expected.contains(&Path::new(&file.name))) {
        let message = format!("the manifest names `{}` among the files of `{name}`", file.name);
        problems.push(Problem::new("manifest-damaged", message));
    }
    if problems.is_empty() {
        problems.extend(check_contents(&folder.join(&names.fourier), name, settings, record));
    }
    problems
}

/// Tensor, metadata and manifest say the same of the templates.
fn check_contents(path: &Path, name: &str, settings: &RecordedTemplates, record: &StackRecord) -> Option<Problem> {
    let stack = match TemplateStack::open(path) {
        Ok(stack) => stack,
        Err(error) => return Some(Problem::new("templates-unreadable", error.to_string())),
    };
    let n = stack.n_templates();
    if n != record.n_images || n != settings.n_templates {
        let message = format!("`{name}` has {}, the manifest says {}", counted(n, "template"), settings.n_templates);
        return Some(Problem::new("templates-differ", message));
    }
    let facts = stack.facts()?;
    let bytes = facts.descriptor.to_bytes().ok()?;
    let crc32 = format!("{:08x}", crc32fast::hash(&bytes));
    (settings.descriptor_crc32.as_ref() != Some(&crc32)).then(|| {
        Problem::new("descriptor-differs", format!("`{name}` was made with another descriptor than was recorded"))
    })
}

/// The list names the templates of all structures in order, and they are those of this folder.
fn check_list(folder: &Path, settings: &RecordedTemplates, found: &mut TemplateVerification) {
    let paths = match read_paths(folder) {
        Ok(paths) => paths,
        Err(error) => {
            let problem = Problem::new("list-unreadable", error.to_string());
            let hint = "the same job with " + Hint::Resume + " writes it";
            found.problems.push(problem.with_hint(hint));
            return;
        }
    };
    let names: Vec<Option<&std::ffi::OsStr>> = paths.iter().map(|path| path.file_name()).collect();
    let expected: Vec<PathBuf> = settings.structures.iter().map(|name| TemplateNames::of(name).fourier).collect();
    if !names.iter().copied().eq(expected.iter().map(|path| Some(path.as_os_str()))) {
        found.problem("list-differs", format!("{LIST} does not list the templates of all structures in order"));
        return;
    }
    let identity = |path: &Path| std::fs::metadata(path).ok().map(|there| (there.dev(), there.ino()));
    let elsewhere = paths.iter().zip(&expected).find(|(path, name)| {
        identity(path).is_some_and(|there| identity(&folder.join(name)).is_some_and(|here| here != there))
    });
    if let Some((path, _)) = elsewhere {
        found.warnings.push(Warning {
            code: "list-elsewhere",
            message: format!("{LIST} leads to other templates than those of this folder: `{}`", path.display()).into(),
        });
    }
}

/// Files of templates that no manifest records, and what killed runs left.
fn report_strays(
    folder: &Path,
    settings: &RecordedTemplates,
    records: &BTreeMap<usize, &StackRecord>,
    is_complete: bool,
    found: &mut TemplateVerification,
) -> Result<()> {
    let (mut unknown, mut unfinished) = (Vec::new(), Vec::new());
    for file in unit_files(folder, &TemplateFiles::new(settings.structures.iter().map(String::as_str)))? {
        let is_recorded =
            || records.get(&file.unit).is_some_and(|record| record.files.iter().any(|known| known.name == file.name));
        if file.is_partial {
            unfinished.push(format!("`{}`", file.name));
        } else if !is_recorded() && (is_complete || file.unit >= found.n_structures) {
            unknown.push(format!("`{}`", file.name));
        }
    }
    if !unknown.is_empty() {
        let message = format!("{} that no manifest records: {}", counted(unknown.len(), "file"), listed(&unknown));
        found.problem("file-unknown", message);
    }
    if !unfinished.is_empty() {
        let n = counted(unfinished.len(), "unfinished file");
        let message = format!("{n} of a run that is still running or was killed: {}", listed(&unfinished));
        found.warnings.push(Warning { code: "unfinished-files", message: message.into() });
    }
    Ok(())
}
