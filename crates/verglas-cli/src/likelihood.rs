//! `verglas likelihood`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use verglas::Findings;
use verglas::findings::counted;
use verglas::scoring::{
    ContrastSource, LikelihoodJob, LikelihoodSettings, LikelihoodSummary, StructureChoice, TableFormat,
};
use verglas::settings::{DefocusAngleAxis, Existing, Shard};
use verglas::structures::AxisOrder;

use crate::failure::Failure;
use crate::messages::Messages;
use crate::signals::Signals;
use crate::values::{bytes, choice, shard};

const EXAMPLES: &str = "\
Examples:
  verglas likelihood stacks -t templates -o likelihood
  verglas likelihood stacks -t templates -o likelihood --table csv --table star
  verglas likelihood stacks -t templates -o likelihood --max-displacement 4 --displacements 9 --no-integrated
  verglas likelihood stacks -t templates -o likelihood --shard 3/8
  verglas likelihood stacks -t templates --check";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LikelihoodArguments {
    /// Folder of converted stacks, with fft/ in it; CryoLike's, too
    #[arg(value_name = "PARTICLES")]
    pub particles: PathBuf,
    /// Folder of templates, with template_file_list.npy in it; CryoLike's, too
    #[arg(short, long, value_name = "TEMPLATES")]
    pub templates: PathBuf,
    /// The grids and the viewing distance [default: TEMPLATES/parameters.npz]
    #[arg(short, long, value_name = "FILE", help_heading = "Input")]
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
    /// From which axis the stacks' defocus angles are written [default: as the stacks say]
    #[arg(long, value_name = "AXIS", value_parser = choice::<DefocusAngleAxis>(), help_heading = "Input",
          conflicts_with = "as_cryolike")]
    pub defocus_angle_axis: Option<DefocusAngleAxis>,
    /// Which axis is which in templates that don't say it: zyx, or xyz where CryoLike made them of maps
    #[arg(long, value_name = "ORDER", help_heading = "Input")]
    pub templates_axes: Option<AxisOrder>,

    /// Which log-likelihood: plain, of white noise
    #[arg(long, value_name = "NAME", value_parser = ["plain"], default_value = "plain", help_heading = "Comparison")]
    pub likelihood: String,
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
    /// Find everything that is wrong, and write nothing
    #[arg(long, help_heading = "Output", conflicts_with_all = ["overwrite", "resume"])]
    pub check: bool,
    /// Keep the best pose of each image with each template, too
    #[arg(long, help_heading = "Output")]
    pub pairs: bool,
    /// Keep the correlation of each image with each template, displacement and rotation; its size is told first
    #[arg(long, help_heading = "Output")]
    pub full_cross_correlation: bool,
    /// Table of all results: csv (results.csv) or star (results.star); may be given several times [default: csv]
    #[arg(long, value_name = "FORMAT", value_parser = ["csv", "star", "parquet"], help_heading = "Output")]
    pub table: Vec<String>,
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
    /// Upper bound for what is held in memory, such as 512M or 2G [default: 2G]
    #[arg(long, value_name = "SIZE", value_parser = bytes, help_heading = "Machine")]
    pub memory: Option<u64>,
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
    let (particles, templates) = (&arguments.particles, &arguments.templates);
    let output = arguments.output.as_deref();
    let mut findings = Findings::new();
    let refused = output
        .filter(|_| !arguments.check)
        .and_then(|output| LikelihoodJob::check_output(output, particles, templates, &settings).err());
    let prepared = LikelihoodJob::prepare(particles, templates, output, settings, &mut findings);
    messages.findings(&findings);
    let job = match (refused, prepared) {
        (None, Ok(job)) => job,
        (Some(error), Ok(_)) | (None, Err(error)) => return Err(error.into()),
        (Some(first), Err(second)) => return Err(first.with_other(second).into()),
    };
    let Some(output) = output.filter(|_| !arguments.check) else {
        tell_checked(&job, findings.warnings.len(), messages);
        return Ok(());
    };
    let signals = Signals::listen()?;
    let progress = messages.progress(job.n_comparisons() as u64, "comparisons");
    let summary = job.run(output, &findings.warnings, &progress, &signals.stop);
    progress.finish();
    let summary = summary.map_err(|error| signals.failure(error))?;
    messages.summary(&describe(&summary), || serde_json::to_value(&summary).unwrap_or_default());
    Ok(())
}

fn tell_checked(job: &LikelihoodJob, n_warnings: usize, messages: Messages) {
    let mut text = format!(
        "nothing wrong: {} in {} would be compared with {} at {}",
        counted(job.n_images(), "image"),
        counted(job.n_stacks(), "stack"),
        counted(job.n_structures(), "structure"),
        counted(job.n_displacements(), "displacement")
    );
    if n_warnings > 0 {
        text.push_str(&format!("; {}", counted(n_warnings, "warning")));
    }
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
    for table in &arguments.table {
        let format = match table.as_str() {
            "csv" => TableFormat::Csv,
            "star" => TableFormat::Star,
            _ => {
                let what = "--table parquet is not there yet: csv has the same rows and columns";
                return Err(Failure::Usage(what.to_owned()));
            }
        };
        if !tables.contains(&format) {
            tables.push(format);
        }
    }
    let Counts(n_displacements) = arguments.displacements;
    Ok(LikelihoodSettings {
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
fn describe(summary: &LikelihoodSummary) -> String {
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
        if summary.as_cryolike { ", as CryoLike compares" } else { "" },
        summary.seconds,
        summary.comparisons_per_second(),
        indicatif::HumanBytes(summary.bytes_written),
    );
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

/// `verify` of a folder of likelihoods.
pub mod verify {
    use std::path::Path;

    use verglas::Findings;
    use verglas::findings::counted;
    use verglas::manifest::FolderRecord;
    use verglas::scoring::{LikelihoodVerification, verify_likelihoods};

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
