//! Poses that were found for images, as columns in place of what the source says.

use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_formats::npy::{ByteOrder, Dtype, Field, Kind, Scalar};
use verglas_fourier::pose::Pose;

use super::column::NewColumn;
use crate::convert::RecordedConversion;
use crate::vector::Vector;

/// The result for an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoundPose {
    /// RELION's rot, tilt, psi, degrees.
    pub angles_deg: [f64; 3],
    /// RELION's origin along x and y of the converted image, Å.
    pub origin_angstrom: [f64; 2],
    /// The structure that the pose is of, from 0.
    pub structure: u32,
    /// Of the image, if it shows that structure.
    pub log_likelihood: f64,
}

/// How the source's images relate to those that were converted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SourceImages {
    /// Their pixel size along x and y, Å.
    pixel_angstrom: [f64; 2],
    /// The middle of a converted image, from the middle of its source, pixels of the source along x and y.
    middle_pixels: f64,
}

impl SourceImages {
    /// By what the manifest of `folder` says of the conversion.
    ///
    /// # Errors
    /// When it says no pixel size.
    pub(super) fn of(recorded: &RecordedConversion, folder: &Path) -> Result<Self> {
        let Some([along_rows, along_columns]) = recorded.pixel_size else {
            return Err(Error::format(format!(
                "the manifest of `{}` says no pixel size of the input images",
                folder.display()
            )));
        };
        let boxes = recorded.n_input_pixels.zip(recorded.n_pixels);
        let middle_pixels = match (boxes, recorded.downsample, recorded.downsample_method.as_deref()) {
            // Cropping in Fourier space keeps the middle.
            (_, None | Some(0 | 1), _) | (_, _, Some("fourier")) | (None, _, _) => 0.0,
            (Some((before, after)), Some(factor), _) => middle_of_blocks(before, after, factor),
        };
        Ok(Self { pixel_angstrom: [along_columns, along_rows], middle_pixels })
    }

    /// A converted image's origin as that of its source.
    fn origin_of_source(&self, origin_angstrom: [f64; 2]) -> [f64; 2] {
        let along = |axis: usize| origin_angstrom[axis] - self.middle_pixels * self.pixel_angstrom[axis];
        [along(0), along(1)]
    }
}

/// The centre of the middle block, from pixel ⌊N/2⌋ of an image of N pixels, pixels: blocks of two pixels
/// have theirs between pixels.
fn middle_of_blocks(before: usize, after: usize, factor: usize) -> f64 {
    (factor * (after / 2)) as f64 + (factor - 1) as f64 / 2.0 - (before / 2) as f64
}

/// The columns of a STAR file.
#[derive(Debug)]
pub(super) struct StarPoses {
    /// Those that the output has in any case.
    pub(super) always: Vec<NewColumn>,
    /// Those that say the same in another unit: the output has them where the source has.
    pub(super) where_there: Vec<NewColumn>,
}

impl StarPoses {
    /// Of the images `poses`, in their order.
    pub(super) fn new(poses: &[FoundPose], images: &SourceImages) -> Self {
        let column = |name: &str, value: &dyn Fn(&FoundPose) -> f64| NewColumn {
            name: name.to_owned(),
            values: Vector::F64(poses.iter().map(value).collect()),
        };
        let origin = |pose: &FoundPose, axis: usize| images.origin_of_source(pose.origin_angstrom)[axis];
        let pixels = |pose: &FoundPose, axis: usize| origin(pose, axis) / images.pixel_angstrom[axis];
        let class = poses.iter().map(|pose| i64::from(pose.structure) + 1).collect();
        Self {
            always: vec![
                column("rlnAngleRot", &|pose| pose.angles_deg[0]),
                column("rlnAngleTilt", &|pose| pose.angles_deg[1]),
                column("rlnAnglePsi", &|pose| pose.angles_deg[2]),
                column("rlnOriginXAngst", &|pose| origin(pose, 0)),
                column("rlnOriginYAngst", &|pose| origin(pose, 1)),
                NewColumn { name: "rlnClassNumber".to_owned(), values: Vector::I64(class) },
                column("rlnLogLikeliContribution", &|pose| pose.log_likelihood),
            ],
            where_there: vec![
                column("rlnOriginX", &|pose| pixels(pose, 0)),
                column("rlnOriginY", &|pose| pixels(pose, 1)),
            ],
        }
    }
}

