//! Mathematics on the grids of cryo-EM images; no files.

// Loops count as the formulas do.
#![allow(clippy::needless_range_loop)]

pub mod ctf;
pub mod grid;
pub mod polar;
pub mod pose;
pub mod slices;
pub mod sphere;
pub mod waves;
