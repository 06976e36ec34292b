//! What can be asked of a job that makes likelihoods.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use verglas_core::choice::choice;
use verglas_core::error::{Error, Result};
use verglas_core::memory::default_memory_bytes;
use verglas_core::threads::default_threads;
use verglas_particles::ConvertSettings;
use verglas_particles::metadata::Input;
use verglas_particles::settings::DefocusAngleAxis;
use verglas_run::descriptor::ImageDescriptor;
use verglas_run::{Existing, Shard};
use verglas_structures::AxisOrder;

use crate::right::{IndependentValues, Likelihood};

choice! {
    /// A table of all results.
    pub enum TableFormat("table", default Csv) {
        /// A row for each image and structure: `results.csv`.
        Csv = "csv",
        /// The same rows and columns, with types: `results.parquet`.
        Parquet = "parquet",
        /// A row for each image, its best structure, by RELION's names: `results.star`.
        Star = "star",
    }
}

impl TableFormat {
    /// Whether this program can write and read it: for Parquet, it must have been built with the feature `parquet`.
    pub fn is_built(self) -> bool {
        self != Self::Parquet || cfg!(feature = "parquet")
    }

    /// What is told where it can't.
    pub(crate) fn without_parquet() -> Error {
        Error::value("this verglas was built without Parquet").with_hint(
            "a table of comma-separated values has the same rows and columns; \
             a verglas that is built with its feature `parquet` has both",
        )
    }
}

choice! {
    /// Where images' contrast transfer comes from.
    pub enum ContrastSource("contrast transfer", default Stack) {
        /// From the metadata of their stack.
        Stack = "stack",
        /// There is none: images are taken as they are.
        None = "none",
    }
}

/// Which structures of the list are compared, by their places, from 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StructureChoice {
    /// All.
    #[default]
    All,
    /// Those at these places.
    Places(Vec<RangeInclusive<usize>>),
}

impl FromStr for StructureChoice {
    type Err = Error;

    /// `all`, or places and ranges such as `0,2,5-9`.
    fn from_str(text: &str) -> Result<Self> {
        if text == "all" {
            return Ok(Self::All);
        }
        let place = |text: &str| text.trim().parse::<usize>().ok();
        let range = |item: &str| match item.split_once('-') {
            Some((first, last)) => Some(place(first)?..=place(last)?),
            None => place(item).map(|place| place..=place),
        };
        let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
        let ranges = ranges.filter(|ranges| ranges.iter().all(|range| !range.is_empty()));
        ranges.map(Self::Places).ok_or_else(|| {
            Error::value(format!(
                "structures `{text}`, expected `all` or places in the list of templates, from 0, such as `0,2,5-9`"
            ))
        })
    }
}

impl StructureChoice {
    /// The places that are chosen of a list of `n`, in order, each once.
    ///
    /// # Errors
    /// The first place that the list has not.
    pub fn choose(&self, n: usize) -> Result<Vec<usize>> {
        let Self::Places(ranges) = self else { return Ok((0..n).collect()) };
        if let Some(last) = ranges.iter().map(|range| *range.end()).filter(|&last| last >= n).min() {
            return Err(Error::value(format!(
                "there is no structure {last}: the list has {n}, whose places are counted from 0"
            )));
        }
        let mut places: Vec<usize> = ranges.iter().cloned().flatten().collect();
        places.sort_unstable();
        places.dedup();
        Ok(places)
    }
}

/// The images that are compared.
#[derive(Debug, Clone)]
pub enum Particles {
    /// Those of a folder of stacks, ours or CryoLike's.
    Stacks(PathBuf),
    /// Those that a conversion would make, which are made on the way and not written.
    Input {
        /// What the conversion would read.
        input: Input,
        /// What it would be asked. What the job is asked itself counts in place of the same here (most stacks, threads, memory,
        /// whether images are left out), and the defocus angle's axis is that of the metadata.
        settings: Box<ConvertSettings>,
        /// Whether these settings say which grids the images are on; else they are those of the job's descriptor.
        has_own_grids: bool,
    },
}

