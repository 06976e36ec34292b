//! Runs the steps over a plan: read, normalise, transform, write; several threads, bounded memory, the same bytes always.

mod contrast;
mod deep;
mod grids;
mod images;
mod manifest;
mod memory;
mod prepare;
mod reports;
mod run;
mod stack_run;
mod summary;

pub use prepare::Conversion;
pub use summary::Summary;

use std::sync::atomic::AtomicBool;

/// Is told how a conversion goes on; called from several threads.
pub trait Observer: Sync {
    /// `n` more images are computed and written to their place.
    fn images_done(&self, n: u64) {
        let _ = n;
    }
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}

/// Set by whoever wants a conversion to stop between images; what is whole by then stays.
pub type StopFlag = AtomicBool;
