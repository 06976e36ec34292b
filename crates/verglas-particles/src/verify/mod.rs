//! Is an output folder complete and unaltered?
//!
//! The manifest says which stacks there ought to be, how large their files are and what they add up to. Every file is
//! read from end to end; what it holds is compared with the manifest, with the other files of its stack, and with the
//! other stacks. Nothing is written.

mod file;
mod found;
mod images;
mod list;
mod stack;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::stack::ConversionFiles;
use file::check_file;
pub use found::Verification;
use images::check_images;
use list::check_list;
use stack::{StackFound, check_stack};
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::findings::{Warning, counted};
use verglas_core::hint::{Hint, Setting};
use verglas_core::threads::{default_threads, share_work};
use verglas_core::{Observer, StopFlag};
use verglas_run::folder::{DESCRIPTOR, unit_files};
use verglas_run::manifest::{Manifest, StackRecord};
use verglas_run::shard::Shard;
pub use verglas_run::verify::Problem;
use verglas_run::verify::{MOST_LISTED, changed_inputs, how_it_ended, listed, read_parts};

/// Verifies the output folder at `folder`, on all processors allotted to the process. `observer` is called for each
/// stack's images.
///
/// # Errors
/// When the folder can't be read or holds no manifest. Faults of its contents are in the result.
pub fn verify(folder: &Path, observer: &dyn Observer) -> Result<Verification> {
    let n_threads = default_threads();
    verify_on(folder, n_threads, observer, &AtomicBool::new(false))
}

/// The same with a number of threads, and a flag that stops it.
///
/// # Errors
/// As [`verify()`], and when it is stopped.
pub fn verify_on(folder: &Path, n_threads: usize, observer: &dyn Observer, stop: &StopFlag) -> Result<Verification> {
    let start = Instant::now();
    let mut found = Verification {
        folder: folder.to_owned(),
        n_stacks: 0,
        n_stacks_sound: 0,
        n_images: 0,
        n_images_skipped: 0,
        n_shards: None,
        n_bytes: 0,
        problems: Vec::new(),
        warnings: Vec::new(),
        seconds: 0.0,
    };
    let parts = read_parts(folder, &mut found.problems)?;
    if let Some(first) = parts.first() {
        found.n_shards = first.shard.map(Shard::of);
        found.n_stacks = if first.shard.is_some() { first.plan.n_stacks } else { first.n_stacks };
        found.n_images_skipped = parts.iter().map(|part| part.skipped.len()).sum();
        check_completeness(&parts, &mut found);
        let records = records(&parts, &mut found);
        let checked = check_stacks(folder, &parts, &records, n_threads, observer, stop)?;
        let mut stacks = Vec::new();
        for (number, StackFound { problems, n_bytes, contents }) in checked {
            found.n_bytes += n_bytes;
            if problems.is_empty() {
                found.n_stacks_sound += 1;
                found.n_images += records.get(&number).map_or(0, |(_, stack)| stack.n_images);
            }
            found.problems.extend(problems);
            stacks.extend(contents.map(|contents| (number, contents)));
        }
        check_images(&parts, &records, &stacks, &mut found);
        check_descriptor(folder, &parts, &stacks, &mut found);
        check_list(folder, &parts, &mut found);
        report_strays(folder, &parts, &records, &mut found)?;
        found.warnings.extend(changed_inputs(&parts, "the conversion"));
    }
    found.seconds = start.elapsed().as_secs_f64();
    Ok(found)
}

fn check_completeness(parts: &[Manifest], found: &mut Verification) {
    for part in parts {
        let n_missing = part.own_units().len().saturating_sub(part.stacks.len());
        if part.is_complete && n_missing == 0 {
            continue;
        }
        let of_shard = part.shard.map_or(String::new(), |shard| format!(" of shard {shard}"));
        let how = how_it_ended(part.run.state);
        let message = format!(
            "the run{of_shard} is unfinished: {} recorded of {}; {how}",
            counted(part.stacks.len(), "stack"),
            part.own_units().len()
        );
        let hint = match part.shard {
            None => "the same conversion with " + Hint::Resume + " makes what is missing",
            Some(_) => "the same conversion makes what is missing of a shard".into(),
        };
        found.problems.push(Problem::new("unfinished", message).with_hint(hint));
    }
    let Some(of) = found.n_shards else { return };
    let here: BTreeSet<usize> = parts.iter().filter_map(|part| part.shard).map(Shard::number).collect();
    let missing: Vec<usize> = (1..=of).filter(|number| !here.contains(number)).collect();
    if !missing.is_empty() {
        let list: Vec<String> = missing.iter().take(MOST_LISTED).map(usize::to_string).collect();
        let more = missing.len().saturating_sub(MOST_LISTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        found.problems.push(
            Problem::new(
                "shards-missing",
                format!("{} of {of} shards have not begun: {}{more}", missing.len(), list.join(", ")),
            )
            .with_hint("run each of them with " + Hint::Give(Setting::Shard)),
        );
    }
}

/// The recorded stacks by number, each with its part; numbers that can't be are problems.
fn records<'a>(parts: &'a [Manifest], found: &mut Verification) -> BTreeMap<usize, (&'a Manifest, &'a StackRecord)> {
    let mut records = BTreeMap::new();
    for part in parts {
        let own = part.own_units();
        for stack in &part.stacks {
            if !own.contains(&stack.number) {
                let message =
                    format!("{} records stack {}, which is not one of its own", part.file_name(), stack.number);
                found.problems.push(Problem::new("manifest-damaged", message));
            } else if records.insert(stack.number, (part, stack)).is_some() {
                let message = format!("{} records stack {} twice", part.file_name(), stack.number);
                found.problems.push(Problem::new("manifest-damaged", message));
            }
        }
        if part.is_complete {
            // A damaged manifest may claim any number of stacks; only the first few are ever counted out.
            let n_missing = own.len().saturating_sub(part.stacks.len());
            for number in own.filter(|number| !records.contains_key(number)).take(MOST_LISTED.min(n_missing)) {
                let message = format!("{} is complete, but does not record stack {number}", part.file_name());
                found.problems.push(Problem::new("stack-missing", message));
            }
            if n_missing > MOST_LISTED {
                let message = format!("and {} more stacks", n_missing - MOST_LISTED);
                found.problems.push(Problem::new("stack-missing", message));
            }
        }
    }
    records
}

