//! Bad input, one kind a test: each is refused before anything is written, with the place and what was found.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::data_set::{DataSet, N_PIXELS, PARTICLES, Ran, USUAL_NAMES, optics, particle, pixels, star};

#[test]
fn voltage_missing_everywhere() {
    let set = DataSet::usual();
    let text = star(&USUAL_NAMES).replace("_rlnVoltage", "_rlnSomethingElse");
    set.write_star("particles.star", &text);
    set.assert_refused(&[], &["missing rlnVoltage", "_rlnDefocusU".trim_start_matches('_'), "in the optics block:"]);
}

#[test]
fn all_missing_columns_are_listed_with_those_that_are_there() {
    let set = DataSet::usual();
    let text = star(&USUAL_NAMES)
        .replace("_rlnVoltage", "_rlnA")
        .replace("_rlnSphericalAberration", "_rlnB")
        .replace("_rlnDefocusV", "_rlnC");
    set.write_star("particles.star", &text);
    set.assert_refused(&[], &["missing rlnDefocusV, rlnSphericalAberration, rlnVoltage", "rlnImageName"]);
}

#[test]
fn an_optics_group_that_is_not_in_the_optics_block() {
    let set = DataSet::usual();
    let text = star(&USUAL_NAMES).replace("1.0 1 3.0", "1.0 7 3.0").replace("1.0 1 4.0", "1.0 7 4.0");
    set.write_star("particles.star", &text);
    set.assert_refused(&[], &["optics group 7", "row 3 of `particles.star` (line 31)", "2 rows", "groups there: 1"]);
}

#[test]
fn several_optics_groups_and_particles_that_name_none() {
    let set = DataSet::usual();
    let text = star(&USUAL_NAMES)
        .replace("_rlnOpticsGroup #8", "_rlnOther #8")
        .replace("1 opticsGroup1 300.0", "1 opticsGroup1 300.0 2.7 0.1 1.5\n2 opticsGroup2 200.0");
    set.write_star("particles.star", &text);
    set.assert_refused(&[], &["no column rlnOpticsGroup", "2 groups"]);
}

#[test]
fn a_row_too_short() {
    let set = DataSet::usual();
    let text = star(&USUAL_NAMES).replace("2.0 30.0 -45.0", "2.0 30.0");
    set.write_star("particles.star", &text);
    set.assert_refused(&[], &["line 30 of `particles.star`", "expected 11 values, found 10"]);
}

#[test]
fn a_row_too_long() {
    let set = DataSet::usual();
    let text = star(&USUAL_NAMES).replace("2.0 30.0 -45.0", "2.0 30.0 -45.0 9");
    set.write_star("particles.star", &text);
    set.assert_refused(&[], &["line 30 of `particles.star`", "expected 11 values, found 12"]);
}

#[test]
fn a_value_that_is_no_number() {
    let set = DataSet::usual();
    for bad in ["abc", "nan", "inf", "\"\""] {
        set.write_star("particles.star", &star(&USUAL_NAMES).replace("10002.5", bad));
        let shown = bad.trim_matches('"');
        set.assert_refused(&[], &["row 2 of `particles.star` (line 30)", &format!("rlnDefocusU is `{shown}`")]);
    }
}

/// The lines of stderr with errors or warnings.
fn told(ran: &Ran) -> Vec<&str> {
    ran.stderr.lines().filter(|line| line.contains("error: ") || line.contains("warning")).collect()
}

