//! `verglas convert` and `verglas check`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use verglas::settings::Shard;

use super::descriptor::GridArguments;
use super::names::{
    AngleUnitName, AxisName, ByteSignName, ContrastName, DownsampleMethodName, PixelSizeFromName, PixelTypeName,
};
use super::numbers::{bytes, positive, shard};

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
    /// Look image files up in this folder, by the longest end of their paths that is there
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
    /// How pixels are stored, where the mode of the MRC headers is wrong
    #[arg(long, value_enum, value_name = "TYPE", help_heading = "Images")]
    pub pixel_type: Option<PixelTypeName>,

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
    /// Leave out images that are missing, cut off or can't be normalised, list them in DIR/skipped.star, and end with
    /// exit code 3
    #[arg(long, help_heading = "Stacks")]
    pub skip_unreadable: bool,
    /// Threads [default: all processors allotted to the process, by SLURM too]
    #[arg(short = 'j', long, value_name = "N", help_heading = "Machine")]
    pub threads: Option<NonZeroUsize>,
    /// Upper bound for buffers, such as 512M or 2G [default: 320M]
    #[arg(long, value_name = "SIZE", value_parser = bytes, help_heading = "Machine")]
    pub memory: Option<u64>,
}

const CONVERT_EXAMPLES: &str = "\
Examples:
  verglas convert run_data.star -o stacks
  verglas convert run_data.star --image-dir Particles/ -d parameters.npz -o stacks
  verglas convert run_data.star -o stacks --downsample 2 --downsample-method fourier --defocus-angle-axis rows
  verglas convert J24_particles.cs J24_passthrough_particles.cs -o stacks --contrast blob-sign
  verglas convert cryosparc/ --job 15 -o stacks
  verglas convert a.star b.star --images a.mrcs b.mrcs --pixel-size 1.06 -o stacks";

#[derive(Debug, Args)]
#[command(after_help = CONVERT_EXAMPLES)]
pub struct ConvertArguments {
    #[command(flatten)]
    pub input: InputArguments,
    /// Folder to write to
    #[arg(short, long, value_name = "DIR", help_heading = "Output")]
    pub output: PathBuf,

    /// Don't write the physical images (phys/)
    #[arg(long, help_heading = "Output")]
    pub no_physical: bool,
    /// Draw no plots of the stacks (plots/)
    #[arg(long, help_heading = "Output")]
    pub no_plots: bool,
    /// Replace what an earlier run left in the output folder
    #[arg(long, help_heading = "Output", conflicts_with_all = ["resume", "shard"])]
    pub overwrite: bool,
    /// Finish what an earlier run left unfinished: keep its stacks that are whole and make the others
    #[arg(long, help_heading = "Output")]
    pub resume: bool,
    /// With --resume: read the stacks that are kept, and make those anew that were altered since
    #[arg(long, help_heading = "Output", requires = "resume")]
    pub verify: bool,
    /// Make only the K-th of N parts of the stacks, K from 1; any number of shards may run at once
    #[arg(long, value_name = "K/N", value_parser = shard, help_heading = "Output")]
    pub shard: Option<Shard>,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  verglas check run_data.star
  verglas check run_data.star --deep
  verglas check cryosparc/ --job 15 -d parameters.npz";

#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub struct CheckArguments {
    #[command(flatten)]
    pub input: InputArguments,
    /// Look at every pixel too, not at metadata and headers only
    #[arg(long)]
    pub deep: bool,
}
