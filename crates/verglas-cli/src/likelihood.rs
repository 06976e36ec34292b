//! `verglas likelihood`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Args};
use serde_json::json;
use verglas::findings::counted;
use verglas::metadata::Input as ConversionInput;
use verglas::scoring::{
    ContrastSource, DEFAULT_AUDIT_SHARE, DEFAULT_NOISE_IMAGES, DEFAULT_SHIFT_SIGMA_ANGSTROM, DEFAULT_VIEW_SIGMA_DEG,
    IndependentValues, Integral, Likelihood, LikelihoodJob, LikelihoodKind, LikelihoodSettings, LikelihoodSummary,
    NoiseGroups, NoiseModel, Particles, PosesFrom, Pruning, RightSettings, RightSummary, StructureChoice, TableFormat,
};
use verglas::settings::{DefocusAngleAxis, Existing, Shard};
use verglas::sphere::PointGroup;
use verglas::structures::AxisOrder;
use verglas::{Choice, Findings, StopFlag};

use crate::convert::{
    ContrastWord, ImageArguments, LEFT_OUT, contrast_of_comparison, files_of_folder, input, settings_of_images,
};
use crate::failure::{Failure, unless_refused};
use crate::given::Given;
use crate::messages::Messages;
use crate::signals::Signals;
use crate::values::{bytes, choice, positive, shard};

const EXAMPLES: &str = "\
Examples:
  verglas likelihood stacks -t templates -o likelihood
  verglas likelihood stacks -t templates -o likelihood --table csv --table star
  verglas likelihood stacks -t templates -o likelihood --max-displacement 4 --displacements 9 --no-integrated
  verglas likelihood run_data.star -t templates -o likelihood
  verglas likelihood J24_particles.cs J24_passthrough_particles.cs -t templates -o likelihood --contrast blob-sign
  verglas likelihood stacks -t templates -o likelihood --shard 3/8
  verglas likelihood stacks -t templates --check";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_arg("contrast", both_contrasts))]
