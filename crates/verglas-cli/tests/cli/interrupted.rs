//! Runs that are killed, starved or stopped: nothing broken under a final name, and the end is that of an undisturbed run.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::conversion::all_files;
use crate::data_set::{DataSet, star};
use crate::small_disk::SmallDisk;

const N_IMAGES: usize = 300;
/// 60 stacks.
const BATCH: [&str; 2] = ["--batch-size", "5"];
/// Drawing takes most of the time of images this small, and nothing here depends on it.
const PLAIN: &[&str] = &["--no-plots"];

/// 300 tiny images, and what an undisturbed run makes of them.
struct Undisturbed {
    set: DataSet,
    files: BTreeMap<PathBuf, Vec<u8>>,
    took: Duration,
    options: &'static [&'static str],
}

impl Undisturbed {
    fn new(options: &'static [&'static str]) -> Self {
        let set = DataSet::empty();
        for file in 0..3 {
            set.write_stack(&format!("stacks/{file}.mrcs"), N_IMAGES / 3);
        }
        let names: Vec<String> = (0..N_IMAGES).map(|row| format!("{}@stacks/{}.mrcs", row / 3 + 1, row % 3)).collect();
        set.write_star("particles.star", &star(&names.iter().map(String::as_str).collect::<Vec<_>>()));
        let start = Instant::now();
        let ran = set.run(&[&["convert", "particles.star", "-o", "plain"], &BATCH[..], options].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let files = all_files(&set.path("plain"));
        Self { took: start.elapsed(), files, set, options }
    }

    fn start(&self, output: &str, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_verglas"))
            .args(["convert", "particles.star", "-q", "-o", output])
            .args(BATCH)
            .args(self.options)
            .args(arguments)
            .current_dir(self.set.dir.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Every file under a final name is whole: byte by byte what the undisturbed run made.
    #[track_caller]
    fn assert_nothing_broken(&self, output: &Path) {
        for (name, bytes) in all_files(output) {
            if !name.file_name().unwrap().as_encoded_bytes().starts_with(b".") {
                assert!(self.files.get(&name) == Some(&bytes), "{} is broken", name.display());
            }
        }
        let manifest = output.join("manifest.json");
        if manifest.exists() {
            verglas_run::manifest::Manifest::read(&manifest).unwrap();
        }
    }

    /// Everything is there, and nothing else.
    #[track_caller]
    fn assert_finished(&self, output: &Path) {
        assert!(all_files(output) == self.files, "the result is not that of an undisturbed run");
        let verified = verglas::verify(output, &verglas::Silent).unwrap();
        assert!(verified.is_sound() && verified.warnings.is_empty(), "{verified:?}");
    }
}

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn n_stacks_there(output: &Path) -> usize {
    let entries = fs::read_dir(output.join("fft")).map(Iterator::count).unwrap_or(0);
    entries / 2
}

#[test]
fn killed_at_any_moment_and_resumed() {
    const N_KILLS: usize = 25;
    let undisturbed = Undisturbed::new(PLAIN);
    let output = undisturbed.set.path("out");
    let mut dice = Dice(1);
    let (mut n_kills, mut n_runs, mut progress) = (0, 0, Vec::new());
    while n_kills < N_KILLS {
        n_runs += 1;
        let mut child = undisturbed.start("out", &["--resume"]);
        let part = undisturbed.took.as_micros() as u64 / 3;
        std::thread::sleep(Duration::from_micros(dice.below(part.max(1))));
        child.kill().unwrap();
        if !child.wait().unwrap().success() {
            n_kills += 1;
            if output.exists() {
                undisturbed.assert_nothing_broken(&output);
            }
            progress.push(n_stacks_there(&output));
        }
        if n_stacks_there(&output) == N_IMAGES / 5 || n_runs % 9 == 0 {
            // To the end, and then from the beginning again.
            let end = undisturbed.start("out", &["--resume"]).wait_with_output().unwrap();
            assert!(end.status.success(), "{}", String::from_utf8_lossy(&end.stderr));
            undisturbed.assert_finished(&output);
            fs::remove_dir_all(&output).unwrap();
        }
    }
    assert!(undisturbed.start("out", &["--resume"]).wait().unwrap().success());
    undisturbed.assert_finished(&output);
    assert!(progress.iter().any(|&n| n > 0), "no run was killed in its midst: {progress:?}");
}

#[test]
fn shards_killed_at_any_moment_and_started_again() {
    let undisturbed = Undisturbed::new(PLAIN);
    let output = undisturbed.set.path("out");
    let shards = ["1/3", "2/3", "3/3"];
    let mut dice = Dice(2);
    for _ in 0..4 {
        let mut children: Vec<Child> = shards.map(|shard| undisturbed.start("out", &["--shard", shard])).into();
        for child in &mut children {
            std::thread::sleep(Duration::from_micros(dice.below(undisturbed.took.as_micros() as u64 / 3 + 1)));
            child.kill().unwrap();
        }
        for child in &mut children {
            child.wait().unwrap();
        }
        if output.exists() {
            undisturbed.assert_nothing_broken(&output);
        }
    }
    for child in shards.map(|shard| undisturbed.start("out", &["--shard", shard])) {
        let end = child.wait_with_output().unwrap();
        assert!(end.status.success(), "{}", String::from_utf8_lossy(&end.stderr));
    }
    undisturbed.assert_finished(&output);
}

#[test]
fn a_disk_that_fills_up_and_is_enlarged() {
    let undisturbed = Undisturbed::new(PLAIN);
    let mount_point = undisturbed.set.path("disk");
    let Some(disk) = SmallDisk::mount(&mount_point, "64k") else { return };
    let output = mount_point.join("out");
    let total: usize = undisturbed.files.values().map(Vec::len).sum();
    let mut n_failures = 0;
    for size_k in (64..).step_by(total / 1024 / 6) {
        disk.enlarge(&format!("{size_k}k"));
        let end = undisturbed.start("disk/out", &["--resume"]).wait_with_output().unwrap();
        // Nothing is written where there is no room.
        if output.exists() {
            undisturbed.assert_nothing_broken(&output);
        }
        if end.status.success() {
            break;
        }
        n_failures += 1;
        let told = String::from_utf8_lossy(&end.stderr);
        assert_eq!(end.status.code(), Some(1), "{told}");
        // What the tensors need is looked for first; what comes on top is found out.
        if told.contains("error: the stacks take ") {
            assert!(told.contains("and the disk of `disk/out` has room for "), "{told}");
        } else {
            assert!(told.contains("cannot write `disk/out") && told.contains("No space left on device"), "{told}");
            assert!(told.contains("hint: make room on that disk; a conversion then continues with --resume"), "{told}");
        }
        assert!(n_failures < 30, "it never ends");
    }
    assert!(n_failures >= 3, "the disk was never full");
    undisturbed.assert_finished(&output);
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status().unwrap().success());
}

/// Waits until a run is in its midst.
fn wait_for_stacks(output: &Path, n: usize) {
    let start = Instant::now();
    while n_stacks_there(output) < n {
        assert!(start.elapsed() < Duration::from_secs(60), "no stack appeared");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn signals_stop_between_images_and_leave_what_is_whole() {
    let undisturbed = Undisturbed::new(&[]);
    let output = undisturbed.set.path("out");
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let child = undisturbed.start("out", &["-j", "2"]);
        wait_for_stacks(&output, 2);
        signal(&child, name);
        let end = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&end.stderr);
        assert_eq!(end.status.code(), Some(code), "{told}");
        assert!(told.contains("stopped: ") && told.contains(" of 60 stacks in `out` are whole"), "{told}");
        assert!(told.contains("--resume"), "{told}");
        undisturbed.assert_nothing_broken(&output);
        // Nothing temporary is left, and the manifest has every stack.
        for (name, _) in all_files(&output) {
            assert!(!name.to_string_lossy().contains("/."), "{} is left", name.display());
        }
        assert!(!output.join(".verglas.lock").exists());
        let manifest = verglas_run::manifest::Manifest::read(&output.join("manifest.json")).unwrap();
        assert_eq!(manifest.run.state, verglas_run::manifest::RunState::Stopped);
        assert!(manifest.stacks.len() >= 2 && manifest.stacks.len() < 60);
        let end = undisturbed.start("out", &["--resume"]).wait_with_output().unwrap();
        assert!(end.status.success(), "{}", String::from_utf8_lossy(&end.stderr));
        undisturbed.assert_finished(&output);
        fs::remove_dir_all(&output).unwrap();
    }
}

#[test]
fn a_second_interrupt_ends_the_process_at_once() {
    const N_PIXELS: usize = 1024;
    let set = DataSet::empty();
    let image = |seed: usize| (0..N_PIXELS * N_PIXELS).map(|at| ((at * 7919 + seed) % 1009) as f32).collect();
    set.write_images("a.mrcs", N_PIXELS, N_PIXELS, &[image(1), image(2), image(3), image(4)]);
    set.write_star("particles.star", &star(&["1@a.mrcs", "2@a.mrcs", "3@a.mrcs", "4@a.mrcs"]));
    // Each of these images takes so long that no run would stop between two signals by itself.
    let start = |options: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_verglas"))
            .args(["convert", "particles.star", "-o", "out", "--precision", "double", "--no-plots", "-q", "-j", "1"])
            .args(options)
            .current_dir(set.dir.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut child = start(&[]);
    let output = set.path("out");
    let begun = Instant::now();
    while !output.join("manifest.json").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no manifest appeared");
        std::thread::sleep(Duration::from_millis(1));
    }
    // Signals of one kind that come at once are one, so it takes two or a few more.
    while child.try_wait().unwrap().is_none() {
        signal(&child, "INT");
        std::thread::sleep(Duration::from_millis(2));
    }
    let end = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&end.stderr);
    assert_eq!(end.status.code(), Some(130), "{told}");
    assert!(!told.contains("stopped: "), "it stopped between images: {told}");
    assert!(fs::read_dir(output.join("fft")).unwrap().all(|entry| {
        let name = entry.unwrap().file_name();
        name.as_encoded_bytes().starts_with(b".")
    }));
    let end = start(&["--resume"]).wait_with_output().unwrap();
    assert!(end.status.success(), "{}", String::from_utf8_lossy(&end.stderr));
    assert!(verglas::verify(&output, &verglas::Silent).unwrap().is_sound());
}

