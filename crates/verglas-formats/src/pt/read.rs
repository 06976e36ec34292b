//! Reads `.pt` files of one tensor.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use half::{bf16, f16};
use num_complex::Complex;

use super::pickle::{MAX_PICKLE_BYTES, unpickle_tensor};
use super::tensor::{ElementType, PtTensor};
use crate::error::{FormatError, Place, Result};
use crate::npy::read_vec;
use crate::open::open_regular;
use crate::zip::{Method, ZipReader};

/// A `.pt` file that holds one tensor, open for reading.
#[derive(Debug)]
pub struct PtFile<R = BufReader<File>> {
    archive: ZipReader<R>,
    tensor: PtTensor,
    storage_position: u64,
    is_big_endian: bool,
}

impl PtFile {
    /// Opens the `.pt` at `path`.
    ///
    /// # Errors
    /// As [`PtFile::new`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::new(BufReader::new(open_regular(path)?))
    }
}

impl<R: Read + Seek> PtFile<R> {
    /// Opens the `.pt` that takes up all of `reader`.
    ///
    /// # Errors
    /// [`FormatError::Unsupported`] for what holds anything other than one tensor of plain numbers (dicts, parameters,
    /// TorchScript, several tensors), and for files from before PyTorch 1.6, by name; [`FormatError::Malformed`] for
    /// bytes that are not an archive, and for a tensor that does not fit its storage. CRCs of the values are not
    /// checked here: see [`PtFile::verify_crc`].
    pub fn new(mut reader: R) -> Result<Self> {
        refuse_other_formats(&mut reader)?;
        let mut archive = ZipReader::new(reader)?;
        let folder = top_folder(&archive)?;
        let is_big_endian = reads_big_endian(&mut archive, &folder)?;
        let description_name = format!("{folder}/data.pkl");
        let description = archive.read(&description_name, MAX_PICKLE_BYTES)?;
        let pickled = unpickle_tensor(&description).map_err(|error| in_entry(&description_name, error))?;
        let tensor = pickled.tensor;

        let storage_name = format!("{folder}/data/{}", pickled.storage_key);
        let data_folder = format!("{folder}/data/");
        let others = archive.entries().iter().filter(|entry| entry.name.starts_with(&data_folder));
        if let Some(other) = others.into_iter().find(|entry| entry.name != storage_name) {
            let message = format!("a second storage; the tensor's is `{storage_name}`");
            return Err(FormatError::unsupported(Place::Entry(other.name.clone()), message));
        }
        let storage_position = archive.data_offset(&storage_name)?;
        if let Some(entry) = archive.entry(&storage_name) {
            let place = || Place::Entry(storage_name.clone());
            if entry.method != Method::Stored {
                return Err(FormatError::unsupported(place(), "the values are compressed, expected them as they are"));
            }
            if tensor.storage_len.checked_mul(tensor.element.bytes()) != Some(entry.size_bytes) {
                let message = format!(
                    "a storage of {} values of type {}, found {} bytes",
                    tensor.storage_len,
                    tensor.element.name(),
                    entry.size_bytes
                );
                return Err(FormatError::malformed(place(), message));
            }
        }
        Ok(Self { archive, tensor, storage_position, is_big_endian })
    }

    /// The tensor's description.
    pub fn tensor(&self) -> &PtTensor {
        &self.tensor
    }

    /// Where the tensor's first value is in the file, in bytes.
    pub fn data_offset(&self) -> u64 {
        // A tensor without values may claim any offset in its storage.
        self.storage_position.saturating_add(self.tensor.storage_offset.saturating_mul(self.tensor.element.bytes()))
    }

    /// Bytes of all the tensor's values; in one piece from [`PtFile::data_offset`] if it is contiguous.
    pub fn data_bytes(&self) -> u64 {
        self.tensor.n_values() * self.tensor.element.bytes()
    }

    /// Whether numbers are stored with their most significant byte first. The reading functions here always return
    /// them in this machine's order; this is for those who read the file themselves.
    pub fn is_big_endian(&self) -> bool {
        self.is_big_endian
    }

