//! Promise: templates are those of the definition, and with `--as-cryolike` CryoLike's own, from the command line to the
//! file. References: NumPy's float64 sums and CryoLike's files, where the folder with them is there.

use std::path::{Path, PathBuf};

use num_complex::Complex;
use verglas::descriptor::ImageDescriptor;
use verglas::grid::Precision;
use verglas::templates::{TemplateList, TemplateStack};
use verglas_formats::npz::NpzReader;

use crate::data_set::DataSet;
use crate::shared_data::shared;

/// Runs `templates` on inputs of the golden folder.
fn make(set: &DataSet, golden: &Path, inputs: &[&str], descriptor: &str, arguments: &[&str]) {
    let path = |name: &str| golden.join("inputs").join(name).to_str().unwrap().to_owned();
    let mut words = vec!["templates".to_owned()];
    words.extend(inputs.iter().map(|input| path(input)));
    words.extend(["-d".to_owned(), path(descriptor), "-o".to_owned(), "out".to_owned()]);
    words.extend(arguments.iter().map(|word| (*word).to_owned()));
    let ran = set.run(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// ‖found − expected‖ / ‖expected‖ with the weights of the grid.
fn error(found: &[Complex<f64>], expected: &[Complex<f64>], descriptor: &ImageDescriptor) -> f64 {
    let grid = &descriptor.polar_grid;
    assert_eq!(found.len(), expected.len());
    let (mut difference, mut norm) = (0.0, 0.0);
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        let weight = grid.point_weight(place / grid.n_inplanes());
        difference += weight * (found - expected).norm_sqr();
        norm += weight * expected.norm_sqr();
    }
    (difference / norm).sqrt()
}

fn complex(npz: &mut NpzReader<std::io::BufReader<std::fs::File>>, name: &str) -> Vec<Complex<f64>> {
    let array = npz.read(name).unwrap();
    let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().unwrap());
    array.data().chunks_exact(16).map(|value| Complex::new(number(&value[..8]), number(&value[8..]))).collect()
}

fn golden() -> Option<PathBuf> {
    shared().map(|shared| shared.join("golden/likelihood")).filter(|golden| golden.is_dir())
}

/// descriptor, its inputs, the name of the expected array of each.
const CASES: [(&str, &[(&str, &str)]); 3] = [
    (
        "gaussian.npz",
        &[
            ("small.pdb", "gaussian_small"),
            ("cube.mrc", "gaussian_cube"),
            ("slab.mrc", "gaussian_slab"),
            ("messy.pdb", "gaussian_messy"),
            ("messy.cif", "gaussian_messy"),
        ],
    ),
    ("hard_sphere_double.npz", &[("small.pdb", "hard_sphere_double_small")]),
    ("uniform.npz", &[("small.pdb", "uniform_small")]),
];

#[test]
fn templates_are_those_of_the_definition() {
    let Some(golden) = golden() else { return };
    let mut expected = NpzReader::open(golden.join("expected/templates.npz")).unwrap();
    let some = expected.read("some").unwrap().to_i64().unwrap();
    for (descriptor, inputs) in CASES {
        let set = DataSet::empty();
        let names: Vec<&str> = inputs.iter().map(|(input, _)| *input).collect();
        // `name CA` would leave out a tenth of messy's atoms.
        let arguments: &[&str] =
            if descriptor == "uniform.npz" { &[] } else { &["--atom-selection", "protein and name CA"] };
        make(&set, &golden, &names, descriptor, arguments);
        let list = TemplateList::read(&set.path("out")).unwrap();
        assert_eq!(list.paths.len(), inputs.len());
        for (path, (_, name)) in list.paths.iter().zip(inputs) {
            let mut stack = TemplateStack::open(&set.path("").join(path)).unwrap();
            let facts = stack.facts().unwrap().clone();
            assert_eq!(facts.views.len(), 32);
            for (key, values) in [
                ("viewing_azimuth", &facts.views.azimuth),
                ("viewing_polar", &facts.views.polar),
                ("viewing_weight", &facts.views.weight),
            ] {
                let expected = expected.read(key).unwrap().to_f64().unwrap();
                assert!(
                    values.iter().zip(&expected).all(|(value, expected)| (value - expected).abs() < 1e-14),
                    "{key}"
                );
            }
            let expected = complex(&mut expected, name);
            let n = facts.descriptor.polar_grid.n_points();
            let tolerance = match stack.precision() {
                Precision::Single => 1e-6,
                Precision::Double => 1e-12,
            };
            for (&view, expected) in some.iter().zip(expected.chunks_exact(n)) {
                let view = usize::try_from(view).unwrap();
                let found = stack.read_double(view..view + 1).unwrap();
                let error = error(&found, expected, &facts.descriptor);
                println!("{name}, view {view}: {error:.1e}");
                assert!(error < tolerance, "{name}, view {view}: {error:e}");
            }
        }
    }
}

