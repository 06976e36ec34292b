//! Text line by line, however long the file.

use std::io::{BufRead, Read};

use crate::error::{FormatError, Place, Result};

/// The longest line that is accepted: beyond it, the file is not text.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// Lines without their ends, counted.
pub(crate) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, line: Vec::new(), number: 0 }
    }

    /// The number of the line that was read last, from 1.
    pub(crate) fn place(&self) -> Place {
        Place::Line(self.number)
    }

    /// Reads the next line, without `\n` or `\r\n`; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>> {
        self.line.clear();
        let n_bytes = self.reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut self.line)?;
        if n_bytes == 0 {
            return Ok(None);
        }
        self.number += 1;
        if n_bytes as u64 == MAX_LINE_BYTES && self.line.last() != Some(&b'\n') {
            return Err(FormatError::malformed(
                self.place(),
                format!("the line is longer than {MAX_LINE_BYTES} bytes: this is not a text file"),
            ));
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        if self.number == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
            self.line.drain(..3);
        }
        Ok(Some(&self.line))
    }
}

/// A finite number in decimal; `None` for anything else. Only mmCIF handles `1.5(3)`, with its uncertainty.
pub(crate) fn parse_finite(text: &[u8]) -> Option<f64> {
    // Not the standard library's `inf` and `nan`.
    if !text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Bytes for an error message, cut where they are long.
pub(crate) fn shown(text: &[u8]) -> String {
    const MOST_BYTES: usize = 60;
    let cut = &text[..text.len().min(MOST_BYTES)];
    let more = if cut.len() < text.len() { "…" } else { "" };
    let text: String = String::from_utf8_lossy(cut)
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect();
    format!("`{text}{more}`")
}

/// Text that a record keeps; what is not UTF-8 becomes U+FFFD.
pub(crate) fn kept(text: &[u8]) -> Box<str> {
    String::from_utf8_lossy(text).into()
}
