//! The contents of a manifest, and its file.

use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use verglas_core::atomic::write_atomically;
use verglas_core::error::{Error, Result};
use verglas_core::findings::Warning;
use verglas_core::hint::CommandWords;

use super::name::manifest_name;
use super::path::RecordedPath;
use super::seal;
use super::seal::Seal;
use crate::shard::Shard;
use crate::whole::sha256_of;

/// The contents of a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// `verglas`.
    #[serde(default)]
    pub program: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// The part of the plan that this run makes; `None` for all of it.
    #[serde(default)]
    pub shard: Option<Shard>,
    /// Where the run was started: relative paths start here.
    #[serde(default)]
    pub working_dir: RecordedPath,
    /// Every setting that the output depends on, defaults included.
    pub settings: RecordedSettings,
    /// All stacks of the data set, whether this run makes them or not.
    #[serde(default)]
    pub plan: PlanRecord,
    /// The files that were read, as they were when the run began: metadata, descriptor, images.
    pub inputs: Vec<InputFile>,
    /// The warnings.
    #[serde(default)]
    pub warnings: Vec<RecordedWarning>,
    /// Images that this run was asked for, those that were left out included.
    #[serde(default)]
    pub n_images: usize,
    /// Stacks that this run was asked for.
    pub n_stacks: usize,
    /// Whether all of these stacks are there.
    pub is_complete: bool,
    /// The descriptor that was made from the data, if one was.
    #[serde(default)]
    pub descriptor: Option<FileRecord>,
    /// The stacks that are whole, in the order of their numbers.
    pub stacks: Vec<StackRecord>,
    /// The list of the images that were left out (`skipped.star`), as this run wrote it; shards rewrite it as more
    /// of them end, so it may be any of these or another shard's. Empty if this run left none out.
    #[serde(default)]
    pub skipped_list: Vec<FileRecord>,
    /// The files that were written when all units were there, if this run wrote them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closing: Vec<FileRecord>,
    /// The images of whole stacks that were left out because they can't be read or normalised.
    #[serde(default)]
    pub skipped: Vec<SkippedImage>,
    /// How the run went: depends on the machine and the moment.
    #[serde(default)]
    pub run: RunRecord,
    /// Whether the file ends with a checksum of itself; early versions wrote none.
    #[serde(default)]
    pub is_sealed: bool,
}

/// The settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedSettings {
    /// The input.
    pub input: InputRecord,
    /// All other settings, by name.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// The input: kind and paths, as given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum InputRecord {
    /// A STAR file whose rows name their images.
    IndexedStar {
        /// The file.
        #[serde(default)]
        star: RecordedPath,
    },
    /// STAR files and image stacks in pairs.
    StarPairs {
        /// STAR file and image stack of each.
        pairs: Vec<[RecordedPath; 2]>,
    },
    /// CryoSPARC files whose rows name their images.
    IndexedCs {
        /// One file, or two that were joined.
        #[serde(default)]
        cs: Vec<RecordedPath>,
    },
    /// A CryoSPARC job directory.
    CryosparcJob {
        /// The folder that holds it.
        root: RecordedPath,
        /// The number of the job.
        job: u64,
    },
    /// Structures that templates are made from.
    Structures {
        /// Their files, in order.
        files: Vec<RecordedPath>,
    },
    /// Images that are compared with templates.
    Likelihood {
        /// The folder of the stacks, or the first file that images are made from on the way.
        particles: RecordedPath,
        /// The folder of the templates.
        templates: RecordedPath,
        /// What images are made from without stacks; `None` if they are read from stacks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        images: Option<Box<InputRecord>>,
    },
}

impl InputRecord {
    /// The nouns for what the output counts, and for what that is divided into: images in stacks, templates in
    /// structures, comparisons of an image with a template at a displacement in units of a structure and a stack.
    pub fn nouns(&self) -> [&'static str; 2] {
        match self {
            Self::Structures { .. } => ["template", "structure"],
            Self::Likelihood { .. } => ["comparison", "unit"],
            _ => ["image", "stack"],
        }
    }
}

