//! How a long job reports progress, and how it is stopped.

use std::sync::atomic::AtomicBool;

use crate::findings::Warning;

/// Receives the progress of a conversion; called from several threads.
pub trait Observer: Sync {
    /// `n` more images are computed and written to their place.
    fn images_done(&self, n: u64) {
        let _ = n;
    }

    /// `n` images are in the output folder already: an earlier run's stacks, which are kept. Called once, before the
    /// others.
    fn images_kept(&self, n: u64) {
        let _ = n;
    }

    /// What is done before the first image, in a few words; nothing once that is over.
    fn stage(&self, what: &str) {
        let _ = what;
    }

    /// A warning came up during the work; it is also in the summary and the manifest.
    fn warning(&self, warning: &Warning) {
        let _ = warning;
    }
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}

/// Set to stop a conversion between images; what is whole by then is kept.
pub type StopFlag = AtomicBool;
