//! The part of Python's literal syntax that array headers are written in.

use crate::error::{FormatError, Place, Result};

/// How deeply lists, tuples and dicts may be nested; NumPy's headers need a few levels.
const MAX_DEPTH: usize = 32;

/// A Python literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Literal {
    Text(String),
    Int(u64),
    Bool(bool),
    None,
    Tuple(Vec<Literal>),
    List(Vec<Literal>),
    Dict(Vec<(Literal, Literal)>),
}

impl Literal {
    /// Its beginning, for messages.
    pub fn shown(&self) -> String {
        const MAX_CHARS: usize = 60;
        let mut text = String::new();
        self.push_to(&mut text, MAX_CHARS);
        match text.char_indices().nth(MAX_CHARS) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }

    /// Appends it as Python writes it, until there is enough.
    fn push_to(&self, text: &mut String, max_chars: usize) {
        let push_all = |text: &mut String, items: &[Literal]| {
            for (index, item) in items.iter().enumerate() {
                if text.len() > 4 * max_chars {
                    break;
                }
                text.push_str(if index > 0 { ", " } else { "" });
                item.push_to(text, max_chars);
            }
        };
        match self {
            Self::Text(value) => text.push_str(&quote(value)),
            Self::Int(value) => text.push_str(&value.to_string()),
            Self::Bool(value) => text.push_str(if *value { "True" } else { "False" }),
            Self::None => text.push_str("None"),
            Self::Tuple(items) => {
                text.push('(');
                push_all(text, items);
                text.push_str(if items.len() == 1 { ",)" } else { ")" });
            }
            Self::List(items) => {
                text.push('[');
                push_all(text, items);
                text.push(']');
            }
            Self::Dict(_) => text.push_str("{…}"),
        }
    }
}

/// Parses `text`, which must hold one literal and nothing else but white space.
///
/// `text_offset` is where it begins in the file, for errors.
pub(crate) fn parse_literal(text: &str, text_offset: u64) -> Result<Literal> {
    let mut parser = Parser { text, at: 0, text_offset };
    let value = parser.value(0)?;
    parser.skip_space();
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.expected("the end of the header")),
    }
}

/// `text` as a Python string literal.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    text_offset: u64,
}

