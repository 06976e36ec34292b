//! `.pt` files of one tensor.

use std::path::Path;

use serde::Serialize;
use verglas_core::error::{Error, Result};
use verglas_formats::FormatError;
use verglas_formats::pt::PtFile;

use super::found::Found;

/// Files up to this size have their checksums compared, which reads all of them: about a second.
const MOST_CHECKED_BYTES: u64 = 1 << 30;

/// The contents of a `.pt` file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TensorContents {
    /// PyTorch's name of the type, such as `complex64`.
    pub dtype: &'static str,
    /// The extent of each axis; empty for a single value.
    pub shape: Vec<u64>,
    /// Bytes of its values.
    pub data_bytes: u64,
    /// Bytes of their storage, which may be larger.
    pub storage_bytes: u64,
    /// Whether the values are contiguous, last axis fastest.
    pub is_contiguous: bool,
    /// `little` or `big`.
    pub byte_order: &'static str,
    /// Whether the checksums were compared, and how that ended.
    pub crc: CrcState,
}

/// The result of comparing the checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CrcState {
    /// They are right.
    Right,
    /// One is wrong; the problem says which.
    Wrong,
    /// The file is too large for a quick look; `verglas verify` compares.
    NotChecked,
}

pub(super) fn inspect_tensor(path: &Path) -> Result<Found<TensorContents>> {
    let in_file = |error| Error::from_format(path, error);
    let mut file = PtFile::open(path).map_err(in_file)?;
    let file_bytes = std::fs::metadata(path)
        .map_err(|error| Error::io(format_args!("cannot read `{}`", path.display()), &error))?
        .len();
    let mut problems = Vec::new();
    let crc = if file_bytes > MOST_CHECKED_BYTES {
        CrcState::NotChecked
    } else {
        match file.verify_crc() {
            Ok(()) => CrcState::Right,
            Err(error @ FormatError::Io(_)) => return Err(in_file(error)),
            Err(error) => {
                problems.push(error.to_string());
                CrcState::Wrong
            }
        }
    };
    let tensor = file.tensor();
    let contents = TensorContents {
        dtype: tensor.element_type().name(),
        shape: tensor.shape().to_vec(),
        data_bytes: file.data_bytes(),
        storage_bytes: tensor.storage_len().saturating_mul(tensor.element_type().bytes()),
        is_contiguous: tensor.is_contiguous(),
        byte_order: if file.is_big_endian() { "big" } else { "little" },
        crc,
    };
    Ok(Found { contents, warnings: Vec::new(), problems })
}
