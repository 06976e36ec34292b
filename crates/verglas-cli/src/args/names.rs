//! Words that an option takes, and what they are called in the library.

use clap::ValueEnum;
use verglas::grid::Precision;
use verglas::metadata::AngleUnit;
use verglas::settings::{ByteSign, Contrast, DefocusAngleAxis, DownsampleMethod, PixelSizeFrom, PixelType};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum AtomShapeName {
    Gaussian,
    HardSphere,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PrecisionName {
    Single,
    Double,
}

impl From<PrecisionName> for Precision {
    fn from(name: PrecisionName) -> Self {
        match name {
            PrecisionName::Single => Self::Single,
            PrecisionName::Double => Self::Double,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PixelSizeFromName {
    Caller,
    Metadata,
}

impl From<PixelSizeFromName> for PixelSizeFrom {
    fn from(name: PixelSizeFromName) -> Self {
        match name {
            PixelSizeFromName::Caller => Self::Caller,
            PixelSizeFromName::Metadata => Self::Metadata,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum DownsampleMethodName {
    /// Mean of each block of F × F pixels; moves the centre by (F − 1)/2 input pixels where 2F divides the box
    Mean,
    /// Largest of each block of F × F pixels; moves the centre as `mean` does
    Max,
    /// Crop in Fourier space: keeps the centre and the field of view
    Fourier,
}

impl From<DownsampleMethodName> for DownsampleMethod {
    fn from(name: DownsampleMethodName) -> Self {
        match name {
            DownsampleMethodName::Mean => Self::Mean,
            DownsampleMethodName::Max => Self::Max,
            DownsampleMethodName::Fourier => Self::Fourier,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ContrastName {
    /// Images stay as they are
    AsStored,
    /// Each image is multiplied by its blob/sign (.cs files only)
    BlobSign,
    /// Every image is multiplied by −1
    Invert,
}

impl From<ContrastName> for Contrast {
    fn from(name: ContrastName) -> Self {
        match name {
            ContrastName::AsStored => Self::AsStored,
            ContrastName::BlobSign => Self::BlobSign,
            ContrastName::Invert => Self::Invert,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ByteSignName {
    Signed,
    Unsigned,
}

impl From<ByteSignName> for ByteSign {
    fn from(name: ByteSignName) -> Self {
        match name {
            ByteSignName::Signed => Self::Signed,
            ByteSignName::Unsigned => Self::Unsigned,
        }
    }
}

/// Named as in NumPy.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PixelTypeName {
    Int8,
    Uint8,
    Int16,
    Uint16,
    Int32,
    Uint32,
    Float16,
    Float32,
    /// Rounded to 32 bits
    Float64,
}

impl From<PixelTypeName> for PixelType {
    fn from(name: PixelTypeName) -> Self {
        match name {
            PixelTypeName::Int8 => Self::Int8,
            PixelTypeName::Uint8 => Self::Uint8,
            PixelTypeName::Int16 => Self::Int16,
            PixelTypeName::Uint16 => Self::Uint16,
            PixelTypeName::Int32 => Self::Int32,
            PixelTypeName::Uint32 => Self::Uint32,
            PixelTypeName::Float16 => Self::Float16,
            PixelTypeName::Float32 => Self::Float32,
            PixelTypeName::Float64 => Self::Float64,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AngleUnitName {
    Degrees,
    Radians,
}

impl From<AngleUnitName> for AngleUnit {
    fn from(name: AngleUnitName) -> Self {
        match name {
            AngleUnitName::Degrees => Self::Degrees,
            AngleUnitName::Radians => Self::Radians,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum AxisName {
    Columns,
    Rows,
}

impl From<AxisName> for DefocusAngleAxis {
    fn from(name: AxisName) -> Self {
        match name {
            AxisName::Columns => Self::Columns,
            AxisName::Rows => Self::Rows,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LayoutName {
    /// One .star that names images in .mrcs stacks, as RELION 3.1 and later
    Star,
    /// Pairs of one .star and one .mrcs, in sequence
    StarPairs,
    /// One CryoSPARC .cs that names images
    Cs,
    /// A CryoSPARC job folder J1
    CsJob,
}
