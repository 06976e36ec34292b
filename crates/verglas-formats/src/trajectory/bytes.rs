//! The bytes of a trajectory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::error::{FormatError, Place, Result};

/// The most atoms that a frame may have; as many bytes of positions are still a number on every machine.
pub(super) const MAX_ATOMS: u64 = 1 << 31;

/// A file of known length that is read by position.
#[derive(Debug)]
pub(super) struct Bytes {
    pub(super) file: File,
    pub(super) n_bytes: u64,
}

impl Bytes {
    /// Fills `bytes` from `offset` on.
    pub(super) fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        self.file.read_exact_at(bytes, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => FormatError::malformed(Place::Byte(offset), "the file ends too early"),
            _ => error.into(),
        })
    }

    /// `N` bytes from `offset` on.
    pub(super) fn array<const N: usize>(&self, offset: u64) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// `n_bytes` bytes from `offset` on, if the file has as many.
    pub(super) fn vec(&self, offset: u64, n_bytes: u64) -> Result<Vec<u8>> {
        let end = offset.checked_add(n_bytes).filter(|end| *end <= self.n_bytes);
        let (Some(_), Ok(n_bytes)) = (end, usize::try_from(n_bytes)) else {
            return Err(FormatError::malformed(Place::Byte(offset), "the file ends too early"));
        };
        let mut bytes = vec![0; n_bytes];
        self.read(offset, &mut bytes)?;
        Ok(bytes)
    }
}
