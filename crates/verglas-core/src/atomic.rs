//! Files that appear under their name only when they are whole.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use verglas_formats::FormatError;

use crate::error::{Error, Result};
use crate::paths::folder_of;

/// A file that is whole and has its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedFile {
    /// Its size.
    pub bytes: u64,
    /// Its CRC-32.
    pub crc32: u32,
}

/// A file being written next to its final name, removed again if it is dropped before [`PartialFile::publish`].
#[derive(Debug)]
pub struct PartialFile {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    is_published: AtomicBool,
}

/// Random characters in a temporary name.
const N_RANDOM: usize = 6;

/// The name that the file of this name has, or will have, when it is whole: `a.npz` of `.a.npz.partial`, as early versions
/// wrote, of `.a.npz.X7fQ2a.partial`, and of `a.npz` itself.
pub fn whole_name(name: &str) -> &str {
    let Some(inner) = name.strip_prefix('.').and_then(|name| name.strip_suffix(".partial")) else { return name };
    match inner.rsplit_once('.') {
        Some((whole, random))
            if random.len() == N_RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            whole
        }
        _ => inner,
    }
}

impl PartialFile {
    /// Starts the file that will become `path`, under a temporary name that nothing else uses: two processes that
    /// write the same file don't collide, and nothing is written through a link.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn create(path: &Path) -> Result<Self> {
        let mut prefix = OsString::from(".");
        prefix.push(path.file_name().unwrap_or_default());
        prefix.push(".");
        let folder = folder_of(path);
        let made = tempfile::Builder::new().prefix(&prefix).rand_bytes(N_RANDOM).suffix(".partial").make_in(
            folder,
            // Not private, as temporary files are by default, but as any other new file.
            |partial| OpenOptions::new().read(true).write(true).create_new(true).open(partial),
        );
        let (file, partial) = made.map_err(|error| cannot_write(path, &error))?.into_parts();
        let partial = partial.keep().map_err(|error| cannot_write(path, &error.error))?;
        Ok(Self { file, partial, path: path.to_owned(), is_published: AtomicBool::new(false) })
    }

    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The name that the file will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Syncs the file to disk, then gives it its name, replacing the file that has it.
    ///
    /// # Errors
    /// When the disk refuses; an existing file of that name is left as it was.
    pub fn publish(&self) -> Result<()> {
        self.file.sync_all().map_err(|error| cannot_write(&self.path, &error))?;
        fs::rename(&self.partial, &self.path).map_err(|error| cannot_write(&self.path, &error))?;
        self.is_published.store(true, Ordering::Release);
        Ok(())
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.is_published.load(Ordering::Acquire) {
            // Nothing can be done about a failure here, and the next run replaces the leftover.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

/// The error for a file that can't be written.
pub fn cannot_write(path: &Path, error: &io::Error) -> Error {
    Error::io(format_args!("cannot write `{}`", path.display()), error)
}

/// Syncs a folder's entries to disk, so that files published in it survive a power cut.
///
/// # Errors
/// When the folder can't be opened or synced.
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| cannot_write(folder, &error))
}

/// Writes `bytes` as a whole file; the caller syncs the folder, once for several files.
///
/// # Errors
/// When writing fails; `path` is as it was then.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<FinishedFile> {
    let partial = PartialFile::create(path)?;
    partial.file().write_all(bytes).map_err(|error| cannot_write(path, &error))?;
    partial.publish()?;
    Ok(FinishedFile { bytes: bytes.len() as u64, crc32: crc32fast::hash(bytes) })
}

/// Writes a whole file with `write`; it appears under `path` only when it is whole and on the disk.
///
/// # Errors
/// When writing fails; `path` is as it was then.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut File) -> std::result::Result<(), FormatError>,
) -> Result<()> {
    let mut partial = PartialFile::create(path)?;
    write(&mut partial.file).map_err(|error| match error {
        FormatError::Io(error) => cannot_write(path, &error),
        error => Error::from_format(path, error),
    })?;
    partial.publish()?;
    let folder = folder_of(path);
    sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npz");
        let partial = PartialFile::create(&path).unwrap();
        partial.file().write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(partial);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

        write_atomically(&path, |file| Ok(file.write_all(b"whole")?)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        let failed = write_atomically(&path, |_| Err(io::Error::other("no").into()));
        assert!(failed.unwrap_err().to_string().contains("cannot write"));
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn two_who_write_one_file_do_not_meet_and_no_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, mine) = (dir.path().join("a.npz"), dir.path().join("mine.txt"));
        fs::write(&mine, "mine").unwrap();
        std::os::unix::fs::symlink(&mine, dir.path().join(".a.npz.partial")).unwrap();
        let (first, second) = (PartialFile::create(&path).unwrap(), PartialFile::create(&path).unwrap());
        first.file().write_all(b"first").unwrap();
        second.file().write_all(b"second").unwrap();
        first.publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        second.publish().unwrap();
        assert_eq!((fs::read(&path).unwrap(), fs::read(&mine).unwrap()), (b"second".to_vec(), b"mine".to_vec()));
    }

    #[test]
    fn a_temporary_name_tells_the_final_one() {
        for name in [".a.npz.partial", ".a.npz.X7fQ2a.partial", "a.npz"] {
            assert_eq!(whole_name(name), "a.npz", "{name}");
        }
        assert_eq!(whole_name(".a.npz"), ".a.npz");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = PartialFile::create(&dir.path().join("gone/a.pt")).unwrap_err();
        assert!(error.to_string().contains("gone/a.pt"), "{error}");
    }
}
