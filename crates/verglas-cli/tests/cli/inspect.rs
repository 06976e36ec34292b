//! `verglas inspect`: what it prints, and its exit codes.

use std::path::Path;

use crate::data_set::run_in;
use serde_json::Value;

const STAR: &str = "data_particles\nloop_\n_rlnImageName #1\n_rlnDefocusU #2\n1@a.mrcs 10000\n2@a.mrcs 12000.5\n";

fn inspect(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let ran = run_in(dir, &[&["inspect"], arguments].concat());
    (ran.code, ran.stdout, ran.stderr)
}

#[test]
fn a_star_file_for_people() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.star"), STAR).unwrap();
    let (code, stdout, stderr) = inspect(dir.path(), &["a.star", "-q"]);
    let expected = "\
a.star: STAR, RELION 3.0 or earlier, 1 block, 86 bytes
  data_particles: 2 rows × 2 columns
    column        distinct  min    max      mean      first
    rlnImageName  2                                   1@a.mrcs
    rlnDefocusU   2         10000  12000.5  11000.25  10000
";
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, expected, ""));
}

#[test]
fn one_file_is_an_object_several_are_an_array() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.star"), STAR).unwrap();
    let (code, stdout, _) = inspect(dir.path(), &["--json", "a.star"]);
    let one: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, one["kind"].as_str(), one["path"].as_str()), (0, Some("star"), Some("a.star")));
    assert_eq!(one["blocks"][0]["columns"][1]["max"], 12000.5);
    assert_eq!(one["blocks"][0]["columns"][0]["first"], "1@a.mrcs");
    let (code, stdout, _) = inspect(dir.path(), &["--json", "a.star", "a.star"]);
    let two: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, two.as_array().map(Vec::len)), (0, Some(2)));
    assert_eq!(two[1], one);
}

#[test]
fn what_can_not_be_read_does_not_hide_the_others() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.star"), STAR).unwrap();
    std::fs::write(dir.path().join("b.star"), "no block\n").unwrap();
    let (code, stdout, stderr) = inspect(dir.path(), &["gone.star", "b.star", "a.star"]);
    assert_eq!(code, 1);
    assert!(stdout.starts_with("a.star: STAR"), "{stdout}");
    assert!(stderr.contains("cannot read `gone.star`") && stderr.contains("line 1 of `b.star`"), "{stderr}");
    let (code, stdout, _) = inspect(dir.path(), &["--json", "gone.star", "a.star"]);
    let objects: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(code, 1);
    assert!(objects[0]["error"].as_str().unwrap().contains("cannot read"), "{objects}");
    assert_eq!(objects[1]["kind"], "star");
}

#[test]
fn damage_is_shown_and_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = vec![0; 1024 + 70];
    for (at, word) in [(0, 4_i32), (4, 4), (8, 3), (12, 2)] {
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    std::fs::write(dir.path().join("a.mrcs"), bytes).unwrap();
    let (code, stdout, stderr) = inspect(dir.path(), &["a.mrcs"]);
    assert_eq!(code, 1);
    assert!(stdout.contains("cut short: 122 bytes of the 1.19 KiB claimed are missing, 1 section whole"), "{stdout}");
    assert!(
        stderr.contains("warning: `a.mrcs`: no `MAP ` stamp") && stderr.contains("error: `a.mrcs`: the header"),
        "{stderr}"
    );
}

#[test]
fn no_file_is_wrong_usage() {
    assert_eq!(inspect(Path::new("."), &[]).0, 2);
}