    /// Reads the whole file, in pieces, and compares each entry with its CRC.
    ///
    /// # Errors
    /// As [`ZipReader::verify`].
    pub fn verify_crc(&mut self) -> Result<()> {
        self.archive.verify()
    }

    /// The values in a range of the first axis, as little-endian bytes, last axis fastest.
    ///
    /// A tensor of no axes counts as one row.
    ///
    /// # Errors
    /// A range past the first axis, and what the reader reports.
    pub fn read_bytes(&mut self, rows: Range<u64>) -> Result<Vec<u8>> {
        let tensor = &self.tensor;
        if rows.start > rows.end || rows.end > tensor.n_rows() {
            let message = format!("rows {} to {} asked for, the tensor has {}", rows.start, rows.end, tensor.n_rows());
            return Err(FormatError::malformed(Place::File, message));
        }
        let n_rows = rows.end - rows.start;
        if n_rows == 0 || tensor.n_values() == 0 {
            return Ok(Vec::new());
        }
        // The tensor lies within its storage (`PtTensor::check`), so nothing here overflows.
        let shape: Vec<u64> = tensor.shape.iter().enumerate().map(|(k, &n)| if k == 0 { n_rows } else { n }).collect();
        let first = tensor.storage_offset + rows.start * tensor.strides.first().copied().unwrap_or(0);
        let reach: u64 = shape.iter().zip(&tensor.strides).map(|(&n, &stride)| (n - 1) * stride).sum();
        let value_bytes = tensor.element.bytes();
        let reader = self.archive.get_mut();
        reader.seek(SeekFrom::Start(self.storage_position + first * value_bytes))?;
        let span = read_vec(reader, (reach + 1) * value_bytes)?;
        let mut bytes = match tensor.is_contiguous() {
            true => span,
            false => gathered(&span, &shape, &tensor.strides, value_bytes as usize),
        };
        if self.is_big_endian {
            bytes.chunks_exact_mut(tensor.element.number_bytes()).for_each(<[u8]>::reverse);
        }
        Ok(bytes)
    }

