//! Whether an image can be compared, looked at by itself.

use num_complex::Complex;

use crate::error::LikelihoodError;
use crate::formula::Formula;
use crate::geometry::Geometry;
use crate::real::Real;
use crate::sets::first_not_finite;
use crate::sums::ImageSums;

/// Looks at one image after the other, as a comparison would.
#[derive(Debug)]
pub struct ImageCheck<'a> {
    geometry: &'a Geometry,
    formula: Formula,
    sums: ImageSums,
}

impl<'a> ImageCheck<'a> {
    /// For images on the grid of `geometry` that will be compared by `formula`.
    pub fn new(geometry: &'a Geometry, formula: Formula) -> Self {
        let mut sums = ImageSums::new(geometry);
        sums.contrast.fill(1.0);
        Self { geometry, formula, sums }
    }

    /// Whether the image `values`, `[n_shells, n_inplanes]`, can be compared; an error calls it `image`.
    ///
    /// # Errors
    /// When its length is another, a value is not finite, or nothing is left once the constant is taken out.
    pub fn look<T: Real>(&mut self, image: usize, values: &[Complex<T>]) -> Result<(), LikelihoodError> {
        LikelihoodError::check_length("image", self.geometry.n_points(), values.len())?;
        if let Some(place) = first_not_finite(values) {
            let n_inplanes = self.geometry.n_inplanes();
            let (shell, inplane) = (place / n_inplanes, place % n_inplanes);
            return Err(LikelihoodError::ImageNotFinite { image, shell, inplane });
        }
        for (value, stored) in self.sums.values.iter_mut().zip(values) {
            *value = Complex::new(stored.re.to_f64(), stored.im.to_f64());
        }
        self.sums.sum(self.geometry, self.formula, image)
    }
}
