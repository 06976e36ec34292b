//! What is at the path of an image file.

use std::io::ErrorKind;
use std::path::Path;

use verglas_formats::{NoFile, look};

use verglas_core::error::Error;
use verglas_core::findings::{Findings, counted};

/// How many paths that are not files a message names.
const MOST_NAMED: usize = 10;

/// Why something that is there can't be an image file.
#[derive(Debug, Clone)]
pub(super) enum Refusal {
    /// The system refuses to say what it is: the file may exist.
    System(Error),
    /// It is a folder, a pipe or the like.
    NoFile(Error),
}

/// Whether there is a file at `path`; an error if the system refuses to say, or if it is not a file.
pub(super) fn is_file(path: &Path) -> Result<bool, Refusal> {
    use ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound};
    match look(path) {
        Ok(there) => match NoFile::of(there.file_type()) {
            None => Ok(true),
            Some(kind) => {
                let message = format!("`{}` is {kind}, expected an image file", path.display());
                Err(Refusal::NoFile(Error::format(message)))
            }
        },
        // No such path, or a name that no file can have.
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | InvalidFilename | InvalidInput) => Ok(false),
        Err(error) => {
            let doing = format_args!("cannot look for the image file `{}`", path.display());
            Err(Refusal::System(Error::io(doing, &error)))
        }
    }
}

/// Reports why existing paths were not accepted: of those that the system refused only the first, because one cause
/// has many of them (a folder without permission, a loop of links); of those that are not files each.
pub(super) fn report_refusals(refusals: Vec<Refusal>, findings: &mut Findings) {
    let (mut by_system, mut no_files) = (Vec::new(), Vec::new());
    for refusal in refusals {
        match refusal {
            Refusal::System(error) => by_system.push(error),
            Refusal::NoFile(error) => no_files.push(error),
        }
    }
    let n_by_system = by_system.len();
    if let Some(first) = by_system.into_iter().next() {
        findings.error(match n_by_system {
            1 => first,
            n => first.with_detail(format_args!("nor for {}", counted(n - 1, "other"))),
        });
    }
    let n_no_files = no_files.len();
    no_files.into_iter().take(MOST_NAMED).for_each(|error| findings.error(error));
    if n_no_files > MOST_NAMED {
        let more = counted(n_no_files - MOST_NAMED, "more path");
        findings.error(Error::format(format!("{more} of image files where there is something else")));
    }
}