pub struct LikelihoodArguments {
    /// Folder of converted stacks, with fft/ in it; CryoLike's, too. Or whatever `convert` takes: images are then transformed on
    /// the way, and no stack is written
    #[arg(value_name = "PARTICLES", required_unless_present = "job")]
    pub particles: Vec<PathBuf>,
    /// Folder of templates, with template_file_list.npy in it; CryoLike's, too
    #[arg(short, long, value_name = "TEMPLATES")]
    pub templates: PathBuf,
    /// The grids and the viewing distance [default: TEMPLATES/parameters.npz]
    #[arg(short, long, value_name = "FILE", help_heading = "Input",
          conflicts_with_all = ["precision", "resolution_factor", "n_inplanes"])]
    pub descriptor: Option<PathBuf>,
    /// Structures by their places in the list of templates, from 0: `all`, or such as 0,2,5-9
    #[arg(long, value_name = "LIST", default_value = "all", help_heading = "Input")]
    pub structures: StructureChoice,
    /// Compare the first N stacks only
    #[arg(long, value_name = "N", help_heading = "Input")]
    pub max_stacks: Option<NonZeroUsize>,
    /// Where the contrast transfer of images comes from
    #[arg(long, value_name = "CTF", value_parser = choice::<ContrastSource>(), default_value_t, help_heading = "Input")]
    pub ctf: ContrastSource,
    /// From which axis defocus angles are written [default: as the stacks say; columns in .star and .cs files]
    #[arg(long, value_name = "AXIS", value_parser = choice::<DefocusAngleAxis>(), help_heading = "Input",
          conflicts_with = "as_cryolike")]
    pub defocus_angle_axis: Option<DefocusAngleAxis>,
    /// Leave out images that are missing, cut off, not finite or constant: their rows in the tables say why, and the exit code is 3
    #[arg(long, help_heading = "Input")]
    pub skip_unreadable: bool,
    /// Which axis is which in templates that don't say it: zyx, or xyz where CryoLike made them of maps
    #[arg(long, value_name = "ORDER", help_heading = "Input")]
    pub templates_axes: Option<AxisOrder>,

    #[command(flatten)]
    pub images: Given<ImageArguments>,

    /// Which log-likelihood
    #[arg(long, value_name = "NAME", value_parser = choice::<LikelihoodKind>(), help_heading = "Likelihood")]
    pub likelihood: Option<LikelihoodKind>,
    /// How many independent values an image is taken to have [default: band; pixels with --as-cryolike]
    #[arg(long, value_name = "VALUES", value_parser = choice::<IndependentValues>(), help_heading = "Likelihood",
          conflicts_with = "as_cryolike")]
    pub degrees_of_freedom: Option<IndependentValues>,
    #[command(flatten)]
    pub right: Given<RightArguments>,

    /// How far templates are displaced along each axis, pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 8.0, value_parser = reach, help_heading = "Comparison")]
    pub max_displacement: f64,
    /// How many displacements are tried along each axis, N or NX,NY
    #[arg(long, value_name = "NX[,NY]", default_value = "17", value_parser = counts, help_heading = "Comparison")]
    pub displacements: Counts,
    /// Don't integrate over poses: only the best one counts
    #[arg(long, help_heading = "Comparison")]
    pub no_integrated: bool,
    /// As CryoLike compares, where that differs: to go on with published work
    #[arg(long, help_heading = "Comparison")]
    pub as_cryolike: bool,

    /// Folder to write to
    #[arg(short, long, value_name = "DIR", help_heading = "Output", required_unless_present = "check")]
    pub output: Option<PathBuf>,
    /// Find everything that is wrong, reading all images and templates, and write nothing
    #[arg(long, help_heading = "Output", conflicts_with_all = ["overwrite", "resume"])]
    pub check: bool,
    /// Keep the best pose of each image with each template, too
    #[arg(long, help_heading = "Output")]
    pub pairs: bool,
    /// Keep the correlation of each image with each template, displacement and rotation; its size is told first
    #[arg(long, help_heading = "Output")]
    pub full_cross_correlation: bool,
    /// Table of all results, may be given several times [default: csv]
    #[arg(long, value_name = "FORMAT", value_parser = choice::<TableFormat>(), help_heading = "Output")]
    pub table: Vec<TableFormat>,
    /// Replace what an earlier run left in the output folder
    #[arg(long, help_heading = "Output", conflicts_with_all = ["resume", "shard"])]
    pub overwrite: bool,
    /// Finish what an earlier run left unfinished: keep what is done and make the rest
    #[arg(long, help_heading = "Output")]
    pub resume: bool,
    /// Make only the K-th of N parts, K from 1; any number of shards may run at once
    #[arg(long, value_name = "K/N", value_parser = shard, help_heading = "Output")]
    pub shard: Option<Shard>,

    /// Threads [default: all processors allotted to the process, by SLURM too]
    #[arg(short = 'j', long, value_name = "N", help_heading = "Machine")]
    pub threads: Option<NonZeroUsize>,
    /// Upper bound for what is held in memory, such as 512M or 2G [default: a quarter of what is free]
    #[arg(long, value_name = "SIZE", value_parser = bytes, help_heading = "Machine")]
    pub memory: Option<u64>,
}

