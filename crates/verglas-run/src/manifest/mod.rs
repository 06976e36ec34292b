//! The record of a run, `manifest.json`: what was asked, what was read, what was told, and what was written.
//!
//! It is there before the first stack, is written anew from time to time and at the end, and is what resuming,
//! verifying and exporting go by. A run that makes one shard only writes a part of its own,
//! `manifest-K-of-N.json`; [`FolderRecord`] reads whichever there are.
//!
//! What depends on the machine and the moment stands in [`RunRecord`] and nowhere else: two runs that were asked the same
//! have manifests that are equal but for that, and for the files' times of change.

mod compare;
mod folder;
mod name;
mod path;
mod record;
mod seal;

pub use compare::{differing_inputs, differing_settings};
pub use folder::FolderRecord;
pub use name::{MANIFEST, manifest_name, manifest_paths, parse_manifest_name};
pub use path::RecordedPath;
pub use record::{
    FileRecord, InputFile, InputRecord, InputRole, Manifest, PlanRecord, RecordedSettings, RecordedWarning, RunRecord,
    RunState, SkippedImage, StackRecord, size_and_time, unix_seconds,
};