/// The stacks of a data set in short: two plans are the same when all of this is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlanRecord {
    /// Images of all stacks.
    pub n_images: usize,
    /// Stacks.
    pub n_stacks: usize,
    /// CRC-32, in hexadecimal, of which image of which row goes where.
    pub crc32: String,
}

/// Why a file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputRole {
    /// Its rows say how images were taken.
    Metadata,
    /// It holds the grids.
    Descriptor,
    /// It holds images.
    Images,
    /// It holds a structure: atoms or a map.
    Structure,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputFile {
    /// The file as it was opened, relative to [`Manifest::working_dir`].
    pub path: RecordedPath,
    /// Why; missing in manifests of early versions.
    #[serde(default)]
    pub role: Option<InputRole>,
    /// Its size; `None` if that could not be had.
    pub bytes: Option<u64>,
    /// When it was changed last, seconds since 1970, UTC.
    pub modified: Option<f64>,
    /// SHA-256 of what is in it, in hexadecimal, where it was read as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// A warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedWarning {
    /// A fixed name for scripts.
    pub code: String,
    /// The message.
    pub message: String,
}

/// A stack that is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackRecord {
    /// Its number, from 0.
    pub number: usize,
    /// How much it counts: images, templates, comparisons ([`InputRecord::nouns`]).
    pub n_images: usize,
    /// Its files.
    pub files: Vec<FileRecord>,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its path below the output folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// CRC-32 of the whole file, in hexadecimal.
    pub crc32: String,
}

/// An image that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedImage {
    /// The stack that it would be in.
    pub stack: usize,
    /// Its row in the metadata file, from 0.
    pub row: u32,
    /// Its image file, as the metadata or the command line name it.
    pub file: RecordedPath,
    /// Its section in the file, from 0.
    pub section: u32,
    /// Why.
    pub reason: String,
}

/// How a run goes or went. Times are wall time; those of the steps are summed over threads.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunRecord {
    /// Its state.
    pub state: RunState,
    /// When the run began, seconds since 1970, UTC.
    pub started: f64,
    /// When this was written, seconds since 1970, UTC.
    pub updated: f64,
    /// From the beginning to when this was written, s.
    pub seconds: f64,
    /// The command that was given, word by word; empty where it was none of `verglas`'s own, as from Python.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<RecordedPath>,
    /// The computer's name, if it has one.
    pub host: String,
    /// The process.
    pub process: u32,
    /// Threads that compute.
    pub n_threads: usize,
    /// Upper bound for buffers, bytes.
    pub memory_bytes: u64,
    /// Images that this run computed, those in stacks that are not whole yet included.
    pub n_images_done: usize,
    /// Images in stacks that an earlier run had made.
    pub n_images_kept: usize,
    /// Time of all threads in reading images, s.
    pub read_seconds: f64,
    /// Time of all threads in computing, s.
    pub compute_seconds: f64,
    /// Time of all threads in writing stacks, s.
    pub write_seconds: f64,
    /// Bytes of pixels read.
    pub bytes_read: u64,
    /// Bytes of stacks written.
    pub bytes_written: u64,
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// It was running when the manifest was written; if its process is gone, it was killed.
    #[default]
    Running,
    /// All stacks are there.
    Complete,
    /// An error stopped it.
    Failed,
    /// The user stopped it.
    Stopped,
}

impl Manifest {
    /// Reads the manifest at `path`.
    ///
    /// # Errors
    /// When it can't be read or is not a manifest.
    pub fn read(path: &Path) -> Result<Self> {
        let text = verglas_formats::read_regular(path)
            .map_err(|error| Error::io(format_args!("cannot read `{}`", path.display()), &error))?;
        let manifest: Self = serde_json::from_slice(&text)
            .map_err(|error| Error::format(format!("`{}` is not a verglas manifest: {error}", path.display())))?;
        match seal::check(&text) {
            Seal::Right => Ok(manifest),
            // Early versions wrote none.
            Seal::None if !manifest.is_sealed => Ok(manifest),
            Seal::None | Seal::Wrong => {
                Err(Error::format(format!("`{}` is damaged: its contents are not what was written", path.display()))
                    .with_hint("the stacks may still be whole, but nothing can tell without this record"))
            }
        }
    }