/// Single precision 3e-7, which CryoLike's own rounding of sums over three atoms a residue reaches past in one view of 32 (3.4e-7);
/// hard spheres (double, without a series near 0, float32 angles) 1e-7 in the mean of views, 1.7e-7 in the worst.
#[test]
fn cryolikes_own_templates_come_back() {
    let Some(golden) = golden() else { return };
    for (descriptor, folder, inputs, tolerance) in [
        ("gaussian.npz", "templates_gaussian", &["small.pdb", "cube.mrc", "slab.mrc"][..], 3e-7),
        ("uniform.npz", "templates_uniform", &["small.pdb"], 4.5e-7),
        ("hard_sphere_double.npz", "templates_hard_sphere_double", &["small.pdb"], 2e-7),
    ] {
        let set = DataSet::empty();
        make(&set, &golden, inputs, descriptor, &["--as-cryolike"]);
        let theirs = TemplateList::read(&golden.join("cryolike").join(folder)).unwrap();
        assert!(theirs.n_moved == inputs.len(), "they are where their list, seen from here, does not lead");
        for path in &theirs.paths {
            let mut theirs = TemplateStack::open(path).unwrap();
            assert!(theirs.facts().is_none());
            let mut ours = TemplateStack::open(&set.path("out").join(path.file_name().unwrap())).unwrap();
            assert_eq!((ours.shape(), ours.precision()), (theirs.shape(), theirs.precision()));
            let facts = ours.facts().unwrap().clone();
            assert!(facts.as_cryolike);
            let mut worst = 0.0_f64;
            for view in 0..ours.n_templates() {
                let [ours, theirs] = [&mut ours, &mut theirs].map(|stack| stack.read_double(view..view + 1).unwrap());
                worst = worst.max(error(&ours, &theirs, &facts.descriptor));
            }
            println!("{}: {worst:.1e}", path.display());
            assert!(worst < tolerance, "{}: {worst:e}", path.display());
        }
    }
}

#[test]
fn both_files_of_one_entry_give_the_same_templates() {
    let Some(shared) = shared() else { return };
    let data = shared.join("data/structures");
    if !data.is_dir() {
        return;
    }
    for (entry, arguments) in [
        ("1l2y", &[][..]),
        ("3o5r", &["--atom-selection", "protein and name CA"]),
        ("5ugo", &["--atom-selection", "protein and name CA"]),
        ("1bna", &["--atom-selection", "nucleic", "--no-protein-residue-model", "--atom-radii", "1.7"]),
    ] {
        let set = DataSet::empty();
        let ran =
            set.run(&["descriptor", "--n-pixels", "24", "--pixel-size", "4", "-o", "d.npz", "--viewing-distance", "2"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let [pdb, cif] = ["pdb", "cif"].map(|ending| data.join(format!("{entry}.{ending}")));
        let usual =
            ["templates", pdb.to_str().unwrap(), cif.to_str().unwrap(), "-d", "d.npz", "-o", "out", "--no-plots"];
        let ran = set.run(&[&usual, arguments].concat());
        assert_eq!(ran.code, 0, "{entry}: {}", ran.stderr);
        let read = |name: String| std::fs::read(set.path("out").join(name)).unwrap();
        let [first, second] = [format!("templates_fourier_{entry}.pt"), format!("templates_fourier_{entry}_1.pt")];
        assert!(read(first) == read(second), "{entry}: the files give different templates");
    }
}
