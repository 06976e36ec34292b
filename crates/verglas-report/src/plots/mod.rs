//! Charts that take their colours from the page, so that they look right in light and dark, and fill any width.
//!
//! Curves are SVG that is stretched; labels are text of the page next to it, so that they keep their size.

mod axes;
mod histogram;
mod intervals;
mod mollweide;
mod noise;
mod power;
mod running_sum;
mod sphere_points;
mod square;
mod strips;
mod view_map;
mod viewing_directions;

pub(crate) use histogram::{histogram, signed_histogram};
pub(crate) use intervals::{WithIntervals, intervals};
pub(crate) use noise::noise_spectra;
pub(crate) use power::{mean_power, power_and_ctf};
pub(crate) use running_sum::RunningSum;
pub(crate) use square::Square;
pub(crate) use strips::{Strip, strips};
pub(crate) use view_map::ViewMap;
pub(crate) use viewing_directions::ViewingDirections;