/// What makes the likelihood right: each part can be turned off by itself.
#[derive(Debug, Clone, Args)]
pub struct RightArguments {
    /// The noise on each shell: spectrum, found from the images; white; or a noise_spectrum.csv
    #[arg(long, value_name = "NOISE", default_value = "spectrum", help_heading = "Likelihood")]
    pub noise: NoiseModel,
    /// Which images share a spectrum of their noise
    #[arg(long, value_name = "GROUPS", value_parser = choice::<NoiseGroups>(), default_value_t, help_heading = "Likelihood")]
    pub noise_groups: NoiseGroups,
    /// Images that a spectrum is found from, at most
    #[arg(long, value_name = "N", default_value_t = DEFAULT_NOISE_IMAGES, value_parser = noise_images, help_heading = "Likelihood")]
    pub noise_images: usize,
    /// What is integrated over [default: refined, where templates between the views can be made]
    #[arg(long, value_name = "POSES", value_parser = choice::<Integral>(), help_heading = "Likelihood")]
    pub integral: Option<Integral>,
    /// Modes of an image's poses that are looked at between the grid's
    #[arg(long, value_name = "K", default_value = "5", help_heading = "Likelihood")]
    pub modes: NonZeroUsize,
    /// How much ln L may be too low for poses that half of the resolution rules out, in nats
    #[arg(long, value_name = "NATS", default_value_t = 0.01, value_parser = positive, help_heading = "Likelihood")]
    pub prune: f64,
    /// Standard deviations of the noise that such poses might gain by chance
    #[arg(long, value_name = "Z", default_value_t = 3.0, value_parser = positive, help_heading = "Likelihood")]
    pub prune_z: f64,
    /// Look at all poses in full
    #[arg(long, help_heading = "Likelihood", conflicts_with_all = ["prune", "prune_z", "audit"])]
    pub exhaustive: bool,
    /// Share of the images whose poses are all looked at in full, too, to see what ruling out costs; 20 images at least
    #[arg(long, value_name = "SHARE", default_value_t = DEFAULT_AUDIT_SHARE, value_parser = share, help_heading = "Likelihood")]
    pub audit: f64,
    /// Where poses come from: search; source, the images' own angles and origins; source,search, which searches those without
    #[arg(long, value_name = "FROM", default_value = "search", value_parser = poses_from, help_heading = "Likelihood")]
    pub poses_from: PosesFrom,
    /// Standard deviation of known rotations, degrees
    #[arg(long, value_name = "DEG", default_value_t = DEFAULT_VIEW_SIGMA_DEG, value_parser = positive, help_heading = "Likelihood")]
    pub view_sigma: f64,
    /// Standard deviation of known origins, Å
    #[arg(long, value_name = "A", default_value_t = DEFAULT_SHIFT_SIGMA_ANGSTROM, value_parser = positive, help_heading = "Likelihood")]
    pub shift_sigma: f64,
    /// The structures' point group: Cn, Dn, T, O, I [default: that of the templates]
    #[arg(long, value_name = "GROUP", help_heading = "Likelihood")]
    pub symmetry: Option<PointGroup>,
}

fn noise_images(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&n| n > 0).ok_or_else(|| "expected a whole number, 1 or more".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

fn poses_from(text: &str) -> Result<PosesFrom, String> {
    text.parse().map_err(|error: verglas::Error| error.to_string())
}

/// `--contrast` says which scales are possible, too.
fn both_contrasts(argument: Arg) -> Arg {
    argument
        .value_parser(contrast_of_comparison())
        .action(ArgAction::Append)
        .default_value(None)
        .help("What is done to the sign of the images; and which scales of a structure in them are possible: may be given for each \
               [default: as-stored, positive]")
}

impl LikelihoodArguments {
    /// The files and folders that are read.
    pub fn read_paths(&self) -> Vec<&PathBuf> {
        let of_images = self.images.values.read_paths();
        self.particles.iter().chain([&self.templates]).chain(&self.descriptor).chain(of_images).collect()
    }
}

/// How many displacements are tried along axes 0 and 1. (A bare array would be taken for a list of values.)
#[derive(Debug, Clone, Copy)]
pub struct Counts([usize; 2]);

fn counts(text: &str) -> Result<Counts, String> {
    let numbers: Option<Vec<usize>> = text
        .split(',')
        .map(|number| number.trim().parse().ok().filter(|n| (1..=MOST_DISPLACEMENTS).contains(n)))
        .collect();
    match numbers.as_deref() {
        Some([both]) => Ok(Counts([*both, *both])),
        Some([x, y]) => Ok(Counts([*x, *y])),
        _ => Err(format!("expected one whole number from 1 to {MOST_DISPLACEMENTS}, or two with a comma")),
    }
}

/// Along one axis.
const MOST_DISPLACEMENTS: usize = 4096;

fn reach(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err("expected a number, 0 or more".to_owned()),
    }
}

