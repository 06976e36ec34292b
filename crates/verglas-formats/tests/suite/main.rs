//! The readers and writers, a file for each. One program holds all of them: building it takes longer than running it.
//! Only `tests/mutations.rs` is separate, because it counts the memory of its whole process.

mod atoms;
mod cs;
mod mrc;
mod mrc_writer;
mod npz;
mod pt;
mod shared;
mod star_fixtures;
mod star_properties;
mod star_real;
mod star_rules;
mod star_writer;
mod zip;
