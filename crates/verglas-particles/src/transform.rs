//! From physical images to Fourier images on the polar grid, many at a time.
//!
//! They are computed by a [`PolarBackend`], chosen by [`Backend`] in the settings. So far there is only the processor;
//! another backend, for a GPU or another precision, implements these two traits and gets a name there.
//!
//! ```
//! use verglas_fourier::grid::PolarGrid;
//! use verglas_fourier::polar::PolarTransform;
//! use verglas_particles::image::RawImage;
//! use verglas_particles::preprocess::{DownsampledBox, Downsampler, PhysicalImages};
//! use verglas_particles::settings::Downsampling;
//! use verglas_particles::transform::{PolarBackend, PolarImages};
//!
//! let pixels: Vec<f32> = (0..64_u8).map(|pixel| f32::from(pixel % 7)).collect();
//! let downsampler = Downsampler::plan(DownsampledBox::new(8, Downsampling::default())?);
//! let mut physical = PhysicalImages::new(1, 8);
//! physical.normalize(0, downsampler.apply(RawImage(&pixels), &mut downsampler.scratch()))?;
//!
//! let backend: &dyn PolarBackend<f32> = &PolarTransform::plan(8, &PolarGrid::new(2.0, 0.25, 16)?)?;
//! let mut polar = PolarImages::new(1, backend.output_len());
//! let mut worker = backend.worker();
//! for (first, batch) in physical.runs(0..1) {
//!     polar.transform(first, batch, worker.as_mut())?;
//! }
//! let image = polar.get(0).ok_or("no image")??;
//! assert_eq!(image.values().len(), backend.output_len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An image that was not normalised can't be transformed:
//!
//! ```compile_fail,E0277
//! use verglas_particles::image::RawImage;
//! use verglas_particles::preprocess::PhysicalBatch;
//!
//! fn skip_normalization(raw: RawImage<'_>) -> PhysicalBatch<'_> {
//!     raw.into()
//! }
//! ```
//!
//! ```compile_fail,E0308
//! use verglas_particles::image::RawImage;
//! use verglas_particles::transform::{PolarImages, PolarWorker};
//!
//! fn skip_normalization(raw: RawImage<'_>, images: &mut PolarImages<f32>, worker: &mut dyn PolarWorker<f32>) {
//!     images.transform(0, raw, worker);
//! }
//! ```

use num_complex::Complex;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_fourier::grid::Precision;
use verglas_fourier::polar::{PolarScratch, PolarTransform, Real, TransformBytes};
use verglas_run::descriptor::ImageDescriptor;

use crate::preprocess::PhysicalBatch;
use crate::settings::Backend;

impl Backend {
    /// Plans the transform of images that `descriptor` describes.
    ///
    /// # Errors
    /// When it can't transform these.
    pub fn plan<T: Real>(self, descriptor: &ImageDescriptor) -> Result<Box<dyn PolarBackend<T>>> {
        let n_pixels = descriptor.cartesian_grid.n_pixels();
        match self {
            Self::Cpu => match PolarTransform::<T>::plan(n_pixels, &descriptor.polar_grid) {
                Ok(transform) => Ok(Box::new(transform)),
                Err(error) => Err(Error::caused_by(ErrorKind::Value, error)),
            },
        }
    }

    /// How much memory of this process plan and worker will take, known before anything is allocated.
    ///
    /// # Errors
    /// When it can't transform these images.
    pub fn estimate_bytes(self, descriptor: &ImageDescriptor) -> Result<TransformBytes> {
        let (n_pixels, grid) = (descriptor.cartesian_grid.n_pixels(), &descriptor.polar_grid);
        let bytes = match (self, descriptor.precision) {
            (Self::Cpu, Precision::Single) => PolarTransform::<f32>::estimate_bytes(n_pixels, grid),
            (Self::Cpu, Precision::Double) => PolarTransform::<f64>::estimate_bytes(n_pixels, grid),
        };
        bytes.map_err(|error| Error::caused_by(ErrorKind::Value, error))
    }
}

/// Transforms physical images of one box to the points of one polar grid; shared by all threads.
pub trait PolarBackend<T: Real>: Send + Sync {
    /// Values of one Fourier image, S · n_inplanes.
    fn output_len(&self) -> usize;

    /// How many images it likes to get at once, at least one; a worker takes any number.
    fn images_at_once(&self) -> usize;

    /// The memory that one thread needs.
    fn worker(&self) -> Box<dyn PolarWorker<T> + '_>;
}

/// One thread's part of a [`PolarBackend`].
pub trait PolarWorker<T: Real> {
    /// Transforms all of `images` and divides each Fourier image by its norm, sqrt(Σ |F|² · integration weight).
    ///
    /// * `values`: `[n_images, n_shells, n_inplanes]`, row-major; all of it is overwritten.
    /// * `norms`: one per image. Where it is 0 or not finite the values are not divided.
    ///
    /// # Errors
    /// When it can't be done at all, whatever the images are.
    fn transform(&mut self, images: PhysicalBatch<'_>, values: &mut [Complex<T>], norms: &mut [f64]) -> Result<()>;
}

impl<T: Real> PolarBackend<T> for PolarTransform<T> {
    fn output_len(&self) -> usize {
        PolarTransform::output_len(self)
    }

    /// One: its values are used while they are in the processor's cache.
    fn images_at_once(&self) -> usize {
        1
    }

    fn worker(&self) -> Box<dyn PolarWorker<T> + '_> {
        Box::new(CpuWorker { transform: self, scratch: self.scratch() })
    }
}