/// Runs the command.
pub fn run(arguments: &LikelihoodArguments, messages: Messages) -> Result<(), Failure> {
    let settings = settings(arguments)?;
    let (particles, templates) = (particles(arguments)?, &arguments.templates);
    let files = match &particles {
        Particles::Input { input, .. } => files_of_folder(&arguments.particles, &arguments.images.values, input),
        Particles::Stacks(_) => String::new(),
    };
    let output = arguments.output.as_deref();
    let Some(output) = output.filter(|_| !arguments.check) else {
        let mut findings = Findings::new();
        let not_stopped = StopFlag::new(false);
        let prepared = LikelihoodJob::prepare(particles, templates, output, settings, &mut findings, &not_stopped);
        messages.findings(&findings);
        return check(&prepared?, findings.warnings.len(), &files, messages);
    };
    let summary = compare(particles, templates, settings, output, messages)?;
    messages.summary(&(describe(&summary) + &files), || serde_json::to_value(&summary).unwrap_or_default());
    if summary.n_images_skipped > 0 { Err(Failure::AlreadySaid(LEFT_OUT)) } else { Ok(()) }
}

/// Checks and compares, and reports along the way.
///
/// # Errors
/// When something is wrong with images, templates, settings or the output folder; also when a signal stops it.
pub fn compare(
    particles: Particles,
    templates: &Path,
    settings: LikelihoodSettings,
    output: &Path,
    messages: Messages,
) -> Result<LikelihoodSummary, Failure> {
    let mut findings = Findings::new();
    let refused = LikelihoodJob::check_output(output, particles.clone(), templates, &settings).err();
    // Until signals are listened to, they end the process: nothing is written.
    let not_stopped = StopFlag::new(false);
    let prepared = LikelihoodJob::prepare(particles, templates, Some(output), settings, &mut findings, &not_stopped);
    messages.findings(&findings);
    let job = unless_refused(refused, prepared)?;
    let signals = Signals::listen()?;
    let progress = messages.progress(job.n_comparisons() as u64, "comparisons");
    let summary = job.run(output, &findings.warnings, &progress, &signals.stop);
    progress.finish();
    summary.map_err(|error| signals.failure(error))
}

/// Which likelihood is asked for.
///
/// # Errors
/// Options of the right one beside another.
fn likelihood(arguments: &LikelihoodArguments) -> Result<Likelihood, Failure> {
    let scales = |word: &ContrastWord| match word {
        ContrastWord::Scales(sign) => Some(*sign),
        ContrastWord::Images(_) => None,
    };
    let sign = arguments.images.values.contrast.iter().rev().find_map(scales);
    if arguments.as_cryolike && arguments.likelihood == Some(LikelihoodKind::Right) {
        let both = "--likelihood right with --as-cryolike, which is plain";
        return Err(Failure::UsageWithHint(both.to_owned(), "give one of the two"));
    }
    let is_plain = arguments.as_cryolike || arguments.likelihood == Some(LikelihoodKind::Plain);
    if is_plain {
        let mut options = arguments.right.options.clone();
        options.extend(sign.map(|sign| format!("--contrast {}", sign.name())));
        if options.is_empty() {
            return Ok(Likelihood::Plain);
        }
        let (options, plain) =
            (options.join(", "), if arguments.as_cryolike { "--as-cryolike" } else { "--likelihood plain" });
        return Err(Failure::UsageWithHint(
            format!("{options} with {plain}, which has none of it"),
            "these options are parts of --likelihood right; the others can be turned off with --noise white, --integral grid and \
             --contrast any",
        ));
    }
    let right = &arguments.right.values;
    Ok(Likelihood::Right(RightSettings {
        sign: sign.unwrap_or_default(),
        noise: right.noise.clone(),
        noise_groups: right.noise_groups,
        noise_images: right.noise_images,
        integral: right.integral,
        n_modes: right.modes.into(),
        pruning: (!right.exhaustive).then_some(Pruning { loss: right.prune, z: right.prune_z }),
        audit_share: right.audit,
        poses_from: right.poses_from,
        view_sigma_deg: right.view_sigma,
        shift_sigma_angstrom: right.shift_sigma,
        symmetry: right.symmetry,
    }))
}

