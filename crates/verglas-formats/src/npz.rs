//! Archives of NumPy arrays: `.npz`, as `numpy.savez` and `numpy.savez_compressed` write them.

use std::fs::File;
use std::io::{BufReader, Read, Seek, Write};
use std::path::Path;

use crate::error::{Fault, FormatError, Place, Result};
use crate::npy::{Dtype, Kind, NpyArray, NpyHeader, Scalar, push_ucs4, ucs4_width};
use crate::open::open_regular;
use crate::zip::{ZipReader, ZipWriter, in_entry};

/// The largest array that [`NpzReader::new`] reads by default, in bytes: 4 GiB.
pub const DEFAULT_LIMIT_BYTES: u64 = 4 << 30;

/// Arrays of up to this size are read whatever the size of the file.
const SMALL_ARRAY_BYTES: u64 = 64 << 20;
/// Larger ones only up to this many times the file's size: text packs well, but not without end.
const MOST_UNPACKED: u64 = 16;

/// An `.npz` that is open for reading.
#[derive(Debug)]
pub struct NpzReader<R> {
    archive: ZipReader<R>,
    limit_bytes: u64,
}

impl NpzReader<BufReader<File>> {
    /// Opens the `.npz` at `path`. The limit on the bytes of one array follows the file's size: 16 times as much, and at
    /// least 64 MiB.
    ///
    /// # Errors
    /// As [`ZipReader::new`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let file = open_regular(path)?;
        let limit_bytes = SMALL_ARRAY_BYTES.max(file.metadata()?.len().saturating_mul(MOST_UNPACKED));
        Ok(Self::new(BufReader::new(file))?.with_limit(limit_bytes))
    }
}

impl<R: Read + Seek> NpzReader<R> {
    /// Opens the `.npz` that takes up all of `reader`.
    ///
    /// # Errors
    /// As [`ZipReader::new`].
    pub fn new(reader: R) -> Result<Self> {
        Ok(Self { archive: ZipReader::new(reader)?, limit_bytes: DEFAULT_LIMIT_BYTES })
    }

    /// The same with another limit on the bytes of one array.
    #[must_use]
    pub fn with_limit(self, limit_bytes: u64) -> Self {
        Self { limit_bytes, ..self }
    }

    /// The most bytes that one array may have.
    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// The arrays' names, without `.npy`, in the order of the archive. Entries that are not arrays are left out.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.archive.entries().iter().filter_map(|entry| entry.name.strip_suffix(".npy"))
    }

    /// Whether there is an array called `name`.
    pub fn has(&self, name: &str) -> bool {
        self.archive.entry(&format!("{name}.npy")).is_some()
    }

    /// Bytes of the array called `name` with its header, as the archive's directory claims: no more is ever read of it.
    pub fn size_bytes(&self, name: &str) -> Option<u64> {
        self.archive.entry(&format!("{name}.npy")).map(|entry| entry.size_bytes)
    }

    /// Reads the array called `name`.
    ///
    /// # Errors
    /// As [`NpyArray::read`] and [`crate::zip::EntryReader::finish`], naming the array; no such array; one over the limit.
    pub fn read(&mut self, name: &str) -> Result<NpyArray> {
        let in_array = |error| in_array(name, error);
        if !self.has(name) {
            let held: Vec<&str> = self.names().collect();
            let message = format!("no such array, the archive holds {}", held.join(", "));
            return Err(FormatError::malformed(Place::Entry(name.to_owned()), message));
        }
        let mut entry = self.archive.open(&format!("{name}.npy")).map_err(in_array)?;
        let size_bytes = entry.size_bytes();
        if size_bytes > self.limit_bytes {
            let message = format!("an array of {size_bytes} bytes, the limit is {}", self.limit_bytes);
            return Err(FormatError::malformed(Place::Entry(name.to_owned()), message));
        }
        let array = NpyArray::read(&mut entry, size_bytes).map_err(in_array)?;
        entry.finish().map_err(in_array)?;
        Ok(array)
    }

    /// Reads every entry, in pieces, and compares it with its CRC.
    ///
    /// # Errors
    /// As [`ZipReader::verify`].
    pub fn verify_crc(&mut self) -> Result<()> {
        self.archive.verify()
    }
}

/// Writes an `.npz` from front to back, uncompressed: what `numpy.load(..., allow_pickle=False)` reads.
///
/// Arrays are in C order. Nothing is buffered here; give it a [`std::io::BufWriter`].
#[derive(Debug)]
pub struct NpzWriter<W> {
    archive: ZipWriter<W>,
}

impl<W: Write> NpzWriter<W> {
    /// An archive that starts at the current position of `writer`, which must be the start of the file.
    pub fn new(writer: W) -> Self {
        Self { archive: ZipWriter::new(writer) }
    }

