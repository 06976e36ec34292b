//! DCD: positions as single precision numbers in Å, in records as Fortran writes them.
//!
//! Each record is between two copies of its length, of 4 bytes (8 in files of some compilers), in the byte order of
//! the machine that wrote it. Records: 84 bytes of `CORD` and twenty whole numbers; titles; the number of atoms; if
//! some atoms are fixed, the numbers of the others. Then each frame: the cell (48 bytes), if there is one; all x; all y;
//! all z; a fourth coordinate, if there is one. Of fixed atoms only the first frame has positions. Source: VMD's
//! `dcdplugin.c`, which NAMD and mdtraj use, too.

use super::bytes::{Bytes, MAX_ATOMS};
use crate::error::{FormatError, Place, Result};

const HEADER_RECORD_BYTES: u64 = 84;
/// Places among the twenty whole numbers.
const N_FRAMES: u64 = 0;
const N_FIXED: u64 = 8;
const HAS_CELL: u64 = 10;
const HAS_FOURTH: u64 = 11;
/// 0 in X-PLOR's files, in which the two above mean nothing.
const CHARMM_VERSION: u64 = 19;

/// Where the frames are.
#[derive(Debug)]
pub(super) struct Dcd {
    records: Records,
    n_atoms: usize,
    /// The numbers from 0 of the atoms that move, if some do not.
    free_atoms: Option<Vec<usize>>,
    has_cell: bool,
    has_fourth: bool,
    first_frame: u64,
    first_frame_bytes: u64,
    frame_bytes: u64,
    n_frames: usize,
}

/// How records and numbers are written.
#[derive(Debug, Clone, Copy)]
struct Records {
    is_big_endian: bool,
    marker_bytes: u64,
}

impl Records {
    /// From the first record, whose length is known.
    fn recognize(start: &[u8; 12]) -> Option<Self> {
        [4, 8].into_iter().find_map(|marker_bytes: u64| {
            let (marker, rest) = start.split_at(marker_bytes as usize);
            let has_cord = rest.starts_with(b"CORD");
            let is = |is_big_endian: bool| {
                let records = Self { is_big_endian, marker_bytes };
                (has_cord && records.whole(marker) == HEADER_RECORD_BYTES).then_some(records)
            };
            is(false).or_else(|| is(true))
        })
    }

    /// A length of four or eight bytes.
    fn whole(self, bytes: &[u8]) -> u64 {
        let each = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        if self.is_big_endian { bytes.iter().fold(0, each) } else { bytes.iter().rev().fold(0, each) }
    }

    fn int(self, bytes: [u8; 4]) -> i32 {
        (self.whole(&bytes) as u32).cast_signed()
    }

    /// The length of the record at `offset`, and that it ends with the same length; `None` past the file's end.
    fn length(self, file: &Bytes, offset: u64) -> Result<Option<u64>> {
        let marker = |at: u64| -> Result<u64> { Ok(self.whole(&file.vec(at, self.marker_bytes)?)) };
        if offset.checked_add(self.marker_bytes).is_none_or(|end| end > file.n_bytes) {
            return Ok(None);
        }
        let n_bytes = marker(offset)?;
        let end = self.end(offset, n_bytes).filter(|end| *end <= file.n_bytes);
        let Some(end) = end else { return Ok(None) };
        let again = marker(end - self.marker_bytes)?;
        if again != n_bytes {
            return Err(FormatError::malformed(
                Place::Byte(offset),
                format!("the record starts with a length of {n_bytes} bytes and ends with {again}"),
            ));
        }
        Ok(Some(n_bytes))
    }

    /// Where a record of this length at `offset` ends.
    fn end(self, offset: u64, n_bytes: u64) -> Option<u64> {
        offset.checked_add(n_bytes)?.checked_add(2 * self.marker_bytes)
    }
}

