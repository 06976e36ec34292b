//! Why a data set could not be simulated.

use std::io;
use std::path::PathBuf;

use verglas_core::error::{Error, ErrorKind};
use verglas_formats::FormatError;

/// Why a data set could not be simulated.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// A setting is outside what can be simulated: what was expected and what was found.
    #[error("{0}")]
    Settings(String),
    /// A file of the data set is there already; nothing was written.
    #[error("`{}` exists already", .0.display())]
    Exists(PathBuf),
    /// A file or folder could not be made, written or renamed.
    #[error("cannot write `{}`", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written in its format.
    #[error("{}", cause.describe(&path.display().to_string()))]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong; part of this error's text.
        cause: FormatError,
    },
    /// The system allows no thread to be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// The caller's progress function asked to stop.
    #[error("stopped on request")]
    Stopped,
}

impl From<SimulateError> for Error {
    /// In the words that every command uses, cause and hint included.
    fn from(error: SimulateError) -> Self {
        let told = error.to_string();
        match error {
            SimulateError::Settings(_) => Self::value(told),
            SimulateError::Exists(_) => Self::value(told).with_hint("choose another folder"),
            SimulateError::Io { source, .. } | SimulateError::Thread(source) => Self::io(told, &source),
            SimulateError::Format { path, cause } => Self::from_format(&path, cause),
            SimulateError::Stopped => Self::new(ErrorKind::Interrupted, told),
        }
    }
}

impl SimulateError {
    /// The [`SimulateError::Io`] of `path`, for `map_err`.
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// The [`SimulateError::Format`] of `path`, for `map_err`.
    pub(super) fn format(path: impl Into<PathBuf>) -> impl FnOnce(FormatError) -> Self {
        let path = path.into();
        move |cause| Self::Format { path, cause }
    }
}
