//! `verglas weights`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use verglas::Findings;
use verglas::findings::counted;
use verglas::scoring::StructureChoice;
use verglas::weights::{
    ImageChoice, LogLikelihoodFormat, MatrixAxes, Source, StructureWeight, Weights, WeightsJob, WeightsSettings,
};

use crate::failure::{Failure, unless_refused};
use crate::messages::Messages;
use crate::signals::Signals;
use crate::values::{choice, positive};

const EXAMPLES: &str = "\
Examples:
  verglas weights likelihood -o weights
  verglas weights likelihood -o weights --images good.npy --exclude 3,7-9 --bootstrap 1000
  verglas weights log_likelihood.npy -o weights --matrix-axes images-structures
  verglas weights likelihood -o weights --log-likelihood txt --log-likelihood cryoer
  verglas weights likelihood --check";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct WeightsArguments {
    /// Output folder of `verglas likelihood`, CryoLike's too, or a matrix of log-likelihoods (.pt, .npy)
    #[arg(value_name = "DIR")]
    pub likelihoods: PathBuf,
    /// Order of a matrix's axes [default: the clearly longer axis is that of the images]
    #[arg(long, value_name = "AXES", value_parser = choice::<MatrixAxes>(), help_heading = "Input")]
    pub matrix_axes: Option<MatrixAxes>,
    /// Structures to leave out, by their places from 0, such as 0,2,5-9
    #[arg(long, value_name = "LIST", help_heading = "Input")]
    pub exclude: Option<StructureChoice>,
    /// Use only these images: a mask over all, or their places from 0
    #[arg(long, value_name = "FILE.npy", help_heading = "Input")]
    pub images: Option<PathBuf>,
    /// Allow images to show no structure: the table's column `log_likelihood_noise` takes part as one more structure
    #[arg(long, help_heading = "Input")]
    pub noise_column: bool,

    /// Divide log-likelihoods by this number
    #[arg(long, value_name = "T", default_value_t = 1.0, value_parser = positive, help_heading = "Weights")]
    pub temperature: f64,
    /// How far the mean log-likelihood may be below its maximum
    #[arg(long, value_name = "GAP", default_value_t = 1e-6, value_parser = positive, help_heading = "Weights")]
    pub tolerance: f64,
    /// How many times images are resampled (bootstrap) for intervals; 0 for none
    #[arg(long, value_name = "N", default_value_t = 200, help_heading = "Weights")]
    pub bootstrap: usize,
    /// Seed of the resamples
    #[arg(long, value_name = "S", default_value_t = 0, help_heading = "Weights")]
    pub seed: u64,

    /// Folder to write to
    #[arg(short, long, value_name = "OUT", help_heading = "Output", required_unless_present = "check")]
    pub output: Option<PathBuf>,
    /// Write the log-likelihoods for other programs, besides `log_likelihood.npy`; may be given several times
    #[arg(long, value_name = "FORMAT", value_parser = choice::<LogLikelihoodFormat>(), help_heading = "Output")]
    pub log_likelihood: Vec<LogLikelihoodFormat>,
    /// Only find everything that is wrong; write nothing
    #[arg(long, help_heading = "Output", conflicts_with = "overwrite")]
    pub check: bool,
    /// Replace what an earlier run wrote to the output folder
    #[arg(long, help_heading = "Output")]
    pub overwrite: bool,

    /// Threads [default: all processors allotted to the process, also by SLURM]
    #[arg(short = 'j', long, value_name = "N", help_heading = "Machine")]
    pub threads: Option<NonZeroUsize>,
}

/// Runs the command.
pub fn run(arguments: &WeightsArguments, messages: Messages) -> Result<(), Failure> {
    let settings = settings(arguments);
    let Some(output) = arguments.output.as_deref().filter(|_| !arguments.check) else {
        let (job, findings) = prepare(&arguments.likelihoods, settings, None, messages)?;
        report_checked(&job, findings.warnings.len(), messages);
        return Ok(());
    };
    let weights = weigh(&arguments.likelihoods, settings, output, messages)?;
    messages.summary(&describe(&weights), || serde_json::to_value(&weights).unwrap_or_default());
    Ok(())
}

/// Checks, and tells what was found.
fn prepare(
    likelihoods: &Path,
    settings: WeightsSettings,
    output: Option<&Path>,
    messages: Messages,
) -> Result<(WeightsJob, Findings), Failure> {
    let mut findings = Findings::new();
    let refused = output.and_then(|output| WeightsJob::check_output(output, &settings).err());
    let prepared = WeightsJob::prepare(Source::Path(likelihoods.to_owned()), settings, &mut findings);
    messages.findings(&findings);
    Ok((unless_refused(refused, prepared)?, findings))
}

/// Checks and finds weights, and reports along the way.
///
/// # Errors
/// When something is wrong with likelihoods, settings or the output folder; also when a signal stops it.
pub fn weigh(
    likelihoods: &Path,
    settings: WeightsSettings,
    output: &Path,
    messages: Messages,
) -> Result<Weights, Failure> {
    let (job, findings) = prepare(likelihoods, settings, Some(output), messages)?;
    let signals = Signals::listen()?;
    let progress = messages.progress(job.n_resamples() as u64, "resamples");
    let weights = job.run(Some(output), &findings.warnings, &progress, &signals.stop);
    progress.finish();
    let weights = weights.map_err(|error| signals.failure(error))?;
    for warning in &weights.warnings[findings.warnings.len()..] {
        messages.warning(warning);
    }
    Ok(weights)
}

