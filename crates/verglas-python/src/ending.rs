//! The end of the interpreter, which daemon threads may reach in the middle of their work.
//!
//! A thread that runs Python code when the interpreter ends is stopped where it is, together with the Rust code below
//! it, and the process is aborted for that. So before the end, calls from Rust into Python are waited for, and no new
//! ones start; a thread that then wants to return to Python sleeps until the process is gone.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// Callbacks that take longer than this are not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(1);

static IS_ENDING: AtomicBool = AtomicBool::new(false);
static N_INSIDE: AtomicUsize = AtomicUsize::new(0);

/// A call from Rust into Python that the end waits for.
struct Inside;

impl Inside {
    fn enter() -> Option<Self> {
        N_INSIDE.fetch_add(1, Ordering::SeqCst);
        let inside = Self;
        (!IS_ENDING.load(Ordering::SeqCst)).then_some(inside)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        N_INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Calls into Python from a thread that has let go of the interpreter; `None` if that is at its end.
pub fn attached<T>(call: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    let _inside = Inside::enter()?;
    Python::try_attach(call)
}

/// The same from a thread that holds the interpreter.
pub fn within<T>(call: impl FnOnce() -> T) -> Option<T> {
    let _inside = Inside::enter()?;
    Some(call())
}

/// Waits for all calls into Python and lets no new one begin; called by `atexit`.
#[pyfunction]
fn end(py: Python<'_>) {
    IS_ENDING.store(true, Ordering::SeqCst);
    py.detach(|| {
        let start = Instant::now();
        while N_INSIDE.load(Ordering::SeqCst) > 0 && start.elapsed() < PATIENCE {
            thread::sleep(PAUSE);
        }
    });
}

/// Has the interpreter's end announced here.
///
/// # Errors
/// The errors of `atexit`.
pub fn watch_for_the_end(py: Python<'_>) -> PyResult<()> {
    py.import("atexit")?.call_method1("register", (wrap_pyfunction!(end, py)?,)).map(drop)
}