    /// [`PtFile::read_bytes`] into memory that the caller has. Of a tensor that is not contiguous one row at a time takes further
    /// memory.
    ///
    /// # Errors
    /// As [`PtFile::read_bytes`].
    ///
    /// # Panics
    /// If the length of `bytes` differs from that of the values.
    pub fn read_bytes_into(&mut self, rows: Range<u64>, bytes: &mut [u8]) -> Result<()> {
        let tensor = &self.tensor;
        if rows.start > rows.end || rows.end > tensor.n_rows() {
            return self.read_bytes(rows).map(drop);
        }
        let row_bytes = tensor.values_per_row() * tensor.element.bytes();
        assert_eq!(bytes.len() as u64, (rows.end - rows.start) * row_bytes, "room for exactly the values asked for");
        if bytes.is_empty() {
            return Ok(());
        }
        if !tensor.is_contiguous() {
            for (row, bytes) in rows.zip(bytes.chunks_exact_mut(row_bytes as usize)) {
                bytes.copy_from_slice(&self.read_bytes(row..row + 1)?);
            }
            return Ok(());
        }
        let first = tensor.storage_offset * tensor.element.bytes() + rows.start * row_bytes;
        let reader = self.archive.get_mut();
        reader.seek(SeekFrom::Start(self.storage_position + first))?;
        reader.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => FormatError::malformed(Place::File, "the file ends too early"),
            _ => error.into(),
        })?;
        if self.is_big_endian {
            bytes.chunks_exact_mut(self.tensor.element.number_bytes()).for_each(<[u8]>::reverse);
        }
        Ok(())
    }

    /// The float32 values in a range of the first axis.
    ///
    /// # Errors
    /// As [`PtFile::read_bytes`]; a tensor of another type.
    pub fn read_f32(&mut self, rows: Range<u64>) -> Result<Vec<f32>> {
        match self.tensor.element {
            ElementType::Float32 => Ok(numbers(&self.read_bytes(rows)?, f32::from_le_bytes)),
            _ => Err(self.wrong_type("float32")),
        }
    }

    /// The values in a range of the first axis as float64, from any real type; int64 beyond 2^53 is rounded.
    ///
    /// # Errors
    /// As [`PtFile::read_bytes`]; a complex tensor.
    pub fn read_f64(&mut self, rows: Range<u64>) -> Result<Vec<f64>> {
        use ElementType as E;
        if matches!(self.tensor.element, E::Complex64 | E::Complex128) {
            return Err(self.wrong_type("real numbers"));
        }
        let bytes = self.read_bytes(rows)?;
        Ok(match self.tensor.element {
            E::Float64 => numbers(&bytes, f64::from_le_bytes),
            E::Float16 => numbers(&bytes, |b| f16::from_le_bytes(b).to_f64()),
            E::BFloat16 => numbers(&bytes, |b| bf16::from_le_bytes(b).to_f64()),
            E::Int64 => numbers(&bytes, |b| i64::from_le_bytes(b) as f64),
            E::Int32 => numbers(&bytes, |b| f64::from(i32::from_le_bytes(b))),
            E::Int16 => numbers(&bytes, |b| f64::from(i16::from_le_bytes(b))),
            E::Int8 => numbers(&bytes, |b| f64::from(i8::from_le_bytes(b))),
            E::Uint8 => numbers(&bytes, |[b]: [u8; 1]| f64::from(b)),
            E::Bool => numbers(&bytes, |[b]: [u8; 1]| f64::from(u8::from(b != 0))),
            E::Float32 | E::Complex64 | E::Complex128 => numbers(&bytes, |b| f64::from(f32::from_le_bytes(b))),
        })
    }

    /// The values in a range of the first axis as int64, from any integers or truth values.
    ///
    /// # Errors
    /// As [`PtFile::read_bytes`]; a tensor of another type.
    pub fn read_i64(&mut self, rows: Range<u64>) -> Result<Vec<i64>> {
        use ElementType as E;
        let convert: fn(&[u8]) -> Vec<i64> = match self.tensor.element {
            E::Int64 => |bytes| numbers(bytes, i64::from_le_bytes),
            E::Int32 => |bytes| numbers(bytes, |b| i64::from(i32::from_le_bytes(b))),
            E::Int16 => |bytes| numbers(bytes, |b| i64::from(i16::from_le_bytes(b))),
            E::Int8 => |bytes| numbers(bytes, |b| i64::from(i8::from_le_bytes(b))),
            E::Uint8 => |bytes| numbers(bytes, |[b]: [u8; 1]| i64::from(b)),
            E::Bool => |bytes| numbers(bytes, |[b]: [u8; 1]| i64::from(b != 0)),
            _ => return Err(self.wrong_type("integers")),
        };
        Ok(convert(&self.read_bytes(rows)?))
    }

    /// The complex64 values in a range of the first axis.
    ///
    /// # Errors
    /// As [`PtFile::read_bytes`]; a tensor of another type.
    pub fn read_complex64(&mut self, rows: Range<u64>) -> Result<Vec<Complex<f32>>> {
        match self.tensor.element {
            ElementType::Complex64 => Ok(numbers(&self.read_bytes(rows)?, |b: [u8; 8]| {
                let [r0, r1, r2, r3, i0, i1, i2, i3] = b;
                Complex::new(f32::from_le_bytes([r0, r1, r2, r3]), f32::from_le_bytes([i0, i1, i2, i3]))
            })),
            _ => Err(self.wrong_type("complex64")),
        }
    }

    /// The complex128 values in a range of the first axis.
    ///
    /// # Errors
    /// As [`PtFile::read_bytes`]; a tensor of another type.
    pub fn read_complex128(&mut self, rows: Range<u64>) -> Result<Vec<Complex<f64>>> {
        match self.tensor.element {
            ElementType::Complex128 => {
                let parts = numbers(&self.read_bytes(rows)?, f64::from_le_bytes);
                Ok(parts.as_chunks().0.iter().map(|&[re, im]| Complex::new(re, im)).collect())
            }
            _ => Err(self.wrong_type("complex128")),
        }
    }

    fn wrong_type(&self, wanted: &str) -> FormatError {
        let message = format!("the tensor's type is {}, expected {wanted}", self.tensor.element.name());
        FormatError::malformed(Place::File, message)
    }
}

