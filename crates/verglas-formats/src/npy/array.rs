//! One array in memory.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::absent::{MAX_PICKLED_NONE_BYTES, is_pickled_none};
use super::dtype::{Dtype, Kind, Scalar};
use super::header::NpyHeader;
use super::values::{push_bool, push_f64, push_i64, push_u64, text_of, wrong_type};
use crate::error::{FormatError, Place, Result};
use crate::open::open_regular;

/// Memory is taken in steps of this, so that a false claim about a size fails before it costs anything.
const STEP_BYTES: usize = 16 << 20;

/// An array as NumPy stores it: items of one type in C order (last axis fastest).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NpyArray {
    dtype: Dtype,
    shape: Vec<usize>,
    n_items: usize,
    data: Vec<u8>,
}

/// Reads the `.npy` file at `path`.
///
/// # Errors
/// As [`NpyArray::read`].
pub fn read_npy(path: impl AsRef<Path>) -> Result<NpyArray> {
    read_npy_from(BufReader::new(open_regular(path)?))
}

/// Reads the `.npy` file that takes up all of `reader`.
///
/// # Errors
/// As [`NpyArray::read`].
pub fn read_npy_from<R: Read + Seek>(mut reader: R) -> Result<NpyArray> {
    let len = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(0))?;
    NpyArray::read(&mut reader, len)
}

impl NpyArray {
    /// Reads an array that takes up all the `len` bytes of `reader`; Fortran order becomes C order.
    ///
    /// # Errors
    /// As [`NpyHeader::read`]; [`FormatError::Malformed`] if fewer or more bytes follow the header than the shape takes;
    /// [`FormatError::Unsupported`] for objects other than a single `None`.
    pub fn read<R: Read>(reader: &mut R, len: u64) -> Result<Self> {
        let header = NpyHeader::read(reader, len)?;
        let held_bytes = len.saturating_sub(header.header_bytes());
        if holds_objects(header.dtype()) {
            return Self::read_objects(reader, &header, held_bytes);
        }
        if held_bytes != header.data_bytes() {
            let message = format!(
                "an array of {} items of {} bytes takes {} bytes, found {held_bytes}",
                header.n_items(),
                header.dtype().item_bytes(),
                header.data_bytes()
            );
            return Err(FormatError::malformed(Place::Byte(header.header_bytes()), message));
        }
        let data = read_vec(reader, held_bytes)?;
        let mut array = Self::of(&header, data);
        if header.fortran_order() && array.shape.len() > 1 {
            array.data = transposed(&array.data, &array.shape, array.dtype.item_bytes());
        }
        Ok(array)
    }

    /// An object array: its data are a pickle.
    fn read_objects<R: Read>(reader: &mut R, header: &NpyHeader, held_bytes: u64) -> Result<Self> {
        if header.n_items() == 0 {
            return Ok(Self::of(header, Vec::new()));
        }
        let pickle = read_vec(reader, held_bytes.min(MAX_PICKLED_NONE_BYTES))?;
        if header.shape().is_empty() && held_bytes == pickle.len() as u64 && is_pickled_none(&pickle) {
            return Ok(Self::of(header, pickle));
        }
        let message = "holds pickled Python objects, which can run programs and are not read";
        Err(FormatError::unsupported(Place::Byte(header.header_bytes()), message)
            .with_hint("save the array with a numeric or text type: `array.astype(...)`"))
    }

    fn of(header: &NpyHeader, data: Vec<u8>) -> Self {
        // Sizes fit: the data are in memory, and `NpyHeader` checked the product of the extents.
        let shape = header.shape().iter().map(|&n| n as usize).collect();
        Self { dtype: header.dtype().clone(), shape, n_items: header.n_items() as usize, data }
    }

    /// The type of its items.
    pub fn dtype(&self) -> &Dtype {
        &self.dtype
    }

    /// The extent of each axis; empty for a single item.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Items in all.
    pub fn len(&self) -> usize {
        self.n_items
    }

    /// Whether it holds no items.
    pub fn is_empty(&self) -> bool {
        self.n_items == 0
    }

    /// The items' bytes in C order, in the type's byte order.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Whether it says "absent": Python's `None`, or no items at all.
    pub fn is_none(&self) -> bool {
        self.is_empty() || holds_objects(&self.dtype)
    }

    /// All items as float64, from any real kind: integers, floats, truth values. 64-bit integers beyond 2^53 are rounded.
    ///
    /// # Errors
    /// Items of another kind.
    pub fn to_f64(&self) -> Result<Vec<f64>> {
        let scalar = self.scalar("real numbers")?;
        let mut values = Vec::with_capacity(self.n_items);
        push_f64(scalar, self.items(), &mut values)?;
        Ok(values)
    }

