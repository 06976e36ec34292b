//! Reads stacks of images by position: the Fourier images of a stack with all that is known of them.
//!
//! Files are read and not mapped into memory: one that shrinks while it is read must give an error, not a crash.

use std::ops::Range;
use std::path::{Path, PathBuf};

use bytemuck::cast_slice_mut;
use num_complex::Complex;
use verglas_core::error::{Error, Result};
use verglas_formats::pt::{ElementType, PtFile};
use verglas_fourier::grid::Precision;
use verglas_fourier::polar::Real;
use verglas_run::descriptor::ImageDescriptor;
use verglas_run::folder::JobFiles;

use super::columns::StackColumns;
use super::names::{ConversionFiles, FOURIER_FOLDER, StackNames};
use super::read::{ImageSources, StackMetadata};

/// One output stack, ours or CryoLike's: metadata, grids, and Fourier images that are read when they are asked for.
///
/// ```no_run
/// use num_complex::Complex;
/// use verglas_particles::stack::FourierStack;
///
/// let mut stack = FourierStack::open("stacks/fft/particles_fourier_stack_000000.npz")?;
/// let mut images = Vec::new();
/// for first in 0..stack.n_images() {
///     stack.read_images::<f32>(first, 1, &mut images)?;
///     let power: f32 = images.iter().map(Complex::norm_sqr).sum();
///     println!("{first}: {power}, defocus {} Å", stack.metadata().ctf(first).defocus_u_angstrom);
/// }
/// # Ok::<(), verglas_core::Error>(())
/// ```
#[derive(Debug)]
pub struct FourierStack {
    path: PathBuf,
    columns: StackColumns,
    metadata: StackMetadata,
    descriptor: ImageDescriptor,
    images: ImageTensor,
}

impl FourierStack {
    /// Opens a stack by its metadata (`….npz`) or its tensor (`….pt`).
    ///
    /// # Errors
    /// When a file can't be read, lacks what every stack has, or contradicts the other.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().with_extension("npz");
        let mut columns = StackColumns::open(&path)?;
        let descriptor = columns.descriptor()?;
        let metadata = columns.metadata()?;
        let grid = &descriptor.polar_grid;
        let shape = [metadata.n_images, grid.n_shells(), grid.n_inplanes()];
        let images = ImageTensor::open(&path.with_extension("pt"), shape)?;
        Ok(Self { path, columns, metadata, descriptor, images })
    }

    /// Opens stack `number`, from 0, of the output folder `folder`.
    ///
    /// # Errors
    /// As [`FourierStack::open`].
    pub fn open_in(folder: impl AsRef<Path>, number: usize) -> Result<Self> {
        Self::open(folder.as_ref().join(StackNames::of(number).metadata))
    }

    /// Images of the stack.
    pub fn n_images(&self) -> usize {
        self.metadata.n_images
    }

    /// The metadata of each image.
    pub fn metadata(&self) -> &StackMetadata {
        &self.metadata
    }

    /// The grids that the images are sampled on.
    pub fn descriptor(&self) -> &ImageDescriptor {
        &self.descriptor
    }

    /// Where each image comes from.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn read_sources(&mut self) -> Result<ImageSources> {
        self.columns.sources(self.metadata.n_images, None)
    }

    /// Reads `count` Fourier images from image `first` on into `images`: `[count, n_shells, n_inplanes]`, row-major. No
    /// more memory is taken than they need.
    ///
    /// # Errors
    /// As [`ImageTensor::read_complex`].
    pub fn read_images<T: Real>(&mut self, first: usize, count: usize, images: &mut Vec<Complex<T>>) -> Result<()> {
        self.images.read_complex(first, count, images)
    }

    /// Opens the physical images of the same stack, `[n_images, N, N]`; `None` where they were not written.
    ///
    /// # Errors
    /// When they are there and can't be read, or are of another shape.
    pub fn physical(&self) -> Result<Option<ImageTensor>> {
        let name = self.path.file_name().and_then(|name| name.to_str());
        let number = name.and_then(|name| ConversionFiles.unit_of(FOURIER_FOLDER, name));
        let root = self.path.parent().and_then(Path::parent);
        let Some((number, root)) = number.zip(root) else { return Ok(None) };
        let side = self.descriptor.cartesian_grid.n_pixels();
        ImageTensor::open_if_there(&root.join(StackNames::of(number).physical), [self.n_images(), side, side])
    }
}

