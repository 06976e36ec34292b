//! The byte layout of an archive's headers, shared by the writer and by `.pt` files that are written out of order.

/// Entries that are written start their data at a multiple of this, so that a mapped file gives aligned numbers.
pub const DATA_ALIGNMENT: u64 = 64;

pub(super) const LOCAL_SIGNATURE: [u8; 4] = *b"PK\x03\x04";
pub(super) const CENTRAL_SIGNATURE: [u8; 4] = *b"PK\x01\x02";
pub(super) const END_SIGNATURE: [u8; 4] = *b"PK\x05\x06";
pub(super) const END64_SIGNATURE: [u8; 4] = *b"PK\x06\x06";
pub(super) const LOCATOR64_SIGNATURE: [u8; 4] = *b"PK\x06\x07";

pub(super) const LOCAL_BYTES: usize = 30;
pub(super) const CENTRAL_BYTES: usize = 46;
pub(super) const END_BYTES: usize = 22;
pub(super) const END64_BYTES: usize = 56;
pub(super) const LOCATOR64_BYTES: usize = 20;

/// A 32-bit field that holds this says: see the zip64 record (4.4.1.4).
pub(super) const IN_ZIP64: u32 = u32::MAX;
/// The same for 16-bit fields.
pub(super) const COUNT_IN_ZIP64: u16 = u16::MAX;
/// The extra field with 64-bit sizes and offsets (4.5.3).
pub(super) const ZIP64_EXTRA: u16 = 0x0001;

/// The padding extra field, under the id that PyTorch uses for the same purpose (the letters `FB`).
const PADDING_EXTRA: u16 = 0x4246;
/// 1980-01-01, the first day that an archive can name: equal contents give equal bytes.
const DOS_DATE: u16 = 0x0021;
const VERSION_STORED: u16 = 20;
const VERSION_ZIP64: u16 = 45;
/// Names are UTF-8 (4.4.4, bit 11); set for names that need it only.
const FLAG_UTF8: u16 = 1 << 11;

/// One stored entry that is about to be written, or has been.
#[derive(Debug, Clone)]
pub(crate) struct EntryRecord {
    pub name: String,
    pub crc32: u32,
    pub size_bytes: u64,
    /// Where its local header begins in the archive.
    pub header_offset: u64,
}

impl EntryRecord {
    /// The local header, padded so that the data begin at the next multiple of [`DATA_ALIGNMENT`].
    pub fn local_header(&self) -> Vec<u8> {
        let bare = self.header_offset + self.unpadded_local_bytes();
        let mut data_offset = bare.next_multiple_of(DATA_ALIGNMENT);
        // An extra field takes 4 bytes at least.
        if data_offset != bare && data_offset - bare < 4 {
            data_offset += DATA_ALIGNMENT;
        }
        self.local_header_padded_by((data_offset - bare) as usize)
    }

    /// The local header, padded so that the data begin at `data_offset`.
    ///
    /// # Panics
    /// If the padding that takes is 1 to 3 bytes, negative or over 65,535: for offsets that the program chooses.
    pub fn local_header_up_to(&self, data_offset: u64) -> Vec<u8> {
        let bare = self.header_offset + self.unpadded_local_bytes();
        let padding = data_offset.checked_sub(bare).expect("the header fits before its data");
        self.local_header_padded_by(padding as usize)
    }

    fn unpadded_local_bytes(&self) -> u64 {
        let zip64 = if self.has_big_size() { 20 } else { 0 };
        LOCAL_BYTES as u64 + self.name.len() as u64 + zip64
    }

    fn local_header_padded_by(&self, padding: usize) -> Vec<u8> {
        assert!(padding == 0 || (4..=usize::from(u16::MAX)).contains(&padding), "padding of {padding} bytes");
        let mut extra = Vec::with_capacity(padding + 20);
        if self.has_big_size() {
            // Both sizes must be in a local header's zip64 field (4.5.3).
            extra.extend(ZIP64_EXTRA.to_le_bytes());
            extra.extend(16u16.to_le_bytes());
            extra.extend(self.size_bytes.to_le_bytes());
            extra.extend(self.size_bytes.to_le_bytes());
        }
        if padding > 0 {
            extra.extend(PADDING_EXTRA.to_le_bytes());
            extra.extend(((padding - 4) as u16).to_le_bytes());
            extra.resize(extra.len() + padding - 4, 0);
        }
        let mut header = Vec::with_capacity(LOCAL_BYTES + self.name.len() + extra.len());
        header.extend(LOCAL_SIGNATURE);
        let version = if self.has_big_size() { VERSION_ZIP64 } else { VERSION_STORED };
        self.push_common(&mut header, version, extra.len() as u16);
        header.extend(self.name.as_bytes());
        header.extend(extra);
        header
    }