/// A thread of the processor.
struct CpuWorker<'a, T: Real> {
    transform: &'a PolarTransform<T>,
    scratch: PolarScratch<T>,
}

impl<T: Real> PolarWorker<T> for CpuWorker<'_, T> {
    fn transform(&mut self, images: PhysicalBatch<'_>, values: &mut [Complex<T>], norms: &mut [f64]) -> Result<()> {
        let values = values.chunks_exact_mut(self.transform.output_len());
        for ((image, values), norm) in images.images().zip(values).zip(norms) {
            *norm = self.transform.apply_normalized(image.pixels(), values, &mut self.scratch);
        }
        Ok(())
    }
}

/// Room for some Fourier images, each of which is there or not.
#[derive(Debug)]
pub struct PolarImages<T: Real> {
    /// `[room, n_shells, n_inplanes]`
    values: Vec<Complex<T>>,
    output_len: usize,
    /// `None` where no image is.
    norms: Vec<Option<f64>>,
    batch_norms: Vec<f64>,
}

/// One Fourier image on the polar grid, `[n_shells, n_inplanes]`, row-major, of norm 1. Only [`PolarImages`] makes one.
#[derive(Debug, Clone, Copy)]
pub struct PolarImage<'a, T: Real> {
    values: &'a [Complex<T>],
    norm: f64,
}

/// Why a transformed image is none: it is 0 on the whole grid, so that it can't be normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.as_str())]
pub struct Vanishing;

impl From<Vanishing> for Error {
    fn from(error: Vanishing) -> Self {
        Self::caused_by(ErrorKind::Value, error)
    }
}

impl Vanishing {
    /// What is wrong, to be appended to the image's name.
    pub fn as_str(self) -> &'static str {
        "its Fourier image vanishes on the grid, so it can't be normalised"
    }
}

impl<T: Real> PolarImages<T> {
    /// Room for `room` images of `output_len` values, none of which is there.
    pub fn new(room: usize, output_len: usize) -> Self {
        Self {
            values: vec![Complex::default(); room * output_len],
            output_len,
            norms: vec![None; room],
            batch_norms: vec![0.0; room],
        }
    }

    /// Drops all images; the memory is kept.
    pub fn clear(&mut self) {
        self.norms.fill(None);
    }

    /// Puts the Fourier images of `images` into the places from `first` on.
    ///
    /// # Errors
    /// When the backend fails.
    ///
    /// # Panics
    /// If there are fewer places.
    pub fn transform(
        &mut self,
        first: usize,
        images: PhysicalBatch<'_>,
        worker: &mut dyn PolarWorker<T>,
    ) -> Result<()> {
        let places = first..first + images.n_images();
        let values = &mut self.values[places.start * self.output_len..places.end * self.output_len];
        let batch_norms = &mut self.batch_norms[places.clone()];
        worker.transform(images, values, batch_norms)?;
        for (norm, &found) in self.norms[places].iter_mut().zip(&*batch_norms) {
            *norm = Some(found);
        }
        Ok(())
    }

    /// The image in place `index`, if one was put there.
    ///
    /// # Errors
    /// When it can't be normalised.
    pub fn get(&self, index: usize) -> Option<std::result::Result<PolarImage<'_, T>, Vanishing>> {
        let norm = self.norms.get(index).copied().flatten()?;
        if !(norm.is_finite() && norm > 0.0) {
            return Some(Err(Vanishing));
        }
        let values = &self.values[index * self.output_len..(index + 1) * self.output_len];
        Some(Ok(PolarImage { values, norm }))
    }

    /// The values of the first `n` places; places without an image may hold anything.
    pub fn values(&self, n: usize) -> &[Complex<T>] {
        &self.values[..n * self.output_len]
    }
}

impl<'a, T: Real> PolarImage<'a, T> {
    /// Its values.
    pub fn values(self) -> &'a [Complex<T>] {
        self.values
    }

    /// The norms that they were divided by.
    pub fn norm(self) -> f64 {
        self.norm
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::RawImage;
    use crate::preprocess::{DownsampledBox, Downsampler, PhysicalImages};
    use crate::settings::Downsampling;
    use verglas_fourier::grid::PolarGrid;

    #[test]
    fn a_batch_is_what_its_images_are_one_by_one() {
        const N: usize = 8;
        let transform = PolarTransform::<f32>::plan(N, &PolarGrid::new(2.0, 0.25, 16).unwrap()).unwrap();
        let downsampler = Downsampler::plan(DownsampledBox::new(N, Downsampling::default()).unwrap());
        let mut physical = PhysicalImages::new(3, N);
        let raw = |image: usize| (0..N * N).map(|pixel| ((pixel * (7 + image)) % 13) as f32).collect::<Vec<_>>();
        for index in [0, 2] {
            let raw = raw(index);
            physical.normalize(index, downsampler.apply(RawImage(&raw), &mut downsampler.scratch())).unwrap();
        }
        let mut polar = PolarImages::new(3, PolarBackend::output_len(&transform));
        let mut worker = transform.worker();
        for (first, batch) in physical.runs(0..3) {
            polar.transform(first, batch, worker.as_mut()).unwrap();
        }
        assert!(polar.get(1).is_none() && polar.get(3).is_none());
        for index in [0, 2] {
            let mut alone = vec![Complex::default(); transform.output_len()];
            let pixels = physical.get(index).unwrap().0.pixels();
            let norm = transform.apply_normalized(pixels, &mut alone, &mut transform.scratch());
            let image = polar.get(index).unwrap().unwrap();
            assert_eq!((image.values(), image.norm()), (alone.as_slice(), norm));
        }
        polar.clear();
        assert!(polar.get(0).is_none());
    }
}
