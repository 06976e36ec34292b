//! Maps and arrays that are written here.

use std::fs;
use std::path::{Path, PathBuf};

use verglas_structures::*;

use crate::shared::{density, error, settings};

/// An MRC file of 2 × 3 × 4 voxels (columns, rows, sections), number n having the value n. Words by their places in the
/// header: integers and floats.
pub fn mrc(path: &Path, ints: &[(usize, i32)], floats: &[(usize, f32)]) {
    let mut bytes = vec![0; 1024];
    let mut put = |place: usize, word: [u8; 4]| bytes[4 * (place - 1)..4 * place].copy_from_slice(&word);
    let usual = [(1, 2), (2, 3), (3, 4), (4, 2), (8, 2), (9, 3), (10, 4), (17, 1), (18, 2), (19, 3), (23, 1)];
    for (place, value) in usual.iter().chain(ints) {
        put(*place, value.to_le_bytes());
    }
    let cell = [(11, 3.0f32), (12, 6.0), (13, 10.0), (14, 90.0), (15, 90.0), (16, 90.0)];
    for (place, value) in cell.iter().chain(floats) {
        put(*place, value.to_le_bytes());
    }
    bytes[208..216].copy_from_slice(b"MAP DD\0\0");
    bytes.extend((0..24).flat_map(|n| (n as f32).to_le_bytes()));
    fs::write(path, bytes).unwrap();
}

fn folder_and(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}

#[test]
fn axes_stand_in_any_order() {
    let (_folder, path) = folder_and("a.mrc");
    // Columns z, rows x, sections y: MAPC 3, MAPR 1, MAPS 2. Intervals and cell stay x, y, z.
    let order = [(17, 3), (18, 1), (19, 2), (5, 7), (6, 8), (7, 9), (8, 3), (9, 4), (10, 2)];
    mrc(&path, &order, &[(11, 3.0), (12, 8.0), (13, 6.0)]);
    let (found, findings) = density(&path, &settings("name CA"));
    assert!(findings.warnings.is_empty(), "{:?}", findings.warnings);
    assert_eq!((found.shape, found.voxel_angstrom), ([2, 4, 3], [1.0, 2.0, 3.0]));
    let at = |z: usize, y: usize, x: usize| found.values.get((z * 4 + y) * 3 + x);
    // Column 1, row 2, section 3 is number (3·3 + 2)·2 + 1 = 23, at z 1, x 2, y 3.
    assert_eq!(at(1, 3, 2), 23.0);
    // Column 1, row 0, section 2: number 13, at z 1, x 0, y 2.
    assert_eq!(at(1, 2, 0), 13.0);
    // The first column is number 7 along z, the first row 8 along x, the first section 9 along y.
    assert_eq!(found.center_voxel, [1.0, 2.0, 1.0]);
    assert_eq!(found.center_angstrom, [(8.0 + 1.0) * 1.0, (9.0 + 2.0) * 2.0, (7.0 + 1.0) * 3.0]);
}

#[test]
fn a_centre_is_in_the_header_s_coordinates() {
    let (_folder, path) = folder_and("a.map");
    mrc(&path, &[(5, 10), (6, 20), (7, 30)], &[]);
    let at = |center| {
        let mut settings = settings("name CA");
        settings.maps.center = center;
        density(&path, &settings).0.center_voxel
    };
    // Voxels of 1.5, 2 and 2.5 Å; voxel i is at (NSTART + i)·voxel.
    assert_eq!(at(Center::Position([16.5, 41.0, 77.5])), [1.0, 0.5, 1.0]);
    assert_eq!(at(Center::None), [-10.0, -20.0, -30.0]);
    // ORIGIN, where there is one, is the place of voxel 0, and NSTART does not count.
    mrc(&path, &[(5, 10), (6, 20), (7, 30)], &[(50, 1.5), (51, -2.0), (52, 0.0)]);
    assert_eq!(at(Center::Position([3.0, 0.0, 2.5])), [1.0, 1.0, 1.0]);
    assert_eq!(at(Center::None), [-1.0, 1.0, 0.0]);
}

#[test]
fn the_voxel_size_may_be_given() {
    let (_folder, path) = folder_and("a.ccp4");
    mrc(&path, &[], &[(11, 0.0)]);
    let mut settings = settings("name CA");
    let (text, hint) = error(&path, &settings);
    assert!(text.ends_with("a.ccp4`: the header gives no voxel size (x, y, z: none, 2 Å, 2.5 Å)"), "{text}");
    assert!(hint.contains("`voxel_angstrom`"));
    settings.maps.voxel_angstrom = Some([1.0, 2.0, 3.0]);
    assert_eq!(density(&path, &settings).0.voxel_angstrom, [1.0, 2.0, 3.0]);
}

#[test]
fn the_other_order_takes_sides_and_start_along() {
    let (_folder, path) = folder_and("a.mrc");
    mrc(&path, &[(5, 10), (6, 20), (7, 30)], &[]);
    let mut settings = settings("name CA");
    settings.maps.axis_order = AxisOrder::Xyz;
    let found = density(&path, &settings).0;
    // Stored sections, 4 of 2.5 Å, are x.
    assert_eq!((found.shape, found.voxel_angstrom), ([2, 3, 4], [2.5, 2.0, 1.5]));
    assert_eq!((found.center_voxel, found.center_angstrom), ([2.0, 1.0, 1.0], [80.0, 42.0, 16.5]));
    assert_eq!(found.values.get(3), 18.0, "x 3, y 0, z 0: section 3");
}

