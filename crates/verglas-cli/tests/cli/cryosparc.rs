//! Promise: the command line decides which kind of CryoSPARC input it is, and input that makes no sense is an error.

use std::fs;
use std::path::Path;

use crate::data_set::run_in;

/// Runs `verglas convert` in `dir`; exit code and what stderr says.
fn convert(dir: &Path, arguments: &[&str]) -> (i32, String) {
    let ran = run_in(dir, &[&["convert"], arguments, &["-o", "out"]].concat());
    (ran.code, ran.stderr)
}

#[test]
fn a_csg_is_refused_with_the_files_that_it_names() {
    let dir = tempfile::tempdir().unwrap();
    let text =
        "results:\n  blob:\n    metafile: '>J7_particles.cs'\n  ctf:\n    metafile: '>J7_passthrough_particles.cs'\n";
    fs::write(dir.path().join("x.csg"), text).unwrap();
    let (code, stderr) = convert(dir.path(), &["x.csg"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("J7_particles.cs, J7_passthrough_particles.cs"), "{stderr}");
    assert!(!dir.path().join("out").exists());
}

#[test]
fn csdat_is_refused_by_that_name() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.cs"), b"\x95CSDAT\x01").unwrap();
    let (code, stderr) = convert(dir.path(), &["a.cs"]);
    assert!(code == 1 && stderr.contains("CSDAT"), "{code}: {stderr}");
}

#[test]
fn inputs_that_can_not_be_meant_are_usage_errors() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("folder")).unwrap();
    for (arguments, expected) in [
        (&["a.cs", "b.cs", "c.cs"][..], "3 .cs files, expected one, or two"),
        (&["a.cs", "b.star"], "`a.cs` is not a .star file"),
        (&["a.cs", "--images", "a.mrc"], "`a.cs` is not a .star file"),
        (&["folder"], "`folder` is a folder; --job"),
        (&[][..], "no input is given"),
        (&["folder", "other", "--job", "3"], "2 inputs with --job"),
        (&["folder", "--job", "3", "--images", "a.mrc"], "cannot be used with"),
        (&["folder", "--job", "J3a"], "expected the number of a job, such as 24 or J24"),
        (
            &["a.star", "--downsample", "1.5"],
            "expected a whole number, 1 or more; --downsample-to crops to any even box",
        ),
        (&["a.star", "--downsample", "0"], "expected a whole number, 1 or more"),
        (&["a.star", "--downsample-to", "127"], "expected an even number of pixels"),
        (&["a.star", "--downsample-to", "64", "--downsample", "2"], "cannot be used with"),
        (&["a.star", "--downsample-to", "64", "--downsample-method", "max"], "--downsample-method is max"),
        (&["a.star", "--pixel-size", "-1"], "invalid value '-1' for '--pixel-size <A>': expected a positive number"),
        (&["a.star", "--batch-size", "0"], "expected a whole number, 1 or more"),
        (&["a.txt"], "`a.txt` is neither a .star nor a .cs file"),
        (&["a.cs", "--defocus-angle-unit", "radians"], "units of angles"),
    ] {
        let (code, stderr) = convert(dir.path(), arguments);
        assert_eq!(code, 2, "{arguments:?}: {stderr}");
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_job_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (code, stderr) = convert(dir.path(), &[".", "--job", "15"]);
    assert!(code == 1 && stderr.contains("J15` does not exist"), "{code}: {stderr}");
}
