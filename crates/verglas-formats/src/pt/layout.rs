//! The position of everything in a written `.pt`, so that its values can be written in any order.

use std::io::Write;

use num_complex::Complex;

use super::pickle::pickle_tensor;
use super::tensor::{ElementType, MAX_AXES, checked_values};
use crate::error::{FormatError, Place, Result};
use crate::zip::{EntryRecord, end_records};

/// The type of the values of a tensor that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PtDtype {
    /// `torch.float32`: physical images.
    Float32,
    /// `torch.float64`: log-likelihoods.
    Float64,
    /// `torch.int64`: places of templates.
    Int64,
    /// `torch.complex64`: Fourier images in single precision.
    Complex64,
    /// `torch.complex128`: Fourier images in double precision.
    Complex128,
}

impl PtDtype {
    /// Bytes of one value.
    pub const fn bytes(self) -> u64 {
        self.element_type().bytes()
    }

    /// The same type as readers name it.
    pub const fn element_type(self) -> ElementType {
        match self {
            Self::Float32 => ElementType::Float32,
            Self::Float64 => ElementType::Float64,
            Self::Int64 => ElementType::Int64,
            Self::Complex64 => ElementType::Complex64,
            Self::Complex128 => ElementType::Complex128,
        }
    }
}

/// The layout of the `.pt` file of one contiguous tensor: what comes before its values, and what after.
///
/// The values, little-endian, last axis fastest, begin at [`PtLayout::DATA_OFFSET`] whatever the shape. So a file can be
/// given its length first, filled from several threads in any order, and get its prefix and suffix last, when the CRC
/// of the values is known; and a stack that turns out shorter keeps its values where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PtLayout {
    dtype: PtDtype,
    shape: Vec<u64>,
    n_values: u64,
}

/// The archive's folder. Any name is allowed; `torch.save` uses this one when it does not know the file's.
const DESCRIPTION: &str = "archive/data.pkl";
const BYTE_ORDER: &str = "archive/byteorder";
const VALUES: &str = "archive/data/0";
const VERSION: &str = "archive/version";

impl PtLayout {
    /// Where the values begin, in bytes: a multiple of 64, and past the headers of any shape.
    pub const DATA_OFFSET: u64 = 1024;

    /// The layout of a tensor of `shape`.
    ///
    /// # Errors
    /// [`FormatError::Unsupported`] for more than [`MAX_AXES`] axes, [`FormatError::Malformed`] for a size that overflows.
    pub fn new(dtype: PtDtype, shape: &[u64]) -> Result<Self> {
        if shape.len() > MAX_AXES {
            let message = format!("a tensor of {} axes, the limit is {MAX_AXES}", shape.len());
            return Err(FormatError::unsupported(Place::File, message));
        }
        // A margin for all headers, so that no sum below overflows.
        let n_values = checked_values(dtype.element_type(), shape)
            .filter(|&n| n <= (i64::MAX as u64 - 2 * Self::DATA_OFFSET) / dtype.bytes());
        let n_values = n_values.ok_or_else(|| {
            let message = format!("a tensor of shape {shape:?} is larger than a file can be");
            FormatError::malformed(Place::File, message)
        })?;
        Ok(Self { dtype, shape: shape.to_vec(), n_values })
    }

    /// The type of the values.
    pub fn dtype(&self) -> PtDtype {
        self.dtype
    }

    /// The extent of each axis.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Bytes of all values.
    pub fn data_bytes(&self) -> u64 {
        self.n_values * self.dtype.bytes()
    }

    /// Bytes of the whole file.
    pub fn file_bytes(&self) -> u64 {
        Self::DATA_OFFSET + self.data_bytes() + self.suffix(0).len() as u64
    }

    /// The bytes before the values: [`PtLayout::DATA_OFFSET`] of them.
    ///
    /// `data_crc32` is the CRC-32 of all the values' bytes.
    pub fn prefix(&self, data_crc32: u32) -> Vec<u8> {
        let description = self.description();
        let [description_entry, byte_order_entry, values_entry] = self.leading_entries(&description, data_crc32);
        let mut prefix = description_entry.local_header();
        prefix.extend(description);
        prefix.extend(byte_order_entry.local_header());
        prefix.extend(b"little");
        prefix.extend(values_entry.local_header_up_to(Self::DATA_OFFSET));
        prefix
    }

    /// The bytes after the values.
    ///
    /// `data_crc32` is the CRC-32 of all the values' bytes.
    pub fn suffix(&self, data_crc32: u32) -> Vec<u8> {
        /// The version of PyTorch's file format, as of its first release with ZIP archives.
        const FORMAT_VERSION: &[u8] = b"3\n";
        let start = Self::DATA_OFFSET + self.data_bytes();
        let version = record(VERSION, FORMAT_VERSION, start);
        let mut suffix = version.local_header();
        suffix.extend(FORMAT_VERSION);

        let directory_offset = start + suffix.len() as u64;
        let leading = self.leading_entries(&self.description(), data_crc32);
        for entry in leading.iter().chain([&version]) {
            suffix.extend(entry.central_header());
        }
        let directory_bytes = start + suffix.len() as u64 - directory_offset;
        suffix.extend(end_records(leading.len() as u64 + 1, directory_offset, directory_bytes));
        suffix
    }

    fn description(&self) -> Vec<u8> {
        pickle_tensor(self.dtype.element_type(), &self.shape, self.n_values)
    }

