//! An MRC file as a stack of images, read section by section.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use super::compressed::Compression;
use super::foreign::{foreign_format, imagic_by_name};
use super::header::{HEADER_BYTES, MrcHeader, counted};
use super::misfit::PixelMisfit;
use super::mode::{Mode, Mode0};
use super::pixel_type::PixelType;
use super::warning::MrcWarning;
use super::{compressed, decode};
use crate::error::{FormatError, Place, Result};
use crate::open::open_regular;

/// How much is read at a time if pixels are converted: it fits in the second-level cache until then.
const CHUNK_BYTES: u64 = 256 << 10;

/// How files are opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MrcOptions {
    /// How 8-bit data are meant; signed by default, as the standard says.
    pub mode0: Mode0,
    /// How pixels are stored, where the header's mode is wrong; by default the mode counts.
    pub pixel_type: Option<PixelType>,
    /// The most bytes that a compressed file may unpack to; 64 GiB by default.
    pub max_decompressed_bytes: u64,
    /// Where compressed files are unpacked to; by default where the system keeps temporary files.
    pub temp_dir: Option<PathBuf>,
}

impl Default for MrcOptions {
    fn default() -> Self {
        Self { mode0: Mode0::Signed, pixel_type: None, max_decompressed_bytes: 64 << 30, temp_dir: None }
    }
}

/// How much of a file is missing that its header claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncation {
    /// The bytes that the header claims, itself included.
    pub expected_bytes: u64,
    /// The bytes found.
    pub found_bytes: u64,
    /// The sections that the header claims.
    pub n_sections: u64,
    /// The sections that are wholly there.
    pub n_sections_present: u64,
}

impl Truncation {
    /// The error for those who can't do without the missing sections.
    pub fn to_error(&self) -> FormatError {
        FormatError::malformed(Place::File, self.to_string()).with_hint("was the file cut while copying?")
    }
}

impl fmt::Display for Truncation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the header claims {}, {} bytes, found {} bytes, which hold {}",
            counted(self.n_sections, "section"),
            self.expected_bytes,
            self.found_bytes,
            counted(self.n_sections_present, "whole section")
        )
    }
}

/// The result of [`read_header`].
#[derive(Debug, Clone, PartialEq)]
pub struct MrcSummary {
    /// The header.
    pub header: MrcHeader,
    /// Oddities of the file.
    pub warnings: Vec<MrcWarning>,
    /// The file's length; `None` for a compressed one, whose length is not known before it is unpacked.
    pub file_bytes: Option<u64>,
    /// How it is compressed.
    pub compression: Option<Compression>,
    /// What is missing at its end, if known.
    pub truncation: Option<Truncation>,
    /// Whether its length suggests pixels of a different size from the mode's.
    pub misfit: Option<PixelMisfit>,
}

/// Reads a file's header and compares it with the file's length, without reading on.
///
/// Of a compressed file no more is unpacked than the header. 8-bit data are taken as signed for the warnings; ask
/// [`MrcHeader::byte_sign_warning`] where they are not.
///
/// # Errors
/// As [`MrcStack::open`], as far as the header and the file's length show.
pub fn read_header(path: impl AsRef<Path>) -> Result<MrcSummary> {
    read_header_as(path, None)
}

/// The same for a file whose pixels are stored as `pixel_type`, whatever its mode.
///
/// # Errors
/// As [`read_header`].
pub fn read_header_as(path: impl AsRef<Path>, pixel_type: Option<PixelType>) -> Result<MrcSummary> {
    let path = path.as_ref();
    summarize(path, pixel_type).map_err(|error| imagic_by_name(path, error))
}

fn summarize(path: &Path, pixel_type: Option<PixelType>) -> Result<MrcSummary> {
    let file = open_regular(path)?;
    if let Some(compression) = sniff(&file)? {
        let (_, header, warnings) = compression.reader(file)?.read_header(pixel_type)?;
        return Ok(MrcSummary {
            warnings: with_sign_warning(warnings, &header, Mode0::default()),
            header,
            file_bytes: None,
            compression: Some(compression),
            truncation: None,
            misfit: None,
        });
    }
    let (header, warnings, file_bytes) = read_plain_header(&file, pixel_type)?;
    let mut warnings = with_sign_warning(warnings, &header, Mode0::default());
    let n_sections_present = compare_with_file(&header, file_bytes, &mut warnings)?;
    let truncation = truncation(&header, file_bytes, n_sections_present);
    let misfit = PixelMisfit::find(&header, file_bytes);
    Ok(MrcSummary { header, warnings, file_bytes: Some(file_bytes), compression: None, truncation, misfit })
}

