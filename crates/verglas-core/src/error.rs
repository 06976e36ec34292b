//! Errors, described for the person who ran the program.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use verglas_choice::UnknownName;
use verglas_formats::FormatError;
use verglas_formats::mrc::CannotUnpack;

use crate::hint::{Hint, LibraryWords, Text, Words};

/// The result of this library's fallible functions.
pub type Result<T> = std::result::Result<T, Error>;

/// The kind of error; decides which exception a Python caller sees, never the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A file or folder that is needed is not there.
    NotFound,
    /// A file or folder to be made already exists.
    Exists,
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
    /// There is not enough memory.
    Memory,
}

/// One thing that went wrong: where, what was expected, what was found; and what to do about it.
///
/// `Display` gives the message without the hint, lower case and without a final stop. It may have further lines, each
/// indented by two spaces. `Debug`, which a `main` that returns `Result<(), Error>` prints, gives everything as text: the
/// message, the hint, and what else is wrong. Programs look at [`Error::kind`] and at the hints of [`Error::hint`].
///
/// The underlying error of the system or of a format's reader is kept as [`source`](std::error::Error::source); the
/// message already has its text.
///
/// ```
/// use verglas_core::{Error, ErrorKind, Hint, Setting};
///
/// let error = Error::value("the pixel size is unknown").with_hint("give it with " + Hint::Give(Setting::PixelSize));
/// assert_eq!(error.kind(), ErrorKind::Value);
/// assert!(error.hint().is_some_and(|hint| hint.hints().any(|hint| hint == Hint::Give(Setting::PixelSize))));
/// assert_eq!(format!("{error:?}"), "the pixel size is unknown\nhint: give it with `pixel_size_angstrom`");
/// ```
#[derive(Clone)]
pub struct Error {
    kind: ErrorKind,
    message: Text,
    hint: Option<Text>,
    /// The underlying error of the system or of a format's reader.
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    /// Further errors, if several things were checked together.
    others: Vec<Error>,
}

impl Error {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<Text>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None, others: Vec::new() }
    }

    /// Something that is needed is not there.
    pub fn not_found(message: impl Into<Text>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// A file's contents are wrong.
    pub fn format(message: impl Into<Text>) -> Self {
        Self::new(ErrorKind::Format, message)
    }

    /// A setting is wrong or contradicts the data.
    pub fn value(message: impl Into<Text>) -> Self {
        Self::new(ErrorKind::Value, message)
    }

    /// An error of the given kind whose text is that of its cause, which is kept as the
    /// [`source`](std::error::Error::source).
    pub fn caused_by(kind: ErrorKind, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        let told = Self::new(kind, cause.to_string());
        Self { source: Some(Arc::new(cause)), ..told }
    }

    /// The operating system refused `doing` (``cannot write `out/fft` ``).
    pub fn io(doing: impl fmt::Display, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::OutOfMemory => ErrorKind::Memory,
            _ => ErrorKind::Io,
        };
        let hint = match error.kind() {
            std::io::ErrorKind::StorageFull => {
                Some("make room on that disk; a conversion then continues with " + Hint::Resume)
            }
            std::io::ErrorKind::QuotaExceeded => {
                Some("the quota is used up; once there is room, a conversion continues with " + Hint::Resume)
            }
            std::io::ErrorKind::FileTooLarge => {
                Some("`ulimit -f` shows and raises the limit on file size, unless the file system sets it".into())
            }
            _ if error.raw_os_error().is_some_and(|code| TOO_MANY_FILES.contains(&code)) => {
                Some("`ulimit -n` shows and raises the limit on open files".into())
            }
            _ => None,
        };
        let source = match error.raw_os_error() {
            Some(code) => std::io::Error::from_raw_os_error(code),
            None => std::io::Error::new(error.kind(), error.to_string()),
        };
        Self { hint, source: Some(Arc::new(source)), ..Self::new(kind, format!("{doing}: {error}")) }
    }

    /// Whether the operating system refused because too many files are open.
    pub fn is_of_too_many_files(&self) -> bool {
        let system = self.source.as_ref().and_then(|source| source.downcast_ref::<std::io::Error>());
        system.and_then(std::io::Error::raw_os_error).is_some_and(|code| TOO_MANY_FILES.contains(&code))
    }

    /// An error from reading the file at `path`, which the text names.
    pub fn from_format(path: &Path, error: FormatError) -> Self {
        let file = path.display().to_string();
        match error {
            // A write failed.
            FormatError::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<CannotUnpack>()) => {
                Self::io(format_args!("cannot unpack `{file}`"), &error)
            }
            FormatError::Io(error) => Self::io(format_args!("cannot read `{file}`"), &error),
            error => {
                let told = Self::format(error.describe(&file));
                Self { hint: error.hint().map(Text::from), source: Some(Arc::new(error)), ..told }
            }
        }
    }

    /// The same error with a line that says what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Text>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error with a further line of text, indented below the message.
    #[must_use]
    pub fn with_detail(mut self, line: impl fmt::Display) -> Self {
        self.message.push(format!("\n  {line}"));
        self
    }

    /// All of `errors` as one, the first in front; `None` when there are none.
    pub fn all_of(errors: Vec<Error>) -> Option<Self> {
        errors.into_iter().reduce(Error::with_other)
    }

    /// The same error with one more behind it.
    #[must_use]
    pub fn with_other(mut self, mut other: Error) -> Self {
        // One list, so that iterating over it visits all of them.
        let behind = std::mem::take(&mut other.others);
        self.others.push(other);
        self.others.extend(behind);
        self
    }

    /// The kind of error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message: the text that `Display` gives, for a front end with its own names for settings.
    pub fn message(&self) -> &Text {
        &self.message
    }

    /// What to do about it, if known.
    pub fn hint(&self) -> Option<&Text> {
        self.hint.as_ref()
    }

    /// Everything in a front end's words: the message, `hint: …` on a line of its own, and each of the others behind
    /// `error: `.
    pub fn said_in(&self, words: &dyn Words) -> String {
        let mut text = self.message.said_in(words);
        if let Some(hint) = &self.hint {
            text.push_str("\nhint: ");
            text.push_str(&hint.said_in(words));
        }
        for other in &self.others {
            text.push_str("\nerror: ");
            text.push_str(&other.said_in(words));
        }
        text
    }

    /// Further errors, if several things were checked together.
    pub fn others(&self) -> &[Error] {
        &self.others
    }
}

