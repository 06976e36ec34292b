//! The output folder: what counts as empty, what may be removed, and who may write to it.

mod lock;
mod own;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use verglas_core::StopFlag;
use verglas_core::atomic::{cannot_write, whole_name, write_atomically};
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::findings::Warning;
use verglas_core::hint::{Hint, Setting};

use lock::{FolderLock, StartLock};
pub use lock::{has_lock, host_name};
pub use own::{JobFiles, UnitFile, unit_files};
use own::{names_in, remove_files};

use crate::manifest::{FileRecord, Manifest, manifest_name, manifest_paths, parse_manifest_name};
use crate::{Existing, Shard};

/// The folder that a job writes to, as one run sees it.
#[derive(Debug, Clone)]
pub struct OutputFolder {
    root: PathBuf,
    /// The part of the units that the run makes.
    shard: Option<Shard>,
    files: Arc<dyn JobFiles>,
    /// The identities of the folders when the run took them.
    identity: Arc<Mutex<Vec<KnownFolder>>>,
}

/// A folder: its path, and its device and inode, which identify it.
type KnownFolder = (PathBuf, (u64, u64));

/// The name of the descriptor that is made from the data.
pub const DESCRIPTOR: &str = "parameters.npz";

impl OutputFolder {
    /// The folder at `root`, which need not exist yet, for a run of all units or of one shard.
    pub fn new(root: &Path, shard: Option<Shard>, files: impl JobFiles + 'static) -> Self {
        let root = if root.as_os_str().is_empty() { PathBuf::from(".") } else { root.to_owned() };
        Self { root, shard, files: Arc::new(files), identity: Arc::default() }
    }