/// An open MRC file: a stack of `n_sections` images, each `[n_rows, n_columns]`, row by row as stored.
///
/// One section is one image, whatever the header says about volumes. Sections are read by position, so that any number
/// of threads can read from one stack at once. The file is never mapped into memory: one that shrinks while it is open
/// gives an error, not a crash.
#[derive(Debug)]
pub struct MrcStack {
    file: File,
    header: MrcHeader,
    warnings: Vec<MrcWarning>,
    compression: Option<Compression>,
    mode0: Mode0,
    file_bytes: u64,
    n_sections_present: u64,
    bytes_per_row: u64,
    bytes_per_section: u64,
    pixels_per_section: usize,
}

impl MrcStack {
    /// Opens a file and compares its header with its length; a compressed one is unpacked first.
    ///
    /// A file that is shorter than claimed is opened all the same: ask [`MrcStack::truncation`].
    ///
    /// # Errors
    /// * [`FormatError::Io`]: the file does not exist, is a pipe or the like, can't be read, or, if compressed,
    ///   can't be unpacked.
    /// * [`FormatError::Unsupported`]: an unsupported mode; a compressed file that claims to be larger than the
    ///   limit.
    /// * [`FormatError::Malformed`]: no MRC file, impossible dimensions, damaged compressed data.
    pub fn open(path: impl AsRef<Path>, options: &MrcOptions) -> Result<Self> {
        Self::open_while(path, options, &|| true)
    }

    /// The same, given up when `go_on` says so while a compressed file is unpacked: large ones take minutes.
    ///
    /// # Errors
    /// As [`MrcStack::open`]; [`FormatError::Io`] of the kind [`io::ErrorKind::Interrupted`] when it is given up.
    pub fn open_while(path: impl AsRef<Path>, options: &MrcOptions, go_on: &dyn Fn() -> bool) -> Result<Self> {
        let path = path.as_ref();
        Self::open_it(path, options, go_on).map_err(|error| imagic_by_name(path, error))
    }

    fn open_it(path: &Path, options: &MrcOptions, go_on: &dyn Fn() -> bool) -> Result<Self> {
        let file = open_regular(path)?;
        let compression = sniff(&file)?;
        let (file, header, warnings, file_bytes) = match compression {
            Some(compression) => {
                let temp_dir = options.temp_dir.as_deref();
                let (most, pixel_type) = (options.max_decompressed_bytes, options.pixel_type);
                let unpacked = compressed::unpack(file, compression, pixel_type, most, temp_dir, go_on)?;
                (unpacked.file, unpacked.header, unpacked.warnings, unpacked.n_bytes)
            }
            None => {
                let (header, warnings, file_bytes) = read_plain_header(&file, options.pixel_type)?;
                (file, header, warnings, file_bytes)
            }
        };
        if let Some(misfit) = PixelMisfit::find(&header, file_bytes) {
            return Err(misfit.to_error());
        }
        let mut warnings = with_sign_warning(warnings, &header, options.mode0);
        let n_sections_present = compare_with_file(&header, file_bytes, &mut warnings)?;

        let sizes = || {
            let bytes_per_row = header.bytes_per_row()?;
            let pixels_per_section = usize::try_from(header.n_columns.checked_mul(header.n_rows)?).ok()?;
            Some((bytes_per_row, header.bytes_per_section()?, pixels_per_section))
        };
        let (bytes_per_row, bytes_per_section, pixels_per_section) = sizes().ok_or_else(|| {
            FormatError::unsupported(Place::Byte(0), format!("{}: too large for this machine", header.claim()))
        })?;
        Ok(Self {
            mode0: options.mode0,
            file,
            header,
            warnings,
            compression,
            file_bytes,
            n_sections_present,
            bytes_per_row,
            bytes_per_section,
            pixels_per_section,
        })
    }

    /// The header.
    pub fn header(&self) -> &MrcHeader {
        &self.header
    }

    /// Oddities of the file, except truncation.
    pub fn warnings(&self) -> &[MrcWarning] {
        &self.warnings
    }