impl Dcd {
    /// Reads the header and counts the frames by the file's length.
    pub(super) fn open(file: &Bytes, warnings: &mut Vec<String>) -> Result<Self> {
        let malformed = |offset: u64, message: String| FormatError::malformed(Place::Byte(offset), message);
        let records =
            (file.n_bytes >= 12).then(|| file.array(0)).transpose()?.and_then(|start| Records::recognize(&start));
        let records = records.ok_or_else(|| {
            FormatError::malformed(Place::File, "neither an XTC nor a DCD trajectory, by its first bytes")
        })?;
        let header_end = || malformed(0, "the file ends within the header".into());
        records.length(file, 0)?.ok_or_else(header_end)?;
        let number = |place: u64| -> Result<i32> { Ok(records.int(file.array(records.marker_bytes + 4 + 4 * place)?)) };
        let is_charmm = number(CHARMM_VERSION)? != 0;
        let has_cell = is_charmm && number(HAS_CELL)? != 0;
        let has_fourth = is_charmm && number(HAS_FOURTH)? == 1;

        let titles = records.end(0, HEADER_RECORD_BYTES).ok_or_else(header_end)?;
        let title_bytes = records.length(file, titles)?.ok_or_else(header_end)?;
        let count = records.end(titles, title_bytes).ok_or_else(header_end)?;
        if records.length(file, count)?.ok_or_else(header_end)? != 4 {
            return Err(malformed(count, "expected a record of 4 bytes, the number of atoms".into()));
        }
        let n_atoms = records.int(file.array(count + records.marker_bytes)?);
        let n_fixed = number(N_FIXED)?;
        let (Ok(n_atoms), Ok(n_fixed)) = (u64::try_from(n_atoms), u64::try_from(n_fixed)) else {
            return Err(malformed(count, format!("the header counts {n_atoms} atoms, {n_fixed} of them fixed")));
        };
        if n_atoms == 0 || n_fixed > n_atoms || n_atoms > MAX_ATOMS {
            return Err(malformed(count, format!("the header counts {n_atoms} atoms, {n_fixed} of them fixed")));
        }
        let mut first_frame = records.end(count, 4).ok_or_else(header_end)?;
        let mut free_atoms = None;
        if n_fixed > 0 {
            let n_bytes = records.length(file, first_frame)?.ok_or_else(header_end)?;
            free_atoms = Some(read_free_atoms(file, records, first_frame, n_bytes, n_atoms, n_fixed)?);
            first_frame = records.end(first_frame, n_bytes).ok_or_else(header_end)?;
        }

        let frame_bytes = |n_atoms: u64| {
            let axis = 4 * n_atoms + 2 * records.marker_bytes;
            let cell = if has_cell { 48 + 2 * records.marker_bytes } else { 0 };
            cell + axis * if has_fourth { 4 } else { 3 }
        };
        let (first_frame_bytes, later_bytes) = (frame_bytes(n_atoms), frame_bytes(n_atoms - n_fixed));
        let n_data = file.n_bytes.saturating_sub(first_frame);
        let Some(n_after_first) = n_data.checked_sub(first_frame_bytes) else {
            let message = format!("a frame of {n_atoms} atoms takes {first_frame_bytes} bytes, found {n_data}");
            return Err(malformed(first_frame, message).with_hint("was the file cut while copying?"));
        };
        let n_frames = 1 + n_after_first / later_bytes;
        if n_after_first % later_bytes != 0 {
            warnings.push(format!("the file ends within frame {n_frames} (counted from 0), which is not read"));
        }
        let n_claimed = number(N_FRAMES)?;
        // 0: the program was stopped before it wrote the number.
        if n_claimed != 0 && u64::try_from(n_claimed) != Ok(n_frames) {
            warnings.push(format!("the header counts {n_claimed} frames, the file holds {n_frames}"));
        }
        let too_large = |_| malformed(0, "the trajectory is too large for this machine".into());
        Ok(Self {
            records,
            n_atoms: usize::try_from(n_atoms).map_err(too_large)?,
            free_atoms,
            has_cell,
            has_fourth,
            first_frame,
            first_frame_bytes,
            frame_bytes: later_bytes,
            n_frames: usize::try_from(n_frames).map_err(too_large)?,
        })
    }

