//! The command line: what its words mean, and their help texts.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use verglas::grid::Precision;
use verglas::metadata::AngleUnit;
use verglas::settings::{ByteSign, Contrast, DefocusAngleAxis, DownsampleMethod, PixelSizeFrom};

const EXAMPLES: &str = "\
Examples:
  verglas demo
  verglas convert run_data.star -o stacks
  verglas convert run_data.star --image-dir Particles/ -d parameters.npz -o stacks
  verglas convert J24_particles.cs J24_passthrough_particles.cs -o stacks
  verglas convert cryosparc/ --job 15 -o stacks
  verglas convert a.star b.star --images a.mrcs b.mrcs --pixel-size 1.06 -o stacks";

/// Converts cryo-EM particle stacks into the polar Fourier stacks that CryoLike scores
#[derive(Debug, Parser)]
#[command(name = "verglas", version, about, after_help = EXAMPLES, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub logging: Logging,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an image descriptor: the grids that images are sampled on
    Descriptor(DescriptorArguments),
    /// Convert particle images into stacks that CryoLike loads
    Convert(Box<ConvertArguments>),
    /// Find everything that would stop a conversion, without writing anything
    Check(Box<CheckArguments>),
    /// Tell what is in a file: STAR, .cs, MRC, descriptor, stack (.npz, .pt), .npy
    Inspect(InspectArguments),
    /// Write chosen particles' original rows, with results as new columns
    Export(ExportArguments),
    /// Make a data set with known truth
    Simulate(SimulateArguments),
    /// Measure how fast this machine is: each step, and a whole run
    Bench(BenchArguments),
    /// Simulate a small data set and convert it: the whole thing on one line
    Demo(DemoArguments),
}

/// What is told on the way.
#[derive(Debug, Clone, Copy, Args)]
pub struct Logging {
    /// No progress and no summary; warnings are always shown
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Explain what was decided, and why
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// How messages on stderr look
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Args)]
pub struct DescriptorArguments {
    /// Box side of the images, pixels
    #[arg(long, value_name = "N")]
    pub n_pixels: NonZeroUsize,
    /// Å per pixel
    #[arg(long, value_name = "A", value_parser = positive)]
    pub pixel_size: f64,
    /// File to write
    #[arg(short, long, value_name = "FILE.npz")]
    pub output: PathBuf,
    #[command(flatten)]
    pub grids: GridArguments,
    /// Distance between viewing directions of templates [default: 1/(4π · resolution factor)]
    #[arg(long, value_name = "D", value_parser = positive, help_heading = "Templates")]
    pub viewing_distance: Option<f64>,
    /// Radius of an atom in templates, Å
    #[arg(long, value_name = "A", value_parser = positive, help_heading = "Templates")]
    pub atom_radii: Option<f64>,
    /// Which atoms of a model count in templates
    #[arg(long, value_name = "S", default_value = "name CA", help_heading = "Templates")]
    pub atom_selection: String,
    /// Atoms, not residues, stand in templates
    #[arg(long, help_heading = "Templates")]
    pub no_protein_residue_model: bool,
    /// Shape of an atom in templates
    #[arg(long, value_enum, default_value_t = AtomShapeName::Gaussian, value_name = "SHAPE", help_heading = "Templates")]
    pub atom_shape: AtomShapeName,
    /// Replace the file if it is there
    #[arg(long)]
    pub overwrite: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum AtomShapeName {
    Gaussian,
    HardSphere,
}

/// The grids, where no descriptor file gives them.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Grids")]
pub struct GridArguments {
    /// Precision of the Fourier images [default: single]
    #[arg(long, value_enum, value_name = "PRECISION")]
    pub precision: Option<PrecisionName>,
    /// Largest radius as a fraction of Nyquist, in (0, 1] [default: 1]
    #[arg(long, value_name = "F", value_parser = fraction)]
    pub resolution_factor: Option<f64>,
    /// Angles per shell [default: twice the box]
    #[arg(long, value_name = "M")]
    pub n_inplanes: Option<NonZeroUsize>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PrecisionName {
    Single,
    Double,
}

impl From<PrecisionName> for Precision {
    fn from(name: PrecisionName) -> Self {
        match name {
            PrecisionName::Single => Self::Single,
            PrecisionName::Double => Self::Double,
        }
    }
}

/// What is read, and how it is meant.
#[derive(Debug, Args)]
pub struct InputArguments {
    /// One .star file that names its images, or several with --images; one .cs file, or two that belong together; a
    /// folder with --job
    #[arg(required = true, value_name = "INPUT")]
    pub input: Vec<PathBuf>,
    /// Descriptor file with the grids; without it they are made from the data
    #[arg(short, long, value_name = "FILE.npz", help_heading = "Grids",
          conflicts_with_all = ["precision", "resolution_factor", "n_inplanes"])]
    pub descriptor: Option<PathBuf>,
    #[command(flatten)]
    pub grids: GridArguments,

