//! Files that appear under their names only when they are whole.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use verglas_core::error::{Error, Result};
use verglas_core::paths::folder_of;
use verglas_formats::FormatError;

/// The error of a file or folder that the system refuses to write, for `map_err`.
pub(super) fn cannot_write(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
    move |error| Error::io(format_args!("cannot write `{}`", path.display()), &error)
}

/// The error of what can't be written in its format, for `map_err`.
pub(super) fn in_file(path: &Path) -> impl FnOnce(FormatError) -> Error + '_ {
    move |error| Error::from_format(path, error)
}

/// A file that is being written next to its final name; it is removed if dropped before [`WholeFile::finish`].
#[derive(Debug)]
pub(super) struct WholeFile {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl WholeFile {
    /// A new, empty file that will be at `path`, in a folder that is made where it is missing.
    pub(super) fn create(path: PathBuf) -> Result<Self> {
        let folder = folder_of(&path);
        fs::create_dir_all(folder).map_err(cannot_write(folder))?;
        let temporary = tempfile::Builder::new()
            .prefix(".simulate-")
            // As any other new file, less what the umask takes away: temporary files are private by default.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .map_err(cannot_write(&path))?;
        Ok(Self { temporary, path })
    }

    /// The file, open for writing.
    pub(super) fn file(&self) -> &fs::File {
        self.temporary.as_file()
    }

    /// Where it will be.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name.
    pub(super) fn finish(self) -> Result<()> {
        let Self { temporary, path } = self;
        temporary.persist(&path).map(drop).map_err(|error| cannot_write(&path)(error.error))
    }
}
