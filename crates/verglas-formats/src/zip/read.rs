//! Reads archives: the central directory first, entries on demand.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom, Take};

use flate2::read::DeflateDecoder;

use super::MAX_DEFLATE_RATIO;
use super::record::{
    CENTRAL_BYTES, CENTRAL_SIGNATURE, COUNT_IN_ZIP64, END_BYTES, END_SIGNATURE, END64_BYTES, END64_SIGNATURE, IN_ZIP64,
    LOCAL_BYTES, LOCAL_SIGNATURE, LOCATOR64_BYTES, LOCATOR64_SIGNATURE, ZIP64_EXTRA,
};
use crate::error::{FormatError, Place, Result};

/// Bytes that are read at once where only their checksum is wanted.
const PIECE_BYTES: u64 = 256 << 10;

/// How an entry's bytes are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// As they are.
    Stored,
    /// Compressed with deflate (RFC 1951).
    Deflated,
}

/// One entry, as the central directory has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZipEntry {
    /// Its path within the archive.
    pub name: String,
    /// How its bytes are kept.
    pub method: Method,
    /// Bytes that it takes in the archive, without its header.
    pub compressed_bytes: u64,
    /// Bytes that it holds.
    pub size_bytes: u64,
    /// CRC-32 of the bytes that it holds.
    pub crc32: u32,
    header_offset: u64,
}

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
    /// [`FormatError::Malformed`] for bytes that are no archive, are cut, contradict each other, hold a name twice or
    /// entries that overlap; [`FormatError::Unsupported`] for archives over several files, encrypted entries and
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

/// Where the central directory is.
struct End {
    n_entries: u64,
    directory_offset: u64,
    directory_bytes: u64,
}

/// Finds the end record, whose comment of up to 65,535 bytes must reach the end of the file exactly (4.3.16).
fn find_end<R: Read + Seek>(reader: &mut R, len: u64) -> Result<End> {
    let tail_bytes = len.min((END_BYTES + usize::from(u16::MAX)) as u64);
    let tail_offset = len - tail_bytes;
    reader.seek(SeekFrom::Start(tail_offset))?;
    let mut tail = vec![0; tail_bytes as usize];
    reader.read_exact(&mut tail)?;
    let is_end = |at: &usize| {
        tail[*at..].starts_with(&END_SIGNATURE) && usize::from(u16_at(&tail, at + 20)) == tail.len() - at - END_BYTES
    };
    let Some(at) = (0..(tail.len() + 1).saturating_sub(END_BYTES)).rev().find(is_end) else {
        let message = "no ZIP end record at the end of the file";
        let hint = "the file is no ZIP archive, or its end was cut off";
        return Err(FormatError::malformed(Place::File, message).with_hint(hint));
    };
    let end_offset = tail_offset + at as u64;
    let record = &tail[at..];
    let disks = [u16_at(record, 4), u16_at(record, 6)];
    let (count_here, count) = (u16_at(record, 8), u16_at(record, 10));
    let (size, offset) = (u32_at(record, 12), u32_at(record, 16));
    // PyTorch writes the zip64 records always, also where all numbers fit the end record.
    let located = match offset.checked_add(size).map(u64::from) {
        Some(directory_end) if directory_end == end_offset && count != COUNT_IN_ZIP64 => None,
        _ => find_end64(reader, end_offset)?,
    };
    // A count of 65,535 without a zip64 record is just that.
    let (end, directory_end) = match located {
        Some(wide) => wide,
        None => {
            if disks.iter().any(|&disk| disk != 0) || count_here != count {
                return Err(several_files(end_offset));
            }
            let end = End {
                n_entries: u64::from(count),
                directory_offset: u64::from(offset),
                directory_bytes: u64::from(size),
            };
            (end, end_offset)
        }
    };
    if end.directory_offset.checked_add(end.directory_bytes) != Some(directory_end) {
        let message = format!(
            "the end record claims a central directory of {} bytes at byte {}, which must end at byte {directory_end}",
            end.directory_bytes, end.directory_offset
        );
        return Err(malformed_at(end_offset, &message));
    }
    Ok(end)
}

