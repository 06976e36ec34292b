//! `verglas convert`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use verglas::findings::counted;
use verglas::hint::CommandWords;
use verglas::metadata::{AngleUnit, Input, InputError};
use verglas::scoring::ScaleSign;
use verglas::settings::{
    ByteSign, Contrast, ConvertSettings, DefocusAngleAxis, DescriptorSource, DownsampleMethod, Downsampling, Existing,
    PixelSizeFrom, PixelType, Shard,
};
use verglas::{Choice, Conversion, Error, Findings, Summary};

use crate::descriptor::GridArguments;
use crate::failure::{Failure, unless_refused};
use crate::messages::Messages;
use crate::numbers::short;
use crate::signals::Signals;
use crate::values::{bytes, choice, count, even_box, factor, job, positive, shard};

/// What to read, and how to interpret it.
#[derive(Debug, Args)]
pub struct InputArguments {
    /// One .star file that names its images, or several with --images; one .cs file, or two that belong together; the
    /// folder of a job of RELION or CryoSPARC; a CryoSPARC project's folder with --job
    #[arg(value_name = "INPUT")]
    pub input: Vec<PathBuf>,
    /// Descriptor file with the grids; without it, they are made from the data
    #[arg(short, long, value_name = "FILE.npz", help_heading = "Grids",
          conflicts_with_all = ["precision", "resolution_factor", "n_inplanes"])]
    pub descriptor: Option<PathBuf>,
    #[command(flatten)]
    pub images: ImageArguments,
    /// Axis that the written defocus angle is measured from; `rows` makes CryoLike's CTF right for astigmatic images
    #[arg(long, value_parser = choice::<DefocusAngleAxis>(), default_value_t, value_name = "AXIS", help_heading = "Metadata")]
    pub defocus_angle_axis: DefocusAngleAxis,
    /// Stop after this many stacks
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true, help_heading = "Stacks")]
    pub max_stacks: Option<NonZeroUsize>,
    /// Leave out images that are missing, cut off or can't be normalised, list them in DIR/skipped.star, and end with
    /// exit code 3
    #[arg(long, help_heading = "Stacks")]
    pub skip_unreadable: bool,
    /// Threads [default: all processors allotted to the process, also by SLURM]
    #[arg(short = 'j', long, value_name = "N", help_heading = "Machine")]
    pub threads: Option<NonZeroUsize>,
    /// Upper bound for buffers, such as 512M or 2G [default: 320M]
    #[arg(long, value_name = "SIZE", value_parser = bytes, help_heading = "Machine")]
    pub memory: Option<u64>,
}

/// What is done to rows and pixels on the way to a Fourier image, whatever it is used for.
#[derive(Debug, Args)]
pub struct ImageArguments {
    #[command(flatten)]
    pub grids: GridArguments,

