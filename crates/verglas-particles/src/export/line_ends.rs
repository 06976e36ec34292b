//! Lines end as RELION wants them: it stops at the `\r` that Windows puts before each `\n`.

use std::io::{self, Write};

/// Hands everything on but a `\r` before a `\n`.
pub(super) struct UnixLines<W> {
    inner: W,
    /// A `\r` was the last byte, and what follows it decides.
    holds_cr: bool,
}

impl<W: Write> UnixLines<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, holds_cr: false }
    }

    /// Writes what is held back.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.holds_cr) {
            self.inner.write_all(b"\r")?;
        }
        self.inner.flush()
    }
}

impl<W: Write> Write for UnixLines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        if self.holds_cr && !bytes.is_empty() {
            self.holds_cr = false;
            if bytes[0] != b'\n' {
                self.inner.write_all(b"\r")?;
            }
        }
        while let Some(at) = rest.iter().position(|&byte| byte == b'\r') {
            self.inner.write_all(&rest[..at])?;
            match rest.get(at + 1) {
                Some(b'\n') => {}
                Some(_) => self.inner.write_all(b"\r")?,
                None => self.holds_cr = true,
            }
            rest = &rest[at + 1..];
        }
        self.inner.write_all(rest)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_line_ends_lose_their_return_wherever_the_pieces_end() {
        let text = b"a\r\n\r\nb\rc\r\r\nd\r";
        for size in 1..=text.len() {
            let mut lines = UnixLines::new(Vec::new());
            text.chunks(size).for_each(|piece| lines.write_all(piece).unwrap());
            lines.finish().unwrap();
            assert_eq!(lines.inner, b"a\n\nb\rc\r\nd\r", "pieces of {size}");
        }
    }
}
