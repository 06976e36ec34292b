//! Which files a data set consists of, and which particle's image is where.

use std::path::PathBuf;

use verglas_core::choice::choice;

/// Ranks of a stack that are stored in reverse: sections do not follow the rows' order, yet reading in that order stays
/// within a few images.
const REVERSED_BLOCK: usize = 8;

choice! {
    /// The files that a data set is written as: the kinds of input of a conversion.
    pub enum Layout("layout", default Star) {
        /// One .star that names images in .mrcs stacks, as RELION 3.1 and later.
        ///
        /// `particles.star`, and `stacks/particles_000.mrcs` ….
        Star = "star",
        /// Pairs of one .star and one .mrcs, in sequence.
        ///
        /// `particles_000.star` with `particles_000.mrcs` …; row k describes section k.
        StarPairs = "star-pairs",
        /// One CryoSPARC .cs that names images.
        ///
        /// `particles.cs`, and `stacks/particles_000.mrcs` ….
        Cs = "cs",
        /// A CryoSPARC job folder J1.
        ///
        /// `J1/J1_passthrough_particles.cs` and `J1/restack/batch_0_restacked.mrc` …; rows describe the images of all
        /// files in sequence.
        CsJob = "cs-job",
    }
}

impl Layout {
    /// The image file `stack`, relative to the data set's folder.
    pub fn stack_path(self, stack: usize) -> PathBuf {
        match self {
            Self::Star | Self::Cs => format!("stacks/particles_{stack:03}.mrcs").into(),
            Self::StarPairs => format!("particles_{stack:03}.mrcs").into(),
            Self::CsJob => format!("J1/restack/batch_{stack}_restacked.mrc").into(),
        }
    }

    /// The metadata files, relative to the data set's folder: one, or one per stack.
    pub fn metadata_paths(self, n_stacks: usize) -> Vec<PathBuf> {
        match self {
            Self::Star => vec!["particles.star".into()],
            Self::StarPairs => (0..n_stacks).map(|stack| format!("particles_{stack:03}.star").into()).collect(),
            Self::Cs => vec!["particles.cs".into()],
            Self::CsJob => vec!["J1/J1_passthrough_particles.cs".into()],
        }
    }

    /// Whether rows name their images, which then need not be in the rows' order.
    fn is_indexed(self) -> bool {
        matches!(self, Self::Star | Self::Cs)
    }
}

/// Where an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// The image file, from 0.
    pub stack: usize,
    /// The section in it, from 0.
    pub section: usize,
}

/// How particles are dealt to image files.
///
/// Where rows name their images, consecutive rows go to different files and every eight images of a file are stored in
/// reverse, so that a reader that ignores the index gets wrong images. Otherwise the files hold the rows in sequence.
#[derive(Debug, Clone, Copy)]
pub struct Dealing {
    n_particles: usize,
    n_stacks: usize,
    interleaved: bool,
}

impl Dealing {
    /// Deals `n_particles` to `n_stacks` files, at least one to each.
    ///
    /// # Panics
    /// With no stacks, or more stacks than particles.
    pub fn new(layout: Layout, n_particles: usize, n_stacks: usize) -> Self {
        assert!(n_stacks >= 1 && n_stacks <= n_particles, "expected 1 to {n_particles} stacks, found {n_stacks}");
        Self { n_particles, n_stacks, interleaved: layout.is_indexed() }
    }

    /// How many images the file `stack` holds: sizes differ by one at most, earlier files being the larger.
    pub fn n_sections(&self, stack: usize) -> usize {
        self.n_particles / self.n_stacks + usize::from(stack < self.n_particles % self.n_stacks)
    }

    /// Where the image of the particle `index` is.
    pub fn place(&self, index: usize) -> Place {
        if self.interleaved {
            let stack = index % self.n_stacks;
            return Place { stack, section: reverse_in_block(index / self.n_stacks, self.n_sections(stack)) };
        }
        let size = self.n_particles / self.n_stacks;
        let n_larger = self.n_particles % self.n_stacks;
        let n_in_larger = n_larger * (size + 1);
        if index < n_in_larger {
            Place { stack: index / (size + 1), section: index % (size + 1) }
        } else {
            let rest = index - n_in_larger;
            Place { stack: n_larger + rest / size, section: rest % size }
        }
    }

    /// The particle whose image is there.
    pub fn particle_at(&self, place: Place) -> usize {
        let Place { stack, section } = place;
        if self.interleaved {
            return reverse_in_block(section, self.n_sections(stack)) * self.n_stacks + stack;
        }
        let n_larger = self.n_particles % self.n_stacks;
        stack * (self.n_particles / self.n_stacks) + stack.min(n_larger) + section
    }
}

/// The counterpart of `index` in its block of eight among 0..`n`, the last block being shorter; its own inverse.
fn reverse_in_block(index: usize, n: usize) -> usize {
    let first = index - index % REVERSED_BLOCK;
    let end = (first + REVERSED_BLOCK).min(n);
    first + (end - 1 - index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use verglas_core::Choice;

    #[test]
    fn blocks_are_reversed() {
        let reversed: Vec<_> = (0..11).map(|index| reverse_in_block(index, 11)).collect();
        assert_eq!(reversed, [7, 6, 5, 4, 3, 2, 1, 0, 10, 9, 8]);
    }

    #[test]
    fn every_particle_has_a_place_of_its_own() {
        for &layout in Layout::ALL {
            for n_particles in 1..40 {
                for n_stacks in 1..=n_particles {
                    let dealing = Dealing::new(layout, n_particles, n_stacks);
                    let mut seen = std::collections::HashSet::new();
                    for index in 0..n_particles {
                        let place = dealing.place(index);
                        assert!(place.stack < n_stacks && place.section < dealing.n_sections(place.stack));
                        assert_eq!(dealing.particle_at(place), index);
                        assert!(seen.insert(place));
                    }
                    assert_eq!((0..n_stacks).map(|stack| dealing.n_sections(stack)).sum::<usize>(), n_particles);
                }
            }
        }
    }

    #[test]
    fn sequential_layouts_keep_the_rows_order() {
        let dealing = Dealing::new(Layout::CsJob, 5, 2);
        let places: Vec<_> =
            (0..5).map(|index| dealing.place(index)).map(|place| (place.stack, place.section)).collect();
        assert_eq!(places, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]);
    }
}
