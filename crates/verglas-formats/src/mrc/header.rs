//! The 1024 bytes in front of every MRC file.

use super::byte_order::{self, Words};
use super::foreign::foreign_format;
use super::mode::{ByteOrder, MODE_OFFSET, Mode, Mode0};
use super::pixel_type::PixelType;
use super::warning::MrcWarning;
use crate::error::{FormatError, Place, Result};

/// The length of the main header in bytes.
pub const HEADER_BYTES: usize = 1024;

/// `IMOD` as an integer, at byte 152 of files whose flags at byte 156 mean something.
const IMOD_STAMP: i32 = 1_146_047_817;
const IMOD_FLAG_SIGNED_BYTES: i32 = 1;
const IMOD_FLAG_PACKED_4_BIT: i32 = 16;

/// The header of an MRC file, with names from the MRC2014 standard in brackets.
#[derive(Debug, Clone, PartialEq)]
pub struct MrcHeader {
    /// Columns, the fast axis, x (NX): the width of an image in pixels; at least 1.
    pub n_columns: u64,
    /// Rows, y (NY): the height of an image in pixels; at least 1.
    pub n_rows: u64,
    /// Sections (NZ): the number of images, at least 1. One image per section, whatever ISPG and MZ say; 0 in the file
    /// is read as 1, with [`MrcWarning::ZeroSections`].
    pub n_sections: u64,
    /// How a pixel is stored (MODE).
    pub mode: Mode,
    /// How a pixel is really stored, if the caller of [`super::MrcStack::open`] knows better than the mode.
    pub pixel_type: Option<PixelType>,
    /// The order of the bytes in header and data.
    pub byte_order: ByteOrder,
    /// The length of the extended header (NSYMBT), which is skipped.
    pub extended_header_bytes: u64,
    /// The type of the extended header (EXTTYP), such as `FEI1`; empty if the file does not say.
    pub extended_header_type: String,
    /// Where the first section starts: 1024 + the extended header.
    pub data_offset: u64,
    /// The distance between pixels along x, y, z: CELLA / M, in Å. `None` unless all six are positive and finite.
    pub voxel_size_angstrom: Option<[f64; 3]>,
    /// The same for x and y only, which is what images need: stacks from before 2014 often leave z empty.
    pub pixel_size_angstrom: Option<[f64; 2]>,
    /// The cell's lengths along x and y, Å, where they are there and the grid is not (MX or MY is 0), as programs write
    /// that take the one for the other: no pixel size follows from it.
    pub cell_without_grid_angstrom: Option<[f64; 2]>,
    /// DMIN and DMAX: the smallest and the largest pixel, as far as the header is right; `None` unless DMAX is
    /// larger, which is how programs say that they know them.
    pub pixel_range: Option<[f32; 2]>,
    /// Whether the `MAP` stamp of MRC2014 is there.
    pub has_map_stamp: bool,
    /// ISPG: 0 for images, 1 for a volume, 401 and above for a stack of volumes.
    pub space_group: i32,
    /// NVERSION: 20140 or 20141 for MRC2014; anything in older files.
    pub version: i32,
    /// Whether IMOD's flags call 8-bit data signed; `None` without IMOD's stamp.
    pub imod_signed_bytes: Option<bool>,
    /// Whether IMOD's flags say that bytes of mode 0 hold two 4-bit pixels each.
    pub imod_packed_bytes: bool,
    /// Where the voxels of a map are, for those who read one.
    pub geometry: MapGeometry,
    /// The labels that are in use (NLABL, LABEL), trimmed, characters that can't be printed left out.
    pub labels: Vec<String>,
}

