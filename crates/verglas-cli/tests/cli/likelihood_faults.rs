//! Promise, for likelihoods straight from particles: whatever call the system refuses, whenever a run is killed or stopped, and however full
//! the disk is, nothing broken has a final name, exit code 0 means the bytes of an undisturbed run, and `--resume` gives them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use verglas::metadata::Input;
use verglas::scoring::{LikelihoodJob, LikelihoodSettings, Particles};
use verglas::{ConvertSettings, ErrorKind, Findings, Observer, Silent, StopFlag};

use crate::conversion::all_files;
use crate::data_set::{DataSet, Ran};
use crate::disk_faults::{self, Looks, can_trace};
use crate::kills::killed_at;
use crate::likelihood_data::run;
use crate::mutated_input::mutate::{Numbers, mutated};
use crate::small_disk::SmallDisk;
use crate::templates_data::write_protein;

const PLAIN: &str = "--likelihood plain --max-displacement 1 --displacements 3 --table csv --table star";
/// All parts of the default, with too few images to tell the share of particles.
const RIGHT: &str = "--max-displacement 1 --displacements 3 --structures 0 --modes 1 --table parquet";
/// A search that takes some seconds, for what must meet a run in its midst.
const SLOW: &str = "--likelihood plain --max-displacement 4 --displacements 41";

/// Five particles of 16 px in two files, templates of two structures, and what an undisturbed run makes of them.
struct Undisturbed {
    set: DataSet,
    options: String,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

/// The particles and templates.
fn data() -> DataSet {
    let set = DataSet::empty();
    write_protein(&set, "a.pdb", 9, 1);
    write_protein(&set, "b.pdb", 7, 2);
    for command in [
        "simulate -o data --particles 5 --n-pixels 16 --pixel-size 4 --structure a.pdb --snr 2 --stacks 2 --seed 3",
        "descriptor --n-pixels 16 --pixel-size 4 --viewing-distance 0.9 -o d.npz",
        "templates a.pdb b.pdb -o templates -d d.npz --no-plots",
    ] {
        let ran = run(&set, command);
        assert_eq!(ran.code, 0, "{command}: {}", ran.stderr);
    }
    set
}

impl Undisturbed {
    fn new(options: &str) -> Self {
        let mut undisturbed = Self { set: data(), options: options.to_owned(), files: BTreeMap::new() };
        let ran = undisturbed.run("plain", "");
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        undisturbed.files = all_files(&undisturbed.set.path("plain"));
        undisturbed
    }

    fn command(&self, output: &str, more: &str) -> String {
        let Self { options, .. } = self;
        format!("likelihood data/particles.star --batch-size 3 -t templates -o {output} -j 1 -q {options} {more}")
    }

    fn run(&self, output: &str, more: &str) -> Ran {
        run(&self.set, &self.command(output, more))
    }