    /// How the file is compressed.
    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// The sections that the header claims.
    pub fn n_sections(&self) -> u64 {
        self.header.n_sections
    }

    /// The sections that are wholly in the file, which is what can be read: at most those that the header claims.
    pub fn n_sections_present(&self) -> u64 {
        self.n_sections_present
    }

    /// Pixels of one section: columns × rows.
    ///
    /// Compared with the file's length only if [`MrcStack::n_sections_present`] is not 0: check that before
    /// allocating.
    pub fn pixels_per_section(&self) -> usize {
        self.pixels_per_section
    }

    /// The file's length in bytes when it was opened; of a compressed file what was unpacked of it.
    pub fn file_len(&self) -> u64 {
        self.file_bytes
    }

    /// What is missing at the file's end, if anything.
    pub fn truncation(&self) -> Option<Truncation> {
        truncation(&self.header, self.file_bytes, self.n_sections_present)
    }

    /// Reads one section into `pixels`, `[n_rows, n_columns]`; see [`MrcStack::read_sections`].
    ///
    /// # Errors
    /// As [`MrcStack::read_sections`].
    ///
    /// # Panics
    /// If `pixels` does not hold exactly one section.
    pub fn read_section(&self, section: u64, pixels: &mut [f32], scratch: &mut Vec<u8>) -> Result<()> {
        self.read_sections(section, 1, pixels, scratch)
    }

    /// Reads `count` sections from number `first` on, counted from 0, into `pixels`: `[count, n_rows, n_columns]`.
    ///
    /// All modes are exact in `f32`; [`PixelType::Float64`] and large 32-bit integers are rounded to it. Mode 2 in the
    /// machine's byte order is read straight into `pixels`; everything else goes
    /// piece by piece through `scratch`, which is enlarged as needed and best kept for the next call.
    ///
    /// # Errors
    /// * [`FormatError::Malformed`]: a section that is not, or not wholly, in the file; a file that has become shorter.
    /// * [`FormatError::Io`]: the file can't be read.
    ///
    /// `pixels` holds nothing of use after an error.
    ///
    /// # Panics
    /// If `pixels` does not hold exactly `count` sections.
    pub fn read_sections(&self, first: u64, count: usize, pixels: &mut [f32], scratch: &mut Vec<u8>) -> Result<()> {
        assert_eq!(
            Some(pixels.len()),
            self.pixels_per_section.checked_mul(count),
            "room for {count} sections of {} pixels",
            self.pixels_per_section
        );
        if count == 0 {
            return Ok(());
        }
        let end = first.checked_add(count as u64).filter(|end| *end <= self.n_sections_present);
        let Some(end) = end else {
            return Err(self.no_such_section(first.max(self.n_sections_present)));
        };
        // No overflow from here on: these sections lie within the file, and `pixels` has room for them.
        let mut offset = self.header.data_offset + first * self.bytes_per_section;

        let is_float32 = match self.header.pixel_type {
            Some(pixel_type) => pixel_type == PixelType::Float32,
            None => self.header.mode == Mode::Float32,
        };
        if is_float32 && self.header.byte_order.is_native() {
            return self.read_at(bytemuck::cast_slice_mut(pixels), offset, first..end);
        }
        let width = self.pixels_per_section / self.n_rows();
        // Both fit: a row is no larger than a section, of which `pixels` holds one.
        let bytes_per_row = self.bytes_per_row as usize;
        let rows_per_chunk = (CHUNK_BYTES / self.bytes_per_row).max(1) as usize;
        for pixels in pixels.chunks_mut(width.saturating_mul(rows_per_chunk)) {
            let n_bytes = pixels.len() / width * bytes_per_row;
            if scratch.len() < n_bytes {
                scratch.resize(n_bytes, 0);
            }
            let bytes = &mut scratch[..n_bytes];
            self.read_at(bytes, offset, first..end)?;
            let order = self.header.byte_order;
            match self.header.pixel_type {
                Some(pixel_type) => decode::decode_as(pixel_type, order, bytes, pixels),
                None => decode::decode_rows(self.header.mode, order, self.mode0, width, bytes, pixels),
            }
            offset += n_bytes as u64;
        }
        Ok(())
    }

