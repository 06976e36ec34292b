//! Which kind of file this is: by its first bytes, then by its name.

use std::io::{BufReader, Read};
use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_formats::mrc::{Compression, HEADER_BYTES, MrcHeader};
use verglas_formats::npy::{Dtype, NPY_MAGIC, NpyHeader};
use verglas_formats::open_regular;
use verglas_formats::zip::ZipReader;
use verglas_structures::InputKind;

/// The kinds that can be described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    Star,
    Cs,
    Mrc,
    Npy,
    Npz,
    Pt,
    Structure,
    Trajectory,
}

/// How much is read to distinguish text from numbers.
const START_BYTES: u64 = 4096;

/// Recognises the file at `path`.
///
/// # Errors
/// When it can't be read, or is none of the kinds.
pub(super) fn recognize(path: &Path) -> Result<FileKind> {
    let cannot_read = |error| Error::io(format_args!("cannot read `{}`", path.display()), &error);
    let in_file = |error| Error::from_format(path, error);
    let mut file = open_regular(path).map_err(cannot_read)?;
    let file_bytes = file.metadata().map_err(cannot_read)?.len();
    let mut start = Vec::new();
    (&mut file).take(START_BYTES).read_to_end(&mut start).map_err(cannot_read)?;

    // mmCIF begins as STAR does, packed ones as packed stacks do: for structures the name says it.
    match InputKind::of(path) {
        Some(InputKind::Pdb | InputKind::Mmcif) => return Ok(FileKind::Structure),
        Some(InputKind::Trajectory) => return Ok(FileKind::Trajectory),
        Some(InputKind::Map | InputKind::Array) | None => {}
    }
    if start.starts_with(&NPY_MAGIC) {
        let mut reader = BufReader::new(open_regular(path).map_err(cannot_read)?);
        let header = NpyHeader::read(&mut reader, file_bytes).map_err(in_file)?;
        let is_table = matches!(header.dtype(), Dtype::Record(_));
        return Ok(if is_table { FileKind::Cs } else { FileKind::Npy });
    }
    if start.starts_with(b"PK") {
        let archive = ZipReader::new(BufReader::new(file)).map_err(in_file)?;
        let is_tensor = archive.entries().iter().any(|entry| entry.name.ends_with("/data.pkl"));
        return Ok(if is_tensor { FileKind::Pt } else { FileKind::Npz });
    }
    if let Some(kind) = by_start(&start) {
        return Ok(kind);
    }
    by_name(path).ok_or_else(|| unknown(path, &start))
}

/// The kind that the first bytes show, for anything but NumPy's and PyTorch's files.
fn by_start(start: &[u8]) -> Option<FileKind> {
    // CryoSPARC's second encoding, which the reader of `.cs` files refuses by name.
    if start.starts_with(b"\x95CSDAT") {
        return Some(FileKind::Cs);
    }
    if Compression::from_magic(start).is_some() {
        return Some(FileKind::Mrc);
    }
    // Every header holds a zero, no text does.
    if let Some(header) = start.first_chunk::<HEADER_BYTES>()
        && header.contains(&0)
        && (header[208..].starts_with(b"MAP") || MrcHeader::parse(header).is_ok())
    {
        return Some(FileKind::Mrc);
    }
    let starts_block = |line: &[u8]| line.trim_ascii_start().starts_with(b"data_");
    let is_text = !start.is_empty() && !start.contains(&0);
    (is_text && start.split(|&byte| byte == b'\n').any(starts_block)).then_some(FileKind::Star)
}

/// The kind for a name; for compressed files, by the ending before that of the compression.
fn by_name(path: &Path) -> Option<FileKind> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    match ending.as_str() {
        "star" => Some(FileKind::Star),
        // A result group, which the reader of `.cs` files refuses with the names of its files.
        "cs" | "csg" => Some(FileKind::Cs),
        "mrc" | "mrcs" | "map" | "ccp4" | "st" => Some(FileKind::Mrc),
        "npy" => Some(FileKind::Npy),
        "npz" => Some(FileKind::Npz),
        "pt" => Some(FileKind::Pt),
        _ => None,
    }
}

fn unknown(path: &Path, start: &[u8]) -> Error {
    let what = match start {
        [] => "the file is empty",
        start if start.starts_with(b"\x89HDF") => "an HDF5 file",
        _ => "neither its first bytes nor its name are those of a file that verglas knows",
    };
    Error::format(format!("`{}`: {what}", path.display())).with_hint(
        "expected STAR, CryoSPARC .cs, MRC (.mrc, .mrcs, .map, .st, also .gz and .bz2), PDB, mmCIF, .xtc, .dcd, .npz, \
             .npy or .pt",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_count_before_names() {
        assert_eq!(by_start(b"# RELION\n\n data_optics\n"), Some(FileKind::Star));
        assert_eq!(by_start(b"\x95CSDAT..."), Some(FileKind::Cs));
        assert_eq!(by_start(b"\x1f\x8b\x08\0"), Some(FileKind::Mrc));
        let mut map = vec![0; HEADER_BYTES];
        map[208..212].copy_from_slice(b"MAP ");
        assert_eq!(by_start(&map), Some(FileKind::Mrc));
        assert_eq!(by_start(b"some text\n"), None);
        assert_eq!(by_start(b""), None);
        assert_eq!(by_start(&[0; 2000]), None);
    }

    #[test]
    fn an_old_stack_without_stamp_is_known_by_its_header() {
        let mut header = vec![0; HEADER_BYTES];
        for (at, word) in [(0, 4_i32), (4, 4), (8, 1), (12, 2)] {
            header[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        assert_eq!(by_start(&header), Some(FileKind::Mrc));
    }

    #[test]
    fn names_help_where_contents_say_nothing() {
        assert_eq!(by_name(Path::new("a.STAR")), Some(FileKind::Star));
        assert_eq!(by_name(Path::new("a.csg")), Some(FileKind::Cs));
        assert_eq!(by_name(Path::new("notes.txt")), None);
    }
}
