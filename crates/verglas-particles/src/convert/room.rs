//! How large the output will be, and whether there is room for it.

use std::path::Path;

use verglas_core::error::{Error, ErrorKind, Result};
use verglas_core::hint::{Hint, Setting, Text};
use verglas_fourier::grid::Precision;
use verglas_run::Existing;
use verglas_run::disk::{free_bytes, in_words};
use verglas_run::folder::OutputFolder;

use super::prepare::Conversion;

/// What the tensors of a run's stacks take, bytes. Metadata, plots and the like come on top, and are small beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputBytes {
    /// Fourier images.
    pub fourier: u64,
    /// Physical images, if they are written.
    pub physical: u64,
}

impl OutputBytes {
    /// Both.
    pub fn total(self) -> u64 {
        self.fourier.saturating_add(self.physical)
    }
}

impl Conversion {
    /// What this run's stacks will take, those included that an earlier run made.
    pub fn output_bytes(&self) -> OutputBytes {
        let n_images = self.n_images() as u64;
        let n_pixels = self.descriptor.cartesian_grid.n_pixels() as u64;
        let value_bytes = match self.descriptor.precision {
            Precision::Single => 8,
            Precision::Double => 16,
        };
        let of_image = self.descriptor.polar_grid.n_points() as u64 * value_bytes;
        OutputBytes {
            fourier: n_images.saturating_mul(of_image),
            physical: if self.settings.physical { n_images.saturating_mul(4 * n_pixels * n_pixels) } else { 0 },
        }
    }

    /// Makes sure that there is room for what this run will write. Files that are there count as room: they are kept, or
    /// replaced.
    ///
    /// # Errors
    /// When the disk has less. What can't be known is found out when it is written.
    pub(super) fn check_room(&self, output: &OutputFolder) -> Result<()> {
        let root = output.root();
        let Some(free) = free_bytes(root) else { return Ok(()) };
        let bytes = self.output_bytes();
        if bytes.total() <= free {
            return Ok(());
        }
        let own = self.own_stacks();
        let all_go = self.settings.existing == Existing::Overwrite;
        let there = output.bytes_of_units(|number| all_go || own.contains(&number));
        if bytes.total() <= free.saturating_add(there) {
            return Ok(());
        }
        Err(no_room(root, bytes, there, free))
    }
}

fn no_room(root: &Path, bytes: OutputBytes, there: u64, free: u64) -> Error {
    let there = if there > 0 { format!(", of which {} are there", in_words(there)) } else { String::new() };
    let error = Error::new(
        ErrorKind::Io,
        format!(
            "the stacks take {}{there}, and the disk of `{}` has room for {}",
            in_words(bytes.total()),
            root.display(),
            in_words(free)
        ),
    );
    let mut hint =
        Text::from("choose another folder, or make some of the stacks with ") + Hint::Give(Setting::MaxStacks);
    if bytes.physical > 0 {
        hint = hint
            + "; without physical images ("
            + Hint::Give(Setting::NoPhysical)
            + format!(") they take {}", in_words(bytes.fourier));
    }
    error.with_hint(hint)
}
