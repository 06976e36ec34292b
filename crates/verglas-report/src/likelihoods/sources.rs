//! Where listed images come from, as far as the stacks that were compared still say it.

use std::collections::BTreeMap;
use std::path::Path;

use verglas_core::error::Result;
use verglas_particles::stack::{StackColumns, StackNames, own_values};
use verglas_scoring::LikelihoodFolder;

use super::survey::Listed;

/// Where an image comes from; each is `None` where its stack does not say it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Source {
    pub(super) file: Option<String>,
    /// From 0.
    pub(super) section: Option<i64>,
    /// From 0.
    pub(super) row: Option<i64>,
}

/// The images' sources, in their order; the metadata of each stack are read once.
///
/// # Errors
/// When the metadata of a stack can't be read any more.
pub(super) fn sources(folder: &LikelihoodFolder, images: &[Listed]) -> Result<Vec<Source>> {
    let mut sources = vec![Source::default(); images.len()];
    let Some(particles) = folder.particles().filter(|path| path.is_dir()) else { return Ok(sources) };
    let mut by_stack: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, image) in images.iter().enumerate() {
        by_stack.entry(image.stack).or_default().push(place);
    }
    for (stack, places) in by_stack {
        let first_image = folder.n_images()[..stack].iter().sum();
        let path = particles.join(StackNames::of(stack).metadata);
        let of_stack = StackSources::read(&path, folder.n_images()[stack], first_image)?;
        for place in places {
            sources[place] = of_stack.of(images[place].index);
        }
    }
    Ok(sources)
}

/// What one stack says.
struct StackSources {
    files: Vec<Vec<u8>>,
    sections: Vec<i64>,
    rows: Vec<i64>,
}

impl StackSources {
    fn read(path: &Path, n_images: usize, first_image: usize) -> Result<Self> {
        fn own<T: Clone>(values: Option<Vec<T>>, n_images: usize, first_image: usize) -> Vec<T> {
            let own = values.as_deref().and_then(|values| own_values(values, n_images, first_image));
            own.map(<[T]>::to_vec).unwrap_or_default()
        }
        let mut columns = StackColumns::open(path)?;
        Ok(Self {
            files: own(columns.texts("files")?, n_images, first_image),
            sections: own(columns.whole_numbers("idxs")?, n_images, first_image),
            rows: own(columns.whole_numbers("row")?, n_images, first_image),
        })
    }

    fn of(&self, image: usize) -> Source {
        Source {
            file: self.files.get(image).map(|file| String::from_utf8_lossy(file).into_owned()),
            section: self.sections.get(image).copied(),
            row: self.rows.get(image).copied(),
        }
    }
}
