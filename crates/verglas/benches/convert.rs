//! A whole conversion at box 128, 256 and 400, and each of its steps, against a bare loop that reads and writes as many bytes.
//!
//! ```text
//! cargo bench -p verglas-cryoem --bench convert [-- FOLDER [N_THREADS [N_PIXELS]]]
//! ```
//!
//! The data set and the output are below FOLDER, by default that for temporary files; 2 threads by default. Each
//! box is measured in a process of its own, so that the peak is its own memory.

use std::path::PathBuf;

use verglas::bench::{BenchReport, BenchSettings, DEFAULT_RUN_BYTES, run_bench};
use verglas::grid::Precision;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let folder = arguments.first().map_or_else(std::env::temp_dir, PathBuf::from);
    let n_threads = arguments.get(1).map_or(2, |text| text.parse().expect("a number of threads"));
    if let Some(n_pixels) = arguments.get(2) {
        let n_pixels = n_pixels.parse().expect("a box side");
        let settings =
            BenchSettings { n_pixels, precision: Precision::Single, n_threads, run_bytes: DEFAULT_RUN_BYTES };
        return print(
            &run_bench(&settings, &folder, &verglas::StopFlag::new(false))
                .expect("a folder with room for some gigabytes"),
        );
    }
    for n_pixels in ["128", "256", "400"] {
        let this = std::env::current_exe().expect("this program");
        let status = std::process::Command::new(this)
            .arg(&folder)
            .args([&n_threads.to_string(), n_pixels])
            .status()
            .expect("this program again");
        assert!(status.success());
    }
}

fn print(report: &BenchReport) {
    println!(
        "N {:4}  {:7.0} particles/s  {:.2} GB/s read and written  {:.3} times the bare loop  peak {} MiB",
        report.n_pixels,
        1e3 / report.run_ms_per_image,
        report.run_gb_per_second,
        report.run_over_bare_loop,
        report.peak_memory_mib
    );
    for step in &report.steps {
        println!("        {:10} {:8.4} ms per image  {:6.2} GB/s", step.step, step.ms_per_image, step.gb_per_second);
    }
}
