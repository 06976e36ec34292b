//! One output stack: the Fourier tensor, the physical tensor, and the metadata, each whole or not there at all.

mod atomic;
mod metadata;
mod names;
mod tensor;
mod whole;

pub(crate) use atomic::{partial_sibling, sync_folder, write_atomically, write_atomically_via, write_whole};
pub(crate) use metadata::{ImageScales, StackMetadata};
pub(crate) use names::{FOURIER_FOLDER, PHYSICAL_FOLDER, PLOT_FOLDER, StackNames, stack_file_number};
pub(crate) use tensor::{FinishedFile, TensorFile};
pub(crate) use whole::{checksum_file, whole_metadata, whole_png, whole_tensor};
