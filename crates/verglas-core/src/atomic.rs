//! Files that appear under their name only when they are whole.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use verglas_formats::FormatError;

use crate::error::{Error, Result};

/// A file that is whole and has its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedFile {
    /// Its size.
    pub bytes: u64,
    /// Its CRC-32.
    pub crc32: u32,
}

/// A file being written beside its final name, removed again if it is dropped before [`PartialFile::publish`].
#[derive(Debug)]
pub struct PartialFile {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    is_published: AtomicBool,
}

/// The temporary sibling of `path`: `.NAME.partial`.
pub fn partial_sibling(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".partial");
    path.with_file_name(name)
}

impl PartialFile {
    /// Starts the file that will be `path`; what an earlier run left of it under the temporary name is replaced.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn create(path: &Path) -> Result<Self> {
        Self::create_via(partial_sibling(path), path)
    }

    /// The same under another temporary name in the same folder.
    fn create_via(partial: PathBuf, path: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&partial)
            .map_err(|error| cannot_write(path, &error))?;
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

    /// Brings the file to the disk, then gives it its name, replacing what had it.
    ///
    /// # Errors
    /// When the disk refuses; nothing has the final name then that had it not before.
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

/// Brings a folder's entries to the disk, so that files published in it stay published after a power cut.
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
    write_atomically_via(&partial_sibling(path), path, write)
}

/// The same by way of the temporary file `partial`, for files that several processes may write at once.
///
/// # Errors
/// As [`write_atomically`].
pub fn write_atomically_via(
    partial: &Path,
    path: &Path,
    write: impl FnOnce(&mut File) -> std::result::Result<(), FormatError>,
) -> Result<()> {
    let mut partial = PartialFile::create_via(partial.to_owned(), path)?;
    write(&mut partial.file).map_err(|error| match error {
        FormatError::Io(error) => cannot_write(path, &error),
        error => Error::from_format(path, error),
    })?;
    partial.publish()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
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
    fn a_missing_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = PartialFile::create(&dir.path().join("gone/a.pt")).unwrap_err();
        assert!(error.to_string().contains("gone/a.pt"), "{error}");
    }
}
