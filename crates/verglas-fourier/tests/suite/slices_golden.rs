//! Templates against values that NumPy computed from the definition, and against CryoLike's own.

use std::fs;
use std::path::Path;

use num_complex::Complex;
use verglas_formats::mrc::{MrcOptions, MrcStack};
use verglas_formats::npz::NpzReader;
use verglas_formats::pt::PtFile;
use verglas_fourier::grid::PolarGrid;
use verglas_fourier::pose::Matrix3;
use verglas_fourier::slices::direct::{slice_beads_directly, slice_map_directly};
use verglas_fourier::slices::{AtomMass, AtomShape, Beads, Density, Voxels, constant_image, normalise, remove_mean};
use verglas_fourier::sphere::Views;

use crate::shared::shared;
use crate::slices_common::{map, point_weights, weighted_error};

/// The images' box of the golden files: 32 pixels of 2 Å.
const BOX_ANGSTROM: f64 = 64.0;
/// Both sides sum in float64, NumPy in another order: some 1e-16 for each of up to 32 768 terms, at random.
const TOLERANCE: f64 = 1e-13;

/// N = 32, F = 0.75, 48 in-planes.
fn grid() -> PolarGrid {
    PolarGrid::new(0.75 * 32.0 / 4.0, 0.25, 48).unwrap()
}

fn read(npz: &mut NpzReader<std::io::BufReader<fs::File>>, name: &str) -> Vec<f64> {
    npz.read(name).unwrap().to_f64().unwrap()
}

fn read_complex(npz: &mut NpzReader<std::io::BufReader<fs::File>>, name: &str) -> Vec<Complex<f64>> {
    let array = npz.read(name).unwrap();
    assert_eq!(array.data().len(), 16 * array.len(), "complex128");
    let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().unwrap());
    array.data().chunks_exact(16).map(|value| Complex::new(number(&value[..8]), number(&value[8..]))).collect()
}

/// Positions from their mean, and residue names, of the atoms with one of these names.
fn atoms(pdb: &Path, names: &[&str]) -> (Vec<[f64; 3]>, Vec<String>) {
    let text = fs::read_to_string(pdb).unwrap();
    let atoms: Vec<&str> =
        text.lines().filter(|line| line.starts_with("ATOM") && names.contains(&line[12..16].trim())).collect();
    let mut positions: Vec<[f64; 3]> =
        atoms.iter().map(|line| [30, 38, 46].map(|column| line[column..column + 8].trim().parse().unwrap())).collect();
    let n = positions.len() as f64;
    let mean = [0, 1, 2].map(|axis| positions.iter().map(|position| position[axis]).sum::<f64>() / n);
    for position in &mut positions {
        for axis in 0..3 {
            position[axis] -= mean[axis];
        }
    }
    (positions, atoms.iter().map(|line| line[17..20].to_owned()).collect())
}

fn radius(residue: &str) -> f64 {
    const RADII: &str = "CYS 2.75 PHE 3.20 LEU 3.10 TRP 3.40 VAL 2.95 ILE 3.10 MET 3.10 HIS 3.05 TYR 3.25 ALA 2.50 \
        GLY 2.25 PRO 2.80 ASN 2.85 THR 2.80 SER 2.60 ARG 3.30 GLN 3.00 ASP 2.80 LYS 3.20 GLU 2.95";
    let words: Vec<&str> = RADII.split_whitespace().collect();
    let place = words.iter().position(|word| *word == residue).expect("an amino acid");
    words[place + 1].parse().unwrap()
}

fn small(folder: &Path, shape: AtomShape, mass: AtomMass) -> Beads {
    let (positions_angstrom, residues) = atoms(&folder.join("inputs/small.pdb"), &["CA"]);
    let radii_angstrom = residues.iter().map(|residue| radius(residue)).collect();
    Beads { positions_angstrom, radii_angstrom, shape, mass }
}

fn uniform(folder: &Path, mass: AtomMass) -> Beads {
    let (positions_angstrom, residues) = atoms(&folder.join("inputs/small.pdb"), &["CA", "CB"]);
    let radii_angstrom = vec![2.2; residues.len()];
    Beads { positions_angstrom, radii_angstrom, shape: AtomShape::Gaussian, mass }
}

fn read_map(path: &Path, voxel: f64) -> Density {
    let stack = MrcStack::open(path, &MrcOptions::default()).unwrap();
    let (nx, ny) = (stack.header().n_columns as usize, stack.header().n_rows as usize);
    let nz = stack.n_sections() as usize;
    let mut values = vec![0.0_f32; nz * ny * nx];
    stack.read_sections(0, nz, &mut values, &mut Vec::new()).unwrap();
    map(Voxels::Single(values), [nz, ny, nx], [voxel; 3])
}

/// The structure to be sliced.
enum Structure {
    Beads(Beads),
    Map(Density),
}

impl Structure {
    fn slice(&self, grid: &PolarGrid, rotation: &Matrix3) -> Vec<Complex<f64>> {
        match self {
            Self::Beads(beads) => slice_beads_directly(beads, grid, BOX_ANGSTROM, rotation),
            Self::Map(map) => slice_map_directly(map, grid, BOX_ANGSTROM, rotation),
        }
    }

