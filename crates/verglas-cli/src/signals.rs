//! SIGINT and SIGTERM: the first asks a command to stop where nothing is lost, a later SIGINT ends the process at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use verglas::{Error, ErrorKind, Result};

use crate::failure::Failure;

/// What shells add to a signal's number to get the exit code of a process that it ended.
const ENDED_BY_SIGNAL: i32 = 128;

/// Listens for signals from now on; until then they end the process as they do by default, which is right while nothing
/// is being written.
#[derive(Debug, Default)]
pub struct Signals {
    /// The flag, set when it is time to stop.
    pub stop: Arc<AtomicBool>,
    received: Arc<AtomicUsize>,
}

/// SIGXFSZ, for a file that may not grow (`ulimit -f`): with any handler at all, the refused write returns an error that can
/// be reported. Where the system refuses even that, the signal ends the process.
pub fn survive_file_limits() {
    let _ = flag::register(SIGXFSZ, Arc::default());
}

impl Signals {
    /// The process's only one: the first call starts to listen.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> Result<&'static Self> {
        static SIGNALS: OnceLock<Signals> = OnceLock::new();
        if let Some(signals) = SIGNALS.get() {
            return Ok(signals);
        }
        let signals = Self::register().map_err(|error| Error::io("cannot listen for signals", &error))?;
        Ok(SIGNALS.get_or_init(|| signals))
    }

    fn register() -> std::io::Result<Self> {
        let signals = Self::default();
        // In this order: the first SIGINT finds the flag unset, sets it, and continues.
        flag::register_conditional_shutdown(SIGINT, ENDED_BY_SIGNAL + SIGINT, Arc::clone(&signals.stop))?;
        for signal in [SIGINT, SIGTERM] {
            flag::register_usize(signal, Arc::clone(&signals.received), signal as usize)?;
            flag::register(signal, Arc::clone(&signals.stop))?;
        }
        Ok(signals)
    }

    /// The failure of a command that ended with `error`: by a signal, if one stopped it.
    pub fn failure(&self, error: Error) -> Failure {
        match self.received.load(Ordering::Relaxed) {
            received if received > 0 && error.kind() == ErrorKind::Interrupted => {
                Failure::Stopped(error, u8::try_from(ENDED_BY_SIGNAL as usize + received).unwrap_or(u8::MAX))
            }
            _ => Failure::Run(error),
        }
    }
}
