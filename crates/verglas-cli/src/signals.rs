//! SIGINT and SIGTERM: the first asks a conversion to stop between images, a SIGINT after that ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

/// What a shell says of a process that a signal ended, less the signal's number.
const ENDED_BY_SIGNAL: i32 = 128;

/// Listens for signals from now on; until then they end the process as they do by default, which is right while nothing
/// is being written.
pub struct Signals {
    /// Set when it is time to stop.
    pub stop: Arc<AtomicBool>,
    received: Arc<AtomicUsize>,
}

impl Signals {
    pub fn listen() -> std::io::Result<Self> {
        let signals = Self { stop: Arc::default(), received: Arc::default() };
        // In this order: the first SIGINT finds the flag unset, sets it, and goes on.
        flag::register_conditional_shutdown(SIGINT, ENDED_BY_SIGNAL + SIGINT, Arc::clone(&signals.stop))?;
        for signal in [SIGINT, SIGTERM] {
            flag::register_usize(signal, Arc::clone(&signals.received), signal as usize)?;
            flag::register(signal, Arc::clone(&signals.stop))?;
        }
        // A file that may not grow (`ulimit -f`): with anything at all to listen for the signal, the write that was refused
        // comes back with an error that can be told.
        flag::register(SIGXFSZ, Arc::default())?;
        Ok(signals)
    }

    /// The exit code of a process that was asked to stop, if this one was.
    pub fn exit_code(&self) -> Option<u8> {
        let received = self.received.load(Ordering::Relaxed);
        (received > 0).then(|| u8::try_from(ENDED_BY_SIGNAL as usize + received).unwrap_or(u8::MAX))
    }
}
