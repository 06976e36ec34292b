//! What can be wrong with a file, and where.

use std::fmt;
use std::io;

/// The result of reading or writing one of this crate's formats.
pub type Result<T> = std::result::Result<T, FormatError>;

/// Why a file could not be read or written.
///
/// The file's own name is not part of it: a reader may be given bytes that have none. Callers that know the path put
/// it in with [`FormatError::describe`].
#[derive(Debug)]
pub enum FormatError {
    /// The bytes could not be read or written at all.
    Io(io::Error),
    /// The bytes break the format's rules, or contradict each other or the file's size.
    Malformed(Box<Fault>),
    /// The bytes follow the format, in a variant that is not read here.
    Unsupported(Box<Fault>),
}

/// One thing that is wrong in a file: where, what was expected and found, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it is.
    pub place: Place,
    /// What was expected and what was found; lower case, no final stop.
    pub message: String,
    /// What the user can do, if known.
    pub hint: Option<String>,
}

/// A place within a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    File,
    /// A line of text, from 1.
    Line(u64),
    /// An offset in bytes, from 0.
    Byte(u64),
    /// A named member: an array of an `.npz`, an entry of a `.pt`, a field of a `.cs`.
    Entry(String),
}

impl FormatError {
    /// Bytes that break the rules at `place`.
    pub fn malformed(place: Place, message: impl Into<String>) -> Self {
        Self::Malformed(Box::new(Fault { place, message: message.into(), hint: None }))
    }

    /// A variant of the format that is not read here.
    pub fn unsupported(place: Place, message: impl Into<String>) -> Self {
        Self::Unsupported(Box::new(Fault { place, message: message.into(), hint: None }))
    }

    /// The same error with a hint about what to do; an [`FormatError::Io`] has no place for one and stays as it is.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        if let Self::Malformed(fault) | Self::Unsupported(fault) = &mut self {
            fault.hint = Some(hint.into());
        }
        self
    }

    /// What to do about it, if known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Io(_) => None,
            Self::Malformed(fault) | Self::Unsupported(fault) => fault.hint.as_deref(),
        }
    }

    /// The error's text with the name of the file it is about, without the hint:
    /// ``line 12 of `run_data.star`: expected 26 values, found 25``.
    pub fn describe(&self, file: &str) -> String {
        match self {
            Self::Io(error) => format!("`{file}`: {error}"),
            Self::Malformed(fault) | Self::Unsupported(fault) => match &fault.place {
                Place::File => format!("`{file}`: {}", fault.message),
                place => format!("{place} of `{file}`: {}", fault.message),
            },
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("the file"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Byte(offset) => write!(f, "byte {offset}"),
            Self::Entry(name) => write!(f, "`{name}`"),
        }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Malformed(fault) | Self::Unsupported(fault) => match &fault.place {
                Place::File => f.write_str(&fault.message),
                place => write!(f, "{place}: {}", fault.message),
            },
        }
    }
}

impl std::error::Error for FormatError {}

impl From<io::Error> for FormatError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
