//! Input that could be read but would be wrong: it is refused, or gives a warning, with what to do.

use std::fs;
use std::os::unix::fs::symlink;

use crate::conversion::metadata;
use crate::data_set::{DataSet, N_PIXELS, Ran, USUAL_NAMES, optics, particle, pixels, star};

#[track_caller]
fn assert_told(ran: &Ran, code: i32, parts: &[&str]) {
    assert_eq!(ran.code, code, "{}", ran.stderr);
    for part in parts {
        assert!(ran.stderr.contains(part), "`{part}` is not in:\n{}", ran.stderr);
    }
}

#[test]
fn a_key_that_stands_twice_is_named_with_both_columns() {
    let set = DataSet::usual();
    let text = star(&USUAL_NAMES)
        .replace("_rlnImagePixelSize #6\n", "_rlnImagePixelSize #6\n_rlnOpticsGroup #7\n")
        .replace("2.7 0.1 1.5\n", "2.7 0.1 1.5 1\n");
    set.write_star("particles.star", &text);
    set.assert_refused(
        &[],
        &["rlnOpticsGroup appears twice in block `data_optics`: as column 1 (`_rlnOpticsGroup`, line 6) and as column \
           7"],
    );
}

#[test]
fn another_size_than_the_images_have_comes_with_the_likely_pixel_size() {
    let set = DataSet::usual();
    let text = star(&USUAL_NAMES)
        .replace("_rlnImagePixelSize #6\n", "_rlnImagePixelSize #6\n_rlnImageSize #7\n")
        .replace("2.7 0.1 1.5\n", "2.7 0.1 1.782 16\n");
    set.write_star("particles.star", &text);
    let parts = ["rlnImageSize says 16 px in 6 rows", "the images are 8 px wide", "1.782 × 16/8 = 3.564 Å"];
    assert_told(&set.run(&["check", "particles.star"]), 0, &parts);
}

