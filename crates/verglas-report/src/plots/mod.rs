//! Charts that take their colours from the page, so that they are right in light and dark, and fill whatever width they get.
//!
//! Curves are SVG that is stretched; words stand beside them as text of the page, so that they keep their size.

mod axes;
mod histogram;
mod intervals;
mod power;
mod viewing_directions;

pub(crate) use histogram::histogram;
pub(crate) use intervals::{WithIntervals, intervals};
pub(crate) use power::{mean_power, power_and_ctf};
pub(crate) use viewing_directions::ViewingDirections;
