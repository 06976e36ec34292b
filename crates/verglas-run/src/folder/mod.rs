//! The output folder: what counts as empty, what may be removed, and who may write to it.

mod lock;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use lock::FolderLock;
use verglas_core::atomic::{partial_sibling, write_atomically_via};
use verglas_core::error::{Error, Result};
use verglas_core::findings::Warning;

use crate::manifest::{FileRecord, Manifest, manifest_name, manifest_paths, parse_manifest_name};
use crate::names::{FOURIER_FOLDER, PHYSICAL_FOLDER, PLOT_FOLDER, StackNames, stack_file_number};
use crate::{Existing, Shard};
pub use lock::host_name;

/// The folder that a conversion writes to, as one run sees it.
#[derive(Debug, Clone)]
pub struct OutputFolder {
    root: PathBuf,
    /// The part of the stacks that the run makes.
    shard: Option<Shard>,
}

/// The name of the descriptor that is made from the data.
pub const DESCRIPTOR: &str = "parameters.npz";
/// The list of the images that were left out, by all shards together.
pub const SKIPPED: &str = "skipped.star";
/// The folders below an output folder.
const FOLDERS: [&str; 3] = [FOURIER_FOLDER, PHYSICAL_FOLDER, PLOT_FOLDER];

impl OutputFolder {
    /// The folder at `root`, which need not exist yet, for a run of all stacks or of one shard.
    pub fn new(root: &Path, shard: Option<Shard>) -> Self {
        Self { root: if root.as_os_str().is_empty() { PathBuf::from(".") } else { root.to_owned() }, shard }
    }

