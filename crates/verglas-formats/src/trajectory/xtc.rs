//! XTC: positions as whole numbers, packed. Everything is big-endian (XDR).
//!
//! A frame is: the magic number 1995 (2023 for very large frames), the number of atoms, step, time (ps), nine numbers
//! of the box (nm), the number of atoms again; up to nine atoms as single precision numbers (nm), more as: precision
//! (1/nm), lowest and highest whole number of each axis, the index of the small size, the number of bytes (8 bytes long
//! under 2023), the bytes, filled up to a multiple of four. Source: xdr3dfcoord of GROMACS's `libxdrf.cpp`, whose
//! arithmetic is followed here, wrapping included.

use super::bits::{Bits, bits_of, bits_of_triple};
use super::bytes::{Bytes, MAX_ATOMS};
use crate::error::{FormatError, Place, Result};

const MAGIC: i32 = 1995;
const MAGIC_LARGE: i32 = 2023;
/// Bytes before the positions, the second number of atoms among them.
const HEADER_BYTES: u64 = 56;
/// Frames of up to as many atoms are not packed.
const MAX_UNPACKED_ATOMS: usize = 9;
/// Precision, ranges and the small size's index.
const PRELUDE_BYTES: u64 = 32;
/// Numbers below each size take a third of their index in bits: 2^(index/3).
const SIZES: [i32; 73] = [
    0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 10, 12, 16, 20, 25, 32, 40, 50, 64, 80, 101, 128, 161, 203, 256, 322, 406, 512, 645,
    812, 1024, 1290, 1625, 2048, 2580, 3250, 4096, 5060, 6501, 8192, 10321, 13003, 16384, 20642, 26007, 32768, 41285,
    52015, 65536, 82570, 104031, 131072, 165140, 208063, 262144, 330280, 416127, 524287, 660561, 832255, 1048576,
    1321122, 1664510, 2097152, 2642245, 3329021, 4194304, 5284491, 6658042, 8388607, 10568983, 13316085, 16777216,
];
const FIRST_SIZE: usize = 9;
/// Larger ranges are not packed together.
const MAX_PACKED_SIZE: u32 = 0x00ff_ffff;
/// An atom takes at least two bits: one for its place and one that says whether a run follows. Within a run of up to
/// ten it takes more.
const MAX_ATOMS_PER_BYTE: u64 = 4;

/// Where the frames are.
#[derive(Debug)]
pub(super) struct Xtc {
    n_atoms: usize,
    offsets: Vec<u64>,
}

/// Whether a file starts as an XTC does.
pub(super) fn is_xtc(file: &Bytes) -> Result<bool> {
    Ok(file.n_bytes >= 4 && matches!(int(&file.array::<4>(0)?), MAGIC | MAGIC_LARGE))
}

fn int(bytes: &[u8]) -> i32 {
    bytes.first_chunk().map_or(0, |bytes| i32::from_be_bytes(*bytes))
}

fn float(bytes: &[u8]) -> f32 {
    f32::from_bits(int(bytes).cast_unsigned())
}

/// The part of a frame that says how long it is.
struct Layout {
    n_atoms: usize,
    is_large: bool,
    /// Of the packed positions; 0 where they are not packed.
    n_packed_bytes: u64,
    /// Where the next frame starts.
    end: u64,
}

