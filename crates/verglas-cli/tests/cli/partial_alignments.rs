//! Angles and origins of which only some are there: each column is kept independently.

use crate::conversion::{assert_converted, metadata};
use crate::data_set::{DataSet, Ran, USUAL_NAMES, optics};

/// A data set of six rows, 1.5 Å per pixel, with the given columns beyond the required ones. Each value is 1, 2, … by
/// column, plus ten times the row.
fn data_set(columns: &[&str]) -> DataSet {
    let set = DataSet::usual();
    set.write_star("particles.star", &star(columns, &USUAL_NAMES));
    set
}

fn star(columns: &[&str], names: &[&str]) -> String {
    let mut text = optics("1 opticsGroup1 300.0 2.7 0.1 1.5\n");
    text.push_str(
        "data_particles\n\nloop_\n_rlnImageName\n_rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle\n_rlnOpticsGroup\n",
    );
    text.extend(columns.iter().map(|column| format!("_{column}\n")));
    for (row, name) in names.iter().enumerate() {
        text.push_str(&format!("{name} 10000 9990 5 1"));
        text.extend((1..=columns.len()).map(|column| format!(" {}", 10 * row + column)));
        text.push('\n');
    }
    text
}

/// The contents of the first, second, … column of [`data_set`], in another unit.
fn column(number: usize, unit: impl Fn(f64) -> f64) -> Vec<f64> {
    (0..6).map(|row| unit((10 * row + number) as f64)).collect()
}

/// Asserts that the stack holds these per-image values, and that angles and origins not named are empty arrays.
#[track_caller]
fn assert_kept(set: &DataSet, kept: &[(&str, Vec<f64>)]) {
    let mut metadata = metadata(set, 0);
    for key in ["angleRotation", "angleTilt", "anglePsi", "originX", "originY"] {
        let expected = kept.iter().find(|(name, _)| *name == key).map(|(_, values)| values.clone()).unwrap_or_default();
        assert_eq!(metadata.shape(key), [expected.len()], "{key}");
        assert_eq!(metadata.numbers(key), expected, "{key}");
    }
}

/// Converts, and asserts that no loss is reported.
#[track_caller]
fn convert_without_loss(set: &DataSet, arguments: &[&str]) -> Ran {
    let ran = set.convert(arguments);
    assert_converted(&ran);
    assert!(!ran.stderr.contains("dropped"), "{}", ran.stderr);
    ran
}

#[test]
fn a_lone_in_plane_angle_is_kept() {
    let set = data_set(&["rlnAnglePsi"]);
    let quiet = convert_without_loss(&set, &[]);
    assert_kept(&set, &[("anglePsi", column(1, f64::to_radians))]);
    assert!(!quiet.stderr.contains("rlnAnglePsi"), "{}", quiet.stderr);
    let told = convert_without_loss(&set, &["-v", "--overwrite"]);
    assert!(told.stderr.contains("of the three angles of an orientation only rlnAnglePsi is there"), "{}", told.stderr);
}

#[test]
fn two_of_the_three_angles_are_kept() {
    let set = data_set(&["rlnAnglePsi", "rlnAngleTilt"]);
    let ran = convert_without_loss(&set, &["-v"]);
    assert_kept(&set, &[("anglePsi", column(1, f64::to_radians)), ("angleTilt", column(2, f64::to_radians))]);
    assert!(ran.stderr.contains("only rlnAngleTilt and rlnAnglePsi are there"), "{}", ran.stderr);
}

#[test]
fn an_origin_along_one_axis_is_kept() {
    let pixels = |value: f64| value * 1.5;
    let angstrom = |value: f64| value;
    for (name, key, kept) in [
        ("rlnOriginX", "originX", column(1, pixels)),
        ("rlnOriginY", "originY", column(1, pixels)),
        ("rlnOriginXAngst", "originX", column(1, angstrom)),
        ("rlnOriginYAngst", "originY", column(1, angstrom)),
    ] {
        let set = data_set(&[name]);
        let ran = convert_without_loss(&set, &["-v"]);
        assert_kept(&set, &[(key, kept)]);
        assert!(ran.stderr.contains("of the origins only those along"), "{name}: {}", ran.stderr);
    }
}

