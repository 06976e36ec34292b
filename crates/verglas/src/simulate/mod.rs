//! Simulated data sets with known truth.
//!
//! A known density ([`Density::of_known_particle`]) is projected at random poses, exactly; each projection gets its own
//! contrast transfer function ([`crate::ctf`]) and white Gaussian noise, and is written in any of the layouts that a
//! conversion reads ([`Layout`]). An image depends on the settings and its index alone: it is the same, bit for bit, in every
//! layout and with any number of threads (on one machine; another one's vector units may round differently).
//!
//! [`ImageSimulator`] makes images without files.

mod density;
mod error;
mod image;
mod layout;
mod particle;
mod settings;

pub use density::{Density, Gaussian, ProjectionGeometry};
pub use error::SimulateError;
pub use image::{ImageScratch, ImageSimulator};
pub use layout::{Dealing, Layout, Place};
pub use particle::SimulatedParticle;
pub use settings::{SimulatedOptics, SimulationSettings};