#[test]
fn what_is_no_map_is_an_error() {
    let (_folder, path) = folder_and("a.mrc");
    let text = |ints: &[(usize, i32)], floats: &[(usize, f32)]| {
        mrc(&path, ints, floats);
        error(&path, &settings("name CA")).0
    };
    assert!(
        text(&[(17, 1), (18, 1)], &[]).contains("(MAPC, MAPR, MAPS) are axes 1, 1, 3, expected 1, 2, 3 in some order")
    );
    assert!(text(&[], &[(16, 120.0)]).contains("angles are 90°, 90°, 120°, expected 90°"));
    assert!(text(&[(3, 1)], &[]).contains("expected a map in three dimensions, found one image of 2 × 3 pixels"));
    assert!(text(&[(23, 401)], &[]).contains("found a stack of maps (space group 401)"));
    assert!(text(&[(4, 4)], &[]).contains("mode 4 (complex"));
    assert!(text(&[(3, 5)], &[]).contains("the header claims 5 sections"));
    // Angles of zero were never written; zeros for the axes mean the usual ones.
    mrc(&path, &[(17, 0), (18, 0), (19, 0)], &[(14, 0.0), (15, 0.0), (16, 0.0)]);
    density(&path, &settings("name CA"));

    let mut bytes = fs::read(&path).unwrap();
    bytes[1024 + 4 * 23..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    assert!(error(&path, &settings("name CA")).0.contains("voxel [3, 2, 1] (counted from 0, first axis first) is NaN"));
    bytes[1024..].iter_mut().for_each(|byte| *byte = 0);
    fs::write(&path, &bytes).unwrap();
    assert!(error(&path, &settings("name CA")).0.contains("all voxels are 0"));
}

#[test]
fn a_stack_that_is_taken_for_a_map_is_reported() {
    let (_folder, path) = folder_and("a.mrcs");
    mrc(&path, &[(23, 0)], &[]);
    assert_eq!(density(&path, &settings("name CA")).1.warnings[0].code, "map-or-stack");
}

/// A `.npy` with this header and these bytes.
fn npy(path: &Path, descr: &str, is_fortran: bool, shape: &str, data: &[u8]) {
    let fortran = if is_fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': ({shape}), }}\n");
    let length = (header.len() as u16).to_le_bytes();
    fs::write(path, [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), data].concat()).unwrap();
}

#[test]
fn arrays_have_any_real_type_and_order() {
    let (_folder, path) = folder_and("a.npy");
    let found = |descr: &str, is_fortran: bool, data: &[u8]| {
        npy(&path, descr, is_fortran, "2, 3, 4", data);
        density(&path, &settings("name CA")).0
    };
    let numbers = || 0..24u8;
    let little: Vec<u8> = numbers().flat_map(|n| f64::from(n).to_le_bytes()).collect();
    let double = found("<f8", false, &little);
    assert_eq!((double.shape, double.voxel_angstrom), ([2, 3, 4], [2.0; 3]));
    assert!(matches!(&double.values, Voxels::Double(values) if values[23] == 23.0));
    assert_eq!((double.center_voxel, double.center_angstrom), ([2.0, 1.0, 1.0], [4.0, 2.0, 2.0]));
    let big: Vec<u8> = numbers().flat_map(|n| f32::from(n).to_be_bytes()).collect();
    assert_eq!(
        found(">f4", false, &big).values,
        Voxels::Single(double.values.to_f64().iter().map(|x| *x as f32).collect())
    );
    let short: Vec<u8> = numbers().flat_map(|n| i16::from(n).to_be_bytes()).collect();
    assert_eq!(found(">i2", false, &short).values.to_f64(), double.values.to_f64());
    // First axis fastest: item [1, 2, 3] is the last one all the same, [1, 0, 0] the second.
    let fortran = found("|u1", true, &numbers().collect::<Vec<u8>>());
    assert_eq!([fortran.values.get(12), fortran.values.get(23)], [1.0, 23.0]);
}

#[test]
fn what_is_no_array_of_three_dimensions_is_an_error() {
    let (_folder, path) = folder_and("a.npy");
    let text = |descr: &str, shape: &str, n_bytes: usize| {
        npy(&path, descr, false, shape, &vec![1; n_bytes]);
        error(&path, &settings("name CA")).0
    };
    assert!(text("<f8", "6, 4", 192).contains("expected a map in three dimensions, found an array of 2 axes: [6, 4]"));
    assert!(text("<c8", "2, 3, 4", 192).contains("the values are complex (<c8), expected real numbers"));
    assert!(text("<U1", "2, 3, 4", 96).contains("of type <U1, expected real numbers"));
    assert!(text("<f4", "2, 3, 5", 96).contains("takes 120 bytes, found 96"));
    assert!(text("<f4", "0, 3, 5", 0).contains("0 values"));
}