    /// Image stacks that the rows of the .star files describe in sequence: one for each .star file, in the same order
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Images")]
    pub images: Vec<PathBuf>,
    /// The CryoSPARC job J<N> below the folder INPUT [default: the working directory]: its particles, found and joined by what
    /// its .cs files hold; of Restack and Downsample jobs the images in J<N>/restack or J<N>/downsample
    #[arg(long, value_name = "N", value_parser = job, help_heading = "Images", conflicts_with = "images")]
    pub job: Option<u64>,
    /// Look image files up in this folder, by the longest end of their paths that exists there
    #[arg(long, value_name = "DIR", help_heading = "Images", conflicts_with = "images")]
    pub image_dir: Option<PathBuf>,
    /// Pixel size of the input images, Å
    #[arg(long, value_name = "A", value_parser = positive, allow_negative_numbers = true, help_heading = "Images")]
    pub pixel_size: Option<f64>,
    /// Which pixel size to use where --pixel-size and the metadata differ
    #[arg(long, value_parser = choice::<PixelSizeFrom>(), value_name = "SOURCE", help_heading = "Images")]
    pub pixel_size_from: Option<PixelSizeFrom>,
    /// Downsample images by this integer factor first; the grids are those of the smaller images
    #[arg(long, value_name = "F", default_value = "1", value_parser = factor, allow_negative_numbers = true, help_heading = "Images")]
    pub downsample: NonZeroUsize,
    /// How images are downsampled [default: mean; fourier with --downsample-to]
    #[arg(long, value_parser = choice::<DownsampleMethod>(), value_name = "METHOD", help_heading = "Images")]
    pub downsample_method: Option<DownsampleMethod>,
    /// Downsample images by cropping them in Fourier space to this even box, as RELION and cryoDRGN do
    #[arg(long, value_name = "PIXELS", value_parser = even_box, allow_negative_numbers = true, help_heading = "Images",
          conflicts_with = "downsample")]
    pub downsample_to: Option<NonZeroUsize>,
    /// Whether to change the sign of the images
    #[arg(long, value_parser = contrast_of_images(), default_value = Contrast::default().name(), value_name = "CONTRAST",
          action = clap::ArgAction::Set, num_args = 1, help_heading = "Images")]
    pub contrast: Vec<ContrastWord>,
    /// How to read 8-bit MRC data
    #[arg(long, value_parser = choice::<ByteSign>(), default_value_t, value_name = "SIGN", help_heading = "Images")]
    pub mode0: ByteSign,
    /// How pixels are stored, where the mode of the MRC headers is wrong
    #[arg(long, value_parser = choice::<PixelType>(), value_name = "TYPE", help_heading = "Images")]
    pub pixel_type: Option<PixelType>,

    /// Only particles of these optics groups, by number or name, with blanks or commas between; in .cs files
    /// ctf/exp_group_id
    #[arg(long, value_name = "ID", num_args = 1.., value_delimiter = ',', help_heading = "Metadata")]
    pub optics_group: Vec<String>,
    /// Only these rows of the metadata: a mask over all of them, or indices from 0 (.npy or .pt)
    #[arg(long, value_name = "FILE.npy", help_heading = "Metadata")]
    pub rows: Option<PathBuf>,
    /// Unit of the defocus angle (with --images only)
    #[arg(long, value_parser = choice::<AngleUnit>(), default_value_t, value_name = "UNIT", help_heading = "Metadata")]
    pub defocus_angle_unit: AngleUnit,
    /// Unit of the phase shift (with --images only)
    #[arg(long, value_parser = choice::<AngleUnit>(), default_value_t, value_name = "UNIT", help_heading = "Metadata")]
    pub phase_shift_unit: AngleUnit,

    /// Images per stack
    #[arg(long, value_name = "N", default_value = "1024", value_parser = count, allow_negative_numbers = true, help_heading = "Stacks")]
    pub batch_size: NonZeroUsize,
    /// Don't mix image files within a stack
    #[arg(long, help_heading = "Stacks")]
    pub keep_files_apart: bool,
}

/// A value of `--contrast`, which says two things where images are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContrastWord {
    /// What is done to the sign of the images.
    Images(Contrast),
    /// Which scales of a structure in an image are possible.
    Scales(ScaleSign),
}

/// What is done to the sign of the images.
fn contrast_of_images() -> impl TypedValueParser<Value = ContrastWord> {
    choice::<Contrast>().map(ContrastWord::Images)
}

/// The same, or which scales are possible.
pub fn contrast_of_comparison() -> impl TypedValueParser<Value = ContrastWord> {
    let of = |(name, help): (&'static str, &'static str)| PossibleValue::new(name).help(help);
    let scales = ScaleSign::ALL.iter().map(|sign| (sign.name(), sign.help()));
    let images = Contrast::ALL.iter().map(|contrast| (contrast.name(), contrast.help()));
    PossibleValuesParser::new(scales.chain(images).map(of)).try_map(|name| {
        let scales = ScaleSign::from_name(&name).map(ContrastWord::Scales);
        scales.or_else(|_| Contrast::from_name(&name).map(ContrastWord::Images))
    })
}

