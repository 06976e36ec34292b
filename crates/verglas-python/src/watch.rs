//! Long work with the interpreter released, that Ctrl-C and the progress callback can stop.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use verglas::{Observer, StopFlag, Warning};

use crate::ending;

/// How often the interpreter is asked whether to stop. Short for a person, long for a processor.
const POLL: Duration = Duration::from_millis(100);

/// Counts what is done, and collects warnings.
#[derive(Debug, Default)]
pub struct Counter {
    n_images: AtomicU64,
    warnings: Mutex<Vec<Warning>>,
}

impl Counter {
    /// Warnings that came up.
    pub fn take_warnings(&self) -> Vec<Warning> {
        std::mem::take(&mut self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for Counter {
    fn images_done(&self, n: u64) {
        self.n_images.fetch_add(n, Ordering::Relaxed);
    }

    fn images_kept(&self, n: u64) {
        self.images_done(n);
    }

    fn warning(&self, warning: &Warning) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(warning.clone());
    }
}

/// Runs `work` on a thread of its own, while this one looks for signals and calls `progress(done, total)`.
///
/// The interpreter is free but for these calls, which happen on the thread that called; Python delivers signals to the
/// main thread only.
///
/// # Errors
/// The exception of a signal handler (`KeyboardInterrupt`) or of `progress`. The work was asked to stop and has ended
/// by then.
pub fn watched<T: Send>(
    py: Python<'_>,
    progress: Option<&Py<PyAny>>,
    total: u64,
    work: impl FnOnce(&Counter, &StopFlag) -> T + Send,
) -> PyResult<T> {
    let (counter, stop) = (Counter::default(), AtomicBool::new(false));
    let (mut interruption, mut reported) = (None, 0);
    let outcome = py.detach(|| {
        thread::scope(|scope| {
            // Dropped when the work ends, be it by a panic.
            let (is_running, end) = mpsc::channel::<()>();
            let (counter, stop) = (&counter, &stop);
            let worker = thread::Builder::new().spawn_scoped(scope, move || {
                let _is_running = is_running;
                work(counter, stop)
            })?;
            while let Err(RecvTimeoutError::Timeout) = end.recv_timeout(POLL) {
                if interruption.is_some() {
                    continue;
                }
                match ending::attached(|py| look(py, progress, counter, total, &mut reported)) {
                    Some(Ok(())) => {}
                    Some(Err(raised)) => {
                        stop.store(true, Ordering::Relaxed);
                        interruption = Some(raised);
                    }
                    // There is nobody left to report to.
                    None => stop.store(true, Ordering::Relaxed),
                }
            }
            Ok(worker.join())
        })
    });
    let outcome = outcome.map_err(|error: io::Error| PyOSError::new_err(format!("cannot start a thread: {error}")))?;
    let value = outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    match interruption {
        Some(raised) => Err(raised),
        None => {
            ending::within(|| look(py, progress, &counter, total, &mut reported)).transpose()?;
            Ok(value)
        }
    }
}

/// Lets signal handlers run, and reports progress if it has changed.
fn look(
    py: Python<'_>,
    progress: Option<&Py<PyAny>>,
    counter: &Counter,
    total: u64,
    reported: &mut u64,
) -> PyResult<()> {
    py.check_signals()?;
    let done = counter.n_images.load(Ordering::Relaxed);
    if let Some(progress) = progress
        && done > *reported
    {
        progress.call1(py, (done, total))?;
        *reported = done;
    }
    Ok(())
}
