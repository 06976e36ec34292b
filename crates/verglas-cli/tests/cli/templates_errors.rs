//! Promise: each thing that is wrong with structures, maps and settings gets an error that says where, what was expected
//! and what was found; all are reported together, and nothing is written.

use std::fs;

use crate::data_set::{DataSet, Ran};
use crate::templates_data::{atom, npy, structures, write_map};

fn make(set: &DataSet, arguments: &[&str]) -> Ran {
    set.run(&[&["templates", "-d", "d.npz", "-o", "out"], arguments].concat())
}

#[track_caller]
fn assert_refused(set: &DataSet, arguments: &[&str], parts: &[&str]) {
    let ran = make(set, arguments);
    assert_eq!(ran.code, 1, "{arguments:?}: {}", ran.stderr);
    for part in parts {
        assert!(ran.stderr.contains(part), "`{part}` is not in:\n{}", ran.stderr);
    }
    assert!(!set.path("out").exists(), "something was written");
    assert_eq!(ran.stdout, "");
}

#[test]
fn all_that_is_wrong_is_reported_together() {
    let set = structures();
    fs::write(set.path("empty.pdb"), "REMARK nothing\nEND\n").unwrap();
    fs::write(set.path("flat.npy"), npy(&[2, 2, 2], &[1.0; 8])).unwrap();
    let inputs = ["gone.pdb", "away.mrc", "notes.txt", "empty.pdb", "flat.npy", "a.pdb"];
    fs::write(set.path("notes.txt"), "").unwrap();
    assert_refused(
        &set,
        &inputs,
        &[
            "2 of 6 files do not exist\n  gone.pdb\n  away.mrc",
            "`notes.txt`: its ending is none of .pdb .ent .cif",
            "empty.pdb",
            "`flat.npy`: all voxels are 1",
        ],
    );
}

#[test]
fn structures_that_are_none() {
    let set = structures();
    let line = atom("ATOM", 1, "CA", "GLY", 1, [1.0, 2.0, 3.0], "C");
    fs::write(set.path("letters.pdb"), line.replace("   2.000", "   x.000")).unwrap();
    assert_refused(&set, &["letters.pdb"], &["line 1 of `letters.pdb`", "x.000"]);
    fs::write(set.path("none.cif"), "data_none\n_cell.length_a 1\n").unwrap();
    assert_refused(&set, &["none.cif"], &["none.cif"]);
    assert_refused(
        &set,
        &["a.pdb", "--atom-selection", "resname XYZ"],
        &["`a.pdb`: the selection `resname XYZ` selects no atom", "residues there: 4 ALA, 4 GLY, 4 TRP"],
    );
    assert_refused(&set, &["a.pdb", "--atom-selection", "name CA and"], &["atom selection `name CA and`, character"]);
    assert_refused(
        &set,
        &["a.pdb", "--no-protein-residue-model"],
        &["no radius", "--atom-radii", "--protein-residue-model"],
    );
    assert_refused(&set, &["a.pdb", "--models", "2-3"], &["there is no model 2; its models are 1"]);
    let base = |n: usize| {
        let line = |name, x| atom("ATOM", n + 50, name, "DA", n + 50, [x, n as f64, 0.0], "C");
        line("C1'", 0.0) + &line("C4'", 1.0)
    };
    let dna: String = (0..9).map(base).collect();
    fs::write(set.path("dna.pdb"), fs::read_to_string(set.path("a.pdb")).unwrap().replace("END\n", &dna)).unwrap();
    assert_refused(&set, &["dna.pdb"], &["would leave out 18 of 54 atoms", "9 nucleotides", "'protein and name CA'"]);
    assert_eq!(make(&set, &["dna.pdb", "--atom-selection", "protein and name CA"]).code, 0);
}

