//! The columns of a STAR file that mean something to a conversion; every other column is passed over.

use crate::particle::Pairing;

macro_rules! fields {
    ($($field:ident,)*) => {
        /// A column of numbers, named as in RELION without `rln`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Field {
            $($field,)*
        }

        impl Field {
            /// Every field, in the order of the enumeration.
            pub(super) const ALL: [Field; [$(Field::$field),*].len()] = [$(Field::$field),*];

            /// The column's name without `rln`.
            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Field::$field => stringify!($field),)*
                }
            }

            /// The column's name as the file writes it, but for the underscore.
            pub(super) const fn written(self) -> &'static str {
                match self {
                    $(Field::$field => concat!("rln", stringify!($field)),)*
                }
            }
        }
    };
}

fields! {
    DefocusU,
    DefocusV,
    DefocusAngle,
    PhaseShift,
    SphericalAberration,
    Voltage,
    AmplitudeContrast,
    CtfBfactor,
    CtfScalefactor,
    AngleRot,
    AngleTilt,
    AnglePsi,
    ImagePixelSize,
    OriginXAngst,
    OriginYAngst,
    OriginX,
    OriginY,
    DetectorPixelSize,
    Magnification,
    BeamTiltX,
    BeamTiltY,
    MagMat00,
    MagMat01,
    MagMat10,
    MagMat11,
    CtfDataAreCtfPremultiplied,
    CtfDataArePhaseFlipped,
    ImageDimensionality,
    ImageSize,
    PixelSize,
    MicrographPixelSize,
    CtfDataAreCtfCorrected,
}

impl Field {
    /// Columns that every input must have.
    pub(super) const REQUIRED: [Field; 5] =
        [Field::DefocusU, Field::DefocusV, Field::DefocusAngle, Field::SphericalAberration, Field::Voltage];

    /// Columns that sequential input ignores even if present: the rows may describe other images of the same size.
    pub(super) const IGNORED_IN_SEQUENCE: [Field; 3] = [Field::AngleRot, Field::AngleTilt, Field::AnglePsi];

    /// Whether what the column holds decides nothing, so that it need not be a number: in sequence, the pixel size too.
    pub(super) fn is_lenient(self, pairing: Pairing) -> bool {
        self.is_only_reported() || (pairing == Pairing::Sequential && self == Field::ImagePixelSize)
    }

    /// Whether the column is read only to report that it is dropped; its values need not be numbers.
    pub(super) fn is_only_reported(self) -> bool {
        matches!(
            self,
            Field::BeamTiltX
                | Field::BeamTiltY
                | Field::MagMat00
                | Field::MagMat01
                | Field::MagMat10
                | Field::MagMat11
                | Field::CtfDataAreCtfPremultiplied
                | Field::CtfDataArePhaseFlipped
                | Field::ImageDimensionality
                | Field::ImageSize
                | Field::PixelSize
                | Field::MicrographPixelSize
                | Field::CtfDataAreCtfCorrected
        )
    }

    /// Whether the column says, alone or with another, how large pixels are.
    pub(super) fn is_pixel_size(self) -> bool {
        matches!(self, Field::ImagePixelSize | Field::DetectorPixelSize | Field::Magnification)
    }
}

/// The column that names image and section.
pub(super) const IMAGE_NAME: &str = "ImageName";
/// The column that joins particles and optics.
pub(super) const OPTICS_GROUP: &str = "OpticsGroup";
/// The optics group's name for people.
pub(super) const OPTICS_GROUP_NAME: &str = "OpticsGroupName";
/// Higher-order aberrations, lists of numbers in brackets.
pub(super) const ZERNIKES: [&str; 2] = ["OddZernike", "EvenZernike"];
/// Columns that only RELION's tomography particles have.
pub(super) const TOMOGRAPHY: [&str; 4] =
    ["TomoName", "TomoParticleName", "TomoVisibleFrames", "TomoSubtomogramBinning"];
