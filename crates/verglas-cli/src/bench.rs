//! `verglas bench`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use verglas::bench::{
    BenchReport, BenchSettings, BoxReport, DEFAULT_BOXES, DEFAULT_RUN_BYTES, LikelihoodBenchReport,
    LikelihoodBenchSettings, run_bench, run_likelihood_bench,
};
use verglas::findings::counted;
use verglas::grid::Precision;
use verglas::settings::ConvertSettings;

use crate::failure::Failure;
use crate::messages::{printable_json, result};
use crate::signals::Signals;
use crate::values::choice;

const EXAMPLES: &str = "\
Examples:
  verglas bench
  verglas bench --n-pixels 400 --precision double -j 8 --folder /scratch --json
  verglas bench --likelihood
  verglas bench --likelihood --n-pixels 200 --json

With --likelihood, data are made in memory: Gaussian beads, 600 at 128 px and at the same density otherwise; a map of
them, N voxels along each axis; images with noise and a contrast transfer each; the default grid of N + 1 shells and 2N
angles; 257 displacements up to N/16 pixels. `template_ms` is the time for one template from the beads, with all threads at work;
`pairs_per_second` counts image × template × displacement, each with all 2N rotations, for the best pose of each image,
`pairs_per_second_integrated` with the integrated likelihood.";

/// Default box side for conversions.
const DEFAULT_N_PIXELS: usize = 256;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BenchArguments {
    /// Measure templates and likelihoods instead of conversions
    #[arg(long, conflicts_with = "folder")]
    pub likelihood: bool,
    /// Box side, pixels [default: 256; with --likelihood 64, then 128]
    #[arg(long, value_name = "N")]
    pub n_pixels: Option<NonZeroUsize>,
    /// Precision of the Fourier images
    #[arg(long, value_parser = choice::<Precision>(), default_value_t, value_name = "PRECISION")]
    pub precision: Precision,
    /// Threads [default: all processors allotted to the process]
    #[arg(short = 'j', long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Folder that the whole run writes to, on the disk to be measured [default: the system's folder for temporary files]
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Measures, and prints the results.
pub fn run(arguments: &BenchArguments) -> Result<(), Failure> {
    let n_threads = arguments.threads.map_or(ConvertSettings::default().n_threads, usize::from);
    let n_pixels = arguments.n_pixels.map(usize::from);
    let signals = Signals::listen()?;
    if arguments.likelihood {
        let settings = LikelihoodBenchSettings {
            n_pixels: n_pixels.map_or_else(|| DEFAULT_BOXES.to_vec(), |n| vec![n]),
            precision: arguments.precision,
            n_threads,
        };
        let report = run_likelihood_bench(&settings, &signals.stop).map_err(|error| signals.failure(error))?;
        return print(arguments, serde_json::to_string_pretty(&report), &describe_likelihood(&report));
    }
    let settings = BenchSettings {
        n_pixels: n_pixels.unwrap_or(DEFAULT_N_PIXELS),
        precision: arguments.precision,
        n_threads,
        run_bytes: DEFAULT_RUN_BYTES,
    };
    let folder = arguments.folder.clone().unwrap_or_else(std::env::temp_dir);
    let report = run_bench(&settings, &folder, &signals.stop).map_err(|error| signals.failure(error))?;
    print(arguments, serde_json::to_string_pretty(&report), &describe(&report))
}

fn print(arguments: &BenchArguments, json: serde_json::Result<String>, words: &str) -> Result<(), Failure> {
    if arguments.json {
        result(&printable_json(json.unwrap_or_default()))?;
    } else {
        result(words)?;
    }
    Ok(())
}

fn describe_likelihood(report: &LikelihoodBenchReport) -> String {
    let mut lines = vec![
        format!(
            "{} precision, {}, vectors of {}",
            report.precision,
            counted(report.n_threads, "thread"),
            report.instruction_set
        ),
        format!(
            "{:<8} {:<20} {:>17} {:>15} {:>17} {:>15}",
            "box", "grid", "template (beads)", "template (map)", "best pose", "integrated"
        ),
        format!(
            "{:<8} {:<20} {:>17} {:>15} {:>17} {:>15}",
            "px", "shells × angles", "ms", "ms", "million pairs/s", "million pairs/s"
        ),
    ];
    lines.extend(report.boxes.iter().map(|one| {
        format!(
            "{:<8} {:<20} {:>17.3} {:>15.3} {:>17.3} {:>15.3}",
            one.n_pixels,
            format!("{} × {}", one.n_shells, one.n_inplanes),
            one.template_ms,
            one.template_ms_from_map,
            one.pairs_per_second / 1e6,
            one.pairs_per_second_integrated / 1e6
        )
    }));
    lines.extend(report.boxes.iter().map(conditions));
    lines.join("\n")
}

/// What was compared at one box, and what is done only once.
fn conditions(one: &BoxReport) -> String {
    format!(
        "{} px: {} of {} against {} at {}, all {} rotations; prepared once: beads in {:.0} ms, map in {:.0} ms, templates for \
         comparisons in {:.2} s; the right template found for {} of {}",
        one.n_pixels,
        counted(one.n_images, "image"),
        counted(one.n_beads, "bead"),
        counted(one.n_templates, "template"),
        counted(one.n_displacements, "displacement"),
        one.n_inplanes,
        one.template_prepare_ms,
        one.template_prepare_ms_from_map,
        one.prepare_seconds,
        one.n_right,
        one.n_images
    )
}

fn describe(report: &BenchReport) -> String {
    let mut lines = vec![
        format!(
            "box {} px, {} precision, {} shells × {} angles, {} threads",
            report.n_pixels, report.precision, report.n_shells, report.n_inplanes, report.n_threads
        ),
        format!("{:<12} {:>13} {:>8} {:>10}", "", "ms per image", "GB/s", "× the disk"),
    ];
    let row = |name: &str, ms: f64, gb_per_second: f64, times: f64| {
        format!("{name:<12} {ms:>13.4} {gb_per_second:>8.2} {times:>10.2}")
    };
    for step in &report.steps {
        lines.push(row(step.step, step.ms_per_image, step.gb_per_second, step.over_bare_loop));
    }
    lines.push(row("whole run", report.run_ms_per_image, report.run_gb_per_second, report.run_over_bare_loop));
    lines.push(row("the disk", report.bare_loop_ms_per_image, report.bare_loop_gb_per_second, 1.0));
    lines.push(format!(
        "{}; the disk: one loop that reads and writes as many bytes, with fsync; peak memory {} MiB",
        counted(report.run_images, "image"),
        report.peak_memory_mib
    ));
    lines.join("\n")
}
