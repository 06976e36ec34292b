//! Lines of bounded length from any buffered reader, with their numbers and byte offsets.

use std::io::{self, BufRead};

/// Longest line that is read, in bytes: far above any real one, low enough for a file that is none to do no harm.
pub const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// Lines are stored padded to a multiple of this with at least one blank, so that the tokenizer works on whole chunks
/// and every value is followed by white space.
pub(super) const CHUNK_BYTES: usize = 64;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One line, without its line end; the buffer is reused from line to line.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    /// The text and then blanks up to a multiple of [`CHUNK_BYTES`]; empty before the first read.
    padded: Vec<u8>,
    /// Bytes of text.
    len: usize,
    /// From 1.
    pub number: u64,
    /// Where the text starts in the file, in bytes.
    pub start: u64,
    /// Where the text ends in the file, in bytes, line end excluded.
    pub end: u64,
    /// Whether a line feed followed: only the last line of a file may lack it.
    pub terminated: bool,
}

impl Line {
    /// The text as written, without `\n` or `\r\n`.
    pub fn text(&self) -> &[u8] {
        &self.padded[..self.len]
    }

    /// The text and its padding, a whole number of chunks.
    pub fn padded(&self) -> &[u8] {
        &self.padded
    }

    /// Empties the text, so that it can be put together with [`Line::push`] and [`Line::pad`].
    pub fn clear(&mut self) {
        self.padded.clear();
        self.len = 0;
    }

    /// Appends to a text that is not padded yet.
    pub fn push(&mut self, bytes: &[u8]) {
        self.padded.extend_from_slice(bytes);
        self.len = self.padded.len();
    }

    /// Closes the text.
    pub fn pad(&mut self) {
        let padded_len = (self.len / CHUNK_BYTES + 1) * CHUNK_BYTES;
        self.padded.resize(padded_len, b' ');
    }
}

/// Why a line could not be read.
#[derive(Debug)]
pub(super) enum LineFault {
    Io(io::Error),
    /// The line with this number is longer than [`MAX_LINE_BYTES`].
    TooLong(u64),
}

impl From<io::Error> for LineFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Cuts a reader's bytes into lines.
#[derive(Debug)]
pub(super) struct LineSource<R> {
    input: R,
    /// Bytes consumed so far.
    offset: u64,
    /// Lines consumed so far.
    n_lines: u64,
    /// Whether a line was too long: its end is never looked for, so nothing follows.
    is_given_up: bool,
}

/// What [`LineSource::skip_lines`] stopped at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skipped {
    /// The end of the file.
    End,
    /// A line that the caller wants to see; it has not been consumed.
    NextLine,
    /// The same, consumed into the caller's line because it lay across two fillings of the buffer.
    ReadLine,
}

impl<R: BufRead> LineSource<R> {
    pub fn new(input: R) -> Self {
        Self { input, offset: 0, n_lines: 0, is_given_up: false }
    }

    /// Bytes consumed so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads the next line into `line`; `false` at the end of the file, and after a line that was too long.
    pub fn read_line(&mut self, line: &mut Line) -> Result<bool, LineFault> {
        line.clear();
        line.start = self.offset;
        line.terminated = false;
        if self.is_given_up {
            line.pad();
            return Ok(false);
        }
        loop {
            let buffer = fill(&mut self.input)?;
            if buffer.is_empty() {
                if self.offset == line.start {
                    line.pad();
                    return Ok(false);
                }
                break;
            }
            let (part, consumed) = match memchr::memchr(b'\n', buffer) {
                Some(at) => {
                    line.terminated = true;
                    (&buffer[..at], at + 1)
                }
                None => (buffer, buffer.len()),
            };
            if part.len() > MAX_LINE_BYTES - line.len {
                line.push(&part[..MAX_LINE_BYTES - line.len]);
                line.pad();
                self.is_given_up = true;
                return Err(LineFault::TooLong(self.n_lines.saturating_add(1)));
            }
            line.push(part);
            self.input.consume(consumed);
            self.offset += consumed as u64;
            if line.terminated {
                break;
            }
        }
        self.n_lines += 1;
        line.number = self.n_lines;
        if self.n_lines == 1 && line.text().starts_with(BYTE_ORDER_MARK) {
            line.padded.drain(..BYTE_ORDER_MARK.len());
            line.len -= BYTE_ORDER_MARK.len();
            line.start += BYTE_ORDER_MARK.len() as u64;
        }
        if line.padded.last() == Some(&b'\r') {
            line.padded.pop();
            line.len -= 1;
        }
        line.end = line.start + line.len as u64;
        line.pad();
        Ok(true)
    }