fn numbers<T, const N: usize>(bytes: &[u8], convert: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|&chunk| convert(chunk)).collect()
}

/// The values of a strided tensor that begins at `span`, one after the other.
fn gathered(span: &[u8], shape: &[u64], strides: &[u64], value_bytes: usize) -> Vec<u8> {
    let n_values: u64 = shape.iter().product();
    let mut output = Vec::with_capacity(n_values as usize * value_bytes);
    let mut index = vec![0; shape.len()];
    for _ in 0..n_values {
        let at: u64 = index.iter().zip(strides).map(|(&i, &stride): (&u64, _)| i * stride).sum();
        let at = at as usize * value_bytes;
        output.extend_from_slice(&span[at..at + value_bytes]);
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

/// Says what a file is that is not a ZIP archive.
fn refuse_other_formats<R: Read + Seek>(reader: &mut R) -> Result<()> {
    /// The number 0x1950a86a20f9469cfc6c, pickled: how `torch.save` began a file up to version 1.5.
    const LEGACY_MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    reader.seek(SeekFrom::Start(0))?;
    let mut start = Vec::new();
    reader.take(LEGACY_MAGIC.len() as u64).read_to_end(&mut start)?;
    let refuse = |message: &str| {
        let hint = "load it with PyTorch and save it again: `torch.save(torch.load(path, weights_only=True), path)`";
        Err(FormatError::unsupported(Place::Byte(0), message).with_hint(hint))
    };
    if start == LEGACY_MAGIC {
        return refuse("a tensor file in the format of PyTorch before 1.6, expected a ZIP archive");
    }
    if start.first() == Some(&0x80) {
        return refuse("a bare pickle, expected a ZIP archive with a tensor");
    }
    if !start.starts_with(b"PK") {
        return Err(FormatError::malformed(Place::Byte(0), "not a PyTorch file: it does not begin as a ZIP archive"));
    }
    Ok(())
}

/// The folder that holds everything, whose name `torch.save` makes from that of the file.
fn top_folder<R: Read + Seek>(archive: &ZipReader<R>) -> Result<String> {
    let names = || archive.entries().iter().map(|entry| entry.name.as_str());
    let folder = names().find_map(|name| name.strip_suffix("/data.pkl").filter(|folder| !folder.contains('/')));
    let Some(folder) = folder else {
        let kind = if names().any(|name| name.ends_with(".npy")) { "an `.npz`" } else { "another ZIP archive" };
        return Err(FormatError::malformed(
            Place::File,
            format!("{kind}, expected a tensor as `torch.save` writes it"),
        ));
    };
    if let Some(name) = names().find(|name| {
        name.strip_prefix(folder).is_some_and(|rest| rest == "/constants.pkl" || rest.starts_with("/code/"))
    }) {
        let message = "the file holds a TorchScript program, expected one tensor";
        return Err(FormatError::unsupported(Place::Entry(name.to_owned()), message));
    }
    Ok(folder.to_owned())
}

/// Files without the entry are from before it was introduced, when there was only little-endian.
fn reads_big_endian<R: Read + Seek>(archive: &mut ZipReader<R>, folder: &str) -> Result<bool> {
    let name = format!("{folder}/byteorder");
    if archive.entry(&name).is_none() {
        return Ok(false);
    }
    match archive.read(&name, 16)?.as_slice() {
        b"little" => Ok(false),
        b"big" => Ok(true),
        other => {
            let message = format!("expected `little` or `big`, found `{}`", other.escape_ascii());
            Err(FormatError::malformed(Place::Entry(name), message))
        }
    }
}

/// An error about a description: names the entry that holds it.
fn in_entry(name: &str, mut error: FormatError) -> FormatError {
    if let FormatError::Malformed(fault) | FormatError::Unsupported(fault) = &mut error {
        fault.place = Place::Entry(name.to_owned());
    }
    error
}
