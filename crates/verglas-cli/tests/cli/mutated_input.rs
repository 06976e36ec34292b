//! Promise: whatever is wrong with a data set, the command ends, with exit code 0 or 1, and with 0 only if every row that
//! it read has an image on disk; where images may be left out, with 3 only if those left out are listed and all others are
//! on disk.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use verglas_formats::npz::NpzReader;
use verglas_formats::pt::PtFile;
use verglas_formats::star::StarFile;

use crate::data_set::{DataSet, USUAL_NAMES, star};

#[path = "../../../verglas-formats/tests/hostile/mutate.rs"]
pub mod mutate;

use mutate::{Numbers, mutated};

/// Damaged data sets in each test.
const N_DATA_SETS: u64 = 50;

/// Far above what converting a few images takes, also on a busy machine: some hundredths of a second.
const LONGEST: Duration = Duration::from_secs(30);

/// Address space of the command, KiB: plenty for these images, too little for what a damaged header may claim.
const MEMORY_LIMIT_KIB: u32 = 4 << 20;

/// A data set that is sound, and damaged again and again.
struct Victim {
    set: DataSet,
    metadata: &'static str,
    options: &'static [&'static str],
    /// The file that is damaged, and its sound bytes.
    target: PathBuf,
    sound: Vec<u8>,
}

impl Victim {
    fn new(set: DataSet, metadata: &'static str, target: &str, options: &'static [&'static str]) -> Self {
        let target = set.path(target);
        let sound = fs::read(&target).unwrap();
        let victim = Self { set, metadata, options, target, sound };
        assert_eq!(victim.convert("sound"), Some(6), "the sound data set");
        victim
    }

    /// Converts damaged copies; returns how many went through, of how many.
    fn convert_damaged(&self) -> usize {
        let seeds = [self.sound.clone()];
        let n_converted = (0..N_DATA_SETS).filter(|&number| {
            fs::write(&self.target, mutated(&mut Numbers::new(number), &seeds)).unwrap();
            self.convert(&format!("damaged data set {number}")).is_some()
        });
        n_converted.count()
    }

    /// Converts the data set as it is and checks how that ends: the images on disk, or `None` if it was refused.
    fn convert(&self, what: &str) -> Option<u64> {
        let out = self.set.path("out");
        let _ = fs::remove_dir_all(&out);
        let (code, stdout, stderr) = run(self.set.dir.path(), self.metadata, self.options, what);
        assert!(!stderr.contains("panicked"), "{what}: {stderr}");
        match code {
            Some(code @ (0 | 3)) => {
                let summary: serde_json::Value = serde_json::from_str(&stdout).expect("a summary in JSON");
                let n_rows = summary["n_rows"].as_u64().expect("the number of rows");
                let n_skipped = summary["n_images_skipped"].as_u64().expect("the number of images left out");
                assert_eq!(code == 3, n_skipped > 0, "{what}");
                assert_eq!(n_listed(&out.join("skipped.star")), n_skipped, "{what}: images left out are listed");
                for (folder, ending) in [("fft", "pt"), ("phys", "pt"), ("fft", "npz")] {
                    let n_there = n_images(&out.join(folder), ending);
                    assert_eq!(n_there + n_skipped, n_rows, "{what}: {folder}/*.{ending}");
                }
                if self.metadata.ends_with("star") {
                    let star = StarFile::open(self.set.path(self.metadata)).expect("what the command has read");
                    let named =
                        star.tables.iter().find(|table| matches!(table.block.position("ImageName"), Ok(Some(_))));
                    assert_eq!(named.map(|table| table.n_rows() as u64), Some(n_rows), "{what}: rows of the file");
                }
                Some(n_rows)
            }
            Some(1) => {
                assert!(stderr.contains("\"level\":\"error\""), "{what}: refused without a reason: {stderr}");
                None
            }
            other => panic!("{what}: ended with {other:?}: {stderr}"),
        }
    }
}

/// Runs the command with bounded memory and time; exit code (none after a signal), stdout, stderr.
fn run(dir: &Path, metadata: &str, options: &[&str], what: &str) -> (Option<i32>, String, String) {
    // To files, as nobody empties a pipe while the command is waited for.
    let [stdout, stderr] = ["stdout", "stderr"].map(|name| dir.join(name));
    // Not every system can limit the address space; the rest of the test is valid without.
    let script = format!("ulimit -v {MEMORY_LIMIT_KIB} 2>/dev/null; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_verglas"), "convert", metadata, "-o", "out"])
        .args(["--log-format", "json", "--threads", "2", "--batch-size", "4", "--no-plots"])
        .args(options)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(File::create(&stdout).unwrap())
        .stderr(File::create(&stderr).unwrap())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let status = loop {
        if let Some(status) = command.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > LONGEST {
            command.kill().unwrap();
            panic!("{what}: takes more than {LONGEST:?}");
        }
        sleep(Duration::from_millis(2));
    };
    let text = |path| String::from_utf8(fs::read(path).unwrap()).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// Images in the files of a folder with this ending.