    /// The path of a file in it.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Checks, without changing anything, that a run may write here. Whether the existing files belong to the same
    /// plan is checked later, when the plan is known.
    ///
    /// A folder is not empty when it holds a folder or a file of the job's names, or `manifest*.json`.
    ///
    /// # Errors
    /// When the folder is not empty and `existing` says to refuse, when it was written in other parts than this run's,
    /// or when it can't be read or written.
    pub fn check(&self, existing: Existing) -> Result<()> {
        if self.shard.is_some() && existing == Existing::Overwrite {
            return Err(Error::value("a shard can't start a folder over: other shards may be writing to it")
                .with_hint("remove the folder, then start the shards"));
        }
        let cannot_use = |error: io::Error| cannot_use(&self.root, &error);
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
        let numbered = self.files.numbered_folders(&self.root);
        let is_numbered = |name: &str| numbered.iter().any(|folder| folder == name);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(cannot_use)? {
            let name = entry.map_err(cannot_use)?.file_name();
            let name = name.to_string_lossy();
            let is_folder = !name.is_empty() && self.files.folders().contains(&name.as_ref());
            let is_unit = self.files.folders().contains(&"") && self.files.unit_of("", &name).is_some();
            let is_closing = self.files.closing_files().contains(&name.as_ref());
            if is_folder || is_numbered(&name) || is_unit || is_closing || is_like_manifest(&name) {
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
                    "choose another folder, finish what is missing with "
                        + Hint::Resume
                        + ", or start over with "
                        + Hint::Overwrite,
                ));
            }
            (None, Existing::Refuse | Existing::Overwrite) => {}
        }
        check_writable(&self.root)
    }

    /// Whether a run with these parts may continue in a folder that holds manifests of these names.
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
            )
            .into(),
        });
        self.remember(&self.root)?;
        Ok((locked.lock, warning))
    }

    /// The right to decide whether this shard fits to those that have begun: one shard at a time has it. `None` for a run
    /// of all units, which has the folder for itself.
    ///
    /// # Errors
    /// When it can't be had, or when `stop` is set while others have it.
    pub(crate) fn lock_start(&self, stop: &StopFlag) -> Result<Option<StartLock>> {
        self.shard.map(|_| StartLock::acquire(&self.root, stop)).transpose()
    }

    /// Makes folders below, and remembers which ones they are.
    ///
    /// # Errors
    /// When one can't be made.
    pub fn make_folders(&self, folders: &[&str]) -> Result<()> {
        folders.iter().try_for_each(|folder| {
            let path = self.path(folder);
            make_folder(&path)?;
            self.remember(&path)
        })
    }

    fn remember(&self, folder: &Path) -> Result<()> {
        let identity = identity(folder).map_err(|error| cannot_use(folder, &error))?;
        let mut known = self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(path, _)| path != folder);
        known.push((folder.to_owned(), identity));
        Ok(())
    }

    /// Checks that the folder and those below are still the ones that the run began with. To be called before files get
    /// their names: a folder that was moved away and replaced would get a part of the output only.
    ///
    /// # Errors
    /// When one was replaced or is gone.
    pub fn check_is_same(&self) -> Result<()> {
        let known = self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        for (folder, before) in known.iter() {
            let now = identity(folder).map_err(|error| cannot_write(folder, &error))?;
            if now != *before {
                let message = format!("`{}` is no longer the folder that this run began to write to", folder.display());
                return Err(Error::new(ErrorKind::Io, message).with_hint(
                    "it was moved away and replaced; what was written before is in the folder that was moved",
                ));
            }
        }
        Ok(())
    }

    /// Removes the job's own files of an earlier run, manifests first: without them the folder can't be taken for a
    /// whole run. `read` are the files that this run reads.
    ///
    /// # Errors
    /// When one of `read` would go, in which case nothing does; when a file can't be removed.
    pub fn remove_earlier_run(&self, read: &[PathBuf]) -> Result<()> {
        let mut doomed = self.own_shared_files();
        let at_root = names_in(&self.root)?;
        doomed.extend(self.closing_files_there()?);
        doomed.extend(at_root.iter().filter(|name| is_manifest(name)).map(|name| self.path(name)));
        doomed.extend(self.partial_shared_files(&at_root));
        doomed.extend(unit_files(&self.root, &*self.files)?.iter().map(|file| self.path(&file.name)));
        remove_files(&doomed, read)?;
        let numbered = self.files.numbered_folders(&self.root);
        let fixed = self.files.folders().iter().copied().filter(|folder| !folder.is_empty());
        for folder in fixed.chain(numbered.iter().map(String::as_str)) {
            // Only an empty folder is removed; other people's files are kept, and with them their folder.
            let _ = fs::remove_dir(self.path(folder));
        }
        Ok(())
    }

    /// Bytes on the disk that files of units take, whole and temporary ones, of those units that count; 0 where that can't
    /// be known.
    pub fn bytes_of_units(&self, counts: impl Fn(usize) -> bool) -> u64 {
        /// Of what the system counts files in.
        const BLOCK_BYTES: u64 = 512;
        let files = unit_files(&self.root, &*self.files).unwrap_or_default();
        let own = files.iter().filter(|file| counts(file.unit));
        let sizes = own.filter_map(|file| fs::metadata(self.path(&file.name)).ok());
        sizes.map(|file| file.blocks().saturating_mul(BLOCK_BYTES)).fold(0, u64::saturating_add)
    }

    /// Removes what a killed run left of files that were not whole, if this run makes them: another shard's may be
    /// growing right now.
    ///
    /// # Errors
    /// When a file can't be removed.
    pub fn remove_unfinished(&self, own_units: Range<usize>) -> Result<()> {
        let is_mine = |file: &&UnitFile| file.is_partial && (self.shard.is_none() || own_units.contains(&file.unit));
        let files = unit_files(&self.root, &*self.files)?;
        let mut doomed: Vec<PathBuf> = files.iter().filter(is_mine).map(|file| self.path(&file.name)).collect();
        doomed.extend(self.partial_shared_files(&names_in(&self.root)?));
        if self.shard.is_none() {
            let is_partial = |path: &PathBuf| {
                path.file_name().and_then(|name| name.to_str()).is_some_and(|name| whole_name(name) != name)
            };
            doomed.extend(self.closing_files_there()?.into_iter().filter(is_partial));
        }
        remove_files(&doomed, &[])
    }

    /// Files that are written when all units are there, and temporary ones of them in folders below.
    fn closing_files_there(&self) -> Result<Vec<PathBuf>> {
        let mut there = Vec::new();
        for file in self.files.closing_files() {
            let path = self.path(file);
            let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { continue };
            let is_below = file.contains('/');
            let of_file = |found: &String| found.as_str() == name || (is_below && whole_name(found) == name);
            there.extend(names_in(folder)?.into_iter().filter(of_file).map(|name| folder.join(name)));
        }
        Ok(there)
    }

    /// Temporary files of manifests, and of files that all shards write: of all runs if this is the only one,
    /// otherwise of this shard's manifest only.
    fn partial_shared_files(&self, names: &[String]) -> Vec<PathBuf> {
        let is_mine = |whole: &str| match self.shard {
            Some(_) => whole == manifest_name(self.shard),
            None => {
                is_manifest(whole)
                    || self.files.shared_files().contains(&whole)
                    || self.files.closing_files().contains(&whole)
            }
        };
        let is_partial = |name: &&String| whole_name(name) != name.as_str() && is_mine(whole_name(name));
        names.iter().filter(is_partial).map(|name| self.path(name)).collect()
    }

    /// The units of which the file that is published last is there.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn published_units(&self) -> Result<BTreeSet<usize>> {
        Ok(unit_files(&self.root, &*self.files)?
            .into_iter()
            .filter(|file| file.is_last)
            .map(|file| file.unit)
            .collect())
    }

    /// The names of the job's files.
    pub fn files(&self) -> &dyn JobFiles {
        &*self.files
    }

    /// Checks that files which all shards write can be put into the folder without replacing someone else's file:
    /// each with the bytes that it will have, if these are known.
    ///
    /// # Errors
    /// When there is another file of its name, which no earlier run here made.
    pub fn check_shared_files(&self, files: &[(&str, Option<&[u8]>)]) -> Result<()> {
        for &(name, bytes) in files {
            let there = read_if_there(&self.path(name))?;
            if there.is_none() || there.as_deref() == bytes || self.is_own(name) {
                continue;
            }
            let hint = match name {
                DESCRIPTOR => {
                    "choose another folder, or move the file away; to use its grids, give it with "
                        + Hint::Give(Setting::Descriptor)
                }
                _ => "choose another folder, or move the file away".into(),
            };
            return Err(Error::value(format!(
                "`{}` already exists and is not from an earlier run: it is not replaced",
                self.path(name).display()
            ))
            .with_hint(hint));
        }
        Ok(())
    }

    /// Writes a file that all shards write, unless it is there with these bytes; several may do so at once.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write_shared_file(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(name);
        if verglas_formats::read_regular(&path).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        write_atomically(&path, |file| Ok(file.write_all(bytes)?))
    }

    /// Removes a file that all shards write, if a run made it that has its manifest here, and this run does not read it.
    ///
    /// # Errors
    /// When it can't be removed.
    pub fn remove_shared_file(&self, name: &str) -> Result<()> {
        if self.is_own(name) { remove_files(&[self.path(name)], &[]) } else { Ok(()) }
    }

    /// Removes the files that all shards write, if runs made them that have their manifests here. To be called while they
    /// have. `read` are the files that this run reads.
    ///
    /// # Errors
    /// When one of `read` would go, or when one can't be removed.
    pub fn remove_own_shared_files(&self, read: &[PathBuf]) -> Result<()> {
        remove_files(&self.own_shared_files(), read)
    }

    fn own_shared_files(&self) -> Vec<PathBuf> {
        self.files.shared_files().iter().filter(|name| self.is_own(name)).map(|name| self.path(name)).collect()
    }

    /// Whether the file `name` is what a run made that has its manifest here.
    fn is_own(&self, name: &str) -> bool {
        let record = || Some(FileRecord::of(name, &verglas_formats::read_regular(self.path(name)).ok()?));
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
            // Another shard may just have replaced it, and may have been the only one to record it.
            there = record().filter(|now| *now != found);
        }
        false
    }
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match verglas_formats::read_regular(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(format_args!("cannot read `{}`", path.display()), &error)),
        Ok(bytes) => Ok(Some(bytes)),
    }
}

