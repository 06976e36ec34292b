//! Cuts a line into values.

use super::line::{CHUNK_BYTES, Line};

/// The separators of values: blank, tab, and the other white space of C's `isspace`. A carriage return within a line
/// is one, too; the one before a line feed belongs to the line end.
pub(super) fn is_white(byte: u8) -> bool {
    byte == b' ' || byte.wrapping_sub(b'\t') <= b'\r' - b'\t'
}

/// The text without the white space before it. The standard library's `trim_ascii_start` leaves vertical tabs.
pub(super) fn trim_start(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| !is_white(byte)).unwrap_or(text.len());
    &text[start..]
}

/// The characters that keep a line from being cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenFault {
    /// The value that starts with this quote at this column (from 0) does not end with it.
    OpenQuote { quote: u8, column: usize },
    /// A byte 0 at this column (from 0): not a text file.
    Nul { column: usize },
}

/// Where the values of a line are, quotes and comment taken off; reused from line to line.
#[derive(Debug, Clone, Default)]
pub(super) struct Tokens {
    /// Start and end of each value, alternating, for as many values as [`Tokens::keep`] asked for.
    edges: Vec<u32>,
    /// Number of values in the line, kept or not.
    found: usize,
}

impl Tokens {
    /// Sets how many values of each line are kept; further ones are only counted.
    pub fn keep(&mut self, n_values: usize) {
        self.edges.clear();
        self.edges.resize(n_values * 2, 0);
        self.found = 0;
    }

    /// The spans of values that were put together without [`Tokens::split`].
    pub fn set(&mut self, spans: &[(usize, usize)]) {
        self.keep(spans.len());
        for &(start, end) in spans {
            self.push(start, end);
        }
    }

    /// How many values of each line are kept.
    pub fn capacity(&self) -> usize {
        self.edges.len() / 2
    }

    /// Number of values in the line, kept or not.
    pub fn found(&self) -> usize {
        self.found
    }

    /// Start and end of a kept value, quotes excluded.
    #[inline]
    pub fn span(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.found {
            return None;
        }
        match self.edges.get(index * 2..index * 2 + 2) {
            Some(&[start, end]) => Some((start as usize, end as usize)),
            _ => None,
        }
    }

