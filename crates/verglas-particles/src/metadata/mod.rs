//! STAR or CryoSPARC metadata into a [`ParticleTable`]: units and index bases are settled here and nowhere else.

mod columns;
mod constants;
mod cryosparc;
mod defaults;
mod fields;
mod image_name;
mod optics;
pub(crate) mod pixel_sizes;
mod problems;
mod star;
mod star_file;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use verglas_core::error::Result;
use verglas_core::findings::Findings;

use crate::particle::ParticleTable;
pub(crate) use cryosparc::image_folder;

/// What a conversion reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A STAR file whose rows name their images (`rlnImageName`).
    IndexedStar(PathBuf),
    /// STAR files and image stacks in pairs: row k of a STAR file describes section k of its stack.
    StarPairs(Vec<(PathBuf, PathBuf)>),
    /// A CryoSPARC file whose rows name their images (`blob/path`, `blob/idx`).
    IndexedCs {
        /// The file whose rows count.
        particles: PathBuf,
        /// A second file (`…_passthrough_particles.cs`), joined to the first on `uid`; where both hold a column, the
        /// first counts.
        passthrough: Option<PathBuf>,
    },
    /// A CryoSPARC job directory: `J<N>/J<N>_passthrough_particles.cs` describes the images in `J<N>/restack` or
    /// `J<N>/downsample`.
    CryosparcJob {
        /// The folder that holds `J<N>`.
        root: PathBuf,
        /// N.
        job_number: u64,
    },
}

impl Input {
    /// The metadata file that relative image paths may be relative to.
    pub fn metadata_file(&self) -> Option<&PathBuf> {
        match self {
            Self::IndexedStar(path) => Some(path),
            Self::StarPairs(pairs) => pairs.first().map(|(star, _)| star),
            Self::IndexedCs { particles, .. } => Some(particles),
            Self::CryosparcJob { .. } => None,
        }
    }
}

/// What an angle is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AngleUnit {
    /// Degrees, as RELION writes them.
    #[default]
    Degrees,
    /// Radians.
    Radians,
}

/// How metadata are read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadSettings {
    /// Unit of the defocus angle; other than degrees for sequential STAR files only.
    pub defocus_angle_unit: AngleUnit,
    /// Unit of the phase shift; other than degrees for sequential STAR files only.
    pub phase_shift_unit: AngleUnit,
    /// Only particles of these optics groups, by number or name (CryoSPARC: `ctf/exp_group_id`); empty means all.
    pub optics_groups: Vec<String>,
    /// Whether the caller's pixel size counts whatever the metadata say.
    pub ignore_metadata_pixel_size: bool,
}

/// Reads all particles of `input`, in the order of its rows.
///
/// # Errors
/// When a file can't be read or breaks its format. What is wrong with single rows goes to `findings` as errors, so
/// that a user sees all of it; the table is of use only when there are none.
pub fn read_particles(input: &Input, settings: &ReadSettings, findings: &mut Findings) -> Result<ParticleTable> {
    match input {
        Input::IndexedStar(path) => star::read_indexed(path, settings, findings),
        Input::StarPairs(pairs) => star::read_pairs(pairs, settings, findings),
        Input::IndexedCs { particles, passthrough } => {
            cryosparc::read_indexed(particles, passthrough.as_deref(), settings, findings)
        }
        Input::CryosparcJob { root, job_number } => cryosparc::read_job(root, *job_number, settings, findings),
    }
}
