//! What a user can ask of a conversion.

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
pub use verglas_formats::mrc::PixelType;

use crate::error::{Error, Result};
use crate::grid::Precision;
use crate::metadata::AngleUnit;
use crate::threads::default_threads;

/// The grids of the output.
#[derive(Debug, Clone, PartialEq)]
pub enum DescriptorSource {
    /// A descriptor file.
    File(PathBuf),
    /// A descriptor in memory.
    Given(Box<crate::descriptor::ImageDescriptor>),
    /// Made from the images' box and pixel size.
    FromData {
        /// Precision of the Fourier images.
        precision: Precision,
        /// Largest radius as a fraction of Nyquist, in (0, 1].
        resolution_factor: f64,
        /// Angles per shell; twice the box when `None`.
        n_inplanes: Option<usize>,
    },
}

/// Which of two contradicting pixel sizes counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PixelSizeFrom {
    /// The one given by the caller.
    Caller,
    /// The one in the metadata.
    Metadata,
}

/// From which axis the defocus angle is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DefocusAngleAxis {
    /// From the columns' direction (x, the fast axis), as RELION and CryoSPARC count.
    #[default]
    Columns,
    /// From the rows' direction, as CryoLike draws the CTF; U is the larger defocus then.
    Rows,
}

impl DefocusAngleAxis {
    /// The name in files and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Columns => "columns",
            Self::Rows => "rows",
        }
    }
}

/// What is done to the sign of the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contrast {
    /// Nothing.
    #[default]
    AsStored,
    /// Every image is multiplied by its `blob/sign`, which only CryoSPARC's metadata have.
    BlobSign,
    /// Every image is multiplied by −1.
    Invert,
}

/// How 8-bit MRC data are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ByteSign {
    /// −128 to 127, as MRC2014 says.
    #[default]
    Signed,
    /// 0 to 255.
    Unsigned,
}

/// How several pixels become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DownsampleMethod {
    /// The mean of each block of f × f pixels.
    #[default]
    Mean,
    /// The largest of each block of f × f pixels.
    Max,
    /// The image's discrete Fourier transform, cropped to ⌊N/f⌋ × ⌊N/f⌋.
    Fourier,
}

impl DownsampleMethod {
    /// The name in files and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Max => "max",
            Self::Fourier => "fourier",
        }
    }
}

/// Whether and how images are made smaller before anything else is done to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downsampling {
    /// The factor f: of N × N pixels ⌊N/f⌋ × ⌊N/f⌋ are left. With 1 nothing is done, whatever the method.
    pub factor: NonZeroUsize,
    /// How.
    pub method: DownsampleMethod,
}

impl Downsampling {
    /// Whether images stay as they are.
    pub fn is_none(self) -> bool {
        self.factor == NonZeroUsize::MIN
    }
}

impl Default for Downsampling {
    fn default() -> Self {
        Self { factor: NonZeroUsize::MIN, method: DownsampleMethod::default() }
    }
}

/// What happens when the output folder holds stacks already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Existing {
    /// Refuse.
    #[default]
    Refuse,
    /// Remove them and start anew.
    Overwrite,
    /// Keep what is whole and make what is missing; refused where settings or inputs are others now.
    Resume,
}

/// One of the parts that the stacks of a plan are divided into, each for a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    number: usize,
    of: usize,
}

/// Most shards that a plan can be divided into.
const MOST_SHARDS: usize = 1_000_000;

impl Shard {
    /// Shard `number`, from 1, of `of`.
    ///
    /// # Errors
    /// When there is no such shard.
    pub fn new(number: usize, of: usize) -> Result<Self> {
        let shard = Self { number, of };
        if shard.is_valid() {
            Ok(shard)
        } else {
            Err(Error::value(format!("shard {shard}, expected K/N with K from 1 to N and N at most {MOST_SHARDS}")))
        }
    }

    /// Whether there is such a shard; one that was read from a file may be any two numbers.
    pub(crate) fn is_valid(self) -> bool {
        (1..=MOST_SHARDS).contains(&self.of) && (1..=self.of).contains(&self.number)
    }

    /// Which one it is, from 1.
    pub fn number(self) -> usize {
        self.number
    }

    /// How many there are.
    pub fn of(self) -> usize {
        self.of
    }

