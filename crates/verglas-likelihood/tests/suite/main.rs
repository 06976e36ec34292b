//! The promises of the comparison, one file each.

mod accuracy;
mod common;
mod golden;
mod independence;
mod near;
mod noise;
mod pruned;
mod refined;
mod shared;
mod simulated;
mod stopping;
mod symmetry;
