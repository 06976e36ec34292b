//! Other people's files are not replaced, and results that can't be written are reported.

use std::fs;
use std::process::{Command, Stdio};

use crate::conversion::all_files;
use crate::data_set::DataSet;

#[test]
fn a_report_replaces_an_earlier_one_and_nothing_else() {
    let set = DataSet::usual();
    assert_eq!(set.convert(&[]).code, 0);
    for _ in 0..2 {
        let ran = set.run(&["report", "out"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    let star = fs::read(set.path("particles.star")).unwrap();
    fs::write(set.path("out/report.html"), "<html>mine</html>").unwrap();
    for arguments in [&["report", "out", "-o", "particles.star"][..], &["report", "out"]] {
        let ran = set.run(arguments);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert!(ran.stderr.contains("already exists and is not a report: it is not replaced"), "{}", ran.stderr);
    }
    assert_eq!(fs::read(set.path("particles.star")).unwrap(), star);
    assert_eq!(fs::read(set.path("out/report.html")).unwrap(), b"<html>mine</html>");
}

#[test]
fn a_demo_leaves_what_others_made_alone() {
    let set = DataSet::usual();
    let ran = set.run(&["convert", "particles.star", "-o", "mine/stacks"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    fs::create_dir_all(set.path("other/data")).unwrap();
    fs::copy(set.path("particles.star"), set.path("other/data/particles.star")).unwrap();
    fs::create_dir_all(set.path("third/structures")).unwrap();
    let atom = |n| {
        format!(
            "ATOM  {n:>5}  CA  ALA A{n:>4}      {:>6.1}   0.000   0.000  1.00 20.00           C\n",
            4.0 * f64::from(n)
        )
    };
    fs::write(set.path("third/structures/open.pdb"), (1..=9).map(atom).collect::<String>()).unwrap();
    let templates = ["templates", "third/structures/open.pdb", "-d", "mine/stacks", "-o", "fourth/templates"];
    let ran = set.run(&[&templates[..], &["--viewing-distance", "1"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for (folder, told) in [
        ("third", "`third/structures/open.pdb` was not made by this demo"),
        ("fourth", "`fourth/templates` holds templates that were not made by a demo"),
        ("mine", "`mine/stacks` holds stacks that were not made by a demo"),
        ("other", "`other/data/particles.star` exists already"),
    ] {
        let before = all_files(&set.path(folder));
        let ran = set.run(&["demo", folder]);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
        assert!(all_files(&set.path(folder)) == before);
    }
}

#[test]
fn what_standard_output_does_not_take_is_reported() {
    let set = DataSet::usual();
    let run = |arguments: &[&str]| {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_verglas"));
        command.args(arguments).current_dir(set.dir.path()).stdout(Stdio::from(full)).output().unwrap()
    };
    let inspected = run(&["inspect", "particles.star", "--json"]);
    let told = String::from_utf8_lossy(&inspected.stderr);
    assert_eq!(inspected.status.code(), Some(1), "{told}");
    assert!(told.contains("cannot write to standard output: No space left on device"), "{told}");
    // The stacks are what was asked for, and they are there.
    assert!(run(&["convert", "particles.star", "-o", "out"]).status.success());
    assert!(verglas::verify(&set.path("out"), &verglas::Silent).unwrap().is_sound());
}

#[test]
fn wrong_usage_is_reported_in_the_form_of_the_log() {
    let set = DataSet::usual();
    for form in [&["--log-format", "json"][..], &["--log-format=json"]] {
        let ran = set.convert(&[form, &["--no-such-option"]].concat());
        assert_eq!(ran.code, 2);
        let told: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
        assert_eq!(told["level"], "error");
        assert!(
            told["message"].as_str().unwrap().starts_with("unexpected argument '--no-such-option' found"),
            "{told}"
        );
    }
    let ran = set.run(&["--help", "--log-format", "json"]);
    assert!(ran.code == 0 && ran.stdout.contains("Usage:"), "{}", ran.stderr);
}
