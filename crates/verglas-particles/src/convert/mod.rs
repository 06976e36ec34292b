//! Runs the steps over a plan: read, normalise, transform, write; several threads, bounded memory, the same bytes always.

mod contrast;
mod deep;
mod earlier;
mod grids;
mod images;
mod left_out;
mod manifest;
mod memory;
mod prepare;
mod reports;
mod run;
mod skipped;
mod stack_run;
mod summary;

pub use prepare::Conversion;
pub(crate) use skipped::ROW as SKIPPED_ROW_COLUMN;
pub use summary::Summary;
