//! Opens files by names from outside: what is not a file is reported at once, by its kind.

use std::fmt;
use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// What a name can lead to other than a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoFile {
    /// A folder.
    Folder,
    /// A pipe with a name (a FIFO), or the end of one (`/dev/stdin`).
    Pipe,
    /// A socket.
    Socket,
    /// A device, such as `/dev/null` or a disk.
    Device,
}

impl NoFile {
    /// The kind of file, unless it is a regular file.
    pub fn of(kind: FileType) -> Option<Self> {
        if kind.is_file() {
            None
        } else if kind.is_dir() {
            Some(Self::Folder)
        } else if kind.is_fifo() {
            Some(Self::Pipe)
        } else if kind.is_socket() {
            Some(Self::Socket)
        } else {
            Some(Self::Device)
        }
    }
}

impl fmt::Display for NoFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folder => "a folder",
            Self::Pipe => "a pipe",
            Self::Socket => "a socket",
            Self::Device => "a device",
        })
    }
}

impl std::error::Error for NoFile {}

/// Opens the file at `path` for reading, and never waits: opening a pipe would last until somebody writes to it, and
/// reading a device may have no end.
///
/// # Errors
/// The system's error; for anything but a regular file an error of the kind [`ErrorKind::InvalidInput`]
/// ([`ErrorKind::IsADirectory`] for a folder) that says what it is; a loop of links by name.
pub fn open_regular(path: impl AsRef<Path>) -> io::Result<File> {
    let path = path.as_ref();
    // Looked at first, for opening a device can be felt on its other side, and a socket can't be opened.
    regular(&look(path)?)?;
    let open = |flags: OFlags| OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path);
    // Another thing may have come by this name since: a pipe must not make this wait.
    let file = match open(OFlags::NONBLOCK | OFlags::NOCTTY) {
        // A file that another program has a lease on takes its time.
        Err(error) if error.kind() == ErrorKind::WouldBlock => open(OFlags::NOCTTY),
        opened => opened,
    }
    .map_err(named)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// All bytes of the file at `path`.
///
/// # Errors
/// Those of [`open_regular`], and what reading reports.
pub fn read_regular(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut file = open_regular(path)?;
    let n_bytes = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    // A claim about a size: memory that is not there is an error, not the end of the process.
    bytes.try_reserve_exact(n_bytes).map_err(|_| ErrorKind::OutOfMemory)?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The system's metadata of the file at `path`, links followed.
///
/// # Errors
/// The system's error; a loop of links is named as such.
pub fn look(path: &Path) -> io::Result<Metadata> {
    fs::metadata(path).map_err(named)
}

fn regular(metadata: &Metadata) -> io::Result<()> {
    match NoFile::of(metadata.file_type()) {
        None => Ok(()),
        Some(kind) => {
            let error = if kind == NoFile::Folder { ErrorKind::IsADirectory } else { ErrorKind::InvalidInput };
            Err(io::Error::new(error, format!("{kind}, expected a file")))
        }
    }
}

/// The system's error, a loop of links in plain words.
fn named(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) if code == Errno::LOOP.raw_os_error() => {
            io::Error::new(error.kind(), format!("a loop of links ({error})"))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn what_is_not_a_file_is_refused_by_its_kind_and_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), b"bytes").unwrap();
        symlink("file", path("link")).unwrap();
        assert_eq!(read_regular(path("link")).unwrap(), b"bytes");

        let (fifo, mode) = (path("pipe"), rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR);
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let _listener = UnixListener::bind(path("socket")).unwrap();
        symlink("loop", path("loop")).unwrap();
        symlink("pipe", path("link to a pipe")).unwrap();
        for (name, expected) in [
            ("pipe", "a pipe, expected a file"),
            ("link to a pipe", "a pipe, expected a file"),
            ("socket", "a socket, expected a file"),
            ("", "a folder, expected a file"),
            ("loop", "a loop of links (Too many levels of symbolic links (os error 40))"),
            ("/dev/null", "a device, expected a file"),
        ] {
            assert_eq!(open_regular(path(name)).unwrap_err().to_string(), expected, "{name}");
            assert_eq!(read_regular(path(name)).unwrap_err().to_string(), expected, "{name}");
        }
        assert_eq!(open_regular(path("nothing")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