    fn start(&self, output: &str, more: &str) -> Child {
        Command::new(env!("CARGO_BIN_EXE_verglas"))
            .args(self.command(output, more).split_whitespace())
            .current_dir(self.set.dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// What has a final name is what the undisturbed run made, byte by byte.
    #[track_caller]
    fn assert_nothing_broken(&self, output: &Path, what: &str) {
        disk_faults::assert_nothing_broken(&self.files, output, what);
    }

    /// A resumed run makes all of it, and nothing else.
    #[track_caller]
    fn assert_resumes(&self, output: &str, what: &str) {
        let resumed = self.run(output, "--resume");
        assert_eq!(resumed.code, 0, "{what}: {}", resumed.stderr);
        self.assert_finished(output, what);
    }

    #[track_caller]
    fn assert_finished(&self, output: &str, what: &str) {
        let made = all_files(&self.set.path(output));
        let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&made), names(&self.files), "{what}");
        let other = made.iter().find(|(name, bytes)| self.files[*name] != **bytes).map(|(name, _)| name);
        assert_eq!(other, None, "another content: {what}");
        let verified = run(&self.set, &format!("verify {output}"));
        assert_eq!(verified.code, 0, "{what}: {}", verified.stderr);
    }
}

/// Lets every `stride`-th call fail, of each kind.
fn let_calls_fail(options: &str, stride: usize) -> Option<(usize, usize)> {
    let undisturbed = Undisturbed::new(options);
    let output = undisturbed.set.path("out");
    let command = undisturbed.command("out", "");
    let words: Vec<&str> = command.split_whitespace().collect();
    let looks = Looks {
        nothing_broken: &|what| undisturbed.assert_nothing_broken(&output, what),
        finished: &|what| undisturbed.assert_finished("out", what),
        resumes: &|what| undisturbed.assert_resumes("out", what),
    };
    disk_faults::let_calls_fail(&undisturbed.set, &output, &words, (stride, 5000), &looks)
}

#[test]
fn whichever_call_fails_nothing_is_broken_and_resuming_makes_the_rest() {
    if let Some((n_refused, n_survived)) = let_calls_fail(PLAIN, stride(97)) {
        assert!(n_refused > 3 && n_survived > 0, "{n_refused} refused, {n_survived} survived");
    }
}

#[test]
fn whichever_call_fails_the_noise_that_was_found_is_that_of_the_resumed_run() {
    if let Some((n_refused, _)) = let_calls_fail(RIGHT, stride(151)) {
        assert!(n_refused > 2, "{n_refused} refused");
    }
}

/// Of how many calls one is tried; another number can be requested, 1 for all of them, which takes many minutes.
fn stride(usual: usize) -> usize {
    std::env::var("VERGLAS_FAULT_STRIDE").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn kill_at_calls(options: &str, stride: usize) -> Option<usize> {
    if !can_trace() {
        return None;
    }
    let undisturbed = Undisturbed::new(options);
    let output = undisturbed.set.path("out");
    let command = undisturbed.command("out", "--resume");
    let words: Vec<&str> = command.split_whitespace().collect();
    let mut n_killed = 0;
    for call in ["unlink", "rename", "openat", "mkdir", "fsync", "pwrite64", "write", "flock"] {
        for nth in (1..).map(|k| k * stride - stride / 2) {
            let _ = fs::remove_dir_all(&output);
            if !killed_at(undisturbed.set.dir.path(), call, nth, &words) {
                undisturbed.assert_finished("out", "not killed");
                break;
            }
            n_killed += 1;
            let what = format!("killed at {call} number {nth}");
            undisturbed.assert_nothing_broken(&output, &what);
            if output.join("manifest.json").exists() {
                let verified = run(&undisturbed.set, "verify out");
                let is_all = undisturbed.files.keys().all(|name| output.join(name).exists());
                assert!(verified.code == 1 || is_all, "{what}: {}", verified.stdout);
            }
            undisturbed.assert_resumes("out", &what);
        }
    }
    println!("{n_killed} killed");
    Some(n_killed)
}

#[test]
fn killed_at_any_call_and_resumed() {
    if let Some(n_killed) = kill_at_calls(PLAIN, stride(53)) {
        assert!(n_killed > 4, "only {n_killed} kills");
    }
}

#[test]
fn killed_while_the_noise_is_found_and_written() {
    if let Some(n_killed) = kill_at_calls(RIGHT, stride(131)) {
        assert!(n_killed > 1, "only {n_killed} kills");
    }
}

#[test]
fn an_overwriting_run_that_is_killed_leaves_no_unit_that_a_later_run_would_pass_over() {
    if !can_trace() {
        return;
    }
    let undisturbed = Undisturbed::new(PLAIN);
    // Other units: four of other displacements are to give way.
    let other = undisturbed.command("out", "").replace("--displacements 3", "--displacements 1");
    let command = undisturbed.command("out", "--overwrite");
    let words: Vec<&str> = command.split_whitespace().collect();
    let mut n_killed = 0;
    for call in ["unlink", "rename"] {
        for nth in (1..).map(|k| k * stride(17)) {
            let _ = fs::remove_dir_all(undisturbed.set.path("out"));
            assert_eq!(run(&undisturbed.set, &other).code, 0);
            if !killed_at(undisturbed.set.dir.path(), call, nth, &words) {
                break;
            }
            n_killed += 1;
            let what = format!("killed at {call} number {nth}");
            let resumed = undisturbed.run("out", "--resume");
            if resumed.code == 0 {
                undisturbed.assert_finished("out", &what);
            } else {
                assert_eq!(resumed.code, 1, "{what}");
                assert!(resumed.stderr.contains("cannot resume in `out`"), "{what}: {}", resumed.stderr);
                let over = undisturbed.run("out", "--overwrite");
                assert_eq!(over.code, 0, "{what}: {}", over.stderr);
                undisturbed.assert_finished("out", &what);
            }
        }
    }
    assert!(n_killed > 2, "only {n_killed} kills");
}

#[test]
fn a_disk_that_fills_up_and_is_enlarged() {
    for options in [PLAIN, RIGHT] {
        let undisturbed = Undisturbed::new(options);
        let mount_point = undisturbed.set.path("disk");
        let Some(disk) = SmallDisk::mount(&mount_point, "8k") else { return };
        let output = mount_point.join("out");
        let mut n_failures = 0;
        // Each file and folder takes a page at least.
        for size_k in (8..).step_by(48) {
            disk.enlarge(&format!("{size_k}k"));
            let end = undisturbed.run("disk/out", "--resume");
            undisturbed.assert_nothing_broken(&output, &format!("{size_k}k"));
            if end.code == 0 {
                break;
            }
            n_failures += 1;
            assert_eq!(end.code, 1, "{}", end.stderr);
            assert!(end.stderr.contains("No space left on device"), "{}", end.stderr);
            assert!(end.stderr.contains("hint: make room on that disk"), "{}", end.stderr);
            assert!(n_failures < 60, "it never ends");
        }
        assert!(n_failures >= 3, "the disk was full {n_failures} times");
        undisturbed.assert_finished("disk/out", options);
    }
}

/// Waits until the first unit is begun.
fn wait_for_units(output: &Path) {
    let begun = Instant::now();
    while !output.join("template0/optimal_pose").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no unit was begun");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status().unwrap().success());
}

#[test]
fn a_second_run_on_one_folder_is_refused_and_a_stopped_one_goes_on() {
    let undisturbed = Undisturbed::new(SLOW);
    let output = undisturbed.set.path("out");
    let mut first = undisturbed.start("out", "");
    wait_for_units(&output);
    signal(&first, "STOP");
    for more in ["--resume", "--overwrite"] {
        let refused = undisturbed.run("out", more);
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        let expected = format!("another run is writing `out`: process {} on ", first.id());
        assert!(refused.stderr.contains(&expected), "{}", refused.stderr);
    }
    undisturbed.assert_nothing_broken(&output, "while the first run waits");
    first.kill().unwrap();
    first.wait().unwrap();
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let _ = fs::remove_dir_all(&output);
        let child = undisturbed.start("out", "--resume");
        wait_for_units(&output);
        signal(&child, name);
        let end = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&end.stderr);
        assert_eq!(end.status.code(), Some(code), "{told}");
        assert!(told.contains("units in `out` are done") && told.contains("--resume"), "{told}");
        undisturbed.assert_nothing_broken(&output, name);
        assert!(all_files(&output).keys().all(|name| !name.to_string_lossy().contains("/.")), "something is left");
    }
    undisturbed.assert_resumes("out", "stopped twice");
}

