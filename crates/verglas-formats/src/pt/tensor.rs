//! The type of a tensor's values and their position.

use crate::error::{FormatError, Place, Result};

/// Axes that a tensor may have; CryoLike's have three.
pub const MAX_AXES: usize = 16;

/// The type of a tensor's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// `torch.float32`.
    Float32,
    /// `torch.float64`.
    Float64,
    /// `torch.float16`.
    Float16,
    /// `torch.bfloat16`.
    BFloat16,
    /// `torch.complex64`: two float32.
    Complex64,
    /// `torch.complex128`: two float64.
    Complex128,
    /// `torch.int64`.
    Int64,
    /// `torch.int32`.
    Int32,
    /// `torch.int16`.
    Int16,
    /// `torch.int8`.
    Int8,
    /// `torch.uint8`.
    Uint8,
    /// `torch.bool`.
    Bool,
}

impl ElementType {
    const ALL: [Self; 12] = [
        Self::Float32,
        Self::Float64,
        Self::Float16,
        Self::BFloat16,
        Self::Complex64,
        Self::Complex128,
        Self::Int64,
        Self::Int32,
        Self::Int16,
        Self::Int8,
        Self::Uint8,
        Self::Bool,
    ];

    /// Bytes of one value.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Int8 | Self::Uint8 | Self::Bool => 1,
            Self::Float16 | Self::BFloat16 | Self::Int16 => 2,
            Self::Float32 | Self::Int32 => 4,
            Self::Float64 | Self::Complex64 | Self::Int64 => 8,
            Self::Complex128 => 16,
        }
    }

    /// PyTorch's name, such as `complex64`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Float16 => "float16",
            Self::BFloat16 => "bfloat16",
            Self::Complex64 => "complex64",
            Self::Complex128 => "complex128",
            Self::Int64 => "int64",
            Self::Int32 => "int32",
            Self::Int16 => "int16",
            Self::Int8 => "int8",
            Self::Uint8 => "uint8",
            Self::Bool => "bool",
        }
    }

    /// Bytes that are swapped as one between byte orders: complex values are two numbers.
    pub(super) const fn number_bytes(self) -> usize {
        match self {
            Self::Complex64 => 4,
            Self::Complex128 => 8,
            other => other.bytes() as usize,
        }
    }

    /// The class in Python's module `torch` for storage of this type in a pickle.
    pub(super) const fn storage_class(self) -> &'static str {
        match self {
            Self::Float32 => "FloatStorage",
            Self::Float64 => "DoubleStorage",
            Self::Float16 => "HalfStorage",
            Self::BFloat16 => "BFloat16Storage",
            Self::Complex64 => "ComplexFloatStorage",
            Self::Complex128 => "ComplexDoubleStorage",
            Self::Int64 => "LongStorage",
            Self::Int32 => "IntStorage",
            Self::Int16 => "ShortStorage",
            Self::Int8 => "CharStorage",
            Self::Uint8 => "ByteStorage",
            Self::Bool => "BoolStorage",
        }
    }

    pub(super) fn from_storage_class(class: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|element| element.storage_class() == class)
    }
}

/// A tensor's description: the type and shape of its values, and where in a flat storage they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PtTensor {
    pub(super) element: ElementType,
    pub(super) shape: Vec<u64>,
    pub(super) strides: Vec<u64>,
    pub(super) storage_offset: u64,
    pub(super) storage_len: u64,
}

impl PtTensor {
    /// The type of its values.
    pub fn element_type(&self) -> ElementType {
        self.element
    }

    /// The extent of each axis; empty for a single value.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// How far apart neighbours along each axis lie, in values.
    pub fn strides(&self) -> &[u64] {
        &self.strides
    }

    /// Which value of the storage comes first, from 0.
    pub fn storage_offset(&self) -> u64 {
        self.storage_offset
    }

    /// Values in the storage, which may be more than the tensor has.
    pub fn storage_len(&self) -> u64 {
        self.storage_len
    }

    /// Values in the tensor.
    pub fn n_values(&self) -> u64 {
        self.shape.iter().product()
    }

    /// The extent of the first axis; 1 for a single value.
    pub fn n_rows(&self) -> u64 {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Values in one index of the first axis.
    pub fn values_per_row(&self) -> u64 {
        self.shape.iter().skip(1).product()
    }

    /// Whether its values lie in one piece, last axis fastest.
    pub fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        for (&extent, &stride) in self.shape.iter().zip(&self.strides).rev() {
            if extent > 1 && stride != expected {
                return self.n_values() == 0;
            }
            expected *= extent.max(1);
        }
        true
    }

    /// Checks that the tensor lies within its storage, and that no size overflows.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |message: String| Err(FormatError::malformed(Place::File, message));
        let (shape, strides) = (&self.shape, &self.strides);
        if shape.len() != strides.len() {
            return wrong(format!("the tensor has {} axes and {} strides", shape.len(), strides.len()));
        }
        let Some(n_values) = checked_values(self.element, shape) else {
            return wrong(format!("a tensor of shape {shape:?} is larger than a file can be"));
        };
        if n_values == 0 {
            return Ok(());
        }
        let last = shape.iter().zip(strides).try_fold(self.storage_offset, |last, (&extent, &stride)| {
            last.checked_add(stride.checked_mul(extent - 1)?)
        });
        if last.is_none_or(|last| last >= self.storage_len) {
            return wrong(format!(
                "a tensor of shape {shape:?} and strides {strides:?} from value {} reaches past its storage of {} values",
                self.storage_offset, self.storage_len
            ));
        }
        if n_values > self.storage_len {
            let message = format!("an expanded tensor: {n_values} values from a storage of {}", self.storage_len);
            return Err(FormatError::unsupported(Place::File, message)
                .with_hint("save a copy of its own: `torch.save(tensor.contiguous(), ...)`"));
        }
        Ok(())
    }
}

/// Values of a tensor of `shape`; none if their bytes overflow, counting extents of 0 as 1.
pub(super) fn checked_values(element: ElementType, shape: &[u64]) -> Option<u64> {
    let reach = shape.iter().try_fold(element.bytes(), |bytes, &n| bytes.checked_mul(n.max(1)))?;
    i64::try_from(reach).ok()?;
    Some(shape.iter().product())
}

/// Strides of a contiguous tensor, as PyTorch computes them.
pub(super) fn contiguous_strides(shape: &[u64]) -> Vec<u64> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis].max(1);
    }
    strides
}
