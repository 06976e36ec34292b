//! One output stack: the Fourier tensor, the physical tensor, and the metadata, each whole or not there at all.

mod atomic;
mod metadata;
mod names;
mod tensor;

pub(crate) use atomic::{sync_folder, write_atomically};
pub(crate) use metadata::{ImageScales, StackMetadata};
pub(crate) use names::{FOURIER_FOLDER, PHYSICAL_FOLDER, PLOT_FOLDER, StackNames, is_stack_file_name};
pub(crate) use tensor::{FinishedFile, TensorFile};
