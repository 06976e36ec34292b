//! What the metadata of a stack say, read value by value: ours or CryoLike's.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};
use verglas_core::findings::counted;
use verglas_formats::npz::NpzReader;
use verglas_run::descriptor::ImageDescriptor;

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
    /// When it can't be read or is no `.npz`.
    pub fn open(path: &Path) -> Result<Self> {
        let npz = NpzReader::open(path).map_err(|error| Error::from_format(path, error))?;
        Ok(Self { path: path.to_owned(), npz })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The grids that the stack is on.
    ///
    /// # Errors
    /// When the file does not hold them.
    pub fn descriptor(&mut self) -> Result<ImageDescriptor> {
        ImageDescriptor::read(&mut self.npz).map_err(|error| Error::from_format(&self.path, error))
    }

    /// The numbers of a key; `None` where it is missing, empty, or Python's None.
    ///
    /// # Errors
    /// When it can't be read, or holds no numbers.
    pub fn numbers(&mut self, name: &str) -> Result<Option<Vec<f64>>> {
        let Some(array) = self.array(name)? else { return Ok(None) };
        array.to_f64().map(Some).map_err(|error| Error::from_format(&self.path, error))
    }

    /// The same of whole numbers.
    ///
    /// # Errors
    /// As [`StackColumns::numbers`].
    pub fn whole_numbers(&mut self, name: &str) -> Result<Option<Vec<i64>>> {
        let Some(array) = self.array(name)? else { return Ok(None) };
        array.to_i64().map(Some).map_err(|error| Error::from_format(&self.path, error))
    }

    /// The same of whole numbers, 0 or above.
    ///
    /// # Errors
    /// As [`StackColumns::numbers`].
    pub fn identities(&mut self, name: &str) -> Result<Option<Vec<u64>>> {
        let Some(array) = self.array(name)? else { return Ok(None) };
        array.to_u64().map(Some).map_err(|error| Error::from_format(&self.path, error))
    }

    /// The same of texts.
    ///
    /// # Errors
    /// As [`StackColumns::numbers`].
    pub fn texts(&mut self, name: &str) -> Result<Option<Vec<Vec<u8>>>> {
        let Some(array) = self.array(name)? else { return Ok(None) };
        array.to_text().map(Some).map_err(|error| Error::from_format(&self.path, error))
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
        .with_hint("the folder was altered since the conversion"))
    }

    /// The value of a key that all images share.
    ///
    /// # Errors
    /// When the key is missing.
    pub fn of_all(&mut self, name: &str) -> Result<f64> {
        self.numbers(name)?.and_then(|values| values.first().copied()).ok_or_else(|| self.lacks(name))
    }

    /// The values of a key, one for each of `n_images`, where one value counts for all, and where CryoLike wrote the values of
    /// all stacks into each: there the stack's own begin at `first_image`, its first image's place among all.
    ///
    /// # Errors
    /// When there is another number of values.
    pub fn spread(&mut self, name: &str, n_images: usize, first_image: usize) -> Result<Option<Vec<f64>>> {
        let Some(values) = self.numbers(name)? else { return Ok(None) };
        if let [one] = values[..] {
            return Ok(Some(vec![one; n_images]));
        }
        match own_values(&values, n_images, first_image) {
            Some(own) => Ok(Some(own.to_vec())),
            None => Err(Error::format(format!(
                "`{}`: its `{name}` has {}, expected one or {n_images}",
                self.path.display(),
                counted(values.len(), "value")
            ))),
        }
    }

    fn array(&mut self, name: &str) -> Result<Option<verglas_formats::npy::NpyArray>> {
        if !self.npz.has(name) {
            return Ok(None);
        }
        let array = self.npz.read(name).map_err(|error| Error::from_format(&self.path, error))?;
        Ok((!array.is_none() && !array.is_empty()).then_some(array))
    }

    fn lacks(&self, name: &str) -> Error {
        Error::format(format!("`{}` has no `{name}`", self.path.display()))
            .with_hint("expected the metadata of a stack that `verglas convert` or CryoLike made")
    }
}

/// A stack's own values: all where there are as many as images; where CryoLike wrote those of all stacks into each, those from
/// `first_image` on.
pub fn own_values<T>(values: &[T], n_images: usize, first_image: usize) -> Option<&[T]> {
    match values.len() {
        n if n == n_images => Some(values),
        n if n > n_images => values.get(first_image..first_image.checked_add(n_images)?),
        _ => None,
    }
}
