//! All that the manifests of an output folder say.

use std::path::Path;

use verglas_core::error::{Error, Result};

use super::compare::differing_settings;
use super::name::{MANIFEST, manifest_paths};
use super::record::{Manifest, RunState, StackRecord};
use crate::shard::Shard;

/// The manifests of an output folder: one, or one of each shard that has begun.
#[derive(Debug, Clone, PartialEq)]
pub struct FolderRecord {
    /// In the order of the shards; never empty.
    pub parts: Vec<Manifest>,
}

impl FolderRecord {
    /// Reads the manifests of the output folder at `folder`.
    ///
    /// # Errors
    /// When there is none, when one can't be read, or when they are of runs that don't belong together.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut parts = Vec::new();
        for (shard, path) in manifest_paths(folder)? {
            let part = Manifest::read(&path)?;
            if part.shard != shard {
                return Err(Error::format(format!(
                    "`{}` says that it is the manifest of another shard",
                    path.display()
                )));
            }
            parts.push(part);
        }
        if parts.is_empty() {
            return Err(Error::not_found(format!("`{}` has no {MANIFEST}", folder.display())).with_hint(
                "expected the output folder of `verglas convert`, `verglas templates` or `verglas likelihood`",
            ));
        }
        Self::belong_together(folder, &parts)?;
        Ok(Self { parts })
    }

    /// Whether the manifests of a folder are of shards of one run.
    ///
    /// # Errors
    /// When they are not.
    pub fn belong_together(folder: &Path, parts: &[Manifest]) -> Result<()> {
        let Some((first, others)) = parts.split_first() else { return Ok(()) };
        for other in others {
            let of = |part: &Manifest| part.shard.map(Shard::of);
            let why = if of(first) != of(other) {
                "they are of runs with different numbers of shards"
            } else if first.plan != other.plan {
                "their plans differ"
            } else if !differing_settings(first, other).is_empty() {
                "their settings differ"
            } else {
                continue;
            };
            return Err(Error::format(format!(
                "`{}`: {} and {} don't belong together, {why}",
                folder.display(),
                first.file_name(),
                other.file_name()
            )));
        }
        Ok(())
    }

    /// The first part, whose settings, plan and working directory are those of all.
    pub fn first(&self) -> &Manifest {
        &self.parts[0]
    }

    /// Into how many shards the run was divided; `None` if it was not.
    pub fn n_shards(&self) -> Option<usize> {
        self.first().shard.map(Shard::of)
    }

    /// Shards that have not begun.
    pub fn missing_shards(&self) -> Vec<usize> {
        let here: std::collections::HashSet<usize> =
            self.parts.iter().filter_map(|part| part.shard).map(Shard::number).collect();
        self.n_shards().map_or(Vec::new(), |of| (1..=of).filter(|number| !here.contains(number)).collect())
    }

    /// Stacks of the data set, whether they are there or not.
    pub fn n_stacks(&self) -> usize {
        match self.parts.as_slice() {
            [whole] if whole.shard.is_none() => whole.n_stacks,
            _ => self.first().plan.n_stacks,
        }
    }

    /// Images of the data set, whether they are there or not.
    pub fn n_images(&self) -> usize {
        match self.parts.as_slice() {
            [whole] if whole.shard.is_none() => whole.n_images,
            _ => self.first().plan.n_images,
        }
    }

    /// Whether every stack is there, as the manifests say.
    pub fn is_complete(&self) -> bool {
        self.missing_shards().is_empty() && self.parts.iter().all(|part| part.is_complete)
    }

    /// Whether a run was still running when its manifest was written.
    pub fn is_running(&self) -> bool {
        self.parts.iter().any(|part| part.run.state == RunState::Running)
    }

    /// The stacks that are whole, in the order of their numbers.
    pub fn stacks(&self) -> Vec<&StackRecord> {
        let mut stacks: Vec<&StackRecord> = self.parts.iter().flat_map(|part| &part.stacks).collect();
        stacks.sort_by_key(|stack| stack.number);
        stacks
    }
}
