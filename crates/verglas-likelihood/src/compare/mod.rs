//! The comparison, fast.
//!
//! For each angular frequency q the products of images with displaced templates are one matrix product over radial functions
//! ([`Search`] finds the few that templates are made of); for each image, template and displacement a Fourier transform over q
//! then gives all rotations. The largest correlations are looked at while they are in the cache; the few best poses of an image
//! are evaluated again in full, in double precision. `docs/math.md` derives it.

mod basis;
mod batches;
mod candidates;
mod coarse;
mod compiled;
mod eigen;
pub(crate) mod few_shells;
mod fft;
mod finish;
mod images;
mod near;
mod plan;
mod positive;
mod product;
mod products;
mod pruned;
mod reduce;
mod run;
mod samples;
mod search;
pub(crate) mod simd;
mod tables;
mod templates;
mod watch;
mod work;

pub use coarse::CoarseTemplates;
pub use compiled::SearchReal;
pub use plan::{ComparisonSettings, Pruning};
pub use search::Search;
pub use simd::instruction_set;
