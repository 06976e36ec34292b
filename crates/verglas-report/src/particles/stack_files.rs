//! The stacks of an output folder of particles, opened and checked against what its manifest counts.

use std::path::{Path, PathBuf};

use verglas_core::error::{Error, Result};
use verglas_particles::stack::{ImageTensor, StackNames};
use verglas_run::descriptor::ImageDescriptor;
use verglas_run::manifest::FolderRecord;

use super::stack_metadata::StackMetadata;

/// A stack that the manifest lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StackEntry {
    pub(crate) number: usize,
    pub(crate) n_images: usize,
}

/// The stacks of an output folder.
#[derive(Debug, Clone)]
pub(crate) struct Stacks {
    pub(crate) root: PathBuf,
    /// Those with images, in the order of their numbers; never empty.
    pub(crate) entries: Vec<StackEntry>,
    pub(crate) descriptor: ImageDescriptor,
}

impl Stacks {
    /// The stacks of the folder at `root` that are whole.
    ///
    /// # Errors
    /// When there is none, or the first one's metadata don't hold the grids.
    pub(crate) fn new(root: &Path, folder: &FolderRecord) -> Result<Self> {
        let stacks = folder.stacks().into_iter().filter(|stack| stack.n_images > 0);
        let entries: Vec<StackEntry> =
            stacks.map(|stack| StackEntry { number: stack.number, n_images: stack.n_images }).collect();
        let Some(first) = entries.first() else {
            return Err(Error::value(format!("`{}` holds no whole stack yet", root.display()))
                .with_hint("finish the conversion first"));
        };
        let descriptor = ImageDescriptor::load(&root.join(StackNames::of(first.number).metadata))?;
        Ok(Self { root: root.to_owned(), entries, descriptor })
    }

    pub(crate) fn n_images(&self) -> usize {
        self.entries.iter().map(|entry| entry.n_images).sum()
    }

    /// Side of the box, pixels.
    pub(crate) fn n_pixels(&self) -> usize {
        self.descriptor.cartesian_grid.n_pixels()
    }

    /// Side of a pixel; the axes differ in no file that was seen, and a page needs one number.
    pub(crate) fn pixel_size_angstrom(&self) -> f64 {
        let [rows, columns] = self.descriptor.cartesian_grid.pixel_size_angstrom();
        (rows * columns).sqrt()
    }

    /// Side of the box.
    pub(crate) fn box_angstrom(&self) -> f64 {
        self.n_pixels() as f64 * self.pixel_size_angstrom()
    }

    /// The frequency at the rim of the polar grid, 1/Å.
    pub(crate) fn rim(&self) -> f64 {
        2.0 * self.descriptor.polar_grid.radius_max() / self.box_angstrom()
    }

    /// The frequency of each shell, 1/Å.
    pub(crate) fn frequencies(&self) -> Vec<f64> {
        let box_angstrom = self.box_angstrom();
        self.descriptor.polar_grid.radii().iter().map(|radius| 2.0 * radius / box_angstrom).collect()
    }

    pub(crate) fn metadata_path(&self, stack: StackEntry) -> PathBuf {
        self.root.join(StackNames::of(stack.number).metadata)
    }

    pub(crate) fn metadata(&self, stack: StackEntry) -> Result<StackMetadata> {
        StackMetadata::read(&self.metadata_path(stack), stack.n_images)
    }

    /// The physical images, `None` where there are none.
    pub(crate) fn physical(&self, stack: StackEntry) -> Result<Option<ImageTensor>> {
        let path = self.root.join(StackNames::of(stack.number).physical);
        ImageTensor::open_if_there(&path, [stack.n_images, self.n_pixels(), self.n_pixels()])
    }

    /// The Fourier images.
    pub(crate) fn fourier(&self, stack: StackEntry) -> Result<ImageTensor> {
        let path = self.root.join(StackNames::of(stack.number).fourier);
        let grid = &self.descriptor.polar_grid;
        ImageTensor::open(&path, [stack.n_images, grid.n_shells(), grid.n_inplanes()])
    }
}
