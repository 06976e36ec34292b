//! Pixels that are not what the header's mode says: some programs write one and say another.

use std::fmt;

/// The kind of number that a pixel is stored as, for files whose mode is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PixelType {
    /// 8-bit signed integers.
    Int8,
    /// 8-bit unsigned integers.
    Uint8,
    /// 16-bit signed integers.
    Int16,
    /// 16-bit unsigned integers.
    Uint16,
    /// 32-bit signed integers; those beyond 2²⁴ are rounded to 32-bit floats.
    Int32,
    /// 32-bit unsigned integers; those beyond 2²⁴ are rounded to 32-bit floats.
    Uint32,
    /// 16-bit floats.
    Float16,
    /// 32-bit floats.
    Float32,
    /// 64-bit floats, which are rounded to 32-bit ones.
    Float64,
}

impl PixelType {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Int8,
        Self::Uint8,
        Self::Int16,
        Self::Uint16,
        Self::Int32,
        Self::Uint32,
        Self::Float16,
        Self::Float32,
        Self::Float64,
    ];

    /// NumPy's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Uint8 => "uint8",
            Self::Int16 => "int16",
            Self::Uint16 => "uint16",
            Self::Int32 => "int32",
            Self::Uint32 => "uint32",
            Self::Float16 => "float16",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
        }
    }

    /// The bytes of one pixel.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Int8 | Self::Uint8 => 1,
            Self::Int16 | Self::Uint16 | Self::Float16 => 2,
            Self::Int32 | Self::Uint32 | Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }
}

impl fmt::Display for PixelType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
