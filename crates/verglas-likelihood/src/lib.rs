//! Images against templates: correlations, best poses and log-likelihoods, in memory; no files.
//!
//! ```text
//! I_xy = Re ΣW conj(C·I)·T_dw     cc = (I_xy I_ss − I_sx I_sy)/√(A·V)     ℓ = −μ ln(V(1 − cc²)) − ½ ln A + constant
//! ```
//!
//! [`compare::Search`] computes it fast, [`direct`] as it stands. [`ctf`] has the contrast transfer of an image, and
//! [`displacements`] the displacements that are tried. `docs/math.md` derives the method and its error.

// Loops count as the formulas do.
#![allow(clippy::needless_range_loop)]

mod check;
pub mod compare;
pub mod ctf;
pub mod direct;
pub mod displacements;
mod error;
mod formula;
mod geometry;
pub mod noise;
mod odds;
mod pose;
mod prior;
mod real;
pub mod refine;
mod residuals;
mod results;
mod sets;
mod student;
mod sums;
mod waves;

pub use check::ImageCheck;
pub use error::LikelihoodError;
pub use formula::{ContrastSign, DegreesOfFreedom, Formula, LogLikelihood, ln_gamma};
pub use geometry::Geometry;
pub use odds::{LEAST_SHARE, ParticleScale, most_likely_scale};
pub use prior::PosePrior;
pub use real::Real;
pub use residuals::{StartPose, TemplatesAt, residuals};
pub use results::{Comparison, ImageResult, PairResult, Refined};
pub use sets::{Contrast, ImageSet, TemplateSet};
