//! The promises of the mathematics, one file each.

mod grid_quadrature;
mod polar_accuracy;
mod polar_common;
mod polar_properties;
mod shared;
mod slices_accuracy;
mod slices_common;
mod slices_golden;
mod slices_properties;
mod viewing_symmetry;
