//! `verglas bench`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use verglas::bench::{BenchReport, BenchSettings, DEFAULT_RUN_BYTES, run_bench};
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
  verglas bench --n-pixels 400 --precision double -j 8 --folder /scratch --json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BenchArguments {
    /// Box side, pixels
    #[arg(long, value_name = "N", default_value = "256")]
    pub n_pixels: NonZeroUsize,
    /// Precision of the Fourier images
    #[arg(long, value_parser = choice::<Precision>(), default_value_t, value_name = "PRECISION")]
    pub precision: Precision,
    /// Threads [default: all processors allotted to the process]
    #[arg(short = 'j', long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Where the whole run writes; a disk to be measured [default: the system's folder for temporary files]
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// Measures and prints.
pub fn run(arguments: &BenchArguments) -> Result<(), Failure> {
    let settings = BenchSettings {
        n_pixels: arguments.n_pixels.get(),
        precision: arguments.precision,
        n_threads: arguments.threads.map_or(ConvertSettings::default().n_threads, usize::from),
        run_bytes: DEFAULT_RUN_BYTES,
    };
    let folder = arguments.folder.clone().unwrap_or_else(std::env::temp_dir);
    let signals = Signals::listen()?;
    let report = run_bench(&settings, &folder, &signals.stop).map_err(|error| signals.failure(error))?;
    if arguments.json {
        result(&printable_json(serde_json::to_string_pretty(&report).unwrap_or_default()))?;
    } else {
        result(&describe(&report))?;
    }
    Ok(())
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
