//! `verglas convert`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use verglas::findings::counted;
use verglas::metadata::{AngleUnit, Input};
use verglas::settings::{ConvertSettings, DescriptorSource, Downsampling, Existing};
use verglas::{Conversion, Error, Findings, Summary};

use crate::Failure;
use crate::args::{AngleUnitName, ConvertArguments, GridArguments, InputArguments, PixelSizeFromName};
use crate::messages::Messages;
use crate::numbers::short;
use crate::signals::Signals;

/// Runs the command.
pub fn run(arguments: &ConvertArguments, messages: Messages) -> std::result::Result<(), Failure> {
    let input = input(&arguments.input)?;
    let settings = ConvertSettings {
        physical: !arguments.no_physical,
        plots: !arguments.no_plots,
        existing: match (arguments.overwrite, arguments.resume) {
            (true, _) => Existing::Overwrite,
            (_, true) => Existing::Resume,
            _ => Existing::Refuse,
        },
        shard: arguments.shard,
        ..settings(&arguments.input)
    };
    let summary = convert(input, settings, &arguments.output, messages)?;
    messages.summary(&describe(&summary), || serde_json::to_value(&summary).unwrap_or_default());
    if summary.n_images_skipped > 0 { Err(Failure::Told(LEFT_OUT)) } else { Ok(()) }
}

/// It finished, but particles were left out, as the user allowed.
const LEFT_OUT: u8 = 3;

/// Checks and converts, telling what there is to tell on the way.
pub fn convert(
    input: Input,
    settings: ConvertSettings,
    output: &Path,
    messages: Messages,
) -> std::result::Result<Summary, Failure> {
    let mut findings = Findings::new();
    let refused = Conversion::check_output(output, &settings).err();
    let prepared = Conversion::prepare(input, settings, &mut findings);
    messages.findings(&findings);
    let conversion = match (refused, prepared) {
        (None, Ok(conversion)) => conversion,
        (Some(error), Ok(_)) | (None, Err(error)) => return Err(error.into()),
        (Some(first), Err(second)) => return Err(first.with_other(second).into()),
    };
    let signals = Signals::listen()?;
    let progress = messages.progress(conversion.n_images() as u64, "images");
    let summary = conversion.run(output, &findings.warnings, &progress, &signals.stop);
    progress.finish();
    summary.map_err(|error| signals.failure(error))
}

/// The kind of input that the words on the command line amount to.
pub fn input(arguments: &InputArguments) -> std::result::Result<Input, Failure> {
    let has_ending =
        |path: &PathBuf, ending: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
    let usage = |message: String| Err(Failure::Usage(message));
    let is_radians = |unit| unit == AngleUnitName::Radians;
    if arguments.images.is_empty()
        && (is_radians(arguments.defocus_angle_unit) || is_radians(arguments.phase_shift_unit))
    {
        return usage("units of angles can be chosen for .star files with --images only".to_owned());
    }
    if matches!(arguments.pixel_size_from, Some(PixelSizeFromName::Caller)) && arguments.pixel_size.is_none() {
        return usage("--pixel-size-from caller, and no --pixel-size".to_owned());
    }
    if let Some(job_number) = arguments.job {
        return match arguments.input.as_slice() {
            [root] => Ok(Input::CryosparcJob { root: root.clone(), job_number }),
            several => usage(format!("{} inputs with --job, expected one folder", several.len())),
        };
    }
    // A .csg is no input, but the reader says which .cs files it stands for.
    if arguments.images.is_empty()
        && arguments.input.iter().all(|path| has_ending(path, "cs") || has_ending(path, "csg"))
    {
        return match arguments.input.as_slice() {
            [particles] => Ok(Input::IndexedCs { particles: particles.clone(), passthrough: None }),
            [particles, passthrough] => {
                Ok(Input::IndexedCs { particles: particles.clone(), passthrough: Some(passthrough.clone()) })
            }
            several => usage(format!("{} .cs files, expected one, or two that belong together", several.len())),
        };
    }
    if let Some(other) = arguments.input.iter().find(|path| !has_ending(path, "star")) {
        let other = other.display();
        return usage(match arguments.input.as_slice() {
            [only] if only.is_dir() => format!("`{other}` is a folder; --job says which CryoSPARC job in it"),
            [_] if arguments.images.is_empty() => format!("`{other}` is neither a .star nor a .cs file"),
            _ => format!("`{other}` is no .star file"),
        });
    }
    if !arguments.images.is_empty() {
        let (n_stars, n_images) = (arguments.input.len(), arguments.images.len());
        if n_stars != n_images {
            return usage(format!("{n_stars} .star files and {n_images} image files, expected as many of both"));
        }
        return Ok(Input::StarPairs(arguments.input.iter().cloned().zip(arguments.images.iter().cloned()).collect()));
    }
    match arguments.input.as_slice() {
        [star] => Ok(Input::IndexedStar(star.clone())),
        several => usage(format!("{} .star files; name the image stack of each with --images", several.len())),
    }
}

