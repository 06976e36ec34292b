//! Files that appear under their names only when they are whole.

use super::SimulateError;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that is being written beside its final name; dropped before [`WholeFile::finish`], it is removed.
#[derive(Debug)]
pub(super) struct WholeFile {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl WholeFile {
    /// A new, empty file that will be at `path`, in a folder that is made where it is missing.
    pub(super) fn create(path: PathBuf) -> Result<Self, SimulateError> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        fs::create_dir_all(folder).map_err(SimulateError::io(folder))?;
        let temporary = tempfile::Builder::new()
            .prefix(".simulate-")
            // As any other new file, less what the umask takes away: temporary files are private by default.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .map_err(SimulateError::io(&path))?;
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
    pub(super) fn finish(self) -> Result<(), SimulateError> {
        let Self { temporary, path } = self;
        match temporary.persist(&path) {
            Ok(_) => Ok(()),
            Err(error) => Err(SimulateError::Io { path, source: error.error }),
        }
    }
}
