//! Writes archives of stored entries.

use std::collections::HashSet;
use std::io::{self, Write};

use super::record::{EntryRecord, end_records};
use crate::error::{FormatError, Place, Result};

/// Writes an archive from front to back: stored entries, their data aligned to 64 bytes, the same bytes every time.
///
/// Nothing is buffered here; give it a [`std::io::BufWriter`].
#[derive(Debug)]
pub struct ZipWriter<W> {
    writer: W,
    position: u64,
    entries: Vec<EntryRecord>,
    names: HashSet<String>,
}

impl<W: Write> ZipWriter<W> {
    /// An archive that starts at the current position of `writer`, which must be the start of the file.
    pub fn new(writer: W) -> Self {
        Self { writer, position: 0, entries: Vec::new(), names: HashSet::new() }
    }

    /// Adds an entry whose bytes are at hand.
    ///
    /// # Errors
    /// A name that already exists or over 65,535 bytes long, and what the writer reports.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.begin(name, crc32fast::hash(bytes), bytes.len() as u64)?;
        self.put(bytes)
    }

    /// Adds an entry whose bytes are produced piece by piece, by a `produce` that is run twice: for the checksum, which
    /// comes before the data, and to write.
    ///
    /// # Errors
    /// As [`ZipWriter::add`]; also what `produce` reports, and an error of kind [`io::ErrorKind::InvalidInput`] if its
    /// two runs differ.
    pub fn add_with(&mut self, name: &str, mut produce: impl FnMut(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        let mut measure = Counted { inner: io::sink(), crc: crc32fast::Hasher::new(), n_bytes: 0 };
        produce(&mut measure)?;
        let (crc32, size_bytes) = (measure.crc.finalize(), measure.n_bytes);
        self.begin(name, crc32, size_bytes)?;
        let mut output = Counted { inner: &mut self.writer, crc: crc32fast::Hasher::new(), n_bytes: 0 };
        produce(&mut output)?;
        self.position += output.n_bytes;
        if output.n_bytes != size_bytes || output.crc.finalize() != crc32 {
            let message = format!("the bytes of `{name}` changed while they were written");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message).into());
        }
        Ok(())
    }

    /// Writes the central directory and returns the writer, not flushed.
    ///
    /// # Errors
    /// The writer's errors.
    pub fn finish(mut self) -> Result<W> {
        let directory: Vec<u8> = self.entries.iter().flat_map(EntryRecord::central_header).collect();
        self.writer.write_all(&directory)?;
        self.writer.write_all(&end_records(self.entries.len() as u64, self.position, directory.len() as u64))?;
        Ok(self.writer)
    }

    fn begin(&mut self, name: &str, crc32: u32, size_bytes: u64) -> Result<()> {
        let refuse = |why: &str| Err(FormatError::malformed(Place::Entry(name.to_owned()), why));
        if name.len() > usize::from(u16::MAX) {
            return refuse("a name in a ZIP archive holds at most 65,535 bytes");
        }
        if !self.names.insert(name.to_owned()) {
            return refuse("an entry of this name was written already");
        }
        let entry = EntryRecord { name: name.to_owned(), crc32, size_bytes, header_offset: self.position };
        self.put(&entry.local_header())?;
        self.entries.push(entry);
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes)?;
        self.position += bytes.len() as u64;
        Ok(())
    }
}

/// Passes bytes on, counts them and sums them up.
struct Counted<W> {
    inner: W,
    crc: crc32fast::Hasher,
    n_bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.crc.update(&bytes[..n]);
        self.n_bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
