//! Writes MRC2014 image stacks.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::encode;
use super::header::HEADER_BYTES;
use super::mode::Mode;
use crate::error::{FormatError, Place, Result};

/// The label that says where a file is from.
const LABEL: &[u8] = b"written by verglas";

/// The layout of a stack to be written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MrcLayout {
    /// Columns of an image, in pixels.
    pub n_columns: u64,
    /// Rows of an image, in pixels.
    pub n_rows: u64,
    /// How many images there will be.
    pub n_sections: u64,
    /// The distance between pixels in Å; `None` is written as a cell of 0 Å, which readers take as not known.
    pub pixel_size_angstrom: Option<f64>,
    /// How pixels are stored; every mode but 101.
    pub mode: Mode,
}

/// Writes one image stack: an MRC2014 file, little-endian, marked as images (ISPG 0).
///
/// The sections can be written in any order, from several threads. The header is written last, by
/// [`MrcWriter::finish`]: a file whose writer has died does not look like a stack.
///
/// The statistics (DMIN, DMAX, DMEAN, RMS) are set to the standard's values for "not well determined", so that a
/// file's bytes do not depend on the order in which threads fill it.
#[derive(Debug)]
pub struct MrcWriter {
    file: File,
    layout: MrcLayout,
    plan: Plan,
    next_section: u64,
    /// One bit per section that has been written.
    written: Vec<AtomicU64>,
}

/// What follows from a valid layout.
#[derive(Debug)]
struct Plan {
    header: [u8; HEADER_BYTES],
    pixels_per_section: usize,
    bytes_per_section: u64,
}

impl Plan {
    fn of(layout: &MrcLayout) -> Result<Self> {
        let header = header_of(layout)?;
        let MrcLayout { n_columns, n_rows, n_sections, mode, .. } = *layout;
        let sizes = || {
            let bytes_per_section = mode.bytes_per_section(n_columns, n_rows)?;
            let end = bytes_per_section.checked_mul(n_sections)?.checked_add(HEADER_BYTES as u64)?;
            i64::try_from(end).ok()?;
            let pixels_per_section = usize::try_from(n_columns.checked_mul(n_rows)?).ok()?;
            Some(Self { header, pixels_per_section, bytes_per_section })
        };
        sizes().ok_or_else(|| {
            unsupported(format!("{n_sections} sections of {n_columns} × {n_rows} pixels are more than a file can hold"))
        })
    }
}

impl MrcWriter {
    /// Creates the file, or empties the one that is there.
    ///
    /// # Errors
    /// As [`MrcWriter::new`]; [`FormatError::Io`] if the file can't be created.
    pub fn create(path: impl AsRef<Path>, layout: MrcLayout) -> Result<Self> {
        // Everything that can be checked is checked before an older file is lost.
        let plan = Plan::of(&layout)?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        Ok(Self::start(file, layout, plan))
    }

    /// Writes to a file that is open for writing; what is in it is lost.
    ///
    /// # Errors
    /// [`FormatError::Unsupported`] for a layout that MRC can't hold: dimensions of 0 or above 2³¹ − 1, a size beyond
    /// 2⁶³ bytes, a pixel size that is not positive and finite, mode 101. [`FormatError::Io`] if the file can't be
    /// emptied.
    pub fn new(file: File, layout: MrcLayout) -> Result<Self> {
        let plan = Plan::of(&layout)?;
        file.set_len(0)?;
        Ok(Self::start(file, layout, plan))
    }