    /// The path of a file in it.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Checks, without changing anything, that a run may write here. Whether what is there belongs to the same plan is
    /// seen later, when the plan is known.
    ///
    /// A folder is not empty when it holds `fft/`, `phys/`, `plots/` or `manifest*.json`.
    ///
    /// # Errors
    /// When the folder is not empty and `existing` says to refuse, when it was written in other parts than this run's,
    /// or when it can't be read or written.
    pub fn check(&self, existing: Existing) -> Result<()> {
        if self.shard.is_some() && existing == Existing::Overwrite {
            return Err(Error::value("a shard can't start a folder anew: other shards may be writing to it")
                .with_hint("remove the folder, then start the shards"));
        }
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
            if FOLDERS.contains(&name.as_ref()) || is_manifest(&name) {
                found.push(name.into_owned());
            }
        }
        found.sort();
        match (self.shard, existing) {
            (Some(_), _) | (None, Existing::Resume) => self.check_parts(&found)?,
            (None, Existing::Refuse) if !found.is_empty() => {
                return Err(Error::value(format!(
                    "output folder `{}` is not empty: it holds {}",
                    self.root.display(),
                    found.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
                ))
                .with_hint(
                    "choose another folder, finish what is missing with --resume, or start anew with --overwrite",
                ));
            }
            (None, Existing::Refuse | Existing::Overwrite) => {}
        }
        check_writable(&self.root)
    }

    /// Whether a run of these parts may go on with a folder that holds manifests of these names.
    fn check_parts(&self, names: &[String]) -> Result<()> {
        let of = |shard: Option<Shard>| shard.map(Shard::of);
        let other =
            names.iter().filter_map(|name| parse_manifest_name(name)).find(|&there| of(there) != of(self.shard));
        let Some(other) = other else { return Ok(()) };
        let parts = |shard: Option<Shard>| match shard {
            None => "without shards".to_owned(),
            Some(shard) => format!("in {} shards", shard.of()),
        };
        Err(Error::value(format!(
            "output folder `{}` holds a run {}, this one is {}",
            self.root.display(),
            parts(other),
            parts(self.shard)
        ))
        .with_hint("choose another folder, or divide the run as it was divided before"))
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

    /// Makes the folder and takes it for this run, or for its shard; `None` instead of a warning where all is well.
    ///
    /// # Errors
    /// When another run has it, or when it can't be made.
    pub fn lock(&self) -> Result<(FolderLock, Option<Warning>)> {
        make_folder(&self.root)?;
        let locked = FolderLock::acquire(&self.root, self.shard)?;
        let warning = locked.unsupported.map(|why| Warning {
            code: "no-locks",
            message: format!(
                "the file system of `{}` can't lock files ({why}): nothing stops a second run from writing there",
                self.root.display()
            ),
        });
        Ok((locked.lock, warning))
    }

    /// Makes the folders below.
    ///
    /// # Errors
    /// When one can't be made.
    pub fn make_folders(&self, with_physical: bool, with_plots: bool) -> Result<()> {
        make_folder(&self.path(FOURIER_FOLDER))?;
        if with_physical {
            make_folder(&self.path(PHYSICAL_FOLDER))?;
        }
        if with_plots {
            make_folder(&self.path(PLOT_FOLDER))?;
        }
        Ok(())
    }

    /// Removes verglas's own files of an earlier run, manifests first: without them the folder can't be taken for a
    /// whole run.
    ///
    /// # Errors
    /// When a file can't be removed.
    pub fn remove_earlier_run(&self) -> Result<()> {
        self.remove_own_root_files()?;
        remove_matching(&self.root, |name| is_manifest(whole_name(name)))?;
        self.remove_partial_root_files()?;
        for folder in FOLDERS {
            let path = self.path(folder);
            remove_matching(&path, |name| stack_file_number(folder, name).is_some())?;
            // Only an empty folder goes; other people's files stay, and with them their folder.
            let _ = fs::remove_dir(&path);
        }
        Ok(())
    }

    /// Removes what a killed run left of files that were not whole, if this run makes them: another shard's may be
    /// growing right now.
    ///
    /// # Errors
    /// When a file can't be removed.
    pub fn remove_unfinished(&self, own_stacks: std::ops::Range<usize>) -> Result<()> {
        for folder in FOLDERS {
            remove_matching(&self.path(folder), |name| {
                name.starts_with('.')
                    && stack_file_number(folder, name)
                        .is_some_and(|number| self.shard.is_none() || own_stacks.contains(&number))
            })?;
        }
        self.remove_partial_root_files()
    }

    fn remove_partial_root_files(&self) -> Result<()> {
        let own = [&manifest_name(self.shard), DESCRIPTOR, SKIPPED].map(|name| self.partial(name));
        remove_matching(&self.root, |name| match self.shard {
            Some(_) => own.iter().any(|own| own.file_name().is_some_and(|own| own == name)),
            None => {
                let whole = whole_name(name);
                let is_own = is_manifest(whole) || [DESCRIPTOR, SKIPPED].iter().any(|own| whole.starts_with(own));
                whole != name && is_own
            }
        })
    }

    /// The temporary name of a file that several shards may write at once.
    fn partial(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        match self.shard {
            Some(shard) if [DESCRIPTOR, SKIPPED].contains(&name) => {
                self.path(format!(".{name}.{}-of-{}.partial", shard.number(), shard.of()))
            }
            _ => partial_sibling(&path),
        }
    }

    /// The stacks of which the metadata file, the last one to be published, is there.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn published_stacks(&self) -> Result<std::collections::BTreeSet<usize>> {
        let is_metadata = |file: &StackFile| Path::new(&file.name) == StackNames::of(file.number).metadata;
        Ok(stack_files(&self.root)?.into_iter().filter(is_metadata).map(|file| file.number).collect())
    }

    /// Checks that the descriptor, if one of these bytes is to be made, and the list of images left out, if there may be
    /// one, can be put into the folder without replacing someone else's file.
    ///
    /// # Errors
    /// When there is another file of its name, which no earlier run here made.
    pub fn check_root_files(&self, descriptor: Option<&[u8]>, with_list: bool) -> Result<()> {
        let mut names = Vec::new();
        if let Some(bytes) = descriptor {
            let path = self.path(DESCRIPTOR);
            if read_if_there(&path)?.is_some_and(|there| there != bytes) {
                names.push(DESCRIPTOR);
            }
        }
        if with_list && read_if_there(&self.path(SKIPPED))?.is_some() {
            names.push(SKIPPED);
        }
        let Some(name) = names.into_iter().find(|name| !self.is_own(name)) else { return Ok(()) };
        let hint = match name {
            DESCRIPTOR => "choose another folder, or move the file away; to use its grids, give it with --descriptor",
            _ => "choose another folder, or move the file away",
        };
        Err(Error::value(format!(
            "`{}` is there already, and no file of an earlier run: it is not replaced",
            self.path(name).display()
        ))
        .with_hint(hint))
    }

    /// Writes the descriptor, unless it is there; several shards may do so at once.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write_descriptor(&self, bytes: &[u8]) -> Result<()> {
        let path = self.path(DESCRIPTOR);
        if fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        write_atomically_via(&self.partial(DESCRIPTOR), &path, |file| Ok(file.write_all(bytes)?))
    }

    /// Writes the list of the images that were left out; several shards may do so at once.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write_list(&self, bytes: &[u8]) -> Result<()> {
        write_atomically_via(&self.partial(SKIPPED), &self.path(SKIPPED), |file| Ok(file.write_all(bytes)?))
    }

    /// Removes the list of the images that were left out, if a run made it.
    ///
    /// # Errors
    /// When it can't be removed.
    pub fn remove_own_list(&self) -> Result<()> {
        if self.is_own(SKIPPED) { remove_file(&self.path(SKIPPED)) } else { Ok(()) }
    }

    /// Removes the descriptor and the list that runs made which have their manifests here. To be called while they have.
    ///
    /// # Errors
    /// When one can't be removed.
    pub fn remove_own_root_files(&self) -> Result<()> {
        if self.is_own(DESCRIPTOR) {
            remove_file(&self.path(DESCRIPTOR))?;
        }
        self.remove_own_list()
    }

    /// Whether the file `name` is what a run made that has its manifest here.
    fn is_own(&self, name: &str) -> bool {
        let record = || Some(FileRecord::of(name, &fs::read(self.path(name)).ok()?));
        let mut there = record();
        while let Some(found) = there {
            let manifests = manifest_paths(&self.root).unwrap_or_default();
            let is_recorded = manifests.iter().any(|(_, path)| {
                Manifest::read(path).is_ok_and(|manifest| {
                    manifest.descriptor.as_ref() == Some(&found) || manifest.skipped_list.contains(&found)
                })
            });
            if is_recorded {
                return true;
            }
            // Another shard may just have replaced it, and may have been the only one to know it.
            there = record().filter(|now| *now != found);
        }
        false
    }
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(format_args!("cannot read `{}`", path.display()), &error)),
        Ok(bytes) => Ok(Some(bytes)),
    }
}

