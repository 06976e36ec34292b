//! Promise: likelihoods are those of the definition, and with `--as-cryolike` CryoLike's own, from the command line to the
//! file. References: NumPy's float64 sums and CryoLike's files, where the folder with them is there.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use verglas_formats::npz::NpzReader;

use crate::data_set::DataSet;
use crate::likelihood_data::{Csv, run, tensor};
use crate::shared_data::shared;

type Npz = NpzReader<BufReader<File>>;

fn golden() -> Option<PathBuf> {
    shared().map(|shared| shared.join("golden/likelihood")).filter(|golden| golden.is_dir())
}

fn read(npz: &mut Npz, name: &str) -> Vec<f64> {
    let array = npz.read(name).unwrap();
    array.to_f64().or_else(|_| array.to_i64().map(|values| values.iter().map(|&v| v as f64).collect())).unwrap()
}

/// Independent values of the disc, 4π·6².
const M: f64 = 452.389;
const N2: f64 = 32.0 * 32.0;

#[test]
fn likelihoods_are_those_of_the_definition() {
    let Some(golden) = golden() else { return };
    let set = DataSet::empty();
    let path = |name: &str| golden.join(name).display().to_string();
    let templates = format!(
        "templates {} {} -d {} -o templates --no-plots",
        path("inputs/small.pdb"),
        path("inputs/cube.mrc"),
        path("inputs/gaussian.npz")
    );
    let ran = run(&set, &templates);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = run(
        &set,
        &format!(
            "likelihood {} -t templates -o out --max-displacement 3 --displacements 4,3 --pairs --likelihood plain",
            path("cryolike/particles")
        ),
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let mut expected = NpzReader::open(golden.join("expected/likelihoods.npz")).unwrap();
    let displacements = read(&mut expected, "displacements");
    let (shape, found) = tensor(&set.path("out/displacements_set.pt"));
    assert_eq!(shape, [2, 13]);
    assert!(found.iter().zip(&displacements).all(|(a, b)| (a - b).abs() < 1e-6));
    let csv = Csv::read(&set.path("out/results.csv"));
    // Section 4's bounds for single precision, with g for the largest cc there is, 0.95.
    let (cc_bound, ll_bound) = (1e-6, 2e-3 + 1e-6 * M * 9.7);
    for structure in 0..2 {
        for (stack, n) in [4, 2].into_iter().enumerate() {
            let place = format!("template{structure}_stack{stack}");
            let mut of = |name: &str| read(&mut expected, &format!("{name}_{place}"));
            let file =
                |stem: &str| tensor(&set.path(&format!("out/template{structure}/{stem}_stack_00000{stack}.pt"))).1;
            let near = |found: &[f64], expected: &[f64], bound: f64, what: &str| {
                assert_eq!(found.len(), expected.len(), "{what} {place}");
                for (found, expected) in found.iter().zip(expected) {
                    assert!((found - expected).abs() <= bound, "{what} {place}: {found} {expected}");
                }
            };
            near(&file("cross_correlation/cross_correlation"), &of("cc"), cc_bound, "cc");
            near(&file("optimal_pose/optimal_template"), &of("template"), 0.0, "template");
            let displacement = of("displacement");
            near(&file("optimal_pose/optimal_displacement_x"), &displacement[..n], 1e-6, "d_0");
            near(&file("optimal_pose/optimal_displacement_y"), &displacement[n..], 1e-6, "d_1");
            near(&file("optimal_pose/optimal_inplane_rotation"), &of("inplane_rotation"), 1e-6, "ω");
            near(&file("log_likelihood/log_likelihood_optimal_fourier"), &of("ll"), ll_bound, "optimal");
            near(&file("log_likelihood/log_likelihood_integrated_fourier"), &of("integrated"), ll_bound, "integrated");
            near(&file("pairs/cross_correlation"), &of("pair_cc"), cc_bound, "pair cc");
            near(&file("pairs/log_likelihood"), &of("pair_ll"), ll_bound, "pair ℓ");
            // (5, n)
            let relion = of("relion");
            let columns = ["rot_deg", "tilt_deg", "psi_deg", "origin_x_angstrom", "origin_y_angstrom"];
            for (quantity, column) in columns.into_iter().enumerate() {
                let first = 4 * stack;
                for image in 0..n {
                    let found = csv.numbers(column)[2 * (first + image) + structure];
                    let difference = found - relion[quantity * n + image];
                    // Angles are the same whole turns apart.
                    let difference =
                        if quantity < 3 { difference - 360.0 * (difference / 360.0).round() } else { difference };
                    assert!(difference.abs() < 1e-9, "{column} {place}, image {image}: {difference}");
                }
            }
        }
    }
    let files = csv.texts("file");
    assert!(files.iter().all(|file| file == "stack0.mrcs"), "{files:?}");
    // CryoLike keeps the metadata of all images with each stack.
    let sections: Vec<f64> = csv.numbers("section").into_iter().step_by(2).collect();
    assert_eq!(sections, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert!(csv.texts("row").iter().all(String::is_empty) && csv.texts("uid").iter().all(String::is_empty));
}

#[test]
fn cryolike_is_matched_where_asked_for() {
    let Some(golden) = golden() else { return };
    let set = DataSet::empty();
    let path = |name: &str| golden.join(name).display().to_string();
    let words = format!(
        "likelihood {} -t {} -d {} -o out --structures 0-1 --max-displacement 3 --displacements 4,3 --pairs --as-cryolike",
        path("cryolike/particles"),
        path("cryolike/templates_gaussian"),
        path("inputs/gaussian.npz")
    );
    let ran = run(&set, &words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("as CryoLike compares"), "{}", ran.stdout);
    let mut comparator = NpzReader::open(golden.join("cryolike/comparator.npz")).unwrap();
    let ln_poses = (13.0 * 48.0_f64).ln();
    for structure in 0..2 {
        for stack in 0..2 {
            let name = |stem: &str| format!("template{structure}/{stem}_stack_00000{stack}.pt");
            let ours = |stem: &str| tensor(&set.path(&format!("out/{}", name(stem))));
            let theirs = |stem: &str| tensor(&golden.join("cryolike/likelihood").join(name(stem)));
            for (stem, bound) in [
                ("cross_correlation/cross_correlation", 3e-7),
                ("optimal_pose/optimal_template", 0.0),
                ("optimal_pose/optimal_displacement_x", 1e-6),
                ("optimal_pose/optimal_displacement_y", 1e-6),
                ("optimal_pose/optimal_inplane_rotation", 1e-6),
                // Float32 rounds CryoLike's to 1e-4.
                ("log_likelihood/log_likelihood_optimal_fourier", 2e-7 * N2 + 5e-4),
            ] {
                let ((shape, ours), (their_shape, theirs)) = (ours(stem), theirs(stem));
                assert_eq!(shape, their_shape, "{}", name(stem));
                for (ours, theirs) in ours.iter().zip(&theirs) {
                    assert!((ours - theirs).abs() <= bound, "{}: {ours} {theirs}", name(stem));
                }
            }
            let place = format!("template{structure}_stack{stack}");
            let integrated = read(&mut comparator, &format!("integrated_{place}"));
            let pairs = read(&mut comparator, &format!("pair_log_likelihood_{place}"));
            let found = ours("log_likelihood/log_likelihood_integrated_fourier").1;
            for (found, expected) in found.iter().zip(&integrated) {
                assert!((found - expected).abs() < 2e-7 * N2 + 5e-4, "{place}: {found} {expected}");
            }
            for (found, expected) in ours("pairs/log_likelihood").1.iter().zip(&pairs) {
                assert!((found + ln_poses - expected).abs() < 2e-7 * N2 + 5e-4, "{place}: {found} {expected}");
            }
        }
    }
    // Without the descriptor, the views are unknown.
    let without =
        run(&set, &words.replace(&format!("-d {}", path("inputs/gaussian.npz")), "").replace("-o out", "-o b"));
    assert_eq!(without.code, 1);
    assert!(without.stderr.contains("the templates don't say their grids") && without.stderr.contains("--descriptor"));
}