/// The zip64 end record that the locator before the end record points to, and its own offset.
fn find_end64<R: Read + Seek>(reader: &mut R, end_offset: u64) -> Result<Option<(End, u64)>> {
    let Some(locator_offset) = end_offset.checked_sub(LOCATOR64_BYTES as u64) else { return Ok(None) };
    reader.seek(SeekFrom::Start(locator_offset))?;
    let mut locator = [0; LOCATOR64_BYTES];
    reader.read_exact(&mut locator)?;
    if locator[..4] != LOCATOR64_SIGNATURE {
        return Ok(None);
    }
    if u32_at(&locator, 4) != 0 || u32_at(&locator, 16) > 1 {
        return Err(several_files(locator_offset));
    }
    let offset = u64_at(&locator, 8);
    if offset.checked_add(END64_BYTES as u64).is_none_or(|end| end > locator_offset) {
        return Err(malformed_at(locator_offset, &format!("the zip64 end record cannot be at byte {offset}")));
    }
    reader.seek(SeekFrom::Start(offset))?;
    let mut record = [0; END64_BYTES];
    reader.read_exact(&mut record)?;
    if record[..4] != END64_SIGNATURE {
        return Err(malformed_at(offset, "no zip64 end record here, where its locator points"));
    }
    if u32_at(&record, 16) != 0 || u32_at(&record, 20) != 0 || u64_at(&record, 24) != u64_at(&record, 32) {
        return Err(several_files(offset));
    }
    let end = End {
        n_entries: u64_at(&record, 32),
        directory_bytes: u64_at(&record, 40),
        directory_offset: u64_at(&record, 48),
    };
    Ok(Some((end, offset)))
}

fn parse_directory(directory: &[u8], end: &End) -> Result<Vec<ZipEntry>> {
    if end.n_entries > (directory.len() / CENTRAL_BYTES) as u64 {
        let message = format!("a central directory of {} bytes cannot hold {} entries", directory.len(), end.n_entries);
        return Err(malformed_at(end.directory_offset, &message));
    }
    let mut entries = Vec::with_capacity(end.n_entries as usize);
    let mut at = 0;
    for _ in 0..end.n_entries {
        let place = end.directory_offset + at as u64;
        let cut = || malformed_at(place, "a record of the central directory is cut");
        let header = directory.get(at..at + CENTRAL_BYTES).ok_or_else(cut)?;
        if header[..4] != CENTRAL_SIGNATURE {
            return Err(malformed_at(place, "expected a record of the central directory"));
        }
        let name_at = at + CENTRAL_BYTES;
        let extra_at = name_at + usize::from(u16_at(header, 28));
        let comment_at = extra_at + usize::from(u16_at(header, 30));
        let next = comment_at + usize::from(u16_at(header, 32));
        let name = directory.get(name_at..extra_at).ok_or_else(cut)?;
        let extra = directory.get(extra_at..comment_at).ok_or_else(cut)?;
        if next > directory.len() {
            return Err(cut());
        }
        entries.push(parse_entry(header, name, extra, place)?);
        at = next;
    }
    if at != directory.len() {
        let message = format!("the central directory goes on past its {} entries", end.n_entries);
        return Err(malformed_at(end.directory_offset + at as u64, &message));
    }
    Ok(entries)
}