fn n_images(folder: &Path, ending: &str) -> u64 {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let of_file = |path: PathBuf| match ending {
        "pt" => PtFile::open(&path).unwrap().tensor().n_rows(),
        _ => NpzReader::open(&path).unwrap().read("defocusU").unwrap().len() as u64,
    };
    paths.filter(|path| path.extension().is_some_and(|found| found == ending)).map(of_file).sum()
}

/// Rows of the list of images left out; none if there is no list.
fn n_listed(list: &Path) -> u64 {
    if !list.exists() {
        return 0;
    }
    let star = StarFile::open(list).unwrap();
    star.tables.iter().filter(|table| table.block.name == "particles").map(|table| table.n_rows() as u64).sum()
}

#[test]
fn star_files() {
    let victim = Victim::new(DataSet::usual(), "particles.star", "particles.star", &[]);
    // Some damage is harmless, such as another digit; were all of it refused, or none, this test would test little.
    let n_converted = victim.convert_damaged();
    assert!((1..N_DATA_SETS as usize).contains(&n_converted), "{n_converted} went through");
}

#[test]
fn cs_files() {
    let set = DataSet::empty();
    let arguments = ["simulate", "-o", "data", "--particles", "6", "--n-pixels", "8", "--layout", "cs"];
    assert_eq!(set.run(&arguments).code, 0);
    let victim = Victim::new(set, "data/particles.cs", "data/particles.cs", &[]);
    let n_converted = victim.convert_damaged();
    assert!((1..N_DATA_SETS as usize).contains(&n_converted), "{n_converted} went through");
}

#[test]
fn mrc_files() {
    let set = DataSet::usual();
    set.write_star("particles.star", &star(&USUAL_NAMES));
    let victim = Victim::new(set, "particles.star", "stacks/b.mrcs", &[]);
    let n_converted = victim.convert_damaged();
    assert!((1..N_DATA_SETS as usize).contains(&n_converted), "{n_converted} went through");
}

#[test]
fn mrc_files_whose_images_may_be_left_out() {
    let victim = Victim::new(DataSet::usual(), "particles.star", "stacks/b.mrcs", &["--skip-unreadable"]);
    let n_converted = victim.convert_damaged();
    assert!((1..N_DATA_SETS as usize).contains(&n_converted), "{n_converted} went through");
}

#[test]
fn descriptors() {
    let set = DataSet::usual();
    let arguments = ["descriptor", "--n-pixels", "8", "--pixel-size", "1.5", "-o", "grids.npz"];
    assert_eq!(set.run(&arguments).code, 0);
    let victim = Victim::new(set, "particles.star", "grids.npz", &["-d", "grids.npz"]);
    let n_converted = victim.convert_damaged();
    assert!(n_converted < N_DATA_SETS as usize, "all of them went through");
}
