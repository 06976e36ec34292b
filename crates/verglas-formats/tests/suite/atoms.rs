//! Coordinate files and trajectories, against what gemmi and mdtraj wrote and read; see `fixtures/structures/make.py`.

use std::path::{Path, PathBuf};

use serde_json::Value;
use verglas_formats::mmcif::read_mmcif;
use verglas_formats::pdb::read_pdb;
use verglas_formats::trajectory::Trajectory;
use verglas_formats::{AtomFile, AtomRecord};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/structures").join(name)
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixture(name)).expect("a fixture")).expect("JSON")
}

/// What `make.py` records of an atom.
fn noted(atom: &AtomRecord) -> Value {
    serde_json::json!([
        atom.chain,
        atom.residue_number,
        atom.insertion_code,
        atom.residue_name,
        atom.name,
        atom.alternate,
        atom.element,
        // gemmi keeps occupancies in single precision.
        f64::from(atom.occupancy as f32),
        atom.position_angstrom
    ])
}

#[test]
fn pdb_and_mmcif_say_what_gemmi_wrote() {
    let expected = json("made.json");
    let read: [AtomFile; 2] = [read_pdb(fixture("made.pdb")).unwrap(), read_mmcif(fixture("made.cif")).unwrap()];
    for file in read {
        let models: Vec<Vec<Value>> = file.models.iter().map(|model| model.atoms.iter().map(noted).collect()).collect();
        assert_eq!(serde_json::json!(models), expected);
        assert_eq!(file.models.iter().map(|model| model.number).collect::<Vec<_>>(), [1, 2]);
        let is_water = |atom: &&AtomRecord| &*atom.residue_name == "HOH";
        assert!(file.models[0].atoms.iter().filter(is_water).all(|atom| atom.is_hetatm));
    }
}

#[test]
fn frames_are_where_mdtraj_reads_them() {
    for name in ["waters", "far", "nine"] {
        let expected = json(&format!("{name}.json"));
        for ending in ["xtc", "dcd"] {
            let trajectory = Trajectory::open(fixture(&format!("{name}.{ending}"))).unwrap();
            assert!(trajectory.warnings().is_empty(), "{:?}", trajectory.warnings());
            let frames = expected[ending].as_array().unwrap();
            assert_eq!(trajectory.n_frames(), frames.len());
            // From the last to the first: frames are read by position.
            for (number, frame) in frames.iter().enumerate().rev() {
                let positions = trajectory.read_frame(number).unwrap();
                let frame = frame.as_array().unwrap();
                assert_eq!(positions.len(), frame.len());
                for (position, expected) in positions.iter().zip(frame) {
                    for axis in 0..3 {
                        // mdtraj has nm in single precision: half a unit in its last place, and as much where DCD's Å
                        // are made of nm.
                        let expected = 10.0 * expected[axis].as_f64().unwrap();
                        let tolerance = 1e-6 + 2e-7 * expected.abs();
                        assert!(
                            (position[axis] - expected).abs() <= tolerance,
                            "{name}.{ending}: {position:?} {expected}"
                        );
                        // Whole thousandths of a nanometre, as precise as double precision has them.
                        let thousandths = position[axis] * 100.0;
                        assert!(ending == "dcd" || name == "nine" || (thousandths - thousandths.round()).abs() < 1e-6);
                    }
                }
            }
        }
    }
}

#[test]
fn a_trajectory_that_is_cut_has_the_frames_before() {
    let folder = tempfile::tempdir().unwrap();
    for (name, n_cut, n_frames) in [("waters.xtc", 1, 2), ("waters.dcd", 1, 2), ("nine.xtc", 40, 1)] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes[..bytes.len() - n_cut]).unwrap();
        let trajectory = Trajectory::open(&path).unwrap();
        assert_eq!(trajectory.n_frames(), n_frames, "{name}");
        let warning = &trajectory.warnings()[0];
        assert!(warning.contains(&format!("ends within frame {n_frames} (counted from 0)")), "{warning}");
        std::fs::write(&path, &bytes[..100]).unwrap();
        assert!(Trajectory::open(&path).is_err(), "{name}");
    }
}

#[test]
fn what_is_damaged_is_an_error_with_its_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let error = |name: &str, offset: usize, bytes: &[u8], frame: usize| {
        let mut damaged = std::fs::read(fixture(name)).unwrap();
        damaged[offset..offset + bytes.len()].copy_from_slice(bytes);
        std::fs::write(&path, damaged).unwrap();
        match Trajectory::open(&path) {
            Ok(trajectory) => trajectory.read_frame(frame).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        }
    };
    assert!(error("waters.xtc", 0, &[9; 4], 0).contains("neither an XTC nor a DCD"));
    assert!(error("waters.xtc", 56, &[0; 4], 0).contains("frame 0 (from 0): the precision is 0"));
    assert!(error("waters.xtc", 60, &i32::MAX.to_be_bytes(), 0).contains("no range"));
    assert!(error("waters.xtc", 84, &80i32.to_be_bytes(), 0).contains("there is no small size 80"));
    assert!(error("waters.xtc", 4, &[0, 0, 0, 5], 0).contains("counts 5 and 120 atoms"));
    assert!(error("nine.xtc", 56, &f32::NAN.to_be_bytes(), 0).contains("position of atom 0 (from 0) is not a number"));
    // Behind the header, two titles and the number of atoms.
    let first_axis = 92 + 172 + 12;
    assert!(error("waters.dcd", first_axis, &[1; 4], 0).contains("frame 0 (from 0)"));
}
