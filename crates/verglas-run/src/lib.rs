//! What every long job shares: the output folder and its lock, the manifest, shards, resuming an interrupted run,
//! the tensors that threads fill, and the progress of a run as seen from other processes.

pub mod descriptor;
pub mod disk;
mod existing;
pub mod folder;
pub mod manifest;
pub mod recorder;
pub mod resume;
pub mod shard;
pub mod status;
pub mod tensor;
pub mod verify;
pub mod whole;

pub use existing::Existing;
pub use shard::Shard;