/// What is compared: a folder of stacks, unless the words are those of an input of `convert`.
fn particles(arguments: &LikelihoodArguments) -> Result<Particles, Failure> {
    let (paths, images) = (&arguments.particles, &arguments.images.values);
    let is_metadata = |path: &PathBuf| {
        let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
        !path.is_dir() && ending.is_some_and(|ending| ["star", "cs", "csg"].iter().any(|known| ending == *known))
    };
    // A folder of stacks may lie anywhere, also in a job's.
    let is_job = |path: &PathBuf| !path.join("fft").is_dir() && ConversionInput::from_folder(path).is_some();
    match paths.as_slice() {
        [folder] if images.job.is_none() && images.images.is_empty() && !is_metadata(folder) && !is_job(folder) => {
            let mut options = arguments.images.options.clone();
            if !images.contrast.iter().any(|word| matches!(word, ContrastWord::Images(_))) {
                options.retain(|option| option != "--contrast");
            }
            if options.is_empty() {
                return Ok(Particles::Stacks(folder.clone()));
            }
            let (options, folder) = (options.join(", "), folder.display());
            Err(Failure::UsageWithHint(
                format!("{options} with `{folder}`, which is no .star or .cs file: its images are transformed already"),
                "these options say how images are made of a .star or .cs file, or of the folder of a job",
            ))
        }
        _ => {
            let grids = &images.grids;
            let has_own_grids =
                grids.precision.is_some() || grids.resolution_factor.is_some() || grids.n_inplanes.is_some();
            let settings = Box::new(settings_of_images(images));
            Ok(Particles::Input { input: input(paths, images)?, settings, has_own_grids })
        }
    }
}

/// Looks at all values and tells; fails when something is wrong.
fn check(job: &LikelihoodJob, n_warnings: usize, files: &str, messages: Messages) -> Result<(), Failure> {
    let signals = Signals::listen()?;
    let mut findings = Findings::new();
    let progress = messages.progress(job.n_values() as u64, "images and templates");
    let looked = job.check_values(&progress, &signals.stop, &mut findings);
    progress.finish();
    messages.findings(&findings);
    looked.map_err(|error| signals.failure(error))?;
    if let Some(error) = findings.take_error() {
        return Err(error.into());
    }
    tell_checked(job, n_warnings + findings.warnings.len(), files, messages);
    Ok(())
}

fn tell_checked(job: &LikelihoodJob, n_warnings: usize, files: &str, messages: Messages) {
    let mut text = format!(
        "nothing wrong, all images and templates were read: {} in {} would be compared with {} at {}",
        counted(job.n_images(), "image"),
        counted(job.n_stacks(), "stack"),
        counted(job.n_structures(), "structure"),
        counted(job.n_displacements(), "displacement")
    );
    if n_warnings > 0 {
        text.push_str(&format!("; {}", counted(n_warnings, "warning")));
    }
    text.push_str(files);
    messages.summary(&text, || {
        json!({
            "n_images": job.n_images(),
            "n_stacks": job.n_stacks(),
            "n_structures": job.n_structures(),
            "n_displacements": job.n_displacements(),
            "n_units": job.n_units(),
            "n_comparisons": job.n_comparisons(),
            "n_warnings": n_warnings,
        })
    });
}