#[test]
fn a_value_that_is_no_number_makes_one_error_only() {
    let set = DataSet::usual();
    let bad_group = format!("{}{PARTICLES}{}", optics("1 o 300.0 2.7 0.1 nan\n"), particle(0, USUAL_NAMES[0]));
    let two_groups = format!(
        "{}{PARTICLES}{}{}",
        optics("1 o 300.0 2.7 0.1 1.5\n2 p abc 2.7 0.1 nan\n"),
        particle(0, USUAL_NAMES[0]),
        particle(1, USUAL_NAMES[1]).replace(" 0.0 1.0 1 ", " 0.0 1.0 2 ")
    );
    let old = |detector: &str, magnification: &str| {
        format!(
            "data_\n\nloop_\n_rlnImageName\n_rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle\n_rlnVoltage\n\
             _rlnSphericalAberration\n_rlnAmplitudeContrast\n_rlnPhaseShift\n_rlnCtfBfactor\n_rlnCtfScalefactor\n\
             _rlnDetectorPixelSize\n_rlnMagnification\n\
             1@stacks/a.mrcs 10000 9990 0 300 2.7 0.1 0 0 1 {detector} {magnification}\n\
             2@stacks/a.mrcs 10000 9990 0 300 2.7 0.1 0 0 1 {detector} 50000\n"
        )
    };
    for (text, expected) in [
        (bad_group, &["rlnImagePixelSize is `nan`"][..]),
        (two_groups, &["rlnVoltage is `abc`", "rlnImagePixelSize is `nan`"]),
        (old("abc", "50000"), &["rlnDetectorPixelSize is `abc`"]),
        (old("7", "abc"), &["rlnMagnification is `abc`"]),
    ] {
        set.write_star("particles.star", &text);
        let ran = set.convert(&[]);
        let told = told(&ran);
        assert_eq!((ran.code, told.len()), (1, expected.len()), "{}", ran.stderr);
        assert!(told.iter().zip(expected).all(|(told, expected)| told.contains(expected)), "{}", ran.stderr);
    }
}

#[test]
fn blocks_without_content_and_text_before_the_first_block() {
    let set = DataSet::usual();
    let usual = star(&USUAL_NAMES);
    let particles = usual.replace("data_particles", "data_foo\n\ndata_particles");
    set.write_star("particles.star", &format!("version 3 blah\ndata_bar\n{particles}\ndata_end\n"));
    let ran = set.convert(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("line 1 of `particles.star`: text before"), "{}", ran.stderr);

    let set = DataSet::usual();
    for (text, expected) in [
        ("version 3 blah\n", "line 1 of `particles.star`: expected a line that starts with `data_`"),
        ("data_foo\n\ndata_particles\n", "no particles: nothing follows `data_foo`, `data_particles`"),
        (&format!("{}data_particles\n", optics("1 o 300.0 2.7 0.1 1.5\n")), "nothing follows `data_particles`"),
    ] {
        set.write_star("particles.star", text);
        set.assert_refused(&[], &[expected]);
    }
}

#[test]
fn numbers_of_one_take_the_singular() {
    let set = DataSet::usual();
    let text = star(&["1@stacks/a.mrcs", "4@stacks/a.mrcs", "9@stacks/a.mrcs"]);
    set.write_star("particles.star", &text);
    set.assert_refused(&[], &["and by 1 more row that asks for sections past its end"]);
    let text = text.replacen(" 0.0 1.0 1 ", " 0.0 1.0 7 ", 1);
    set.write_star("particles.star", &text);
    set.assert_refused(
        &[],
        &["optics group 7 is not in the optics block", "1 row names this group", "groups there: 1"],
    );
    set.write_star("particles.star", &text.replace("1 opticsGroup1 300.0 2.7 0.1 1.5\n", ""));
    set.assert_refused(&[], &["the optics block has no rows"]);

    let optics = optics("1 one 300.0 2.7 0.1 1.5\n2 two 200.0 2.7 0.07 1.5\n");
    let second = particle(1, USUAL_NAMES[1]).replace(" 1.0 1 ", " 1.0 2 ").replace("9991.25", "3000");
    set.write_star("particles.star", &format!("{optics}{PARTICLES}{}{second}", particle(0, USUAL_NAMES[0])));
    let ran = set.convert(&[]);
    for part in ["200 kV, 2.7 mm, 0.07: 1 particle\n", "1 particle is astigmatic"] {
        assert!(ran.stderr.contains(part), "`{part}` is not in {}", ran.stderr);
    }
}

