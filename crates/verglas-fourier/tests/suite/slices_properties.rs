//! Properties of the templates of any structure, whatever the method: symmetries, shifts, turns, norms, memory, and
//! the same bytes whatever is computed with them.

use std::f64::consts::{PI, TAU};
use std::sync::Arc;

use num_complex::Complex;
use verglas_fourier::grid::PolarGrid;
use verglas_fourier::polar::{PolarTransform, instruction_sets};
use verglas_fourier::pose::Matrix3;
use verglas_fourier::slices::{
    AtomShape, Beads, SliceError, SliceMethod, SlicePlan, SliceReal, SliceSettings, SomeShells, Structure,
    StructureError, Voxels,
};
use verglas_fourier::sphere::{Views, rotation};

use crate::slices_common::{beads, map, noise_map, weighted_error};

/// Both sides of a comparison err by up to 3e-13 in double precision.
const TOLERANCE: f64 = 6e-13;

fn polar() -> PolarGrid {
    PolarGrid::new(6.0, 0.25, 48).unwrap()
}

fn settings() -> SliceSettings {
    SliceSettings { n_views: 1_000_000, ..SliceSettings::default() }
}

fn slices<T: SliceReal>(structure: &Structure, rotations: &[Matrix3], settings: &SliceSettings) -> Vec<Complex<T>> {
    let plan = SlicePlan::<T>::new(structure.clone(), &polar(), 48.0, settings).unwrap();
    let mut out = vec![Complex::default(); rotations.len() * plan.slice_len()];
    plan.compute(rotations, &mut out, &mut vec![0.0; rotations.len()]).unwrap();
    out
}

fn structures() -> Vec<Structure> {
    vec![
        Structure::Map(Arc::new(noise_map([20, 23, 18], [2.0, 2.0, 2.0], 1))),
        Structure::Beads(Arc::new(beads(150, 16.0, AtomShape::Gaussian, 2))),
        Structure::Beads(Arc::new(beads(150, 16.0, AtomShape::HardSphere, 2))),
    ]
}

fn some_rotations() -> Vec<Matrix3> {
    let views = Views::new(1.1).unwrap();
    views.rotations()
}

fn moved(beads: &Beads, motion: impl Fn([f64; 3]) -> [f64; 3]) -> Structure {
    let positions_angstrom = beads.positions_angstrom.iter().map(|&position| motion(position)).collect();
    Structure::Beads(Arc::new(Beads { positions_angstrom, ..beads.clone() }))
}

#[test]
fn a_shift_of_the_structure_is_a_phase() {
    let shift = [3.0, -5.0, 2.0];
    for shape in [AtomShape::Gaussian, AtomShape::HardSphere] {
        let plain = beads(150, 14.0, shape, 3);
        let shifted = moved(&plain, |x| [x[0] + shift[0], x[1] + shift[1], x[2] + shift[2]]);
        let r = rotation(0.8, 1.1, 0.3);
        let mut expected = slices::<f64>(&Structure::Beads(Arc::new(plain)), &[r], &settings());
        let grid = polar();
        // In the image it moves by what the shift is along image axes 0 and 1.
        let along = [0, 1].map(|axis| (0..3).map(|row| r[row][axis] * shift[row]).sum::<f64>());
        for (n, shell) in expected.chunks_exact_mut(48).enumerate() {
            for (j, value) in shell.iter_mut().enumerate() {
                let (cos, sin) = grid.direction(j);
                let turns = 2.0 * grid.radii()[n] / 48.0 * (along[0] * cos + along[1] * sin);
                *value *= Complex::from_polar(1.0, -TAU * turns);
            }
        }
        assert!(weighted_error(&slices::<f64>(&shifted, &[r], &settings()), &expected, &grid) < TOLERANCE);
    }
}

#[test]
fn a_turned_structure_is_a_turned_view() {
    let plain = beads(150, 14.0, AtomShape::Gaussian, 4);
    let (turn, r) = (rotation(0.5, 0.9, 1.4), rotation(1.8, 2.0, 0.0));
    let apply = |m: &Matrix3, x: [f64; 3]| m.map(|row| row[0] * x[0] + row[1] * x[1] + row[2] * x[2]);
    let turned = moved(&plain, |x| apply(&turn, x));
    // The turned structure seen through turn · R is the structure seen through R.
    let product: Matrix3 = std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| turn[i][k] * r[k][j]).sum()));
    let expected = slices::<f64>(&Structure::Beads(Arc::new(plain)), &[r], &settings());
    assert!(weighted_error(&slices::<f64>(&turned, &[product], &settings()), &expected, &polar()) < TOLERANCE);
}

