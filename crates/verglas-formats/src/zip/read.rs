//! Reads archives: the central directory first, entries on demand.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom, Take};

use flate2::read::DeflateDecoder;

use super::directory::{find_end, malformed_at, malformed_in, parse_directory, refuse_overlaps, u16_at};
use super::entry::{Method, ZipEntry};
use super::record::{LOCAL_BYTES, LOCAL_SIGNATURE};
use crate::error::{FormatError, Result};

/// Bytes that are read at once where only their checksum is wanted.
const PIECE_BYTES: u64 = 256 << 10;

/// An archive that is open for reading.
#[derive(Debug)]
pub struct ZipReader<R> {
    reader: R,
    entries: Vec<ZipEntry>,
    by_name: HashMap<String, usize>,
    directory_offset: u64,
}

impl<R: Read + Seek> ZipReader<R> {
    /// Reads the central directory of the archive that takes up all of `reader`.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] for bytes that are not an archive, are cut, contradict each other, hold a name twice
    /// or entries that overlap; [`FormatError::Unsupported`] for archives over several files, encrypted entries and
    /// compression methods other than deflate.
    pub fn new(mut reader: R) -> Result<Self> {
        let len = reader.seek(SeekFrom::End(0))?;
        let end = find_end(&mut reader, len)?;
        let directory_bytes = usize::try_from(end.directory_bytes)
            .map_err(|_| malformed_at(end.directory_offset, "the central directory is larger than memory can hold"))?;
        reader.seek(SeekFrom::Start(end.directory_offset))?;
        let mut directory = vec![0; directory_bytes];
        reader.read_exact(&mut directory)?;
        let entries = parse_directory(&directory, &end)?;
        let mut by_name = HashMap::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            if by_name.insert(entry.name.clone(), index).is_some() {
                return Err(malformed_in(&entry.name, "the archive holds two entries of this name"));
            }
        }
        refuse_overlaps(&entries, end.directory_offset)?;
        Ok(Self { reader, entries, by_name, directory_offset: end.directory_offset })
    }

    /// All entries, in the order of the central directory.
    pub fn entries(&self) -> &[ZipEntry] {
        &self.entries
    }

    /// The entry called `name`.
    pub fn entry(&self, name: &str) -> Option<&ZipEntry> {
        self.by_name.get(name).map(|&index| &self.entries[index])
    }

    /// Where the (compressed) bytes of the entry called `name` begin in the file.
    ///
    /// # Errors
    /// No such entry; a local header that is missing or is another entry's; data that run into the central directory.
    pub fn data_offset(&mut self, name: &str) -> Result<u64> {
        let index = self.index(name)?;
        self.data_offset_of(index)
    }

    /// Opens the entry called `name` for reading from its first byte; [`EntryReader::finish`] checks the sum.
    ///
    /// # Errors
    /// As [`ZipReader::data_offset`].
    pub fn open(&mut self, name: &str) -> Result<EntryReader<'_, R>> {
        let index = self.index(name)?;
        self.open_index(index)
    }

    /// All bytes of the entry called `name`, checked against its CRC.
    ///
    /// # Errors
    /// As [`ZipReader::open`] and [`EntryReader::finish`]; an entry of more than `limit_bytes` bytes.
    pub fn read(&mut self, name: &str, limit_bytes: u64) -> Result<Vec<u8>> {
        let mut entry = self.open(name)?;
        if entry.size_bytes() > limit_bytes {
            let message = format!("holds {} bytes, more than the limit of {limit_bytes}", entry.size_bytes());
            return Err(malformed_in(name, &message));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| in_entry(name, error))?;
        entry.finish()?;
        Ok(bytes)
    }

    /// Reads every entry, in pieces, and compares it with its CRC.
    ///
    /// # Errors
    /// As [`ZipReader::open`] and [`EntryReader::finish`], for the first entry that is wrong.
    pub fn verify(&mut self) -> Result<()> {
        (0..self.entries.len()).try_for_each(|index| self.open_index(index)?.finish())
    }

    /// The reader below, at no position in particular.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    fn index(&self, name: &str) -> Result<usize> {
        self.by_name.get(name).copied().ok_or_else(|| malformed_in(name, "the archive has no such entry"))
    }

    fn open_index(&mut self, index: usize) -> Result<EntryReader<'_, R>> {
        let data_offset = self.data_offset_of(index)?;
        self.reader.seek(SeekFrom::Start(data_offset))?;
        let entry = &self.entries[index];
        let raw = (&mut self.reader).take(entry.compressed_bytes);
        let bytes = match entry.method {
            Method::Stored => Source::Stored(raw),
            Method::Deflated => Source::Deflated(DeflateDecoder::new(raw)),
        };
        Ok(EntryReader { bytes, entry, remaining_bytes: entry.size_bytes, crc: crc32fast::Hasher::new() })
    }

    fn data_offset_of(&mut self, index: usize) -> Result<u64> {
        let entry = &self.entries[index];
        self.reader.seek(SeekFrom::Start(entry.header_offset))?;
        let mut header = [0; LOCAL_BYTES];
        self.reader.read_exact(&mut header)?;
        if header[..4] != LOCAL_SIGNATURE {
            return Err(malformed_in(&entry.name, &format!("no local header at byte {}", entry.header_offset)));
        }
        // Sizes and sum of the local header may be left for a data descriptor (4.4.4, bit 3); the directory's count.
        let name_bytes = u16_at(&header, 26);
        let mut name = vec![0; usize::from(name_bytes)];
        self.reader.read_exact(&mut name)?;
        if name != entry.name.as_bytes() {
            let other = String::from_utf8_lossy(&name);
            return Err(malformed_in(&entry.name, &format!("its local header has the name `{other}`")));
        }
        let skipped = LOCAL_BYTES as u64 + u64::from(name_bytes) + u64::from(u16_at(&header, 28));
        let data_offset = entry.header_offset + skipped;
        if data_offset.checked_add(entry.compressed_bytes).is_none_or(|end| end > self.directory_offset) {
            let message = format!(
                "its {} bytes from byte {data_offset} run into the central directory at byte {}",
                entry.compressed_bytes, self.directory_offset
            );
            return Err(malformed_in(&entry.name, &message));
        }
        Ok(data_offset)
    }
}

