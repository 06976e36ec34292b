//! Stacks packed with gzip or bzip2: unpacked once, to a temporary file that vanishes with the stack.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::header::{HEADER_BYTES, MrcHeader};
use super::pixel_type::PixelType;
use super::warning::MrcWarning;
use crate::error::{FormatError, Place, Result};

/// How much is unpacked beyond the header's claim, to detect that there is more; the rest of a longer file is not
/// unpacked, since what follows the last section may be of any length.
const BYTES_PAST_CLAIM: u64 = 64 << 10;
const BUFFER_BYTES: usize = 256 << 10;
/// This many bytes show whether another member follows.
const MAGIC_BYTES: u64 = 3;

/// How a file is compressed, by its first bytes; its name does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// gzip, of one or several members.
    Gzip,
    /// bzip2, of one or several streams.
    Bzip2,
}

impl Compression {
    /// The compression that the first bytes of a file show; `None` if it is not compressed in a supported way.
    ///
    /// As the start of an MRC header, either would mean an image more than half a million pixels wide.
    pub fn from_magic(first_bytes: &[u8]) -> Option<Self> {
        match first_bytes {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Self::Bzip2),
            _ => None,
        }
    }

    /// Whether a member may start like this; the file may end within its first bytes.
    fn may_start_with(self, first_bytes: &[u8]) -> bool {
        let magic: &[u8] = match self {
            Self::Gzip => &[0x1f, 0x8b, 8],
            Self::Bzip2 => b"BZh",
        };
        first_bytes.starts_with(magic) || magic.starts_with(first_bytes)
    }

    /// The unpacked bytes of `file`, from its start.
    pub(super) fn reader(self, mut file: File) -> Result<Unpacking> {
        file.seek(SeekFrom::Start(0))?;
        let packed = BufReader::with_capacity(BUFFER_BYTES, file);
        let members =
            Members { compression: self, member: Some(Member::start(self, Vec::new(), packed)), is_followed: false };
        Ok(Unpacking { compression: self, members, n_bytes: 0, claimed_bytes: None })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
        })
    }
}

/// The packed bytes from a member's start; its first ones may have been read already.
type Packed = Chain<Cursor<Vec<u8>>, BufReader<File>>;

/// One gzip member or bzip2 stream.
enum Member {
    Gzip(Box<flate2::bufread::GzDecoder<Packed>>),
    Bzip2(bzip2::bufread::BzDecoder<Packed>),
}

impl Member {
    fn start(compression: Compression, first_bytes: Vec<u8>, rest: BufReader<File>) -> Self {
        let packed = Cursor::new(first_bytes).chain(rest);
        match compression {
            Compression::Gzip => Self::Gzip(Box::new(flate2::bufread::GzDecoder::new(packed))),
            Compression::Bzip2 => Self::Bzip2(bzip2::bufread::BzDecoder::new(packed)),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(member) => member.read(buffer),
            Self::Bzip2(member) => member.read(buffer),
        }
    }

    /// What follows a member that was read to its end.
    fn into_rest(self) -> BufReader<File> {
        // The shortest member is longer than the bytes that were read.
        let packed = match self {
            Self::Gzip(member) => member.into_inner(),
            Self::Bzip2(member) => member.into_inner(),
        };
        packed.into_inner().1
    }
}

/// The members of a file, one after the other, as one stream.
struct Members {
    compression: Compression,
    /// `None` at the end, and after an error between two members.
    member: Option<Member>,
    /// Whether something other than another member follows the last one.
    is_followed: bool,
}

impl Members {
    /// Reads on; if something other than another member follows, that is an error and [`Members::is_followed`] is set.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let n_bytes = member.read(buffer)?;
            if n_bytes > 0 || buffer.is_empty() {
                return Ok(n_bytes);
            }
            let Some(mut rest) = self.member.take().map(Member::into_rest) else { break };
            let mut first_bytes = Vec::new();
            // Interruptions are dealt with there.
            rest.by_ref().take(MAGIC_BYTES).read_to_end(&mut first_bytes)?;
            if first_bytes.is_empty() {
                break;
            }
            if !self.compression.may_start_with(&first_bytes) {
                self.is_followed = true;
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.member = Some(Member::start(self.compression, first_bytes, rest));
        }
        Ok(0)
    }
}