impl Parser<'_> {
    fn value(&mut self, depth: usize) -> Result<Literal> {
        if depth > MAX_DEPTH {
            return Err(self.expected(&format!("at most {MAX_DEPTH} nested brackets")));
        }
        self.skip_space();
        match self.peek() {
            Some('\'' | '"') => self.string().map(Literal::Text),
            Some('0'..='9') => self.int(),
            Some('(') => self.tuple(depth),
            Some('[') => {
                self.take();
                let (items, _) = self.items(']', depth)?;
                Ok(Literal::List(items))
            }
            Some('{') => self.dict(depth),
            Some('A'..='Z') => self.constant(),
            _ => Err(self.expected("a Python literal")),
        }
    }

    /// `(a)` is `a`, `(a,)` a tuple.
    fn tuple(&mut self, depth: usize) -> Result<Literal> {
        self.take();
        let (mut items, has_comma) = self.items(')', depth)?;
        match items.pop() {
            Some(only) if items.is_empty() && !has_comma => Ok(only),
            last => {
                items.extend(last);
                Ok(Literal::Tuple(items))
            }
        }
    }

    /// The items up to `close`, and whether a comma follows the last one.
    fn items(&mut self, close: char, depth: usize) -> Result<(Vec<Literal>, bool)> {
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if self.eat(close) {
                let has_comma = !items.is_empty();
                return Ok((items, has_comma));
            }
            items.push(self.value(depth + 1)?);
            self.skip_space();
            if self.eat(close) {
                return Ok((items, false));
            }
            if !self.eat(',') {
                return Err(self.expected(&format!("`,` or `{close}`")));
            }
        }
    }

    fn dict(&mut self, depth: usize) -> Result<Literal> {
        self.take();
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if self.eat('}') {
                return Ok(Literal::Dict(items));
            }
            let key = self.value(depth + 1)?;
            self.skip_space();
            if !self.eat(':') {
                return Err(self.expected("`:`"));
            }
            items.push((key, self.value(depth + 1)?));
            self.skip_space();
            if !self.eat(',') && self.peek() != Some('}') {
                return Err(self.expected("`,` or `}`"));
            }
        }
    }

    fn int(&mut self) -> Result<Literal> {
        let rest = &self.text[self.at..];
        let n_digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let value = rest[..n_digits].parse().map_err(|_| self.expected("an integer below 2^64"))?;
        self.at += n_digits;
        // Python 2 wrote long integers so.
        self.eat('L');
        Ok(Literal::Int(value))
    }

    fn constant(&mut self) -> Result<Literal> {
        let known = [("True", Literal::Bool(true)), ("False", Literal::Bool(false)), ("None", Literal::None)];
        for (word, value) in known {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.expected("True, False or None"))
    }

    fn string(&mut self) -> Result<String> {
        let quote = self.take();
        let mut value = String::new();
        loop {
            match self.take() {
                None | Some('\n') => return Err(self.expected("the end of a string")),
                Some('\\') => value.push(self.escaped()?),
                c if c == quote => return Ok(value),
                Some(c) => value.push(c),
            }
        }
    }

    fn escaped(&mut self) -> Result<char> {
        let n_digits = match self.take() {
            Some(c @ ('\\' | '\'' | '"')) => return Ok(c),
            Some('n') => return Ok('\n'),
            Some('r') => return Ok('\r'),
            Some('t') => return Ok('\t'),
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            _ => return Err(self.expected("an escape sequence of Python")),
        };
        let digits = self.text.get(self.at..self.at + n_digits).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let c = code.and_then(char::from_u32).ok_or_else(|| self.expected("the code of a character"))?;
        self.at += n_digits;
        Ok(c)
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|c| c.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += c.map_or(0, char::len_utf8);
        c
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.take();
        }
        found
    }

    fn expected(&self, what: &str) -> FormatError {
        let found = self.peek().map_or_else(|| "its end".to_owned(), |c| format!("`{}`", c.escape_default()));
        let place = Place::Byte(self.text_offset + self.at as u64);
        FormatError::malformed(place, format!("expected {what} in the array's header, found {found}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Literal> {
        parse_literal(text, 10)
    }

    #[test]
    fn reads_what_headers_hold() {
        let text = "{'a': (1,), \"b\\'\" : [('x', '<f4', (2, 3L)), ], 'c':(7), 'd':(), 'e': None, 'f': True}  \n";
        let Literal::Dict(items) = parse(text).unwrap() else { panic!("not a dict") };
        let text = |t: &str| Literal::Text(t.to_owned());
        assert_eq!(items[0], (text("a"), Literal::Tuple(vec![Literal::Int(1)])));
        let shape = Literal::Tuple(vec![Literal::Int(2), Literal::Int(3)]);
        assert_eq!(items[1], (text("b'"), Literal::List(vec![Literal::Tuple(vec![text("x"), text("<f4"), shape])])));
        assert_eq!(items[2].1, Literal::Int(7));
        assert_eq!(items[3].1, Literal::Tuple(vec![]));
        assert_eq!((&items[4].1, &items[5].1), (&Literal::None, &Literal::Bool(true)));
    }

    #[test]
    fn escapes_and_quoting_are_inverse() {
        for text in ["", "plain", "it's", "back\\slash", "tab\tand\nline\u{7f}", "Å", "\"both' "] {
            assert_eq!(parse(&quote(text)).unwrap(), Literal::Text(text.to_owned()));
        }
        assert_eq!(parse(r"'\u00c5\x41\U0001F600'").unwrap(), Literal::Text("ÅA😀".to_owned()));
    }

    #[test]
    fn messages_show_the_beginning() {
        let shown = |text: &str| parse(text).unwrap().shown();
        assert_eq!(shown("[('a', '<f4', (3,)), None, True, {'b': 1}]"), "[('a', '<f4', (3,)), None, True, {…}]");
        assert_eq!(shown(&format!("[{}]", "1,".repeat(1000))), format!("[{}…", &"1, ".repeat(20)[..59]));
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "'open",
            "'\\q'",
            "'\\xg0'",
            "'\\ud800'",
            "-1",
            "1.5",
            "1 2",
            "(1",
            "[1 2]",
            "{1}",
            "{1:}",
            "f()",
            "99999999999999999999",
            "(,)",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
        let error = parse("{'a' 1}").unwrap_err().to_string();
        assert_eq!(error, "byte 15: expected `:` in the array's header, found `1`");
    }
}
