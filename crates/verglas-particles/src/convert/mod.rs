//! Runs the steps over a plan: read, normalise, transform, write; several threads, bounded memory, the same bytes always.

mod contrast;
mod grids;
mod images;
mod left_out;
mod manifest;
mod memory;
mod pixel_check;
mod prepare;
mod reports;
mod resume;
mod run;
mod stack_run;
mod stored_looks;
mod summary;

pub(crate) use left_out::ROW as SKIPPED_ROW_COLUMN;
pub use manifest::RecordedConversion;
pub use prepare::Conversion;
pub use summary::Summary;
