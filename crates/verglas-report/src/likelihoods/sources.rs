//! Where listed images come from, as far as the stacks that were compared still say it, or the metadata of images that were made
//! on the way.

use std::collections::BTreeMap;

use verglas_core::error::Result;
use verglas_particles::stack::{ImageSources, StackColumns, StackNames};
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
/// When the metadata of a stack can't be read any more; when those of images that were made on the way are not what they were.
pub(super) fn sources(folder: &LikelihoodFolder, images: &[Listed]) -> Result<Vec<Source>> {
    let mut sources = vec![Source::default(); images.len()];
    let planned = folder.recorded_images().map(|recorded| recorded.plan(None)).transpose()?;
    let Some(particles) = folder.particles().filter(|path| planned.is_some() || path.is_dir()) else {
        return Ok(sources);
    };
    let mut by_stack: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, image) in images.iter().enumerate() {
        by_stack.entry(image.stack).or_default().push(place);
    }
    for (stack, places) in by_stack {
        let of_stack = match &planned {
            Some(planned) => planned.sources(stack),
            None => {
                let first_image = folder.n_images()[..stack].iter().sum();
                let path = particles.join(StackNames::of(stack).metadata);
                StackColumns::open(&path)?.sources(folder.n_images()[stack], Some(first_image))?
            }
        };
        for place in places {
            sources[place] = Source::of(&of_stack, images[place].index);
        }
    }
    Ok(sources)
}

impl Source {
    fn of(stack: &ImageSources, image: usize) -> Self {
        Self {
            file: stack.files.get(image).map(|file| String::from_utf8_lossy(file).into_owned()),
            section: stack.sections.get(image).copied(),
            row: stack.rows.get(image).copied(),
        }
    }
}
