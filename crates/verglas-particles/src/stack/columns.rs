//! The metadata of a stack, ours or CryoLike's, read array by array.
//!
//! CryoLike's own files lack some of our values: these are absent, never made up. An array that is Python's `None` or
//! empty is absent too.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;
use verglas_formats::FormatError;
use verglas_formats::npy::NpyArray;
use verglas_formats::npz::NpzReader;
use verglas_run::descriptor::ImageDescriptor;

use super::keys;
use crate::particle::Column;

/// The metadata file of a stack, open.
#[derive(Debug)]
pub struct StackColumns {
    path: PathBuf,
    npz: NpzReader<BufReader<File>>,
}

impl StackColumns {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// When it can't be read or is not an `.npz`.
    pub fn open(path: &Path) -> Result<Self> {
        let npz = NpzReader::open(path).map_err(|error| Error::from_format(path, error))?;
        Ok(Self::new(path, npz))
    }

    /// The file at `path`, which is open as `npz`.
    pub fn new(path: &Path, npz: NpzReader<BufReader<File>>) -> Self {
        Self { path: path.to_owned(), npz }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the whole file and compares each array with its checksum.
    ///
    /// # Errors
    /// When it can't be read, or one differs.
    pub fn verify_crc(&mut self) -> Result<()> {
        self.npz.verify_crc().map_err(|error| self.in_file(error))
    }

    /// Whether there is an array of this name, whatever it holds.
    pub fn has(&self, name: &str) -> bool {
        self.npz.has(name)
    }

    /// The array of this name; `None` where it is missing or Python's None. An empty one is there.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn array(&mut self, name: &str) -> Result<Option<NpyArray>> {
        if !self.npz.has(name) {
            return Ok(None);
        }
        let array = self.needed(name)?;
        Ok((!array.is_none()).then_some(array))
    }

    /// The grids that the stack is on.
    ///
    /// # Errors
    /// When the file does not hold them.
    pub fn descriptor(&mut self) -> Result<ImageDescriptor> {
        ImageDescriptor::read(&mut self.npz).map_err(|error| self.in_file(error))
    }

    /// The numbers of a key; `None` where it is missing, empty, or Python's None.
    ///
    /// # Errors
    /// When it can't be read, or holds no numbers.
    pub fn numbers(&mut self, name: &str) -> Result<Option<Vec<f64>>> {
        self.filled(name, NpyArray::to_f64)
    }

    /// The same of whole numbers.
    ///
    /// # Errors
    /// As [`StackColumns::numbers`].
    pub fn whole_numbers(&mut self, name: &str) -> Result<Option<Vec<i64>>> {
        self.filled(name, NpyArray::to_i64)
    }

    /// The same of whole numbers, 0 or above.
    ///
    /// # Errors
    /// As [`StackColumns::numbers`].
    pub fn identities(&mut self, name: &str) -> Result<Option<Vec<u64>>> {
        self.filled(name, NpyArray::to_u64)
    }

    /// The same of texts.
    ///
    /// # Errors
    /// As [`StackColumns::numbers`].
    pub fn texts(&mut self, name: &str) -> Result<Option<Vec<Vec<u8>>>> {
        self.filled(name, NpyArray::to_text)
    }

    /// Whole numbers, 0 or above, that must be there, be they none.
    ///
    /// # Errors
    /// When they are missing, can't be read, or have other contents.
    pub fn needed_identities(&mut self, name: &str) -> Result<Vec<u64>> {
        self.needed(name)?.to_u64().map_err(|error| self.in_file(error))
    }

    /// The same of texts.
    ///
    /// # Errors
    /// As [`StackColumns::needed_identities`].
    pub fn needed_texts(&mut self, name: &str) -> Result<Vec<Vec<u8>>> {
        self.needed(name)?.to_text().map_err(|error| self.in_file(error))
    }

    /// The values of a key, one for each of `n_images`.
    ///
    /// # Errors
    /// When the key is missing or of another number of images.
    pub fn of_images(&mut self, name: &str, n_images: usize) -> Result<Vec<f64>> {
        let values = self.numbers(name)?;
        // Of a stack without images an empty array is all there is.
        let values = values.or((n_images == 0).then(Vec::new)).ok_or_else(|| self.lacks(name))?;
        if values.len() == n_images {
            return Ok(values);
        }
        Err(Error::format(format!(
            "`{}`: its `{name}` has {}, expected {}",
            self.path.display(),
            counted(values.len(), "value"),
            counted(n_images, "image")
        ))
        .with_hint("the folder has been altered since the conversion"))
    }

    /// The value of a key that all images share.
    ///
    /// # Errors
    /// When the key is missing.
    pub fn of_all(&mut self, name: &str) -> Result<f64> {
        self.numbers(name)?.and_then(|values| values.first().copied()).ok_or_else(|| self.lacks(name))
    }

    /// The values of a key, one for each of `n_images`, or one that counts for all. CryoLike writes the values of all stacks
    /// into each: the stack's own begin at `first_image`, its first image's place among all. Where that is not known, neither
    /// are they.
    ///
    /// # Errors
    /// When there is another number of values.
    pub fn shared(&mut self, name: &str, n_images: usize, first_image: Option<usize>) -> Result<Option<Column>> {
        let Some(values) = self.numbers(name)? else { return Ok(None) };
        if let [one] = values[..] {
            return Ok(Some(Column::Constant(one)));
        }
        if first_image.is_none() && values.len() > n_images && !self.is_ours() {
            return Ok(None);
        }
        match own_values(&values, n_images, first_image) {
            Some(own) => Ok(Some(Column::PerParticle(own.to_vec()))),
            None => Err(Error::format(format!(
                "`{}`: its `{name}` has {}, expected one or {n_images}",
                self.path.display(),
                counted(values.len(), "value")
            ))),
        }
    }

    /// The error for a key that is missing.
    pub fn lacks(&self, name: &str) -> Error {
        Error::format(format!("`{}` has no `{name}`", self.path.display()))
            .with_hint("expected the metadata of a stack that `verglas convert` or CryoLike made")
    }

    /// Whether each array holds the stack's images and no others, as in all files but CryoLike's own.
    pub(super) fn is_ours(&self) -> bool {
        self.has(keys::ROW)
    }

    fn needed(&mut self, name: &str) -> Result<NpyArray> {
        self.npz.read(name).map_err(|error| self.in_file(error))
    }

    fn filled<T>(
        &mut self,
        name: &str,
        convert: fn(&NpyArray) -> verglas_formats::Result<Vec<T>>,
    ) -> Result<Option<Vec<T>>> {
        match self.array(name)? {
            Some(array) if !array.is_empty() => convert(&array).map(Some).map_err(|error| self.in_file(error)),
            _ => Ok(None),
        }
    }

    fn in_file(&self, error: FormatError) -> Error {
        Error::from_format(&self.path, error)
    }
}

/// A stack's own values: all where there are as many as images; where CryoLike wrote those of all stacks into each, those from
/// `first_image` on, if that is known.
pub(super) fn own_values<T>(values: &[T], n_images: usize, first_image: Option<usize>) -> Option<&[T]> {
    match values.len() {
        n if n == n_images => Some(values),
        n if n > n_images => {
            let first_image = first_image?;
            values.get(first_image..first_image.checked_add(n_images)?)
        }
        _ => None,
    }
}
