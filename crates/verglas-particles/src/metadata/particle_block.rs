//! Which block of a STAR file holds the particles.

use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_formats::star::{BlockKind, StarReader};

/// The number of the block with one row per particle: the only one, or `particles`.
pub(crate) fn particle_block(path: &Path) -> Result<usize> {
    let in_file = |error| Error::from_format(path, error);
    let mut reader = StarReader::open(path).map_err(in_file)?;
    let (mut n_blocks, mut with_content, mut particles) = (0, Vec::new(), None);
    while let Some(block) = reader.next_block().map_err(in_file)? {
        // A block that is nothing but its name is none of several.
        if block.kind != BlockKind::Empty {
            with_content.push(n_blocks);
            if block.name == "particles" && particles.is_none() {
                particles = Some(n_blocks);
            }
        }
        n_blocks += 1;
    }
    match (with_content.as_slice(), particles) {
        (_, Some(particles)) => Ok(particles),
        ([only], None) => Ok(*only),
        // The only one, though it holds nothing.
        ([], None) if n_blocks == 1 => Ok(0),
        _ => Err(Error::format(format!(
            "`{}`: of several blocks, expected one called `data_particles`, found none",
            path.display()
        ))),
    }
}
