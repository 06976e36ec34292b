//! How much is held in memory at once, and how much room results take.

use std::path::Path;

use verglas_core::error::{Error, Result};
use verglas_core::hint::{Hint, Setting};
use verglas_run::disk::{free_bytes, in_words};

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
    /// Bytes that making images takes; 0 where they are read.
    pub(crate) source_bytes: u64,
    /// Bytes that templates between the views take; 0 where none are looked at.
    pub(crate) between_bytes: u64,
    /// Bytes that templates at half of the resolution take; 0 where none are looked at.
    pub(crate) coarse_bytes: u64,
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

    /// Bytes that are held from the first image to the last.
    fn fixed_bytes(&self) -> u64 {
        let of_templates = self.template_bytes().saturating_add(self.between_bytes).saturating_add(self.coarse_bytes);
        of_templates.saturating_add(self.source_bytes)
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

    /// What is held beside the comparison itself: templates, one image, and what makes images.
    pub(crate) fn least_held_bytes(&self, settings: &LikelihoodSettings) -> u64 {
        self.fixed_bytes().saturating_add(self.image_bytes(settings))
    }

    /// Divides the memory for stacks of at most `most_images`, where the comparison itself takes `least_search_bytes` at least.
    /// The least of both fits, as was checked before.
    pub(crate) fn plan(&self, settings: &LikelihoodSettings, least_search_bytes: u64, most_images: usize) -> Budget {
        let (held, image) = (self.fixed_bytes(), self.image_bytes(settings));
        let room = settings.memory_bytes.saturating_sub(held);
        // A third is enough for images: what the comparison makes of them takes more.
        let for_images = (room / 3).min(room.saturating_sub(least_search_bytes));
        let n_images = (for_images / image).clamp(1, most_images.max(1) as u64);
        let held_bytes = held.saturating_add(n_images.saturating_mul(image));
        let search_bytes = settings.memory_bytes.saturating_sub(held_bytes);
        Budget { n_images: n_images as usize, search_bytes, held_bytes }
    }
}

/// Whether `bytes` fit on the disk of `output`, or of the nearest folder above it that is there.
///
/// # Errors
/// When there is less room.
pub(crate) fn check_room(output: &Path, bytes: u64) -> Result<()> {
    // What can't be asked is found out when it is written.
    let Some(free) = free_bytes(output).filter(|free| *free < bytes) else { return Ok(()) };
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

    const SIZES: Sizes = Sizes {
        n_views: 100,
        n_points: 1000,
        n_displacements: 9,
        n_inplanes: 50,
        number_bytes: 4,
        source_bytes: 0,
        between_bytes: 0,
        coarse_bytes: 0,
    };

    #[test]
    fn all_parts_together_are_what_is_allowed() {
        for source_bytes in [0, 50_000] {
            let sizes = Sizes { source_bytes, between_bytes: source_bytes / 2, ..SIZES };
            for memory_bytes in [1 << 20, 3 << 20, 1 << 30] {
                let settings = LikelihoodSettings { memory_bytes, ..LikelihoodSettings::default() };
                let least = memory_bytes - sizes.least_held_bytes(&settings);
                for least_search_bytes in [0, least / 2, least] {
                    let budget = sizes.plan(&settings, least_search_bytes, 64);
                    assert_eq!(budget.search_bytes + budget.held_bytes, memory_bytes);
                    assert!((1..=64).contains(&budget.n_images), "{budget:?}");
                    assert!(budget.search_bytes >= least_search_bytes, "{budget:?}");
                }
            }
        }
        // 100 templates of 1000 complex numbers, with angles and weights; an image and what comes of it.
        let settings = LikelihoodSettings::default();
        assert_eq!(SIZES.least_held_bytes(&settings), 100 * (8000 + 64) + 8000 + 512);
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