#[test]
fn gamma_rolls_the_in_planes() {
    for structure in structures() {
        let mut expected = slices::<f64>(&structure, &[rotation(0.4, 0.7, 0.0)], &settings());
        let turned = slices::<f64>(&structure, &[rotation(0.4, 0.7, TAU * 5.0 / 48.0)], &settings());
        // k at θ_j with γ is k at θ_j + γ without.
        expected.chunks_exact_mut(48).for_each(|shell| shell.rotate_left(5));
        assert!(weighted_error(&turned, &expected, &polar()) < TOLERANCE);
    }
}

#[test]
fn opposite_angles_are_conjugate_to_the_last_bit() {
    for structure in structures() {
        for shell in slices::<f32>(&structure, &some_rotations(), &settings()).chunks_exact(48) {
            let (first, second) = shell.split_at(24);
            assert!(first.iter().zip(second).all(|(x, y)| x.conj() == *y));
        }
    }
}

#[test]
fn opposite_views_are_mirrored() {
    for structure in structures() {
        let (azimuth, polar_angle) = (0.7, 1.2);
        let pair = [rotation(azimuth, polar_angle, 0.0), rotation(azimuth + PI, PI - polar_angle, 0.0)];
        let both = slices::<f64>(&structure, &pair, &settings());
        let (view, opposite) = both.split_at(both.len() / 2);
        let mut expected = view.to_vec();
        expected.chunks_exact_mut(48).for_each(|shell| shell[1..].reverse());
        assert!(weighted_error(opposite, &expected, &polar()) < TOLERANCE);
    }
}

/// Looked at along z, a map's slice is the transform of its projection along z; image axis 0 is then x.
#[test]
fn a_slice_is_the_transform_of_a_projection() {
    let n = 24;
    let density = noise_map([n, n, n], [2.0; 3], 5);
    let Voxels::Single(values) = &density.values else { unreachable!("noise is single") };
    let mut image = vec![0.0_f64; n * n];
    for (place, value) in values.iter().enumerate() {
        let (y, x) = (place / n % n, place % n);
        image[x * n + y] += f64::from(*value);
    }
    let transform = PolarTransform::<f64>::plan(n, &polar()).unwrap();
    let mut expected = vec![Complex::default(); transform.output_len()];
    transform.apply_normalized(&image, &mut expected, &mut transform.scratch());
    let slice = slices::<f64>(&Structure::Map(Arc::new(density)), &[rotation(0.0, 0.0, 0.0)], &settings());
    assert!(weighted_error(&slice, &expected, &polar()) < TOLERANCE);
}

#[test]
fn slices_have_norm_one_and_norms_scale() {
    let grid = polar();
    for structure in structures() {
        let plan = SlicePlan::<f64>::new(structure, &grid, 48.0, &settings()).unwrap();
        let rotations = some_rotations();
        let mut out = vec![Complex::default(); rotations.len() * plan.slice_len()];
        let mut norms = vec![0.0; rotations.len()];
        plan.compute(&rotations, &mut out, &mut norms).unwrap();
        assert!(norms.iter().all(|norm| norm.is_finite() && *norm > 0.0));
        for slice in out.chunks_exact(plan.slice_len()) {
            let square: f64 =
                slice.iter().enumerate().map(|(place, value)| value.norm_sqr() * grid.point_weight(place / 48)).sum();
            assert!((square - 1.0).abs() < 1e-13);
        }
    }
    let one = noise_map([8, 8, 8], [2.0; 3], 6);
    let Voxels::Single(values) = &one.values else { unreachable!("noise is single") };
    let seven = map(Voxels::Single(values.iter().map(|value| value * 8.0).collect()), [8; 3], [2.0; 3]);
    let norm = |density| {
        let plan = SlicePlan::<f64>::new(Structure::Map(Arc::new(density)), &grid, 48.0, &settings()).unwrap();
        let mut norms = [0.0];
        plan.compute(&some_rotations()[..1], &mut vec![Complex::default(); plan.slice_len()], &mut norms).unwrap();
        norms[0]
    };
    assert_eq!(norm(seven), 8.0 * norm(one));
}