/// A file of a name that verglas gives, below an output folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackFile {
    /// Its path below the output folder.
    pub name: String,
    /// The stack that it belongs to.
    pub number: usize,
    /// Whether its name is a temporary one.
    pub is_partial: bool,
}

/// All files below the output folder at `root` that have the names of stacks' files, in the order of their names.
///
/// # Errors
/// When a folder can't be read.
pub fn stack_files(root: &Path) -> Result<Vec<StackFile>> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        let path = root.join(folder);
        let cannot_read = |error| Error::io(format_args!("cannot read the folder `{}`", path.display()), &error);
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(cannot_read)?,
        };
        for entry in entries {
            let name = entry.map_err(cannot_read)?.file_name();
            let Some(name) = name.to_str() else { continue };
            if let Some(number) = stack_file_number(folder, name) {
                let is_partial = name.starts_with('.');
                files.push(StackFile { name: format!("{folder}/{name}"), number, is_partial });
            }
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// The name that a file has when it is whole.
fn whole_name(name: &str) -> &str {
    name.strip_prefix('.').and_then(|name| name.strip_suffix(".partial")).unwrap_or(name)
}

fn is_manifest(name: &str) -> bool {
    name.starts_with("manifest") && name.ends_with(".json")
}

fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io(format_args!("cannot make `{}`", folder.display()), &error))
}

fn remove_file(path: &Path) -> Result<()> {
    fs::remove_file(path).map_err(|error| Error::io(format_args!("cannot remove `{}`", path.display()), &error))
}

fn remove_matching(folder: &Path, matches: impl Fn(&str) -> bool) -> Result<()> {
    let cannot_read = |error| Error::io(format_args!("cannot read the folder `{}`", folder.display()), &error);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(cannot_read)?,
    };
    for entry in entries {
        let entry = entry.map_err(cannot_read)?;
        if entry.file_name().to_str().is_some_and(&matches) {
            remove_file(&entry.path())?;
        }
    }
    Ok(())
}

/// Tries to make a file: permissions alone don't tell about read-only file systems and quotas.
fn check_writable(folder: &Path) -> Result<()> {
    // A file without a name: nothing is left of it, however this process ends.
    tempfile::tempfile_in(folder)
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
        let folder = OutputFolder::new(dir.path(), None);
        folder.check(Existing::Refuse).unwrap();
        folder.make_folders(true, true).unwrap();
        fs::write(dir.path().join("fft/particles_fourier_stack_000000.pt"), "old").unwrap();
        fs::write(dir.path().join("fft/mine.pt"), "mine").unwrap();
        fs::write(dir.path().join("manifest.json"), "{}").unwrap();

        let refused = folder.check(Existing::Refuse).unwrap_err();
        assert!(refused.to_string().contains("`fft`, `manifest.json`, `phys`"), "{refused}");
        folder.check(Existing::Overwrite).unwrap();
        folder.remove_earlier_run().unwrap();
        folder.make_folders(false, false).unwrap();
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
            let error = OutputFolder::new(&dir.path().join(path), None).check(Existing::Refuse).unwrap_err();
            assert!(error.to_string().contains("is a file"), "{error}");
        }
    }
}
