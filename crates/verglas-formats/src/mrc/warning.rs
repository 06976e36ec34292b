//! Oddities of files that can be read anyway.

use std::fmt;

use super::mode::{ByteOrder, Mode0};

/// Something odd about a file that is read nonetheless; its `Display` says what was found and what was assumed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MrcWarning {
    /// The `MAP ` stamp of MRC2014 is missing: an older file, as many public stacks are.
    NoMapStamp {
        /// The byte order that mode and dimensions speak for.
        used: ByteOrder,
    },
    /// The machine stamp (bytes 212 to 215) is unknown to the standard and its predecessors.
    UnknownMachineStamp {
        /// The four bytes.
        found: [u8; 4],
        /// The byte order that mode and dimensions speak for.
        used: ByteOrder,
    },
    /// The machine stamp names one byte order, mode and dimensions make sense in the other only.
    WrongMachineStamp {
        /// The four bytes.
        found: [u8; 4],
        /// The byte order that mode and dimensions speak for.
        used: ByteOrder,
    },
    /// The header counts no sections (nz = 0); the file is read as one image.
    ZeroSections,
    /// The space group says that the sections are slices of volumes; each is read as one image.
    MarkedAsVolume {
        /// ISPG: 1 for a volume, 401 and above for a stack of volumes.
        space_group: i32,
    },
    /// The axes are not stored in the order columns = x, rows = y, sections = z; images are read as they are stored.
    AxisOrder {
        /// MAPC, MAPR, MAPS: 1 for x, 2 for y, 3 for z.
        axes: [i32; 3],
    },
    /// IMOD's flags say that the 8-bit data are meant otherwise than they are read.
    ImodByteSign {
        /// How they are read.
        used: Mode0,
    },
    /// IMOD's flags say that each byte of mode 0 holds two 4-bit pixels; the bytes are read as they are.
    ImodPackedBytes,
    /// There are more bytes than the header claims; what is past the last section is ignored.
    LongerThanClaimed {
        /// The bytes that the header claims, itself included.
        expected_bytes: u64,
        /// The bytes found; for a compressed file, those that were unpacked.
        found_bytes: u64,
    },
}

impl fmt::Display for MrcWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMapStamp { used } => {
                write!(f, "no `MAP ` stamp: read as an MRC file from before 2014, {used}")
            }
            Self::UnknownMachineStamp { found: [a, b, c, d], used } => {
                write!(f, "unknown machine stamp {a:02x} {b:02x} {c:02x} {d:02x}: read as {used}")
            }
            Self::WrongMachineStamp { found: [a, b, c, d], used } => write!(
                f,
                "machine stamp {a:02x} {b:02x} {c:02x} {d:02x} means {}, but mode and dimensions make sense only \
                 otherwise: read as {used}",
                used.other()
            ),
            Self::ZeroSections => f.write_str("the header counts 0 sections: read as one image"),
            Self::MarkedAsVolume { space_group } => write!(
                f,
                "marked as {} (space group {space_group}): each section is read as one image",
                if *space_group >= 401 { "a stack of volumes" } else { "a volume" }
            ),
            Self::AxisOrder { axes: [c, r, s] } => {
                write!(f, "columns, rows, sections are axes {c}, {r}, {s}, expected 1, 2, 3: read as stored")
            }
            Self::ImodByteSign { used: Mode0::Signed } => {
                f.write_str("IMOD's flags say that the 8-bit data are unsigned: read as signed")
            }
            Self::ImodByteSign { used: Mode0::Unsigned } => {
                f.write_str("IMOD's flags say that the 8-bit data are signed: read as unsigned")
            }
            Self::ImodPackedBytes => {
                f.write_str("IMOD's flags say that each byte holds two 4-bit pixels: read as one 8-bit pixel")
            }
            Self::LongerThanClaimed { expected_bytes, found_bytes } => write!(
                f,
                "the header claims {expected_bytes} bytes, found {found_bytes}: what is past the claim is ignored"
            ),
        }
    }
}