    fn total(&self) -> f64 {
        match self {
            Self::Beads(beads) => beads.total(),
            Self::Map(map) => map.total(),
        }
    }
}

#[test]
fn views_and_templates_are_those_of_the_definition() {
    let Some(folder) = shared("golden/likelihood") else { return };
    let mut npz = NpzReader::open(folder.join("expected/templates.npz")).unwrap();
    let views = Views::new(1.8).unwrap();
    for (name, values) in
        [("viewing_azimuth", &views.azimuth), ("viewing_polar", &views.polar), ("viewing_weight", &views.weight)]
    {
        let expected = read(&mut npz, name);
        assert_eq!(values.len(), expected.len(), "{name}");
        for (value, expected) in values.iter().zip(&expected) {
            // NumPy's Legendre nodes and arccos lose a few units in the last place.
            assert!((value - expected).abs() < 4e-15, "{name}: {value} {expected}");
        }
    }

    let messy_radii = read(&mut npz, "messy_radii");
    let messy = Beads {
        positions_angstrom: read(&mut npz, "messy_beads").chunks_exact(3).map(|x| [x[0], x[1], x[2]]).collect(),
        radii_angstrom: messy_radii,
        ..Beads::default()
    };
    let structures = [
        ("gaussian_small", Structure::Beads(small(&folder, AtomShape::Gaussian, AtomMass::Volume))),
        ("gaussian_messy", Structure::Beads(messy)),
        ("gaussian_cube", Structure::Map(read_map(&folder.join("inputs/cube.mrc"), 2.0))),
        ("gaussian_slab", Structure::Map(read_map(&folder.join("inputs/slab.mrc"), 1.75))),
        ("hard_sphere_double_small", Structure::Beads(small(&folder, AtomShape::HardSphere, AtomMass::Volume))),
        ("uniform_small", Structure::Beads(uniform(&folder, AtomMass::Volume))),
    ];
    let (grid, some) = (grid(), npz.read("some").unwrap().to_i64().unwrap());
    for (name, structure) in structures {
        let expected = read_complex(&mut npz, name);
        assert_eq!(expected.len(), some.len() * grid.n_points(), "{name}");
        for (&t, expected) in some.iter().zip(expected.chunks_exact(grid.n_points())) {
            let mut slice = structure.slice(&grid, &views.rotation(t as usize));
            normalise(&mut slice, &point_weights(&grid));
            let error = weighted_error(&slice, expected, &grid);
            println!("{name}, view {t}: {error:.1e}");
            assert!(error < TOLERANCE, "{name}, view {t}: {error:e}");
        }
    }
}

/// `--as-cryolike` brings back CryoLike's own: in single precision to 3e-7, all templates together (a single one may have
/// half as much again), in double to 1e-7 for its float32 angles and positions.
#[test]
fn cryolike_is_matched_where_asked_for() {
    let Some(folder) = shared("golden/likelihood") else { return };
    let (grid, views) = (grid(), Views::new(1.8).unwrap());
    let cube = read_map(&folder.join("inputs/cube.mrc"), 2.0);
    let slab = read_map(&folder.join("inputs/slab.mrc"), 1.75);
    let gaussians = |beads: Beads| (Structure::Beads(beads), true);
    let maps = |map: Density| (Structure::Map(Density::as_cryolike(map.values, map.shape, BOX_ANGSTROM)), true);
    let structures = [
        (
            "gaussian/templates_fourier_small.pt",
            gaussians(small(&folder, AtomShape::Gaussian, AtomMass::InverseVolume)),
            3e-7,
        ),
        ("gaussian/templates_fourier_cube.pt", maps(cube), 3e-7),
        ("gaussian/templates_fourier_slab.pt", maps(slab), 3e-7),
        ("uniform/templates_fourier_small.pt", gaussians(uniform(&folder, AtomMass::InverseVolume)), 3e-7),
        (
            "hard_sphere_double/templates_fourier_small.pt",
            (Structure::Beads(small(&folder, AtomShape::HardSphere, AtomMass::Volume)), false),
            1e-7,
        ),
    ];
    let constant = constant_image(&grid);
    for (name, (structure, without_mean), tolerance) in structures {
        let mut file = PtFile::open(folder.join(format!("cryolike/templates_{name}"))).unwrap();
        assert_eq!(file.tensor().shape(), [views.len() as u64, grid.n_shells() as u64, 48]);
        let (mut worst, mut square) = (0.0_f64, 0.0);
        for t in 0..views.len() {
            let rows = t as u64..t as u64 + 1;
            let expected: Vec<Complex<f64>> = if name.contains("double") {
                file.read_complex128(rows).unwrap()
            } else {
                file.read_complex64(rows).unwrap().iter().map(|v| Complex::new(v.re.into(), v.im.into())).collect()
            };
            let mut slice = structure.slice(&grid, &views.rotation(t));
            if without_mean {
                remove_mean(&mut slice, structure.total(), &constant);
            }
            normalise(&mut slice, &point_weights(&grid));
            let error = weighted_error(&slice, &expected, &grid);
            worst = worst.max(error);
            square += error * error;
        }
        let error = (square / views.len() as f64).sqrt();
        println!("{name}: {error:.1e}, worst {worst:.1e}");
        assert!(error < tolerance && worst < 2.0 * tolerance, "{name}: {error:e}, worst {worst:e}");
    }
}