/// Looks at every recorded stack; the findings come in the order of the numbers.
fn check_stacks(
    folder: &Path,
    parts: &[Manifest],
    records: &BTreeMap<usize, (&Manifest, &StackRecord)>,
    n_threads: usize,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> Result<Vec<(usize, StackFound)>> {
    let of_pairs = parts.first().is_some_and(|part| part.is_of_pairs());
    let work: Vec<(usize, &Manifest, &StackRecord)> =
        records.iter().map(|(&number, &(part, stack))| (number, part, stack)).collect();
    let next = AtomicUsize::new(0);
    let all = Mutex::new(Vec::with_capacity(work.len()));
    let look = || {
        while let Some((number, part, stack)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let checked = check_stack(folder, part, stack, !of_pairs, stop);
            all.lock().unwrap_or_else(PoisonError::into_inner).push((*number, checked));
            observer.images_done(stack.n_images as u64);
        }
    };
    share_work(n_threads.min(work.len()), look);
    if stop.load(Ordering::Relaxed) {
        return Err(Error::new(ErrorKind::Interrupted, "stopped before every stack was checked"));
    }
    let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    all.sort_by_key(|(number, _)| *number);
    Ok(all)
}

/// The descriptor that was made from the data must be there, and be that of the stacks.
fn check_descriptor(
    folder: &Path,
    parts: &[Manifest],
    stacks: &[(usize, stack::StackContents)],
    found: &mut Verification,
) {
    if let Some(record) = parts.iter().find_map(|part| part.descriptor.as_ref()) {
        if record.name == DESCRIPTOR {
            check_file(folder, record, found);
        } else {
            let message = format!("the manifest names the descriptor `{}`, expected `{DESCRIPTOR}`", record.name);
            found.problems.push(Problem::new("manifest-damaged", message));
        }
        if let Ok(descriptor) = verglas_run::descriptor::ImageDescriptor::load(&folder.join(DESCRIPTOR)) {
            for (number, stack) in stacks {
                if stack.descriptor != descriptor {
                    let message = format!("stack {number} has a different descriptor than `{DESCRIPTOR}`");
                    found.problems.push(Problem::new("descriptor-differs", message));
                }
            }
            return;
        }
    }
    let Some(((_, first), others)) = stacks.split_first() else { return };
    for (number, stack) in others {
        if stack.descriptor != first.descriptor {
            let message = format!("stack {number} has a different descriptor than the first");
            found.problems.push(Problem::new("descriptor-differs", message));
        }
    }
}

/// Stack files that no manifest records, and what killed runs left.
fn report_strays(
    folder: &Path,
    parts: &[Manifest],
    records: &BTreeMap<usize, (&Manifest, &StackRecord)>,
    found: &mut Verification,
) -> Result<()> {
    let is_complete = parts.iter().all(|part| part.is_complete);
    let (mut unknown, mut unfinished) = (Vec::new(), Vec::new());
    for file in unit_files(folder, &ConversionFiles)? {
        let is_recorded = |name: &str| {
            records.get(&file.unit).is_some_and(|(_, stack)| stack.files.iter().any(|known| known.name == name))
        };
        if file.is_partial {
            unfinished.push(format!("`{}`", file.name));
        } else if !is_recorded(&file.name) && (is_complete || file.unit >= found.n_stacks) {
            unknown.push(format!("`{}`", file.name));
        }
    }
    if !unknown.is_empty() {
        let message =
            format!("{} that no manifest records: {}", counted(unknown.len(), "stack file"), listed(&unknown));
        let problem = Problem::new("file-unknown", message);
        found.problems.push(problem.with_hint("anything that reads all stacks in the folder would read these too"));
    }
    if !unfinished.is_empty() {
        found.warnings.push(Warning {
            code: "unfinished-files",
            message: format!(
                "{} of a run that is still running or was killed: {}",
                counted(unfinished.len(), "unfinished file"),
                listed(&unfinished)
            )
            .into(),
        });
    }
    Ok(())
}
