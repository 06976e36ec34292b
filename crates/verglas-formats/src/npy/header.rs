//! The header of a `.npy` file: what the items are, and how many.

use std::io::Read;

use super::dtype::{Dtype, MAX_AXES, tuple_literal};
use super::literal::{Literal, parse_literal};
use crate::error::{FormatError, Place, Result};

/// The first bytes of a `.npy` file.
pub const NPY_MAGIC: [u8; 6] = *b"\x93NUMPY";

/// The longest header that is read. CryoSPARC's take some kilobytes.
pub const MAX_HEADER_BYTES: u64 = 16 << 20;

/// Data begin at a multiple of this, as in NumPy's own files.
const ALIGNMENT: usize = 64;

/// Items without bytes (`<U0`) take no room in the file; more of them than this are refused, since each takes memory.
const MAX_EMPTY_ITEMS: u64 = 1 << 16;

/// The header of a `.npy` file (NumPy's format versions 1.0, 2.0 and 3.0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NpyHeader {
    dtype: Dtype,
    fortran_order: bool,
    shape: Vec<u64>,
    n_items: u64,
    data_bytes: u64,
    header_bytes: u64,
}

impl NpyHeader {
    /// Describes an array of `shape`, in C order.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] if its size in bytes overflows.
    pub fn new(dtype: Dtype, shape: &[u64]) -> Result<Self> {
        Self::checked(dtype, false, shape.to_vec(), 0)
    }

    /// Reads the header at the start of `reader`, which holds `len` bytes in all, and leaves it at the data.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] for bytes that are not a `.npy` header, for one that is cut or longer than
    /// [`MAX_HEADER_BYTES`], and for sizes that overflow; [`FormatError::Unsupported`] for versions other than 1.0 to
    /// 3.0. How many bytes of data follow is not compared here.
    pub fn read<R: Read>(reader: &mut R, len: u64) -> Result<Self> {
        let cut = || FormatError::malformed(Place::File, format!("the array's header is cut: {len} bytes in all"));
        let mut start = [0; 8];
        if len < start.len() as u64 {
            return Err(cut());
        }
        reader.read_exact(&mut start)?;
        if start[..6] != NPY_MAGIC {
            return Err(FormatError::malformed(
                Place::Byte(0),
                "not a NumPy array: the file does not begin with \\x93NUMPY",
            ));
        }
        let (major, minor) = (start[6], start[7]);
        let (length_bytes, is_utf8) = match (major, minor) {
            (1, 0) => (2, false),
            (2, 0) => (4, false),
            (3, 0) => (4, true),
            _ => {
                let message = format!("version {major}.{minor} of NumPy's array format, expected 1.0 to 3.0");
                return Err(FormatError::unsupported(Place::Byte(6), message));
            }
        };
        let text_offset = 8 + length_bytes as u64;
        if len < text_offset {
            return Err(cut());
        }
        let mut length = [0; 4];
        reader.read_exact(&mut length[..length_bytes])?;
        let text_bytes = u64::from(u32::from_le_bytes(length));
        if text_bytes > MAX_HEADER_BYTES {
            let message = format!("a header of {text_bytes} bytes, the limit is {MAX_HEADER_BYTES}");
            return Err(FormatError::malformed(Place::Byte(8), message));
        }
        let header_bytes = text_offset + text_bytes;
        if len < header_bytes {
            return Err(cut());
        }
        let mut text = vec![0; text_bytes as usize];
        reader.read_exact(&mut text)?;
        let text = match is_utf8 {
            true => String::from_utf8(text)
                .map_err(|_| FormatError::malformed(Place::Byte(text_offset), "the array's header is not UTF-8"))?,
            // Latin-1: each byte is a code point.
            false => text.into_iter().map(char::from).collect(),
        };
        Self::parse(&text, text_offset, header_bytes)
    }