#[test]
fn unpacking_a_large_stack_is_given_up() {
    const N_SECTIONS: i32 = 1 << 20;
    let set = DataSet::empty();
    let mut header = vec![0; 1024];
    for (at, word) in [(0, 8), (4, 8), (8, N_SECTIONS), (12, 2)] {
        header[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    header[208..212].copy_from_slice(b"MAP ");
    header[212..216].copy_from_slice(&[0x44, 0x44, 0, 0]);
    let file = fs::File::create(set.path("large.mrcs.gz")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    packed.write_all(&header).unwrap();
    std::io::copy(&mut std::io::repeat(0).take(N_SECTIONS as u64 * 256), &mut packed).unwrap();
    packed.finish().unwrap();
    set.write_star("particles.star", &star(&["1@large.mrcs.gz", "2@large.mrcs.gz"]));
    let child = Command::new(env!("CARGO_BIN_EXE_verglas"))
        .args(["convert", "particles.star", "-o", "out", "-q", "-j", "1"])
        .current_dir(set.dir.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !set.path("out/manifest.json").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no manifest appeared");
        std::thread::sleep(Duration::from_millis(1));
    }
    signal(&child, "INT");
    let end = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&end.stderr);
    // Its images are constant: had it come to them, that would be told.
    assert_eq!(end.status.code(), Some(130), "{told}");
    assert!(told.contains("stopped: 0 of 1 stacks in `out` are whole"), "{told}");
    assert_eq!(fs::read_dir(set.path("out/fft")).unwrap().count(), 0);
}

#[test]
fn a_simulation_that_is_stopped_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let child = Command::new(env!("CARGO_BIN_EXE_verglas"))
            .args([
                "simulate",
                "-o",
                "data",
                "--particles",
                "100000",
                "--n-pixels",
                "64",
                "--stacks",
                "1000",
                "-j",
                "2",
            ])
            .current_dir(dir.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let stacks = dir.path().join("data/stacks");
        while fs::read_dir(&stacks).map(Iterator::count).unwrap_or(0) < 3 {
            assert!(begun.elapsed() < Duration::from_secs(60), "no stack appeared");
            std::thread::sleep(Duration::from_millis(1));
        }
        signal(&child, name);
        let end = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&end.stderr);
        assert_eq!(end.status.code(), Some(code), "{told}");
        assert!(told.contains("stopped: nothing of the data set is left in `data`"), "{told}");
        assert!(!dir.path().join("data").exists(), "a folder is left");
    }
}

