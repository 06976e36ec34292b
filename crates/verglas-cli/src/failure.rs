//! How a command fails.

use verglas::Error;

/// Why a command failed.
pub enum Failure {
    /// The work failed: exit code 1.
    Run(Error),
    /// The arguments don't go together: exit code 2.
    Usage(String),
    /// The same, with what to do about it.
    UsageWithHint(String, &'static str),
    /// A signal stopped it, after what was whole was kept: the exit code says which.
    Stopped(Error, u8),
    /// Everything has been reported already; the exit code tells scripts.
    AlreadySaid(u8),
}
