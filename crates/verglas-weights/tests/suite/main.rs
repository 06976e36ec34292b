//! Promise: weights are those of the largest likelihood, and near the truth where that is known, as their intervals say.

mod known_truth;
mod line;
