//! The result of checking an input: errors that stop a conversion, and warnings that a user must see.

use serde::Serialize;

use crate::error::Error;
use crate::hint::Text;

/// Something that a user must know, although the conversion continues: a default that was used, a value that was
/// dropped, a choice that was made. Shown on stderr even when progress is silenced, and kept in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// A fixed name for scripts, such as `default-used`.
    pub code: &'static str,
    /// The message; lower case, no final stop.
    pub message: Text,
}

/// A number and what it counts: `1 row`, `2 rows`.
pub fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// A number for people: one that single precision holds exactly with no more digits than that needs, as files store many so;
/// as written where that is short; and what was computed from such numbers without their noise, with seven digits.
pub fn shown(number: f64) -> String {
    const MOST_DIGITS: usize = 12;
    let single = number as f32;
    let is_plain = number == 0.0 || !number.is_finite() || (1e-9..1e16).contains(&number.abs());
    if f64::from(single) == number {
        // Nobody reads 300 digits.
        return if is_plain { single.to_string() } else { format!("{single:e}") };
    }
    let written = if is_plain { number.to_string() } else { format!("{number:e}") };
    if written.bytes().filter(u8::is_ascii_digit).count() <= MOST_DIGITS {
        return written;
    }
    let rounded = format!("{number:.6e}").parse::<f64>().unwrap_or(number);
    if is_plain { rounded.to_string() } else { format!("{rounded:e}") }
}

/// [`counted`] with what they do: `1 row names`, `2 rows name`.
pub fn counted_do(n: usize, noun: &str, one_does: &str, several_do: &str) -> String {
    format!("{} {}", counted(n, noun), if n == 1 { one_does } else { several_do })
}

/// Errors and warnings, collected so that a user sees all of them in one go.
#[derive(Debug, Default)]
pub struct Findings {
    /// Errors, which stop the conversion.
    pub errors: Vec<Error>,
    /// Warnings, which the user must see.
    pub warnings: Vec<Warning>,
    /// Notes: what was decided and why, for a user who wants to know.
    pub notes: Vec<Text>,
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

    /// Adds a warning.
    pub fn warn(&mut self, code: &'static str, message: impl Into<Text>) {
        self.warnings.push(Warning { code, message: message.into() });
    }

    /// Adds a decision and its reason.
    pub fn note(&mut self, note: impl Into<Text>) {
        self.notes.push(note.into());
    }

    /// The errors found so far as one, if there are any; the warnings are kept.
    pub fn take_error(&mut self) -> Option<Error> {
        Error::all_of(std::mem::take(&mut self.errors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_their_files_gave_them() {
        for (number, text) in [
            (f64::from(1.06_f32), "1.06"),
            (1.06, "1.06"),
            (0.910_095, "0.910095"),
            (1.071_234_567_8, "1.0712345678"),
            (f64::from(10.4_f32) / 8.0, "1.3"),
            (f64::from(9.1_f32) / 7.0, "1.3"),
            (300_000.0, "300000"),
            (-999.0, "-999"),
            (3.0 * 1.1, "3.3"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(shown(number), text);
        }
    }
}
