//! Against values that NumPy computed from the definition, and against CryoLike's own.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use num_complex::Complex;
use verglas_formats::mrc::{MrcOptions, MrcStack};
use verglas_formats::npz::NpzReader;
use verglas_formats::pt::PtFile;
use verglas_fourier::grid::PolarGrid;
use verglas_fourier::slices::direct::{slice_beads_directly, slice_map_directly};
use verglas_fourier::slices::{AtomMass, AtomShape, AxisOrder, Beads, Density, Voxels, normalise};
use verglas_fourier::sphere::Views;
use verglas_likelihood::compare::{ComparisonSettings, Search};
use verglas_likelihood::ctf::{ContrastFormula, ContrastTransfer, angle_from_other_axis};
use verglas_likelihood::displacements::Displacements;
use verglas_likelihood::{Comparison, Contrast, Formula, Geometry, ImageSet, TemplateSet, direct};

use crate::shared::shared;

type Npz = NpzReader<BufReader<File>>;

const N_PIXELS: usize = 32;
const BOX_ANGSTROM: f64 = 64.0;
/// Independent values of the disc, 4π·6².
const M: f64 = 452.389;

fn geometry() -> Geometry {
    Geometry::new(PolarGrid::new(6.0, 0.25, 48).unwrap(), BOX_ANGSTROM).unwrap()
}

fn read(npz: &mut Npz, name: &str) -> Vec<f64> {
    let array = npz.read(name).unwrap();
    array.to_f64().or_else(|_| array.to_i64().map(|values| values.iter().map(|&v| v as f64).collect())).unwrap()
}

fn displacements() -> Displacements {
    Displacements::new(3.0, 2.0, 4, 3).unwrap()
}

/// small.pdb's CA as Gaussians, and cube.mrc, as contract 6 wants their templates, rounded to single precision.
fn templates(folder: &Path, structure: usize, geometry: &Geometry, views: &Views) -> Vec<Complex<f32>> {
    let slice: Box<dyn Fn(usize) -> Vec<Complex<f64>>> = if structure == 0 {
        let beads = small(&folder.join("inputs/small.pdb"));
        let (grid, views) = (geometry.grid().clone(), views.clone());
        Box::new(move |view| slice_beads_directly(&beads, &grid, BOX_ANGSTROM, &views.rotation(view)))
    } else {
        let stack = MrcStack::open(folder.join("inputs/cube.mrc"), &MrcOptions::default()).unwrap();
        let mut values = vec![0.0_f32; 32 * 32 * 32];
        stack.read_sections(0, 32, &mut values, &mut Vec::new()).unwrap();
        let map = Density {
            values: Voxels::Single(values),
            shape: [32; 3],
            voxel_angstrom: [2.0; 3],
            centre_voxel: Density::middle([32; 3], AxisOrder::Zyx),
            axis_order: AxisOrder::Zyx,
            beyond_nyquist: false,
        };
        let (grid, views) = (geometry.grid().clone(), views.clone());
        Box::new(move |view| slice_map_directly(&map, &grid, BOX_ANGSTROM, &views.rotation(view)))
    };
    (0..views.len())
        .flat_map(|view| {
            let mut values = slice(view);
            normalise(&mut values, geometry.point_weights());
            values.into_iter().map(|value| Complex::new(value.re as f32, value.im as f32)).collect::<Vec<_>>()
        })
        .collect()
}

fn small(pdb: &Path) -> Beads {
    const RADII: &str = "CYS 2.75 PHE 3.20 LEU 3.10 TRP 3.40 VAL 2.95 ILE 3.10 MET 3.10 HIS 3.05 TYR 3.25 ALA 2.50 \
        GLY 2.25 PRO 2.80 ASN 2.85 THR 2.80 SER 2.60 ARG 3.30 GLN 3.00 ASP 2.80 LYS 3.20 GLU 2.95";
    let words: Vec<&str> = RADII.split_whitespace().collect();
    let text = std::fs::read_to_string(pdb).unwrap();
    let atoms: Vec<&str> =
        text.lines().filter(|line| line.starts_with("ATOM") && line[12..16].trim() == "CA").collect();
    let mut positions_angstrom: Vec<[f64; 3]> =
        atoms.iter().map(|line| [30, 38, 46].map(|column| line[column..column + 8].trim().parse().unwrap())).collect();
    let n = positions_angstrom.len() as f64;
    let mean = [0, 1, 2].map(|axis| positions_angstrom.iter().map(|position| position[axis]).sum::<f64>() / n);
    for position in &mut positions_angstrom {
        (0..3).for_each(|axis| position[axis] -= mean[axis]);
    }
    let radius = |line: &&str| {
        let place = words.iter().position(|word| *word == &line[17..20]).expect("an amino acid");
        words[place + 1].parse().unwrap()
    };
    let radii_angstrom = atoms.iter().map(radius).collect();
    Beads { positions_angstrom, radii_angstrom, shape: AtomShape::Gaussian, mass: AtomMass::Volume }
}