/// EMFILE and ENFILE: of this process, and of the whole system. The standard library has no name for them.
const TOO_MANY_FILES: [i32; 2] = [24, 23];

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said_in(&LibraryWords))
    }
}

/// Compared by their messages: two equal refusals of the system are equal.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        let Self { kind, message, hint, source: _, others } = self;
        (kind, message, hint, others) == (&other.kind, &other.message, &other.hint, &other.others)
    }
}

impl Eq for Error {}

impl From<UnknownName> for Error {
    fn from(error: UnknownName) -> Self {
        Self::caused_by(ErrorKind::Value, error)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use verglas_formats::Place;

    #[test]
    fn a_format_error_names_place_and_file_and_keeps_its_hint() {
        let error = FormatError::malformed(Place::Line(12), "expected 26 values, found 25").with_hint("was it cut?");
        let error = Error::from_format(Path::new("run_data.star"), error);
        assert_eq!(error.to_string(), "line 12 of `run_data.star`: expected 26 values, found 25");
        assert_eq!(error.hint(), Some(&"was it cut?".into()));
        assert_eq!(error.kind(), ErrorKind::Format);
        let source = std::error::Error::source(&error).unwrap();
        assert!(source.downcast_ref::<FormatError>().is_some());
    }

    #[test]
    fn what_the_system_said_is_kept() {
        let refused = std::io::Error::from_raw_os_error(TOO_MANY_FILES[0]);
        let error = Error::io("cannot read `a.mrc`", &refused);
        let source = std::error::Error::source(&error).unwrap().downcast_ref::<std::io::Error>().unwrap();
        assert_eq!(source.raw_os_error(), Some(TOO_MANY_FILES[0]));
        assert!(error.is_of_too_many_files());
        assert!(!Error::io("cannot read", &std::io::Error::other("x")).is_of_too_many_files());
    }

    #[test]
    fn a_cause_gives_its_text_and_stays() {
        let cause = "x".parse::<i32>().unwrap_err();
        let error = Error::caused_by(ErrorKind::Format, cause.clone());
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::Format, cause.to_string()));
        assert_eq!(std::error::Error::source(&error).unwrap().downcast_ref(), Some(&cause));
        assert!(std::error::Error::source(&Error::value("alone")).is_none());
        // Equal is what says the same.
        assert_eq!(error, Error::format(cause.to_string()));
    }

    #[test]
    fn debug_is_text_with_hints() {
        let error =
            Error::value("a").with_detail("of b").with_hint("do c").with_other(Error::value("d").with_hint("e"));
        assert_eq!(format!("{error:?}"), "a\n  of b\nhint: do c\nerror: d\nhint: e");
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
