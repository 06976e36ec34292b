//! What checking an input brings to light: errors that stop a conversion, and things that a user must be told.

use serde::Serialize;

use crate::error::Error;

/// Something that a user must be told, although the conversion goes on: a default that was used, a value that was
/// dropped, a choice that was made. Shown on stderr even when progress is silenced, and kept in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// A fixed name for scripts, such as `default-used`.
    pub code: &'static str,
    /// What to tell; lower case, no final stop.
    pub message: String,
}

/// A number and what it counts: `1 row`, `2 rows`.
pub fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// A number for people: one that single precision holds exactly with no more digits than that needs, as files store many so.
pub fn shown(number: f64) -> String {
    let single = number as f32;
    if f64::from(single) == number { single.to_string() } else { number.to_string() }
}

/// [`counted`] with what they do: `1 row names`, `2 rows name`.
pub fn counted_do(n: usize, noun: &str, one_does: &str, several_do: &str) -> String {
    format!("{} {}", counted(n, noun), if n == 1 { one_does } else { several_do })
}

/// Errors and warnings, collected so that a user sees all of them in one go.
#[derive(Debug, Default)]
pub struct Findings {
    /// What stops the conversion.
    pub errors: Vec<Error>,
    /// What must be told.
    pub warnings: Vec<Warning>,
    /// What was decided and why, for a user who asks.
    pub notes: Vec<String>,
}

impl Findings {
    /// Nothing found yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds something that stops the conversion.
    pub fn error(&mut self, error: Error) {
        self.errors.push(error);
    }

    /// Adds something that must be told.
    pub fn warn(&mut self, code: &'static str, message: impl Into<String>) {
        self.warnings.push(Warning { code, message: message.into() });
    }

    /// Adds a decision and its reason.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The errors found so far as one, if there are any; the warnings stay.
    pub fn take_error(&mut self) -> Option<Error> {
        Error::all_of(std::mem::take(&mut self.errors))
    }
}
