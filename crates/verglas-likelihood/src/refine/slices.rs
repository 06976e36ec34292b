//! Templates between the views.

use num_complex::Complex;
use verglas_fourier::pose::Matrix3;
use verglas_fourier::slices::SomeShells;

use crate::error::LikelihoodError;

/// Where templates of any rotation come from.
pub trait Slices: Sync {
    /// The templates of norm 1 at some rotations, `[rotations, n_shells, n_inplanes]`; a rotation's columns are the
    /// directions of image axis 0, image axis 1 and the view in the structure's frame.
    ///
    /// # Errors
    /// When there is none.
    fn take(&self, rotations: &[Matrix3], out: &mut [Complex<f64>]) -> Result<(), LikelihoodError>;

    /// The same, rounded.
    ///
    /// # Errors
    /// As [`Slices::take`].
    fn take_rounded(&self, rotations: &[Matrix3], out: &mut [Complex<f32>]) -> Result<(), LikelihoodError> {
        let mut values = vec![Complex::default(); out.len()];
        self.take(rotations, &mut values)?;
        for (out, value) in out.iter_mut().zip(values) {
            *out = Complex::new(value.re as f32, value.im as f32);
        }
        Ok(())
    }

    /// The same on some shells alone, `[rotations, shells, n_inplanes]`, of norm 1 by the weights that are given; false where they can't be had alone,
    /// and nothing is done.
    ///
    /// # Errors
    /// As [`Slices::take`].
    fn take_on(&self, _: &SomeShells, _: &[Matrix3], _: &mut [Complex<f32>]) -> Result<bool, LikelihoodError> {
        Ok(false)
    }
}
