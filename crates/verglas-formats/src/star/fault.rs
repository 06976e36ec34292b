//! The reader's error messages.

use super::line::{Line, LineFault, MAX_LINE_BYTES};
use super::tokens::{TokenFault, Tokens};
use crate::{FormatError, Place};

/// Longest piece of the file that is quoted in a message.
const EXCERPT_BYTES: usize = 60;

/// A piece of the file, safe to print: shortened, control characters and bytes that are not UTF-8 escaped.
pub(super) fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes[..bytes.len().min(EXCERPT_BYTES)].utf8_chunks() {
        for char in chunk.valid().chars() {
            if char.is_control() { text.extend(char.escape_default()) } else { text.push(char) }
        }
        text.extend(chunk.invalid().escape_ascii().map(char::from));
    }
    if bytes.len() > EXCERPT_BYTES {
        text.push('…');
    }
    text
}

/// The same in backquotes.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    format!("`{}`", shown(bytes))
}

/// The format of a file that starts like this, if it is one that gets mistaken for STAR.
pub(super) fn foreign_format(start: &[u8]) -> Option<FormatError> {
    const SIGNATURES: [(&[u8], &str, &str); 8] = [
        (b"\x1f\x8b", "a gzip-compressed file", "decompress it first, for example with `gunzip`"),
        (b"BZh", "a bzip2-compressed file", "decompress it first, for example with `bunzip2`"),
        (b"\xfd7zXZ\0", "an xz-compressed file", "decompress it first, for example with `unxz`"),
        (b"PK\x03\x04", "a ZIP archive", "unpack it first"),
        (b"\x93NUMPY", "a NumPy array, which CryoSPARC's `.cs` files are", "give it the ending `.cs`"),
        (b"\x89HDF", "an HDF5 file", "save the metadata as STAR text"),
        (b"\xff\xfe", "text in UTF-16", "save the file as UTF-8"),
        (b"\xfe\xff", "text in UTF-16", "save the file as UTF-8"),
    ];
    if let Some((found, hint)) = crate::mrc::foreign::stand_in(start) {
        return Some(
            FormatError::unsupported(Place::File, format!("expected STAR text, found {found}")).with_hint(hint),
        );
    }
    let (_, found, hint) = SIGNATURES.iter().find(|(signature, _, _)| start.starts_with(signature))?;
    Some(FormatError::unsupported(Place::File, format!("expected STAR text, found {found}")).with_hint(*hint))
}

/// A line that can't be read at all; `line` holds what was read of it.
pub(super) fn unreadable(fault: LineFault, line: &Line) -> FormatError {
    let number = match fault {
        LineFault::Io(error) => return FormatError::Io(error),
        LineFault::TooLong(number) => number,
    };
    if number == 1
        && let Some(error) = foreign_format(line.text())
    {
        return error;
    }
    match memchr::memchr(0, line.text()) {
        Some(column) => nul(number, column),
        None => FormatError::malformed(
            Place::Line(number),
            format!("expected a line of at most {MAX_LINE_BYTES} bytes, found a longer one"),
        )
        .with_hint("is this a STAR file?"),
    }
}

/// A line that can't be cut into values.
pub(super) fn uncut(fault: TokenFault, line: &Line) -> FormatError {
    match fault {
        TokenFault::Nul { column } => nul(line.number, column),
        TokenFault::OpenQuote { quote, column } => FormatError::malformed(
            Place::Line(line.number),
            format!(
                "the value that starts with a quote, {}, does not end with {}",
                excerpt(&line.text()[column..]),
                char::from(quote)
            ),
        )
        .with_hint(
            "a closing quote must be followed by white space or the end of the line; a value can't span several lines",
        ),
    }
}

fn nul(line: u64, column: usize) -> FormatError {
    FormatError::malformed(
        Place::Line(line),
        format!("expected text, found a zero byte (byte {} of the line)", column.saturating_add(1)),
    )
    .with_hint("this is a binary file, or a damaged one; is it an image stack?")
}

/// A row with too few or too many values.
pub(super) fn wrong_count(n_columns: usize, found: usize, line: &Line) -> FormatError {
    let hint = if found > n_columns {
        "a value that contains white space must be in quotes"
    } else if !line.terminated {
        "the file ends within this row; was it cut while copying?"
    } else {
        "a row is on one line; an empty value is written as \"\""
    };
    FormatError::malformed(
        Place::Line(line.number),
        format!("expected {n_columns} value{}, found {found}", if n_columns == 1 { "" } else { "s" }),
    )
    .with_hint(hint)
}

/// Parts of the STAR language that the files of this field don't use: `save_` frames, `global_` blocks, `stop_`, and
/// text over several lines. `tokens` are those of `line`.
pub(super) fn refused(line: &Line, tokens: &Tokens) -> Option<FormatError> {
    let place = Place::Line(line.number);
    if line.text().first() == Some(&b';') {
        return Some(
            FormatError::unsupported(
                place,
                "found text over several lines (`;` at the start of a line), which is not supported",
            )
            .with_hint("if this is a value, put it in quotes"),
        );
    }
    if tokens.found() != 1 {
        return None;
    }
    let word = tokens.bare(0, line)?;
    let what = match word {
        _ if word.starts_with(b"save_") => "a save frame",
        b"global_" => "a global block",
        b"stop_" => "the end of a nested loop",
        _ => return None,
    };
    Some(FormatError::unsupported(place, format!("found {what} ({}), which is not supported", excerpt(word))))
}
