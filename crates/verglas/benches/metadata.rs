//! Reading the metadata of 2,000,000 particles into a table: a STAR file of 30 columns, a `.cs` file of 42 fields.
//!
//! `cargo bench -p verglas-cryoem --bench metadata` writes the files to the temporary folder, reads each three times on one
//! thread from the page cache, and prints the best and the median time and the memory that reading took at its peak.

mod metadata_files;

use std::path::Path;
use std::time::Instant;

use metadata_files::{peak_mib, write_cs_file, write_star};
use verglas::Findings;
use verglas::metadata::{Input, ReadSettings, read_particles};

const N_PARTICLES: usize = 2_000_000;
/// Particles of one image file.
const PER_FILE: usize = 200;
const N_RUNS: usize = 3;

/// Measures in a process of its own, so that the peak is that of reading alone.
fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    if let (Some(kind), Some(path)) = (arguments.next(), arguments.next()) {
        let path = Path::new(&path).to_owned();
        return match kind.as_str() {
            "star" => measure("STAR, 30 columns", &path, Input::IndexedStar(path.clone())),
            _ => measure(".cs, 42 fields", &path, Input::IndexedCs { particles: path.clone(), passthrough: None }),
        };
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    type Write = fn(&Path, usize, usize) -> std::io::Result<()>;
    for (kind, write) in [("star", write_star as Write), ("cs", write_cs_file)] {
        let path = folder.path().join("particles").with_extension(kind);
        write(&path, N_PARTICLES, PER_FILE).expect("disk for the metadata");
        let this = std::env::current_exe().expect("this program");
        let status = std::process::Command::new(this).arg(kind).arg(&path).status().expect("this program again");
        assert!(status.success());
    }
}

fn measure(what: &str, path: &Path, input: Input) {
    let mut seconds: Vec<f64> = (0..N_RUNS)
        .map(|_| {
            let start = Instant::now();
            let table = read_particles(&input, &ReadSettings::default(), &mut Findings::new()).expect("a good file");
            assert_eq!(table.len(), N_PARTICLES);
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let megabytes = path.metadata().map_or(0, |metadata| metadata.len()) as f64 / 1e6;
    println!(
        "{what}, {N_PARTICLES} rows, {megabytes:.0} MB: best {:.2} s, median {:.2} s; peak memory {} MiB",
        seconds[0],
        seconds[N_RUNS / 2],
        peak_mib()
    );
}
