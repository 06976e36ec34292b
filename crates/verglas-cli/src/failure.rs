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

/// The job that was prepared, if its output folder was not refused; what is wrong with both is told together.
///
/// # Errors
/// As the one or the other.
pub fn unless_refused<J>(refused: Option<Error>, prepared: verglas::Result<J>) -> Result<J, Failure> {
    match (refused, prepared) {
        (None, Ok(job)) => Ok(job),
        (Some(error), Ok(_)) | (None, Err(error)) => Err(error.into()),
        (Some(first), Err(second)) => Err(first.with_other(second).into()),
    }
}
