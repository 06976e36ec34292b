//! The viewing directions of a structure, with the weights that integrate over the sphere.
//!
//! ```text
//! f = 2π/Δ                                       Δ the viewing distance, radians
//! circles   3 + ⌈(3 + round f)/2⌉                at β = arccos of the Gauss–Legendre nodes of that order, nodes ascending
//! azimuths  n = 3 + round(f · sin β)             α = 2πk/n, k = 0 … n − 1, each of weight (Legendre weight) · 2π/n
//! ```
//!
//! Halves round to even. That is CryoLike's grid (`sample_sphere`), in its order.

mod asymmetric_unit;
mod symmetry;
mod views;

pub use symmetry::{MAX_FOLD, PointGroup, PointGroupError};
pub(crate) use views::legendre_half;
pub use views::{MAX_VIEWS, ViewError, Views, rotation};
