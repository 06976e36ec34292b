//! Text to words, signs and values, each with its place.

/// What is wrong with a selection, and where.
#[derive(Debug)]
pub(super) struct Fault {
    /// In bytes.
    pub(super) at: usize,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Fault {
    pub(super) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: None }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A piece of a selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// Where it starts, in bytes.
    pub(super) at: usize,
    /// Its text, without quotes.
    pub(super) text: String,
    /// Whether it was in quotes, so that it is a value in any case.
    pub(super) is_quoted: bool,
}

/// Signs, the longer ones first.
const SIGNS: [&str; 12] = ["==", "!=", "<=", ">=", "=~", "&&", "||", "<", ">", "!", "(", ")"];

/// The pieces of a text.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (n_bytes, token) = if first.is_whitespace() {
            (first.len_utf8(), None)
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (sign.len(), Some(Token { at, text: (*sign).to_owned(), is_quoted: false }))
        } else if matches!(first, '\'' | '"') {
            let inside = &rest[1..];
            // As for mmCIF: a quote within a value ends it only before a blank, a parenthesis, a sign or the end.
            let end = inside.char_indices().find(|(n, c)| *c == first && ends_value(&inside[n + 1..]));
            let Some((end, _)) = end else { return Err(Fault::new(at, "the quoted text does not end")) };
            (end + 2, Some(Token { at, text: inside[..end].to_owned(), is_quoted: true }))
        } else if matches!(first, '=' | '&' | '|') {
            let hint = "operators are == != < <= > >= =~ && || !";
            return Err(Fault::new(at, format!("`{first}` is not an operator")).with_hint(hint));
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || "()=!<>&|".contains(c)).unwrap_or(rest.len());
            (end, Some(Token { at, text: rest[..end].to_owned(), is_quoted: false }))
        };
        tokens.extend(token);
        at += n_bytes;
    }
    Ok(tokens)
}

/// Whether what follows a quote lets it be the last of its value.
fn ends_value(rest: &str) -> bool {
    rest.chars().next().is_none_or(|c| c.is_whitespace() || "()=!<>&|".contains(c))
}
