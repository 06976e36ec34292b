//! Names that lead to pipes, devices, folders and loops of links: refused by their kind, and at once.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::data_set::{DataSet, Ran, USUAL_NAMES, star};

/// What is not a file, and its name in messages.
const KINDS: [(&str, &str); 4] = [
    ("pipe", "a pipe, expected a file"),
    ("folder", "a folder, expected a file"),
    ("device", "a device, expected a file"),
    ("loop", "a loop of links"),
];

/// Puts something of a kind where a file is expected.
fn put(set: &DataSet, kind: &str, name: &str) {
    let path = set.path(name);
    if path.symlink_metadata().is_ok_and(|there| there.is_dir()) {
        fs::remove_dir(&path).unwrap();
    } else {
        let _ = fs::remove_file(&path);
    }
    match kind {
        "pipe" => assert!(Command::new("mkfifo").arg(&path).status().unwrap().success()),
        "folder" => fs::create_dir(&path).unwrap(),
        "device" => symlink("/dev/zero", &path).unwrap(),
        _ => symlink(path.file_name().unwrap(), &path).unwrap(),
    }
}

/// Runs the command; it is given up after 20 s.
fn run(set: &DataSet, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verglas"));
    command.args(arguments).current_dir(set.dir.path()).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{arguments:?} waits");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[track_caller]
fn assert_named(ran: &Ran, name: &str, what: &str) {
    assert_ne!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let told = format!("{}{}", ran.stdout, ran.stderr);
    let is_named = told.lines().any(|line| line.contains(&format!("{name}`")) && line.contains(what));
    assert!(is_named, "`{name}` … {what}: {told}");
}

#[test]
fn metadata_and_descriptors() {
    let set = DataSet::usual();
    for (kind, what) in KINDS {
        for (name, command) in [("in.star", "convert"), ("in.cs", "convert"), ("in.star", "check"), ("in.cs", "check")]
        {
            put(&set, kind, name);
            let output = ["-o", "out"];
            let arguments = [&[command, name][..], if command == "convert" { &output } else { &[] }].concat();
            assert_named(&run(&set, &arguments), name, what);
            assert!(!set.path("out").exists());
        }
        put(&set, kind, "d.npz");
        assert_named(&run(&set, &["convert", "particles.star", "-o", "out", "-d", "d.npz"]), "d.npz", what);
        for name in ["in.star", "in.cs", "in.mrc", "in.npz", "in.npy", "in.pt", "in"] {
            put(&set, kind, name);
            assert_named(&run(&set, &["inspect", name]), name, what);
        }
    }
}

#[test]
fn image_files_and_a_loop_once() {
    for (kind, what) in KINDS {
        let set = DataSet::usual();
        put(&set, kind, "stacks/b.mrcs");
        for options in [&[][..], &["--skip-unreadable"], &["--image-dir", "stacks"]] {
            let ran = run(&set, &[&["convert", "particles.star", "-o", "out"][..], options].concat());
            assert_named(&ran, "stacks/b.mrcs", what.split(',').next().unwrap());
            assert_eq!(ran.stderr.matches("error: ").count(), 1, "{}", ran.stderr);
            assert!(!ran.stderr.contains("not found"), "{}", ran.stderr);
        }
    }
}

#[test]
fn files_of_an_output_folder() {
    for (kind, what) in KINDS {
        for name in [
            "manifest.json",
            "fft/particles_fourier_stack_000000.npz",
            "fft/particles_fourier_stack_000000.pt",
            "phys/particles_phys_stack_000000.pt",
            "parameters.npz",
            "report.html",
        ] {
            let set = DataSet::usual();
            assert_eq!(run(&set, &["convert", "particles.star", "-o", "out"]).code, 0);
            if name == "report.html" {
                assert_eq!(run(&set, &["report", "out"]).code, 0);
            }
            let path = format!("out/{name}");
            put(&set, kind, &path);
            // All end at once, whatever they make of it.
            for arguments in [
                &["verify", "out"][..],
                &["status", "out"],
                &["report", "out"],
                &["export", "out", "-o", "export.star"],
                &["convert", "particles.star", "-o", "out", "--resume"],
                &["convert", "particles.star", "-o", "out"],
            ] {
                let ran = run(&set, arguments);
                if name == "manifest.json" && arguments[0] != "convert" {
                    assert_named(&ran, &path, what);
                }
                if name.starts_with("fft/") && arguments[0] == "verify" {
                    assert_eq!(ran.code, 1, "{kind} {name} {}", ran.stdout);
                }
            }
        }
    }
}

#[test]
fn lists_of_rows_and_columns_to_export() {
    let set = DataSet::usual();
    assert_eq!(run(&set, &["convert", "particles.star", "-o", "out"]).code, 0);
    for (kind, what) in KINDS {
        put(&set, kind, "values.npy");
        for arguments in [["--rows", "values.npy"], ["--add", "score=values.npy"]] {
            let ran = run(&set, &[&["export", "out", "-o", "export.star"][..], &arguments].concat());
            assert_named(&ran, "values.npy", what);
        }
    }
}

/// Paths that lead somewhere are read, even through links.
#[test]
fn links_to_files_are_followed() {
    let set = DataSet::usual();
    symlink("particles.star", set.path("link.star")).unwrap();
    fs::rename(set.path("stacks/b.mrcs"), set.path("stacks/there.mrcs")).unwrap();
    symlink("there.mrcs", set.path("stacks/b.mrcs")).unwrap();
    set.write_star("particles.star", &star(&USUAL_NAMES));
    let ran = run(&set, &["convert", "link.star", "-o", "out"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}