    /// The header's bytes, as NumPy writes them: the lowest version that can hold it, padded to a multiple of 64.
    pub fn to_bytes(&self) -> Vec<u8> {
        let order = if self.fortran_order { "True" } else { "False" };
        let shape = tuple_literal(&self.shape);
        let dtype = self.dtype.to_literal();
        let mut text = format!("{{'descr': {dtype}, 'fortran_order': {order}, 'shape': {shape}, }}");
        let padded = |text: &str, start_bytes: usize| (start_bytes + text.len() + 1).next_multiple_of(ALIGNMENT);
        let is_short = padded(&text, 10) - 10 <= usize::from(u16::MAX);
        let (version, start_bytes) = match (text.is_ascii(), is_short) {
            (true, true) => (1, 10),
            (true, false) => (2, 12),
            (false, _) => (3, 12),
        };
        let header_bytes = padded(&text, start_bytes);
        while start_bytes + text.len() + 1 < header_bytes {
            text.push(' ');
        }
        text.push('\n');
        let mut bytes = Vec::with_capacity(header_bytes);
        bytes.extend(NPY_MAGIC);
        bytes.extend([version, 0]);
        bytes.extend(&(text.len() as u32).to_le_bytes()[..start_bytes - 8]);
        bytes.extend(text.as_bytes());
        bytes
    }

    /// The type of an item.
    pub fn dtype(&self) -> &Dtype {
        &self.dtype
    }

    /// Whether the first axis is the fast one.
    pub fn fortran_order(&self) -> bool {
        self.fortran_order
    }

    /// The extent of each axis; empty for a single item.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Items in all: the product of the shape.
    pub fn n_items(&self) -> u64 {
        self.n_items
    }

    /// Bytes of all items; meaningless for objects, which are pickled.
    pub fn data_bytes(&self) -> u64 {
        self.data_bytes
    }

    /// Bytes before the first item; 0 for a header that was not read.
    pub fn header_bytes(&self) -> u64 {
        self.header_bytes
    }

    fn parse(text: &str, text_offset: u64, header_bytes: u64) -> Result<Self> {
        let wrong = |message: String| FormatError::malformed(Place::Byte(text_offset), message);
        let Literal::Dict(items) = parse_literal(text, text_offset)? else {
            return Err(wrong("the array's header is not a dict".into()));
        };
        let (mut dtype, mut fortran_order, mut shape) = (None, None, None);
        for (key, value) in &items {
            let is_new = match (key, value) {
                (Literal::Text(key), descr) if key == "descr" => dtype.replace(Dtype::from_literal(descr)?).is_none(),
                (Literal::Text(key), Literal::Bool(order)) if key == "fortran_order" => {
                    fortran_order.replace(*order).is_none()
                }
                (Literal::Text(key), Literal::Tuple(extents)) if key == "shape" => {
                    let extents: Option<Vec<u64>> = extents
                        .iter()
                        .map(|extent| match extent {
                            Literal::Int(n) => Some(*n),
                            _ => None,
                        })
                        .collect();
                    let extents =
                        extents.ok_or_else(|| wrong("the shape holds something other than integers".into()))?;
                    shape.replace(extents).is_none()
                }
                _ => {
                    let message = format!("unexpected in the array's header: {}: {}", key.shown(), value.shown());
                    return Err(wrong(message));
                }
            };
            if !is_new {
                return Err(wrong(format!("twice in the array's header: {}", key.shown())));
            }
        }
        match (dtype, fortran_order, shape) {
            (Some(dtype), Some(fortran_order), Some(shape)) => Self::checked(dtype, fortran_order, shape, header_bytes),
            _ => Err(wrong("expected 'descr', 'fortran_order' and 'shape' in the array's header".into())),
        }
    }

    fn checked(dtype: Dtype, fortran_order: bool, shape: Vec<u64>, header_bytes: u64) -> Result<Self> {
        if shape.len() > MAX_AXES {
            let message = format!("an array of {} axes, the limit is {MAX_AXES}", shape.len());
            return Err(FormatError::malformed(Place::File, message));
        }
        // Extents of zero must not hide the overflow of the others: strides are computed from all.
        let reach = shape.iter().try_fold(dtype.item_bytes().max(1) as u64, |bytes, &n| bytes.checked_mul(n.max(1)));
        if reach.is_none_or(|bytes| i64::try_from(bytes).is_err()) {
            let message = format!("an array of shape {} is larger than a file can be", tuple_literal(&shape));
            return Err(FormatError::malformed(Place::File, message));
        }
        let n_items: u64 = shape.iter().product();
        let data_bytes = n_items * dtype.item_bytes() as u64;
        if dtype.item_bytes() == 0 && n_items > MAX_EMPTY_ITEMS {
            let message = format!("{n_items} items of 0 bytes each, the limit is {MAX_EMPTY_ITEMS}");
            return Err(FormatError::malformed(Place::File, message));
        }
        Ok(Self { dtype, fortran_order, shape, n_items, data_bytes, header_bytes })
    }
}
