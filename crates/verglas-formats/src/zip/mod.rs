//! ZIP archives, as far as `.npz` and `.pt` need them.
//!
//! The reader takes stored and deflated entries, with zip64 sizes where an archive has them; the writer stores only, so
//! that the data can be mapped and written in place. Rules are those of PKWARE's APPNOTE 6.3.10, section numbers as
//! there; where archives in the wild and the rules differ, a comment says what is accepted.

mod directory;
mod entry;
mod read;
mod record;
mod write;

pub use entry::{Method, ZipEntry};
pub(crate) use read::in_entry;
pub use read::{EntryReader, ZipReader};
pub use record::DATA_ALIGNMENT;
pub(crate) use record::{EntryRecord, end_records};
pub use write::ZipWriter;
