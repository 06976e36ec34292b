//! Files of any kind that may be packed with gzip or bzip2.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::error::{FormatError, Place, Result};
use crate::mrc::{Compression, unpack_all};

/// The most bytes that a packed file may unpack to, unless a caller says otherwise: 16 GiB.
pub const MAX_UNPACKED_BYTES: u64 = 16 << 30;

/// Opens a file for reading, and unpacks it before if its first bytes say that it is packed: to an unnamed temporary
/// file, which vanishes with the handle. Returns the file, at its start, and its length.
///
/// # Errors
/// * [`FormatError::Io`]: the file does not exist, or can't be read.
/// * [`FormatError::Unsupported`]: not a regular file; more than `max_unpacked_bytes`.
/// * [`FormatError::Malformed`]: damaged packed data.
pub fn open_unpacked(path: impl AsRef<Path>, max_unpacked_bytes: u64) -> Result<(File, u64)> {
    let path = path.as_ref();
    // A pipe could make the reader wait for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(FormatError::unsupported(Place::File, "not a regular file"));
    }
    let file = File::open(path)?;
    let mut first_bytes = [0; 4];
    let compression = match file.read_exact_at(&mut first_bytes, 0) {
        Ok(()) => Compression::from_magic(&first_bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
        Err(error) => return Err(error.into()),
    };
    match compression {
        Some(compression) => {
            let (mut file, n_bytes) = unpack_all(file, compression, max_unpacked_bytes)?;
            file.seek(SeekFrom::Start(0))?;
            Ok((file, n_bytes))
        }
        None => {
            let n_bytes = file.metadata()?.len();
            Ok((file, n_bytes))
        }
    }
}