/// A tensor of images, `[n_images, rows, columns]`, that is read by position.
///
/// A tensor that is a view into a larger storage, as `torch.save` writes slices, is read as what it shows.
#[derive(Debug)]
pub struct ImageTensor {
    path: PathBuf,
    file: PtFile,
    n_images: usize,
    values_per_image: usize,
}

impl ImageTensor {
    /// Opens the tensor at `path`, which must have the given shape.
    ///
    /// # Errors
    /// When it can't be read or has another shape.
    pub fn open(path: &Path, shape: [usize; 3]) -> Result<Self> {
        let file = PtFile::open(path).map_err(|error| Error::from_format(path, error))?;
        let expected = shape.map(|extent| extent as u64);
        if file.tensor().shape() != expected {
            return Err(Error::format(format!(
                "`{}` has the shape {:?}, expected {expected:?}",
                path.display(),
                file.tensor().shape()
            )));
        }
        let [n_images, rows, columns] = shape;
        Ok(Self { path: path.to_owned(), file, n_images, values_per_image: rows * columns })
    }

    /// [`ImageTensor::open`]; `None` where no file is.
    ///
    /// # Errors
    /// As [`ImageTensor::open`], for an existing file.
    pub fn open_if_there(path: &Path, shape: [usize; 3]) -> Result<Option<Self>> {
        if path.exists() { Self::open(path, shape).map(Some) } else { Ok(None) }
    }

    /// Images in it.
    pub fn n_images(&self) -> usize {
        self.n_images
    }

    /// Reads `count` real images from image `first` on into `images`.
    ///
    /// # Errors
    /// When there are fewer, they are not float32 values, or they can't be read.
    pub fn read_f32(&mut self, first: usize, count: usize, images: &mut Vec<f32>) -> Result<()> {
        let rows = self.rows(first, count)?;
        if self.file.tensor().element_type() != ElementType::Float32 {
            return Err(self.wrong_type(ElementType::Float32));
        }
        images.resize(count * self.values_per_image, 0.0);
        self.read_into(rows, cast_slice_mut(images), size_of::<f32>())
    }

    /// Reads `count` complex images from image `first` on into `images`. Single precision is widened where double is asked
    /// for; double is never rounded.
    ///
    /// # Errors
    /// When there are fewer, they are not complex values or double where single is needed, or they can't be read.
    pub fn read_complex<T: Real>(&mut self, first: usize, count: usize, images: &mut Vec<Complex<T>>) -> Result<()> {
        let rows = self.rows(first, count)?;
        match (self.file.tensor().element_type(), T::PRECISION) {
            (ElementType::Complex64, Precision::Single) | (ElementType::Complex128, Precision::Double) => {
                images.resize(count * self.values_per_image, Complex::default());
                self.read_into(rows, cast_slice_mut(images), size_of::<T>())
            }
            (ElementType::Complex64, Precision::Double) => {
                let narrow = self.file.read_complex64(rows).map_err(|error| Error::from_format(&self.path, error))?;
                images.clear();
                let widened = |part: f32| T::rounded(f64::from(part));
                images.extend(narrow.into_iter().map(|value| Complex::new(widened(value.re), widened(value.im))));
                Ok(())
            }
            (_, Precision::Single) => Err(self.wrong_type(ElementType::Complex64)),
            (_, Precision::Double) => Err(self.wrong_type(ElementType::Complex128)),
        }
    }

    fn rows(&self, first: usize, count: usize) -> Result<Range<u64>> {
        match first.checked_add(count) {
            Some(end) if end <= self.n_images => Ok(first as u64..end as u64),
            _ => Err(Error::value(format!(
                "{count} images from image {first} on asked for, `{}` holds {}",
                self.path.display(),
                self.n_images
            ))),
        }
    }

    /// Reads values whose numbers take `number_bytes` each.
    fn read_into(&mut self, rows: Range<u64>, bytes: &mut [u8], number_bytes: usize) -> Result<()> {
        self.file.read_bytes_into(rows, bytes).map_err(|error| Error::from_format(&self.path, error))?;
        if cfg!(target_endian = "big") {
            bytes.chunks_exact_mut(number_bytes).for_each(<[u8]>::reverse);
        }
        Ok(())
    }

    fn wrong_type(&self, wanted: ElementType) -> Error {
        Error::format(format!(
            "`{}` holds {} values, expected {}",
            self.path.display(),
            self.file.tensor().element_type().name(),
            wanted.name()
        ))
    }
}
