//! The central directory: finding it, reading it, and refusing what contradicts itself.

use std::io::{Read, Seek, SeekFrom};

use super::entry::{Method, ZipEntry};
use super::record::{
    CENTRAL_BYTES, CENTRAL_SIGNATURE, COUNT_IN_ZIP64, END_BYTES, END_SIGNATURE, END64_BYTES, END64_SIGNATURE, IN_ZIP64,
    LOCAL_BYTES, LOCATOR64_BYTES, LOCATOR64_SIGNATURE, ZIP64_EXTRA,
};
use crate::error::{FormatError, Place, Result};

/// No deflate stream expands beyond this ratio: a length-258 copy takes at least two bits (RFC 1951, 3.2.5).
pub(crate) const MAX_DEFLATE_RATIO: u64 = 1032;

/// Where the central directory is.
pub(super) struct End {
    pub n_entries: u64,
    pub directory_offset: u64,
    pub directory_bytes: u64,
}

/// Finds the end record, whose comment of up to 65,535 bytes must reach the end of the file exactly (4.3.16).
pub(super) fn find_end<R: Read + Seek>(reader: &mut R, len: u64) -> Result<End> {
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
        let hint = "the file is not a ZIP archive, or its end was cut off";
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

pub(super) fn parse_directory(directory: &[u8], end: &End) -> Result<Vec<ZipEntry>> {
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
pub(super) fn refuse_overlaps(entries: &[ZipEntry], directory_offset: u64) -> Result<()> {
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

fn several_files(offset: u64) -> FormatError {
    FormatError::unsupported(Place::Byte(offset), "the archive is split over several files")
}

pub(super) fn malformed_at(offset: u64, message: &str) -> FormatError {
    FormatError::malformed(Place::Byte(offset), message)
}

pub(super) fn malformed_in(name: &str, message: &str) -> FormatError {
    FormatError::malformed(Place::Entry(name.to_owned()), message)
}

// Offsets below are constants within records whose length was checked.

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