/// The bytes of one entry.
///
/// Gives no more than the size that the directory claims; whether that was all of them, and the right ones, is what
/// [`EntryReader::finish`] says.
#[derive(Debug)]
pub struct EntryReader<'a, R> {
    bytes: Source<'a, R>,
    entry: &'a ZipEntry,
    remaining_bytes: u64,
    crc: crc32fast::Hasher,
}

#[derive(Debug)]
enum Source<'a, R> {
    Stored(Take<&'a mut R>),
    Deflated(DeflateDecoder<Take<&'a mut R>>),
}

impl<R: Read> EntryReader<'_, R> {
    /// Bytes that the entry holds, read or not.
    pub fn size_bytes(&self) -> u64 {
        self.entry.size_bytes
    }

    /// Reads what is left and checks the whole.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] if the entry holds fewer or more bytes than the directory claims, if they can't be
    /// decompressed, or if their CRC is another.
    pub fn finish(mut self) -> Result<()> {
        let name = &self.entry.name;
        let mut piece = vec![0; self.remaining_bytes.min(PIECE_BYTES) as usize];
        while self.remaining_bytes > 0 {
            self.read(&mut piece).map_err(|error| in_entry(name, error))?;
        }
        // One byte more than claimed shows a claim that is too small.
        let surplus = match &mut self.bytes {
            Source::Stored(_) => 0,
            Source::Deflated(decoder) => decoder.read(&mut [0]).map_err(|error| in_entry(name, error))?,
        };
        if surplus > 0 {
            return Err(malformed_in(name, &format!("holds more than the {} bytes it claims", self.entry.size_bytes)));
        }
        let found = self.crc.finalize();
        if found != self.entry.crc32 {
            let message = format!("its bytes have the CRC {found:08x}, expected {:08x}", self.entry.crc32);
            return Err(malformed_in(name, &message));
        }
        Ok(())
    }
}

impl<R: Read> Read for EntryReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.remaining_bytes).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let buffer = &mut buffer[..wanted];
        let n = match &mut self.bytes {
            Source::Stored(raw) => raw.read(buffer)?,
            Source::Deflated(decoder) => decoder.read(buffer)?,
        };
        if n == 0 {
            let held = self.entry.size_bytes - self.remaining_bytes;
            let message = format!("holds {held} bytes, claims {}", self.entry.size_bytes);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        self.crc.update(&buffer[..n]);
        self.remaining_bytes -= n as u64;
        Ok(n)
    }
}

/// An error from reading an entry's bytes: what the bytes are to blame for names the entry.
pub(crate) fn in_entry(name: &str, error: io::Error) -> FormatError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            malformed_in(name, &error.to_string())
        }
        _ => error.into(),
    }
}
