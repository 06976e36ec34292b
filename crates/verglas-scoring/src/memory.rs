//! How much is held in memory at once, and how much room results take.

use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_core::hint::{Hint, Setting};

use crate::failure::{in_words, too_little_memory};
use crate::settings::LikelihoodSettings;

/// What one comparison is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Templates of the structure.
    pub(crate) n_views: usize,
    /// Values of an image.
    pub(crate) n_points: usize,
    pub(crate) n_displacements: usize,
    pub(crate) n_inplanes: usize,
    /// Bytes of a real number.
    pub(crate) number_bytes: usize,
}

/// What of the memory is for what, while one structure is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Images that are handed in at once.
    pub(crate) n_images: usize,
    /// Bytes for the comparison itself.
    pub(crate) search_bytes: u64,
    /// Bytes for all else.
    pub(crate) held_bytes: u64,
}

/// What an image's results take beside its correlations.
const RESULT_BYTES: u64 = 512;
/// What a pair takes: its result, and its numbers while they are written.
const PAIR_BYTES: u64 = 80;

impl Sizes {
    /// Bytes of a structure's templates.
    fn template_bytes(&self) -> u64 {
        // Angles and weights, too.
        self.n_views as u64 * (2 * (self.n_points * self.number_bytes) as u64 + 64)
    }

    /// All correlations of one image.
    pub(crate) fn full_bytes(&self) -> u64 {
        let n_poses = self.n_displacements as u64 * self.n_inplanes as u64;
        (self.n_views as u64).saturating_mul(n_poses).saturating_mul(self.number_bytes as u64)
    }

    fn image_bytes(&self, settings: &LikelihoodSettings) -> u64 {
        let values = 2 * (self.n_points * self.number_bytes) as u64;
        let pairs = if settings.pairs { PAIR_BYTES * self.n_views as u64 } else { 0 };
        let full = if settings.full_cross_correlation { self.full_bytes() } else { 0 };
        (values + pairs + RESULT_BYTES).saturating_add(full)
    }

    /// Divides the memory for the templates at `path` and stacks of at most `most_images`.
    ///
    /// # Errors
    /// How much the least takes, where that is more than is allowed.
    pub(crate) fn plan(&self, path: &Path, settings: &LikelihoodSettings, most_images: usize) -> Result<Budget> {
        let (templates, image) = (self.template_bytes(), self.image_bytes(settings));
        let least = templates.saturating_add(image);
        let room = settings.memory_bytes.saturating_sub(templates);
        if least >= settings.memory_bytes {
            let what = format!("comparing one image with `{}`", path.display());
            return Err(too_little_memory(&what, least, settings.memory_bytes));
        }
        // A third is enough for images: what the comparison makes of them takes more.
        let n_images = (room / 3 / image).clamp(1, most_images.max(1) as u64);
        let held_bytes = templates + n_images * image;
        Ok(Budget { n_images: n_images as usize, search_bytes: settings.memory_bytes - held_bytes, held_bytes })
    }
}

/// Whether `bytes` fit on the disk of `output`, or of the nearest folder above it that is there.
///
/// # Errors
/// When there is less room.
pub(crate) fn check_room(output: &Path, bytes: u64) -> Result<()> {
    let absolute = std::path::absolute(output).unwrap_or_else(|_| output.to_owned());
    let Some(there) = absolute.ancestors().find(|folder| folder.is_dir()) else { return Ok(()) };
    // What can't be asked is found out when it is written.
    let Ok(disk) = rustix::fs::statvfs(there) else { return Ok(()) };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free >= bytes {
        return Ok(());
    }
    Err(Error::value(format!(
        "all correlations take {}, and the disk of `{}` has room for {}",
        in_words(bytes),
        output.display(),
        in_words(free)
    ))
    .with_hint(
        "compare fewer stacks with "
            + Hint::Give(Setting::MaxStacks)
            + " or fewer structures with "
            + Hint::Give(Setting::Structures),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { n_views: 100, n_points: 1000, n_displacements: 9, n_inplanes: 50, number_bytes: 4 };

    #[test]
    fn all_parts_together_are_what_is_allowed() {
        for memory_bytes in [1 << 20, 3 << 20, 1 << 30] {
            let settings = LikelihoodSettings { memory_bytes, ..LikelihoodSettings::default() };
            let budget = SIZES.plan(Path::new("a"), &settings, 64).unwrap();
            assert_eq!(budget.search_bytes + budget.held_bytes, memory_bytes);
            assert!((1..=64).contains(&budget.n_images), "{budget:?}");
        }
        let settings = LikelihoodSettings { memory_bytes: 800_000, ..LikelihoodSettings::default() };
        let error = SIZES.plan(Path::new("a"), &settings, 64).unwrap_err().to_string();
        assert!(error.contains("comparing one image with `a` takes"), "{error}");
    }

    #[test]
    fn room_is_looked_for_where_the_folder_will_be() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("not/there/yet");
        check_room(&output, 1000).unwrap();
        let error = check_room(&output, u64::MAX).unwrap_err().to_string();
        assert!(error.contains("has room for"), "{error}");
    }
}
