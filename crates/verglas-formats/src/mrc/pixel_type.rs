//! Pixels that are not what the header's mode says: some programs write one and say another.

use verglas_choice::choice;

choice! {
    /// The kind of number that a pixel is stored as, for files whose mode is wrong; named as in NumPy.
    pub enum PixelType("pixel type") {
        /// 8-bit signed integers.
        Int8 = "int8",
        /// 8-bit unsigned integers.
        Uint8 = "uint8",
        /// 16-bit signed integers.
        Int16 = "int16",
        /// 16-bit unsigned integers.
        Uint16 = "uint16",
        /// 32-bit signed integers; those beyond 2²⁴ are rounded to 32-bit floats.
        Int32 = "int32",
        /// 32-bit unsigned integers; those beyond 2²⁴ are rounded to 32-bit floats.
        Uint32 = "uint32",
        /// 16-bit floats.
        Float16 = "float16",
        /// 32-bit floats.
        Float32 = "float32",
        /// 64-bit floats, which are rounded to 32-bit ones.
        Float64 = "float64",
    }
}

impl PixelType {
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