struct Stack {
    values: Vec<Complex<f32>>,
    /// Angles as they are stored, from the columns' direction.
    transfers: Vec<ContrastTransfer>,
}

fn stack(folder: &Path, index: usize) -> Stack {
    let path = folder.join(format!("cryolike/particles/fft/particles_fourier_stack_00000{index}"));
    let mut file = PtFile::open(path.with_extension("pt")).unwrap();
    let n = file.tensor().shape()[0];
    let values = file.read_complex64(0..n).unwrap();
    let mut npz = NpzReader::open(path.with_extension("npz")).unwrap();
    let one = |values: Vec<f64>, i: usize| values[i.min(values.len() - 1)];
    let transfers = (0..n as usize)
        .map(|i| ContrastTransfer {
            defocus_u_angstrom: read(&mut npz, "defocusU")[i],
            defocus_v_angstrom: read(&mut npz, "defocusV")[i],
            defocus_angle_rad: read(&mut npz, "defocusAngle")[i],
            voltage_kv: one(read(&mut npz, "voltage"), 0),
            spherical_aberration_mm: one(read(&mut npz, "sphericalAberration"), 0),
            amplitude_contrast: one(read(&mut npz, "amplitudeContrast"), 0),
            phase_shift_rad: one(read(&mut npz, "phaseShift"), i),
            // CryoLike keeps those of all images of the file with each stack.
            b_factor_angstrom2: one(read(&mut npz, "ctfBfactor"), 4 * index + i),
        })
        .collect();
    Stack { values, transfers }
}

impl Stack {
    fn transfers_from_rows(&self) -> Vec<ContrastTransfer> {
        let turn = |transfer: &ContrastTransfer| ContrastTransfer {
            defocus_angle_rad: angle_from_other_axis(transfer.defocus_angle_rad),
            ..*transfer
        };
        self.transfers.iter().map(turn).collect()
    }
}

#[test]
fn displacements_are_those_of_the_definition() {
    let Some(folder) = shared("golden/likelihood") else { return };
    let mut npz = NpzReader::open(folder.join("expected/likelihoods.npz")).unwrap();
    let expected = read(&mut npz, "displacements");
    let set = displacements();
    assert_eq!(2 * set.len(), expected.len());
    for (i, d) in set.angstrom().iter().enumerate() {
        assert!((d[0] - expected[i]).abs() < 1e-14 && (d[1] - expected[set.len() + i]).abs() < 1e-14, "{i}");
    }
}

#[test]
fn contrast_transfers_are_those_of_the_definition_and_of_cryolike() {
    let Some(folder) = shared("golden/likelihood") else { return };
    let geometry = geometry();
    let mut expected = NpzReader::open(folder.join("expected/likelihoods.npz")).unwrap();
    let mut cryolike = NpzReader::open(folder.join("cryolike/comparator.npz")).unwrap();
    let mut values = vec![0.0; geometry.n_points()];
    for index in 0..2 {
        let stack = stack(&folder, index);
        let expected = read(&mut expected, &format!("ctf_stack{index}"));
        for (image, expected) in expected.chunks_exact(values.len()).enumerate() {
            stack.transfers_from_rows()[image].fill(&geometry, ContrastFormula::Right, image, &mut values).unwrap();
            // The same formula in another order: χ reaches some 100 rad, of which doubles keep 1e-14; stored in single.
            for (value, expected) in values.iter().zip(expected) {
                assert!((value - expected).abs() < 1e-7, "stack {index}, image {image}: {value} {expected}");
            }
        }
    }
    let stack = stack(&folder, 1);
    let found = read(&mut cryolike, "ctf_stack1");
    for (image, expected) in found.chunks_exact(values.len()).enumerate() {
        stack.transfers[image].fill(&geometry, ContrastFormula::CryoLike, image, &mut values).unwrap();
        for (value, expected) in values.iter().zip(expected) {
            // Single precision.
            assert!((value - expected).abs() < 1e-7, "image {image}: {value} {expected}");
        }
    }
}

