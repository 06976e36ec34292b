//! Structures that templates are made of: atoms as beads, and density maps.
//!
//! | module | what it does |
//! |---|---|
//! | [`source`] | recognises inputs by their endings; names, lists of paths |
//! | [`choice`] | which models of a file, which frames of a trajectory |
//! | [`structure`] | atoms become residues and chains; one of each set of alternates is chosen |
//! | [`residues`], [`elements`] | radii, letters, masses |
//! | [`selection`] | which atoms, in mdtraj's grammar |
//! | [`beads`] | atoms become beads around an origin; what is left out is reported |
//! | [`map`] | maps and arrays become densities with the place of their voxels |
//! | [`load`] | all of it, for a list of inputs |
//! | [`inspect`] | what is in a file |
//! | [`templates`] | a job that makes templates of all of them, and readers of its output |
//!
//! All numbers are in double precision as the files write them, lengths in Å.

pub mod beads;
pub mod choice;
pub mod elements;
pub mod inspect;
pub mod load;
pub mod map;
pub mod residues;
pub mod selection;
mod sliceable;
pub mod source;
pub mod structure;
pub mod templates;

pub use beads::{BeadSettings, Beads, Center};
pub use choice::{Frames, Models};
pub use load::{Content, Input, LoadSettings, Part, Planned, Structures};
pub use map::{AxisOrder, Density, MapSettings, Voxels};
pub use selection::Selection;
pub use source::InputKind;
pub use structure::{Residue, ResidueKind, Structure};