#[test]
fn a_benchmark_that_is_stopped_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_verglas"))
        .args(["bench", "--n-pixels", "64", "-j", "1"])
        .env("TMPDIR", dir.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while fs::read_dir(dir.path()).unwrap().count() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing was begun");
        std::thread::sleep(Duration::from_millis(1));
    }
    signal(&child, "INT");
    let end = child.wait_with_output().unwrap();
    assert_eq!(end.status.code(), Some(130), "{}", String::from_utf8_lossy(&end.stderr));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_second_run_on_one_folder_is_refused_until_the_first_is_gone() {
    let undisturbed = Undisturbed::new(PLAIN);
    let output = undisturbed.set.path("out");
    let mut first = undisturbed.start("out", &["-j", "1"]);
    wait_for_stacks(&output, 1);
    // Stopped, so that it surely is still there.
    signal(&first, "STOP");
    for arguments in [&["--resume"][..], &["--overwrite"]] {
        let refused = undisturbed.start("out", arguments).wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{told}");
        let expected = format!("another run is writing `out`: process {} on ", first.id());
        assert!(told.contains(&expected), "{told}");
    }
    undisturbed.assert_nothing_broken(&output);
    first.kill().unwrap();
    first.wait().unwrap();
    let end = undisturbed.start("out", &["--resume"]).wait_with_output().unwrap();
    assert!(end.status.success(), "{}", String::from_utf8_lossy(&end.stderr));
    undisturbed.assert_finished(&output);
}