#[test]
fn section_zero() {
    let set = DataSet::usual();
    set.write_star("particles.star", &star(&["000001@stacks/a.mrcs", "0@stacks/a.mrcs"]));
    set.assert_refused(&[], &["row 1 of `particles.star` (line 29)", "`0@stacks/a.mrcs`", "count from 1"]);
    assert!(!set.convert(&[]).stderr.contains("cut"));
}

#[test]
fn an_image_name_without_at_sign() {
    let set = DataSet::usual();
    set.write_star("particles.star", &star(&["stacks/a.mrcs", "stacks/b.mrcs", "1@stacks/a.mrcs"]));
    set.assert_refused(&[], &["row 0", "(line 28)", "`stacks/a.mrcs`", "expected `INDEX@PATH`", "and 1 more row"]);
    // Wrong names are not images that appear twice.
    let ran = set.convert(&[]);
    assert!(!ran.stderr.contains("earlier row"), "{}", ran.stderr);
}

#[test]
fn a_section_past_the_end() {
    let set = DataSet::usual();
    set.write_star("particles.star", &star(&["1@stacks/a.mrcs", "4@stacks/a.mrcs"]));
    set.assert_refused(
        &[],
        &["section 4 of `stacks/a.mrcs`", "the stack holds 3", "by row 1 of `particles.star` (line 29)"],
    );
}

#[test]
fn a_truncated_stack() {
    let set = DataSet::usual();
    let path = set.path("stacks/b.mrcs");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
    let (expected, found) = (bytes.len().to_string(), (bytes.len() - 10).to_string());
    set.assert_refused(&[], &["`stacks/b.mrcs`", &expected, &found, "2 whole sections"]);
}

