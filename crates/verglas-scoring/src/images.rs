//! The values of images: read from stacks, or made on the way of particles.

use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::path::Path;

use num_complex::Complex;
use verglas_core::StopFlag;
use verglas_core::error::{Error, Result};
use verglas_formats::pt::PtFile;
use verglas_fourier::grid::Precision;
use verglas_particles::Conversion;
use verglas_particles::convert::ImageMaker;

use crate::number::{Number, read_images};
use crate::stacks::{ImageStack, StackOrigin};

/// What all stacks' images are had by.
pub(crate) enum ImageReader<'a> {
    /// They stand in files.
    Files,
    /// They are made, in single precision.
    Single(&'a Conversion, ImageMaker<'a, f32>),
    /// They are made, in double precision.
    Double(&'a Conversion, ImageMaker<'a, f64>),
}

/// One stack, its images being had.
pub(crate) enum OpenStack<'r, 'a> {
    File { path: &'r Path, file: Box<PtFile<BufReader<File>>> },
    Made { reader: &'r ImageReader<'a>, number: usize },
}

/// Images that are read at a time, so that little is held twice.
const READ_AT_ONCE: usize = 16;

impl<'a> ImageReader<'a> {
    /// For stacks of files, or those that `conversion` would write.
    ///
    /// # Errors
    /// When there can be no transform on its grids.
    pub(crate) fn new(conversion: Option<&'a Conversion>) -> Result<Self> {
        Ok(match conversion {
            None => Self::Files,
            Some(conversion) => match conversion.descriptor().precision {
                Precision::Single => Self::Single(conversion, conversion.plan_images()?),
                Precision::Double => Self::Double(conversion, conversion.plan_images()?),
            },
        })
    }

    /// The same, leaving out what can't be made whatever the settings say: to find out which images these are.
    pub(crate) fn leaving_out(self) -> Self {
        match self {
            Self::Files => Self::Files,
            Self::Single(conversion, maker) => Self::Single(conversion, maker.leaving_out()),
            Self::Double(conversion, maker) => Self::Double(conversion, maker.leaving_out()),
        }
    }

    /// Says which stacks will be opened from now on, each as often as it will be.
    pub(crate) fn expect(&self, stacks: &[usize]) {
        match self {
            Self::Files => {}
            Self::Single(conversion, _) | Self::Double(conversion, _) => conversion.expect_stacks(stacks),
        }
    }

    /// Opens a stack.
    ///
    /// # Errors
    /// When its tensor can't be read, or is not what it was when it was looked at.
    pub(crate) fn open<'r>(&'r self, stack: &'r ImageStack) -> Result<OpenStack<'r, 'a>> {
        let StackOrigin::Files { fourier, .. } = &stack.origin else {
            return Ok(OpenStack::Made { reader: self, number: stack.number });
        };
        let file = PtFile::open(fourier).map_err(|error| Error::from_format(fourier, error))?;
        if file.tensor().n_rows() == stack.n_images as u64 {
            return Ok(OpenStack::File { path: fourier, file: Box::new(file) });
        }
        let (n, path) = (file.tensor().n_rows(), fourier.display());
        Err(Error::format(format!("`{path}` has {n} images now, and had {} before", stack.n_images)))
    }
}

impl OpenStack<'_, '_> {
    /// Has the images of `range`: `[images, n_shells, n_inplanes]` in `values`, of `n_points` each. What comes back says for each
    /// why it can't be had, where the settings allow to leave such images out.
    ///
    /// # Errors
    /// When images can't be had and may not be left out; of the kind `Interrupted` when it is stopped.
    pub(crate) fn read<T: Number>(
        &mut self,
        range: Range<usize>,
        n_points: usize,
        values: &mut Vec<Complex<T>>,
        stop: &StopFlag,
    ) -> Result<Vec<Option<String>>> {
        values.clear();
        values.reserve_exact(range.len() * n_points);
        match self {
            Self::File { path, file } => {
                for start in range.clone().step_by(READ_AT_ONCE) {
                    read_images(file, path, start..range.end.min(start + READ_AT_ONCE), values)?;
                }
                Ok(vec![None; range.len()])
            }
            Self::Made { reader, number } => {
                values.resize(range.len() * n_points, Complex::default());
                match reader {
                    ImageReader::Single(_, maker) => maker.make(*number, range, values, from_single::<T>, stop),
                    ImageReader::Double(_, maker) => maker.make(*number, range, values, from_double::<T>, stop),
                    ImageReader::Files => Ok(vec![None; range.len()]),
                }
            }
        }
    }

    /// Bytes that the images of `range` take where they come from.
    pub(crate) fn bytes_of<T>(&self, range: Range<usize>, n_points: usize) -> u64 {
        match self {
            Self::Made { reader: ImageReader::Single(conversion, _) | ImageReader::Double(conversion, _), number } => {
                conversion.bytes_of_images(*number, range)
            }
            _ => (range.len() * n_points * size_of::<Complex<T>>()) as u64,
        }
    }
}

fn from_single<T: Number>(value: Complex<f32>) -> Complex<T> {
    from_double(Complex::new(f64::from(value.re), f64::from(value.im)))
}

fn from_double<T: Number>(value: Complex<f64>) -> Complex<T> {
    Complex::new(T::from_f64(value.re), T::from_f64(value.im))
}
