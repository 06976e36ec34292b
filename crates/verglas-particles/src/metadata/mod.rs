//! STAR or CryoSPARC metadata into a [`ParticleTable`]: units and index bases are settled here and nowhere else.

mod capture;
mod columns;
mod constants;
mod cryosparc;
mod defaults;
mod fields;
mod image_name;
mod input;
mod job_folder;
mod kind;
mod optics;
mod pairs;
mod particle_block;
pub(crate) mod pixel_sizes;
mod problems;
mod ranges;
mod read_settings;
mod rows;
mod sentinels;
mod star;
mod star_file;
mod stated_sizes;
mod wanted;

use verglas_core::error::Result;
use verglas_core::findings::Findings;

use crate::particle::ParticleTable;
pub(crate) use cryosparc::image_folder;
pub use input::{Input, InputError};
pub(crate) use particle_block::particle_block;
pub use read_settings::{AngleUnit, ReadSettings};
pub use rows::RowSelection;
pub use sentinels::NOT_KNOWN_DEG;

/// Reads all particles of `input`, in the order of its rows.
///
/// # Errors
/// When a file can't be read or breaks its format. What is wrong with single rows goes to `findings` as errors, so
/// that a user sees all of it; the table is of use only when there are none.
pub fn read_particles(input: &Input, settings: &ReadSettings, findings: &mut Findings) -> Result<ParticleTable> {
    match &input.clone().in_order().resolved()? {
        Input::IndexedStar(path) => star::read_indexed(path, settings, findings),
        Input::StarPairs(pairs) => star::read_pairs(pairs, settings, findings),
        Input::IndexedCs { particles, passthrough } => {
            cryosparc::read_indexed(particles, passthrough.as_deref(), settings, findings)
        }
        Input::CryosparcJob { root, job_number } => cryosparc::read_job(root, *job_number, settings, findings),
    }
}