    pub(super) fn n_frames(&self) -> usize {
        self.n_frames
    }

    pub(super) fn n_atoms(&self) -> usize {
        self.n_atoms
    }

    pub(super) fn read_frame(&self, file: &Bytes, frame: usize) -> Result<Vec<[f64; 3]>> {
        let mut positions = vec![[0.0; 3]; self.n_atoms];
        let free_atoms = self.free_atoms.as_deref();
        if frame == 0 || free_atoms.is_some() {
            self.read_axes(file, 0, None, &mut positions)?;
        }
        if frame > 0 {
            self.read_axes(file, frame, free_atoms, &mut positions)?;
        }
        Ok(positions)
    }

    /// Reads x, y and z of the atoms in `atoms`, or of all.
    fn read_axes(&self, file: &Bytes, frame: usize, atoms: Option<&[usize]>, positions: &mut [[f64; 3]]) -> Result<()> {
        let mut offset = match frame {
            0 => self.first_frame,
            // Within the file, as `open` has counted.
            later => self.first_frame + self.first_frame_bytes + (later as u64 - 1) * self.frame_bytes,
        };
        let expect = |offset: u64, n_bytes: u64| match self.records.length(file, offset)? {
            Some(found) if found == n_bytes => Ok(()),
            found => {
                let found = found.map_or_else(|| "the end of the file".to_owned(), |n| format!("one of {n} bytes"));
                let message = format!("frame {frame} (from 0): expected a record of {n_bytes} bytes, found {found}");
                Err(FormatError::malformed(Place::Byte(offset), message))
            }
        };
        if self.has_cell {
            expect(offset, 48)?;
            offset += 48 + 2 * self.records.marker_bytes;
        }
        let n_atoms = atoms.map_or(self.n_atoms, <[usize]>::len);
        let n_bytes = 4 * n_atoms as u64;
        let set_axis: [fn(&mut [f64; 3], f64); 3] = [|p, x| p[0] = x, |p, y| p[1] = y, |p, z| p[2] = z];
        for set in set_axis {
            expect(offset, n_bytes)?;
            let bytes = file.vec(offset + self.records.marker_bytes, n_bytes)?;
            for (n, bytes) in bytes.as_chunks().0.iter().enumerate() {
                let atom = atoms.map_or(n, |atoms| atoms[n]);
                set(&mut positions[atom], f32::from_bits(self.records.int(*bytes).cast_unsigned()).into());
            }
            offset += n_bytes + 2 * self.records.marker_bytes;
        }
        if self.has_fourth {
            expect(offset, n_bytes)?;
        }
        Ok(())
    }
}

/// The numbers of the atoms that move, from 1 in the file.
fn read_free_atoms(
    file: &Bytes,
    records: Records,
    offset: u64,
    n_bytes: u64,
    n_atoms: u64,
    n_fixed: u64,
) -> Result<Vec<usize>> {
    let malformed = |message: String| FormatError::malformed(Place::Byte(offset), message);
    if n_bytes != 4 * (n_atoms - n_fixed) {
        let n_free = n_atoms - n_fixed;
        return Err(malformed(format!("the list of the {n_free} atoms that move has {n_bytes} bytes")));
    }
    let bytes = file.vec(offset + records.marker_bytes, n_bytes)?;
    let numbers = bytes.as_chunks().0.iter().map(|bytes| records.int(*bytes));
    numbers
        .map(|number| match u64::try_from(number) {
            Ok(number) if (1..=n_atoms).contains(&number) => Ok(number as usize - 1),
            _ => Err(malformed(format!("atom {number} is listed among those that move, there are {n_atoms}"))),
        })
        .collect()
}