impl ImageArguments {
    /// What is done to the sign of the images.
    pub fn contrast(&self) -> Contrast {
        let of_images = |word: &ContrastWord| match word {
            ContrastWord::Images(contrast) => Some(*contrast),
            ContrastWord::Scales(_) => None,
        };
        self.contrast.iter().rev().find_map(of_images).unwrap_or_default()
    }

    /// The files and folders that the arguments name.
    pub fn read_paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.images.iter().chain(&self.image_dir).chain(&self.rows)
    }
}

const EXAMPLES: &str = "\
Examples:
  verglas convert run_data.star -o stacks
  verglas convert run_data.star --image-dir Particles/ -d parameters.npz -o stacks
  verglas convert run_data.star -o stacks --downsample 2 --downsample-method fourier --defocus-angle-axis rows
  verglas convert J24_particles.cs J24_passthrough_particles.cs -o stacks --contrast blob-sign
  verglas convert cryosparc/J15 -o stacks
  verglas convert cryosparc/ --job 15 -o stacks
  verglas convert a.star b.star --images a.mrcs b.mrcs --pixel-size 1.06 -o stacks";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConvertArguments {
    #[command(flatten)]
    pub input: InputArguments,
    /// Folder to write to
    #[arg(short, long, value_name = "DIR", help_heading = "Output")]
    pub output: PathBuf,

    /// Don't write the physical images (phys/)
    #[arg(long, help_heading = "Output")]
    pub no_physical: bool,
    /// Don't write plots of the stacks (plots/)
    #[arg(long, help_heading = "Output")]
    pub no_plots: bool,
    /// Replace what an earlier run wrote to the output folder
    #[arg(long, help_heading = "Output", conflicts_with_all = ["resume", "shard"])]
    pub overwrite: bool,
    /// Finish an earlier run: keep the stacks that are whole and make the others
    #[arg(long, help_heading = "Output")]
    pub resume: bool,
    /// With --resume: read the stacks that are kept, and make those again that were altered since
    #[arg(long, help_heading = "Output", requires = "resume")]
    pub verify: bool,
    /// Make only the K-th of N parts of the stacks, K from 1; any number of shards may run at once
    #[arg(long, value_name = "K/N", value_parser = shard, help_heading = "Output")]
    pub shard: Option<Shard>,
}

/// Runs the command.
pub fn run(arguments: &ConvertArguments, messages: Messages) -> std::result::Result<(), Failure> {
    let (paths, images) = (&arguments.input.input, &arguments.input.images);
    let input = input(paths, images)?;
    let files = files_of_folder(paths, images, &input);
    let settings = ConvertSettings {
        physical: !arguments.no_physical,
        plots: !arguments.no_plots,
        verify_kept: arguments.verify,
        existing: match (arguments.overwrite, arguments.resume) {
            (true, _) => Existing::Overwrite,
            (_, true) => Existing::Resume,
            _ => Existing::Refuse,
        },
        shard: arguments.shard,
        ..settings(&arguments.input)
    };
    let summary = convert(input, settings, &arguments.output, messages)?;
    messages.summary(&(describe(&summary) + &files), || serde_json::to_value(&summary).unwrap_or_default());
    if summary.n_images_skipped > 0 { Err(Failure::AlreadySaid(LEFT_OUT)) } else { Ok(()) }
}

/// The run finished, but left out particles, as the user allowed.
pub const LEFT_OUT: u8 = 3;

/// Checks and converts, and reports along the way.
pub fn convert(
    input: Input,
    settings: ConvertSettings,
    output: &Path,
    messages: Messages,
) -> std::result::Result<Summary, Failure> {
    let mut findings = Findings::new();
    let refused = Conversion::check_output(output, &settings).err();
    let prepared = Conversion::prepare_with(input, settings, &mut findings);
    messages.findings(&findings);
    let conversion = unless_refused(refused, prepared)?;
    let signals = Signals::listen()?;
    let progress = messages.progress(conversion.n_images() as u64, "images");
    let summary = conversion.run_with(output, &progress, &signals.stop);
    progress.finish();
    summary.map_err(|error| signals.failure(error))
}