/// Damages a file again and again, and runs the command on it: how many of `n` damaged copies went through.
fn damage(undisturbed: &Undisturbed, target: &str, n: u64, more: &str) -> usize {
    let path = undisturbed.set.path(target);
    let sound = [fs::read(&path).unwrap()];
    let output = undisturbed.set.path("out");
    let mut n_through = 0;
    for number in 0..n {
        let _ = fs::remove_dir_all(&output);
        let what = format!("{target}, damaged copy {number}");
        fs::write(&path, mutated(&mut Numbers::new(number), &sound)).unwrap();
        let ran = undisturbed.run("out", more);
        assert!(!ran.stderr.contains("panicked"), "{what}: {}", ran.stderr);
        match ran.code {
            0 => {
                let verified = run(&undisturbed.set, "verify out");
                assert_eq!(verified.code, 0, "{what}: {}", verified.stderr);
                n_through += 1;
            }
            1 => assert!(ran.stderr.contains("error: "), "{what}: {}", ran.stderr),
            code => panic!("{what}: ended with {code}: {}", ran.stderr),
        }
        // Particles may be others after the damage; templates may not.
        if !target.starts_with("data") {
            undisturbed.assert_nothing_broken(&output, &what);
        }
    }
    fs::write(&path, &sound[0]).unwrap();
    n_through
}

#[test]
fn damaged_templates_and_particles_are_refused_or_make_no_difference() {
    let undisturbed = Undisturbed::new(PLAIN);
    for (target, n) in [
        ("templates/templates_fourier_a.pt", 20),
        ("templates/templates_fourier_b.npz", 15),
        ("templates/template_file_list.npy", 10),
        ("templates/parameters.npz", 10),
        ("templates/manifest.json", 10),
        ("data/particles.star", 15),
        ("data/stacks/particles_000.mrcs", 15),
    ] {
        let n_through = damage(&undisturbed, target, n, "");
        println!("{target}: {n_through} of {n} went through");
        assert!(n_through < n as usize, "{target}: all of them went through");
    }
}

#[test]
fn a_value_that_was_altered_in_a_template_is_found() {
    let undisturbed = Undisturbed::new(PLAIN);
    let path = undisturbed.set.path("templates/templates_fourier_a.pt");
    let sound = fs::read(&path).unwrap();
    let mut altered = sound.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    fs::write(&path, altered).unwrap();
    for more in ["", "--check"] {
        let output = if more.is_empty() { "out" } else { "none" };
        let ran = undisturbed.run(output, more);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        for part in ["templates/templates_fourier_a.pt`", "CRC", "make them again"] {
            assert!(ran.stderr.contains(part), "`{part}` is not in: {}", ran.stderr);
        }
    }
    undisturbed.assert_nothing_broken(&undisturbed.set.path("out"), "an altered template");
}

