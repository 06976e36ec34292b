//! STAR text files, as RELION writes them.
//!
//! [`StarReader`] reads a file of any size once, row by row; [`StarFile`] holds a small one in memory; [`StarWriter`]
//! writes. It reads what the Python package `starfile` reads, and what RELION itself reads. Bytes stay bytes:
//! a path need not be UTF-8. What a value means, [`value`] and the caller decide.
//!
//! # Rules
//! The STAR language leaves room, and its readers differ. Here:
//!
//! - **Lines** end with `\n` or `\r\n`, the last one also with the file. A byte order mark before the first is skipped.
//!   A line is at most [`MAX_LINE_BYTES`] long. White space is blank, tab, vertical tab, form feed and carriage return;
//!   leading and trailing white space and blank lines mean nothing, wherever they are. A zero byte is an error anywhere.
//! - **Comments** start with a `#` at the line's start or after white space: the path `a#b` holds none. (`starfile` cuts
//!   rows at any `#`; RELION does as here.)
//! - **Quotes**, single or double, delimit a value only where it starts; it ends at the same quote followed by white
//!   space or the line's end. `it's` and `5'` are plain text, `'a'b'` is the value `a'b`, `"a 'b' c"` the value
//!   `a 'b' c`; there are no escapes, a backslash is itself. A value whose quote never closes is an error. (RELION does
//!   the same; `starfile` turns every `'` into `"` first.)
//! - **Blocks** start at a line that holds only `data_NAME`; the name may be empty and may come twice. Text before
//!   the first one is ignored ([`StarReader::text_before_blocks`]), unless it is the head of a loop or of pairs, whose
//!   `data_` line must be lost; a file without any block is an error: garbage never reads as an empty file. (`starfile`
//!   takes a block without content for the next one's name.)
//! - **Loops**: `loop_` and then names that start with `_`, one per line, the rest of the line ignored (`#1`). Each
//!   further line is a row. A row with too few or too many values is an error; `starfile` fills short rows with NaN.
//!   After blank lines or comments, a line `_a b` is a row and `_a` still a name. A line of several values is a row even
//!   if the first of them starts with `data_` or `_`: RELION never quotes, and folders have such names. (`starfile` takes
//!   the rest of the file for a new block there, and drops it.)
//! - **Key–value blocks** hold lines `_KEY VALUE`. They are returned as tables of one row, so that callers can treat
//!   both
//!   the same way; [`BlockKind`] distinguishes them.
//! - A second `loop_` in one data block, and a loop after keys, are errors; a loop without rows is replaced by the next.
//! - **Repeated columns** stay in the table; asking for one by its name is an error ([`Block::position`]).
//! - **Refused by name**: `save_` frames, `global_` blocks, `stop_`, and text over several lines (`;` as a line's first
//!   byte).
//! - A table has at most [`MAX_COLUMNS`] columns, whose names, and the values of a key–value block, together have at most
//!   [`MAX_LINE_BYTES`] bytes. So nothing that a file holds makes the reader allocate more than a small multiple of this.

mod block;
mod fault;
mod line;
mod reader;
mod row;
mod table;
mod tokens;
pub mod value;
mod writer;

pub use block::{Block, BlockKind, Column, MAX_COLUMNS, strip_rln};
pub use line::MAX_LINE_BYTES;
pub use reader::StarReader;
pub use row::Row;
pub use table::{StarFile, StarTable};
pub use writer::StarWriter;
