//! Promise: docs/peers.md says what verglas does with the files on which the field's readers differ.

use std::fs;
use std::path::{Path, PathBuf};

use verglas::ctf::Ctf;
use verglas::metadata::{Input, ReadSettings};
use verglas::particle::Column;
use verglas_formats::star::{Row, StarReader};

use crate::cryosparc_common::{Cs, read, read_with, told, two};

/// A STAR file whose optics group is written as keys and values; its name consists of digits.
fn key_value_optics(dir: &Path) -> PathBuf {
    let path = dir.join("a.star");
    let text = "data_optics\n\n_rlnOpticsGroup 1\n_rlnOpticsGroupName 20240101_1\n_rlnVoltage 300\n\
        _rlnSphericalAberration 2.7\n_rlnImagePixelSize 1.5\n\n\
        data_particles\n\nloop_\n_rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle\n_rlnCtfBfactor\n_rlnOpticsGroup\n_rlnImageName\n\
        10000 9900 5 80 1 1@a#b.mrcs\n10000 9900 5 80 1 2@a#b.mrcs\n";
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_hash_within_a_value_belongs_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let table = read(&Input::IndexedStar(key_value_optics(dir.path()))).0.unwrap();
    assert_eq!(table.image_names, [b"a#b.mrcs".to_vec()]);
}

#[test]
fn optics_as_keys_and_values_are_one_group_whose_name_is_text() {
    let dir = tempfile::tempdir().unwrap();
    let input = Input::IndexedStar(key_value_optics(dir.path()));
    let table = read(&input).0.unwrap();
    assert_eq!((table.len(), table.constants[0].voltage_kv, table.pixel_size_angstrom), (2, 300.0, Some(1.5)));
    let choose = |name: &str| {
        read_with(&input, &ReadSettings { optics_groups: vec![name.to_owned()], ..ReadSettings::default() }).0
    };
    assert_eq!(choose("20240101_1").unwrap().len(), 2);
    assert!(choose("202401011").is_err());
}

#[test]
fn a_loop_without_rows_has_its_columns_and_no_particles() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.star");
    fs::write(&path, "data_particles\n\nloop_\n_rlnImageName #1\n_rlnDefocusU #2\n\n").unwrap();
    let mut reader = StarReader::open(&path).unwrap();
    let block = reader.next_block().unwrap().unwrap();
    assert_eq!(block.columns.len(), 2);
    assert!(!reader.read_row(&mut Row::new()).unwrap());
    let error = read(&Input::IndexedStar(path)).0.unwrap_err().to_string();
    assert!(error.contains("no particles: its particle block has no rows"), "{error}");
}

#[test]
fn of_two_cs_files_the_particles_file_counts_whichever_is_first() {
    let dir = tempfile::tempdir().unwrap();
    let images = [("a.mrc", 0), ("a.mrc", 1), ("a.mrc", 2)];
    let first = Cs::with_ctf(3).with_images(&images).with_uids(&[7, 8, 9]).write(dir.path().join("J4_particles.cs"));
    let other = Cs::default().with_uids(&[9, 8, 7]).f32("ctf/df1_A", &[10_020.0, 1.0, 2.0]).f32("ctf/scale", &[0.5; 3]);
    let second = other.write(dir.path().join("J4_passthrough_particles.cs"));
    for input in [two(&first, &second), two(&second, &first)] {
        let (table, warnings) = read(&input);
        let table = table.unwrap();
        assert_eq!(table.uid, Some(vec![7, 8, 9]));
        assert_eq!(table.defocus_u_angstrom, Column::PerParticle(vec![10_000.0, 10_010.0, 10_020.0]));
        let warnings = told(&warnings, "differs-between-files");
        assert!(
            warnings.len() == 1 && warnings[0].contains("both hold ctf/df1_A with different values in 2 rows"),
            "{warnings:?}"
        );
        assert!(warnings[0].ends_with("J4_particles.cs` count"), "{warnings:?}");
    }
    // Nothing to report if they agree, and names that say nothing leave the order as it is.
    let same = Cs::default().with_uids(&[7, 8, 9]).f32("ctf/cs_mm", &[2.7; 3]).write(dir.path().join("b.cs"));
    assert!(told(&read(&two(&first, &same)).1, "differs-between-files").is_empty());
    let given = two("b.cs", "a.cs");
    assert_eq!(given.clone().in_order(), given);
}

#[test]
fn b_factors_are_square_angstroms_with_a_quarter() {
    let dir = tempfile::tempdir().unwrap();
    let table = read(&Input::IndexedStar(key_value_optics(dir.path()))).0.unwrap();
    assert_eq!(table.ctf_bfactor, Some(Column::Constant(80.0)));
    let ctf = |b_factor_angstrom2: f64| Ctf {
        defocus_u_angstrom: 10_000.0,
        defocus_v_angstrom: 10_000.0,
        defocus_angle_rad: 0.0,
        voltage_kv: 300.0,
        spherical_aberration_mm: 2.7,
        amplitude_contrast: 0.1,
        phase_shift_rad: 0.0,
        b_factor_angstrom2,
        scale: 1.0,
    };
    // RELION's exp(−B·k²/4).
    let k = 0.1;
    let ratio = ctf(80.0).value(k, 0.0) / ctf(0.0).value(k, 0.0);
    assert!((ratio - (-80.0_f64 * k * k / 4.0).exp()).abs() < 1e-12, "{ratio}");
}