    /// Writes the manifest into the output folder, replacing the one before; returns how much was written.
    ///
    /// # Errors
    /// When it can't be written; the previous one is then kept.
    pub fn write(&self, folder: &Path) -> Result<u64> {
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::format(format!("the manifest can't be written: {error}")))?;
        seal::add(&mut text);
        write_atomically(&folder.join(self.file_name()), |file| Ok(file.write_all(&text)?))?;
        Ok(text.len() as u64)
    }

    /// The name of its file.
    pub fn file_name(&self) -> String {
        manifest_name(self.shard)
    }

    /// The numbers of the units that the run ought to make.
    pub fn own_units(&self) -> std::ops::Range<usize> {
        self.shard.map_or(0..self.n_stacks, |shard| shard.units(self.plan.n_stacks))
    }

    /// The path of an input, whatever the working directory is now.
    pub fn resolve(&self, path: &RecordedPath) -> std::path::PathBuf {
        path.from_dir(&self.working_dir)
    }

    /// Where an input is: relative to where the run was started, or to the current folder if it is no longer there but
    /// here.
    pub fn locate(&self, path: &RecordedPath) -> std::path::PathBuf {
        let there = self.resolve(path);
        let is_here = std::env::current_dir().is_ok_and(|here| here == *self.working_dir);
        if is_here || (!there.exists() && path.exists()) { path.to_path_buf() } else { there }
    }

    /// Whether the input was STAR files and image stacks in pairs, whose rows are counted for each file.
    pub fn is_of_pairs(&self) -> bool {
        matches!(self.settings.input, InputRecord::StarPairs { .. })
    }

    /// Images in the stacks that are whole.
    pub fn n_images_written(&self) -> usize {
        // A damaged manifest may hold any numbers.
        self.stacks.iter().fold(0, |sum: usize, stack| sum.saturating_add(stack.n_images))
    }
}

impl InputFile {
    /// Records the file at `path` as it is now.
    pub fn of(path: &Path, role: InputRole) -> Self {
        let (bytes, modified) = size_and_time(path);
        Self { path: path.into(), role: Some(role), bytes, modified, sha256: None }
    }

    /// The same with the checksum of what is in it; without, where it can't be read.
    pub fn with_checksum(path: &Path, role: InputRole) -> Self {
        Self { sha256: sha256_of(path).ok(), ..Self::of(path, role) }
    }
}

/// A file's size and its time of change, seconds since 1970.
pub fn size_and_time(path: &Path) -> (Option<u64>, Option<f64>) {
    let metadata = std::fs::metadata(path).ok();
    let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
    (metadata.map(|metadata| metadata.len()), modified.and_then(unix_seconds))
}

/// Seconds since 1970.
pub fn unix_seconds(time: SystemTime) -> Option<f64> {
    time.duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs_f64())
}

impl From<&Warning> for RecordedWarning {
    fn from(warning: &Warning) -> Self {
        Self { code: warning.code.to_owned(), message: warning.message.said_in(&CommandWords) }
    }
}

impl SkippedImage {
    /// The key that lists are sorted by.
    pub fn place(&self) -> (usize, u32) {
        (self.stack, self.row)
    }
}

impl FileRecord {
    /// A file that holds `contents`.
    pub fn of(name: impl Into<String>, contents: &[u8]) -> Self {
        Self::new(name, contents.len() as u64, crc32fast::hash(contents))
    }

    /// A file of `bytes` bytes with the given CRC-32.
    pub fn new(name: impl Into<String>, bytes: u64, crc32: u32) -> Self {
        Self { name: name.into(), bytes, crc32: format!("{crc32:08x}") }
    }
}