    fn start(file: File, layout: MrcLayout, plan: Plan) -> Self {
        // At most 2³¹ sections, see `header_of`.
        let written = (0..layout.n_sections.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self { file, layout, plan, next_section: 0, written }
    }

    /// Writes the next section, `[n_rows, n_columns]`.
    ///
    /// # Errors
    /// As [`MrcWriter::write_section_at`].
    ///
    /// # Panics
    /// If `pixels` is not one section.
    pub fn write_section(&mut self, pixels: &[f32]) -> Result<()> {
        self.write_section_at(self.next_section, pixels)?;
        self.next_section += 1;
        Ok(())
    }

    /// Writes the next sections, `[count, n_rows, n_columns]`.
    ///
    /// # Errors
    /// As [`MrcWriter::write_section_at`].
    ///
    /// # Panics
    /// If `pixels` is not a whole number of sections.
    pub fn write_sections(&mut self, pixels: &[f32]) -> Result<()> {
        assert!(pixels.len().is_multiple_of(self.plan.pixels_per_section), "expected whole sections");
        pixels.chunks_exact(self.plan.pixels_per_section).try_for_each(|section| self.write_section(section))
    }

    /// Writes section number `section`, counted from 0, wherever the others are; one written before is replaced.
    ///
    /// Integer modes round to the nearest, halves to even; so does mode 12.
    ///
    /// # Errors
    /// * [`FormatError::Unsupported`]: a section past the last one, or a value that the mode can't hold (with its
    ///   place); nothing has been written then.
    /// * [`FormatError::Io`]: the file can't be written.
    ///
    /// # Panics
    /// If `pixels` is not one section.
    pub fn write_section_at(&self, section: u64, pixels: &[f32]) -> Result<()> {
        assert_eq!(pixels.len(), self.plan.pixels_per_section, "expected one section");
        if section >= self.layout.n_sections {
            let n_sections = self.layout.n_sections;
            return Err(unsupported(format!(
                "section {section} (counted from 0) is to be written, the stack is to hold {n_sections}"
            )));
        }
        // No overflow: `Plan` has checked the last section's end.
        let offset = HEADER_BYTES as u64 + section * self.plan.bytes_per_section;
        if self.layout.mode == Mode::Float32 && cfg!(target_endian = "little") {
            self.file.write_all_at(bytemuck::cast_slice(pixels), offset)?;
        } else {
            let mut bytes = Vec::with_capacity(pixels.len() * 4);
            encode::encode(self.layout.mode, section, pixels, &mut bytes)?;
            self.file.write_all_at(&bytes, offset)?;
        }
        if let Some(word) = usize::try_from(section / 64).ok().and_then(|index| self.written.get(index)) {
            word.fetch_or(1 << (section % 64), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Writes the header and returns the file, not yet synchronised with the disk.
    ///
    /// # Errors
    /// * [`FormatError::Malformed`]: sections are missing; the file has no header then.
    /// * [`FormatError::Io`]: the file can't be written.
    pub fn finish(mut self) -> Result<File> {
        let n_written: u64 = self.written.iter_mut().map(|word| u64::from(word.get_mut().count_ones())).sum();
        if n_written != self.layout.n_sections {
            return Err(FormatError::malformed(
                Place::File,
                format!("{n_written} sections were written, the stack is to hold {}", self.layout.n_sections),
            ));
        }
        self.file.write_all_at(&self.plan.header, 0)?;
        Ok(self.file)
    }
}

fn unsupported(message: String) -> FormatError {
    FormatError::unsupported(Place::File, message)
}

/// The header of a stack; refuses what its words can't say.
fn header_of(layout: &MrcLayout) -> Result<[u8; HEADER_BYTES]> {
    if layout.mode == Mode::Uint4 {
        return Err(unsupported(format!("{} is read, not written", layout.mode)));
    }
    let dimension = |n: u64, what: &str| match i32::try_from(n) {
        Ok(n) if n > 0 => Ok(n),
        _ => Err(unsupported(format!("{n} {what}, expected 1 to {}", i32::MAX))),
    };
    let (n_columns, n_rows) = (dimension(layout.n_columns, "columns")?, dimension(layout.n_rows, "rows")?);
    let n_sections = dimension(layout.n_sections, "sections")?;
    // MZ is 1 for a stack of images, so the third length is that of one section.
    let cell_angstrom = match layout.pixel_size_angstrom {
        None => [0.0; 3],
        Some(size) => {
            let cell = [n_columns, n_rows, 1].map(|n| (size * f64::from(n)) as f32);
            if !cell.iter().all(|length| *length > 0.0 && length.is_finite()) {
                return Err(unsupported(format!("a pixel size of {size} Å, expected a positive number")));
            }
            cell
        }
    };

    let mut header = [0; HEADER_BYTES];
    let mut put = |offset: usize, word: [u8; 4]| header[offset..offset + 4].copy_from_slice(&word);
    for (offset, value) in [
        (0, n_columns),
        (4, n_rows),
        (8, n_sections),
        (12, layout.mode.code()),
        // MX, MY, MZ
        (28, n_columns),
        (32, n_rows),
        (36, 1),
        // MAPC, MAPR, MAPS
        (64, 1),
        (68, 2),
        (72, 3),
        // NVERSION, NLABL
        (108, 20140),
        (220, 1),
    ] {
        put(offset, value.to_le_bytes());
    }
    for (offset, value) in [
        (40, cell_angstrom[0]),
        (44, cell_angstrom[1]),
        (48, cell_angstrom[2]),
        // Cell angles
        (52, 90.0),
        (56, 90.0),
        (60, 90.0),
        // DMIN, DMAX, DMEAN, RMS: DMAX < DMIN, DMEAN below both and RMS < 0 mean that they are not determined.
        (76, 0.0),
        (80, -1.0),
        (84, -2.0),
        (216, -1.0_f32),
    ] {
        put(offset, value.to_le_bytes());
    }
    put(208, *b"MAP ");
    put(212, [0x44, 0x44, 0, 0]);
    let label = &mut header[224..304];
    label.fill(b' ');
    label[..LABEL.len()].copy_from_slice(LABEL);
    Ok(header)
}
