//! The files that a job calls its own: what makes a folder count as not empty, and what alone is ever removed.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use verglas_core::atomic::whole_name;
use verglas_core::error::{Error, Result};

/// The names that one kind of job gives to its files.
///
/// A job makes *units*, numbered from 0: of a conversion they are the stacks. All files of a unit belong to one number.
pub trait JobFiles: fmt::Debug + Send + Sync {
    /// The folders below the output folder that hold files of units; `""` is the output folder itself.
    fn folders(&self) -> &[&'static str];

    /// The folders below the output folder at `root` that hold files of units, as they exist: their names may be
    /// numbered. Nested folders come before the folders that contain them.
    fn numbered_folders(&self, root: &Path) -> Vec<String> {
        let _ = root;
        Vec::new()
    }

    /// The unit whose file is called `name` in `folder`; `None` for names that the job does not give.
    fn unit_of(&self, folder: &str, name: &str) -> Option<usize>;

    /// Whether this file is the one of its unit that is published last.
    fn is_last_of_unit(&self, folder: &str, name: &str) -> bool;

    /// Files of the output folder itself, next to manifests, that all shards of a job write together.
    fn shared_files(&self) -> &[&'static str];

    /// Files that are written when all units are done, in the output folder itself or, as `folder/name`, in one below
    /// it that is among [`JobFiles::folders`]. Like those of units they make it count as not empty, and are removed
    /// with an earlier run's files, whichever run wrote them.
    fn closing_files(&self) -> &[&'static str] {
        &[]
    }

    /// What a unit is called in messages: `stack`.
    fn unit_noun(&self) -> &'static str;
}

/// A file of a name that a job gives, below an output folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFile {
    /// Its path below the output folder.
    pub name: String,
    /// The unit that it belongs to.
    pub unit: usize,
    /// Whether its name is a temporary one.
    pub is_partial: bool,
    /// Whether it is the file of its unit that is published last.
    pub is_last: bool,
}

/// All files below the output folder at `root` that have names of units' files, in the order of their names.
///
/// # Errors
/// When a folder can't be read.
pub fn unit_files(root: &Path, files: &dyn JobFiles) -> Result<Vec<UnitFile>> {
    let mut found = Vec::new();
    let numbered = files.numbered_folders(root);
    for folder in files.folders().iter().copied().chain(numbered.iter().map(String::as_str)) {
        for name in names_in(&root.join(folder))? {
            let whole = whole_name(&name);
            if let Some(unit) = files.unit_of(folder, whole) {
                let (is_partial, is_last) = (whole != name, files.is_last_of_unit(folder, whole));
                let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                found.push(UnitFile { name, unit, is_partial, is_last: is_last && !is_partial });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The names in a folder that are text; none if there is no such folder.
pub(super) fn names_in(folder: &Path) -> Result<Vec<String>> {
    let cannot_read = |error| Error::io(format_args!("cannot read the folder `{}`", folder.display()), &error);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(cannot_read)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(cannot_read)?.file_name().into_string());
    }
    Ok(names)
}

/// Removes files, unless the run that removes them reads one of them.
///
/// # Errors
/// When one of `read` is among them, whatever it is called; then nothing is removed. When one can't be removed.
pub(super) fn remove_files(doomed: &[PathBuf], read: &[PathBuf]) -> Result<()> {
    // By what they are, not by their names: links and detours lead to one file, too.
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let doomed_files: HashMap<(u64, u64), &PathBuf> = doomed
        .iter()
        .filter_map(|path| Some((identity(fs::symlink_metadata(path).ok()?), path)))
        .chain(doomed.iter().filter_map(|path| Some((identity(fs::metadata(path).ok()?), path))))
        .collect();
    if !doomed_files.is_empty() {
        let needed = read.iter().find_map(|path| {
            let there = doomed_files.get(&identity(fs::metadata(path).ok()?))?;
            Some((path, *there))
        });
        if let Some((path, there)) = needed {
            let other_name = if path == there { String::new() } else { format!(" (`{}`)", there.display()) };
            return Err(Error::value(format!(
                "`{}`{other_name} is read by this run, and would be removed as a file of the earlier run",
                path.display()
            ))
            .with_hint("copy it elsewhere and name the copy, or choose another output folder"));
        }
    }
    doomed.iter().try_for_each(|path| {
        fs::remove_file(path).map_err(|error| Error::io(format_args!("cannot remove `{}`", path.display()), &error))
    })
}
