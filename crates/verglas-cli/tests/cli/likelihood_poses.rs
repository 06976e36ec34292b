//! Promise: a best pose, in RELION's convention, is where the template is. Proved by projecting the structure again, in real
//! space, at the angles and origins that tables have: the image is the template, moved and turned.

use std::f64::consts::TAU;

use num_complex::Complex;
use verglas::Findings;
use verglas::descriptor::ImageDescriptor;
use verglas::polar::PolarTransform;
use verglas::scoring::pose::TemplatePose;
use verglas::simulate::{ImageSimulator, SimulatedParticle, SimulationSettings};
use verglas::slices::{AtomMass, AtomShape};
use verglas::structures::{AxisOrder, Input, LoadSettings, Selection, Structures};
use verglas::templates::TemplateStack;

use crate::data_set::DataSet;
use crate::likelihood_data::run;
use crate::templates_data::{npy, positions, write_protein};

const N_PIXELS: usize = 48;
const PIXEL_ANGSTROM: f64 = 2.0;

/// cos of the angle between two images, with the weights of the grid.
fn correlation(a: &[Complex<f64>], b: &[Complex<f64>], descriptor: &ImageDescriptor) -> f64 {
    let grid = &descriptor.polar_grid;
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (place, (a, b)) in a.iter().zip(b).enumerate() {
        let weight = grid.point_weight(place / grid.n_inplanes());
        ab += weight * (a.conj() * b).re;
        aa += weight * a.norm_sqr();
        bb += weight * b.norm_sqr();
    }
    ab / (aa * bb).sqrt()
}

/// Compares templates of `input`, made with `arguments`, with projections at the poses that they stand for.
fn prove(set: &DataSet, input: &str, arguments: &str, axes: AxisOrder, least: f64) {
    let ran = run(set, &format!("templates {input} -d d.npz -o {input}.templates --no-plots {arguments}"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let name = input.split('.').next().unwrap();
    let path = set.path(&format!("{input}.templates/templates_fourier_{name}.pt"));
    let mut stack = TemplateStack::open(&path).unwrap();
    let facts = stack.facts().unwrap().clone();
    let descriptor = facts.descriptor.clone();
    let grid = &descriptor.polar_grid;
    let p = grid.n_inplanes();

    let box_angstrom = N_PIXELS as f64 * PIXEL_ANGSTROM;
    let selection = Selection::parse("name CA").unwrap();
    let load = LoadSettings::with_selection(selection, box_angstrom, PIXEL_ANGSTROM);
    let structures = Structures::plan(vec![Input::File(set.path(input))], load, &mut Findings::new());
    let content = structures.load(&structures.planned()[0], &mut Findings::new()).unwrap();
    let mut settings = SimulationSettings::new(4, N_PIXELS);
    settings.pixel_size_angstrom = PIXEL_ANGSTROM;
    settings.structures = vec![content.into_sliceable(AtomShape::Gaussian, AtomMass::Volume, false)];
    let simulator = ImageSimulator::new(&settings).unwrap();
    let mut scratch = simulator.scratch();
    let transform = PolarTransform::<f64>::plan(N_PIXELS, grid).unwrap();
    let mut transform_scratch = transform.scratch();

    for (view, w, d) in [(0, 0, [0.0, 0.0]), (7, 5, [3.0, -1.5]), (20, 60, [-4.0, 2.0]), (31, 33, [0.5, 5.0])] {
        let template = stack.read_double(view..view + 1).unwrap();
        let moved_and_turned: Vec<Complex<f64>> = (0..template.len())
            .map(|place| {
                let (shell, j) = (place / p, (place % p + w) % p);
                let (cos, sin) = grid.direction(j);
                let turns = grid.radii()[shell] * 2.0 / box_angstrom * (d[0] * cos + d[1] * sin);
                template[shell * p + j] * Complex::cis(-TAU * turns)
            })
            .collect();
        let pose = TemplatePose {
            azimuth: facts.views.azimuth[view],
            polar: facts.views.polar[view],
            gamma: facts.views.gamma[view],
            rotation: TAU * w as f64 / p as f64,
            displacement_angstrom: d,
        };
        let (pose, origin_angstrom) = pose.in_relions_convention(axes);
        let particle = SimulatedParticle { pose, origin_angstrom, structure: 0, ..simulator.particle(0) };
        let mut image = vec![0.0_f32; N_PIXELS * N_PIXELS];
        simulator.write_projection(&particle, &mut scratch, &mut image);
        let image: Vec<f64> = image.into_iter().map(f64::from).collect();
        let mut projected = vec![Complex::default(); grid.n_points()];
        transform.apply_normalized(&image, &mut projected, &mut transform_scratch);
        let found = correlation(&projected, &moved_and_turned, &descriptor);
        println!("{input} view {view}: {:.1e}", 1.0 - found);
        assert!(found > least, "{input}, view {view}, rotation {w}, displacement {d:?}: {found}");
    }
}

/// A map of some Gaussians of 4 Å, without any symmetry; voxels of 2 Å, so that nothing is left at Nyquist.
fn smooth_map() -> Vec<u8> {
    let shape = [20, 24, 22];
    let centres = positions(6, 5);
    let mut values = Vec::new();
    for z in 0..shape[0] {
        for y in 0..shape[1] {
            for x in 0..shape[2] {
                let at = [x, y, z].map(|voxel| 2.0 * f64::from(voxel) - 22.0);
                let density = centres.iter().enumerate().map(|(place, centre)| {
                    let distance2: f64 = (0..3).map(|axis| (at[axis] - centre[axis]).powi(2)).sum();
                    (1.0 + place as f64) * (-distance2 / 32.0).exp()
                });
                values.push(density.sum::<f64>() as f32);
            }
        }
    }
    npy(&shape.map(|side| side as usize), &values)
}

#[test]
fn projections_at_the_exported_pose_are_the_template_moved_and_turned() {
    let set = DataSet::empty();
    write_protein(&set, "a.pdb", 14, 1);
    std::fs::write(set.path("map.npy"), smooth_map()).unwrap();
    std::fs::copy(set.path("map.npy"), set.path("exchanged.npy")).unwrap();
    let ran = run(&set, "descriptor --n-pixels 48 --pixel-size 2 --precision double --viewing-distance 1.2 -o d.npz");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    prove(&set, "a.pdb", "", AxisOrder::Zyx, 1.0 - 1e-6);
    prove(&set, "map.npy", "", AxisOrder::Zyx, 1.0 - 1e-5);
    prove(&set, "exchanged.npy", "--axis-order xyz", AxisOrder::Xyz, 1.0 - 1e-5);
}
