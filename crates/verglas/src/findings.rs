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
pub(crate) fn shown(number: f64) -> String {
    let single = number as f32;
    let is_single = f64::from(single) == number;
    // Nobody reads 300 digits.
    let is_plain = number == 0.0 || !number.is_finite() || (1e-9..1e16).contains(&number.abs());
    match (is_single, is_plain) {
        (true, true) => single.to_string(),
        (false, true) => number.to_string(),
        (true, false) => format!("{single:e}"),
        (false, false) => format!("{number:e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn numbers_have_the_digits_that_they_need() {
        for (number, text) in [
            (1.06_f32.into(), "1.06"),
            (1.06, "1.06"),
            (0.0, "0"),
            (-12345.5, "-12345.5"),
            (1e300, "1e300"),
            (-1e30_f32 as f64, "-1e30"),
            (2.5e-300, "2.5e-300"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(shown(number), text);
        }
    }
}

/// [`counted`] with what they do: `1 row names`, `2 rows name`.
pub(crate) fn counted_do(n: usize, noun: &str, one_does: &str, several_do: &str) -> String {
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
