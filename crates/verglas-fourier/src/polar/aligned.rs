//! Memory that starts at a cache line, for vectors.

use bytemuck::{Pod, Zeroable};

/// A buffer of numbers, zero at first, to be used as vectors of any type up to a cache line.
#[derive(Debug)]
pub(crate) struct Aligned {
    lines: Vec<CacheLine>,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct CacheLine([u8; 64]);

impl Aligned {
    /// Room for `len` values of type `V`.
    pub(crate) fn new<V: Pod>(len: usize) -> Self {
        Self { lines: vec![CacheLine::zeroed(); Self::bytes::<V>(len) / size_of::<CacheLine>()] }
    }

    /// How much memory that takes.
    pub(crate) fn bytes<V: Pod>(len: usize) -> usize {
        (len * size_of::<V>()).next_multiple_of(size_of::<CacheLine>())
    }

    /// The buffer as values of type `V`, which must fill cache lines evenly.
    #[inline(always)]
    pub(crate) fn get<V: Pod>(&self) -> &[V] {
        bytemuck::cast_slice(&self.lines)
    }

    /// The buffer as values of type `V`, to be changed.
    #[inline(always)]
    pub(crate) fn get_mut<V: Pod>(&mut self) -> &mut [V] {
        bytemuck::cast_slice_mut(&mut self.lines)
    }
}