/// The kind of input that the command line describes.
pub fn input(paths: &[PathBuf], arguments: &ImageArguments) -> std::result::Result<Input, Failure> {
    let usage = |message: String| Err(Failure::Usage(message));
    let is_radians = |unit| unit == AngleUnit::Radians;
    if arguments.images.is_empty()
        && (is_radians(arguments.defocus_angle_unit) || is_radians(arguments.phase_shift_unit))
    {
        return usage("units of angles can be chosen only for .star files with --images".to_owned());
    }
    if arguments.pixel_size_from == Some(PixelSizeFrom::Caller) && arguments.pixel_size.is_none() {
        return usage("--pixel-size-from caller, but no --pixel-size".to_owned());
    }
    if let (Some(_), Some(method)) = (arguments.downsample_to, arguments.downsample_method)
        && method != DownsampleMethod::Fourier
    {
        let method = method.as_str();
        return usage(format!("--downsample-to crops in Fourier space, and --downsample-method is {method}"));
    }
    if let Some(job_number) = arguments.job {
        return match paths {
            [] => Ok(Input::from_job(".", job_number)),
            [root] => Ok(Input::from_job(root, job_number)),
            several => usage(format!("{} inputs with --job, expected one folder", several.len())),
        };
    }
    if paths.is_empty() {
        return Err(Failure::UsageWithHint(
            "no input is given".to_owned(),
            "give a .star or .cs file, or the folder of a job; --help has examples",
        ));
    }
    let input = if arguments.images.is_empty() {
        Input::from_paths(paths)
    } else {
        refuse_other_than_star(paths).and_then(|()| Input::from_pairs(paths, &arguments.images))
    };
    input.map_err(|error| match &error {
        InputError::Folder(path) => Failure::UsageWithHint(
            format!("`{}` is a folder; --job says which CryoSPARC job in it", path.display()),
            "the folder of a job will do, too: CryoSPARC's are called J24, RELION's hold run_data.star or particles.star",
        ),
        InputError::NotMetadata(path) if path.extension().is_none() && !path.exists() => Failure::Run(Error::not_found(
            format!("`{}` is not there: expected a .star or .cs file, or the folder of a job", path.display()),
        )),
        InputError::StarFiles(n) => Failure::UsageWithHint(
            format!("{n} .star files, expected one, or --images with as many image stacks"),
            "give STAR files that name their images one at a time; --images is for those that name none",
        ),
        other => Failure::Usage(other.to_string()),
    })
}

/// Which files a job's folder stands for, for the closing words; empty where files were named.
pub fn files_of_folder(paths: &[PathBuf], arguments: &ImageArguments, input: &Input) -> String {
    let is_folder = arguments.job.is_some() || paths.iter().any(|path| path.is_dir());
    if !is_folder {
        return String::new();
    }
    let files = input.clone().resolved().map_or_else(|_| Vec::new(), |input| input.metadata_files());
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    format!("\nmetadata of the job: {}", files.join(" with "))
}

/// With image stacks, metadata are STAR files.
fn refuse_other_than_star(paths: &[PathBuf]) -> std::result::Result<(), InputError> {
    let is_star = |path: &&PathBuf| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("star"));
    match (paths.iter().find(|path| !is_star(path)), paths) {
        (None, _) => Ok(()),
        (Some(other), [_]) if other.is_dir() => Err(InputError::Folder(other.clone())),
        (Some(other), _) => Err(InputError::NotStar(other.clone())),
    }
}

