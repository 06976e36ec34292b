//! A stack of converted images: the names of its files, and what it says about itself.

mod columns;
mod metadata;
mod names;
mod whole;

pub use columns::{StackColumns, own_values};
pub(crate) use metadata::{ImageScales, StackMetadata};
pub use names::{ConversionFiles, FOURIER_FOLDER, PHYSICAL_FOLDER, PLOT_FOLDER, SKIPPED, StackNames};
pub(crate) use whole::whole_metadata;