/// A column of a `.cs` file with any number of values a row.
#[derive(Debug)]
pub(super) struct CsPoseColumn {
    pub(super) name: &'static str,
    pub(super) shape: &'static [usize],
    /// Of all rows, one after the other.
    values: Vec<f64>,
    /// The type that it gets where the source has no such field.
    usual: (Kind, usize),
}

/// The columns of a `.cs` file for the images `poses`, in their order.
pub(super) fn cs_poses(poses: &[FoundPose], images: &SourceImages) -> Vec<CsPoseColumn> {
    let column = |name, shape, usual, values| CsPoseColumn { name, shape, values, usual };
    let (single, double) = ((Kind::Float, 4), (Kind::Float, 8));
    let [pixel, _] = images.pixel_angstrom;
    let vector = |pose: &FoundPose| {
        let [rot, tilt, psi] = pose.angles_deg;
        Pose::from_degrees(rot, tilt, psi).rotation_vector()
    };
    let shift = |pose: &FoundPose| images.origin_of_source(pose.origin_angstrom).map(|origin| origin / pixel);
    vec![
        column("alignments3D/pose", &[3], single, poses.iter().flat_map(vector).collect()),
        column("alignments3D/shift", &[2], single, poses.iter().flat_map(shift).collect()),
        column("alignments3D/psize_A", &[], single, vec![pixel; poses.len()]),
        column(
            "alignments3D/class",
            &[],
            (Kind::Uint, 4),
            poses.iter().map(|pose| f64::from(pose.structure)).collect(),
        ),
        column("verglas/log_likelihood", &[], double, poses.iter().map(|pose| pose.log_likelihood).collect()),
    ]
}

impl CsPoseColumn {
    /// The values in the type of the source's own field of this name, if it has one.
    ///
    /// # Errors
    /// When that field can't hold them.
    pub(super) fn values_for(&self, there: Option<&Field>, source: &Path) -> Result<Vector> {
        let usual =
            Scalar { kind: self.usual.0, order: ByteOrder::Little, item_bytes: self.usual.1, unit: String::new() };
        let (dtype, shape) = match there {
            Some(field) => (field.dtype.clone(), field.shape.as_slice()),
            None => (Dtype::Scalar(usual), self.shape),
        };
        let values = match &dtype {
            Dtype::Scalar(scalar) if shape == self.shape && scalar.order == ByteOrder::Little => self.values_as(scalar),
            _ => None,
        };
        values.ok_or_else(|| {
            Error::value(format!(
                "`{}`: its field `{}` is {dtype} of shape {shape:?}, which can't hold numbers of shape {:?}",
                source.display(),
                self.name,
                self.shape
            ))
        })
    }

    fn values_as(&self, scalar: &Scalar) -> Option<Vector> {
        let values = self.values.iter().copied();
        Some(match (scalar.kind, scalar.item_bytes) {
            (Kind::Float, 4) => Vector::F32(values.map(|value| value as f32).collect()),
            (Kind::Float, 8) => Vector::F64(values.collect()),
            // Structures are counted in whole numbers, everything else is not.
            _ if self.usual.0 == Kind::Float => return None,
            (Kind::Uint, 4) => Vector::U32(values.map(|value| value as u32).collect()),
            (Kind::Uint, 8) => Vector::U64(values.map(|value| value as u64).collect()),
            (Kind::Int, 4) => Vector::I32(values.map(|value| value as i32).collect()),
            (Kind::Int, 8) => Vector::I64(values.map(|value| value as i64).collect()),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_blocks_lies_between_pixels() {
        // Pixels 0 to 7 in twos: block 2 is of pixels 4 and 5, and the middle is pixel 4.
        assert_eq!(middle_of_blocks(8, 4, 2), 0.5);
        // In threes of 9: block 1 is of pixels 3, 4, 5, and 4 is the middle.
        assert_eq!(middle_of_blocks(9, 3, 3), 0.0);
        // In threes of 12: block 2 is of pixels 6, 7, 8, and 6 is the middle.
        assert_eq!(middle_of_blocks(12, 4, 3), 1.0);
        // In twos of 10, which gives an odd side: block 2 of 0 to 4 is of pixels 4 and 5, and 5 is the middle.
        assert_eq!(middle_of_blocks(10, 5, 2), -0.5);
    }
}
