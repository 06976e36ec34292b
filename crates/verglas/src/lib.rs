//! Converts cryo-EM particle stacks into the polar Fourier stacks that CryoLike scores.

pub mod ctf;
pub mod grid;
pub mod polar;
pub mod pose;
pub mod simulate;