#[test]
fn a_damaged_record_of_templates_is_not_taken_for_none() {
    let undisturbed = Undisturbed::new(RIGHT);
    let path = undisturbed.set.path("templates/manifest.json");
    let sound = fs::read_to_string(&path).unwrap();
    // Readable, and not what was written; and cut off.
    for damaged in [sound.replacen("a.pdb", "b.pdb", 1), sound[..sound.len() / 2].to_owned()] {
        fs::write(&path, damaged).unwrap();
        let ran = undisturbed.run("out", "");
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert!(
            ran.stderr.contains("templates/manifest.json`") && ran.stderr.contains("make them again"),
            "{}",
            ran.stderr
        );
        assert!(!undisturbed.set.path("out").exists());
    }
    // Without any, as CryoLike's: that is a warning.
    fs::remove_file(&path).unwrap();
    let without = undisturbed.run("out", "");
    assert!(without.code == 0 && without.stderr.contains("integrated over the grid"), "{}", without.stderr);
    assert!(all_files(&undisturbed.set.path("out")) != undisturbed.files);
}

#[test]
fn a_damaged_record_of_a_run_is_not_gone_on_with() {
    for options in [PLAIN, RIGHT] {
        let undisturbed = Undisturbed::new(options);
        assert_eq!(undisturbed.run("out", "").code, 0);
        let path = undisturbed.set.path("out/manifest.json");
        let sound = [fs::read(&path).unwrap()];
        for number in 0..5 {
            fs::write(&path, mutated(&mut Numbers::new(number), &sound)).unwrap();
            let what = format!("damaged copy {number}");
            let ran = undisturbed.run("out", "--resume");
            assert!(!ran.stderr.contains("panicked") && matches!(ran.code, 0 | 1), "{what}: {}", ran.stderr);
            undisturbed.assert_nothing_broken(&undisturbed.set.path("out"), &what);
            if ran.code == 0 {
                undisturbed.assert_finished("out", &what);
            } else {
                assert!(ran.stderr.contains("manifest.json"), "{what}: {}", ran.stderr);
            }
        }
        fs::write(&path, &sound[0]).unwrap();
        undisturbed.assert_resumes("out", "its own again");
    }
}

/// Stops at the first stage that has some words.
struct StopAt {
    words: &'static str,
    stop: StopFlag,
    stages: Mutex<Vec<String>>,
}

impl StopAt {
    fn new(words: &'static str) -> Self {
        Self { words, stop: StopFlag::new(false), stages: Mutex::default() }
    }
}

impl Observer for StopAt {
    fn stage(&self, what: &str) {
        self.stages.lock().unwrap().push(what.to_owned());
        if what.contains(self.words) {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn it_stops_at_each_stage_before_the_first_unit_and_nothing_is_written() {
    let set = data();
    let prepare = |integrated: bool, stop: &StopFlag| {
        let input = Input::IndexedStar(set.path("data/particles.star"));
        let settings = Box::new(ConvertSettings::default());
        let particles = Particles::Input { input, settings, has_own_grids: false };
        let settings = LikelihoodSettings {
            integrated,
            max_displacement_pixels: 1.0,
            n_displacements: [3, 3],
            n_threads: 1,
            ..LikelihoodSettings::default()
        };
        LikelihoodJob::prepare(particles, &set.path("templates"), None, settings, &mut Findings::new(), stop)
    };
    assert_eq!(prepare(true, &StopFlag::new(true)).unwrap_err().kind(), ErrorKind::Interrupted);
    let output = set.path("out");
    for integrated in [true, false] {
        let job = prepare(integrated, &StopFlag::new(false)).unwrap();
        let all = StopAt::new("no stage has this");
        job.run(&set.path(&format!("plain-{integrated}")), &[], &all, &all.stop).unwrap();
        let files = all_files(&set.path(&format!("plain-{integrated}")));
        let stages = all.stages.into_inner().unwrap().join("; ");
        let mut n_stopped = 0;
        for words in ["noise of 5 images", "structure 1 of 2", "structure 2 of 2", "round 1", "round 2", "particles of"]
        {
            if !stages.contains(words) {
                continue;
            }
            n_stopped += 1;
            let at = StopAt::new(words);
            let error = job.run(&output, &[], &at, &at.stop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Interrupted, "{words}: {error}");
            assert!(error.to_string().contains("nothing was written yet"), "{words}: {error}");
            // It went on with none of the stages after that one.
            assert!(at.stages.into_inner().unwrap().last().unwrap().contains(words), "{words}");
            assert!(!output.exists() || all_files(&output).is_empty(), "{words}: {:?}", all_files(&output).keys());
        }
        assert!(n_stopped >= 4 + usize::from(integrated), "{stages}");
        // Nothing of what was stopped is in what is made now.
        job.run(&output, &[], &Silent, &StopFlag::new(false)).unwrap();
        assert!(all_files(&output) == files);
        fs::remove_dir_all(&output).unwrap();
    }
}