/// The settings of a conversion, from the command line.
pub fn settings(arguments: &InputArguments) -> ConvertSettings {
    let settings = settings_of_images(&arguments.images);
    ConvertSettings {
        descriptor: match &arguments.descriptor {
            Some(path) => DescriptorSource::File(path.clone()),
            None => settings.descriptor.clone(),
        },
        defocus_angle_axis: arguments.defocus_angle_axis,
        max_stacks: arguments.max_stacks.map(NonZeroUsize::get),
        skip_unreadable: arguments.skip_unreadable,
        n_threads: arguments.threads.map_or(settings.n_threads, usize::from),
        memory_bytes: arguments.memory.unwrap_or(settings.memory_bytes),
        ..settings
    }
}

/// The settings that concern the images alone; grids are made from the data.
pub fn settings_of_images(arguments: &ImageArguments) -> ConvertSettings {
    ConvertSettings {
        descriptor: grids(&arguments.grids),
        image_dir: arguments.image_dir.clone(),
        batch_size: arguments.batch_size.get(),
        pixel_size_angstrom: arguments.pixel_size.map(|size| [size, size]),
        pixel_size_from: arguments.pixel_size_from,
        defocus_angle_unit: arguments.defocus_angle_unit,
        phase_shift_unit: arguments.phase_shift_unit,
        downsampling: Downsampling {
            factor: arguments.downsample,
            method: arguments.downsample_method.unwrap_or_default(),
        },
        downsample_to: arguments.downsample_to.map(NonZeroUsize::get),
        rows: arguments.rows.clone(),
        contrast: arguments.contrast(),
        optics_groups: arguments.optics_group.clone(),
        byte_sign: arguments.mode0,
        pixel_type: arguments.pixel_type,
        keep_files_apart: arguments.keep_files_apart,
        ..ConvertSettings::default()
    }
}

/// Grids to be made from the data.
pub fn grids(grids: &GridArguments) -> DescriptorSource {
    DescriptorSource::FromData {
        precision: grids.precision.unwrap_or_default(),
        resolution_factor: grids.resolution_factor.unwrap_or(1.0),
        n_inplanes: grids.n_inplanes.map(NonZeroUsize::get),
    }
}

/// The summary.
pub fn describe(summary: &Summary) -> String {
    let input = format!(
        "box {} px, pixel size {} Å (from {})",
        summary.n_input_pixels,
        angstrom(summary.pixel_size_angstrom),
        summary.pixel_size_source.said().said_in(&CommandWords)
    );
    let downsampled = match summary.downsample_method {
        None => String::new(),
        Some(method) => format!(
            "\ndownsampled{} ({}): box {} px, pixel size {} Å",
            if summary.downsample.get() == 1 { String::new() } else { format!(" by {}", summary.downsample) },
            method.as_str(),
            summary.n_pixels,
            angstrom(summary.descriptor_pixel_size_angstrom)
        ),
    };
    let shard = summary.shard.map_or(String::new(), |shard| format!("shard {shard}: "));
    let kept = match summary.n_stacks_kept {
        0 => String::new(),
        n => format!("\n{} of an earlier run kept, {} made", counted(n, "stack"), summary.n_stacks - n),
    };
    let mut text = format!(
        "{shard}{} of {} in {} below {}{kept}\n\
         {input}{downsampled}, {} precision, {} shells × {} angles\n\
         {:.1} s, {:.0} particles/s, {} written",
        counted(summary.n_images, "particle"),
        counted(summary.n_image_files, "image file"),
        counted(summary.n_stacks, "stack"),
        summary.output.display(),
        summary.precision,
        summary.n_shells,
        summary.n_inplanes,
        summary.seconds,
        summary.images_per_second(),
        indicatif::HumanBytes(summary.bytes_written),
    );
    if let Some(path) = &summary.new_descriptor {
        text.push_str(&format!("\ndescriptor made from the data: {}", path.display()));
    }
    text
}

/// A pixel size for people, without the rounding error of a product such as 3 · 1.1.
fn angstrom([size, _]: [f64; 2]) -> String {
    // Rounded only where that loses nothing of interest.
    let is_usual = (1e-2..1e6).contains(&size);
    short(if is_usual { (size * 1e6).round() / 1e6 } else { size })
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Run(error)
    }
}