#[test]
fn each_axis_of_the_origins_has_its_own_unit() {
    let angstrom = |value: f64| value;
    let set = data_set(&["rlnOriginXAngst", "rlnOriginY"]);
    convert_without_loss(&set, &[]);
    assert_kept(&set, &[("originX", column(1, angstrom)), ("originY", column(2, |pixels| pixels * 1.5))]);

    // Where an axis has both, ångströms count.
    let set = data_set(&["rlnOriginX", "rlnOriginY", "rlnOriginYAngst"]);
    convert_without_loss(&set, &[]);
    assert_kept(&set, &[("originX", column(1, |pixels| pixels * 1.5)), ("originY", column(3, angstrom))]);
}

#[test]
fn rows_of_chosen_optics_groups_keep_their_own_values() {
    let set = DataSet::usual();
    let text = star(&["rlnAnglePsi", "rlnOriginY"], &USUAL_NAMES)
        .replace(
            "opticsGroup1 300.0 2.7 0.1 1.5\n",
            "opticsGroup1 300.0 2.7 0.1 1.5\n2 opticsGroup2 300.0 2.7 0.1 1.5\n",
        )
        .replace(" 10000 9990 5 1 31 ", " 10000 9990 5 2 31 ")
        .replace(" 10000 9990 5 1 51 ", " 10000 9990 5 2 51 ");
    set.write_star("particles.star", &text);
    convert_without_loss(&set, &["--optics-group", "2"]);
    let psi = [31.0, 51.0].map(f64::to_radians).to_vec();
    assert_kept(&set, &[("anglePsi", psi), ("originY", vec![32.0 * 1.5, 52.0 * 1.5])]);
}

#[test]
fn stacks_with_some_angles_only_are_read_back() {
    for columns in [&["rlnAnglePsi", "rlnOriginX"][..], &["rlnAngleRot"], &["rlnAngleTilt", "rlnAnglePsi"]] {
        let set = data_set(columns);
        convert_without_loss(&set, &["--batch-size", "4"]);
        convert_without_loss(&set, &["--batch-size", "4", "--resume"]);
        for command in [
            &["verify", "out"][..],
            &["inspect", "out/fft/particles_fourier_stack_000001.npz"],
            &["report", "out", "-o", "report.html"],
            &["export", "out", "-o", "all.star"],
        ] {
            let ran = set.run(command);
            assert_eq!(ran.code, 0, "{command:?}: {}", ran.stderr);
        }
        let page = std::fs::read_to_string(set.path("report.html")).unwrap();
        // Rotation and tilt together make a direction.
        assert!(!page.contains("Viewing directions"), "{columns:?}");
        let exported = std::fs::read_to_string(set.path("all.star")).unwrap();
        assert!(columns.iter().all(|column| exported.contains(column)), "{exported}");
    }
}

#[test]
fn origins_that_only_some_of_the_files_in_sequence_have_are_reported() {
    let set = DataSet::usual();
    set.write_star("a.star", &star(&["rlnOriginXAngst", "rlnOriginYAngst"], &USUAL_NAMES[..3]));
    set.write_star("b.star", &star(&["rlnOriginXAngst"], &USUAL_NAMES[..3]));
    let files = ["a.star", "b.star", "--images", "stacks/a.mrcs", "stacks/b.mrcs", "--pixel-size", "1.5"];
    let ran = set.run(&[&["convert", "-o", "out"], &files[..]].concat());
    assert_converted(&ran);
    assert_kept(&set, &[("originX", vec![1.0, 11.0, 21.0])]);
    assert_eq!(ran.stderr.matches("the STAR files have different columns of origins").count(), 1, "{}", ran.stderr);
}