#[test]
fn maps_that_are_none() {
    let set = structures();
    let voxels = |n: usize| (0..n).map(|k| k as f32).collect::<Vec<_>>();
    fs::write(set.path("plane.npy"), npy(&[3, 4], &voxels(12))).unwrap();
    assert_refused(
        &set,
        &["plane.npy"],
        &["`plane.npy`: expected a map in three dimensions, found an array of 2 axes"],
    );
    let mut values = voxels(24);
    values[13] = f32::NAN;
    fs::write(set.path("nan.npy"), npy(&[2, 3, 4], &values)).unwrap();
    assert_refused(&set, &["nan.npy"], &["`nan.npy`: voxel [1, 0, 1]", "NaN"]);
    let whole = npy(&[2, 3, 4], &voxels(24));
    fs::write(set.path("cut.npy"), &whole[..whole.len() - 5]).unwrap();
    assert_refused(&set, &["cut.npy"], &["cut.npy"]);
    let mut complex = npy(&[2, 2, 2], &voxels(16));
    let place = complex.windows(3).position(|word| word == b"<f4").unwrap();
    complex[place..place + 3].copy_from_slice(b"<c8");
    fs::write(set.path("complex.npy"), complex).unwrap();
    assert_refused(&set, &["complex.npy"], &["`complex.npy`: the values are complex"]);
    let images: Vec<Vec<f32>> = (0..4).map(|image| crate::data_set::pixels("a", image)[..16].to_vec()).collect();
    set.write_images("no_voxel.mrc", 4, 4, &images);
    assert_refused(&set, &["no_voxel.mrc"], &["`no_voxel.mrc`: the header gives no voxel size", "--voxel-size"]);
    assert_eq!(make(&set, &["no_voxel.mrc", "--voxel-size", "2"]).code, 0);
    fs::remove_dir_all(set.path("out")).unwrap();
    set.write_images("image.mrc", 4, 4, &images[..1]);
    assert_refused(&set, &["image.mrc"], &["expected a map in three dimensions, found one image of 4 × 4 pixels"]);
    // Axes, angles and cell are in the header.
    let mut bytes = fs::read(set.path("no_voxel.mrc")).unwrap();
    bytes[64..76].copy_from_slice(&[1, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0]);
    fs::write(set.path("axes.mrc"), &bytes).unwrap();
    assert_refused(&set, &["axes.mrc", "--voxel-size", "2"], &["axes.mrc"]);
    bytes[64..76].copy_from_slice(&[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]);
    bytes[60..64].copy_from_slice(&120.0_f32.to_le_bytes());
    fs::write(set.path("angles.mrc"), &bytes).unwrap();
    assert_refused(&set, &["angles.mrc", "--voxel-size", "2"], &["angles.mrc", "120°", "expected 90°"]);
}

#[test]
fn wrong_words_are_wrong_usage() {
    let set = structures();
    for arguments in [
        &["a.pdb", "--as-cryolike", "--remove-mean"][..],
        &["a.pdb", "--as-cryolike", "--atom-mass", "equal"],
        &["map.npy", "--as-cryolike", "--voxel-size", "2"],
        &["map.npy", "--as-cryolike", "--axis-order", "xyz"],
        &["map.npy", "--as-cryolike", "--beyond-nyquist"],
        &["map.npy", "--as-cryolike", "--center", "none"],
        &["a.pdb", "--center", "1,2"],
        &["a.pdb", "--symmetry", "Q"],
        &["a.pdb", "--models", "-1"],
        &["a.pdb", "--overwrite", "--resume"],
        &["a.pdb", "--voxel-size", "0"],
        &[],
    ] {
        let ran = make(&set, arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.stderr);
        assert!(!set.path("out").exists(), "{arguments:?}");
    }
    // Of atoms the centre may be chosen.
    assert_eq!(make(&set, &["a.pdb", "--as-cryolike", "--center", "-1,2,3"]).code, 0);
}

#[test]
fn warnings_are_reported() {
    let set = structures();
    write_map(&set, "coarse.npy", [4, 4, 4]);
    let ran = make(&set, &["coarse.npy", "--voxel-size", "5", "--no-plots"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("`coarse.npy`: the grid reaches 6.00 Å, the map 10.00 Å"), "{}", ran.stderr);
    let manifest = fs::read_to_string(set.path("out/manifest.json")).unwrap();
    assert!(manifest.contains("beyond-nyquist"), "the manifest keeps what was told");
    let quiet =
        set.run(&["templates", "coarse.npy", "--voxel-size", "5", "-d", "d.npz", "-o", "b", "--beyond-nyquist"]);
    assert!(quiet.code == 0 && !quiet.stderr.contains("reaches"), "{}", quiet.stderr);
    // Half the box is 24 Å.
    fs::write(
        set.path("far.pdb"),
        atom("ATOM", 1, "CA", "GLY", 1, [90.0, 0.0, 0.0], "C") + &atom("ATOM", 2, "CA", "GLY", 2, [0.0; 3], "C"),
    )
    .unwrap();
    let far = set.run(&["templates", "far.pdb", "-d", "d.npz", "-o", "c", "--no-plots"]);
    assert!(far.code == 0 && far.stderr.contains("2 beads are further than half a box (24.0 Å)"), "{}", far.stderr);
    // A descriptor without what only templates need.
    let ran = set.run(&["templates", "a.pdb", "-d", "a.pdb", "-o", "d"]);
    assert!(ran.code == 1 && ran.stderr.contains("`a.pdb` is not an image descriptor"), "{}", ran.stderr);
}

#[test]
fn too_little_memory_is_reported_with_how_much_it_takes() {
    let set = structures();
    assert_refused(
        &set,
        &["map.npy", "--memory", "1K"],
        &["`map.npy`: its templates take", "MiB of memory, but only 0.0 MiB is allowed"],
    );
}
