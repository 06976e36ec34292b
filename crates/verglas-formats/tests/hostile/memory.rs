//! Counts the memory that a thread holds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counting. It refuses what no test input can justify, so that such a request fails at once and
/// is not left to the machine.
pub struct CountingAllocator;

/// More than any input of a test or fuzzer justifies.
const LARGEST_REQUEST_BYTES: usize = 2 << 30;

thread_local! {
    // Constants without destructors: accessing them allocates nothing, and they outlive everything else in their
    // thread.
    static HELD_BYTES: Cell<i64> = const { Cell::new(0) };
    static PEAK_BYTES: Cell<i64> = const { Cell::new(0) };
}

/// Runs `work` and returns with its result the most bytes that it held at one time, on this thread.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = HELD_BYTES.get();
    PEAK_BYTES.set(before);
    let result = work();
    (result, u64::try_from(PEAK_BYTES.get() - before).unwrap_or(0))
}

/// Notes that `new_bytes` are held in addition, and after that `old_bytes` no longer.
fn note(new_bytes: usize, old_bytes: usize) {
    let held = HELD_BYTES.get() + new_bytes as i64;
    PEAK_BYTES.set(PEAK_BYTES.get().max(held));
    HELD_BYTES.set(held - old_bytes as i64);
}

// SAFETY: every request goes to `System` as it is, or is answered with null, which means that there is no memory. The
// counting neither allocates nor panics.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        if layout.size() > LARGEST_REQUEST_BYTES {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise about `layout` is the one that is asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        if layout.size() > LARGEST_REQUEST_BYTES {
            return std::ptr::null_mut();
        }
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // The old block may have to be copied, so both count.
        note(new_size, layout.size());
        if new_size > LARGEST_REQUEST_BYTES {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promises about `pointer`, `layout` and `new_size` are those that are asked for.
        unsafe { System.realloc(pointer, layout, new_size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(0, layout.size());
        // SAFETY: the caller's promise about `pointer` and `layout` is the one that is asked for.
        unsafe { System.dealloc(pointer, layout) }
    }
}
