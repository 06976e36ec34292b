//! Memory that is not there is an exception: what is about to be taken is asked for first.

use std::hint::black_box;

use pyo3::PyResult;
use pyo3::exceptions::PyMemoryError;

/// The overhead on top of a large allocation: small buffers, and the allocator's own.
const MARGIN_BYTES: usize = 16 << 20;

/// Asks the system for `n_bytes` and gives them back untouched.
///
/// The library's own buffers can't fail one by one: if they don't fit, the process ends. So this is checked before
/// they are made. Another thread may take the memory in between, but a limit that is simply too low is always reported.
///
/// # Errors
/// `MemoryError` if the system does not give them.
pub fn ensure_memory(n_bytes: usize, what: &str) -> PyResult<()> {
    let mut probe: Vec<u8> = Vec::new();
    let is_given = probe.try_reserve_exact(n_bytes.saturating_add(MARGIN_BYTES)).is_ok();
    // An allocation that is never read may be optimised away.
    black_box(&mut probe);
    if is_given {
        return Ok(());
    }
    Err(PyMemoryError::new_err(format!(
        "{what} takes {} MiB, more than memory has room for",
        n_bytes.div_ceil(1 << 20)
    )))
}
