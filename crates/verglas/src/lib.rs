//! Converts cryo-EM particle stacks into the polar Fourier stacks that CryoLike scores.
//!
//! The modules stand in the order in which a particle meets them:
//!
//! | module | what happens there |
//! |---|---|
//! | [`metadata`] | STAR or CryoSPARC rows become a [`particle::ParticleTable`]: radians, ångströms, 0-based sections |
//! | [`descriptor`], [`grid`] | the grids that the images are sampled on |
//! | `plan` | which particle goes to which output stack and row |
//! | [`image`] | pixels are read |
//! | [`preprocess`] | each image is downsampled if asked for, and gets mean 0 and largest absolute value 1 |
//! | [`polar`] | its Fourier transform is sampled on the polar grid |
//! | `stack` | values and metadata reach their files, whole or not at all |
//! | [`convert`] | runs these steps over all stacks |
//!
//! [`manifest`] is the record of a run, by which interrupted ones go on and [`verify()`] looks at an output folder.
//!
//! [`inspect`] describes files, and [`export`] leads from results back to the rows of the metadata.
//!
//! [`simulate`] makes data sets with known truth, on which all of it can be tried.

pub mod bench;
pub mod convert;
pub mod ctf;
mod defocus_axis;
pub mod descriptor;
pub mod error;
pub mod export;
pub mod findings;
pub mod grid;
pub mod image;
pub mod inspect;
pub mod manifest;
pub mod metadata;
mod output;
pub mod particle;
mod paths;
mod pixel_size;
mod plan;
mod plot;
pub mod polar;
pub mod pose;
pub mod preprocess;
pub mod report;
pub mod settings;
pub mod simulate;
mod stack;
pub mod status;
mod threads;
pub mod verify;

pub use convert::{Conversion, Observer, Silent, StopFlag, Summary};
pub use error::{Error, ErrorKind, Result};
pub use findings::{Findings, Warning};
pub use pixel_size::PixelSizeSource;
pub use threads::default_threads;
pub use verify::{Verification, verify};