    fn n_rows(&self) -> usize {
        // `open` has put columns × rows into a usize.
        self.header.n_rows as usize
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64, sections: std::ops::Range<u64>) -> Result<()> {
        self.file.read_exact_at(bytes, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => FormatError::malformed(
                Place::Byte(offset),
                format!(
                    "the file ends within sections {} to {} (counted from 0); it had {} bytes when it was opened",
                    sections.start,
                    sections.end - 1,
                    self.file_bytes
                ),
            )
            .with_hint("is another program writing to it?"),
            _ => error.into(),
        })
    }

    fn no_such_section(&self, section: u64) -> FormatError {
        let Truncation { n_sections, n_sections_present, .. } = match self.truncation() {
            Some(truncation) if section < self.n_sections() => truncation,
            _ => {
                return FormatError::malformed(
                    Place::File,
                    format!("section {section} (counted from 0) asked for, the stack holds {}", self.n_sections()),
                );
            }
        };
        FormatError::malformed(
            Place::File,
            format!(
                "section {section} (counted from 0) asked for, the file is cut short: \
                 {n_sections_present} of {} wholly there",
                counted(n_sections, "section")
            ),
        )
    }
}

fn sniff(file: &File) -> Result<Option<Compression>> {
    let mut magic = [0; 4];
    match file.read_exact_at(&mut magic, 0) {
        Ok(()) => Ok(Compression::from_magic(&magic)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn read_plain_header(file: &File, pixel_type: Option<PixelType>) -> Result<(MrcHeader, Vec<MrcWarning>, u64)> {
    let file_bytes = file.metadata()?.len();
    let mut bytes = [0; HEADER_BYTES];
    file.read_exact_at(&mut bytes, 0).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => too_short(file, file_bytes),
        _ => error.into(),
    })?;
    let (header, warnings) = MrcHeader::parse(&bytes)?;
    Ok((header.with_pixel_type(pixel_type)?, warnings, file_bytes))
}

/// The error for a file that ends within the header.
fn too_short(file: &File, file_bytes: u64) -> FormatError {
    let mut start = vec![0; HEADER_BYTES.min(usize::try_from(file_bytes).unwrap_or(HEADER_BYTES))];
    let known = file.read_exact_at(&mut start, 0).ok().and_then(|()| foreign_format(&start));
    known.unwrap_or_else(|| compressed::too_short_for_header(file_bytes))
}

fn with_sign_warning(mut warnings: Vec<MrcWarning>, header: &MrcHeader, mode0: Mode0) -> Vec<MrcWarning> {
    warnings.extend(header.byte_sign_warning(mode0));
    warnings
}

/// Compares a header with the length of its file; returns how many sections are wholly there.
fn compare_with_file(header: &MrcHeader, file_bytes: u64, warnings: &mut Vec<MrcWarning>) -> Result<u64> {
    let Some(data_bytes) = file_bytes.checked_sub(header.data_offset) else {
        return Err(FormatError::malformed(
            Place::Byte(92),
            format!(
                "the extended header (NSYMBT) of {} bytes would end at byte {}, the file has {file_bytes} bytes",
                header.extended_header_bytes, header.data_offset
            ),
        ));
    };
    // `parse` has refused headers whose claim overflows or is 0.
    let bytes_per_section = header.bytes_per_section().unwrap_or(u64::MAX);
    let n_sections_present = header.n_sections.min(data_bytes / bytes_per_section);
    let expected_bytes = header.expected_file_bytes().unwrap_or(u64::MAX);
    if file_bytes > expected_bytes {
        warnings.push(MrcWarning::LongerThanClaimed { expected_bytes, found_bytes: file_bytes });
    }
    if n_sections_present == 0 && warnings.contains(&MrcWarning::ZeroSections) {
        return Err(FormatError::malformed(
            Place::Byte(8),
            format!(
                "the header counts 0 sections (NZ), and {data_bytes} bytes of data are less than one image of {} × {} \
                 pixels in {}",
                header.n_columns, header.n_rows, header.mode
            ),
        ));
    }
    Ok(n_sections_present)
}

fn truncation(header: &MrcHeader, file_bytes: u64, n_sections_present: u64) -> Option<Truncation> {
    let expected_bytes = header.expected_file_bytes()?;
    (file_bytes < expected_bytes).then_some(Truncation {
        expected_bytes,
        found_bytes: file_bytes,
        n_sections: header.n_sections,
        n_sections_present,
    })
}