/// A compressed file that is being read.
pub(super) struct Unpacking {
    compression: Compression,
    members: Members,
    n_bytes: u64,
    /// The header's claim, once it is read.
    claimed_bytes: Option<u64>,
}

impl Unpacking {
    /// Fills as much of `buffer` as there is; less than all of it means the end.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut n_filled = 0;
        while n_filled < buffer.len() {
            match self.members.read(&mut buffer[n_filled..]) {
                Ok(0) => break,
                Ok(n) => n_filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.explain(error, n_filled)),
            }
        }
        self.n_bytes += n_filled as u64;
        Ok(n_filled)
    }

    /// Distinguishes damaged data from a file that can't be read: only the system's errors have a number.
    fn explain(&self, error: io::Error, n_filled: usize) -> FormatError {
        if error.raw_os_error().is_some() {
            return error.into();
        }
        let n_bytes = self.n_bytes + n_filled as u64;
        if self.members.is_followed {
            return self.followed_by_something_else(n_bytes);
        }
        let what = if error.kind() == io::ErrorKind::UnexpectedEof { "end too early" } else { "are damaged" };
        FormatError::malformed(
            Place::File,
            format!("the {} data {what}, after {n_bytes} bytes were unpacked ({error})", self.compression),
        )
        .with_hint("was the file cut while copying?")
    }

    /// A sound member followed by something that is not another one.
    fn followed_by_something_else(&self, n_bytes: u64) -> FormatError {
        let compression = self.compression;
        let is_whole = self.claimed_bytes.is_some_and(|claimed| n_bytes >= claimed);
        FormatError::malformed(
            Place::File,
            format!(
                "what follows the {compression} data is not {compression} data, after {n_bytes} bytes were unpacked"
            ),
        )
        .with_hint(if is_whole {
            format!("all that the header claims is there: was something appended? unpack the file with {compression}")
        } else {
            "was the file damaged while copying?".to_owned()
        })
    }

    /// Reads the header, which must come first.
    pub(super) fn read_header(
        &mut self,
        pixel_type: Option<PixelType>,
    ) -> Result<([u8; HEADER_BYTES], MrcHeader, Vec<MrcWarning>)> {
        let mut bytes = [0; HEADER_BYTES];
        let n_bytes = self.fill(&mut bytes)?;
        if n_bytes < HEADER_BYTES {
            return Err(too_short_for_header(n_bytes as u64));
        }
        let (header, warnings) = MrcHeader::parse(&bytes)?;
        let header = header.with_pixel_type(pixel_type)?;
        self.claimed_bytes = header.expected_file_bytes();
        Ok((bytes, header, warnings))
    }
}

/// A file that ends within the header.
pub(super) fn too_short_for_header(found_bytes: u64) -> FormatError {
    FormatError::malformed(
        Place::File,
        format!("expected a header of {HEADER_BYTES} bytes, found {found_bytes} bytes in all"),
    )
}

/// A compressed stack, unpacked.
pub(super) struct Unpacked {
    pub(super) file: File,
    pub(super) n_bytes: u64,
    pub(super) header: MrcHeader,
    pub(super) warnings: Vec<MrcWarning>,
}

