//! How a long job tells of its progress, and how it is stopped.

use std::sync::atomic::AtomicBool;

use crate::findings::Warning;

/// Is told how a conversion goes on; called from several threads.
pub trait Observer: Sync {
    /// `n` more images are computed and written to their place.
    fn images_done(&self, n: u64) {
        let _ = n;
    }

    /// `n` images are in the output folder already: an earlier run's stacks, which stay. Told once, before the others.
    fn images_kept(&self, n: u64) {
        let _ = n;
    }

    /// What is done before the first image, in a few words; nothing once that is over.
    fn stage(&self, what: &str) {
        let _ = what;
    }

    /// Something to tell came up on the way; it is in the summary and the manifest too.
    fn warning(&self, warning: &Warning) {
        let _ = warning;
    }
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}

/// Set by whoever wants a conversion to stop between images; what is whole by then stays.
pub type StopFlag = AtomicBool;