impl MrcHeader {
    /// Reads a header, in the byte order that makes sense of it.
    ///
    /// Returns it with what is odd about it. The header is not compared with the file: see [`super::MrcStack::open`].
    ///
    /// # Errors
    /// * [`FormatError::Unsupported`]: a mode that is not read here, see [`Mode::from_code`]; another format.
    /// * [`FormatError::Malformed`]: dimensions that are negative, zero (except NZ), or claim more than 2⁶⁴ bytes; a
    ///   negative NSYMBT.
    pub fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<(Self, Vec<MrcWarning>)> {
        // Three letters, as in the paper: some programs write a zero in place of the blank.
        let has_map_stamp = bytes[208..].starts_with(b"MAP");
        if !has_map_stamp && let Some(error) = foreign_format(bytes) {
            return Err(error);
        }
        let (order, mut warnings) = byte_order::decide(bytes, has_map_stamp);
        let words = Words { bytes, order };

        let mode = Mode::from_code(words.int(MODE_OFFSET)).map_err(|error| {
            if has_map_stamp { error } else { error.with_hint("there is no `MAP ` stamp either: is this an MRC file?") }
        })?;
        let n_columns = positive(words.int(0), 0, "columns (NX)")?;
        let n_rows = positive(words.int(4), 4, "rows (NY)")?;
        let n_sections = match words.int(8) {
            0 => {
                warnings.push(MrcWarning::ZeroSections);
                1
            }
            n => positive(n, 8, "sections (NZ)")?,
        };
        let extended_header_bytes = u64::try_from(words.int(92)).map_err(|_| {
            FormatError::malformed(
                Place::Byte(92),
                format!("the extended header (NSYMBT) has {} bytes, expected 0 or more", words.int(92)),
            )
        })?;

        let space_group = words.int(88);
        if space_group != 0 && n_sections > 1 {
            warnings.push(MrcWarning::MarkedAsVolume { space_group });
        }
        let axes = MapGeometry::parse(words).axes;
        if axes != [1, 2, 3] && axes != [0, 0, 0] {
            warnings.push(MrcWarning::AxisOrder { axes });
        }
        let imod_flags = (words.int(152) == IMOD_STAMP).then(|| words.int(156));
        let imod_packed_bytes = imod_flags.is_some_and(|flags| flags & IMOD_FLAG_PACKED_4_BIT != 0);
        if imod_packed_bytes && mode == Mode::Int8 {
            warnings.push(MrcWarning::ImodPackedBytes);
        }

        let spacing = [(40, 28), (44, 32), (48, 36)].map(|(cell, n)| spacing(words.float(cell), words.int(n)));
        let header = Self {
            n_columns,
            n_rows,
            n_sections,
            mode,
            pixel_type: None,
            byte_order: order,
            extended_header_bytes,
            extended_header_type: printable(&bytes[104..108]),
            data_offset: HEADER_BYTES as u64 + extended_header_bytes,
            voxel_size_angstrom: match spacing {
                [Some(x), Some(y), Some(z)] => Some([x, y, z]),
                _ => None,
            },
            pixel_size_angstrom: match spacing {
                [Some(x), Some(y), _] => Some([x, y]),
                _ => None,
            },
            cell_without_grid_angstrom: cell_without_grid(words),
            pixel_range: Some([76, 80].map(|offset| words.float(offset)))
                .filter(|[least, greatest]| least < greatest && least.is_finite() && greatest.is_finite()),
            has_map_stamp,
            space_group,
            version: words.int(108),
            imod_signed_bytes: imod_flags.map(|flags| flags & IMOD_FLAG_SIGNED_BYTES != 0),
            imod_packed_bytes,
            geometry: MapGeometry::parse(words),
            labels: labels(words),
        };
        if header.expected_file_bytes().is_none() {
            return Err(FormatError::malformed(
                Place::Byte(0),
                format!("the header claims {}, which no file can hold", header.claim()),
            ));
        }
        Ok((header, warnings))
    }

    /// The same header with pixels that are stored as `pixel_type`, whatever the mode.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] if such pixels would take more than 2⁶⁴ bytes.
    pub(super) fn with_pixel_type(self, pixel_type: Option<PixelType>) -> Result<Self> {
        let header = Self { pixel_type, ..self };
        match header.expected_file_bytes() {
            Some(_) => Ok(header),
            None => Err(FormatError::malformed(
                Place::Byte(0),
                format!("the header claims {}, which no file can hold", header.claim()),
            )),
        }
    }

    /// The bytes of one row; `None` if that overflows.
    pub(super) fn bytes_per_row(&self) -> Option<u64> {
        match self.pixel_type {
            Some(pixel_type) => self.n_columns.checked_mul(pixel_type.bytes()),
            None => self.mode.bytes_per_row(self.n_columns),
        }
    }

    /// The bytes of one section; `None` if that overflows.
    pub fn bytes_per_section(&self) -> Option<u64> {
        self.bytes_per_row()?.checked_mul(self.n_rows)
    }

    /// The bytes of the whole file, as the header claims; `None` if that overflows.
    pub fn expected_file_bytes(&self) -> Option<u64> {
        self.bytes_per_section()?.checked_mul(self.n_sections)?.checked_add(self.data_offset)
    }

    /// The bytes of the file if its pixels were the largest possible, 64-bit floats; the header's claim if the
    /// caller knows how pixels are stored.
    pub(super) fn largest_file_bytes(&self) -> u64 {
        let as_floats = || {
            let n_pixels = self.n_columns.checked_mul(self.n_rows)?.checked_mul(self.n_sections)?;
            n_pixels.checked_mul(PixelType::Float64.bytes())?.checked_add(self.data_offset)
        };
        match self.pixel_type {
            Some(_) => self.expected_file_bytes().unwrap_or(u64::MAX),
            None => as_floats().unwrap_or(u64::MAX),
        }
    }

