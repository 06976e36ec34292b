//! The columns of a `.cs` file that mean something to a conversion; every other column is passed over undecoded.

macro_rules! fields {
    ($($field:ident = $name:literal,)*) => {
        /// A column, named as CryoSPARC does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Field {
            $($field,)*
        }

        impl Field {
            /// Every field, in the order of the enumeration.
            pub(super) const ALL: [Field; [$(Field::$field),*].len()] = [$(Field::$field),*];

            /// The column's name.
            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Field::$field => $name,)*
                }
            }
        }
    };
}

fields! {
    Uid = "uid",
    BlobPath = "blob/path",
    BlobIndex = "blob/idx",
    BlobPixelSize = "blob/psize_A",
    BlobSign = "blob/sign",
    BlobShape = "blob/shape",
    DefocusU = "ctf/df1_A",
    DefocusV = "ctf/df2_A",
    DefocusAngle = "ctf/df_angle_rad",
    SphericalAberration = "ctf/cs_mm",
    Voltage = "ctf/accel_kv",
    AmplitudeContrast = "ctf/amp_contrast",
    PhaseShift = "ctf/phase_shift_rad",
    Bfactor = "ctf/bfactor",
    Scale = "ctf/scale",
    ExposureGroup = "ctf/exp_group_id",
    Pose = "alignments3D/pose",
    Shift = "alignments3D/shift",
    AlignmentPixelSize = "alignments3D/psize_A",
    ImageShift = "ctf/shift_A",
    BeamTilt = "ctf/tilt_A",
    Trefoil = "ctf/trefoil_A",
    Tetrafoil = "ctf/tetra_A",
    AnisotropicMagnification = "ctf/anisomag",
    InPlaneAngle = "alignments2D/pose",
    InPlaneShift = "alignments2D/shift",
    InPlanePixelSize = "alignments2D/psize_A",
    MicrographPixelSize = "location/micrograph_psize_A",
}

impl Field {
    /// The fields of the contrast transfer function that every input must have.
    pub(super) const REQUIRED_CTF: [Field; 6] = [
        Field::DefocusU,
        Field::DefocusV,
        Field::DefocusAngle,
        Field::SphericalAberration,
        Field::Voltage,
        Field::AmplitudeContrast,
    ];

    /// The fields that name a particle's image.
    pub(super) const IMAGE: [Field; 2] = [Field::BlobPath, Field::BlobIndex];

    /// The fields of 2-D classification, used if there is no 3-D alignment.
    pub(super) const IN_PLANE: [Field; 3] = [Field::InPlaneAngle, Field::InPlaneShift, Field::InPlanePixelSize];

    /// Values that CryoLike's files have no place for: reported if they are not zero.
    pub(super) const DROPPED: [Field; 5] =
        [Field::ImageShift, Field::BeamTilt, Field::Trefoil, Field::Tetrafoil, Field::AnisotropicMagnification];

    /// How many values it has per row; `None` where any number will do.
    pub(super) fn n_values(self) -> Option<usize> {
        match self {
            Field::Pose => Some(3),
            Field::Shift | Field::InPlaneShift => Some(2),
            // Only compared with the images, or reported.
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
    fn fields_about_the_image_are_those_called_blob() {
        for field in Field::ALL {
            assert_eq!(field.is_blob(), field.name().starts_with("blob/"), "{field:?}");
        }
    }
}
