//! A stack of converted images: the names of its files, what is written about it, and how it is read again, ours or
//! CryoLike's.

mod columns;
mod images;
pub mod keys;
mod metadata;
mod names;
mod read;
mod whole;

pub use columns::StackColumns;
pub use images::{FourierStack, ImageTensor};
pub(crate) use metadata::MetadataWriter;
pub use names::{ConversionFiles, FOURIER_FOLDER, PHYSICAL_FOLDER, PLOT_FOLDER, SKIPPED, StackNames};
pub use read::{Capture, ImageScales, ImageSources, StackMetadata};
pub(crate) use whole::whole_metadata;
