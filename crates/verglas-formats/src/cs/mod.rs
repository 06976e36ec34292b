//! CryoSPARC's particle files: `.cs`, a NumPy array of records, one per particle.
//!
//! A record has some 40 fields, of which a conversion needs a dozen. [`CsReader::read_columns`] goes through the file once,
//! block by block, and decodes the fields that are named; rows are never held as a whole.
//!
//! ```
//! use std::io::Cursor;
//! use verglas_formats::cs::{CsData, CsReader, CsSource, write_cs};
//!
//! let paths: [&[u8]; 2] = [b"J19/a.mrc", b"J19/a.mrc"];
//! let columns = [CsSource::new("uid", CsData::U64(&[7, 9])), CsSource::new("blob/path", CsData::Text(&paths))];
//! let bytes = write_cs(Vec::new(), &columns)?;
//! let mut cs = CsReader::new(Cursor::new(bytes))?;
//! assert_eq!(cs.n_rows(), 2);
//! let column = cs.read_columns(&["uid"])?.remove(0);
//! assert_eq!(column.into_u64()?, [7, 9]);
//! # Ok::<(), verglas_formats::FormatError>(())
//! ```

mod block;
mod column;
mod kind;
mod read;
mod write;

pub use block::{CsBlock, CsRow};
pub use column::{CsColumn, CsText, CsTextBuilder, CsValues};
pub use kind::read_csg;
pub use read::CsReader;
pub use write::{CsData, CsSource, CsWriter, append_columns, copy_rows, write_cs};