/// What the words on the command line ask for.
fn settings(arguments: &LikelihoodArguments) -> Result<LikelihoodSettings, Failure> {
    let defaults = LikelihoodSettings::default();
    let mut tables = Vec::new();
    for &format in &arguments.table {
        if !tables.contains(&format) {
            tables.push(format);
        }
    }
    let Counts(n_displacements) = arguments.displacements;
    Ok(LikelihoodSettings {
        likelihood: likelihood(arguments)?,
        independent_values: arguments.degrees_of_freedom,
        descriptor: arguments.descriptor.clone(),
        structures: arguments.structures.clone(),
        max_displacement_pixels: arguments.max_displacement,
        n_displacements,
        integrated: !arguments.no_integrated,
        pairs: arguments.pairs,
        full_cross_correlation: arguments.full_cross_correlation,
        tables: if tables.is_empty() { defaults.tables.clone() } else { tables },
        contrast: arguments.ctf,
        defocus_angle_axis: arguments.defocus_angle_axis,
        templates_axes: arguments.templates_axes,
        max_stacks: arguments.max_stacks.map(usize::from),
        skip_unreadable: arguments.skip_unreadable,
        as_cryolike: arguments.as_cryolike,
        existing: match (arguments.overwrite, arguments.resume) {
            (true, _) => Existing::Overwrite,
            (_, true) => Existing::Resume,
            _ => Existing::Refuse,
        },
        shard: arguments.shard,
        n_threads: arguments.threads.map_or(defaults.n_threads, usize::from),
        memory_bytes: arguments.memory.unwrap_or(defaults.memory_bytes),
        ..defaults
    })
}

/// Structures that are told of one by one.
const MOST_STRUCTURES: usize = 10;

/// The closing words.
pub fn describe(summary: &LikelihoodSummary) -> String {
    let shard = summary.shard.map_or(String::new(), |shard| format!("shard {shard}: "));
    let kept = match summary.n_units_kept {
        0 => String::new(),
        n => format!("\n{} of an earlier run kept, {} made", counted(n, "unit"), summary.n_units - n),
    };
    let mut text = format!(
        "{shard}{} against {} ({}) at {}, below {}{kept}\n{} precision{}{}\n{:.1} s, {:.0} comparisons/s, {} written",
        counted(summary.n_images, "image"),
        counted(summary.structures.len(), "structure"),
        counted(summary.n_templates, "template"),
        counted(summary.n_displacements, "displacement"),
        summary.output.display(),
        summary.precision,
        if summary.integrated { ", integrated over all poses" } else { ", best poses only" },
        match summary.likelihood {
            _ if summary.as_cryolike => ", as CryoLike compares",
            "plain" => ", plain",
            _ => "",
        },
        summary.seconds,
        summary.comparisons_per_second(),
        indicatif::HumanBytes(summary.bytes_written),
    );
    if let Some(right) = &summary.right {
        text.push_str(&describe_right(right));
    }
    if summary.n_images_skipped > 0 {
        text.push_str(&format!("\n{} left out", counted(summary.n_images_skipped, "image")));
    }
    match &summary.n_best {
        None => text.push_str("\ntables and matrices are written when all units are done"),
        Some(n_best) => {
            let mut best: Vec<(&String, usize)> = summary.structures.iter().zip(n_best.iter().copied()).collect();
            best.sort_by_key(|&(_, n)| std::cmp::Reverse(n));
            let shown: Vec<String> = best.iter().take(MOST_STRUCTURES).map(|(name, n)| format!("{name} {n}")).collect();
            let more = best.len().saturating_sub(MOST_STRUCTURES);
            let more = if more > 0 { format!(", and {more} more structures") } else { String::new() };
            text.push_str(&format!("\nimages that fit best: {}{more}", shown.join(", ")));
        }
    }
    for table in &summary.tables {
        text.push_str(&format!("\ntable: {}", table.display()));
    }
    text
}