fn parse_entry(header: &[u8], name: &[u8], extra: &[u8], place: u64) -> Result<ZipEntry> {
    let name =
        std::str::from_utf8(name).map_err(|_| malformed_at(place, "the name of an entry is not UTF-8"))?.to_owned();
    let unsupported = |message: String| FormatError::unsupported(Place::Entry(name.clone()), message);
    const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
    if u16_at(header, 8) & ENCRYPTED != 0 {
        return Err(unsupported("the entry is encrypted".into()));
    }
    let method = match u16_at(header, 10) {
        0 => Method::Stored,
        8 => Method::Deflated,
        other => {
            let known = method_name(other).map_or_else(String::new, |known| format!(" ({known})"));
            let message = format!("compressed with method {other}{known}, expected stored or deflated");
            return Err(unsupported(message));
        }
    };
    let mut wide = Zip64::new(extra);
    let too_short = || malformed_in(&name, "its zip64 extra field is missing or too short");
    let size_bytes = wide.value(u32_at(header, 24)).ok_or_else(too_short)?;
    let compressed_bytes = wide.value(u32_at(header, 20)).ok_or_else(too_short)?;
    let header_offset = wide.value(u32_at(header, 42)).ok_or_else(too_short)?;
    if !matches!(u16_at(header, 34), 0 | COUNT_IN_ZIP64) {
        return Err(several_files(place));
    }
    let possible_bytes = match method {
        Method::Stored => compressed_bytes,
        Method::Deflated => compressed_bytes.saturating_mul(MAX_DEFLATE_RATIO),
    };
    if size_bytes > possible_bytes || (method == Method::Stored && size_bytes != compressed_bytes) {
        let message = format!("claims to hold {size_bytes} bytes in {compressed_bytes}, which cannot be");
        return Err(malformed_in(&name, &message));
    }
    let crc32 = u32_at(header, 16);
    Ok(ZipEntry { name, method, compressed_bytes, size_bytes, crc32, header_offset })
}

/// The 64-bit values of an entry, in the order in which they are left out of its header (4.5.3).
struct Zip64<'a>(&'a [u8]);

impl<'a> Zip64<'a> {
    fn new(mut extra: &'a [u8]) -> Self {
        while extra.len() >= 4 {
            let (id, size) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
            let Some(body) = extra.get(4..4 + size) else { break };
            if id == ZIP64_EXTRA {
                return Self(body);
            }
            extra = &extra[4 + size..];
        }
        Self(&[])
    }

    fn value(&mut self, narrow: u32) -> Option<u64> {
        if narrow != IN_ZIP64 {
            return Some(u64::from(narrow));
        }
        let (value, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*value))
    }
}

/// No two entries share bytes: reading all of them then takes no longer than reading the file once.
fn refuse_overlaps(entries: &[ZipEntry], directory_offset: u64) -> Result<()> {
    let mut by_offset: Vec<&ZipEntry> = entries.iter().collect();
    by_offset.sort_by_key(|entry| entry.header_offset);
    let next_offsets = by_offset.iter().skip(1).map(|next| next.header_offset).chain([directory_offset]);
    for (entry, next_offset) in by_offset.iter().zip(next_offsets) {
        let end = (entry.header_offset)
            .checked_add((LOCAL_BYTES + entry.name.len()) as u64)
            .and_then(|end| end.checked_add(entry.compressed_bytes));
        if end.is_none_or(|end| end > next_offset) {
            let message = format!(
                "its header and {} bytes from byte {} run into what begins at byte {next_offset}",
                entry.compressed_bytes, entry.header_offset
            );
            return Err(malformed_in(&entry.name, &message));
        }
    }
    Ok(())
}

/// The methods of 4.4.5 that archives in use have.
fn method_name(method: u16) -> Option<&'static str> {
    Some(match method {
        1 => "shrink",
        2..=5 => "reduce",
        6 => "implode",
        9 => "deflate64",
        12 => "bzip2",
        14 => "lzma",
        93 => "zstd",
        95 => "xz",
        98 => "ppmd",
        99 => "AES encryption",
        _ => return None,
    })
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

fn several_files(offset: u64) -> FormatError {
    FormatError::unsupported(Place::Byte(offset), "the archive is split over several files")
}

fn malformed_at(offset: u64, message: &str) -> FormatError {
    FormatError::malformed(Place::Byte(offset), message)
}

fn malformed_in(name: &str, message: &str) -> FormatError {
    FormatError::malformed(Place::Entry(name.to_owned()), message)
}

// Offsets below are constants within records whose length was checked.

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
