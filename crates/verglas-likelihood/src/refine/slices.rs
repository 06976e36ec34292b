//! Templates between the views.

use num_complex::Complex;
use verglas_fourier::pose::Matrix3;

use crate::error::LikelihoodError;

/// Where templates of any rotation come from.
pub trait Slices: Sync {
    /// The templates of norm 1 at some rotations, `[rotations, n_shells, n_inplanes]`; a rotation's columns are the
    /// directions of image axis 0, image axis 1 and the view in the structure's frame.
    ///
    /// # Errors
    /// When there is none.
    fn take(&self, rotations: &[Matrix3], out: &mut [Complex<f64>]) -> Result<(), LikelihoodError>;
}
