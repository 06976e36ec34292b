//! The columns of a `.cs` file that mean something to a conversion; every other column is passed over undecoded.

/// A column, named as CryoSPARC does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Uid,
    BlobPath,
    BlobIndex,
    BlobPixelSize,
    BlobSign,
    BlobShape,
    DefocusU,
    DefocusV,
    DefocusAngle,
    SphericalAberration,
    Voltage,
    AmplitudeContrast,
    PhaseShift,
    Bfactor,
    Scale,
    ExposureGroup,
    Pose,
    Shift,
    AlignmentPixelSize,
    ImageShift,
    BeamTilt,
    Trefoil,
    Tetrafoil,
    AnisotropicMagnification,
    InPlaneAngle,
    InPlaneShift,
    InPlanePixelSize,
    MicrographPixelSize,
}

impl Field {
    /// Every field, in the order of the enumeration.
    pub(super) const ALL: [Field; 28] = [
        Field::Uid,
        Field::BlobPath,
        Field::BlobIndex,
        Field::BlobPixelSize,
        Field::BlobSign,
        Field::BlobShape,
        Field::DefocusU,
        Field::DefocusV,
        Field::DefocusAngle,
        Field::SphericalAberration,
        Field::Voltage,
        Field::AmplitudeContrast,
        Field::PhaseShift,
        Field::Bfactor,
        Field::Scale,
        Field::ExposureGroup,
        Field::Pose,
        Field::Shift,
        Field::AlignmentPixelSize,
        Field::ImageShift,
        Field::BeamTilt,
        Field::Trefoil,
        Field::Tetrafoil,
        Field::AnisotropicMagnification,
        Field::InPlaneAngle,
        Field::InPlaneShift,
        Field::InPlanePixelSize,
        Field::MicrographPixelSize,
    ];

    /// What every input must say of the contrast transfer function.
    pub(super) const REQUIRED_CTF: [Field; 6] = [
        Field::DefocusU,
        Field::DefocusV,
        Field::DefocusAngle,
        Field::SphericalAberration,
        Field::Voltage,
        Field::AmplitudeContrast,
    ];

    /// What names a particle's image.
    pub(super) const IMAGE: [Field; 2] = [Field::BlobPath, Field::BlobIndex];

    /// What 2-D classification says of a particle, used where no 3-D alignment is there.
    pub(super) const IN_PLANE: [Field; 3] = [Field::InPlaneAngle, Field::InPlaneShift, Field::InPlanePixelSize];

    /// Values that CryoLike's files have no place for: told when they are not zero.
    pub(super) const DROPPED: [Field; 5] =
        [Field::ImageShift, Field::BeamTilt, Field::Trefoil, Field::Tetrafoil, Field::AnisotropicMagnification];

    /// The column's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Field::Uid => "uid",
            Field::BlobPath => "blob/path",
            Field::BlobIndex => "blob/idx",
            Field::BlobPixelSize => "blob/psize_A",
            Field::BlobSign => "blob/sign",
            Field::BlobShape => "blob/shape",
            Field::DefocusU => "ctf/df1_A",
            Field::DefocusV => "ctf/df2_A",
            Field::DefocusAngle => "ctf/df_angle_rad",
            Field::SphericalAberration => "ctf/cs_mm",
            Field::Voltage => "ctf/accel_kv",
            Field::AmplitudeContrast => "ctf/amp_contrast",
            Field::PhaseShift => "ctf/phase_shift_rad",
            Field::Bfactor => "ctf/bfactor",
            Field::Scale => "ctf/scale",
            Field::ExposureGroup => "ctf/exp_group_id",
            Field::Pose => "alignments3D/pose",
            Field::Shift => "alignments3D/shift",
            Field::AlignmentPixelSize => "alignments3D/psize_A",
            Field::ImageShift => "ctf/shift_A",
            Field::BeamTilt => "ctf/tilt_A",
            Field::Trefoil => "ctf/trefoil_A",
            Field::Tetrafoil => "ctf/tetra_A",
            Field::AnisotropicMagnification => "ctf/anisomag",
            Field::InPlaneAngle => "alignments2D/pose",
            Field::InPlaneShift => "alignments2D/shift",
            Field::InPlanePixelSize => "alignments2D/psize_A",
            Field::MicrographPixelSize => "location/micrograph_psize_A",
        }
    }

    /// How many values it has per row; `None` where any number will do.
    pub(super) fn n_values(self) -> Option<usize> {
        match self {
            Field::Pose => Some(3),
            Field::Shift | Field::InPlaneShift => Some(2),
            // Only compared with the images, or told.
            Field::BlobShape | Field::MicrographPixelSize => None,
            dropped if Field::DROPPED.contains(&dropped) => None,
            _ => Some(1),
        }
    }

    /// Whether it is about the stored image, and not about the particle.
    pub(super) fn is_blob(self) -> bool {
        matches!(self, Field::BlobPath | Field::BlobIndex | Field::BlobPixelSize | Field::BlobSign | Field::BlobShape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_stands_once_in_the_order_of_the_enumeration() {
        for (index, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(field as usize, index, "{field:?}");
        }
    }

    #[test]
    fn fields_about_the_image_are_those_called_blob() {
        for field in Field::ALL {
            assert_eq!(field.is_blob(), field.name().starts_with("blob/"), "{field:?}");
        }
    }
}
