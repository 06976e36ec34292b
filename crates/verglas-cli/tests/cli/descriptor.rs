//! `verglas descriptor`.

use crate::conversion::Metadata;
use crate::data_set::DataSet;

#[test]
fn base_values_become_the_contracts_keys() {
    let set = DataSet::empty();
    let ran = set.run(&[
        "descriptor",
        "--n-pixels",
        "30",
        "--pixel-size",
        "0.89",
        "--precision",
        "double",
        "--resolution-factor",
        "0.8",
        "--n-inplanes",
        "61",
        "--atom-radii",
        "2.5",
        "--atom-selection",
        "protein",
        "--no-protein-residue-model",
        "--atom-shape",
        "hard-sphere",
        "-o",
        "grids.npz",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("25 shells to radius 6, 61 angles, double"), "{}", ran.stdout);
    let mut keys = Metadata::open(&set.path("grids.npz"));
    assert_eq!((keys.numbers("n_pixels"), keys.shape("n_pixels")), (vec![30.0, 30.0], vec![2]));
    assert_eq!((keys.numbers("pixel_size"), keys.shape("pixel_size")), (vec![0.89, 0.89], vec![2]));
    for (key, value) in [
        ("radius_max", 6.0),
        ("dist_radii", 0.25),
        ("n_inplanes", 61.0),
        ("viewing_distance", 1.0 / (4.0 * std::f64::consts::PI) / 0.8),
        ("atom_radii", 2.5),
        ("use_protein_residue_model", 0.0),
    ] {
        assert_eq!((keys.numbers(key), keys.shape(key)), (vec![value], vec![]), "{key}");
    }
    for (key, value) in [("precision", "double"), ("atom_selection", "protein"), ("atom_shape", "hard-sphere")] {
        assert_eq!((keys.texts(key), keys.shape(key)), (vec![value.to_owned()], vec![]), "{key}");
    }
}

#[test]
fn absent_values_are_empty_float_arrays() {
    let set = DataSet::empty();
    assert_eq!(set.run(&["descriptor", "--n-pixels", "8", "--pixel-size", "1", "-o", "grids.npz"]).code, 0);
    let mut keys = Metadata::open(&set.path("grids.npz"));
    assert_eq!((keys.numbers("atom_radii"), keys.shape("atom_radii")), (vec![], vec![0]));
}

#[test]
fn a_file_that_is_there_is_not_replaced_unasked() {
    let set = DataSet::empty();
    let arguments = ["descriptor", "--n-pixels", "8", "--pixel-size", "1", "-o", "grids.npz"];
    assert_eq!(set.run(&arguments).code, 0);
    let refused = set.run(&arguments);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("`grids.npz` already exists"), "{}", refused.stderr);
    assert_eq!(set.run(&[&arguments[..], &["--overwrite"]].concat()).code, 0);
}

#[test]
fn values_out_of_range_are_refused() {
    let set = DataSet::empty();
    for (arguments, code, expected) in [
        (["--n-pixels", "8", "--resolution-factor", "1.5"], 2, "expected a number in (0, 1]"),
        (["--n-pixels", "0", "--resolution-factor", "1"], 2, "0"),
        (["--n-pixels", "99999999", "--resolution-factor", "1"], 1, "99999999"),
        (["--n-pixels", "8", "--n-inplanes", "0"], 2, "0"),
    ] {
        let ran = set.run(&[&["descriptor", "--pixel-size", "1", "-o", "grids.npz"], &arguments[..]].concat());
        assert_eq!(ran.code, code, "{arguments:?}");
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
        assert!(!set.path("grids.npz").exists());
    }
}

#[test]
fn options_without_effect_are_reported() {
    let set = DataSet::empty();
    let run = |more: &[&str]| {
        let base = ["descriptor", "--n-pixels", "8", "--pixel-size", "1", "-o", "grids.npz", "--overwrite"];
        let ran = set.run(&[&base[..], more].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stderr
    };
    assert!(run(&["--atom-selection", "protein"]).contains("warning: --atom-selection has no effect"));
    assert!(run(&["--atom-radii", "2"]).contains("warning: --atom-radii has no effect"));
    assert!(run(&["--no-protein-residue-model"]).contains("warning: --no-protein-residue-model without --atom-radii"));
    for fine in [&[][..], &["--no-protein-residue-model", "--atom-radii", "2", "--atom-selection", "protein"]] {
        assert_eq!(run(fine), "");
    }
}
