//! `verglas check`: what would stop a conversion is found in one go, and nothing is written.

use std::fs;

use crate::data_set::{DataSet, N_PIXELS, USUAL_NAMES, pixels, star};

#[test]
fn a_good_data_set_has_nothing_wrong() {
    let set = DataSet::usual();
    let ran = set.run(&["check", "particles.star", "--batch-size", "4"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (
            0,
            "nothing wrong with metadata and headers: 6 particles of 2 image files would make 2 stacks, 8.25 KiB; 1 warning\n\
             pixels were not checked; --deep checks them\n"
        )
    );
    // Boxes of 8 pixels are for tests: at 300 kV and 1 µm, (12 Å/2)/(0.019687 Å · 10,005 Å) is 1/32.8 Å.
    let told = "warning: the box of 12.0 Å is too small for the defocus of 6 of 6 particles: the CTF moves detail finer than 32.";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    let ran = set.run(&["check", "particles.star", "--deep", "-q"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
}

#[test]
fn warnings_alone_are_no_failure() {
    let set = DataSet::usual();
    set.write_star("particles.star", &star(&USUAL_NAMES).replace("_rlnPhaseShift", "_rlnA"));
    let ran = set.run(&["check", "particles.star"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("; 2 warnings\n") && ran.stderr.contains("rlnPhaseShift is missing"), "{}", ran.stdout);
}

#[test]
fn several_things_that_are_wrong_are_all_reported() {
    let set = DataSet::usual();
    // A number that is none, a section past the end, a stack that is gone, a stack that was cut, another pixel size.
    let names = ["1@stacks/a.mrcs", "9@stacks/a.mrcs", "1@gone.mrcs", "1@stacks/b.mrcs", "2@stacks/b.mrcs", "none"];
    set.write_star("particles.star", &star(&names).replace("10001.5", "abc"));
    let cut = set.path("stacks/b.mrcs");
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() - 1]).unwrap();
    let ran = set.run(&["check", "particles.star", "--pixel-size", "7"]);
    assert_eq!(ran.code, 1);
    for part in [
        "rlnDefocusU is `abc`",
        "rlnImageName is `none`",
        "`gone.mrcs`",
        "section 9 of `stacks/a.mrcs`",
        "`stacks/b.mrcs`: the header claims 3 sections",
        "7 Å",
    ] {
        assert!(ran.stderr.contains(part), "`{part}` is not in:\n{}", ran.stderr);
    }
    assert_eq!(fs::read_dir(set.dir.path()).unwrap().count(), 2, "something was written");
}

#[test]
fn only_a_deep_check_looks_at_pixels_and_then_at_all_of_them() {
    let set = DataSet::usual();
    let mut bad = pixels("a", 0);
    bad[5] = f32::INFINITY;
    set.write_images("stacks/a.mrcs", N_PIXELS, N_PIXELS, &[bad, vec![2.0; N_PIXELS * N_PIXELS], pixels("a", 2)]);
    set.write_images("stacks/b.mrcs", N_PIXELS, N_PIXELS, &vec![vec![0.5; N_PIXELS * N_PIXELS]; 3]);
    assert_eq!(set.run(&["check", "particles.star"]).code, 0);
    for threads in ["1", "3"] {
        let ran = set.run(&["check", "particles.star", "--deep", "-j", threads]);
        assert_eq!(ran.code, 1);
        for part in [
            "section 1 of `stacks/a.mrcs`: a pixel is NaN or infinite",
            "named by row 0 of `particles.star` (line 28)",
            "section 1 of `stacks/b.mrcs`: all pixels have the same value",
            "and section 2 of `stacks/a.mrcs`, row 2 of `particles.star` (line 30)",
            "and section 3 of `stacks/b.mrcs`, row 5 of `particles.star` (line 33)",
        ] {
            assert!(ran.stderr.contains(part), "`{part}` is not in:\n{}", ran.stderr);
        }
    }
}