impl Layout {
    /// `None` if the file ends within the frame at `offset`.
    fn read(file: &Bytes, offset: u64) -> Result<Option<Self>> {
        let has = |end: Option<u64>| end.is_some_and(|end| end <= file.n_bytes);
        if !has(offset.checked_add(HEADER_BYTES)) {
            return Ok(None);
        }
        let header = file.array::<{ HEADER_BYTES as usize }>(offset)?;
        let malformed = |message: String| FormatError::malformed(Place::Byte(offset), message);
        let magic = int(&header);
        if !matches!(magic, MAGIC | MAGIC_LARGE) {
            return Err(malformed(format!("an XTC frame starts with {MAGIC} or {MAGIC_LARGE}, found {magic}")));
        }
        let is_large = magic == MAGIC_LARGE;
        let counts = [int(&header[4..]), int(&header[52..])];
        let [n_atoms, again] = counts;
        if n_atoms != again || n_atoms < 1 {
            return Err(malformed(format!(
                "the frame counts {n_atoms} and {again} atoms, expected one number above 0"
            )));
        }
        let n_atoms = n_atoms.cast_unsigned() as usize;
        let start = offset + HEADER_BYTES;
        if n_atoms <= MAX_UNPACKED_ATOMS {
            let end = start + 12 * n_atoms as u64;
            return Ok(has(Some(end)).then_some(Self { n_atoms, is_large, n_packed_bytes: 0, end }));
        }
        let length_bytes = if is_large { 8 } else { 4 };
        let Some(data) = start.checked_add(PRELUDE_BYTES + length_bytes).filter(|data| has(Some(*data))) else {
            return Ok(None);
        };
        let n_packed_bytes = match is_large {
            true => u64::from_be_bytes(file.array(data - 8)?),
            false => u64::from(u32::from_be_bytes(file.array(data - 4)?)),
        };
        let n_filled_up = n_packed_bytes.checked_next_multiple_of(4);
        let Some(end) = n_filled_up.and_then(|n| data.checked_add(n)).filter(|end| has(Some(*end))) else {
            return Ok(None);
        };
        if n_atoms as u64 > MAX_ATOMS.min(n_packed_bytes.saturating_mul(MAX_ATOMS_PER_BYTE)) {
            return Err(malformed(format!("{n_atoms} atoms can't be packed into {n_packed_bytes} bytes")));
        }
        Ok(Some(Self { n_atoms, is_large, n_packed_bytes, end }))
    }
}

impl Xtc {
    /// Looks through the file.
    pub(super) fn open(file: &Bytes, warnings: &mut Vec<String>) -> Result<Self> {
        let mut offsets = Vec::new();
        let mut offset = 0;
        let mut n_atoms = 0;
        while offset < file.n_bytes {
            let Some(layout) = Layout::read(file, offset)? else {
                if offsets.is_empty() {
                    let message = format!("the file ends within its first frame, after {} bytes", file.n_bytes);
                    return Err(
                        FormatError::malformed(Place::File, message).with_hint("was the file cut while copying?")
                    );
                }
                warnings
                    .push(format!("the file ends within frame {} (counted from 0), which is not read", offsets.len()));
                break;
            };
            if offsets.is_empty() {
                n_atoms = layout.n_atoms;
            } else if layout.n_atoms != n_atoms {
                return Err(FormatError::malformed(
                    Place::Byte(offset),
                    format!("frame {} has {} atoms, the frames before it {n_atoms}", offsets.len(), layout.n_atoms),
                ));
            }
            offsets.push(offset);
            offset = layout.end;
        }
        Ok(Self { n_atoms, offsets })
    }

    pub(super) fn n_frames(&self) -> usize {
        self.offsets.len()
    }

    pub(super) fn n_atoms(&self) -> usize {
        self.n_atoms
    }

    pub(super) fn read_frame(&self, file: &Bytes, frame: usize) -> Result<Vec<[f64; 3]>> {
        let offset = self.offsets[frame];
        let cut = || FormatError::malformed(Place::Byte(offset), "the file has changed since it was opened");
        let layout = Layout::read(file, offset)?.filter(|layout| layout.n_atoms == self.n_atoms).ok_or_else(cut)?;
        let start = offset + HEADER_BYTES;
        if layout.n_packed_bytes == 0 {
            let bytes = file.vec(start, 12 * self.n_atoms as u64)?;
            let position = |bytes: &[u8; 12]| [0, 4, 8].map(|at| f64::from(float(&bytes[at..])) * 10.0);
            return Ok(bytes.as_chunks().0.iter().map(position).collect());
        }
        let prelude = file.array::<{ PRELUDE_BYTES as usize }>(start)?;
        let packed = file.vec(start + PRELUDE_BYTES + if layout.is_large { 8 } else { 4 }, layout.n_packed_bytes)?;
        unpack(&prelude, &packed, self.n_atoms)
            .map_err(|what| FormatError::malformed(Place::Byte(start), format!("frame {frame} (from 0): {what}")))
    }
}