/// Unpacks a stack to an unnamed file in `temp_dir` (or where the system keeps such files).
///
/// No more is written than the header claims and [`BYTES_PAST_CLAIM`].
///
/// # Errors
/// [`FormatError::Unsupported`] if the header claims more than `max_bytes`, before anything is written;
/// [`FormatError::Malformed`] for damaged data; [`io::ErrorKind::Interrupted`] when `go_on` says to give up.
pub(super) fn unpack(
    file: File,
    compression: Compression,
    pixel_type: Option<PixelType>,
    max_bytes: u64,
    temp_dir: Option<&Path>,
    go_on: &dyn Fn() -> bool,
) -> Result<Unpacked> {
    let mut unpacking = compression.reader(file)?;
    let (header_bytes, header, warnings) = unpacking.read_header(pixel_type)?;
    // `parse` has refused headers whose claim overflows.
    let expected_bytes = header.expected_file_bytes().unwrap_or(u64::MAX);
    if expected_bytes > max_bytes {
        return Err(FormatError::unsupported(
            Place::File,
            format!(
                "unpacked, the header claims {expected_bytes} bytes ({}), the limit for compressed files is {max_bytes}",
                header.claim()
            ),
        )
        .with_hint(format!("unpack the file with {compression} first, or raise the limit")));
    }
    let limit = expected_bytes.saturating_add(BYTES_PAST_CLAIM).min(max_bytes);

    let folder = temp_dir.map_or_else(std::env::temp_dir, Path::to_owned);
    let in_temporary_file = |error| in_temporary_file(&folder, &error);
    let mut unpacked = tempfile::tempfile_in(&folder).map_err(in_temporary_file)?;
    unpacked.write_all(&header_bytes).map_err(in_temporary_file)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    while unpacking.n_bytes < limit {
        if !go_on() {
            return Err(io::Error::from(io::ErrorKind::Interrupted).into());
        }
        let n_wanted = usize::try_from(limit - unpacking.n_bytes).map_or(BUFFER_BYTES, |n| n.min(BUFFER_BYTES));
        let n_bytes = unpacking.fill(&mut buffer[..n_wanted])?;
        unpacked.write_all(&buffer[..n_bytes]).map_err(in_temporary_file)?;
        if n_bytes < n_wanted {
            break;
        }
    }
    // How much more there is shows whether pixels are larger than the mode's; none of it is kept.
    let most = header.largest_file_bytes().min(max_bytes);
    while unpacking.n_bytes >= limit && unpacking.n_bytes < most {
        if !go_on() {
            return Err(io::Error::from(io::ErrorKind::Interrupted).into());
        }
        let n_wanted = usize::try_from(most - unpacking.n_bytes).map_or(BUFFER_BYTES, |n| n.min(BUFFER_BYTES));
        if unpacking.fill(&mut buffer[..n_wanted])? < n_wanted {
            break;
        }
    }
    // One more, not kept: checksums are compared only where the data end, which may be at the limit.
    unpacking.fill(&mut [0])?;
    Ok(Unpacked { file: unpacked, n_bytes: unpacking.n_bytes, header, warnings })
}

/// Unpacks a file of any kind to an unnamed temporary file; returns it, at its end, and its length.
///
/// # Errors
/// [`FormatError::Unsupported`] when it would take more than `max_bytes`; [`FormatError::Malformed`] for damaged data.
pub(crate) fn unpack_all(file: File, compression: Compression, max_bytes: u64) -> Result<(File, u64)> {
    let mut unpacking = compression.reader(file)?;
    let folder = std::env::temp_dir();
    let in_temporary_file = |error| in_temporary_file(&folder, &error);
    let mut unpacked = tempfile::tempfile_in(&folder).map_err(in_temporary_file)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let n_bytes = unpacking.fill(&mut buffer)?;
        if unpacking.n_bytes > max_bytes {
            return Err(FormatError::unsupported(
                Place::File,
                format!("unpacks to more than the limit for compressed files, {max_bytes} bytes"),
            )
            .with_hint(format!("unpack the file with {compression} first")));
        }
        unpacked.write_all(&buffer[..n_bytes]).map_err(in_temporary_file)?;
        if n_bytes < buffer.len() {
            return Ok((unpacked, unpacking.n_bytes));
        }
    }
}

/// Not the image file is what can't be had, so the kind of the error must not say that it is missing.
fn in_temporary_file(folder: &Path, error: &io::Error) -> FormatError {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => io::ErrorKind::Other,
        kind => kind,
    };
    io::Error::new(kind, CannotUnpack { folder: folder.to_owned(), text: error.to_string() }).into()
}

/// A compressed file can't be unpacked since its temporary file can't be written: what an [`io::Error`] holds inside then.
#[derive(Debug)]
pub struct CannotUnpack {
    folder: PathBuf,
    text: String,
}

impl fmt::Display for CannotUnpack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot write a temporary file in `{}`, which the environment variable TMPDIR chooses: {}",
            self.folder.display(),
            self.text
        )
    }
}

impl std::error::Error for CannotUnpack {}
