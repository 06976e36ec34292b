//! The record of a run, `manifest.json`: settings, inputs, warnings, and the files written.
//!
//! It exists before the first stack, is rewritten from time to time and at the end, and is what resuming,
//! verifying and exporting go by. A run that makes one shard only writes a part of its own,
//! `manifest-K-of-N.json`; [`FolderRecord`] reads whichever there are.
//!
//! What depends on the machine and the moment is in [`RunRecord`] and nowhere else: two runs with the same settings
//! have manifests that are equal except for that, and for the files' modification times.

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
