//! What went wrong, in words for the person who ran it.

use std::fmt;
use std::path::Path;

use verglas_formats::FormatError;

/// The result of this library's fallible functions.
pub type Result<T> = std::result::Result<T, Error>;

/// What kind of thing went wrong; decides the exception a Python caller sees, never the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A file or folder that is needed is not there.
    NotFound,
    /// A file's contents break its format's rules or contradict another file.
    Format,
    /// A setting is wrong, or contradicts the data.
    Value,
    /// The operating system refused to read or write.
    Io,
    /// Another run is at work on the same; later it may be done.
    Busy,
    /// The user asked to stop.
    Interrupted,
}

/// One thing that went wrong: where, what was expected, what was found; and what to do about it.
///
/// `Display` gives the message without the hint, lower case and without a final stop. It may have further lines, each
/// indented by two spaces. A cause is part of the text, so [`std::error::Error::source`] is always `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    /// The operating system's number for it, if it is one of its own.
    os_code: Option<i32>,
    /// What else is wrong, where several things were checked together.
    others: Vec<Error>,
}

impl Error {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, os_code: None, others: Vec::new() }
    }

    /// Something that is needed is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// A file's contents are wrong.
    pub fn format(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Format, message)
    }

    /// A setting is wrong or contradicts the data.
    pub fn value(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Value, message)
    }

    /// The operating system refused `doing` (``cannot write `out/fft` ``).
    pub fn io(doing: impl fmt::Display, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Io,
        };
        let hint = match error.kind() {
            std::io::ErrorKind::StorageFull => {
                Some("make room on that disk; a conversion then goes on with --resume".to_owned())
            }
            std::io::ErrorKind::QuotaExceeded => {
                Some("the quota is used up; when there is room, a conversion goes on with --resume".to_owned())
            }
            std::io::ErrorKind::FileTooLarge => {
                Some("`ulimit -f` tells and raises the limit of a file's size, if the file system has none".to_owned())
            }
            _ if error.raw_os_error().is_some_and(|code| TOO_MANY_FILES.contains(&code)) => {
                Some("`ulimit -n` tells and raises the limit of open files".to_owned())
            }
            _ => None,
        };
        Self { hint, os_code: error.raw_os_error(), ..Self::new(kind, format!("{doing}: {error}")) }
    }

    /// Whether the operating system refused because too many files are open.
    pub fn is_of_too_many_files(&self) -> bool {
        self.os_code.is_some_and(|code| TOO_MANY_FILES.contains(&code))
    }

    /// An error from reading the file at `path`, which the text names.
    pub fn from_format(path: &Path, error: FormatError) -> Self {
        let file = path.display().to_string();
        match error {
            FormatError::Io(error) => Self::io(format_args!("cannot read `{file}`"), &error),
            error => Self::format(error.describe(&file)).with_optional_hint(error.hint()),
        }
    }

    /// The same error with a line that says what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn with_optional_hint(mut self, hint: Option<&str>) -> Self {
        self.hint = hint.map(str::to_owned);
        self
    }

    /// The same error with a further line of text, indented below the message.
    #[must_use]
    pub fn with_detail(mut self, line: impl fmt::Display) -> Self {
        self.message.push_str("\n  ");
        self.message.push_str(&line.to_string());
        self
    }

    /// All of `errors` as one, the first in front; `None` when there are none.
    pub fn all_of(errors: Vec<Error>) -> Option<Self> {
        errors.into_iter().reduce(Error::with_other)
    }

    /// The same error with one more behind it.
    #[must_use]
    pub fn with_other(mut self, mut other: Error) -> Self {
        // One list, so that whoever goes through it meets all of them.
        let behind = std::mem::take(&mut other.others);
        self.others.push(other);
        self.others.extend(behind);
        self
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What to do about it, if that is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What else is wrong, where several things were checked together.
    pub fn others(&self) -> &[Error] {
        &self.others
    }
}

/// EMFILE and ENFILE: of this process, and of the whole system. The standard library has no name for them.
const TOO_MANY_FILES: [i32; 2] = [24, 23];

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use verglas_formats::Place;

    #[test]
    fn a_format_error_names_place_and_file_and_keeps_its_hint() {
        let error = FormatError::malformed(Place::Line(12), "expected 26 values, found 25").with_hint("was it cut?");
        let error = Error::from_format(Path::new("run_data.star"), error);
        assert_eq!(error.to_string(), "line 12 of `run_data.star`: expected 26 values, found 25");
        assert_eq!(error.hint(), Some("was it cut?"));
        assert_eq!(error.kind(), ErrorKind::Format);
    }

    #[test]
    fn several_errors_travel_as_one() {
        let all = Error::all_of(vec![Error::value("a"), Error::not_found("b")]).unwrap();
        assert_eq!((all.to_string(), all.others().len()), ("a".to_owned(), 1));
        assert_eq!(Error::all_of(Vec::new()), None);
        let nested = Error::value("first").with_other(Error::value("a").with_other(Error::value("b")));
        let told: Vec<String> = nested.others().iter().map(Error::to_string).collect();
        assert_eq!(told, ["a", "b"]);
    }
}
