//! Particle images: where their files are, whether they are what the metadata say, and reading them.

mod check;
mod locate;
mod presence;
mod store;

pub(crate) use check::{BoxSize, StoredPixels, check_images};
pub(crate) use locate::locate_images;
pub(crate) use store::{ImageFile, ImageStore};
pub use store::{ReadFailure, Unreadable};

/// The pixels of one image as they are in its file: `[N, N]` row-major, axis 0 the slow axis of the MRC section, any
/// intensity unit. Every MRC mode fits into float32 exactly.
#[derive(Debug, Clone, Copy)]
pub struct RawImage<'a>(pub &'a [f32]);
