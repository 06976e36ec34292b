//! The words of CIF 1.1, line by line.

use std::io::BufRead;

use crate::error::{FormatError, Place, Result};
use crate::lines::{Lines, shown};

/// The longest text field that is kept: none of what is read here is longer. Longer ones are skipped over.
const MAX_KEPT_TEXT_BYTES: usize = 4096;

/// The kind of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `data_…`: a block starts.
    Block,
    /// `loop_`.
    Loop,
    /// `save_name` or `save_`.
    Save,
    /// `_name`.
    Name,
    /// A value. `.` and `?` without quotes mean that there is none.
    Value {
        /// Whether it was in quotes or a text field.
        is_quoted: bool,
    },
}

/// A stream of words.
pub(super) struct Tokens<R> {
    lines: Lines<R>,
    line: Vec<u8>,
    at: usize,
    is_at_end: bool,
    /// The last word without quotes.
    pub(super) text: Vec<u8>,
    place: Place,
}

impl<R: BufRead> Tokens<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            lines: Lines::new(reader),
            line: Vec::new(),
            at: 0,
            is_at_end: false,
            text: Vec::new(),
            place: Place::Line(1),
        }
    }

    /// Where the last word started.
    pub(super) fn place(&self) -> Place {
        self.place.clone()
    }

    /// Goes to the next line; false at the end.
    fn next_line(&mut self) -> Result<bool> {
        self.at = 0;
        self.line.clear();
        match self.lines.next()? {
            Some(line) => self.line.extend_from_slice(line),
            None => self.is_at_end = true,
        }
        Ok(!self.is_at_end)
    }

    /// Reads the next word into [`Tokens::text`]; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Kind>> {
        if self.is_at_end {
            return Ok(None);
        }
        loop {
            let rest = &self.line[self.at..];
            let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.at += blanks;
            match self.line.get(self.at) {
                Some(b'#') | None => {
                    if !self.next_line()? {
                        return Ok(None);
                    }
                    if self.line.first() == Some(&b';') {
                        return self.text_field().map(Some);
                    }
                }
                Some(first) => {
                    self.place = self.lines.place();
                    return match first {
                        b'\'' | b'"' => self.quoted(*first).map(Some),
                        _ => self.bare().map(Some),
                    };
                }
            }
        }
    }

    /// From a semicolon at the start of a line to the next such line.
    fn text_field(&mut self) -> Result<Kind> {
        self.place = self.lines.place();
        self.text.clear();
        self.text.extend_from_slice(&self.line[1..self.line.len().min(MAX_KEPT_TEXT_BYTES)]);
        loop {
            if !self.next_line()? {
                let message = "the text field that starts here does not end: a line that starts with `;` is missing";
                return Err(FormatError::malformed(self.place(), message));
            }
            if self.line.first() == Some(&b';') {
                self.at = 1;
                return Ok(Kind::Value { is_quoted: true });
            }
            let room = MAX_KEPT_TEXT_BYTES.saturating_sub(self.text.len() + 1);
            if room > 0 {
                self.text.push(b'\n');
                self.text.extend_from_slice(&self.line[..self.line.len().min(room)]);
            }
        }
    }

    /// To the next quote of the same kind before a blank or the line's end.
    fn quoted(&mut self, quote: u8) -> Result<Kind> {
        let start = self.at + 1;
        let rest = &self.line[start..];
        let end = (0..rest.len())
            .find(|&n| rest[n] == quote && rest.get(n + 1).is_none_or(u8::is_ascii_whitespace))
            .ok_or_else(|| {
                let message = format!("the quoted text {} does not end on its line", shown(&self.line[self.at..]));
                FormatError::malformed(self.place(), message)
            })?;
        self.text.clear();
        self.text.extend_from_slice(&rest[..end]);
        self.at = start + end + 1;
        Ok(Kind::Value { is_quoted: true })
    }

    /// To the next blank.
    fn bare(&mut self) -> Result<Kind> {
        let rest = &self.line[self.at..];
        let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        self.text.clear();
        self.text.extend_from_slice(&rest[..end]);
        self.at += end;
        let starts_with = |word: &[u8]| self.text.get(..word.len()).is_some_and(|t| t.eq_ignore_ascii_case(word));
        Ok(if self.text[0] == b'_' {
            Kind::Name
        } else if starts_with(b"data_") {
            Kind::Block
        } else if self.text.eq_ignore_ascii_case(b"loop_") {
            Kind::Loop
        } else if starts_with(b"save_") {
            Kind::Save
        } else if self.text.eq_ignore_ascii_case(b"global_") || self.text.eq_ignore_ascii_case(b"stop_") {
            let message = format!("{} belongs to STAR files of another kind, not to CIF", shown(&self.text));
            return Err(FormatError::malformed(self.place(), message));
        } else {
            Kind::Value { is_quoted: false }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<(String, bool)> {
        let mut tokens = Tokens::new(text.as_bytes());
        let mut words = Vec::new();
        while let Some(kind) = tokens.next().unwrap() {
            words.push((String::from_utf8(tokens.text.clone()).unwrap(), kind == Kind::Value { is_quoted: true }));
        }
        words
    }

    #[test]
    fn quotes_end_before_blanks_only() {
        let found = words("'O5'' \"C1'\" a'b 'it''s' ? '.' x#y # comment ' \"\n;text\n ;more\n;z\n");
        let expected = [
            ("O5'", true),
            ("C1'", true),
            ("a'b", false),
            ("it''s", true),
            ("?", false),
            (".", true),
            ("x#y", false),
            ("text\n ;more", true),
            ("z", false),
        ];
        assert_eq!(found, expected.map(|(word, quoted)| (word.to_owned(), quoted)));
    }

    #[test]
    fn what_has_no_end_is_an_error_with_its_line() {
        let error = |text: &str| {
            let mut tokens = Tokens::new(text.as_bytes());
            loop {
                match tokens.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("no error"),
                    Err(error) => return error.to_string(),
                }
            }
        };
        assert_eq!(error("a\n 'b c\nd'"), "line 2: the quoted text `'b c` does not end on its line");
        assert!(error("a\n;b\nc\n").starts_with("line 2: the text field that starts here does not end"));
    }
}
