//! The archive's description of one of its entries.

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
    pub(super) header_offset: u64,
}
