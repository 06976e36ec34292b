//! All that the manifests of an output folder say.

use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};

use super::compare::differing_settings;
use super::{MANIFEST, Manifest, RunState, StackRecord};
use crate::shard::Shard;

/// The manifests of an output folder: one, or one of each shard that has begun.
#[derive(Debug, Clone, PartialEq)]
pub struct FolderRecord {
    /// In the order of the shards; never empty.
    pub parts: Vec<Manifest>,
}

/// The name of the manifest of a run.
pub fn manifest_name(shard: Option<Shard>) -> String {
    match shard {
        None => MANIFEST.to_owned(),
        Some(shard) => format!("manifest-{}-of-{}.json", shard.number(), shard.of()),
    }
}

/// The run whose manifest has this name: `Some(None)` for a run of all stacks, `None` for other names.
pub fn parse_manifest_name(name: &str) -> Option<Option<Shard>> {
    if name == MANIFEST {
        return Some(None);
    }
    let (number, of) = name.strip_prefix("manifest-")?.strip_suffix(".json")?.split_once("-of-")?;
    let shard = Shard::new(number.parse().ok()?, of.parse().ok()?).ok()?;
    // `manifest-01-of-4.json` is nobody's.
    (manifest_name(Some(shard)) == name).then_some(Some(shard))
}

/// The paths of the manifests in a folder, that of all stacks first, then those of shards in order.
pub fn manifest_paths(folder: &Path) -> Result<Vec<(Option<Shard>, PathBuf)>> {
    let cannot_read = |error| Error::io(format_args!("cannot read the folder `{}`", folder.display()), &error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot_read)? {
        let entry = entry.map_err(cannot_read)?;
        if let Some(shard) = entry.file_name().to_str().and_then(parse_manifest_name) {
            paths.push((shard, entry.path()));
        }
    }
    paths.sort_by_key(|(shard, _)| shard.map(|shard| (shard.of(), shard.number())));
    Ok(paths)
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
            return Err(Error::not_found(format!("`{}` has no {MANIFEST}", folder.display()))
                .with_hint("expected the output folder of `verglas convert`"));
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
                "they were asked for different things"
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

    /// Whether a run was going on when its manifest was written.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_known_by_their_names() {
        let shard = |number, of| Some(Some(Shard::new(number, of).unwrap()));
        assert_eq!(parse_manifest_name("manifest.json"), Some(None));
        assert_eq!(parse_manifest_name("manifest-3-of-12.json"), shard(3, 12));
        for other in ["manifest-0-of-1.json", "manifest-2-of-1.json", "manifest-01-of-4.json", "manifest-x.json", "a"] {
            assert_eq!(parse_manifest_name(other), None, "{other}");
        }
    }
}