#[test]
fn the_bytes_depend_on_nothing_else() {
    let rotations = some_rotations();
    for structure in structures() {
        let expected = slices::<f32>(&structure, &rotations, &settings());
        let bits = |values: &[Complex<f32>]| -> Vec<u64> {
            values.iter().map(|v| u64::from(v.re.to_bits()) << 32 | u64::from(v.im.to_bits())).collect()
        };
        for n_threads in [2, 3] {
            let settings = SliceSettings { n_threads, ..settings() };
            assert_eq!(bits(&slices::<f32>(&structure, &rotations, &settings)), bits(&expected));
        }
        // Batches of other sizes from one plan, in slabs and whole.
        let least = match SlicePlan::<f32>::estimate(
            &structure,
            &polar(),
            48.0,
            &SliceSettings { memory_bytes: 0, ..settings() },
        ) {
            Err(SliceError::Memory { needed, .. }) => 2 * needed,
            other => panic!("{other:?}"),
        };
        for memory_bytes in [1 << 30, 12 << 20, least] {
            let settings = SliceSettings { n_threads: 2, memory_bytes, ..settings() };
            let plan = SlicePlan::<f32>::new(structure.clone(), &polar(), 48.0, &settings).unwrap();
            println!("{memory_bytes}: {:?}", plan.method());
            // In slabs, every batch makes the grid again.
            let n_batches = if memory_bytes == 1 << 30 { 5 } else { 2 };
            for batch in [1, 7] {
                let mut out = vec![Complex::default(); expected.len()];
                let slices = rotations.chunks(batch).zip(out.chunks_mut(batch * plan.slice_len()));
                for (rotations, out) in slices.take(n_batches) {
                    plan.compute(rotations, out, &mut vec![0.0; rotations.len()]).unwrap();
                }
                let n = n_batches * batch * plan.slice_len();
                assert_eq!(bits(&out[..n]), bits(&expected[..n]));
            }
        }
    }
}

#[test]
fn values_anywhere_are_those_of_slices() {
    let grid = polar();
    for structure in structures() {
        let plan = SlicePlan::<f64>::new(structure.clone(), &grid, 48.0, &settings()).unwrap();
        let rotation = some_rotations()[5];
        let (mut slice, mut norm) = (vec![Complex::default(); plan.slice_len()], [0.0]);
        plan.compute(&[rotation], &mut slice, &mut norm).unwrap();
        let q = |shell: usize| 2.0 * grid.radii()[shell] / 48.0;
        let points: Vec<[f64; 3]> = (0..grid.n_points())
            .map(|place| {
                let (cos, sin) = grid.direction(place % grid.n_inplanes());
                rotation.map(|row| (row[0] * cos + row[1] * sin) * q(place / grid.n_inplanes()) * (1.0 - 1e-14))
            })
            .collect();
        let mut values = vec![Complex::default(); points.len()];
        plan.values_at(&points, &mut values);
        values.iter_mut().for_each(|value| *value /= norm[0]);
        assert!(weighted_error(&values, &slice, &grid) < 1e-12);
        // Beyond the outermost shell nothing is known.
        let mut beyond = [Complex::new(1.0, 0.0)];
        plan.values_at(&[[1.01 * q(grid.n_shells() - 1), 0.0, 0.0]], &mut beyond);
        assert_eq!(beyond[0], Complex::default());
    }
}