#[test]
fn rows_that_name_other_images_than_they_are_paired_with_are_counted() {
    let set = DataSet::usual();
    let pairs = ["convert", "a.star", "--images", "stacks/a.mrcs", "--pixel-size", "1.5", "-o", "out"];
    for (names, told) in [
        (["3@x/a.mrcs", "2@x/a.mrcs", "1@x/a.mrcs"], Some("2 of 3 rows name another section or file")),
        (["1@a.mrcs", "2@b.mrcs", "3@a.mrcs"], Some("1 of 3 rows name another section or file")),
        (["1@Extract/a.mrcs", "2@Extract/a.mrcs", "3@a.mrc:mrcs"], None),
        (["none", "", "0@a.mrcs"], None),
    ] {
        let names = names.map(|name| if name.is_empty() { "\"\"" } else { name });
        set.write_star("a.star", &star(&names));
        let ran = set.run(&[&pairs[..], &["--overwrite"]].concat());
        match told {
            Some(told) => assert!(ran.stderr.contains(told), "{}", ran.stderr),
            None => assert!(!ran.stderr.contains("another section"), "{}", ran.stderr),
        }
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    let ran = set.run(&["check", "a.star", "particles.star"]);
    assert_told(&ran, 2, &["hint: give STAR files that name their images one at a time"]);
}

#[test]
fn angles_that_relion_did_not_know_are_nan_and_a_column_of_them_is_none() {
    let set = DataSet::usual();
    set.write_star("particles.star", &star(&USUAL_NAMES).replace("2.0 30.0 -45.0", "2.0 -999.0 -45.0"));
    let ran = set.convert(&[]);
    assert_told(&ran, 0, &["rlnAngleTilt is -999", "in 1 row: these become NaN"]);
    let tilt = metadata(&set, 0).numbers("angleTilt");
    assert!(tilt[2].is_nan() && tilt.iter().filter(|angle| angle.is_nan()).count() == 1, "{tilt:?}");
    for command in [&["verify", "out"][..], &["report", "out"], &["export", "out", "-o", "all.star"]] {
        assert_told(&set.run(command), 0, &[]);
    }
    assert_told(&set.convert(&["--resume"]), 0, &[]);
    set.write_star("particles.star", &star(&USUAL_NAMES).replace(" 30.0 -45.0", " -999 -45.0"));
    let ran = set.convert(&["--overwrite"]);
    assert_told(&ran, 0, &["in 6 rows: the column is left out"]);
    assert_eq!(metadata(&set, 0).shape("angleTilt"), [0]);
}

#[test]
fn relions_colon_is_no_part_of_a_path() {
    let set = DataSet::usual();
    fs::rename(set.path("stacks/a.mrcs"), set.path("stacks/a.mrc")).unwrap();
    let names = USUAL_NAMES.map(|name| name.replace("a.mrcs", "a.mrc:mrcs"));
    set.write_star("particles.star", &star(&names.each_ref().map(String::as_str)));
    let ran = set.convert(&[]);
    assert_told(&ran, 0, &[]);
    assert!(metadata(&set, 0).texts("files")[0].ends_with("a.mrc:mrcs"), "as it was written");
}

#[test]
fn a_link_whose_target_is_gone_is_named_with_it() {
    let set = DataSet::usual();
    fs::remove_file(set.path("stacks/a.mrcs")).unwrap();
    symlink("/absent/a.mrcs", set.path("stacks/a.mrcs")).unwrap();
    set.assert_refused(&[], &["`stacks/a.mrcs`: `", "is a link to `/absent/a.mrcs`, which does not exist"]);
    // A folder, too.
    fs::rename(set.path("stacks"), set.path("there")).unwrap();
    symlink("nowhere", set.path("stacks")).unwrap();
    set.assert_refused(&[], &["is a link to `nowhere`, which does not exist"]);
}

#[test]
fn moved_projects_are_found_by_the_longest_end_of_their_paths() {
    let set = DataSet::empty();
    for folder in ["new/job007/a", "new/job007/b"] {
        set.write_stack(&format!("{folder}/s.mrcs"), 1);
    }
    set.write_star("particles.star", &star(&["1@/old/proj/job007/a/s.mrcs", "1@/old/proj/job007/b/s.mrcs"]));
    let ran = set.convert(&["--image-dir", "new"]);
    assert_told(&ran, 0, &[]);
    assert!(ran.stdout.starts_with("2 particles of 2 image files"), "{}", ran.stdout);
    // A folder in which the ends are the same file's.
    fs::rename(set.path("out"), set.path("kept")).unwrap();
    set.write_stack("flat/s.mrcs", 1);
    set.assert_refused(
        &["--image-dir", "flat"],
        &["both be looked up as `flat/s.mrcs`", "`/old/proj/job007/a/s.mrcs`", "`/old/proj/job007/b/s.mrcs`"],
    );
}

#[test]
fn pixels_of_eight_bytes_behind_mode_2_are_refused_and_read_when_asked() {
    let set = DataSet::usual();
    let right = set.convert(&[]);
    assert_eq!(right.code, 0, "{}", right.stderr);
    let expected = fs::read(set.path("out/phys/particles_phys_stack_000000.pt")).unwrap();
    for name in ["stacks/a.mrcs", "stacks/b.mrcs"] {
        let bytes = fs::read(set.path(name)).unwrap();
        let mut wide = bytes[..1024].to_vec();
        for pixel in bytes[1024..].chunks_exact(4) {
            wide.extend(f64::from(f32::from_le_bytes(pixel.try_into().unwrap())).to_le_bytes());
        }
        fs::write(set.path(name), wide).unwrap();
    }
    let parts = [
        "`stacks/a.mrcs`: the header claims 3 sections",
        "mode 2",
        "exactly 8 bytes per pixel",
        "pixel type `float64`",
    ];
    for more in [&[][..], &["--skip-unreadable"]] {
        let ran = set.run(&[&["check", "particles.star"], more].concat());
        assert_told(&ran, 1, &parts);
        assert!(!ran.stderr.contains("past the claim"), "{}", ran.stderr);
    }
    assert_told(&set.run(&["inspect", "stacks/a.mrcs"]), 1, &["exactly 8 bytes per pixel"]);
    let ran = set.convert(&["--overwrite", "--pixel-type", "float64"]);
    assert_told(&ran, 0, &[]);
    assert!(fs::read(set.path("out/phys/particles_phys_stack_000000.pt")).unwrap() == expected);
    assert_told(&set.convert(&["--resume"]), 1, &["exactly 8 bytes per pixel"]);
    assert_told(&set.convert(&["--resume", "--pixel-type", "float64"]), 0, &[]);
    // Who says that the mode is right is believed.
    assert_told(&set.convert(&["--overwrite", "--pixel-type", "float32"]), 0, &["what is past the claim is ignored"]);
}

#[test]
fn integers_behind_mode_2_and_the_other_sign_are_found_by_looking_at_pixels() {
    let set = DataSet::usual();
    let mut bytes = fs::read(set.path("stacks/a.mrcs")).unwrap();
    for (at, pixel) in bytes[1024..].chunks_exact_mut(4).enumerate() {
        pixel.copy_from_slice(&(at as i32 % 97).to_le_bytes());
    }
    fs::write(set.path("stacks/a.mrcs"), &bytes).unwrap();
    let ran = set.run(&["check", "particles.star", "--deep"]);
    assert_told(&ran, 0, &["`stacks/a.mrcs`: in 3 of 3 images all pixels are denormal", "--pixel-type int32"]);
    set.write_stack("stacks/a.mrcs", 3);

    let n = 3 * N_PIXELS * N_PIXELS;
    bytes.truncate(1024);
    bytes[12..16].copy_from_slice(&0_i32.to_le_bytes());
    bytes[76..80].copy_from_slice(&0_f32.to_le_bytes());
    bytes[80..84].copy_from_slice(&250_f32.to_le_bytes());
    bytes.extend((0..n).map(|at| (at * 7 % 251) as u8));
    fs::write(set.path("stacks/a.mrcs"), &bytes).unwrap();
    let ran = set.run(&["check", "particles.star", "--deep"]);
    assert_told(&ran, 0, &["read as signed", "the header says 0 to 250", "`--mode0 unsigned`"]);
    let ran = set.run(&["check", "particles.star", "--deep", "--mode0", "unsigned"]);
    assert!(ran.code == 0 && !ran.stderr.contains("header says"), "{}", ran.stderr);
    let ran = set.run(&["inspect", "stacks/a.mrcs"]);
    assert!(ran.stdout.contains("read as signed unless --mode0"), "{}", ran.stdout);
}

#[test]
fn a_warning_is_said_once() {
    let set = DataSet::usual();
    let text = star(&USUAL_NAMES)
        .replace("_rlnCtfBfactor", "_rlnBeamTiltX")
        .replace(" 0.0 0.0 1.0 1 ", " 0.0 0.3 1.0 1 ")
        .replace("9990.25", "3000");
    set.write_star("particles.star", &text);
    let ran = set.convert(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let all = format!("{}{}", ran.stdout, ran.stderr);
    for part in ["rlnCtfBfactor is missing", "beam tilt", "astigmatic"] {
        assert_eq!(all.matches(part).count(), 1, "{part}: {all}");
    }
}

#[test]
fn the_row_where_a_magnification_is_bad_is_named() {
    let set = DataSet::usual();
    let head = "data_\nloop_\n_rlnVoltage\n_rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle\n_rlnSphericalAberration\n\
        _rlnDetectorPixelSize\n_rlnMagnification\n_rlnImageName\n";
    let rows = "300 10000 9990 0 2.7 14 140000 1@stacks/a.mrcs\n300 10000 9990 0 2.7 14 0 2@stacks/a.mrcs\n";
    set.write_star("particles.star", &format!("{head}{rows}"));
    let told = "row 1 of `particles.star` (line 12): rlnDetectorPixelSize 14 and rlnMagnification 0 give no pixel size";
    assert_told(&set.convert(&["--pixel-size", "1"]), 0, &[told]);
}

#[test]
fn two_boxes_lead_to_optics_groups() {
    let set = DataSet::usual();
    set.write_images("stacks/b.mrcs", 10, 10, &vec![(0..100).map(|at| at as f32).collect(); 3]);
    set.assert_refused(&[], &["8 px: 1 file,", "with --optics-group"]);
}

#[test]
fn files_that_hold_no_particles_are_called_what_they_are() {
    let set = DataSet::usual();
    let optics = optics("1 o 300.0 2.7 0.1 1.5\n");
    let micrographs = format!("{optics}data_micrographs\nloop_\n_rlnMicrographName\na\n");
    let subtomograms = "data_particles\n\nloop_\n_rlnImageName\n_rlnCtfImage\n_rlnCoordinateZ\na.mrc c.mrc 1\n";
    for (text, parts) in [
        (
            "data_model_general\n_rlnA 1\n\ndata_model_classes\nloop_\n_rlnReferenceImage\na\n",
            ["a RELION model", "run_data.star"],
        ),
        (
            "data_job\n_rlnJobTypeLabel a\n\ndata_joboptions_values\nloop_\n_a\n_b\n1 2\n",
            ["a RELION job's settings", "run_data.star"],
        ),
        (micrographs.as_str(), ["a list of micrographs", "extracted"]),
        (
            "data_\nloop_\n_rlnMicrographName\n_rlnDefocusU\na 1\n",
            ["a list of micrographs, no particles: missing", "extracted"],
        ),
        ("data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 1\n", ["coordinates of picked particles", "extracted"]),
        (optics.as_str(), ["a table of optics groups without particles", "columns there:"]),
        (subtomograms, ["subtomograms, volumes and not images: rlnCtfImage, rlnCoordinateZ tell it", "2-D"]),
        ("data_\nloop_\n_wrpParticleName\n_rlnImageName\na b.mrc\n", ["subtomograms", "wrpParticleName tells it"]),
        ("version https://git-lfs.github.com/spec/v1\noid x\n", ["Git LFS pointer", "git lfs pull"]),
        ("<!DOCTYPE html>\n<html></html>\n", ["HTML page", ""]),
    ] {
        set.write_star("particles.star", text);
        let ran = set.run(&["check", "particles.star"]);
        assert_told(&ran, 1, &parts);
        assert!(!ran.stderr.contains("expected `INDEX@PATH`"), "{}", ran.stderr);
    }
    // The columns of subtomograms next to images of sections mean nothing.
    let text = star(&USUAL_NAMES).replace("_rlnAngleRot", "_rlnCoordinateZ");
    set.write_star("particles.star", &text);
    assert_told(&set.run(&["check", "particles.star"]), 0, &[]);
}

#[test]
fn stacks_of_other_programs_are_called_what_they_are() {
    let set = DataSet::usual();
    let mut spider = vec![0; 4096];
    for (word, value) in [(1, 1.0_f32), (2, 8.0), (5, 1.0), (12, 8.0), (13, 32.0), (22, 1024.0), (23, 32.0)] {
        spider[4 * word - 4..4 * word].copy_from_slice(&value.to_be_bytes());
    }
    let noise: Vec<u8> = pixels("i", 0).iter().flat_map(|pixel| pixel.to_le_bytes()).cycle().take(2048).collect();
    for (name, bytes, parts) in [
        ("s.spi", spider, ["is a SPIDER file, not an MRC file", "hint: convert it"]),
        ("i.img", noise, ["IMAGIC", "whose header is `i.hed`"]),
        ("l.mrcs", b"version https://git-lfs.github.com/spec/v1\n".to_vec(), ["Git LFS pointer", "git lfs pull"]),
        ("h.mrcs", b"<!DOCTYPE html><html>404".to_vec(), ["HTML page", "fetch"]),
    ] {
        fs::write(set.path(name), bytes).unwrap();
        set.write_star("particles.star", &star(&[&format!("1@{name}")]));
        set.assert_refused(&[], &parts);
    }
}

#[test]
fn what_says_half_of_a_pixel_size_is_reported_with_its_value() {
    let set = DataSet::usual();
    for (column, seen) in [("rlnPixelSize", "rlnPixelSize 1.5"), ("rlnMagnification", "rlnMagnification 1.5")] {
        set.write_star("particles.star", &star(&USUAL_NAMES).replace("rlnImagePixelSize", column));
        set.assert_refused(&[], &["the pixel size is unknown", "found, but not enough to go by", seen]);
    }
    let name = "stacks/a.mrcs";
    let mut bytes = fs::read(set.path(name)).unwrap();
    (0..3).for_each(|axis| bytes[40 + 4 * axis..44 + 4 * axis].copy_from_slice(&12_f32.to_le_bytes()));
    (0..3).for_each(|axis| bytes[28 + 4 * axis..32 + 4 * axis].copy_from_slice(&0_i32.to_le_bytes()));
    fs::write(set.path(name), bytes).unwrap();
    set.assert_refused(&[], &["`stacks/a.mrcs` has a cell of 12 Å and a grid of 0"]);
    let ran = set.run(&["inspect", name]);
    assert!(ran.stdout.contains("unknown: the cell is 12 × 12 Å and its grid 0"), "{}", ran.stdout);
}

#[test]
fn rows_without_a_ctf_are_counted() {
    let set = DataSet::usual();
    let mut text = optics("1 o 0 0 0 1.5\n");
    text.push_str(crate::data_set::PARTICLES);
    for (row, name) in USUAL_NAMES.iter().enumerate() {
        let line = particle(row, name);
        let (_, rest) = line.split_once(".25 ").unwrap();
        text.push_str(&format!("{name} 0 0 {rest}"));
    }
    set.write_star("particles.star", &text);
    set.assert_refused(&[], &["are all 0: no CTF was estimated", "6 of 6 rows have none", "CtfFind"]);
}
