//! How a command ends that did not do what it was asked.

use verglas::Error;

/// Why a command did not do what it was asked.
pub enum Failure {
    /// The work failed: exit code 1.
    Run(Error),
    /// The words on the command line don't go together: exit code 2.
    Usage(String),
    /// The same, with what to do about it.
    UsageWithHint(String, &'static str),
    /// A signal stopped it, after what was whole was kept: the exit code says which.
    Stopped(Error, u8),
    /// Everything was said already; the exit code says it to scripts.
    AlreadySaid(u8),
}
