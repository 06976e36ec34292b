//! The beads that the golden files want, computed independently.

use verglas_formats::npz::NpzReader;

use crate::shared::{beads, settings, shared};

#[test]
fn a_messy_file_gives_the_golden_beads_in_both_formats() {
    let Some(folder) = shared("golden/likelihood") else { return };
    let file = std::fs::File::open(folder.join("expected/templates.npz")).unwrap();
    let mut expected = NpzReader::new(std::io::BufReader::new(file)).unwrap();
    let mut values = |name: &str| expected.read(name).unwrap().to_f64().unwrap();
    let (positions, radii) = (values("messy_beads"), values("messy_radii"));
    for name in ["inputs/messy.pdb", "inputs/messy.cif"] {
        let found = beads(&folder.join(name), &settings("name CA")).remove(0);
        assert_eq!(found.radii_angstrom, radii, "{name}");
        assert_eq!(found.positions_angstrom.len(), radii.len());
        // Written with three decimals; the mean of 41 of them is rounded otherwise in another order of sums.
        for (found, expected) in found.positions_angstrom.as_flattened().iter().zip(&positions) {
            assert!((found - expected).abs() < 1e-13, "{name}: {found} {expected}");
        }
    }
}

#[test]
fn the_maps_middle_is_the_mean_of_the_model_they_are_of() {
    let Some(folder) = shared("golden/likelihood/inputs") else { return };
    for (name, shape, side) in [("cube.mrc", [32, 32, 32], 2.0), ("slab.mrc", [30, 24, 36], 1.75)] {
        let (density, findings) = crate::shared::density(&folder.join(name), &settings("name CA"));
        assert_eq!((density.shape, density.voxel_angstrom), (shape, [side; 3]));
        assert!(findings.warnings.is_empty(), "{:?}", findings.warnings);
        // The centre of mass of Gaussians around the beads, whose mean is at the middle voxel.
        let (mut total, mut sums) = (0.0, [0.0; 3]);
        for (place, value) in density.values.to_f64().into_iter().enumerate() {
            let voxel = [place % shape[2], place / shape[2] % shape[1], place / (shape[2] * shape[1])];
            total += value;
            (0..3).for_each(|axis| sums[axis] += value * density.position_angstrom(voxel)[axis]);
        }
        for sum in sums {
            // Wrong by half a voxel or with axes exchanged, this is above 0.5 Å.
            assert!((sum / total).abs() < 0.05, "{name}: {sums:?} {total}");
        }
    }
}