struct Tolerances {
    cc: f64,
    ll: f64,
}

/// Compares with values named `{prefix}{quantity}_template{structure}_stack{index}`.
fn check<T>(npz: &mut Npz, prefix: &str, place: &str, comparison: &Comparison<T>, tolerances: &Tolerances) {
    let mut of = |name: &str| read(npz, &format!("{prefix}{name}_{place}"));
    let (cc, template, ll, integrated) = (of("cc"), of("template"), of("ll"), of("integrated"));
    assert_eq!(comparison.images.len(), cc.len());
    let mut worst = [0.0_f64; 3];
    for (i, image) in comparison.images.iter().enumerate() {
        assert_eq!(image.template, template[i] as usize, "{prefix}{place}, image {i}");
        worst[0] = worst[0].max((image.cross_correlation - cc[i]).abs());
        worst[1] = worst[1].max((image.log_likelihood_optimal - ll[i]).abs());
        worst[2] = worst[2].max((image.log_likelihood_integrated - integrated[i]).abs());
    }
    println!("{prefix}{place}: cc {:.1e}, optimal {:.1e}, integrated {:.1e}", worst[0], worst[1], worst[2]);
    assert!(worst[0] <= tolerances.cc && worst[1] <= tolerances.ll && worst[2] <= tolerances.ll, "{place}: {worst:?}");
}

fn check_poses<T>(npz: &mut Npz, place: &str, comparison: &Comparison<T>, tolerances: &Tolerances) {
    let mut of = |name: &str| read(npz, &format!("{name}_{place}"));
    let (displacement, rotation) = (of("displacement"), of("inplane_rotation"));
    let set = displacements();
    let n = comparison.images.len();
    for (i, image) in comparison.images.iter().enumerate() {
        let found = set.angstrom()[image.displacement];
        assert!((found[0] - displacement[i]).abs() < 1e-12 && (found[1] - displacement[n + i]).abs() < 1e-12);
        let angle = std::f64::consts::TAU * image.rotation as f64 / 48.0;
        assert!((angle - rotation[i]).abs() < 1e-12, "{place}, image {i}: {angle} {}", rotation[i]);
    }
    let (cc, ll) = (of("pair_cc"), of("pair_ll"));
    assert_eq!(cc.len(), comparison.pairs.len());
    for (i, pair) in comparison.pairs.iter().enumerate() {
        assert!((pair.cross_correlation - cc[i]).abs() <= tolerances.cc, "{place}, pair {i}");
        assert!((pair.log_likelihood - ll[i]).abs() <= tolerances.ll, "{place}, pair {i}");
    }
}

fn settings(formula: Formula) -> ComparisonSettings {
    ComparisonSettings { formula, pairs: true, full: true, n_threads: 2, ..ComparisonSettings::default() }
}

#[test]
fn likelihoods_are_those_of_the_definition() {
    let Some(folder) = shared("golden/likelihood") else { return };
    let (geometry, views, set) = (geometry(), Views::new(1.8).unwrap(), displacements());
    let mut npz = NpzReader::open(folder.join("expected/likelihoods.npz")).unwrap();
    for structure in 0..2 {
        let values = templates(&folder, structure, &geometry, &views);
        let templates = TemplateSet::new(&geometry, &values, &views.weight).unwrap();
        let search = Search::new(&geometry, templates, &set, settings(Formula::Right)).unwrap();
        for index in 0..2 {
            let (stack, place) = (stack(&folder, index), format!("template{structure}_stack{index}"));
            let transfers = stack.transfers_from_rows();
            let contrast = Contrast::Parameters(&transfers, ContrastFormula::Right);
            let images = ImageSet::new(&geometry, &stack.values, contrast).unwrap();
            let slow = direct::compare(&geometry, &templates, &images, &set, Formula::Right).unwrap();
            // Templates are rounded to single precision on both sides, some of them to the other neighbour: 1e-9 in cc.
            let tolerances = Tolerances { cc: 1e-9, ll: 1e-6 };
            check(&mut npz, "", &place, &slow, &tolerances);
            check_poses(&mut npz, &place, &slow, &tolerances);
            // Section 4's bounds for single precision, with g for the largest cc there is, 0.95.
            let tolerances = Tolerances { cc: 1e-6, ll: 2e-3 + 1e-6 * M * 9.7 };
            let fast = search.compare(&images).unwrap();
            check(&mut npz, "", &place, &fast, &tolerances);
            check_poses(&mut npz, &place, &fast, &tolerances);
        }
    }
}

