//! How pixels are stored: the header's mode number, the byte order, and what 8-bit data mean.

use std::fmt;

use crate::error::{FormatError, Place, Result};

/// The position of the mode number in the header, in bytes.
pub(super) const MODE_OFFSET: usize = 12;

/// The kind of number that a pixel is stored as: the header's MODE word, for the modes that hold real numbers.
///
/// The numbers are those of the MRC2014 standard; 101 is IMOD's and SerialEM's. The complex modes 3 and 4 hold
/// transforms, not images, and are refused by [`Mode::from_code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Mode 0: 8-bit integers, signed by the standard; see [`Mode0`].
    Int8,
    /// Mode 1: 16-bit signed integers.
    Int16,
    /// Mode 2: 32-bit floats.
    Float32,
    /// Mode 6: 16-bit unsigned integers.
    Uint16,
    /// Mode 12: 16-bit (half precision, IEEE 754 binary16) floats.
    Float16,
    /// Mode 101: 4-bit unsigned integers, two in a byte, the left pixel in the low four bits; each row starts a new
    /// byte, so an odd row ends in four unused bits. The byte order does not matter. Source: IMOD's `mrc_format.txt`.
    Uint4,
}

impl Mode {
    /// The mode with this number.
    ///
    /// # Errors
    /// [`FormatError::Unsupported`] for complex and RGB data, by name; [`FormatError::Malformed`] for numbers that mean
    /// nothing, as a damaged header has.
    pub fn from_code(code: i32) -> Result<Self> {
        let place = Place::Byte(MODE_OFFSET as u64);
        let text = |what: &str| format!("{what}, expected one of the real modes 0, 1, 2, 6, 12, 101");
        let refused = |what: &str| Err(FormatError::unsupported(place.clone(), text(what)));
        match code {
            0 => Ok(Self::Int8),
            1 => Ok(Self::Int16),
            2 => Ok(Self::Float32),
            6 => Ok(Self::Uint16),
            12 => Ok(Self::Float16),
            101 => Ok(Self::Uint4),
            3 => refused("mode 3 (complex 16-bit integers: a transform, not images)"),
            4 => refused("mode 4 (complex 32-bit floats: a transform, not images)"),
            16 => refused("mode 16 (RGB colours)"),
            other => {
                let what = format!("mode {other}, which no MRC standard defines");
                Err(FormatError::malformed(place.clone(), text(&what)))
            }
        }
    }

    /// Whether some program writes this mode number, be it readable here or not: what the byte order is judged by.
    pub(super) fn is_known_code(code: i32) -> bool {
        matches!(code, 0..=4 | 6 | 12 | 16 | 101)
    }

    /// The number in the header.
    pub fn code(self) -> i32 {
        match self {
            Self::Int8 => 0,
            Self::Int16 => 1,
            Self::Float32 => 2,
            Self::Uint16 => 6,
            Self::Float16 => 12,
            Self::Uint4 => 101,
        }
    }

    /// The type of the pixels, in words: `32-bit floats`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "8-bit integers",
            Self::Int16 => "16-bit signed integers",
            Self::Float32 => "32-bit floats",
            Self::Uint16 => "16-bit unsigned integers",
            Self::Float16 => "16-bit floats",
            Self::Uint4 => "4-bit unsigned integers",
        }
    }

    /// The bytes that one row of `width` pixels takes; `None` if that overflows.
    pub fn bytes_per_row(self, width: u64) -> Option<u64> {
        match self {
            Self::Int8 => Some(width),
            Self::Int16 | Self::Uint16 | Self::Float16 => width.checked_mul(2),
            Self::Float32 => width.checked_mul(4),
            Self::Uint4 => Some(width.div_ceil(2)),
        }
    }

    /// The bytes that one section of `width` × `height` pixels takes; `None` if that overflows.
    pub fn bytes_per_section(self, width: u64, height: u64) -> Option<u64> {
        self.bytes_per_row(width)?.checked_mul(height)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mode {} ({})", self.code(), self.name())
    }
}

/// How the bytes of mode 0 are meant.
///
/// The standard says signed; IMOD before 4.2.23 and many cameras' programs wrote unsigned ones, and nothing in the file
/// proves which it is. A flag of IMOD's that says otherwise gives a warning, not a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode0 {
    /// −128 … 127, as MRC2014 says.
    #[default]
    Signed,
    /// 0 … 255.
    Unsigned,
}

/// The order of the bytes in each number of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// The lowest byte first.
    Little,
    /// The highest byte first.
    Big,
}

impl ByteOrder {
    /// The other order.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Little => Self::Big,
            Self::Big => Self::Little,
        }
    }

    /// Whether it is the order of the machine that this runs on.
    pub(super) fn is_native(self) -> bool {
        (self == Self::Little) == cfg!(target_endian = "little")
    }
}

impl fmt::Display for ByteOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Little => "little-endian",
            Self::Big => "big-endian",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_modes_are_one_to_one() {
        for code in [0, 1, 2, 6, 12, 101] {
            assert_eq!(Mode::from_code(code).unwrap().code(), code);
        }
    }

    #[test]
    fn complex_modes_are_refused_by_name_and_others_by_number() {
        for (code, word) in [(3, "complex"), (4, "complex"), (16, "RGB"), (7, "mode 7"), (-1, "mode -1")] {
            let error = Mode::from_code(code).unwrap_err();
            // A mode that no program writes is damage.
            assert_eq!(matches!(error, FormatError::Unsupported(_)), [3, 4, 16].contains(&code));
            assert!(error.to_string().contains(word), "{error}");
            assert!(error.to_string().contains(&format!("mode {code}")), "{error}");
        }
    }

    #[test]
    fn four_bit_rows_end_on_a_whole_byte() {
        assert_eq!(Mode::Uint4.bytes_per_section(5, 4), Some(12));
        assert_eq!(Mode::Uint4.bytes_per_section(6, 4), Some(12));
        assert_eq!(Mode::Uint4.bytes_per_section(1, 1), Some(1));
    }

    #[test]
    fn sizes_that_overflow_are_none() {
        assert_eq!(Mode::Float32.bytes_per_section(u64::MAX / 2, 1), None);
        assert_eq!(Mode::Int8.bytes_per_section(u64::MAX, 2), None);
        assert_eq!(Mode::Uint4.bytes_per_section(u64::MAX, 1), Some(1 << 63));
    }
}