    /// The entry's record in the central directory.
    pub fn central_header(&self) -> Vec<u8> {
        let mut wide = Vec::with_capacity(24);
        if self.has_big_size() {
            wide.extend(self.size_bytes.to_le_bytes());
            wide.extend(self.size_bytes.to_le_bytes());
        }
        let offset = u32::try_from(self.header_offset).ok().filter(|&offset| offset != IN_ZIP64);
        if offset.is_none() {
            wide.extend(self.header_offset.to_le_bytes());
        }
        let version = if wide.is_empty() { VERSION_STORED } else { VERSION_ZIP64 };
        let extra_bytes = if wide.is_empty() { 0 } else { 4 + wide.len() };

        let mut header = Vec::with_capacity(CENTRAL_BYTES + self.name.len() + extra_bytes);
        header.extend(CENTRAL_SIGNATURE);
        header.extend(version.to_le_bytes()); // made by, on a system with DOS attributes
        self.push_common(&mut header, version, extra_bytes as u16);
        header.extend([0; 2]); // comment
        header.extend([0; 2]); // disk
        header.extend([0; 2]); // internal attributes
        header.extend([0; 4]); // external attributes
        header.extend(offset.unwrap_or(IN_ZIP64).to_le_bytes());
        header.extend(self.name.as_bytes());
        if !wide.is_empty() {
            header.extend(ZIP64_EXTRA.to_le_bytes());
            header.extend((wide.len() as u16).to_le_bytes());
            header.extend(wide);
        }
        header
    }

    /// The 26 bytes that both headers share, from the version to the length of the extra fields.
    fn push_common(&self, header: &mut Vec<u8>, version: u16, extra_bytes: u16) {
        let size = if self.has_big_size() { IN_ZIP64 } else { self.size_bytes as u32 };
        let flags = if self.name.is_ascii() { 0 } else { FLAG_UTF8 };
        header.extend(version.to_le_bytes());
        header.extend(flags.to_le_bytes());
        header.extend(0u16.to_le_bytes()); // method: stored
        header.extend(0u16.to_le_bytes()); // time
        header.extend(DOS_DATE.to_le_bytes());
        header.extend(self.crc32.to_le_bytes());
        header.extend(size.to_le_bytes());
        header.extend(size.to_le_bytes());
        header.extend((self.name.len() as u16).to_le_bytes());
        header.extend(extra_bytes.to_le_bytes());
    }

    /// Whether the size takes a zip64 field.
    fn has_big_size(&self) -> bool {
        self.size_bytes >= u64::from(IN_ZIP64)
    }
}

/// The bytes after the central directory: the zip64 end record and its locator where a number needs them, and the end
/// record.
pub(crate) fn end_records(n_entries: u64, directory_offset: u64, directory_bytes: u64) -> Vec<u8> {
    let count = u16::try_from(n_entries).ok().filter(|&count| count != COUNT_IN_ZIP64);
    let offset = u32::try_from(directory_offset).ok().filter(|&offset| offset != IN_ZIP64);
    let size = u32::try_from(directory_bytes).ok().filter(|&size| size != IN_ZIP64);
    let mut end = Vec::with_capacity(END64_BYTES + LOCATOR64_BYTES + END_BYTES);
    if count.is_none() || offset.is_none() || size.is_none() {
        end.extend(END64_SIGNATURE);
        end.extend((END64_BYTES as u64 - 12).to_le_bytes()); // what follows this number (4.3.14.1)
        end.extend(VERSION_ZIP64.to_le_bytes());
        end.extend(VERSION_ZIP64.to_le_bytes());
        end.extend([0; 8]); // this disk, and the directory's
        end.extend(n_entries.to_le_bytes());
        end.extend(n_entries.to_le_bytes());
        end.extend(directory_bytes.to_le_bytes());
        end.extend(directory_offset.to_le_bytes());

        end.extend(LOCATOR64_SIGNATURE);
        end.extend([0; 4]); // the disk of the zip64 end record
        end.extend((directory_offset + directory_bytes).to_le_bytes());
        end.extend(1u32.to_le_bytes()); // disks in all
    }
    end.extend(END_SIGNATURE);
    end.extend([0; 4]); // this disk, and the directory's
    end.extend(count.unwrap_or(COUNT_IN_ZIP64).to_le_bytes());
    end.extend(count.unwrap_or(COUNT_IN_ZIP64).to_le_bytes());
    end.extend(size.unwrap_or(IN_ZIP64).to_le_bytes());
    end.extend(offset.unwrap_or(IN_ZIP64).to_le_bytes());
    end.extend([0; 2]); // comment
    end
}
