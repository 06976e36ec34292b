//! What a job does with a folder that is not empty.

use serde::Serialize;

/// What happens when the output folder holds stacks already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Existing {
    /// Refuse.
    #[default]
    Refuse,
    /// Remove them and start anew.
    Overwrite,
    /// Keep what is whole and make what is missing; refused where settings or inputs are others now.
    Resume,
}
