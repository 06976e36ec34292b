//! `verglas bench`.

use verglas::bench::{BenchReport, BenchSettings, DEFAULT_RUN_BYTES, run_bench};
use verglas::findings::counted;
use verglas::settings::ConvertSettings;

use crate::Failure;
use crate::args::BenchArguments;
use crate::messages::{printable_json, result};
use crate::signals::Signals;

/// Measures and prints.
pub fn run(arguments: &BenchArguments) -> Result<(), Failure> {
    let settings = BenchSettings {
        n_pixels: arguments.n_pixels.get(),
        precision: arguments.precision.into(),
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