#[test]
fn few_open_files_suffice_for_many_image_files_and_stacks() {
    let set = DataSet::empty();
    let names: Vec<String> = (0..400).map(|row| format!("{}@stacks/{}.mrcs", row / 100 + 1, row * 7 % 100)).collect();
    (0..100).for_each(|file| set.write_stack(&format!("stacks/{file}.mrcs"), 4));
    set.write_star("particles.star", &star(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    let convert = |output: &str, limit: &str| {
        let script = format!(
            "ulimit -n {limit}; exec \"$0\" convert particles.star -o {output} --batch-size 2 -j 2 -q --no-plots"
        );
        Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_verglas")])
            .current_dir(set.dir.path())
            .output()
            .unwrap()
    };
    assert!(convert("plain", "1024").status.success());
    let end = convert("few", "28");
    assert!(end.status.success(), "{}", String::from_utf8_lossy(&end.stderr));
    assert!(all_files(&set.path("few")) == all_files(&set.path("plain")));
    // Fewer than it takes: an error that says so, and nothing broken.
    let end = convert("none", "7");
    let told = String::from_utf8_lossy(&end.stderr);
    assert!(
        end.status.code() == Some(1) && told.contains("Too many open files") && told.contains("ulimit -n"),
        "{told}"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let undisturbed = Undisturbed::new(PLAIN);
    for arguments in [&["inspect", "particles.star"][..], &["verify", "plain"], &["--help"], &["convert", "--help"]] {
        let script = "\"$@\" | true; exit ${PIPESTATUS[0]}";
        let ran = Command::new("bash")
            .args(["-c", script, "bash", env!("CARGO_BIN_EXE_verglas")])
            .args(arguments)
            .current_dir(undisturbed.set.dir.path())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() && told.is_empty(), "{arguments:?}: {told}");
    }
}
