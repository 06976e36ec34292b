//! The names of the files of a folder of weights.

use std::path::{Path, PathBuf};

/// The table.
pub const TABLE: &str = "weights.csv";
/// The weights alone, as a tensor.
pub const WEIGHTS: &str = "weights.pt";
/// Settings and results; written last.
pub const RECORD: &str = "weights.json";
/// The weights of every resample.
pub const BOOTSTRAP: &str = "bootstrap.npy";
/// The log-likelihoods that the weights are of.
pub const LOG_LIKELIHOOD: &str = "log_likelihood.npy";

/// The same as text, where it is asked for.
pub const LOG_LIKELIHOOD_TEXT: &str = "log_likelihood.txt";
/// The same as a tensor.
pub const LOG_LIKELIHOOD_TENSOR: &str = "log_likelihood.pt";
/// The same the other way round, for cryoER.
pub const LOG_LIKELIHOOD_CRYOER: &str = "log_likelihood_cryoer.npy";

/// All of them.
pub(crate) const ALL: [&str; 8] = [
    TABLE,
    WEIGHTS,
    RECORD,
    BOOTSTRAP,
    LOG_LIKELIHOOD,
    LOG_LIKELIHOOD_TEXT,
    LOG_LIKELIHOOD_TENSOR,
    LOG_LIKELIHOOD_CRYOER,
];

/// The paths of all files below `root`.
pub(crate) fn paths(root: &Path) -> impl Iterator<Item = PathBuf> {
    ALL.iter().map(move |name| root.join(name))
}
