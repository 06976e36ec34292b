//! The promises of the comparison, one file each.

mod accuracy;
mod common;
mod golden;
mod independence;
mod refined;
mod shared;
mod simulated;
