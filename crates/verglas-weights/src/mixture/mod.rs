//! The mixture of structures that explains images best: numerics, no files.
//!
//! With L_ik the likelihood of image i under structure k, the weights w (w_k ≥ 0, Σ w_k = 1) maximise
//!
//! ```text
//! f(w) = mean_i ln Σ_k w_k L_ik          g_k = ∂f/∂w_k = mean_i L_ik / Σ_j w_j L_ij
//! ```
//!
//! f is concave and Σ w_k g_k = 1, so f is at most max_k g_k − 1 below its maximum (the *gap*): however weights were
//! found, their gap proves how good they are.
//!
//! | file | what it does |
//! |---|---|
//! | `likelihoods` | log-likelihoods become likelihoods that can't overflow |
//! | `sums` | f, g and second derivatives: sums over images, the same bits on any number of threads |
//! | `quadratic` | the best point of a quadratic model without negative weights |
//! | `fit` | steps to the maximum |
//! | `bootstrap` | the same for resampled images |
//! | `statistics` | intervals, effective numbers, weights that go against each other |

mod bootstrap;
mod fit;
mod likelihoods;
mod quadratic;
mod statistics;
mod sums;

pub use bootstrap::{Bootstrap, bootstrap};
pub use fit::{Fit, MAX_TOLERANCE, MIN_TOLERANCE, NoFit, fit};
pub use likelihoods::Likelihoods;
pub use statistics::{Assignments, Interval, Pair, assignments, effective_number, not_told_apart, quantile};
