//! Words to a test.

use regex_lite::Regex;

use super::evaluate::{Operand, Test, Value, Values};
use super::lexer::{Fault, Token, tokens};
use super::words::{Comparison, Field, Word, in_other_case, word};

/// How deeply parentheses and `not` may be nested.
const MAX_DEPTH: usize = 100;

/// Parses a whole selection.
pub(super) fn parse(text: &str) -> Result<Test, Fault> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0, end: text.len() };
    let test = parser.any_of(0)?;
    match parser.peek() {
        None => Ok(test),
        Some(_) => Err(parser.unexpected("`and`, `or` or the end")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    /// The text's length.
    end: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    /// The meaning of the next piece, if it is a word of the grammar and not quoted.
    fn peek_word(&self) -> Option<Word> {
        self.peek().filter(|token| !token.is_quoted).and_then(|token| word(&token.text))
    }

    fn is_sign(&self, sign: &str) -> bool {
        self.peek().is_some_and(|token| !token.is_quoted && token.text == sign)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token
    }

    fn unexpected(&self, expected: &str) -> Fault {
        match self.peek() {
            Some(token) => Fault::new(token.at, format!("expected {expected}, found `{}`", token.text)),
            None => Fault::new(self.end, format!("expected {expected}, found the end")),
        }
    }

    fn any_of(&mut self, depth: usize) -> Result<Test, Fault> {
        let mut tests = vec![self.all_of(depth)?];
        while self.peek_word() == Some(Word::Or) {
            self.next += 1;
            tests.push(self.all_of(depth)?);
        }
        Ok(if tests.len() == 1 { tests.remove(0) } else { Test::Any(tests) })
    }

    fn all_of(&mut self, depth: usize) -> Result<Test, Fault> {
        let mut tests = vec![self.negation(depth)?];
        while self.peek_word() == Some(Word::And) {
            self.next += 1;
            tests.push(self.negation(depth)?);
        }
        Ok(if tests.len() == 1 { tests.remove(0) } else { Test::All(tests) })
    }

    fn negation(&mut self, depth: usize) -> Result<Test, Fault> {
        if depth > MAX_DEPTH {
            let at = self.peek().map_or(self.end, |token| token.at);
            return Err(Fault::new(at, format!("parentheses and `not` are nested more than {MAX_DEPTH} deep")));
        }
        if self.peek_word() == Some(Word::Not) {
            self.next += 1;
            return Ok(Test::Not(Box::new(self.negation(depth + 1)?)));
        }
        if self.is_sign("(") {
            self.next += 1;
            let test = self.any_of(depth + 1)?;
            if !self.is_sign(")") {
                return Err(self.unexpected("`)`"));
            }
            self.next += 1;
            return Ok(test);
        }
        self.test()
    }

    fn test(&mut self) -> Result<Test, Fault> {
        let expected = "a test such as `name CA` or `protein`";
        let Some(token) = self.peek().cloned() else { return Err(self.unexpected(expected)) };
        match self.peek_word() {
            Some(Word::Flag(flag)) => {
                self.next += 1;
                Ok(Test::Flag(flag))
            }
            Some(Word::Field(field)) => {
                self.next += 1;
                self.field(field, &token.text)
            }
            Some(Word::Bonds) => {
                Err(Fault::new(token.at, "`n_bonds` can't be used: bonds are not read from structure files"))
            }
            None if !token.is_quoted && matches!(&*token.text, "(" | ")") => Err(self.unexpected(expected)),
            None => self.value_first(token),
            Some(_) => Err(self.unexpected(expected)),
        }
    }

    /// What follows a field.
    fn field(&mut self, field: Field, name: &str) -> Result<Test, Fault> {
        match self.peek_word() {
            Some(Word::Comparison(comparison)) => {
                self.next += 1;
                let right = match self.peek_word() {
                    Some(Word::Field(other)) if other.is_number() == field.is_number() => {
                        self.next += 1;
                        Operand::Field(other)
                    }
                    _ => Operand::Value(self.value(field, name)?),
                };
                Ok(Test::Compare(Operand::Field(field), comparison, right))
            }
            Some(Word::Matches) => {
                self.next += 1;
                self.pattern(field)
            }
            _ => self.list(field, name),
        }
    }

    /// A value in front, as in `5 <= mass`.
    fn value_first(&mut self, token: Token) -> Result<Test, Fault> {
        self.next += 1;
        let Some(Word::Comparison(comparison)) = self.peek_word() else {
            let fault = Fault::new(token.at, format!("`{}` is neither a test nor a field", token.text));
            let fields = "tests are all none protein nucleic water backbone sidechain hetatm; fields name element index \
                          mass resname resSeq resid chainid chain segment_id code";
            return Err(fault.with_hint(match in_other_case(&token.text) {
                Some(word) => format!("did you mean `{word}`? {fields}"),
                None => fields.to_owned(),
            }));
        };
        self.next += 1;
        let Some(Word::Field(field)) = self.peek_word() else { return Err(self.unexpected("a field")) };
        let name = self.take().map(|token| token.text).unwrap_or_default();
        let value = to_value(field, &name, token)?;
        Ok(Test::Compare(Operand::Value(value), comparison, Operand::Field(field)))
    }

    /// The pattern that follows `=~`.
    fn pattern(&mut self, field: Field) -> Result<Test, Fault> {
        let is_value = self.peek().is_some_and(|token| token.is_quoted) || self.peek_word().is_none();
        let Some(token) = self.take().filter(|_| is_value) else {
            self.next -= 1;
            return Err(self.unexpected("a pattern in quotes"));
        };
        // As Python's `re.match`: from the start, not to the end.
        match Regex::new(&format!("^(?:{})", token.text)) {
            Ok(regex) => Ok(Test::Matches(field, regex)),
            Err(error) => {
                let error = error.to_string();
                let reason = error.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
                let message = format!("`{}` is not a supported regular expression: {reason}", token.text);
                Err(Fault::new(token.at, message).with_hint("look-around and references to groups are not supported"))
            }
        }
    }

    /// One or more values, ranges among them.
    fn list(&mut self, field: Field, name: &str) -> Result<Test, Fault> {
        let mut all = Vec::new();
        loop {
            let first = self.value(field, name)?;
            if self.peek_word() == Some(Word::To) {
                self.next += 1;
                all.push(Values::Range(first, self.value(field, name)?));
            } else {
                all.push(Values::One(first));
            }
            match self.peek() {
                None => break,
                Some(token) if token.is_quoted => {}
                Some(token) => match word(&token.text) {
                    Some(Word::Flag(_) | Word::Field(_) | Word::Bonds) if all.len() > 1 => {
                        let message =
                            format!("`{}` can't be a further value of `{name}`: is `and` missing?", token.text);
                        return Err(Fault::new(token.at, message).with_hint("a value of that name must be in quotes"));
                    }
                    Some(_) => break,
                    None if matches!(&*token.text, "(" | ")") => break,
                    None => {}
                },
            }
        }
        Ok(Test::Among(field, all))
    }

    /// One value of a field.
    fn value(&mut self, field: Field, name: &str) -> Result<Value, Fault> {
        let is_value = match self.peek() {
            None => false,
            Some(token) if token.is_quoted => true,
            Some(token) => {
                let is_word = word(&token.text).is_some_and(|word| !matches!(word, Word::Flag(_) | Word::Field(_)));
                !is_word && !matches!(&*token.text, "(" | ")")
            }
        };
        match self.take() {
            Some(token) if is_value => to_value(field, name, token),
            _ => {
                self.next -= 1;
                Err(self.unexpected(&format!("a value of `{name}`")))
            }
        }
    }
}

/// A value for a field: a number where the field is one.
fn to_value(field: Field, name: &str, token: Token) -> Result<Value, Fault> {
    if !field.is_number() {
        return Ok(Value::Text(token.text));
    }
    match token.text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Value::Number(number)),
        _ => Err(Fault::new(token.at, format!("`{}` is not a number, which `{name}` needs", token.text))),
    }
}

impl Comparison {
    /// Whether it holds for two things of this order; `None` if one is not a number.
    pub(super) fn holds(self, order: Option<std::cmp::Ordering>) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        match self {
            Self::Equal => order == Some(Equal),
            Self::NotEqual => order != Some(Equal),
            Self::Less => order == Some(Less),
            Self::LessOrEqual => matches!(order, Some(Less | Equal)),
            Self::Greater => order == Some(Greater),
            Self::GreaterOrEqual => matches!(order, Some(Greater | Equal)),
        }
    }
}
