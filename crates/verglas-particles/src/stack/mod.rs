//! What a stack of converted images says about itself.

mod metadata;
mod whole;

pub(crate) use metadata::{ImageScales, StackMetadata};
pub(crate) use whole::whole_metadata;
