//! Templates (direct only).
pub mod direct;
mod finish;
mod structure;

pub use finish::{constant_image, normalise, remove_mean};
pub use structure::{AtomMass, AtomShape, AxisOrder, Beads, Density, StructureError, Voxels};