impl Particles {
    /// The folder of the stacks, or the file or folder that the input is called by.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Stacks(folder) => folder.clone(),
            Self::Input { input: Input::CryosparcJob { root, .. }, .. } => root.clone(),
            Self::Input { input, .. } => input.metadata_file().cloned().unwrap_or_default(),
        }
    }
}

/// A folder of stacks.
impl<P: AsRef<Path> + ?Sized> From<&P> for Particles {
    fn from(folder: &P) -> Self {
        Self::Stacks(folder.as_ref().to_owned())
    }
}

/// What can be asked of a job that makes likelihoods.
#[derive(Debug, Clone)]
pub struct LikelihoodSettings {
    /// The grids and the viewing distance: a descriptor's file, a stack's metadata or a folder of stacks; by default what the
    /// templates were made with.
    pub descriptor: Option<PathBuf>,
    /// The same in memory; a file is not looked for then.
    pub given_descriptor: Option<Box<ImageDescriptor>>,
    /// Which structures.
    pub structures: StructureChoice,
    /// δ, how far displacements reach along each axis, in pixels.
    pub max_displacement_pixels: f64,
    /// How many displacements are tried along axes 0 and 1.
    pub n_displacements: [usize; 2],
    /// Whether likelihoods are integrated over all poses.
    pub integrated: bool,
    /// Whether the best pose with each template is kept.
    pub pairs: bool,
    /// Whether all correlations are kept.
    pub full_cross_correlation: bool,
    /// The tables that are written at the end.
    pub tables: Vec<TableFormat>,
    /// Which likelihood; CryoLike's is plain.
    pub likelihood: Likelihood,
    /// How many independent values an image has; `None` for those of the band, or with CryoLike's formulas all pixels.
    pub independent_values: Option<IndependentValues>,
    /// Where the contrast transfer comes from.
    pub contrast: ContrastSource,
    /// From which axis the stacks' defocus angles are written, whatever they say themselves.
    pub defocus_angle_axis: Option<DefocusAngleAxis>,
    /// Which axis of the maps was taken for which, where templates don't say it; they count as of atoms otherwise.
    pub templates_axes: Option<AxisOrder>,
    /// How many stacks are compared, if not all.
    pub max_stacks: Option<usize>,
    /// Leave out images that can't be read or compared, and say so in the tables; metadata must be right all the same.
    pub skip_unreadable: bool,
    /// Whether everything is done as CryoLike does it, where that differs.
    pub as_cryolike: bool,
    /// What happens when the output folder is not empty.
    pub existing: Existing,
    /// The part of the units that is made, if not all.
    pub shard: Option<Shard>,
    /// Threads that compute.
    pub n_threads: usize,
    /// Upper bound for what is held in memory, bytes; unless told otherwise, a quarter of what is free.
    pub memory_bytes: u64,
}

impl Default for LikelihoodSettings {
    fn default() -> Self {
        Self {
            descriptor: None,
            given_descriptor: None,
            structures: StructureChoice::All,
            max_displacement_pixels: 8.0,
            n_displacements: [17, 17],
            integrated: true,
            pairs: false,
            full_cross_correlation: false,
            tables: vec![TableFormat::Csv],
            likelihood: Likelihood::default(),
            independent_values: None,
            contrast: ContrastSource::Stack,
            defocus_angle_axis: None,
            templates_axes: None,
            max_stacks: None,
            skip_unreadable: false,
            as_cryolike: false,
            existing: Existing::Refuse,
            shard: None,
            n_threads: default_threads(),
            memory_bytes: default_memory_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_chosen_by_their_places() {
        let choose = |text: &str, n| text.parse::<StructureChoice>().unwrap().choose(n);
        assert_eq!(choose("all", 3).unwrap(), [0, 1, 2]);
        assert_eq!(choose("5-6,0,5", 7).unwrap(), [0, 5, 6]);
        let error = choose("0,3", 3).unwrap_err().to_string();
        assert!(error.contains("no structure 3: the list has 3"), "{error}");
        assert!(choose("0-9000000000000000000", 3).is_err());
        for wrong in ["", "a", "3-1", "-1", "1,"] {
            assert!(wrong.parse::<StructureChoice>().is_err(), "{wrong}");
        }
    }
}