    /// A kept value, quotes taken off.
    #[inline]
    pub fn value<'a>(&self, index: usize, line: &'a Line) -> Option<&'a [u8]> {
        let (start, end) = self.span(index)?;
        line.text().get(start..end)
    }

    /// A kept value if it is not quoted: only these can be words of the STAR language.
    pub fn bare<'a>(&self, index: usize, line: &'a Line) -> Option<&'a [u8]> {
        let (start, end) = self.span(index)?;
        if is_quoted(line.text(), start) { None } else { line.text().get(start..end) }
    }

    /// A kept value as written, with its quotes.
    pub fn written<'a>(&self, index: usize, line: &'a Line) -> Option<&'a [u8]> {
        let (start, end) = self.span(index)?;
        let quote = usize::from(is_quoted(line.text(), start));
        line.text().get(start - quote..end + quote)
    }

    /// Cuts `line`.
    #[inline]
    pub fn split(&mut self, line: &Line) -> Result<(), TokenFault> {
        if self.split_plain(line.padded()) { Ok(()) } else { self.split_quoted(line.text()) }
    }

    /// Cuts a padded line that has neither quotes nor `#`; `false` if it has, or a byte 0.
    #[inline]
    fn split_plain(&mut self, padded: &[u8]) -> bool {
        let mut is_special = false;
        let mut n_edges = 0;
        let mut white_before = 1;
        for (index, chunk) in padded.as_chunks::<CHUNK_BYTES>().0.iter().enumerate() {
            let white = white_bits(chunk);
            is_special |= has_special(chunk);
            // A value starts, or has ended, where this byte is white space and the one before is not, or the reverse.
            let mut edges = white ^ (white << 1 | white_before);
            white_before = white >> 63;
            let base = (index * CHUNK_BYTES) as u32;
            while edges != 0 {
                if let Some(edge) = self.edges.get_mut(n_edges) {
                    *edge = base + edges.trailing_zeros();
                }
                n_edges += 1;
                edges &= edges - 1;
            }
        }
        // Each value has both edges: the padding ends with a blank.
        self.found = n_edges / 2;
        !is_special
    }

    /// Cuts any line, byte by byte.
    #[cold]
    #[inline(never)]
    fn split_quoted(&mut self, text: &[u8]) -> Result<(), TokenFault> {
        self.found = 0;
        if let Some(column) = memchr::memchr(0, text) {
            return Err(TokenFault::Nul { column });
        }
        let mut at = 0;
        while let Some(&first) = text.get(at) {
            if is_white(first) {
                at += 1;
                continue;
            }
            match first {
                b'#' => break,
                b'"' | b'\'' => {
                    let end = closing_quote(text, at).ok_or(TokenFault::OpenQuote { quote: first, column: at })?;
                    self.push(at + 1, end);
                    at = end + 1;
                }
                _ => {
                    let end = text[at..].iter().position(|&byte| is_white(byte)).map_or(text.len(), |n| at + n);
                    self.push(at, end);
                    at = end;
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, start: usize, end: usize) {
        if let Some(edges) = self.edges.get_mut(self.found * 2..self.found * 2 + 2) {
            edges.copy_from_slice(&[start as u32, end as u32]);
        }
        self.found += 1;
    }
}

/// Whether the value that starts here is in quotes: before any other value is white space or nothing.
fn is_quoted(text: &[u8], start: usize) -> bool {
    start > 0 && !is_white(text[start - 1])
}

/// Where the value that opens with a quote at `open` closes: at the same quote, followed by white space or nothing.
pub(super) fn closing_quote(text: &[u8], open: usize) -> Option<usize> {
    let quote = *text.get(open)?;
    let inside = open + 1;
    memchr::memchr_iter(quote, &text[inside..])
        .map(|at| inside + at)
        .find(|&at| text.get(at + 1).is_none_or(|&next| is_white(next)))
}

/// The white space among 64 bytes, the first byte in the lowest bit.
///
/// Written so that compilers turn it into vector comparisons and a few multiplications.
#[inline]
fn white_bits(chunk: &[u8; CHUNK_BYTES]) -> u64 {
    // Multiplied with a word of bytes that are 0 or 1, its highest byte collects them, the first one lowest.
    const COLLECT: u64 = 0x0102_0408_1020_4080;
    let flags = chunk.map(|byte| u8::from(is_white(byte)));
    let words = flags.as_chunks::<8>().0.iter().enumerate();
    words.fold(0, |bits, (index, &word)| bits | (u64::from_le_bytes(word).wrapping_mul(COLLECT) >> 56) << (8 * index))
}

/// Whether bytes that the fast way can't deal with are among these: quotes, `#`, and the byte 0.
#[inline]
fn has_special(chunk: &[u8; CHUNK_BYTES]) -> bool {
    // `"` and `#` differ in the lowest bit only.
    chunk.iter().fold(false, |seen, &byte| seen | (byte | 1 == b'#') | (byte == b'\'') | (byte == 0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(text: &[u8]) -> Line {
        let mut line = Line::default();
        line.push(text);
        line.pad();
        line
    }

    fn cut(text: &str) -> Result<Vec<String>, TokenFault> {
        let line = line(text.as_bytes());
        let mut tokens = Tokens::default();
        tokens.keep(16);
        tokens.split(&line)?;
        Ok((0..tokens.found()).map(|i| String::from_utf8_lossy(tokens.value(i, &line).unwrap()).into_owned()).collect())
    }

    #[test]
    fn quotes_delimit_at_the_edges_of_values_only() {
        assert_eq!(cut("a 'b c' \"d  e\"").unwrap(), ["a", "b c", "d  e"]);
        assert_eq!(cut("it's 5' a\"b").unwrap(), ["it's", "5'", "a\"b"]);
        assert_eq!(cut("'a'b' \"x\"y\"").unwrap(), ["a'b", "x\"y"]);
        assert_eq!(cut("'' \"\" ' '").unwrap(), ["", "", " "]);
        assert_eq!(cut("'say \"hi\" now'").unwrap(), ["say \"hi\" now"]);
        assert_eq!(cut("'a\\' b").unwrap(), ["a\\", "b"]);
    }

    #[test]
    fn an_open_quote_is_a_fault() {
        assert_eq!(cut("a 'b c"), Err(TokenFault::OpenQuote { quote: b'\'', column: 2 }));
        assert_eq!(cut("\"a'"), Err(TokenFault::OpenQuote { quote: b'"', column: 0 }));
        assert_eq!(cut("'a'b"), Err(TokenFault::OpenQuote { quote: b'\'', column: 0 }));
        assert_eq!(cut("'"), Err(TokenFault::OpenQuote { quote: b'\'', column: 0 }));
    }

    #[test]
    fn comments_start_after_white_space_only() {
        assert_eq!(cut("a#b # c 'd").unwrap(), ["a#b"]);
        assert_eq!(cut("# a").unwrap(), [""; 0]);
        assert_eq!(cut("\t#a").unwrap(), [""; 0]);
        assert_eq!(cut("'# a' b#").unwrap(), ["# a", "b#"]);
        assert_eq!(cut("'a'# b'").unwrap(), ["a'# b"]);
    }

    #[test]
    fn values_across_chunks_and_past_the_kept_ones() {
        let long = "x".repeat(130);
        assert_eq!(cut(&format!("{long} {long}\t\x0b\x0c\r{long}")).unwrap(), [&*long, &*long, &*long]);
        let line = line(b"a b c d");
        let mut tokens = Tokens::default();
        tokens.keep(2);
        tokens.split(&line).unwrap();
        assert_eq!(tokens.found(), 4);
        assert_eq!(tokens.value(1, &line), Some(&b"b"[..]));
        assert_eq!(tokens.value(2, &line), None);
    }

    #[test]
    fn a_byte_zero_is_a_fault_even_in_a_comment() {
        assert_eq!(cut("ab\0"), Err(TokenFault::Nul { column: 2 }));
        assert_eq!(cut("# \0"), Err(TokenFault::Nul { column: 2 }));
    }

    proptest! {
        #[test]
        fn bytes_are_classified_as_defined(bytes: [u8; 64]) {
            let white = (0..64).map(|i| u64::from(is_white(bytes[i])) << i).sum::<u64>();
            prop_assert_eq!(white_bits(&bytes), white);
            prop_assert_eq!(has_special(&bytes), bytes.iter().any(|byte| b"\"'#\0".contains(byte)));
        }

        #[test]
        fn both_paths_agree_on_plain_lines(text in "[ \tab.]{0,200}") {
            let line = line(text.as_bytes());
            let (mut plain, mut quoted) = (Tokens::default(), Tokens::default());
            plain.keep(200);
            quoted.keep(200);
            prop_assert!(plain.split_plain(line.padded()));
            quoted.split_quoted(line.text()).unwrap();
            prop_assert_eq!(plain.found(), quoted.found());
            prop_assert_eq!(&plain.edges[..plain.found() * 2], &quoted.edges[..quoted.found() * 2]);
        }
    }

    #[test]
    fn every_byte_is_classified_right_at_every_place() {
        for byte in 0..=255u8 {
            for at in 0..64 {
                let mut bytes = [b'x'; 64];
                bytes[at] = byte;
                assert_eq!(white_bits(&bytes), u64::from(b" \t\n\x0b\x0c\r".contains(&byte)) << at);
                assert_eq!(has_special(&bytes), b"\"'#\0".contains(&byte));
            }
        }
    }
}
