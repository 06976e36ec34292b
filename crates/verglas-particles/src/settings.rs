//! The settings of a conversion.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use verglas_core::choice::choice;
use verglas_core::threads::default_threads;
pub use verglas_formats::mrc::PixelType;
use verglas_fourier::grid::Precision;

use crate::metadata::AngleUnit;
pub use crate::particle::DefocusAngleAxis;
pub use verglas_run::{Existing, Shard};

/// The grids of the output.
#[derive(Debug, Clone, PartialEq)]
pub enum DescriptorSource {
    /// A descriptor file.
    File(PathBuf),
    /// A descriptor in memory.
    Given(Box<verglas_run::descriptor::ImageDescriptor>),
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

choice! {
    /// Which of two contradicting pixel sizes counts.
    pub enum PixelSizeFrom("pixel size source") {
        /// The one given by the caller.
        Caller = "caller",
        /// The one in the metadata.
        Metadata = "metadata",
    }
}

choice! {
    /// Whether to change the sign of the images.
    pub enum Contrast("contrast", default AsStored) {
        /// Images stay as they are.
        AsStored = "as-stored",
        /// Each image is multiplied by its blob/sign (.cs files only).
        BlobSign = "blob-sign",
        /// Every image is multiplied by −1.
        Invert = "invert",
    }
}

choice! {
    /// How to read 8-bit MRC data.
    pub enum ByteSign("mode 0", default Signed) {
        /// −128 to 127, as MRC2014 says.
        Signed = "signed",
        /// 0 to 255.
        Unsigned = "unsigned",
    }
}

choice! {
    /// How several pixels become one.
    pub enum DownsampleMethod("downsample method", default Mean) {
        /// Mean of each block of F × F pixels; moves the centre by (F − 1)/2 input pixels where 2F divides the box.
        Mean = "mean",
        /// Largest of each block of F × F pixels; moves the centre as `mean` does.
        Max = "max",
        /// Crop in Fourier space: keeps the centre and the field of view.
        Fourier = "fourier",
    }
}

choice! {
    /// Who transforms the images.
    pub enum Backend("backend", default Cpu) {
        /// The processor.
        Cpu = "cpu",
    }
}

/// Whether and how images are downsampled, before anything else is done to them.
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

/// Everything that a user can ask of a conversion, defaults included.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvertSettings {
    /// The grids.
    pub descriptor: DescriptorSource,
    /// Look image files up in this folder, by the longest end of their paths that is there.
    pub image_dir: Option<PathBuf>,
    /// Most images per stack.
    pub batch_size: usize,
    /// Stop after this many stacks.
    pub max_stacks: Option<usize>,
    /// Pixel size of the input images along both axes, Å.
    pub pixel_size_angstrom: Option<[f64; 2]>,
    /// Which pixel size to use if the caller's and the metadata's differ; `None`: a difference is an error.
    pub pixel_size_from: Option<PixelSizeFrom>,
    /// Unit of the defocus angle in sequential STAR files.
    pub defocus_angle_unit: AngleUnit,
    /// Unit of the phase shift in sequential STAR files.
    pub phase_shift_unit: AngleUnit,
    /// From which axis the defocus angle is written.
    pub defocus_angle_axis: DefocusAngleAxis,
    /// Whether and how images are made smaller; the descriptor describes them afterwards.
    pub downsampling: Downsampling,
    /// Crop images in Fourier space to this box, in place of `downsampling`: an even number of pixels, at most their own.
    pub downsample_to: Option<usize>,
    /// Whether to change the sign of the images, before they are downsampled.
    pub contrast: Contrast,
    /// Only particles of these optics groups; empty means all.
    pub optics_groups: Vec<String>,
    /// Only the rows of the metadata that this file names (`.npy` or `.pt`): a mask over all of them, or indices from 0.
    pub rows: Option<PathBuf>,
    /// How 8-bit MRC data are meant.
    pub byte_sign: ByteSign,
    /// How pixels are stored, where the MRC headers' mode is wrong; `None`: the mode counts.
    pub pixel_type: Option<PixelType>,
    /// Don't mix image files within a stack.
    pub keep_files_apart: bool,
    /// Whether the physical stacks are written.
    pub physical: bool,
    /// Whether three plots of each stack are written.
    pub plots: bool,
    /// What to do if the output folder already holds stacks.
    pub existing: Existing,
    /// Make only this part of the stacks, under the names that they have in the whole.
    pub shard: Option<Shard>,
    /// When resuming: compare the checksums of what is kept, and remake what was altered. Sizes are always compared.
    pub verify_kept: bool,
    /// Leave out images that can't be read or normalised, and list them; metadata must be right all the same.
    pub skip_unreadable: bool,
    /// Who transforms the images.
    pub backend: Backend,
    /// Threads that compute; at least one.
    pub n_threads: usize,
    /// Upper bound for buffers, bytes.
    pub memory_bytes: u64,
}

/// Default number of images per stack.
pub const DEFAULT_BATCH_SIZE: usize = 1024;
/// Default upper bound for buffers, bytes.
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
            downsample_to: None,
            contrast: Contrast::AsStored,
            optics_groups: Vec::new(),
            rows: None,
            byte_sign: ByteSign::Signed,
            pixel_type: None,
            keep_files_apart: false,
            physical: true,
            plots: true,
            existing: Existing::Refuse,
            shard: None,
            verify_kept: false,
            skip_unreadable: false,
            backend: Backend::default(),
            n_threads: default_threads(),
            memory_bytes: DEFAULT_MEMORY_BYTES,
        }
    }
}