#[test]
fn a_header_that_claims_terabytes() {
    let set = DataSet::usual();
    let path = set.path("stacks/a.mrcs");
    let mut bytes = fs::read(&path).unwrap();
    for offset in [0, 4] {
        bytes[offset..offset + 4].copy_from_slice(&100_000_i32.to_le_bytes());
    }
    bytes[8..12].copy_from_slice(&1_000_i32.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    set.assert_refused(&[], &["`stacks/a.mrcs`", "40000000001024 bytes"]);
}

#[test]
fn a_constant_image() {
    let set = DataSet::usual();
    let images = vec![pixels("a", 0), vec![0.1; N_PIXELS * N_PIXELS], pixels("a", 2)];
    set.write_images("stacks/a.mrcs", N_PIXELS, N_PIXELS, &images);
    let ran = set.convert(&[]);
    assert_eq!(ran.code, 1);
    for part in
        ["section 2 of `stacks/a.mrcs`", "all pixels have the same value", "row 2 of `particles.star` (line 30)"]
    {
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
    assert_no_stack(&set);
}

#[test]
fn an_image_with_nan() {
    let set = DataSet::usual();
    let mut images: Vec<_> = (0..3).map(|image| pixels("b", image)).collect();
    images[2][17] = f32::NAN;
    set.write_images("stacks/b.mrcs", N_PIXELS, N_PIXELS, &images);
    let ran = set.convert(&[]);
    assert_eq!(ran.code, 1);
    for part in ["section 3 of `stacks/b.mrcs`", "NaN", "row 5 of `particles.star` (line 33)"] {
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
    assert_no_stack(&set);
}

/// Pixels can be judged only when they are read; by then the folder is there, but no stack may be, not even in part.
fn assert_no_stack(set: &DataSet) {
    for folder in ["out/fft", "out/phys"] {
        assert_eq!(fs::read_dir(set.path(folder)).unwrap().count(), 0, "{folder} holds something");
    }
}

#[test]
fn a_stack_before_the_bad_one_stays_and_is_whole() {
    let set = DataSet::usual();
    let mut images: Vec<_> = (0..3).map(|image| pixels("b", image)).collect();
    images[2][17] = f32::NAN;
    set.write_images("stacks/b.mrcs", N_PIXELS, N_PIXELS, &images);
    let ran = set.convert(&["--batch-size", "2", "-j", "2"]);
    assert_eq!(ran.code, 1);
    let mut names: Vec<String> = fs::read_dir(set.path("out/fft"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "particles_fourier_stack_000000.npz",
            "particles_fourier_stack_000000.pt",
            "particles_fourier_stack_000001.npz",
            "particles_fourier_stack_000001.pt"
        ]
    );
}

#[test]
fn a_box_that_differs_from_the_descriptor() {
    let set = DataSet::usual();
    let made = set.run(&["descriptor", "--n-pixels", "16", "--pixel-size", "1.5", "-o", "grids.npz"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    set.assert_refused(&["-d", "grids.npz"], &["8 px", "16 px"]);
}

#[test]
fn pixel_sizes_that_conflict() {
    let set = DataSet::usual();
    set.assert_refused(&["--pixel-size", "1.51"], &["1.51 Å", "1.5 Å", "--pixel-size-from"]);
    set.run(&["descriptor", "--n-pixels", "8", "--pixel-size", "2", "-o", "grids.npz"]);
    set.assert_refused(&["-d", "grids.npz"], &["1.5 Å", "2 Å", "descriptor"]);
    set.assert_refused(
        &["-d", "grids.npz", "--pixel-size", "1.6", "--pixel-size-from", "caller"],
        &["1.6 Å", "2 Å", "descriptor"],
    );
    let kept = set.convert(&["--pixel-size", "1.6", "--pixel-size-from", "caller"]);
    assert_eq!(kept.code, 0, "{}", kept.stderr);
}

#[test]
fn pixel_sizes_of_optics_groups_that_differ() {
    let set = DataSet::usual();
    let mut text = optics("1 first 300.0 2.7 0.1 1.5\n2 second 300.0 2.7 0.1 1.6\n");
    text.push_str(PARTICLES);
    for (row, name) in USUAL_NAMES.iter().enumerate() {
        text.push_str(&particle(row, name).replace(" 1.0 1 ", if row < 4 { " 1.0 1 " } else { " 1.0 2 " }));
    }
    set.write_star("particles.star", &text);
    set.assert_refused(&[], &["first: 1.5 Å, 4 rows", "second: 1.6 Å, 2 rows", "--optics-group"]);
    let chosen = set.convert(&["--optics-group", "second"]);
    assert_eq!(chosen.code, 0, "{}", chosen.stderr);
    assert!(chosen.stdout.starts_with("2 particles"), "{}", chosen.stdout);
}

#[test]
fn an_output_folder_that_cannot_be_written() {
    let set = DataSet::usual();
    fs::write(set.path("file"), "in the way").unwrap();
    let ran = set.run(&["convert", "particles.star", "-o", "file/out"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("`file` is a file"), "{}", ran.stderr);

    let locked = set.path("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    // Permissions do not stop the superuser, who runs the tests in some places.
    if fs::write(locked.join("probe"), "").is_err() {
        let ran = set.run(&["convert", "particles.star", "-o", "locked/out"]);
        assert_eq!(ran.code, 1);
        assert!(ran.stderr.contains("cannot write in `locked`"), "{}", ran.stderr);
    }
}

#[test]
fn an_output_folder_that_is_not_empty() {
    let set = DataSet::usual();
    assert_eq!(set.convert(&[]).code, 0);
    let before = fs::read(set.path("out/manifest.json")).unwrap();
    let ran = set.convert(&[]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("output folder `out` is not empty") && ran.stderr.contains("--overwrite"),
        "{}",
        ran.stderr
    );
    assert_eq!(fs::read(set.path("out/manifest.json")).unwrap(), before);
    assert_eq!(set.convert(&["--overwrite"]).code, 0);
}

#[test]
fn no_rows() {
    let set = DataSet::usual();
    set.write_star("particles.star", &star(&[]));
    set.assert_refused(&[], &["`particles.star`: no particles"]);
}

#[test]
fn an_empty_file() {
    let set = DataSet::usual();
    set.write_star("particles.star", "");
    set.assert_refused(&[], &["`particles.star`"]);
}

#[test]
fn images_that_are_not_square() {
    let set = DataSet::usual();
    set.write_images("stacks/b.mrcs", 8, 10, &vec![vec![1.0; 80]; 3]);
    set.assert_refused(&[], &["`stacks/b.mrcs`: images are 8 × 10 pixels"]);
}

#[test]
fn boxes_that_differ_between_stacks() {
    let set = DataSet::usual();
    set.write_images("stacks/b.mrcs", 10, 10, &vec![vec![1.0; 100]; 3]);
    set.assert_refused(&[], &["8 px: 1 file,", "10 px: 1 file,"]);
}

#[test]
fn two_stacks_of_one_name_under_an_image_directory() {
    let set = DataSet::usual();
    set.write_star("particles.star", &star(&["1@one/a.mrcs", "1@two/a.mrcs"]));
    set.assert_refused(&["--image-dir", "stacks"], &["`one/a.mrcs`", "`two/a.mrcs`", "looked up as `stacks/a.mrcs`"]);
}

#[test]
fn missing_stacks_are_listed_with_where_they_were_looked_for() {
    let set = DataSet::usual();
    set.write_star("particles.star", &star(&["1@gone/a.mrcs", "1@gone/b.mrcs", "1@stacks/a.mrcs"]));
    let here = set.dir.path().display().to_string();
    set.assert_refused(&[], &["2 of 3 image files not found", "`gone/a.mrcs`", "`gone/b.mrcs`", "looked below", &here]);
}

#[test]
fn a_metadata_file_that_is_not_there() {
    let set = DataSet::empty();
    set.assert_refused(&[], &["cannot read `particles.star`"]);
}

#[test]
fn a_stack_given_as_metadata() {
    let set = DataSet::usual();
    fs::copy(set.path("stacks/a.mrcs"), set.path("particles.star")).unwrap();
    set.assert_refused(&[], &["`particles.star`"]);
}

#[test]
fn tomography_particles_are_refused_by_name() {
    let set = DataSet::usual();
    set.write_star("particles.star", &star(&USUAL_NAMES).replace("_rlnCtfBfactor", "_rlnTomoName"));
    set.assert_refused(&[], &["rlnTomoName", "tomography"]);
}

#[test]
fn no_memory_for_a_single_image() {
    let set = DataSet::usual();
    set.assert_refused(&["--memory", "1K"], &["--memory"]);
}

#[test]
fn unequal_lists_of_pairs() {
    let set = DataSet::usual();
    let ran = set.run(&["convert", "particles.star", "--images", "stacks/a.mrcs", "stacks/b.mrcs", "-o", "out"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("1 .star files and 2 image files"), "{}", ran.stderr);
}

#[test]
fn a_pair_with_unequal_counts() {
    let set = DataSet::usual();
    let ran = set.run(&["convert", "particles.star", "--images", "stacks/a.mrcs", "-o", "out"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("has 6 rows") && ran.stderr.contains("has 3 sections"), "{}", ran.stderr);
    assert!(!set.path("out").exists());
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let set = DataSet::usual();
    for arguments in [
        &["convert", "particles.star"][..],
        &["convert", "stacks/a.mrcs", "-o", "out"],
        &["convert", "particles.star", "-o", "out", "--pixel-size", "-1"],
        &["convert", "particles.star", "-o", "out", "--defocus-angle-unit", "radians"],
        &["convert", "particles.star", "-o", "out", "--no-such-option"],
        &["no-such-command"],
    ] {
        let ran = set.run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
    }
    assert!(!set.path("out").exists());
}

#[test]
fn detector_pixel_sizes_that_differ_and_are_all_there_is() {
    let set = DataSet::usual();
    let head = "data_\nloop_\n_rlnVoltage\n_rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle\n_rlnSphericalAberration\n\
        _rlnDetectorPixelSize\n_rlnMagnification\n_rlnImageName\n";
    let rows = "300 1 1 0 2.7 14 140000 1@stacks/a.mrcs\n300 1 1 0 2.7 14 100000 2@stacks/a.mrcs\n";
    set.write_star("particles.star", &format!("{head}{rows}"));
    set.assert_refused(&[], &["rlnMagnification", "1 Å, 1 row", "1.4 Å, 1 row"]);
    let ran = set.convert(&["--pixel-size", "1"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let told = "differ between rows; 1 Å from the command line is used\n  1 Å, 1 row\n  1.4 Å, 1 row";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}

#[test]
fn an_optics_group_that_no_particle_is_in() {
    let set = DataSet::usual();
    set.assert_refused(&["--optics-group", "7"], &["no particle of `particles.star`", "7", "1 (opticsGroup1)"]);
}

#[test]
fn an_image_directory_that_is_not_there() {
    let set = DataSet::usual();
    set.assert_refused(&["--image-dir", "gone"], &["the image directory `gone` does not exist"]);
    set.assert_refused(&["--image-dir", "particles.star"], &["the image directory `particles.star` is not a folder"]);
}

#[test]
fn a_descriptor_that_is_none() {
    let set = DataSet::usual();
    set.assert_refused(&["-d", "particles.star"], &["`particles.star` is not an image descriptor"]);
}

#[test]
fn a_number_of_angles_out_of_range_is_reported_with_its_option() {
    let set = DataSet::usual();
    for number in ["0", "65537", "99999999999999999999", "-3", "many"] {
        for arguments in [
            &["convert", "particles.star", "-o", "out"][..],
            &["descriptor", "--n-pixels", "8", "--pixel-size", "1", "-o", "d.npz"],
        ] {
            let ran = set.run(&[arguments, &[&format!("--n-inplanes={number}")]].concat());
            assert_eq!(ran.code, 2, "{}", ran.stderr);
            let expected = "for '--n-inplanes <M>': expected a whole number of angles from 1 to 65536";
            assert!(ran.stderr.contains(expected), "{}", ran.stderr);
        }
    }
}

/// Numbers that only an exponent makes short, wherever they appear.
#[test]
fn numbers_of_three_hundred_digits_are_not_spelt_out() {
    let set = DataSet::usual();
    let digits = |text: &str| {
        let runs = text.split(|letter: char| !letter.is_ascii_digit());
        runs.map(str::len).max().unwrap_or(0)
    };
    let text = star(&USUAL_NAMES);
    for (found, replacement) in [
        ("10000.5", "1e300"),
        ("9990.25", "-1e300"),
        ("300.0 2.7", "1e300 2.7"),
        ("300.0 2.7", "300.0 1e300"),
        ("2.7 0.1", "2.7 1e300"),
        ("0.1 1.5", "0.1 1e300"),
        ("0.1 1.5", "0.1 1e-300"),
        ("1.0 1 0.0", "1e300 1 0.0"),
        ("0.0 30.0 -45.0", "1e300 1e300 1e300"),
    ] {
        assert!(text.contains(found), "{found}");
        set.write_star("particles.star", &text.replace(found, replacement));
        for arguments in [
            &["check", "particles.star", "-v"][..],
            &["convert", "particles.star", "-o", "out", "-v", "--overwrite"],
            &["inspect", "particles.star"],
            &["check", "particles.star", "--pixel-size", "1e300"],
        ] {
            let ran = set.run(arguments);
            assert!(digits(&ran.stderr) < 40, "{replacement} {arguments:?}: {}", ran.stderr);
            assert!(digits(&ran.stdout) < 40, "{replacement} {arguments:?}: {}", ran.stdout);
        }
    }
    for arguments in [
        &["descriptor", "--n-pixels", "8", "--pixel-size", "1e300", "-o", "d.npz", "--overwrite"][..],
        &["descriptor", "--n-pixels", "8", "--pixel-size", "1", "--resolution-factor", "1e-300", "-o", "e.npz"],
        &["inspect", "d.npz", "e.npz"],
        &["check", "particles.star", "-d", "d.npz"],
    ] {
        let ran = set.run(arguments);
        assert!(digits(&ran.stderr) < 40 && digits(&ran.stdout) < 40, "{arguments:?}: {}{}", ran.stderr, ran.stdout);
    }
}