    /// The numbers of its stacks, of `n_stacks` in the plan: a block of consecutive ones, so that a shard reads as few
    /// image files as can be. There may be none.
    pub fn stacks(self, n_stacks: usize) -> Range<usize> {
        let of = self.of.max(1) as u128;
        let start_of = |number: usize| ((number as u128).min(of) * n_stacks as u128 / of) as usize;
        start_of(self.number.saturating_sub(1))..start_of(self.number)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// Everything that a user can ask of a conversion, defaults included.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvertSettings {
    /// The grids.
    pub descriptor: DescriptorSource,
    /// Look image files up in this folder, by the longest end of their paths that is there.
    pub image_dir: Option<PathBuf>,
    /// Most images per stack.
    pub batch_size: usize,
    /// Stop after so many stacks.
    pub max_stacks: Option<usize>,
    /// Pixel size of the input images along both axes, Å.
    pub pixel_size_angstrom: Option<[f64; 2]>,
    /// Which pixel size counts where the caller's and the metadata's differ; `None`: then it is an error.
    pub pixel_size_from: Option<PixelSizeFrom>,
    /// Unit of the defocus angle in sequential STAR files.
    pub defocus_angle_unit: AngleUnit,
    /// Unit of the phase shift in sequential STAR files.
    pub phase_shift_unit: AngleUnit,
    /// From which axis the defocus angle is written.
    pub defocus_angle_axis: DefocusAngleAxis,
    /// Whether and how images are made smaller; the descriptor describes them afterwards.
    pub downsampling: Downsampling,
    /// What is done to the sign of the images, before they are downsampled.
    pub contrast: Contrast,
    /// Only particles of these optics groups; empty means all.
    pub optics_groups: Vec<String>,
    /// How 8-bit MRC data are meant.
    pub byte_sign: ByteSign,
    /// How pixels are stored, where the MRC headers' mode is wrong; `None`: the mode counts.
    pub pixel_type: Option<PixelType>,
    /// No stack mixes image files.
    pub keep_files_apart: bool,
    /// Whether the physical stacks are written.
    pub physical: bool,
    /// Whether three plots of each stack are written.
    pub plots: bool,
    /// What happens when the output folder holds stacks already.
    pub existing: Existing,
    /// Make only this part of the stacks, under the names that they have in the whole.
    pub shard: Option<Shard>,
    /// Leave out images that can't be read or normalised, and list them; metadata must be right all the same.
    pub skip_unreadable: bool,
    /// Threads that compute; at least one.
    pub n_threads: usize,
    /// Upper bound for buffers, bytes.
    pub memory_bytes: u64,
}

/// Images per stack unless told otherwise.
pub const DEFAULT_BATCH_SIZE: usize = 1024;
/// Upper bound for buffers unless told otherwise, bytes.
pub const DEFAULT_MEMORY_BYTES: u64 = 320 << 20;

impl Default for ConvertSettings {
    fn default() -> Self {
        Self {
            descriptor: DescriptorSource::FromData {
                precision: Precision::Single,
                resolution_factor: 1.0,
                n_inplanes: None,
            },
            image_dir: None,
            batch_size: DEFAULT_BATCH_SIZE,
            max_stacks: None,
            pixel_size_angstrom: None,
            pixel_size_from: None,
            defocus_angle_unit: AngleUnit::Degrees,
            phase_shift_unit: AngleUnit::Degrees,
            defocus_angle_axis: DefocusAngleAxis::Columns,
            downsampling: Downsampling::default(),
            contrast: Contrast::AsStored,
            optics_groups: Vec::new(),
            byte_sign: ByteSign::Signed,
            pixel_type: None,
            keep_files_apart: false,
            physical: true,
            plots: true,
            existing: Existing::Refuse,
            shard: None,
            skip_unreadable: false,
            n_threads: default_threads(),
            memory_bytes: DEFAULT_MEMORY_BYTES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_cover_all_stacks_once_and_in_order() {
        for (n_stacks, of) in [(10, 4), (3, 7), (0, 2), (1, 1), (1_000_003, 1000)] {
            let all: Vec<usize> =
                (1..=of).flat_map(|number| Shard::new(number, of).unwrap().stacks(n_stacks)).collect();
            assert!(all.iter().copied().eq(0..n_stacks), "{n_stacks} stacks in {of} shards");
        }
        assert_eq!(Shard::new(2, 4).unwrap().stacks(10), 2..5);
    }

    #[test]
    fn only_shards_that_exist_can_be_asked_for() {
        for (number, of) in [(0, 4), (5, 4), (1, 0), (1, MOST_SHARDS + 1)] {
            let error = Shard::new(number, of).unwrap_err().to_string();
            assert!(error.contains(&format!("shard {number}/{of}")), "{error}");
        }
        // As a damaged manifest may have it.
        assert_eq!((Shard { number: 0, of: 0 }).stacks(5), 0..0);
    }
}
