//! Whether to go on, asked now and then by what takes long before the first image is compared.

use crate::error::LikelihoodError;

/// Says whether to go on, asked by any thread; once it says no, it does not say yes again.
pub(crate) type GoOn<'a> = &'a (dyn Fn() -> bool + Sync);

/// Goes on, or not.
///
/// # Errors
/// [`LikelihoodError::Stopped`].
pub(crate) fn unless_stopped(go_on: GoOn<'_>) -> Result<(), LikelihoodError> {
    if go_on() { Ok(()) } else { Err(LikelihoodError::Stopped) }
}
