//! The metadata file that a folder was made from: is it still the same?

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use verglas_core::error::{Error, Result};
use verglas_core::findings::Findings;
use verglas_formats::npy::NPY_MAGIC;
use verglas_formats::open_regular;

/// A metadata file as the manifest recorded it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Source {
    /// As the command line named it.
    pub(super) path: PathBuf,
    /// Its size; `None` if it was not known.
    pub(super) bytes: Option<u64>,
    /// When it was changed last, seconds since 1970.
    pub(super) modified: Option<f64>,
}

/// The two kinds of metadata files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceKind {
    Star,
    Cs,
}

impl SourceKind {
    /// The kind of the file at `path`, by its first bytes.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let mut start = Vec::new();
        let read = open_regular(path).and_then(|file| file.take(NPY_MAGIC.len() as u64).read_to_end(&mut start));
        read.map_err(|error| {
            Error::io(format_args!("cannot read `{}`, from which the images were converted", path.display()), &error)
                .with_hint(
                    "if it was moved, run this in a folder from which its path is as it was given to the conversion",
                )
        })?;
        Ok(if start == NPY_MAGIC { Self::Cs } else { Self::Star })
    }

    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::Star => "star",
            Self::Cs => "cs",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Star => "a STAR file",
            Self::Cs => "a CryoSPARC .cs file",
        }
    }
}

/// The only source, at `path`: where the user says that it is.
///
/// # Errors
/// When there are several, or the file can't be the one that the folder at `root` was made from.
pub(super) fn in_place_of(sources: Vec<Source>, path: &Path, root: &Path) -> Result<Source> {
    let [source] = <[Source; 1]>::try_from(sources).map_err(|sources| {
        Error::value(format!(
            "`{}` was made from {} metadata files, of which `{}` can be one at most",
            root.display(),
            sources.len(),
            path.display()
        ))
        .with_hint(format!("name the folder in its place: `{}`", root.display()))
    })?;
    let is_same = match (path.canonicalize(), source.path.canonicalize()) {
        (Ok(given), Ok(recorded)) => given == recorded,
        _ => false,
    };
    let bytes = std::fs::metadata(path).ok().map(|metadata| metadata.len());
    if !is_same && bytes.is_some() && source.bytes.is_some() && bytes != source.bytes {
        return Err(Error::value(format!(
            "`{}` is not the file that `{}` was made from: that is `{}`, which had a different size",
            path.display(),
            root.display(),
            source.path.display()
        )));
    }
    Ok(Source { path: path.to_owned(), ..source })
}

/// Times of change that differ by less are the same: they pass through decimal text.
const SAME_TIME_S: f64 = 1e-3;

/// Compares a source with what the manifest recorded.
///
/// # Errors
/// When its size is another. Another time of change alone is reported: copies have one.
pub(super) fn check_unchanged(source: &Source, findings: &mut Findings) -> Result<()> {
    let metadata = std::fs::metadata(&source.path)
        .map_err(|error| Error::io(format_args!("cannot read `{}`", source.path.display()), &error))?;
    if let Some(bytes) = source.bytes
        && bytes != metadata.len()
    {
        return Err(Error::value(format!(
            "`{}` has {} bytes, it had {bytes} when the images were converted: its rows may have changed",
            source.path.display(),
            metadata.len()
        ))
        .with_hint("put the file back as it was, or convert again"));
    }
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    if let (Some(then), Some(now)) = (source.modified, modified)
        && (then - now.as_secs_f64()).abs() > SAME_TIME_S
    {
        findings.warn(
            "source-touched",
            format!(
                "`{}` has a different modification time than when the images were converted; its size is the same",
                source.path.display()
            ),
        );
    }
    Ok(())
}

/// The error for a source whose row is not what the stacks say.
pub(super) fn altered(source: &Path, message: String) -> Error {
    Error::value(format!("`{}` was altered since the images were converted: {message}", source.display()))
        .with_hint("put the file back as it was, or convert again")
}
