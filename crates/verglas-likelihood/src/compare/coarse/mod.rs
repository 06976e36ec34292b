//! What half of the resolution says of all poses, so that few of them have to be looked at in full.
//!
//! Templates are compared on the inner half of the shells, at one of two rotations and on every second displacement; what a
//! pose gains by the other shells is bounded by what the right one may be expected to gain (`bounds.rs`). `docs/math.md` derives it.

mod bounds;
mod job;
mod nodes;
mod steps;
mod templates;

pub(super) use self::bounds::{Bounds, Decision};
pub use self::job::CoarseJob;
pub(super) use self::nodes::About;
pub use self::templates::CoarseTemplates;