/// The settings, from the command line.
fn settings(arguments: &WeightsArguments) -> WeightsSettings {
    let defaults = WeightsSettings::default();
    WeightsSettings {
        axes: arguments.matrix_axes,
        exclude: arguments.exclude.clone(),
        images: arguments.images.clone().map(ImageChoice::File),
        noise_column: arguments.noise_column,
        temperature: arguments.temperature,
        tolerance: arguments.tolerance,
        n_resamples: arguments.bootstrap,
        seed: arguments.seed,
        log_likelihood: arguments.log_likelihood.clone(),
        overwrite: arguments.overwrite,
        n_threads: arguments.threads.map_or(defaults.n_threads, usize::from),
    }
}

fn report_checked(job: &WeightsJob, n_warnings: usize, messages: Messages) {
    let (n_images, n_structures) = (job.n_images(), job.n_structures());
    let mut text = format!(
        "nothing wrong: {} would be weighed by {}, in about {} of memory",
        counted(n_structures, "structure"),
        counted(n_images, "image"),
        indicatif::HumanBytes(job.memory_bytes())
    );
    if n_warnings > 0 {
        text.push_str(&format!("; {}", counted(n_warnings, "warning")));
    }
    messages.summary(&text, || {
        json!({
            "n_images": n_images,
            "n_structures": n_structures,
            "memory_bytes": job.memory_bytes(),
            "n_warnings": n_warnings,
        })
    });
}

/// How many structures and pairs are listed one by one.
const MOST_LISTED: usize = 10;

/// The summary.
pub fn describe(weights: &Weights) -> String {
    let record = &weights.record;
    let below = weights.output.as_ref().map_or_else(String::new, |output| format!(", below {}", output.display()));
    let mut text = format!(
        "{} weighed by {}{below}\n\
         mean log-likelihood {:.6}, at most {:.1e} below the best; {:.1} s\n\
         effective number of structures: {:.2}{}",
        counted(record.n_structures, "structure"),
        counted(record.n_images, "image"),
        record.mean_log_likelihood,
        record.gap,
        record.seconds,
        record.effective_number,
        record
            .effective_number_interval
            .map_or_else(String::new, |interval| format!(" (95 %: {:.2} to {:.2})", interval.lo95, interval.hi95)),
    );
    let mut heaviest: Vec<&StructureWeight> = record.structures.iter().collect();
    heaviest.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    for structure in heaviest.iter().take(MOST_LISTED) {
        let interval = structure
            .interval
            .map_or_else(String::new, |interval| format!("  (95 %: {:.4} to {:.4})", interval.lo95, interval.hi95));
        text.push_str(&format!("\n{:.4}  {}{interval}", structure.weight, structure.name));
    }
    if heaviest.len() > MOST_LISTED {
        text.push_str(&format!("\nand {} more structures in weights.csv", heaviest.len() - MOST_LISTED));
    }
    let name = |place: usize| record.structures.get(place).map_or("?", |structure| structure.name.as_str());
    if !record.not_told_apart.is_empty() {
        let pairs = record.not_told_apart.iter().take(MOST_LISTED).map(|pair| {
            let [a, b] = pair.structures.map(name);
            format!("{a} and {b} ({:.2})", pair.correlation)
        });
        let more = record.not_told_apart.len().saturating_sub(MOST_LISTED);
        let more = if more > 0 { format!(", and {more} more pairs") } else { String::new() };
        text.push_str(&format!(
            "\nnot told apart (correlation of their weights): {}{more}; of these, an interval that ends at 0 is no proof of absence",
            pairs.collect::<Vec<_>>().join(", ")
        ));
    }
    text
}

/// `verify` of a folder of weights.
pub mod verify {
    use std::path::Path;

    use verglas::Findings;
    use verglas::findings::counted;
    use verglas::weights::{WeightsVerification, verify_weights};

    use crate::failure::Failure;
    use crate::messages::Messages;
    use crate::signals::Signals;

    /// Checks and reports; fails when something is wrong.
    pub fn run(folder: &Path, messages: Messages) -> Result<(), Failure> {
        let signals = Signals::listen()?;
        let verified = verify_weights(folder, &signals.stop).map_err(|error| signals.failure(error))?;
        messages.findings(&Findings { warnings: verified.warnings.clone(), ..Findings::new() });
        messages.problems(&verified.problems);
        messages.summary(&describe(&verified), || serde_json::to_value(&verified).unwrap_or_default());
        if verified.is_sound() { Ok(()) } else { Err(Failure::AlreadySaid(1)) }
    }

    fn describe(verified: &WeightsVerification) -> String {
        let folder = verified.folder.display();
        let verdict = match verified.problems.len() {
            0 => format!("{folder} is complete and unaltered"),
            n => format!("{folder}: {}", counted(n, "problem")),
        };
        format!(
            "{verdict}: weights of {}; {} read in {:.1} s",
            counted(verified.n_structures, "structure"),
            indicatif::HumanBytes(verified.n_bytes),
            verified.seconds
        )
    }
}
