//! Small structures and maps for the tests of templates.

use std::fs;
use std::path::{Path, PathBuf};

use crate::data_set::{DataSet, Ran};

/// A folder with a descriptor (16 px of 3 Å), two proteins of `n` residues and a map.
pub fn structures() -> DataSet {
    let set = DataSet::empty();
    write_descriptor(&set, &[]);
    write_protein(&set, "a.pdb", 12, 1);
    write_protein(&set, "b.pdb", 9, 2);
    write_map(&set, "map.npy", [6, 8, 7]);
    set
}

/// `d.npz`.
pub fn write_descriptor(set: &DataSet, arguments: &[&str]) {
    let usual = ["descriptor", "--n-pixels", "16", "--pixel-size", "3", "-o", "d.npz"];
    let distance: &[&str] =
        if arguments.contains(&"--viewing-distance") { &[] } else { &["--viewing-distance", "1.2"] };
    let ran = set.run(&[&usual, distance, arguments].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// One atom's line.
pub fn atom(
    record: &str,
    serial: usize,
    name: &str,
    residue: &str,
    number: usize,
    position: [f64; 3],
    element: &str,
) -> String {
    let [x, y, z] = position;
    format!(
        "{record:<6}{serial:>5}  {name:<3} {residue:<3} A{number:>4}    {x:8.3}{y:8.3}{z:8.3}  1.00  0.00          {element:>2}\n"
    )
}

/// Positions that wander, the same for the same seed.
pub fn positions(n: usize, seed: u64) -> Vec<[f64; 3]> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1 << 24) as f64 * 16.0 - 8.0
    };
    (0..n).map(|_| [next(), next(), next()]).collect()
}

/// A protein of residues with N, CA, C.
pub fn protein(n: usize, seed: u64) -> String {
    let mut text = String::new();
    for (place, [x, y, z]) in positions(n, seed).into_iter().enumerate() {
        let residue = ["GLY", "TRP", "ALA"][place % 3];
        for (k, name) in ["N", "CA", "C"].into_iter().enumerate() {
            let position = [x + k as f64 - 1.0, y, z];
            text.push_str(&atom("ATOM", 3 * place + k + 1, name, residue, place + 1, position, &name[..1]));
        }
    }
    text
}

pub fn write_protein(set: &DataSet, name: &str, n: usize, seed: u64) {
    fs::write(set.path(name), protein(n, seed) + "END\n").unwrap();
}

/// The bytes of a float32 array.
pub fn npy(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let shape: Vec<String> = shape.iter().map(|side| format!("{side},")).collect();
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", shape.join(" "));
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

pub fn write_map(set: &DataSet, name: &str, shape: [usize; 3]) {
    let n = shape.iter().product();
    let values: Vec<f32> = positions(n, 7).iter().map(|position| position[0] as f32).collect();
    fs::write(set.path(name), npy(&shape, &values)).unwrap();
}

/// Makes templates of a.pdb, b.pdb and map.npy in `out`.
pub fn templates(set: &DataSet, output: &str, arguments: &[&str]) -> Ran {
    set.run(&[&["templates", "a.pdb", "b.pdb", "map.npy", "-d", "d.npz", "-o", output], arguments].concat())
}

/// All files below a folder but manifests, with their bytes.
pub fn all_but_manifests(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let is_manifest = |path: &Path| path.to_string_lossy().starts_with("manifest");
    crate::conversion::all_files(root).into_iter().filter(|(path, _)| !is_manifest(path)).collect()
}
