//! Templates: central slices through a structure's Fourier transform, one for each view.
//!
//! ```text
//! T[t, n, j] = F(q_n · R_t · (cos θ_j, sin θ_j, 0)),   q_n = 2 r_n / L     (1/Å; L the box in Å)
//!
//! beads   F(k) = Σ_a m_a · f_a(|k|) · exp(−2πi k·x_a)                      (x_a in Å from the origin)
//! maps    F(k) = Σ ρ[z, y, x] · exp(−2πi (k_x X + k_y Y + k_z Z))          (X, Y, Z the voxel's position from the origin)
//! ```
//!
//! [`SlicePlan`] computes it by gridding; [`direct`] sums it directly. R_t is [`crate::sphere::rotation`]'s.
//! `docs/math.md` derives the method and its error.

mod axis;
mod decide;
pub mod direct;
mod finish;
mod gridded;
mod interpolate;
mod layout;
mod parallel;
mod plan;
mod points;
mod spread;
mod structure;
mod summed;
mod volume;
mod weights;

pub use decide::{MAX_Q, SliceError, SliceEstimate, SliceMethod, SliceSettings, Structure};
pub use finish::{constant_image, normalise, remove_mean};
pub use plan::{SlicePlan, SomeShells};
pub use structure::{AtomMass, AtomShape, AxisOrder, Beads, Density, StructureError, Voxels};
pub use weights::SliceReal;
