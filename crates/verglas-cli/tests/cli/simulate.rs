//! `verglas simulate` and `verglas demo`.

use std::fs;

use crate::data_set::DataSet;

#[test]
fn a_simulated_data_set_converts() {
    let set = DataSet::empty();
    let ran = set.run(&["simulate", "-o", "data", "--particles", "40", "--n-pixels", "32", "--stacks", "3"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("40 particles of 32 px"), "{}", ran.stdout);
    let ran = set.run(&["convert", "data/particles.star", "-o", "out", "--batch-size", "16"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("40 particles of 3 image files in 3 stacks"), "{}", ran.stdout);
    assert!(ran.stderr.contains("image paths are relative to"), "{}", ran.stderr);
}

#[test]
fn nothing_is_overwritten() {
    let set = DataSet::empty();
    let arguments = ["simulate", "-o", "data", "--particles", "4", "--n-pixels", "16"];
    assert_eq!(set.run(&arguments).code, 0);
    let before = fs::read(set.path("data/particles.star")).unwrap();
    let refused = set.run(&arguments);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("data/"), "{}", refused.stderr);
    assert_eq!(fs::read(set.path("data/particles.star")).unwrap(), before);
}

#[test]
fn the_demo_runs_twice_and_says_where_things_are() {
    let set = DataSet::empty();
    for _ in 0..2 {
        let ran = set.run(&["demo", "here"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        for named in ["here/data", "here/stacks", "torch.load"] {
            assert!(ran.stdout.contains(named), "{}", ran.stdout);
        }
    }
    assert!(set.path("here/stacks/fft/particles_fourier_stack_000002.npz").exists());
}
