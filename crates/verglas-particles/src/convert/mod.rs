//! Runs the steps over a plan: read, normalise, transform, write; several threads, bounded memory, the same bytes always.

mod contrast;
mod grids;
mod images;
mod in_memory;
mod left_out;
mod manifest;
mod memory;
mod order;
mod pipeline;
mod pixel_check;
mod prepare;
mod reports;
mod resume;
mod room;
mod run;
mod stack_run;
mod stored_looks;
mod summary;

pub use in_memory::ImageMaker;
pub(crate) use left_out::ROW as SKIPPED_ROW_COLUMN;
pub use left_out::plain_text;
pub use manifest::RecordedConversion;
pub(crate) use manifest::plan_crc32;
pub use prepare::Conversion;
pub use room::OutputBytes;
pub use summary::Summary;