    /// Image stacks that the rows of the .star files describe in sequence: as many files, in the same order
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Images")]
    pub images: Vec<PathBuf>,
    /// The CryoSPARC job J<N> below the folder INPUT: its particles and the images in J<N>/restack or J<N>/downsample
    #[arg(long, value_name = "N", help_heading = "Images", conflicts_with_all = ["images", "image_dir"])]
    pub job: Option<u64>,
    /// Look image files up by file name in this folder
    #[arg(long, value_name = "DIR", help_heading = "Images", conflicts_with = "images")]
    pub image_dir: Option<PathBuf>,
    /// Pixel size of the input images, Å
    #[arg(long, value_name = "A", value_parser = positive, help_heading = "Images")]
    pub pixel_size: Option<f64>,
    /// Which pixel size counts where --pixel-size and the metadata differ
    #[arg(long, value_enum, value_name = "SOURCE", help_heading = "Images")]
    pub pixel_size_from: Option<PixelSizeFromName>,
    /// Make images smaller by this integer factor, first of all; the grids are those of the smaller images
    #[arg(long, value_name = "F", default_value = "1", help_heading = "Images")]
    pub downsample: NonZeroUsize,
    /// How images are made smaller
    #[arg(long, value_enum, default_value_t = DownsampleMethodName::Mean, value_name = "METHOD", help_heading = "Images")]
    pub downsample_method: DownsampleMethodName,
    /// What is done to the sign of the images
    #[arg(long, value_enum, default_value_t = ContrastName::AsStored, value_name = "CONTRAST", help_heading = "Images")]
    pub contrast: ContrastName,
    /// How 8-bit MRC data are meant
    #[arg(long, value_enum, default_value_t = ByteSignName::Signed, value_name = "SIGN", help_heading = "Images")]
    pub mode0: ByteSignName,

    /// Only particles of these optics groups, by number or name; in .cs files ctf/exp_group_id
    #[arg(long, value_name = "ID", num_args = 1.., help_heading = "Metadata")]
    pub optics_group: Vec<String>,
    /// Unit of the defocus angle (with --images only)
    #[arg(long, value_enum, default_value_t = AngleUnitName::Degrees, value_name = "UNIT", help_heading = "Metadata")]
    pub defocus_angle_unit: AngleUnitName,
    /// Unit of the phase shift (with --images only)
    #[arg(long, value_enum, default_value_t = AngleUnitName::Degrees, value_name = "UNIT", help_heading = "Metadata")]
    pub phase_shift_unit: AngleUnitName,
    /// From which axis the defocus angle is written; `rows` makes CryoLike's CTF right for astigmatic images
    #[arg(long, value_enum, default_value_t = AxisName::Columns, value_name = "AXIS", help_heading = "Metadata")]
    pub defocus_angle_axis: AxisName,

    /// Images per stack
    #[arg(long, value_name = "N", default_value = "1024", help_heading = "Stacks")]
    pub batch_size: NonZeroUsize,
    /// Stop after so many stacks
    #[arg(long, value_name = "N", help_heading = "Stacks")]
    pub max_stacks: Option<NonZeroUsize>,
    /// No stack mixes image files
    #[arg(long, help_heading = "Stacks")]
    pub keep_files_apart: bool,
    /// Threads [default: all cores]
    #[arg(short = 'j', long, value_name = "N", help_heading = "Machine")]
    pub threads: Option<NonZeroUsize>,
    /// Upper bound for buffers, such as 512M or 2G [default: 256M]
    #[arg(long, value_name = "SIZE", value_parser = bytes, help_heading = "Machine")]
    pub memory: Option<u64>,
}