    /// The warning that is due when 8-bit data are read as `mode0` and IMOD's flags say otherwise.
    pub fn byte_sign_warning(&self, mode0: Mode0) -> Option<MrcWarning> {
        let said = if self.imod_signed_bytes? { Mode0::Signed } else { Mode0::Unsigned };
        (self.mode == Mode::Int8 && self.pixel_type.is_none() && said != mode0)
            .then_some(MrcWarning::ImodByteSign { used: mode0 })
    }

    /// The header's claim, for error messages: `412 sections of 256 × 256 pixels in mode 2 (32-bit floats)`.
    pub(super) fn claim(&self) -> String {
        format!(
            "{} of {} × {} pixels in {}",
            counted(self.n_sections, "section"),
            self.n_columns,
            self.n_rows,
            self.pixel_type.map_or_else(|| self.mode.to_string(), |pixel_type| format!("pixels of {pixel_type}"))
        )
    }
}

/// The header's values about the position of a map's voxels in space, as stored; see [`super::MrcMap`] for their
/// meaning. Images don't need them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapGeometry {
    /// Which axis the columns, rows and sections run along: 1 for x, 2 for y, 3 for z (MAPC, MAPR, MAPS).
    pub axes: [i32; 3],
    /// The number of the first column, row and section (NXSTART, NYSTART, NZSTART): in the order of the file's axes.
    pub start: [i32; 3],
    /// Intervals of the cell along x, y, z (MX, MY, MZ).
    pub n_intervals: [i32; 3],
    /// The cell's sides along x, y, z in Å (CELLA).
    pub cell_angstrom: [f32; 3],
    /// The cell's angles in degrees (CELLB).
    pub cell_angles_deg: [f32; 3],
    /// The position of the first voxel along x, y, z in Å (ORIGIN); in files from before MRC2014 these bytes may mean
    /// something else.
    pub origin_angstrom: [f32; 3],
}

impl MapGeometry {
    fn parse(words: Words<'_>) -> Self {
        Self {
            axes: [64, 68, 72].map(|offset| words.int(offset)),
            start: [16, 20, 24].map(|offset| words.int(offset)),
            n_intervals: [28, 32, 36].map(|offset| words.int(offset)),
            cell_angstrom: [40, 44, 48].map(|offset| words.float(offset)),
            cell_angles_deg: [52, 56, 60].map(|offset| words.float(offset)),
            origin_angstrom: [196, 200, 204].map(|offset| words.float(offset)),
        }
    }

    /// Cell over intervals along x, y and z, in Å; `None` where that is not positive and finite.
    pub fn voxel_angstrom(&self) -> [Option<f64>; 3] {
        std::array::from_fn(|axis| spacing(self.cell_angstrom[axis], self.n_intervals[axis]))
    }
}

/// A number and what it counts: `1 section`, `2 sections`.
pub(super) fn counted(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

fn positive(value: i32, offset: u64, what: &str) -> Result<u64> {
    match u64::try_from(value) {
        Ok(value) if value > 0 => Ok(value),
        _ => Err(FormatError::malformed(
            Place::Byte(offset),
            format!("the header counts {value} {what}, expected at least 1"),
        )),
    }
}

/// Cell length over number of intervals; `None` where either makes no sense.
fn spacing(cell_angstrom: f32, n_intervals: i32) -> Option<f64> {
    let spacing = f64::from(cell_angstrom) / f64::from(n_intervals);
    (cell_angstrom > 0.0 && cell_angstrom.is_finite() && n_intervals > 0).then_some(spacing)
}

/// The cell's sides along x and y, if both are there and a number of intervals is not.
fn cell_without_grid(words: Words<'_>) -> Option<[f64; 2]> {
    let cell = [40, 44].map(|offset| words.float(offset));
    let has_cell = cell.iter().all(|side| *side > 0.0 && side.is_finite());
    let has_grid = [28, 32].iter().all(|offset| words.int(*offset) > 0);
    (has_cell && !has_grid).then(|| cell.map(f64::from))
}

fn labels(words: Words<'_>) -> Vec<String> {
    // A count that makes no sense is not a reason to lose the text.
    let n_labels = usize::try_from(words.int(220)).ok().filter(|n| *n <= 10).unwrap_or(10);
    let texts = words.bytes[224..].chunks_exact(80).take(n_labels);
    texts.map(printable).filter(|text| !text.is_empty()).collect()
}

fn printable(bytes: &[u8]) -> String {
    let text: String = bytes.iter().filter(|b| (b' '..=b'~').contains(*b)).map(|b| char::from(*b)).collect();
    text.trim().to_owned()
}