/// What the words on the command line ask of a conversion.
pub fn settings(arguments: &InputArguments) -> ConvertSettings {
    let defaults = ConvertSettings::default();
    ConvertSettings {
        descriptor: match &arguments.descriptor {
            Some(path) => DescriptorSource::File(path.clone()),
            None => grids(&arguments.grids),
        },
        image_dir: arguments.image_dir.clone(),
        batch_size: arguments.batch_size.get(),
        max_stacks: arguments.max_stacks.map(NonZeroUsize::get),
        pixel_size_angstrom: arguments.pixel_size.map(|size| [size, size]),
        pixel_size_from: arguments.pixel_size_from.map(Into::into),
        defocus_angle_unit: AngleUnit::from(arguments.defocus_angle_unit),
        phase_shift_unit: arguments.phase_shift_unit.into(),
        defocus_angle_axis: arguments.defocus_angle_axis.into(),
        downsampling: Downsampling { factor: arguments.downsample, method: arguments.downsample_method.into() },
        contrast: arguments.contrast.into(),
        optics_groups: arguments.optics_group.clone(),
        byte_sign: arguments.mode0.into(),
        keep_files_apart: arguments.keep_files_apart,
        skip_unreadable: arguments.skip_unreadable,
        n_threads: arguments.threads.map_or(defaults.n_threads, usize::from),
        memory_bytes: arguments.memory.unwrap_or(defaults.memory_bytes),
        ..defaults
    }
}

/// Grids to be made from the data.
pub fn grids(grids: &GridArguments) -> DescriptorSource {
    DescriptorSource::FromData {
        precision: grids.precision.map(Into::into).unwrap_or_default(),
        resolution_factor: grids.resolution_factor.unwrap_or(1.0),
        n_inplanes: grids.n_inplanes.map(NonZeroUsize::get),
    }
}

/// The closing words.
pub fn describe(summary: &Summary) -> String {
    let input = format!(
        "box {} px, pixel size {} Å (from {})",
        summary.n_input_pixels,
        angstrom(summary.pixel_size_angstrom),
        summary.pixel_size_source.as_str()
    );
    let downsampled = match summary.downsample_method {
        None => String::new(),
        Some(method) => format!(
            "\ndownsampled by {} ({}): box {} px, pixel size {} Å",
            summary.downsample,
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
    for (code, label) in [("default-used", "default"), ("value-dropped", "dropped"), ("defocus-angle-axis", "note")] {
        for warning in summary.warnings.iter().filter(|warning| warning.code == code) {
            text.push_str(&format!("\n{label}: {}", warning.message));
        }
    }
    if let Some(path) = &summary.new_descriptor {
        text.push_str(&format!("\ndescriptor made from the data: {}", path.display()));
    }
    text
}

/// A pixel size for people, without the last digits of a product such as 3 · 1.1.
fn angstrom([size, _]: [f64; 2]) -> String {
    // Rounded where that takes nothing away that counts.
    let is_usual = (1e-2..1e6).contains(&size);
    short(if is_usual { (size * 1e6).round() / 1e6 } else { size })
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Run(error)
    }
}