    /// Adds a float64 array; `shape` is `&[]` for a single value.
    ///
    /// # Errors
    /// As [`ZipWriter::add`]; a shape that holds another number of values.
    pub fn add_f64(&mut self, name: &str, shape: &[usize], values: &[f64]) -> Result<()> {
        self.add_numbers(name, Kind::Float, shape, values, f64::to_le_bytes)
    }

    /// Adds an int64 array.
    ///
    /// # Errors
    /// As [`NpzWriter::add_f64`].
    pub fn add_i64(&mut self, name: &str, shape: &[usize], values: &[i64]) -> Result<()> {
        self.add_numbers(name, Kind::Int, shape, values, i64::to_le_bytes)
    }

    /// Adds a uint64 array.
    ///
    /// # Errors
    /// As [`NpzWriter::add_f64`].
    pub fn add_u64(&mut self, name: &str, shape: &[usize], values: &[u64]) -> Result<()> {
        self.add_numbers(name, Kind::Uint, shape, values, u64::to_le_bytes)
    }

    /// Adds an array of truth values.
    ///
    /// # Errors
    /// As [`NpzWriter::add_f64`].
    pub fn add_bool(&mut self, name: &str, shape: &[usize], values: &[bool]) -> Result<()> {
        self.add_numbers(name, Kind::Bool, shape, values, |value| [u8::from(value)])
    }

    /// Adds an array of text as `<U`, as wide as its longest item, at least 1. Bytes that are not UTF-8 become the lone
    /// surrogates by which Python keeps them (PEP 383), so that `os.fsencode` gives them back.
    ///
    /// `texts` is iterated three times; only one item at a time is recoded in memory. NULs at the end of an item
    /// are lost, as NumPy can't tell them from its own.
    ///
    /// # Errors
    /// As [`NpzWriter::add_f64`].
    pub fn add_text<'a, I>(&mut self, name: &str, shape: &[usize], texts: I) -> Result<()>
    where
        I: IntoIterator<Item = &'a [u8]>,
        I::IntoIter: Clone,
    {
        let texts = texts.into_iter();
        let (n_texts, width) = texts.clone().fold((0, 1), |(n, width), text| (n + 1, ucs4_width(text).max(width)));
        let header = self.header(name, Scalar::little(Kind::Unicode, 4 * width), shape, n_texts)?;
        self.archive.add_with(&format!("{name}.npy"), |output| {
            output.write_all(&header)?;
            let mut item = Vec::with_capacity(4 * width);
            for text in texts.clone() {
                item.clear();
                push_ucs4(text, width, &mut item);
                output.write_all(&item)?;
            }
            Ok(())
        })
    }

    /// Writes the archive's directory and returns the writer, not flushed.
    ///
    /// # Errors
    /// The writer's errors.
    pub fn finish(self) -> Result<W> {
        self.archive.finish()
    }

    fn add_numbers<T: Copy, const N: usize>(
        &mut self,
        name: &str,
        kind: Kind,
        shape: &[usize],
        values: &[T],
        to_bytes: impl Fn(T) -> [u8; N],
    ) -> Result<()> {
        /// Values that are turned into bytes at a time.
        const BLOCK: usize = 1024;
        let header = self.header(name, Scalar::little(kind, N), shape, values.len())?;
        self.archive.add_with(&format!("{name}.npy"), |output| {
            output.write_all(&header)?;
            let mut bytes = Vec::with_capacity(N * BLOCK.min(values.len()));
            for block in values.chunks(BLOCK) {
                bytes.clear();
                bytes.extend(block.iter().flat_map(|&value| to_bytes(value)));
                output.write_all(&bytes)?;
            }
            Ok(())
        })
    }

    fn header(&self, name: &str, scalar: Scalar, shape: &[usize], n_values: usize) -> Result<Vec<u8>> {
        let shape: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
        let header = NpyHeader::new(Dtype::Scalar(scalar), &shape).map_err(|error| in_array(name, error))?;
        if header.n_items() != n_values as u64 {
            let message = format!("the shape {shape:?} holds {} values, {n_values} are given", header.n_items());
            return Err(FormatError::malformed(Place::Entry(name.to_owned()), message));
        }
        Ok(header.to_bytes())
    }
}

/// An error about one array of the archive: names it.
fn in_array(name: &str, error: FormatError) -> FormatError {
    let named = |fault: Box<Fault>| {
        let message = match fault.place {
            Place::Byte(offset) => format!("byte {offset}: {}", fault.message),
            _ => fault.message,
        };
        Box::new(Fault { place: Place::Entry(name.to_owned()), message, hint: fault.hint })
    };
    match error {
        FormatError::Io(error) => in_entry(name, error),
        FormatError::Malformed(fault) => FormatError::Malformed(named(fault)),
        FormatError::Unsupported(fault) => FormatError::Unsupported(named(fault)),
    }
}
