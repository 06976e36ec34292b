//! Likelihoods of stacks of images against templates: a job that makes a folder of them.
//!
//! | file | what happens there |
//! |---|---|
//! | `settings`, `right` | what can be asked of the job, and of the likelihood itself |
//! | `names` | what the files are called |
//! | `stacks`, `structures`, `grids` | images and templates, found and checked |
//! | `images` | images' values: read from stacks, or made on the way of particles |
//! | `memory`, `needs` | how much is held at once, and how much room the results take |
//! | `prepare` | all that can be checked beforehand |
//! | `audit` | which images show what leaving out poses costs |
//! | `between`, `known` | templates between the views; poses that images have already |
//! | `noise`, `odd_noise`, `noise_file` | the noise's spectrum, found before the first unit |
//! | `particle_scale`, `particle_file` | how strong particles are, found then, too |
//! | `in_memory` | the same of images in memory, without a job |
//! | `look` | all values, looked at beforehand |
//! | `run`, `unit`, `publish` | the work: one structure after the other, each against its stacks |
//! | `left_out` | images that can't be compared |
//! | `pose` | poses in RELION's convention |
//! | `refined` | what is found of an image where the likelihood is right |
//! | `results`, `row`, `column`, `closing` | what was written, read again; matrices of all of it |
//! | `tables`, `star`, `parquet_table` | the tables |
//! | `folder` | a folder read again, for what others make of it |
//! | `findings` | what all images together say of a right likelihood |
//! | `manifest`, `summary` | what is recorded, and the closing words |
//! | `reopen`, `export` | a folder that is done, known again; from its best poses back to the rows of the metadata |
//! | `pairs` | images beside the templates of their best poses |
//! | `verify`, `verify_tables`, `table_rows` | whether a folder is complete and unaltered |

mod audit;
mod between;
mod checksummed;
mod closing;
mod column;
mod export;
mod failure;
mod findings;
mod folder;
mod grids;
mod images;
mod in_memory;
mod known;
mod left_out;
mod look;
mod manifest;
mod memory;
mod names;
mod needs;
mod noise;
mod noise_file;
mod number;
mod odd_noise;
mod pairs;
#[cfg_attr(not(feature = "parquet"), path = "parquet_absent.rs")]
mod parquet_table;
mod particle_file;
mod particle_scale;
pub mod pose;
mod prepare;
mod publish;
mod refined;
mod reopen;
mod results;
mod right;
mod row;
mod run;
mod searches;
mod settings;
mod stacks;
mod star;
mod structures;
mod summary;
mod table_rows;
mod tables;
mod unit;
mod verify;
mod verify_tables;

pub use between::TemplatesBetween;
pub use export::{PoseExport, PoseOf, export_likelihood};
pub use findings::RightSummary;
pub use folder::{LikelihoodFolder, UnitPoses, UnitScores};
pub use in_memory::{MemoryImages, MemoryNoise, MemorySettings, MemoryTemplates, RightComparison, compare_in_memory};
pub use manifest::RecordedLikelihood;
pub use names::{DISPLACEMENTS, LikelihoodFiles, UnitNames};
pub use pairs::{Pair, PairOf, Pairs, pairs};
pub use particle_scale::GroupScale;
pub use prepare::LikelihoodJob;
pub use refined::RefinedNumbers;
pub use verglas_likelihood::compare::Pruning;

pub use right::{
    DEFAULT_AUDIT_SHARE, DEFAULT_NOISE_IMAGES, DEFAULT_SHIFT_SIGMA_ANGSTROM, DEFAULT_VIEW_SIGMA_DEG, IndependentValues,
    Integral, Likelihood, LikelihoodKind, NoiseGroups, NoiseModel, PosesFrom, RightSettings, ScaleSign,
};
pub use settings::{ContrastSource, LikelihoodSettings, Particles, StructureChoice, TableFormat};
pub use summary::LikelihoodSummary;
pub use verify::{LikelihoodVerification, is_of_likelihoods, verify_likelihoods};
