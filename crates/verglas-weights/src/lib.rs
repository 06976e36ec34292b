//! Weights of structures: how much of a data set shows which, from the log-likelihoods of its images.
//!
//! | file | what it does |
//! |---|---|
//! | [`mixture`] | the numerics: weights, the proof that they are the best, resampled images |
//! | `settings` | the settings |
//! | `source/` | log-likelihoods, found and checked: a folder's, a file's, an array's; which images; the column of noise |
//! | `job` | all that can be checked beforehand, then the work |
//! | `files`, `names` | what is written, what it is called, and where it may be |
//! | `record` | `weights.json`: what was asked and what came out |
//! | `verify` | whether a folder of weights is unaltered |

mod files;
mod job;
pub mod mixture;
mod names;
mod record;
mod settings;
mod source;
mod verify;

pub use job::{Weights, WeightsJob};
pub use mixture::Interval;
pub use names::{
    BOOTSTRAP, LOG_LIKELIHOOD, LOG_LIKELIHOOD_CRYOER, LOG_LIKELIHOOD_TENSOR, LOG_LIKELIHOOD_TEXT, RECORD, TABLE,
    WEIGHTS,
};
pub use record::{Kind, RecordedWeights, StructureWeight, WeightsRecord};
pub use settings::{ImageChoice, LogLikelihoodFormat, MatrixAxes, WeightsSettings};
pub use source::{Array, Source};
pub use verify::{WeightsVerification, is_of_weights, verify_weights};
