//! One tensor of a stack: a `.pt` file that workers fill image by image, in any order.

use std::os::unix::fs::FileExt;
use std::path::Path;

use crc32fast::Hasher;
use verglas_core::atomic::{FinishedFile, PartialFile, cannot_write};
use verglas_core::error::{Error, Result};
use verglas_formats::pt::{PtDtype, PtLayout};

/// A `.pt` file of shape `[n_images, …]`, being filled under a temporary name.
#[derive(Debug)]
pub struct TensorFile {
    partial: PartialFile,
    dtype: PtDtype,
    /// Shape of one image.
    image_shape: Vec<u64>,
    image_bytes: u64,
}

impl TensorFile {
    /// Starts the file of `n_images` images; its room on the disk is claimed as the images come.
    pub fn create(path: &Path, dtype: PtDtype, n_images: usize, image_shape: impl AsRef<[u64]>) -> Result<Self> {
        let image_shape = image_shape.as_ref().to_vec();
        let layout = tensor_layout(path, dtype, n_images, &image_shape)?;
        // Of no images, too.
        let image_bytes = image_shape.iter().product::<u64>() * dtype.bytes();
        let partial = PartialFile::create(path)?;
        partial.file().set_len(layout.file_bytes()).map_err(|error| cannot_write(path, &error))?;
        Ok(Self { partial, dtype, image_shape, image_bytes })
    }

    /// Writes consecutive images to their place, from image `first` on.
    pub fn write_images(&self, first: usize, bytes: &[u8]) -> Result<()> {
        let offset = PtLayout::DATA_OFFSET + first as u64 * self.image_bytes;
        self.partial.file().write_all_at(bytes, offset).map_err(|error| cannot_write(self.partial.path(), &error))
    }

    /// Moves the images at `kept`, in ascending order, together at the front, so that none of the others is left between.
    pub fn keep_images(&self, kept: &[usize]) -> Result<()> {
        let file = self.partial.file();
        let offset = |image: usize| PtLayout::DATA_OFFSET + image as u64 * self.image_bytes;
        let mut image = Vec::new();
        for (to, &from) in kept.iter().enumerate().filter(|(to, from)| to != *from) {
            image.resize(self.image_bytes as usize, 0);
            file.read_exact_at(&mut image, offset(from))
                .and_then(|()| file.write_all_at(&image, offset(to)))
                .map_err(|error| cannot_write(self.partial.path(), &error))?;
        }
        Ok(())
    }

    /// Completes the file with `image_crcs.len()` images, whose checksums are given, and publishes it.
    pub fn finish(&self, image_crcs: impl ExactSizeIterator<Item = u32>) -> Result<FinishedFile> {
        let path = self.partial.path().to_owned();
        let layout = tensor_layout(&path, self.dtype, image_crcs.len(), &self.image_shape)?;
        let mut data = Hasher::new();
        for crc in image_crcs {
            data.combine(&Hasher::new_with_initial_len(crc, self.image_bytes));
        }
        let data_crc = data.clone().finalize();
        let (prefix, suffix) = (layout.prefix(data_crc), layout.suffix(data_crc));
        let file = self.partial.file();
        file.write_all_at(&prefix, 0)
            .and_then(|()| file.write_all_at(&suffix, layout.file_bytes() - suffix.len() as u64))
            .and_then(|()| file.set_len(layout.file_bytes()))
            .map_err(|error| cannot_write(&path, &error))?;
        let mut whole = Hasher::new();
        whole.update(&prefix);
        whole.combine(&data);
        whole.update(&suffix);
        self.partial.publish()?;
        Ok(FinishedFile { bytes: layout.file_bytes(), crc32: whole.finalize() })
    }
}

/// The layout of a stack of images, each of `image_shape`.
///
/// # Errors
/// When it is larger than a file can be.
pub fn tensor_layout(path: &Path, dtype: PtDtype, n_images: usize, image_shape: &[u64]) -> Result<PtLayout> {
    let shape: Vec<u64> = std::iter::once(n_images as u64).chain(image_shape.iter().copied()).collect();
    PtLayout::new(dtype, &shape).map_err(|error| Error::from_format(path, error))
}
