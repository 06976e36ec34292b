//! Mathematics on the grids of cryo-EM images; no files.

pub mod ctf;
pub mod grid;
pub mod polar;
pub mod pose;
pub mod slices;
pub mod sphere;
