//! Inputs of all kinds in one list, in memory and packed.

use std::fs;
use std::io::Write;

use verglas_core::Findings;
use verglas_structures::*;

use crate::maps::mrc;
use crate::shared::{beads, settings};

const CA: &str = "ATOM      1  CA  GLY A   1       1.000   2.000   3.000  1.00  0.00           C\n";

#[test]
fn kinds_are_mixed_and_names_are_no_one_else_s() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("a.pdb"), CA).unwrap();
    fs::write(path("a.ent"), CA).unwrap();
    mrc(&path("a.mrc"), &[], &[]);
    let array = || Input::Array(Voxels::Single((0..8).map(|n| n as f32).collect()), [2, 2, 2]);
    let inputs =
        vec![Input::File(path("a.pdb")), array(), Input::File(path("a.mrc")), array(), Input::File(path("a.ent"))];
    let mut findings = Findings::new();
    let structures = Structures::plan(inputs, settings("name CA"), &mut findings);
    assert!(findings.errors.is_empty(), "{:?}", findings.errors);
    let names: Vec<&str> = structures.planned().iter().map(|planned| &*planned.name).collect();
    assert_eq!(names, ["a", "tensor_1", "a_1", "tensor_3", "a_2"]);
    let is_density = |planned| matches!(structures.load(planned, &mut Findings::new()).unwrap(), Content::Density(_));
    let kinds: Vec<bool> = structures.planned().iter().map(is_density).collect();
    assert_eq!(kinds, [false, true, true, true, false]);
    assert!(structures.source(&structures.planned()[2]).ends_with("a.mrc"));
}

#[test]
fn nothing_is_an_error() {
    let mut findings = Findings::new();
    Structures::plan(Vec::new(), settings("name CA"), &mut findings);
    assert!(findings.errors[0].to_string().starts_with("no structure"));
}

#[test]
fn packed_files_are_read_by_their_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pdb.gz");
    let mut encoder = flate2::write::GzEncoder::new(fs::File::create(&path).unwrap(), flate2::Compression::fast());
    encoder.write_all(CA.as_bytes()).unwrap();
    encoder.finish().unwrap();
    assert_eq!(beads(&path, &settings("name CA"))[0].center_angstrom, [1.0, 2.0, 3.0]);
    // Cut: the checksum is missing.
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
    let (text, _) = crate::shared::error(&path, &settings("name CA"));
    assert!(text.contains("the gzip data end too early"), "{text}");
}
