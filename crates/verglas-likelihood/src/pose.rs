//! Poses: of the grid, and between its points.

use verglas_fourier::pose::Matrix3;

/// Which template, where, and how it is turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pose {
    pub template: usize,
    pub displacement: usize,
    pub rotation: usize,
}

/// A pose: R, whose columns are the directions of image axis 0, image axis 1 and the view in the structure's frame, and how
/// far the template is moved in the image's frame, in Å.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ContinuousPose {
    /// R.
    pub rotation: Matrix3,
    /// Along image axes 0 and 1.
    pub shift_angstrom: [f64; 2],
}

/// A pose, and the score that the search found for it: its correlation, or where scales must be above 0 its gain − ½ ln A.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    pub score: f64,
    pub pose: Pose,
}

/// The best pose of an image with a template.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BestOfView {
    pub score: f64,
    pub displacement: u32,
    pub rotation: u32,
}
