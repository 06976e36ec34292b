//! Files that are written from front to end, with a checksum.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crc32fast::Hasher;
use verglas_core::atomic::{FinishedFile, PartialFile, cannot_write};
use verglas_core::error::Result;

/// A file that is written from front to end, with its checksum.
pub(crate) struct Checksummed {
    partial: PartialFile,
    file: File,
    bytes: u64,
    hasher: Hasher,
}

impl Checksummed {
    /// Starts the file that will be `path`.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        let partial = PartialFile::create(&path)?;
        let file = partial.file().try_clone().map_err(|error| cannot_write(&path, &error))?;
        Ok(Self { partial, file, bytes: 0, hasher: Hasher::new() })
    }

    /// The name that it will have.
    pub(crate) fn path(&self) -> &Path {
        self.partial.path()
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn finish(self) -> Result<FinishedFile> {
        self.partial.publish()?;
        Ok(FinishedFile { bytes: self.bytes, crc32: self.hasher.finalize() })
    }
}

impl Write for Checksummed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
