//! The names of the arrays in a stack's metadata file, in addition to those of its descriptor, which
//! [`verglas_run::descriptor`] reads and writes. Shapes are as written: n is the number of images.

/// Defocus in the direction of [`DEFOCUS_ANGLE`], (n,), Å.
pub const DEFOCUS_U: &str = "defocusU";
/// The other defocus, (n,), Å.
pub const DEFOCUS_V: &str = "defocusV";
/// Direction of [`DEFOCUS_U`], (n,), radians.
pub const DEFOCUS_ANGLE: &str = "defocusAngle";
/// Phase shift, (n,), radians.
pub const PHASE_SHIFT: &str = "phaseShift";
/// Spherical aberration, (), mm.
pub const SPHERICAL_ABERRATION: &str = "sphericalAberration";
/// Acceleration voltage, (), kV.
pub const VOLTAGE: &str = "voltage";
/// Amplitude contrast, (), a fraction.
pub const AMPLITUDE_CONTRAST: &str = "amplitudeContrast";
/// First angle of the orientation, (n,) or empty, radians.
pub const ANGLE_ROTATION: &str = "angleRotation";
/// Second angle of the orientation, (n,) or empty, radians.
pub const ANGLE_TILT: &str = "angleTilt";
/// Third angle of the orientation, (n,) or empty, radians.
pub const ANGLE_PSI: &str = "anglePsi";
/// The metadata's own pixel size, (2,) or empty, Å.
pub const REF_PIXEL_SIZE: &str = "ref_pixel_size";
/// Image file of each image, (n,), text.
pub const FILES: &str = "files";
/// Section of each image in its file, (n,), from 0.
pub const SECTIONS: &str = "idxs";
/// B-factor of the CTF's envelope, (n,) or (), Å².
pub const CTF_BFACTOR: &str = "ctfBfactor";
/// Scale of the CTF, (n,) or ().
pub const CTF_SCALE_FACTOR: &str = "ctfScalefactor";
/// Number of images, ().
pub const N_IMAGES: &str = "n_images";
/// First image of the stack among those of its file, (), in stacks that never mix files.
pub const STACK_START: &str = "stack_start";
/// One past its last image among those of its file, ().
pub const STACK_END: &str = "stack_end";
/// Row of each image in the metadata, (n,), from 0.
pub const ROW: &str = "row";
/// CryoSPARC's identifier of each image, (n,) or empty.
pub const UID: &str = "uid";
/// Origin along the fast axis, (n,) or empty, Å.
pub const ORIGIN_X: &str = "originX";
/// Origin along the slow axis, (n,) or empty, Å.
pub const ORIGIN_Y: &str = "originY";
/// The mean that was subtracted from each image, (n,).
pub const IMAGE_MEAN: &str = "image_mean";
/// The value that each image was then divided by, (n,).
pub const IMAGE_MAX: &str = "image_max";
/// The norm that each Fourier image was divided by, (n,).
pub const FOURIER_NORM: &str = "fourier_norm";
/// From which axis [`DEFOCUS_ANGLE`] is measured, (), `columns` or `rows`.
pub const DEFOCUS_ANGLE_AXIS: &str = "defocusAngle_axis";
