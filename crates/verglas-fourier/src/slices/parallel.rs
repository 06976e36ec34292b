//! Work shared by threads that take one piece after the other.

use std::sync::{Mutex, PoisonError};

/// Does `work` on every item, on up to `n_threads` threads, each with a scratch of its own.
///
/// Which thread does which item is left open; what is done to an item must not depend on it.
pub(super) fn in_parallel<I, S>(
    n_threads: usize,
    items: I,
    scratch: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, I::Item) + Sync,
) where
    I: Iterator + Send,
    I::Item: Send,
{
    let items = Mutex::new(items);
    let run = || {
        let mut scratch = scratch();
        loop {
            // An iterator over pieces of a slice does not panic.
            let item = items.lock().unwrap_or_else(PoisonError::into_inner).next();
            match item {
                Some(item) => work(&mut scratch, item),
                None => break,
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..n_threads {
            scope.spawn(run);
        }
        run();
    });
}