    /// Passes over lines, without copying them, up to the first one for which `stop` holds.
    pub fn skip_lines(&mut self, line: &mut Line, stop: impl Fn(&[u8]) -> bool) -> Result<Skipped, LineFault> {
        loop {
            let buffer = fill(&mut self.input)?;
            if buffer.is_empty() || self.is_given_up {
                return Ok(Skipped::End);
            }
            let mut consumed = 0;
            let mut n_lines = 0;
            let mut stopped = false;
            while let Some(length) = memchr::memchr(b'\n', &buffer[consumed..]) {
                if stop(&buffer[consumed..consumed + length]) {
                    stopped = true;
                    break;
                }
                consumed += length + 1;
                n_lines += 1;
            }
            self.input.consume(consumed);
            self.offset += consumed as u64;
            self.n_lines += n_lines;
            if stopped {
                return Ok(Skipped::NextLine);
            }
            if consumed == 0 {
                // No line end in the whole buffer: put this line together from several fillings.
                if !self.read_line(line)? {
                    return Ok(Skipped::End);
                }
                if stop(line.text()) {
                    return Ok(Skipped::ReadLine);
                }
            }
        }
    }
}

/// `fill_buf`, tried again when a signal interrupted it, as the standard library's own line readers do.
fn fill<R: BufRead>(input: &mut R) -> io::Result<&[u8]> {
    loop {
        match input.fill_buf() {
            Ok([]) => return Ok(&[]),
            // The result is borrowed again below: the borrow checker can't see that a failed attempt's borrow has
            // ended.
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    input.fill_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8], capacity: usize) -> Vec<(Vec<u8>, u64, u64, u64, bool)> {
        let mut source = LineSource::new(io::BufReader::with_capacity(capacity, bytes));
        let mut line = Line::default();
        let mut read = Vec::new();
        while source.read_line(&mut line).unwrap() {
            read.push((line.text().to_vec(), line.number, line.start, line.end, line.terminated));
        }
        read
    }

    #[test]
    fn line_ends_of_every_kind() {
        for capacity in [1, 2, 3, 64] {
            let read = lines(b"\xef\xbb\xbfab\r\n\ncd\r\r\nlast", capacity);
            let expected: Vec<(Vec<u8>, u64, u64, u64, bool)> = vec![
                (b"ab".to_vec(), 1, 3, 5, true),
                (b"".to_vec(), 2, 7, 7, true),
                (b"cd\r".to_vec(), 3, 8, 11, true),
                (b"last".to_vec(), 4, 13, 17, false),
            ];
            assert_eq!(read, expected, "buffer of {capacity} bytes");
        }
    }

    #[test]
    fn text_is_always_followed_by_padding() {
        let mut line = Line::default();
        for len in 0..200 {
            line.clear();
            line.push(&vec![b'x'; len]);
            line.pad();
            assert_eq!(line.text().len(), len);
            assert!(line.padded().len() > len);
            assert_eq!(line.padded().len() % CHUNK_BYTES, 0);
        }
    }

    #[test]
    fn an_endless_line_is_given_up() {
        let mut source = LineSource::new(io::BufReader::new(io::repeat(b'x')));
        let mut line = Line::default();
        assert!(matches!(source.read_line(&mut line), Err(LineFault::TooLong(1))));
        assert!(!source.read_line(&mut line).unwrap());
        assert_eq!(source.skip_lines(&mut line, |_| true).unwrap(), Skipped::End);
        let mut source = LineSource::new(io::BufReader::new(io::repeat(b'x')));
        assert!(matches!(source.skip_lines(&mut line, |_| false), Err(LineFault::TooLong(1))));
    }

    #[test]
    fn skipping_counts_lines_and_bytes() {
        for capacity in [1, 2, 5, 64] {
            let mut source = LineSource::new(io::BufReader::with_capacity(capacity, &b"a\nbb\nstop\nc"[..]));
            let mut line = Line::default();
            match source.skip_lines(&mut line, |text| text == b"stop").unwrap() {
                Skipped::NextLine => assert!(source.read_line(&mut line).unwrap()),
                Skipped::ReadLine => {}
                Skipped::End => panic!("the line is there"),
            }
            assert_eq!((line.text(), line.number, line.start), (&b"stop"[..], 3, 5));
            assert_eq!(source.skip_lines(&mut line, |_| false).unwrap(), Skipped::End);
            assert_eq!(source.offset(), 11);
        }
    }
}
