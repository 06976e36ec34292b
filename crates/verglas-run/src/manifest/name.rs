//! The names of manifests.

use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};

use crate::shard::Shard;

/// The name of the record of a run that makes all units.
pub const MANIFEST: &str = "manifest.json";

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
    // `manifest-01-of-4.json` is not a name of ours.
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
