//! The output folder: what counts as empty, and what may be removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::settings::Existing;
use crate::stack::{FOURIER_FOLDER, PHYSICAL_FOLDER, PLOT_FOLDER, is_stack_file_name};

/// The folder that a conversion writes to.
#[derive(Debug, Clone)]
pub(crate) struct OutputFolder {
    root: PathBuf,
}

/// The name of the record of a run.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The name of the descriptor that is made from the data.
pub(crate) const DESCRIPTOR: &str = "parameters.npz";

impl OutputFolder {
    /// The folder at `root`, which need not exist yet.
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: if root.as_os_str().is_empty() { PathBuf::from(".") } else { root.to_owned() } }
    }

    /// The path of a file in it.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Checks, without changing anything, that a run may write here.
    ///
    /// A folder is not empty when it holds `fft/`, `phys/`, `plots/` or `manifest*.json`.
    ///
    /// # Errors
    /// When the folder is not empty and `existing` says to refuse, or when it can't be read or written.
    pub(crate) fn check(&self, existing: Existing) -> Result<()> {
        let cannot_use = |error: io::Error| Error::io(format_args!("cannot use `{}`", self.root.display()), &error);
        let metadata = match fs::metadata(&self.root) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return self.check_parent();
            }
            Err(error) => return Err(cannot_use(error)),
            Ok(metadata) => metadata,
        };
        if !metadata.is_dir() {
            return Err(Error::value(format!("`{}` is a file, expected a folder", self.root.display())));
        }
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(cannot_use)? {
            let name = entry.map_err(cannot_use)?.file_name();
            let name = name.to_string_lossy();
            let is_ours = [FOURIER_FOLDER, PHYSICAL_FOLDER, PLOT_FOLDER].contains(&name.as_ref()) || is_manifest(&name);
            if is_ours {
                found.push(name.into_owned());
            }
        }
        if !found.is_empty() && existing == Existing::Refuse {
            found.sort();
            return Err(Error::value(format!(
                "output folder `{}` is not empty: it holds {}",
                self.root.display(),
                found.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            ))
            .with_hint("choose another folder, or start anew with --overwrite"));
        }
        check_writable(&self.root)
    }

    fn check_parent(&self) -> Result<()> {
        let nearest = self.root.ancestors().skip(1).find(|folder| folder.exists() || folder.as_os_str().is_empty());
        match nearest {
            Some(folder) if !folder.as_os_str().is_empty() => {
                if folder.is_dir() {
                    check_writable(folder)
                } else {
                    Err(Error::value(format!(
                        "cannot make `{}`: `{}` is a file",
                        self.root.display(),
                        folder.display()
                    )))
                }
            }
            _ => check_writable(Path::new(".")),
        }
    }

    /// Makes the folders, after removing verglas's own files of an earlier run if `existing` says so.
    ///
    /// # Errors
    /// When a folder can't be made or a file can't be removed.
    pub(crate) fn prepare(&self, existing: Existing, with_physical: bool) -> Result<()> {
        if existing == Existing::Overwrite {
            self.remove_earlier_run()?;
        }
        let mut folders = vec![self.path(FOURIER_FOLDER)];
        if with_physical {
            folders.push(self.path(PHYSICAL_FOLDER));
        }
        for folder in folders {
            fs::create_dir_all(&folder)
                .map_err(|error| Error::io(format_args!("cannot make `{}`", folder.display()), &error))?;
        }
        Ok(())
    }

    /// Removes files of verglas's own names, manifest first: without it the folder can't be taken for a whole run.
    fn remove_earlier_run(&self) -> Result<()> {
        remove_matching(&self.root, |name| {
            is_manifest(name.strip_prefix('.').and_then(|n| n.strip_suffix(".partial")).unwrap_or(name))
        })?;
        for folder in [FOURIER_FOLDER, PHYSICAL_FOLDER, PLOT_FOLDER] {
            let path = self.path(folder);
            remove_matching(&path, |name| is_stack_file_name(folder, name))?;
            // Only an empty folder goes; other people's files stay, and with them their folder.
            let _ = fs::remove_dir(&path);
        }
        Ok(())
    }
}

fn is_manifest(name: &str) -> bool {
    name.starts_with("manifest") && name.ends_with(".json")
}

fn remove_matching(folder: &Path, matches: impl Fn(&str) -> bool) -> Result<()> {
    let cannot_remove =
        |path: &Path, error: io::Error| Error::io(format_args!("cannot remove `{}`", path.display()), &error);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| cannot_remove(folder, error))?,
    };
    for entry in entries {
        let entry = entry.map_err(|error| cannot_remove(folder, error))?;
        if entry.file_name().to_str().is_some_and(&matches) {
            fs::remove_file(entry.path()).map_err(|error| cannot_remove(&entry.path(), error))?;
        }
    }
    Ok(())
}

/// Tries to make a file: permissions alone don't tell about read-only file systems and quotas.
fn check_writable(folder: &Path) -> Result<()> {
    tempfile::Builder::new()
        .prefix(".verglas-")
        .tempfile_in(folder)
        .map(drop)
        .map_err(|error| Error::io(format_args!("cannot write in `{}`", folder.display()), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_peoples_files_are_no_hindrance_and_are_never_touched() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        let folder = OutputFolder::new(dir.path());
        folder.check(Existing::Refuse).unwrap();
        folder.prepare(Existing::Refuse, true).unwrap();
        fs::write(dir.path().join("fft/particles_fourier_stack_000000.pt"), "old").unwrap();
        fs::write(dir.path().join("fft/mine.pt"), "mine").unwrap();
        fs::write(dir.path().join("manifest.json"), "{}").unwrap();

        let refused = folder.check(Existing::Refuse).unwrap_err();
        assert!(refused.to_string().contains("`fft`, `manifest.json`, `phys`"), "{refused}");
        folder.check(Existing::Overwrite).unwrap();
        folder.prepare(Existing::Overwrite, false).unwrap();
        let names = |folder: &str| {
            let mut names: Vec<String> = fs::read_dir(dir.path().join(folder))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        assert_eq!(names(""), ["fft", "notes.txt"]);
        assert_eq!(names("fft"), ["mine.pt"]);
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("out"), "a file").unwrap();
        for path in ["out", "out/deeper"] {
            let error = OutputFolder::new(&dir.path().join(path)).check(Existing::Refuse).unwrap_err();
            assert!(error.to_string().contains("is a file"), "{error}");
        }
    }
}