#[test]
fn cryolike_is_matched_where_asked_for() {
    let Some(folder) = shared("golden/likelihood") else { return };
    let (geometry, views, set) = (geometry(), Views::new(1.8).unwrap(), displacements());
    let mut npz = NpzReader::open(folder.join("expected/likelihoods.npz")).unwrap();
    let mut comparator = NpzReader::open(folder.join("cryolike/comparator.npz")).unwrap();
    let formula = Formula::CryoLike { n_pixels: N_PIXELS };
    let n2 = (N_PIXELS * N_PIXELS) as f64;
    for (structure, name) in ["small", "cube"].into_iter().enumerate() {
        let path = folder.join(format!("cryolike/templates_gaussian/templates_fourier_{name}.pt"));
        let values = PtFile::open(path).unwrap().read_complex64(0..views.len() as u64).unwrap();
        let templates = TemplateSet::new(&geometry, &values, &views.weight).unwrap();
        let search = Search::new(&geometry, templates, &set, settings(formula)).unwrap();
        for index in 0..2 {
            let (stack, place) = (stack(&folder, index), format!("template{structure}_stack{index}"));
            let contrast = Contrast::Parameters(&stack.transfers, ContrastFormula::CryoLike);
            let images = ImageSet::new(&geometry, &stack.values, contrast).unwrap();
            let slow = direct::compare(&geometry, &templates, &images, &set, formula).unwrap();
            // Both in double precision, with CryoLike's float32 displacements and templates.
            check(&mut npz, "as_cryolike_", &place, &slow, &Tolerances { cc: 1e-7, ll: 1e-4 });
            let fast = search.compare(&images).unwrap();
            let single = Tolerances { cc: 3e-7, ll: 2e-7 * n2 };
            check(&mut npz, "as_cryolike_", &place, &fast, &single);

            let integrated = read(&mut comparator, &format!("integrated_{place}"));
            let pairs = read(&mut comparator, &format!("pair_log_likelihood_{place}"));
            let ln_poses = ((set.len() * 48) as f64).ln();
            for comparison in [&slow.images, &fast.images] {
                for (image, expected) in comparison.iter().zip(&integrated) {
                    let error = image.log_likelihood_integrated - expected;
                    // Float32 rounds these to 1e-4.
                    assert!(error.abs() < 2e-7 * n2 + 5e-4, "{place}: {error}");
                }
            }
            for (slow, (fast, expected)) in slow.pairs.iter().zip(fast.pairs.iter().zip(&pairs)) {
                for pair in [slow, fast] {
                    let error = pair.log_likelihood + ln_poses - expected;
                    assert!(error.abs() < 2e-7 * n2 + 5e-4, "{place}: {error}");
                }
            }
            if place == "template0_stack1" {
                let expected = read(&mut comparator, "cross_correlation_msdw_template0_stack1");
                assert_eq!(expected.len(), slow.cross_correlations.len());
                let (mut of_slow, mut of_fast, mut between) = (0.0_f64, 0.0_f64, 0.0_f64);
                for (i, expected) in expected.iter().enumerate() {
                    let (slow, fast) = (slow.cross_correlations[i], f64::from(fast.cross_correlations[i]));
                    of_slow = of_slow.max((slow - expected).abs());
                    of_fast = of_fast.max((fast - expected).abs());
                    between = between.max((fast - slow).abs());
                }
                println!("all cc: {of_slow:.1e}, {of_fast:.1e}, between {between:.1e}, {:?}", search.n_functions());
                // CryoLike's own single precision errs by 3e-7, and so does ours.
                assert!(of_slow < 4e-7 && of_fast < 6e-7 && between < 4e-7);
            }
        }
    }
}
