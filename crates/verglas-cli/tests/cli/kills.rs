//! A run is killed at a system call: whatever it left behind, no command says that all is well with a folder that
//! `verify` would find wrong, and no two runs with different settings share one.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::data_set::DataSet;
use crate::disk_faults::can_trace;

/// Runs the command, and kills it when it makes a call for the `nth` time; whether it came to that.
pub fn killed_at(dir: &Path, call: &str, nth: usize, arguments: &[&str]) -> bool {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o", "trace"]).current_dir(dir);
    let (traced, injected) = (format!("trace={call}"), format!("inject={call}:signal=KILL:when={nth}"));
    strace.args(["-e", &traced, "-e", &injected, env!("CARGO_BIN_EXE_verglas")]).args(arguments);
    let ran = strace.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    !ran.success()
}

const CONVERT: [&str; 8] = ["convert", "particles.star", "-o", "out", "-j", "1", "--no-plots", "-q"];

#[test]
fn an_overwriting_run_that_was_killed_leaves_no_stack_that_a_later_run_would_pass_over() {
    if !can_trace() {
        return;
    }
    let set = DataSet::usual();
    // Six stacks of one image each are to give way to two of three.
    let old = [&CONVERT[..], &["--batch-size", "1"]].concat();
    let new = [&CONVERT[..], &["--batch-size", "3"]].concat();
    let mut n_killed = 0;
    for call in ["unlink", "rename", "openat", "mkdir", "flock"] {
        for nth in 1.. {
            let _ = fs::remove_dir_all(set.path("out"));
            assert_eq!(set.run(&old).code, 0);
            if !killed_at(set.dir.path(), call, nth, &[&new[..], &["--overwrite"]].concat()) {
                break;
            }
            n_killed += 1;
            let what = format!("killed at {call} number {nth}");
            for arguments in [&["--resume"][..], &["--overwrite"]] {
                let ran = set.run(&[&new[..], arguments].concat());
                if ran.code == 0 {
                    let verified = set.run(&["verify", "out"]);
                    assert_eq!(verified.code, 0, "{what}, {arguments:?}: {}", verified.stderr);
                } else {
                    assert_eq!((ran.code, arguments), (1, &["--resume"][..]), "{what}: {}", ran.stderr);
                    assert!(ran.stderr.contains("cannot resume in `out`"), "{what}: {}", ran.stderr);
                }
            }
        }
    }
    assert!(n_killed > 30, "only {n_killed} kills");
}

#[test]
fn a_shard_that_was_killed_at_its_start_leaves_the_folder_to_shards_of_one_kind() {
    if !can_trace() {
        return;
    }
    let set = DataSet::usual();
    let first = [&CONVERT[..], &["--batch-size", "2", "--shard", "1/2"]].concat();
    let other = [&CONVERT[..], &["--batch-size", "2", "--shard", "2/2", "--contrast", "invert"]].concat();
    let mut n_killed = 0;
    for call in ["unlink", "rename", "openat", "flock"] {
        for nth in 1.. {
            let _ = fs::remove_dir_all(set.path("out"));
            if !killed_at(set.dir.path(), call, nth, &first) {
                break;
            }
            n_killed += 1;
            // A manifest says from the first moment whose it is: others may want to look after that process.
            if let Ok(manifest) = fs::read(set.path("out/manifest-1-of-2.json")) {
                let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
                assert!(manifest["run"]["process"].as_u64() > Some(0), "killed at {call} number {nth}: {manifest}");
            }
            // The first one decides; the other is refused, now and later.
            let (came_other, came_first) = (set.run(&other), set.run(&first));
            let what = format!("killed at {call} number {nth}: {} {}", came_other.stderr, came_first.stderr);
            assert!(came_other.code != came_first.code, "{what}");
            assert!(came_other.code <= 1 && came_first.code <= 1, "{what}");
        }
    }
    assert!(n_killed > 10, "only {n_killed} kills");
}

#[test]
fn of_two_shards_of_different_settings_that_start_at_once_one_is_refused() {
    let set = DataSet::usual();
    for (at, different) in [&["--contrast", "invert"][..], &["--precision", "double"], &["--batch-size", "3"]]
        .into_iter()
        .cycle()
        .take(20)
        .enumerate()
    {
        let _ = fs::remove_dir_all(set.path("out"));
        let usual = ["--batch-size", "2"];
        let start = |shard: &str, options: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_verglas"));
            command.args(CONVERT).args(["--shard", shard]).args(options).current_dir(set.dir.path());
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let options =
            if different[0] == "--batch-size" { different.to_vec() } else { [&usual[..], different].concat() };
        let (first, second) = (start("1/2", &usual), start("2/2", &options));
        let codes = [first, second].map(|run| run.wait_with_output().unwrap().status.code());
        assert!(codes.contains(&Some(0)) && codes.contains(&Some(1)), "try {at}, {options:?}: {codes:?}");
    }
}

#[test]
fn a_folder_divided_in_other_parts_is_refused_at_the_start_too() {
    let set = DataSet::usual();
    for _ in 0..10 {
        let _ = fs::remove_dir_all(set.path("out"));
        let start = |shard: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_verglas"));
            command.args(CONVERT).args(["--batch-size", "1", "--shard", shard]).current_dir(set.dir.path());
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let codes = [start("1/2"), start("3/3")].map(|run| run.wait_with_output().unwrap().status.code());
        assert!(codes.contains(&Some(0)) && codes.contains(&Some(1)), "{codes:?}");
    }
}
