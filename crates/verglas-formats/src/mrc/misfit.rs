//! Files whose length fits a different number of bytes per pixel from their mode's.

use std::fmt;

use verglas_choice::Choice;

use super::header::MrcHeader;
use super::pixel_type::PixelType;
use crate::error::{FormatError, Place};

/// Bytes that a pixel may have.
const BYTES_PER_PIXEL: [u64; 4] = [1, 2, 4, 8];

/// A file that would hold exactly what its header claims if its pixels had a different number of bytes from the mode's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PixelMisfit {
    /// The header's claim, in words.
    claim: String,
    /// The bytes that the header claims, itself included.
    pub expected_bytes: u64,
    /// The bytes found.
    pub found_bytes: u64,
    /// The bytes of a pixel that fit.
    pub bytes_per_pixel: u64,
}

impl PixelMisfit {
    /// Compares a header with the length of its file, unless the caller knows better than the header.
    ///
    /// Only more bytes than the mode's are considered: a file that is shorter than claimed is cut, see
    /// [`super::Truncation`].
    pub(super) fn find(header: &MrcHeader, file_bytes: u64) -> Option<Self> {
        if header.pixel_type.is_some() {
            return None;
        }
        let expected_bytes = header.expected_file_bytes()?;
        if file_bytes <= expected_bytes {
            return None;
        }
        let n_pixels = header.n_columns.checked_mul(header.n_rows)?.checked_mul(header.n_sections)?;
        let data_bytes = file_bytes.checked_sub(header.data_offset)?;
        let bytes_per_pixel = BYTES_PER_PIXEL.into_iter().find(|n| n_pixels.checked_mul(*n) == Some(data_bytes))?;
        Some(Self { claim: header.claim(), expected_bytes, found_bytes: file_bytes, bytes_per_pixel })
    }

    /// The error for those who would read other pixels than were written.
    pub fn to_error(&self) -> FormatError {
        let fitting: Vec<String> = PixelType::ALL
            .iter()
            .copied()
            .filter(|kind| kind.bytes() == self.bytes_per_pixel)
            .map(|kind| format!("pixel type `{kind}`"))
            .collect();
        FormatError::malformed(Place::File, self.to_string()).with_hint(format!(
            "{} reads pixels of that size; if the mode is right and something else follows the images, say so with the \
             mode's own type",
            fitting.join(" or ")
        ))
    }
}

impl fmt::Display for PixelMisfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the header claims {}, {} bytes, found {} bytes, which are exactly {} bytes per pixel",
            self.claim, self.expected_bytes, self.found_bytes, self.bytes_per_pixel
        )
    }
}