    /// All items as int64, from any integers.
    ///
    /// # Errors
    /// Items of another kind; a value that does not fit.
    pub fn to_i64(&self) -> Result<Vec<i64>> {
        let scalar = self.scalar("integers")?;
        let mut values = Vec::with_capacity(self.n_items);
        push_i64(scalar, self.items(), &mut values)?;
        Ok(values)
    }

    /// All items as uint64, from any integers.
    ///
    /// # Errors
    /// Items of another kind; a value that does not fit.
    pub fn to_u64(&self) -> Result<Vec<u64>> {
        let scalar = self.scalar("integers")?;
        let mut values = Vec::with_capacity(self.n_items);
        push_u64(scalar, self.items(), &mut values)?;
        Ok(values)
    }

    /// All items as truth values.
    ///
    /// # Errors
    /// Items of another kind.
    pub fn to_bool(&self) -> Result<Vec<bool>> {
        let scalar = self.scalar("truth values")?;
        let mut values = Vec::with_capacity(self.n_items);
        push_bool(scalar, self.items(), &mut values)?;
        Ok(values)
    }

    /// All items as text without the NULs that fill it up, from byte strings (as they are) or unicode (as UTF-8; the lone
    /// surrogates U+DC80 to U+DCFF, by which Python keeps other bytes, become those bytes).
    ///
    /// # Errors
    /// Items of a different kind; code points that are not characters.
    pub fn to_text(&self) -> Result<Vec<Vec<u8>>> {
        let scalar = self.scalar("text")?;
        let mut buffer = Vec::new();
        self.items().map(|item| text_of(scalar, item, &mut buffer).map(<[u8]>::to_vec)).collect()
    }

    /// The items' type, unless it is a record.
    fn scalar(&self, wanted: &str) -> Result<&Scalar> {
        match &self.dtype {
            // A pickled None has no items to take apart.
            Dtype::Scalar(scalar) if scalar.kind == Kind::Object => Err(wrong_type(scalar, wanted)),
            Dtype::Scalar(scalar) => Ok(scalar),
            Dtype::Record(_) => Err(FormatError::malformed(Place::File, format!("holds records, expected {wanted}"))),
        }
    }

    fn items(&self) -> impl Iterator<Item = &[u8]> {
        let item_bytes = self.dtype.item_bytes();
        (0..self.n_items).map(move |i| &self.data[i * item_bytes..(i + 1) * item_bytes])
    }
}

fn holds_objects(dtype: &Dtype) -> bool {
    match dtype {
        Dtype::Scalar(scalar) => scalar.kind == Kind::Object,
        Dtype::Record(record) => record.fields().iter().any(|field| holds_objects(&field.dtype)),
    }
}

/// Items from Fortran order (first axis fastest) to C order.
fn transposed(data: &[u8], shape: &[usize], item_bytes: usize) -> Vec<u8> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for &n in shape {
        strides.push(stride);
        stride *= n.max(1);
    }
    let mut output = Vec::with_capacity(data.len());
    let mut index = vec![0; shape.len()];
    let n_items: usize = shape.iter().product();
    for _ in 0..n_items {
        let at: usize = index.iter().zip(&strides).map(|(&i, &stride)| i * stride).sum();
        output.extend_from_slice(&data[at * item_bytes..(at + 1) * item_bytes]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    output
}

/// Reads exactly `n_bytes`, taking memory as they arrive.
///
/// # Errors
/// [`FormatError::Malformed`] if there are fewer; [`FormatError::Io`] if memory can't hold them.
pub(crate) fn read_vec<R: Read>(reader: &mut R, n_bytes: u64) -> Result<Vec<u8>> {
    let text = format!("{n_bytes} bytes are more than memory can hold");
    let too_large = || io::Error::new(io::ErrorKind::OutOfMemory, text.as_str());
    let n_bytes = usize::try_from(n_bytes).map_err(|_| too_large())?;
    let mut data = Vec::new();
    while data.len() < n_bytes {
        // Doubling, like any growing vector, but never past the end.
        let step = (n_bytes - data.len()).min(data.len().max(STEP_BYTES));
        data.try_reserve_exact(step).map_err(|_| too_large())?;
        let start = data.len();
        data.resize(start + step, 0);
        reader.read_exact(&mut data[start..]).map_err(|error| match error.kind() {
            // An archive's entry that ends too early says so itself.
            io::ErrorKind::UnexpectedEof if error.get_ref().is_none() => {
                FormatError::malformed(Place::File, "the file ends too early")
            }
            _ => error.into(),
        })?;
    }
    Ok(data)
}
