//! ZIP archives, as far as `.npz` and `.pt` need them.
//!
//! The reader takes stored and deflated entries, with zip64 sizes where an archive has them; the writer stores only, so
//! that the data can be mapped and written in place. Rules are those of PKWARE's APPNOTE 6.3.10, section numbers as
//! there; where archives in the wild and the rules differ, a comment says what is accepted.

mod directory;
mod read;
mod record;
mod write;

pub(crate) use read::in_entry;
pub use read::{EntryReader, Method, ZipEntry, ZipReader};
pub(crate) use record::{EntryRecord, end_records};
pub use write::ZipWriter;

/// Entries that are written start their data at a multiple of this, so that a mapped file gives aligned numbers.
pub const DATA_ALIGNMENT: u64 = 64;

/// No deflate stream expands beyond this ratio: a length-258 copy takes at least two bits (RFC 1951, 3.2.5).
pub(crate) const MAX_DEFLATE_RATIO: u64 = 1032;
