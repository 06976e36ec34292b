//! `verglas export`: from a conversion back to its rows, on the command line.

use std::fs;
use std::path::Path;

use crate::data_set::run_in;

fn verglas(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let ran = run_in(dir, arguments);
    (ran.code, ran.stdout, ran.stderr)
}

const HEAD: &str = "data_particles\nloop_\n_rlnImageName\n_rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle\n\
    _rlnSphericalAberration\n_rlnVoltage\n";

/// A folder with a data set of three particles, converted to `out`, and three scores.
fn converted() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = vec![0; 1024];
    for (at, word) in [(0, 8_i32), (4, 8), (8, 3), (12, 2)] {
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    bytes[208..216].copy_from_slice(b"MAP DD\0\0");
    bytes.extend((0..3 * 64_u32).flat_map(|pixel| ((pixel * 37 % 101) as f32).to_le_bytes()));
    fs::write(dir.path().join("a.mrcs"), bytes).unwrap();
    let rows: String = (1..=3).map(|section| format!("{section}@a.mrcs 1000{section} 10000 0 2.7 300\n")).collect();
    fs::write(dir.path().join("run.star"), format!("{HEAD}{rows}")).unwrap();
    let header = format!("{:<117}\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }");
    let mut npy = b"\x93NUMPY\x01\0\x76\0".to_vec();
    npy.extend(header.as_bytes());
    npy.extend([0.5_f32, 0.1, 2.0].iter().flat_map(|score| score.to_le_bytes()));
    fs::write(dir.path().join("score.npy"), npy).unwrap();
    let (code, _, stderr) = verglas(dir.path(), &["convert", "run.star", "-o", "out", "--pixel-size", "1.5", "-q"]);
    assert_eq!(code, 0, "{stderr}");
    dir
}

#[test]
fn rows_come_back_with_results() {
    let dir = converted();
    let (code, stdout, stderr) = verglas(dir.path(), &["export", "out", "--add", "score=score.npy", "-o", "o.star"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(stdout, "o.star: 3 of 3 rows of run.star, with the new columns score\n");
    let expected = format!(
        "{HEAD}_score #7\n1@a.mrcs 10001 10000 0 2.7 300 0.5\n2@a.mrcs 10002 10000 0 2.7 300 0.1\n\
         3@a.mrcs 10003 10000 0 2.7 300 2.0\n"
    );
    assert_eq!(fs::read_to_string(dir.path().join("o.star")).unwrap(), expected);
}

#[test]
fn refusals_and_wrong_usage() {
    let dir = converted();
    let exit = |arguments: &[&str]| verglas(dir.path(), arguments);
    assert_eq!(exit(&["export", "out", "-o", "o.star", "-q"]), (0, String::new(), String::new()));
    let (code, _, stderr) = exit(&["export", "out", "-o", "o.star"]);
    assert!(code == 1 && stderr.contains("already exists\nhint: choose another name"), "{stderr}");
    assert_eq!(exit(&["export", "out", "-o", "o.star", "--overwrite"]).0, 0);
    let (code, _, stderr) = exit(&["export", "out", "-o", "o.cs"]);
    assert!(code == 1 && stderr.contains("run.star`, a STAR file"), "{stderr}");
    assert_eq!(exit(&["export", "out", "--add", "score", "-o", "p.star"]).0, 2);
    assert_eq!(exit(&["export", "out"]).0, 2);
    // From elsewhere too: the manifest says where the conversion ran.
    let elsewhere = dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let (code, _, stderr) = verglas(&elsewhere, &["export", "../out", "-o", "o.star"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(fs::read(elsewhere.join("o.star")).unwrap(), fs::read(dir.path().join("o.star")).unwrap());
    fs::rename(dir.path().join("run.star"), dir.path().join("moved.star")).unwrap();
    let (code, _, stderr) = verglas(&elsewhere, &["export", "../out", "-o", "p.star"]);
    assert!(code == 1 && stderr.contains("run.star`, from which the images were converted"), "{stderr}");
}