/// What all images say of a right likelihood.
fn describe_right(right: &RightSummary) -> String {
    let mut text = String::new();
    if let Some([low, middle, high]) = right.gain_quantiles {
        text.push_str(&format!(
            "\nbetween the grid's poses: ln L is {middle:+.2} nats off the grid's in the median ({low:+.2} to {high:+.2} for 90 % of \
             images), {:.1} modes an image",
            right.mean_n_modes
        ));
    }
    if let (Some(view), Some(shift)) = (right.view_sd_deg, right.shift_sd_angstrom) {
        text.push_str(&format!("; poses are known to {view:.1}° and {shift:.2} Å (median)"));
    }
    if right.n_between > 0 {
        text.push_str(&format!(
            "\n{} of {} have posteriors neither narrow nor broad against the grid's steps: their ln L is less sure",
            right.n_between,
            counted(right.n_refined, "image")
        ));
    }
    if let Some(share) = right.evaluated_share.filter(|_| right.n_pruned > 0) {
        text.push_str(&format!("\n{:.2} % of all poses were looked at in full", 100.0 * share));
        if let Some([mean, most]) = right.audit {
            text.push_str(&format!(
                "; in an audit of {}, looking at all of them added {mean:.1e} nats to ln L in the mean, {most:.1e} at most",
                counted(right.n_audited, "comparison")
            ));
        }
    }
    if let Some(share) = right.particle_share {
        text.push_str(&format!(
            "\n{:.0} % of the images show a particle; {} more likely show nothing",
            100.0 * share,
            right.n_empty
        ));
    }
    if right.n_known > 0 {
        text.push_str(&format!(
            "\n{} of {} are best beyond two standard deviations of their known poses",
            right.n_beyond,
            counted(right.n_known, "image")
        ));
    }
    text
}

/// `verify` of a folder of likelihoods.
pub mod verify {
    use std::path::Path;

    use verglas::Findings;
    use verglas::findings::counted;
    use verglas::scoring::{LikelihoodVerification, verify_likelihoods};
    use verglas_run::manifest::FolderRecord;

    use crate::failure::Failure;
    use crate::messages::Messages;
    use crate::signals::Signals;

    /// Looks and tells; fails when something is wrong.
    pub fn run(folder: &Path, n_threads: usize, messages: Messages) -> Result<(), Failure> {
        let n = FolderRecord::read(folder)
            .map_or(0, |record| record.stacks().iter().fold(0, |n: u64, unit| n.saturating_add(unit.n_images as u64)));
        let progress = messages.progress(n, "comparisons");
        let signals = Signals::listen()?;
        let verified = verify_likelihoods(folder, n_threads, &progress, &signals.stop);
        progress.finish();
        let verified = verified.map_err(|error| signals.failure(error))?;
        messages.findings(&Findings { warnings: verified.warnings.clone(), ..Findings::new() });
        messages.problems(&verified.problems);
        messages.summary(&describe(&verified), || serde_json::to_value(&verified).unwrap_or_default());
        if verified.is_sound() { Ok(()) } else { Err(Failure::AlreadySaid(1)) }
    }

    fn describe(verified: &LikelihoodVerification) -> String {
        let folder = verified.folder.display();
        let verdict = match verified.problems.len() {
            0 => format!("{folder} is complete and unaltered"),
            n => format!("{folder}: {}", counted(n, "problem")),
        };
        let shards = verified.n_shards.map_or(String::new(), |n| format!(", {}", counted(n, "shard")));
        format!(
            "{verdict}: {} of {} sound{shards}; {} read in {:.1} s",
            verified.n_units_sound,
            counted(verified.n_units, "unit"),
            indicatif::HumanBytes(verified.n_bytes),
            verified.seconds
        )
    }
}
