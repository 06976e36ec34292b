//! Converts cryo-EM particle stacks into the polar Fourier stacks that CryoLike scores.

pub mod grid;
pub mod polar;
pub mod simulate;
