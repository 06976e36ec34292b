//! Recognises files that are not NumPy arrays, so that they can be refused by name.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use crate::error::{FormatError, Place, Result};
use crate::open::open_regular;

/// The first bytes of CryoSPARC's second `.cs` encoding, a compressed stream of columns.
const CSDAT_MAGICS: [&[u8]; 2] = [b"\x95CSDAT", b"\x94CSDAT"];

/// The longest `.csg` that is read; real ones take some kilobytes.
pub(super) const MAX_CSG_BYTES: u64 = 1 << 20;

/// Reads the names of the `.cs` files that a `.csg` (a CryoSPARC result group, in YAML) refers to, each once, in its
/// order, without CryoSPARC's leading `>`.
///
/// # Errors
/// [`FormatError::Malformed`] for a file that names none, or that is longer than 1 MiB.
pub fn read_csg(path: impl AsRef<Path>) -> Result<Vec<String>> {
    let mut text = Vec::new();
    open_regular(path)?.take(MAX_CSG_BYTES + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_CSG_BYTES {
        let message = format!("longer than {MAX_CSG_BYTES} bytes, which no `.csg` is");
        return Err(FormatError::malformed(Place::File, message));
    }
    let names = metafiles(&String::from_utf8_lossy(&text));
    if names.is_empty() {
        return Err(FormatError::malformed(Place::File, "no `metafile:` entries, expected a CryoSPARC result group"));
    }
    Ok(names)
}

/// The values of a group's `metafile:` lines. Of YAML that takes no more than quotes and comments.
fn metafiles(text: &str) -> Vec<String> {
    let (mut names, mut known) = (Vec::new(), HashSet::new());
    for line in text.lines() {
        let Some(value) = line.trim_start().strip_prefix("metafile:") else { continue };
        let value = value.trim();
        let name = match value.chars().next() {
            Some(quote @ ('\'' | '"')) => value[1..].split(quote).next().unwrap_or_default(),
            _ => value.split(" #").next().unwrap_or_default().trim_end(),
        };
        let name = name.strip_prefix('>').unwrap_or(name);
        if !name.is_empty() && known.insert(name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Why a file that begins with `start` is not read as a `.cs`.
pub(super) fn not_numpy(start: &[u8]) -> FormatError {
    let unsupported = |message: &str| FormatError::unsupported(Place::File, message);
    if CSDAT_MAGICS.iter().any(|magic| start.starts_with(magic)) {
        return unsupported("a `.cs` file in the CSDAT encoding, expected a NumPy array")
            .with_hint("convert it with cryosparc-tools: `Dataset.load('in.cs').save('out.cs')` writes NumPy arrays");
    }
    if let Some((found, hint)) = crate::mrc::foreign::stand_in(start) {
        return unsupported(&format!("{found}, expected a NumPy array")).with_hint(hint);
    }
    if start.starts_with(b"PK") {
        return unsupported("a ZIP archive (an `.npz`?), expected a `.cs` file, a NumPy array of records");
    }
    if start.starts_with(b"\x1f\x8b") {
        return unsupported("compressed with gzip, expected a `.cs` file as it is").with_hint("decompress it first");
    }
    if start.is_empty() {
        return FormatError::malformed(Place::File, "the file is empty, expected a `.cs` file");
    }
    // Of the last character a part may be missing.
    let is_utf8 = std::str::from_utf8(start).map_or_else(|error| error.error_len().is_none(), |_| true);
    let is_text = is_utf8 && !start.contains(&0);
    if !is_text {
        return FormatError::malformed(Place::Byte(0), "not a `.cs` file: it does not begin with \\x93NUMPY");
    }
    let text = String::from_utf8_lossy(start);
    let names = metafiles(&text);
    if !names.is_empty() {
        let message = format!("a CryoSPARC result group, which names the files {}", names.join(", "));
        return unsupported(&message)
            .with_hint("give the `.cs` files that it names, the particles' and the passthrough's");
    }
    if text.lines().any(|line| line.starts_with("data_")) {
        return unsupported("a STAR file, expected a `.cs` file, a NumPy array of records");
    }
    unsupported("a text file, expected a `.cs` file, a NumPy array of records")
}
