//! `verglas bench`.

use verglas::Result;
use verglas::bench::{BenchReport, BenchSettings, DEFAULT_RUN_BYTES, run_bench};
use verglas::settings::ConvertSettings;

use crate::args::BenchArguments;
use crate::messages::result;

/// Measures and prints.
pub fn run(arguments: &BenchArguments) -> Result<()> {
    let settings = BenchSettings {
        n_pixels: arguments.n_pixels.get(),
        precision: arguments.precision.into(),
        n_threads: arguments.threads.map_or(ConvertSettings::default().n_threads, usize::from),
        run_bytes: DEFAULT_RUN_BYTES,
    };
    let folder = arguments.folder.clone().unwrap_or_else(std::env::temp_dir);
    let report = run_bench(&settings, &folder)?;
    if arguments.json {
        result(&serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        result(&describe(&report));
    }
    Ok(())
}

fn describe(report: &BenchReport) -> String {
    format!(
        "box {} px, {} precision, {} shells × {} angles, {} threads\n\
         centre and scale   {:8.4} ms per image\n\
         transform          {:8.4} ms per image\n\
         checksums          {:8.4} ms per image\n\
         whole run          {:8.4} ms per image, {:.2} GB/s written ({} images)\n\
         bare loop          {:8.4} ms per image: reads and writes as many bytes\n\
         whole run / bare   {:8.2}\n\
         peak memory        {:8} MiB",
        report.n_pixels,
        report.precision,
        report.n_shells,
        report.n_inplanes,
        report.n_threads,
        report.normalize_ms_per_image,
        report.transform_ms_per_image,
        report.checksum_ms_per_image,
        report.run_ms_per_image,
        report.run_gb_per_second,
        report.run_images,
        report.bare_loop_ms_per_image,
        report.run_over_bare_loop,
        report.peak_memory_mib,
    )
}