/// Unpacks the positions of `n_atoms` atoms, in Å.
fn unpack(prelude: &[u8], packed: &[u8], n_atoms: usize) -> std::result::Result<Vec<[f64; 3]>, String> {
    let precision = f64::from(float(prelude));
    if !(precision.is_finite() && precision > 0.0) {
        return Err(format!("the precision is {precision}, expected a number above 0"));
    }
    let lowest: [i32; 3] = std::array::from_fn(|axis| int(&prelude[4 + 4 * axis..]));
    let highest: [i32; 3] = std::array::from_fn(|axis| int(&prelude[16 + 4 * axis..]));
    let mut ranges = [0; 3];
    for axis in 0..3 {
        let range = i64::from(highest[axis]) - i64::from(lowest[axis]) + 1;
        ranges[axis] = u32::try_from(range)
            .ok()
            .filter(|range| *range > 0)
            .ok_or_else(|| format!("the lowest number is {}, the highest {}: no range", lowest[axis], highest[axis]))?;
    }
    let too_wide = ranges.iter().fold(0, |all, range| all | range) > MAX_PACKED_SIZE;
    let n_bits = bits_of_triple(ranges);

    let size = |index: usize| {
        SIZES.get(index).copied().filter(|size| *size > 0).ok_or_else(|| format!("there is no small size {index}"))
    };
    let mut index = usize::try_from(int(&prelude[28..])).unwrap_or(usize::MAX);
    let mut small = size(index)? / 2;
    let mut smaller = size((index - 1).max(FIRST_SIZE))? / 2;
    let mut bits = Bits::new(packed);
    let mut positions: Vec<[f64; 3]> = Vec::with_capacity(n_atoms);
    let mut run = 0;
    let ends = || "the packed positions end too early".to_owned();
    while positions.len() < n_atoms {
        let large = match too_wide {
            true => {
                let mut each = [0; 3];
                for axis in 0..3 {
                    each[axis] = bits.number(bits_of(ranges[axis])).ok_or_else(ends)?;
                }
                each
            }
            false => bits.triple(n_bits, ranges).ok_or_else(ends)?,
        };
        let mut previous: [i32; 3] = std::array::from_fn(|axis| lowest[axis].wrapping_add(large[axis].cast_signed()));
        let mut change = 0;
        if bits.number(1).ok_or_else(ends)? == 1 {
            // The number of small steps times three, and whether the size of steps shrinks or grows after them.
            let both = bits.number(5).ok_or_else(ends)?;
            change = (both % 3) as i32 - 1;
            run = both / 3;
        }
        let in_angstrom = |place: [i32; 3]| place.map(|x| f64::from(x) * 10.0 / precision);
        if run > 0 && positions.len() + run as usize + 1 > n_atoms {
            return Err(format!("a run of {run} steps goes past the last of {n_atoms} atoms"));
        }
        let first = previous;
        for step in 0..run {
            let sizes = [size(index)?.cast_unsigned(); 3];
            let steps = bits.triple(index as u32, sizes).ok_or_else(ends)?;
            let next =
                std::array::from_fn(|axis| previous[axis].wrapping_add(steps[axis].cast_signed()).wrapping_sub(small));
            positions.push(in_angstrom(next));
            if step == 0 {
                // The first two atoms of a run are exchanged, for water packs better as hydrogen, oxygen, hydrogen.
                positions.push(in_angstrom(first));
            }
            previous = next;
        }
        if run == 0 {
            positions.push(in_angstrom(first));
        }
        match change {
            -1 => {
                index -= 1;
                small = smaller;
                smaller = if index > FIRST_SIZE { size(index - 1)? / 2 } else { 0 };
            }
            1 => {
                index += 1;
                smaller = small;
                small = size(index)? / 2;
            }
            _ => {}
        }
        size(index)?;
    }
    Ok(positions)
}
