//! Long work with the interpreter released, that Ctrl-C and the progress callback can stop.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError};
use pyo3::prelude::*;
use verglas::{Error, ErrorKind, Observer, StopFlag, Warning};

use crate::ending;
use crate::error::exception;

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
    match run(py, progress, total, work)? {
        (_, Some(raised)) => Err(raised),
        (value, None) => Ok(value),
    }
}

/// The same for a job. Where Ctrl-C stopped it, the exception says what the job says: what is kept.
///
/// # Errors
/// As [`watched`]; and the job's own.
pub fn watched_job<T: Send>(
    py: Python<'_>,
    progress: Option<&Py<PyAny>>,
    total: u64,
    work: impl FnOnce(&Counter, &StopFlag) -> verglas::Result<T> + Send,
) -> PyResult<T> {
    match run(py, progress, total, work)? {
        (Err(stopped), Some(raised)) if says_nothing(py, &raised) => Err(with_words(py, &raised, &stopped)),
        (_, Some(raised)) => Err(raised),
        (made, None) => made.map_err(|error| exception(&error)),
    }
}

/// Whether it is the interpreter's own `KeyboardInterrupt`, which has no text.
fn says_nothing(py: Python<'_>, raised: &PyErr) -> bool {
    raised.get_type(py).is(py.get_type::<PyKeyboardInterrupt>())
        && raised.value(py).str().is_ok_and(|text| text.to_string_lossy().is_empty())
}

/// The interrupt with the words of the job that it stopped, at the place where it came; as it is, if something else
/// ended the job.
fn with_words(py: Python<'_>, raised: &PyErr, stopped: &Error) -> PyErr {
    if stopped.kind() != ErrorKind::Interrupted {
        return raised.clone_ref(py);
    }
    let told = exception(stopped);
    told.set_traceback(py, raised.traceback(py));
    told
}

/// Runs `work`; returns what it returned, and what a signal handler or `progress` raised meanwhile.
fn run<T: Send>(
    py: Python<'_>,
    progress: Option<&Py<PyAny>>,
    total: u64,
    work: impl FnOnce(&Counter, &StopFlag) -> T + Send,
) -> PyResult<(T, Option<PyErr>)> {
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
    if interruption.is_none() {
        interruption = ending::within(|| look(py, progress, &counter, total, &mut reported)).and_then(PyResult::err);
    }
    Ok((value, interruption))
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