/// Some shells alone are those of whole slices, but for the norm, which is what their weights make of them.
#[test]
fn slices_on_some_shells_are_those_of_whole_ones() {
    let rotations = some_rotations();
    let all_weights: Vec<f64> = (0..polar().n_shells()).map(|shell| polar().point_weight(shell)).collect();
    // By interpolation and, of few, by sums.
    let few = SliceSettings { n_views: 1, ..SliceSettings::default() };
    for (odd, settings) in [(false, settings()), (true, settings()), (false, few)] {
        let grid = if odd { PolarGrid::new(6.0, 0.25, 47).unwrap() } else { polar() };
        let (p, n) = (grid.n_inplanes(), rotations.len());
        for structure in structures() {
            for places in [vec![0, 3, 4, 11, 24], (0..grid.n_shells()).collect()] {
                let weights: Vec<f64> = places.iter().map(|&shell| 2.0 * all_weights[shell]).collect();
                let some = SomeShells { places, weights };
                let plan = SlicePlan::<f64>::new(structure.clone(), &grid, 48.0, &settings).unwrap();
                let (mut all, mut norms) = (vec![Complex::default(); n * plan.slice_len()], vec![0.0; n]);
                plan.compute(&rotations, &mut all, &mut norms).unwrap();
                let (few, mut of_few) = (some.places.len(), vec![0.0; n]);
                let mut found = vec![Complex::new(7.0, 7.0); n * few * p];
                plan.compute_on(&some, &rotations, &mut found, &mut of_few).unwrap();
                for view in 0..n {
                    let slice = &all[view * plan.slice_len()..(view + 1) * plan.slice_len()];
                    let square = |(shell, weight): (&usize, &f64)| {
                        weight * slice[shell * p..(shell + 1) * p].iter().map(|value| value.norm_sqr()).sum::<f64>()
                    };
                    let norm = some.places.iter().zip(&some.weights).map(square).sum::<f64>().sqrt();
                    assert!((of_few[view] / (norm * norms[view]) - 1.0).abs() < TOLERANCE, "view {view}");
                    for (place, &shell) in some.places.iter().enumerate() {
                        for angle in 0..p {
                            let (one, other) = (found[(view * few + place) * p + angle], slice[shell * p + angle]);
                            assert!((one * norm - other).norm() < TOLERANCE, "view {view} {shell} {angle}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn every_instruction_set_is_accurate() {
    let grid = polar();
    for structure in structures() {
        let reference = slices::<f64>(&structure, &some_rotations()[..8], &settings());
        for set in instruction_sets() {
            let plan = SlicePlan::<f32>::new_on(set, structure.clone(), &grid, 48.0, &settings()).unwrap();
            let mut out = vec![Complex::default(); 8 * plan.slice_len()];
            plan.compute(&some_rotations()[..8], &mut out, &mut [0.0; 8]).unwrap();
            assert!(weighted_error(&out[..grid.n_points()], &reference[..grid.n_points()], &grid) < 3e-7, "{set}");
            let plan = SlicePlan::<f64>::new_on(set, structure.clone(), &grid, 48.0, &settings()).unwrap();
            let mut out = vec![Complex::default(); 8 * plan.slice_len()];
            plan.compute(&some_rotations()[..8], &mut out, &mut [0.0; 8]).unwrap();
            assert!(weighted_error(&out[..grid.n_points()], &reference[..grid.n_points()], &grid) < 1e-14, "{set}");
        }
    }
    let error = SlicePlan::<f32>::new_on("mmx", structures().remove(0), &grid, 48.0, &settings()).unwrap_err();
    assert!(error.to_string().contains("no instruction set `mmx`"));
}

#[test]
fn a_short_kernel_is_as_good_as_it_says_in_every_instruction_set() {
    let coarse = SliceSettings { coarse: true, ..settings() };
    let mut off_centre = beads(150, 14.0, AtomShape::Gaussian, 5);
    off_centre.positions_angstrom.iter_mut().for_each(|position| position[1] += 4.0);
    let mut structures = structures();
    structures.push(Structure::Beads(Arc::new(off_centre)));
    let rotations = some_rotations();
    for structure in structures {
        for p in [48, 51] {
            let grid = PolarGrid::new(6.0, 0.25, p).unwrap();
            let all = |plan: &SlicePlan<f32>| {
                let mut out = vec![Complex::default(); rotations.len() * plan.slice_len()];
                plan.compute(&rotations, &mut out, &mut vec![0.0; rotations.len()]).unwrap();
                out
            };
            let expected = all(&SlicePlan::new(structure.clone(), &grid, 48.0, &settings()).unwrap());
            for set in instruction_sets() {
                let plan = SlicePlan::<f32>::new_on(set, structure.clone(), &grid, 48.0, &coarse).unwrap();
                let found = all(&plan);
                for (found, expected) in found.chunks(plan.slice_len()).zip(expected.chunks(plan.slice_len())) {
                    let difference = |(a, b): (&Complex<f32>, &Complex<f32>)| f64::from((a - b).norm_sqr());
                    let off: f64 = found.iter().zip(expected).map(difference).sum();
                    let all: f64 = expected.iter().map(|value| f64::from(value.norm_sqr())).sum();
                    // 3.2e-4 along each of three axes.
                    assert!((off / all).sqrt() < 6e-4, "{set} {p}: {:e}", (off / all).sqrt());
                }
            }
        }
    }
}

#[test]
fn memory_is_known_before_and_bounded() {
    for structure in structures() {
        let whole = SlicePlan::<f32>::estimate(&structure, &polar(), 48.0, &settings()).unwrap();
        assert_eq!(whole.method, SliceMethod::Grid { n_slabs: 1 });
        let tight = SliceSettings { memory_bytes: whole.peak_bytes - 1, ..settings() };
        let tight = SlicePlan::<f32>::estimate(&structure, &polar(), 48.0, &tight).unwrap();
        assert!(tight.peak_bytes < whole.peak_bytes);
    }
    let structure = structures().remove(0);
    let nothing = SliceSettings { memory_bytes: 1000, ..settings() };
    let SliceError::Memory { needed, allowed: 1000 } =
        SlicePlan::<f32>::new(structure.clone(), &polar(), 48.0, &nothing).unwrap_err()
    else {
        panic!("1000 bytes are too few")
    };
    let least = SliceSettings { memory_bytes: needed, ..settings() };
    let estimate = SlicePlan::<f32>::estimate(&structure, &polar(), 48.0, &least).unwrap();
    assert!(estimate.peak_bytes <= needed);
    // Large boxes fit the default: 512 voxels are a grid of 1024, 4 GB if it were made at once.
    let shape = [512; 3];
    let mut values = vec![0.0_f32; shape.iter().product()];
    values[0] = 1.0;
    let structure = Structure::Map(Arc::new(map(Voxels::Single(values), shape, [1.0; 3])));
    let grid = PolarGrid::new(128.0, 0.25, 1024).unwrap();
    for n_threads in [1, 16] {
        let settings = SliceSettings { n_threads, ..SliceSettings::default() };
        let estimate = SlicePlan::<f32>::estimate(&structure, &grid, 512.0, &settings).unwrap();
        println!("{n_threads} threads: {estimate:?}");
        assert!(estimate.peak_bytes <= 1 << 30, "{estimate:?}");
    }
}

#[test]
fn what_cannot_be_sliced_is_an_error() {
    let grid = polar();
    let plan = |structure: &Structure, box_angstrom| {
        SlicePlan::<f32>::new(structure.clone(), &grid, box_angstrom, &settings()).map(|_| ())
    };
    let structure = structures().remove(1);
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-9] {
        assert!(matches!(plan(&structure, bad), Err(SliceError::Box(_))), "{bad}");
    }
    let none = Structure::Beads(Arc::new(Beads::default()));
    assert_eq!(plan(&none, 48.0), Err(SliceError::Structure(StructureError::Empty)));
    let flat = Structure::Map(Arc::new(map(Voxels::Single(vec![1.0; 27]), [3; 3], [1.0; 3])));
    assert_eq!(plan(&flat, 48.0), Err(SliceError::Structure(StructureError::Constant(1.0))));

    // Voxels of 1000 Å have no information within the grid: every template is 0.
    let coarse = Structure::Map(Arc::new(noise_map([4, 4, 4], [1000.0; 3], 7)));
    let plan = SlicePlan::<f32>::new(coarse, &grid, 48.0, &settings()).unwrap();
    let mut out = vec![Complex::new(5.0, 5.0); 2 * plan.slice_len()];
    let result = plan.compute(&some_rotations()[..2], &mut out, &mut [0.0; 2]);
    assert_eq!(result, Err(SliceError::Norm { view: 0, norm: 0.0 }));
    assert!(out.iter().all(|value| value.norm_sqr() == 0.0));

    // Values that single precision cannot hold.
    let mut values = vec![0.0; 64];
    values[5] = 1e300;
    let bright = Structure::Map(Arc::new(map(Voxels::Double(values), [4; 3], [2.0; 3])));
    let plan = SlicePlan::<f32>::new(bright, &grid, 48.0, &settings()).unwrap();
    let result = plan.compute(&some_rotations()[..1], &mut vec![Complex::default(); plan.slice_len()], &mut [0.0]);
    assert!(matches!(result, Err(SliceError::Norm { view: 0, .. })), "{result:?}");
}

#[test]
fn beads_out_of_reach_are_summed() {
    // A grid for two beads 200 000 Å apart would take petabytes.
    let structure = Structure::Beads(Arc::new(Beads {
        positions_angstrom: vec![[1e5, 0.0, 0.0], [-1e5, 0.0, 0.0]],
        radii_angstrom: vec![2.0; 2],
        ..Beads::default()
    }));
    let estimate = SlicePlan::<f32>::estimate(&structure, &polar(), 48.0, &settings()).unwrap();
    assert_eq!(estimate.method, SliceMethod::Direct);
    assert!(estimate.peak_bytes < 1 << 20);
}
