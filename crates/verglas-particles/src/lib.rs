//! From particle metadata and image stacks to polar Fourier stacks: the modules are in the order in which a particle
//! goes through them.

pub mod box_reach;
pub mod convert;
mod defocus_axis;
pub mod export;
pub mod image;
pub mod metadata;
pub mod particle;
mod pixel_size;
mod plan;
pub mod preprocess;
mod selection;
pub mod settings;
pub mod stack;
pub mod transform;
mod vector;
pub mod verify;

pub use convert::{Conversion, Summary};
pub use pixel_size::PixelSizeSource;
pub use settings::ConvertSettings;