fn is_manifest(name: &str) -> bool {
    parse_manifest_name(name).is_some()
}

/// Whether a name is one that makes a folder count as not empty; of these, only those of [`is_manifest`] are ours.
fn is_like_manifest(name: &str) -> bool {
    name.starts_with("manifest") && name.ends_with(".json")
}

fn identity(folder: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(folder).map(|metadata| (metadata.dev(), metadata.ino()))
}

fn cannot_use(folder: &Path, error: &io::Error) -> Error {
    Error::io(format_args!("cannot use `{}`", folder.display()), error)
}

fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io(format_args!("cannot make `{}`", folder.display()), &error))
}

/// Tries to make a file: permissions alone don't reveal read-only file systems and quotas.
fn check_writable(folder: &Path) -> Result<()> {
    // A file without a name: nothing is left of it, however this process ends.
    tempfile::tempfile_in(folder)
        .map(drop)
        .map_err(|error| Error::io(format_args!("cannot write in `{}`", folder.display()), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A job that makes pairs of a picture and a note.
    #[derive(Debug)]
    struct Notes;

    impl JobFiles for Notes {
        fn folders(&self) -> &[&'static str] {
            &["pictures", "notes"]
        }

        fn unit_of(&self, folder: &str, name: &str) -> Option<usize> {
            let ending = if folder == "notes" { ".txt" } else { ".png" };
            name.strip_suffix(ending)?.strip_prefix("unit-")?.parse().ok()
        }

        fn is_last_of_unit(&self, folder: &str, _: &str) -> bool {
            folder == "notes"
        }

        fn shared_files(&self) -> &[&'static str] {
            &[DESCRIPTOR]
        }

        fn unit_noun(&self) -> &'static str {
            "note"
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names = names_in(folder).unwrap();
        names.sort();
        names
    }

    #[test]
    fn other_peoples_files_are_no_hindrance_and_are_never_touched() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        let folder = OutputFolder::new(dir.path(), None, Notes);
        folder.check(Existing::Refuse).unwrap();
        folder.make_folders(&["pictures", "notes"]).unwrap();
        for name in [
            "notes/unit-0.txt",
            "notes/mine.txt",
            "notes/.unit-1.txt.ab12CD.partial",
            "notes/.unit-2.txt.partial",
            "pictures/unit-0.png",
            "manifest.json",
            "manifest-1-of-2.json",
            "manifest_of_my_samples.json",
            "manifest-old.json",
            ".manifest.json.ab12CD.partial",
        ] {
            fs::write(dir.path().join(name), "{}").unwrap();
        }

        let refused = folder.check(Existing::Refuse).unwrap_err();
        assert!(refused.to_string().contains("`manifest.json`, `manifest_of_my_samples.json`, `notes`"), "{refused}");
        folder.check(Existing::Overwrite).unwrap();
        folder.remove_earlier_run(&[]).unwrap();
        assert_eq!(names(dir.path()), ["manifest-old.json", "manifest_of_my_samples.json", "notes", "notes.txt"]);
        assert_eq!(names(&dir.path().join("notes")), ["mine.txt"]);
    }

    #[test]
    fn nothing_goes_that_the_run_reads_whatever_it_is_called() {
        let dir = tempfile::tempdir().unwrap();
        let folder = OutputFolder::new(dir.path(), None, Notes);
        folder.make_folders(&["notes"]).unwrap();
        fs::write(dir.path().join("notes/unit-0.txt"), "").unwrap();
        fs::write(dir.path().join("manifest.json"), "{}").unwrap();
        std::os::unix::fs::symlink(dir.path().join("notes/unit-0.txt"), dir.path().join("mine")).unwrap();
        for read in ["notes/unit-0.txt", "notes/../notes/unit-0.txt", "mine"] {
            let refused = folder.remove_earlier_run(&[dir.path().join(read)]).unwrap_err().to_string();
            assert!(refused.contains("is read by this run"), "{refused}");
            assert_eq!(names(dir.path()), ["manifest.json", "mine", "notes"]);
        }
        folder.remove_earlier_run(&[dir.path().join("elsewhere")]).unwrap();
        assert_eq!(names(dir.path()), ["mine"]);
    }

    #[test]
    fn a_folder_that_was_replaced_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = OutputFolder::new(&dir.path().join("out"), None, Notes);
        let (_lock, _) = folder.lock().unwrap();
        folder.make_folders(&["notes"]).unwrap();
        folder.check_is_same().unwrap();
        fs::rename(dir.path().join("out"), dir.path().join("moved")).unwrap();
        assert!(folder.check_is_same().is_err(), "gone");
        fs::create_dir_all(dir.path().join("out/notes")).unwrap();
        let noticed = folder.check_is_same().unwrap_err().to_string();
        assert!(noticed.contains("is no longer the folder"), "{noticed}");
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("out"), "a file").unwrap();
        for path in ["out", "out/deeper"] {
            let error = OutputFolder::new(&dir.path().join(path), None, Notes).check(Existing::Refuse).unwrap_err();
            assert!(error.to_string().contains("is a file"), "{error}");
        }
    }
}
