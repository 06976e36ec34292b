//! From pixels as stored to the physical image: fewer pixels if asked for, then mean 0 and largest absolute value 1.
//!
//! [`RawImage`](crate::image::RawImage) → [`DownsampledImage`] → [`PhysicalImage`] →
//! [`PolarImage`](crate::transform::PolarImage): [`Downsampler::apply`] makes the second, even without
//! downsampling, [`apply_normalization`] the third; [`PhysicalImages`] holds many of these for the transform. What
//! lies between float32 pixels as stored and float32 pixels of the physical image is float64, so that an image is
//! rounded once.

mod batch;
mod downsample;
mod fourier_crop;
mod moments;
mod normalize;

pub use batch::{PhysicalBatch, PhysicalImages};
pub(crate) use downsample::check_crop;
pub use downsample::{DownsampleScratch, DownsampledBox, DownsampledImage, Downsampler};
pub use normalize::{Degenerate, Normalization, PhysicalImage, apply_normalization};