    fn leading_entries(&self, description: &[u8], data_crc32: u32) -> [EntryRecord; 3] {
        let first = record(DESCRIPTION, description, 0);
        let second = record(BYTE_ORDER, b"little", end_of(&first));
        let third = EntryRecord {
            name: VALUES.to_owned(),
            crc32: data_crc32,
            size_bytes: self.data_bytes(),
            header_offset: end_of(&second),
        };
        [first, second, third]
    }
}

fn record(name: &str, bytes: &[u8], header_offset: u64) -> EntryRecord {
    let (crc32, size_bytes) = (crc32fast::hash(bytes), bytes.len() as u64);
    EntryRecord { name: name.to_owned(), crc32, size_bytes, header_offset }
}

fn end_of(entry: &EntryRecord) -> u64 {
    entry.header_offset + entry.local_header().len() as u64 + entry.size_bytes
}

/// A type whose values can be written to a `.pt`.
pub trait PtElement: Copy + sealed::Sealed {
    /// The tensor's type.
    const DTYPE: PtDtype;
}

impl PtElement for f32 {
    const DTYPE: PtDtype = PtDtype::Float32;
}

impl PtElement for f64 {
    const DTYPE: PtDtype = PtDtype::Float64;
}

impl PtElement for i64 {
    const DTYPE: PtDtype = PtDtype::Int64;
}

impl PtElement for Complex<f32> {
    const DTYPE: PtDtype = PtDtype::Complex64;
}

impl PtElement for Complex<f64> {
    const DTYPE: PtDtype = PtDtype::Complex128;
}

mod sealed {
    use num_complex::Complex;

    /// How a value becomes bytes; closed, as the types of a `.pt` are.
    pub trait Sealed: Sized {
        fn push_le(self, bytes: &mut Vec<u8>);
    }

    impl Sealed for f32 {
        fn push_le(self, bytes: &mut Vec<u8>) {
            bytes.extend(self.to_le_bytes());
        }
    }

    impl Sealed for f64 {
        fn push_le(self, bytes: &mut Vec<u8>) {
            bytes.extend(self.to_le_bytes());
        }
    }

    impl Sealed for i64 {
        fn push_le(self, bytes: &mut Vec<u8>) {
            bytes.extend(self.to_le_bytes());
        }
    }

    impl Sealed for Complex<f32> {
        fn push_le(self, bytes: &mut Vec<u8>) {
            bytes.extend(self.re.to_le_bytes());
            bytes.extend(self.im.to_le_bytes());
        }
    }

    impl Sealed for Complex<f64> {
        fn push_le(self, bytes: &mut Vec<u8>) {
            bytes.extend(self.re.to_le_bytes());
            bytes.extend(self.im.to_le_bytes());
        }
    }
}

/// Writes the `.pt` file of a tensor that is in memory, last axis fastest.
///
/// # Errors
/// As [`PtLayout::new`]; a shape that holds another number of values; what the writer reports.
pub fn write_pt<W: Write, T: PtElement>(mut writer: W, shape: &[u64], values: &[T]) -> Result<()> {
    /// Values that are turned into bytes at a time.
    const BLOCK: usize = 4096;
    let layout = PtLayout::new(T::DTYPE, shape)?;
    if layout.n_values != values.len() as u64 {
        let message = format!("the shape {shape:?} holds {} values, {} are given", layout.n_values, values.len());
        return Err(FormatError::malformed(Place::File, message));
    }
    let mut bytes = Vec::new();
    let mut each_block = |consume: &mut dyn FnMut(&[u8]) -> std::io::Result<()>| {
        values.chunks(BLOCK).try_for_each(|block| {
            bytes.clear();
            block.iter().for_each(|value| value.push_le(&mut bytes));
            consume(&bytes)
        })
    };
    let mut crc = crc32fast::Hasher::new();
    each_block(&mut |bytes| {
        crc.update(bytes);
        Ok(())
    })?;
    let data_crc32 = crc.finalize();
    writer.write_all(&layout.prefix(data_crc32))?;
    each_block(&mut |bytes| writer.write_all(bytes))?;
    writer.write_all(&layout.suffix(data_crc32))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_headers_fit_before_the_values() {
        // The largest shape with the most axes: zip64 sizes and 8-byte integers throughout.
        let mut shape = [1; MAX_AXES];
        shape[0] = 1 << 58;
        let layout = PtLayout::new(PtDtype::Complex64, &shape).unwrap();
        assert_eq!(layout.prefix(1).len() as u64, PtLayout::DATA_OFFSET);
        shape.reverse();
        assert_eq!(PtLayout::new(PtDtype::Complex64, &shape).unwrap().prefix(1).len() as u64, PtLayout::DATA_OFFSET);
        for shape in [&[][..], &[0], &[0, 1 << 40, 1 << 10], &[5, 3, 4]] {
            let layout = PtLayout::new(PtDtype::Float32, shape).unwrap();
            assert_eq!(layout.prefix(7).len() as u64, PtLayout::DATA_OFFSET);
            assert_eq!(
                layout.file_bytes(),
                PtLayout::DATA_OFFSET + layout.data_bytes() + layout.suffix(7).len() as u64
            );
        }
    }

    #[test]
    fn refuses_sizes_that_overflow() {
        for shape in [&[u64::MAX][..], &[1 << 32, 1 << 32], &[0, 1 << 40, 1 << 40], &[i64::MAX as u64 / 4]] {
            assert!(PtLayout::new(PtDtype::Float32, shape).is_err(), "{shape:?}");
        }
        assert!(PtLayout::new(PtDtype::Float32, &[1; MAX_AXES + 1]).is_err());
        assert!(write_pt(Vec::new(), &[2], &[1.0f32]).is_err());
    }
}
