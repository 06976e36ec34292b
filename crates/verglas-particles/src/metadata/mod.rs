//! STAR or CryoSPARC metadata into a [`ParticleTable`]: units and index bases are settled here and nowhere else.

mod columns;
mod constants;
mod cryosparc;
mod defaults;
mod fields;
mod image_name;
mod kind;
mod optics;
mod pairs;
mod particle_block;
pub(crate) mod pixel_sizes;
mod problems;
mod ranges;
mod sentinels;
mod star;
mod star_file;
mod stated_sizes;

use std::path::{Path, PathBuf};

use verglas_core::choice::choice;
use verglas_core::error::Result;
use verglas_core::findings::Findings;

use crate::particle::ParticleTable;
pub(crate) use cryosparc::image_folder;
pub(crate) use particle_block::particle_block;

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
        /// first counts. See [`Input::in_order`].
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
    /// The same input with CryoSPARC's two files in the order that counts, whichever was given first: CryoSPARC calls one of
    /// them the passthrough, and in a shell's list that one comes first.
    #[must_use]
    pub fn in_order(self) -> Self {
        let is_passthrough = |path: &Path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().to_ascii_lowercase().contains("passthrough"))
        };
        match self {
            Self::IndexedCs { particles: first, passthrough: Some(second) }
                if is_passthrough(&first) && !is_passthrough(&second) =>
            {
                Self::IndexedCs { particles: second, passthrough: Some(first) }
            }
            as_given => as_given,
        }
    }

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

choice! {
    /// What an angle is counted in.
    pub enum AngleUnit("unit", default Degrees) {
        /// As RELION writes them.
        Degrees = "degrees",
        /// Full turns are 2π.
        Radians = "radians",
    }
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
    match &input.clone().in_order() {
        Input::IndexedStar(path) => star::read_indexed(path, settings, findings),
        Input::StarPairs(pairs) => star::read_pairs(pairs, settings, findings),
        Input::IndexedCs { particles, passthrough } => {
            cryosparc::read_indexed(particles, passthrough.as_deref(), settings, findings)
        }
        Input::CryosparcJob { root, job_number } => cryosparc::read_job(root, *job_number, settings, findings),
    }
}