#[derive(Debug, Args)]
pub struct ConvertArguments {
    #[command(flatten)]
    pub input: InputArguments,
    /// Folder to write to
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,

    /// Don't write the physical images (phys/)
    #[arg(long, help_heading = "Stacks")]
    pub no_physical: bool,
    /// Draw no plots; this version draws none
    #[arg(long, help_heading = "Stacks")]
    pub no_plots: bool,
    /// Replace what an earlier run left in the output folder
    #[arg(long, help_heading = "Stacks")]
    pub overwrite: bool,
}

#[derive(Debug, Args)]
pub struct CheckArguments {
    #[command(flatten)]
    pub input: InputArguments,
    /// Look at every pixel too, not at metadata and headers only
    #[arg(long)]
    pub deep: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PixelSizeFromName {
    Caller,
    Metadata,
}

impl From<PixelSizeFromName> for PixelSizeFrom {
    fn from(name: PixelSizeFromName) -> Self {
        match name {
            PixelSizeFromName::Caller => Self::Caller,
            PixelSizeFromName::Metadata => Self::Metadata,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum DownsampleMethodName {
    /// Mean of each block of F × F pixels; moves the centre by (F − 1)/2 input pixels where 2F divides the box
    Mean,
    /// Largest of each block of F × F pixels; moves the centre as `mean` does
    Max,
    /// Crop in Fourier space: keeps the centre and the field of view
    Fourier,
}

impl From<DownsampleMethodName> for DownsampleMethod {
    fn from(name: DownsampleMethodName) -> Self {
        match name {
            DownsampleMethodName::Mean => Self::Mean,
            DownsampleMethodName::Max => Self::Max,
            DownsampleMethodName::Fourier => Self::Fourier,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ContrastName {
    /// Images stay as they are
    AsStored,
    /// Each image is multiplied by its blob/sign (.cs files only)
    BlobSign,
    /// Every image is multiplied by −1
    Invert,
}

impl From<ContrastName> for Contrast {
    fn from(name: ContrastName) -> Self {
        match name {
            ContrastName::AsStored => Self::AsStored,
            ContrastName::BlobSign => Self::BlobSign,
            ContrastName::Invert => Self::Invert,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ByteSignName {
    Signed,
    Unsigned,
}

impl From<ByteSignName> for ByteSign {
    fn from(name: ByteSignName) -> Self {
        match name {
            ByteSignName::Signed => Self::Signed,
            ByteSignName::Unsigned => Self::Unsigned,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AngleUnitName {
    Degrees,
    Radians,
}

impl From<AngleUnitName> for AngleUnit {
    fn from(name: AngleUnitName) -> Self {
        match name {
            AngleUnitName::Degrees => Self::Degrees,
            AngleUnitName::Radians => Self::Radians,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum AxisName {
    Columns,
    Rows,
}

impl From<AxisName> for DefocusAngleAxis {
    fn from(name: AxisName) -> Self {
        match name {
            AxisName::Columns => Self::Columns,
            AxisName::Rows => Self::Rows,
        }
    }
}

#[derive(Debug, Args)]
pub struct InspectArguments {
    /// Files, recognised by what they hold
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// One JSON document: an object for one file, an array of objects for several
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ExportArguments {
    /// Output folder of a conversion
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Which images of DIR: a mask over all, or indices, in the order of the output [default: all]
    #[arg(long, value_name = "FILE.npy")]
    pub rows: Option<PathBuf>,
    /// New column with one value (integer, float or bool) for each image of DIR, as .npy or .pt
    #[arg(long, value_name = "NAME=FILE.npy", value_parser = named_file)]
    pub add: Vec<(String, PathBuf)>,
    /// File to write, of the source's kind
    #[arg(short, long, value_name = "OUT.star|OUT.cs")]
    pub output: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    pub overwrite: bool,
}

#[derive(Debug, Args)]
pub struct SimulateArguments {
    /// Folder to write to
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// How many particles
    #[arg(long, value_name = "N")]
    pub particles: usize,
    /// Box side, pixels
    #[arg(long, value_name = "N")]
    pub n_pixels: usize,
    /// Which files hold it
    #[arg(long, value_enum, default_value_t = LayoutName::Star, value_name = "LAYOUT")]
    pub layout: LayoutName,
    /// Image files [default: one per 1,000 particles, at least two]
    #[arg(long, value_name = "N")]
    pub stacks: Option<usize>,
    /// Variance of the signal over that of the noise, over the whole box
    #[arg(long, value_name = "X", default_value_t = 0.1, value_parser = positive)]
    pub snr: f64,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Threads; the bytes do not depend on it [default: all cores]
    #[arg(short = 'j', long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LayoutName {
    /// One .star that names images in .mrcs stacks, as RELION 3.1 and later
    Star,
    /// Pairs of one .star and one .mrcs, in sequence
    StarPairs,
    /// One CryoSPARC .cs that names images
    Cs,
    /// A CryoSPARC job folder J1
    CsJob,
}

#[derive(Debug, Args)]
pub struct BenchArguments {
    /// Box side, pixels
    #[arg(long, value_name = "N", default_value = "256")]
    pub n_pixels: NonZeroUsize,
    /// Precision of the Fourier images
    #[arg(long, value_enum, default_value_t = PrecisionName::Single, value_name = "PRECISION")]
    pub precision: PrecisionName,
    /// Threads [default: all cores]
    #[arg(short = 'j', long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Where the whole run writes; a disk to be measured [default: the system's folder for temporary files]
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Folder to write to
    #[arg(value_name = "DIR", default_value = "verglas-demo")]
    pub output: PathBuf,
}

/// A positive finite number.
fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("expected a positive number".to_owned()),
    }
}

/// A number in (0, 1].
fn fraction(text: &str) -> Result<f64, String> {
    positive(text).ok().filter(|&number| number <= 1.0).ok_or_else(|| "expected a number in (0, 1]".to_owned())
}

/// A name and a file, as in `score=scores.npy`; the underscore before a STAR column's name is no part of it.
fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    match text.strip_prefix('_').unwrap_or(text).split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok((name.to_owned(), PathBuf::from(file))),
        _ => Err("expected NAME=FILE".to_owned()),
    }
}

/// A size in bytes, with one of the endings K, M, G, T (powers of 1024), as in `512M` or `2GiB`.
fn bytes(text: &str) -> Result<u64, String> {
    let expected = || "expected a size such as 512M or 2G".to_owned();
    let upper = text.trim().to_ascii_uppercase();
    let digits = upper.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor: u64 = match &upper[digits.len()..] {
        "" | "B" => 1,
        "K" | "KB" | "KIB" => 1 << 10,
        "M" | "MB" | "MIB" => 1 << 20,
        "G" | "GB" | "GIB" => 1 << 30,
        "T" | "TB" | "TIB" => 1 << 40,
        _ => return Err(expected()),
    };
    let number: f64 = digits.trim().parse().map_err(|_| expected())?;
    let size = number * factor as f64;
    if size.is_finite() && (1.0..=1e18).contains(&size) { Ok(size as u64) } else { Err(expected()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_default_batch_is_the_librarys() {
        let arguments = Arguments::try_parse_from(["verglas", "check", "a.star"]).unwrap();
        let Command::Check(check) = arguments.command else { panic!() };
        assert_eq!(check.input.batch_size.get(), verglas::settings::DEFAULT_BATCH_SIZE);
    }

    #[test]
    fn columns_have_a_name_and_a_file() {
        assert_eq!(named_file("score=a=b.npy"), Ok(("score".to_owned(), PathBuf::from("a=b.npy"))));
        assert_eq!(named_file("_rlnScore=a.npy"), Ok(("rlnScore".to_owned(), PathBuf::from("a.npy"))));
        for bad in ["score", "=a.npy", "score=", ""] {
            assert!(named_file(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_have_binary_endings() {
        assert_eq!(bytes("512M"), Ok(512 << 20));
        assert_eq!(bytes("2GiB"), Ok(2 << 30));
        assert_eq!(bytes("1.5k"), Ok(1536));
        assert_eq!(bytes("1000"), Ok(1000));
        for bad in ["", "M", "-1G", "0", "1X", "nan", "1e99"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }
}
