//! What the verification of every kind of output folder shares: its problems, a file against its record, the manifests
//! that can be read, and the files that were read for it.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;

use serde::Serialize;
use verglas_core::error::Result;
use verglas_core::findings::{Warning, counted};
use verglas_core::hint::{Hint, Setting, Text};

use crate::manifest::{FileRecord, FolderRecord, Manifest, RunState, manifest_paths, size_and_time};
use crate::shard::Shard;
use crate::whole::checksum_file;

/// How many things of one kind are listed.
pub const MOST_LISTED: usize = 10;

/// Something that is wrong with an output folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// A fixed name for scripts, such as `file-missing`.
    pub code: &'static str,
    /// What is wrong and where; lower case, no final stop.
    pub message: Text,
    /// What to do about it, if known.
    pub hint: Option<Text>,
}

impl Problem {
    /// A problem of which it is not known what to do about it.
    pub fn new(code: &'static str, message: impl Into<Text>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    /// The same, with what to do about it.
    pub fn with_hint(self, hint: impl Into<Text>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// The first [`MOST_LISTED`] of `items`, and how many more there are.
pub fn listed(items: &[impl Display]) -> String {
    let mut list: Vec<String> = items.iter().take(MOST_LISTED).map(ToString::to_string).collect();
    if items.len() > MOST_LISTED {
        list.push(format!("and {} more", items.len() - MOST_LISTED));
    }
    list.join(", ")
}

/// Why a run is not done.
pub fn how_it_ended(state: RunState) -> &'static str {
    match state {
        RunState::Running => "it was killed, or is still running",
        RunState::Failed => "an error ended it",
        RunState::Stopped => "it was stopped",
        RunState::Complete => "although it says that it is complete",
    }
}

/// The manifests of a folder that can be read; what is wrong with the others, or with all of them together, is added to
/// `problems`.
///
/// # Errors
/// When the folder can't be read or holds no manifest.
pub fn read_parts(folder: &Path, problems: &mut Vec<Problem>) -> Result<Vec<Manifest>> {
    let paths = manifest_paths(folder)?;
    if paths.is_empty() {
        // Worded as for all other readers of a manifest.
        FolderRecord::read(folder)?;
    }
    let mut parts: Vec<Manifest> = Vec::new();
    for (shard, path) in paths {
        match Manifest::read(&path) {
            Ok(part) if part.shard == shard => parts.push(part),
            Ok(_) => problems.push(Problem::new(
                "manifest-damaged",
                format!("`{}` says that it is the manifest of another shard", path.display()),
            )),
            Err(error) => problems.push(Problem::new("manifest-damaged", error.message().clone())),
        }
    }
    if let Err(error) = FolderRecord::belong_together(folder, &parts) {
        problems.push(Problem::new("manifests-differ", error.message().clone()));
    }
    Ok(parts)
}

/// Which of a folder's runs are not done, and which shards have not begun. `unit` is what a unit is called.
pub fn unfinished(parts: &[Manifest], unit: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for part in parts {
        let n_own = part.own_units().len();
        if part.is_complete && part.stacks.len() >= n_own {
            continue;
        }
        let of_shard = part.shard.map_or(String::new(), |shard| format!(" of shard {shard}"));
        let how = how_it_ended(part.run.state);
        let n_done = counted(part.stacks.len(), unit);
        let message = format!("the run{of_shard} is unfinished: {n_done} recorded of {n_own}; {how}");
        let hint = match part.shard {
            None => "the same job with " + Hint::Resume + " makes what is missing",
            Some(_) => "the same job makes what is missing of a shard".into(),
        };
        problems.push(Problem::new("unfinished", message).with_hint(hint));
    }
    let Some(of) = parts.first().and_then(|first| first.shard).map(Shard::of) else { return problems };
    let here: BTreeSet<usize> = parts.iter().filter_map(|part| part.shard).map(Shard::number).collect();
    let missing: Vec<usize> = (1..=of).filter(|number| !here.contains(number)).collect();
    if !missing.is_empty() {
        let message = format!("{} of {of} shards have not begun: {}", missing.len(), listed(&missing));
        problems.push(
            Problem::new("shards-missing", message).with_hint("run each of them with " + Hint::Give(Setting::Shard)),
        );
    }
    problems
}

/// How a file differs from its record, if it does: `n_bytes` grows by what was read; stops when `go_on` returns false.
pub fn compare_file(path: &Path, record: &FileRecord, n_bytes: &mut u64, go_on: impl Fn() -> bool) -> Option<Problem> {
    let shown = path.display();
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Some(Problem::new("file-missing", format!("`{shown}` is missing")));
        }
        Err(error) => return Some(Problem::new("file-unreadable", format!("cannot read `{shown}`: {error}"))),
        Ok(there) if !there.is_file() => {
            return Some(Problem::new("file-missing", format!("`{shown}` is no longer a file")));
        }
        Ok(there) if there.len() != record.bytes => {
            let message = format!("`{shown}` has {} bytes, expected {}", there.len(), record.bytes);
            return Some(Problem::new("size-differs", message));
        }
        Ok(_) => {}
    }
    match checksum_file(path, go_on) {
        Err(error) => Some(Problem::new("file-unreadable", format!("cannot read `{shown}`: {error}"))),
        Ok(sum) => {
            *n_bytes += sum.bytes;
            let crc32 = format!("{:08x}", sum.crc32);
            (crc32 != record.crc32 || sum.bytes != record.bytes).then(|| {
                let message = format!(
                    "`{shown}` was altered, or comes from another run: its checksum is {crc32}, expected {}",
                    record.crc32
                );
                Problem::new("checksum-differs", message)
            })
        }
    }
}

/// Sources that are gone or were changed `since`: what was made from them is unaffected, but can't be made again.
pub fn changed_inputs(parts: &[Manifest], since: &str) -> Option<Warning> {
    /// Times of change that differ by less are the same: they are kept as seconds in double precision.
    const SAME_TIME_S: f64 = 1e-6;
    let mut changes = BTreeSet::new();
    for part in parts {
        for input in &part.inputs {
            let path = part.resolve(&input.path);
            let (bytes, modified) = size_and_time(&path);
            let what = match (input.bytes, bytes) {
                (Some(_), None) => "is gone".to_owned(),
                (Some(before), Some(now)) if before != now => format!("had {before} bytes and now has {now}"),
                _ => match (input.modified, modified) {
                    (Some(before), Some(now)) if (before - now).abs() > SAME_TIME_S => {
                        "has a different modification time".to_owned()
                    }
                    _ => continue,
                },
            };
            changes.insert(format!("`{}` {what}", path.display()));
        }
    }
    if changes.is_empty() {
        return None;
    }
    let mut message = format!("{} changed since {since}", counted(changes.len(), "input file"));
    for change in changes.iter().take(MOST_LISTED) {
        message.push_str(&format!("\n  {change}"));
    }
    if changes.len() > MOST_LISTED {
        message.push_str(&format!("\n  and {} more", changes.len() - MOST_LISTED));
    }
    Some(Warning { code: "input-changed", message: message.into() })
}
