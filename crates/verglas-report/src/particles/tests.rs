//! Promise: the CTF that the report draws lies on the rings of the image's power, along the right axis.

use std::path::Path;

use verglas_particles::metadata::Input;
use verglas_particles::settings::{ConvertSettings, DefocusAngleAxis};
use verglas_run::descriptor::ImageDescriptor;
use verglas_run::manifest::FolderRecord;
use verglas_simulate::{SimulationSettings, simulate};

use super::examples::{Example, FourierImages};
use super::stack_files::Stacks;
use verglas_core::{Silent, StopFlag};
use verglas_particles::Conversion;

// 256 Å: between neighbouring shells the CTF's phase turns by less than a radian up to 8 Å.
const N_PIXELS: usize = 128;
const PIXEL_SIZE_ANGSTROM: f64 = 2.0;
const N_PARTICLES: usize = 40;

/// Simulated images without noise, converted; all of them as examples, and the mean power on each point of the grid.
fn examples(folder: &Path, settings: &SimulationSettings, axis: DefocusAngleAxis) -> (Vec<Example>, ImageDescriptor) {
    simulate(settings, folder, &Silent, &StopFlag::new(false)).unwrap();
    let output = folder.join("out");
    let star = Input::IndexedStar(folder.join("particles.star"));
    let convert = ConvertSettings { defocus_angle_axis: axis, plots: false, ..ConvertSettings::default() };
    let conversion = Conversion::prepare(star, convert).unwrap();
    conversion.run(&output).unwrap();
    let stacks = Stacks::new(&output, &FolderRecord::read(&output).unwrap()).unwrap();
    let examples = FourierImages::new(&stacks).examples(N_PARTICLES).unwrap();
    assert_eq!(examples.len(), N_PARTICLES);
    (examples, stacks.descriptor)
}

fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let n = pairs.len() as f64;
    let (mean_a, mean_b) = pairs.iter().fold((0.0, 0.0), |(a, b), pair| (a + pair.0 / n, b + pair.1 / n));
    let sum = |f: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|(a, b)| f(a - mean_a, b - mean_b)).sum::<f64>();
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

#[test]
fn the_drawn_ctf_lies_on_the_rings_of_the_power_profile() {
    let folder = tempfile::tempdir().unwrap();
    let settings = SimulationSettings {
        pixel_size_angstrom: PIXEL_SIZE_ANGSTROM,
        defocus_angstrom: 9_000.0..=15_000.0,
        astigmatism_angstrom: 0.0..=300.0,
        signal_to_noise: None,
        ..SimulationSettings::new(N_PARTICLES, N_PIXELS)
    };
    let (examples, _) = examples(folder.path(), &settings, DefocusAngleAxis::Columns);
    let n_shells = examples[0].profile.len();
    let squared_ctf = |example: &Example, shell: usize| example.ctf.rotational_mean_power(example.profile[shell].0);
    // What the particle scatters at each radius, averaged over views with different defocus: independent of the CTF.
    let mean = |of: &dyn Fn(&Example) -> f64| examples.iter().map(of).sum::<f64>() / examples.len() as f64;
    let scattered: Vec<f64> =
        (0..n_shells).map(|shell| mean(&|e| e.profile[shell].1) / mean(&|e| squared_ctf(e, shell))).collect();
    let of = |other: usize| {
        let mut pairs = Vec::new();
        for (index, example) in examples.iter().enumerate() {
            let drawn = &examples[(index + other) % examples.len()];
            for (shell, &(frequency, power)) in example.profile.iter().enumerate() {
                if (1.0 / 40.0..1.0 / 8.0).contains(&frequency) {
                    pairs.push(((power / scattered[shell]).sqrt(), squared_ctf(drawn, shell).sqrt()));
                }
            }
        }
        correlation(&pairs)
    };
    let right = of(0);
    let wrong: Vec<f64> = [1, 7, 19].map(of).to_vec();
    eprintln!("right {right}, wrong {wrong:?}");
    // Views differ in what they scatter by a factor of two either way, which is not noise of the CTF; another
    // particle's CTF has nothing to do with it but the first ring, which all share.
    assert!(right > 0.75, "{right}");
    assert!(wrong.iter().all(|&wrong| wrong < right - 0.3), "right {right}, wrong {wrong:?}");
}

#[test]
fn the_drawn_ellipses_have_the_astigmatisms_direction_whichever_axis_was_written() {
    for axis in [DefocusAngleAxis::Columns, DefocusAngleAxis::Rows] {
        for degrees in [25.0_f64, -65.0] {
            let folder = tempfile::tempdir().unwrap();
            let angle = degrees.to_radians();
            let settings = SimulationSettings {
                pixel_size_angstrom: PIXEL_SIZE_ANGSTROM,
                defocus_angstrom: 12_000.0..=12_000.0,
                astigmatism_angstrom: 5_000.0..=5_000.0,
                defocus_angle_rad: angle..=angle,
                signal_to_noise: None,
                ..SimulationSettings::new(N_PARTICLES, N_PIXELS)
            };
            let (examples, descriptor) = examples(folder.path(), &settings, axis);
            let ring = &examples[0].rings[0];
            // From the columns' direction (right) towards the rows' (down): zeros come earliest along U.
            let azimuth = |point: &[f64; 2]| point[1].atan2(point[0]).to_degrees().rem_euclid(180.0);
            let nearest = ring.iter().min_by(|a, b| a[0].hypot(a[1]).total_cmp(&b[0].hypot(b[1]))).unwrap();
            let difference = (azimuth(nearest) - degrees + 90.0).rem_euclid(180.0) - 90.0;
            assert!(difference.abs() <= 5.0, "{axis:?}, {degrees}°: {}", azimuth(nearest));

            // And there the images' power is least: along the ring, turned by 45° and 90° it is larger.
            let grid = &descriptor.polar_grid;
            let stack = folder.path().join("out/fft/particles_fourier_stack_000000.pt");
            let mut file = verglas_formats::pt::PtFile::open(stack).unwrap();
            let values = file.read_complex64(0..N_PARTICLES as u64).unwrap();
            let power_along = |turn_degrees: f64| -> f64 {
                let rings = examples[0].rings.iter().take(4).flatten();
                rings
                    .map(|point| {
                        // Rings count radii from 0 to 1, the angle from right; the grid's θ is 0 downwards.
                        let radius = point[0].hypot(point[1]) * grid.radius_max();
                        let theta =
                            std::f64::consts::FRAC_PI_2 - (point[1].atan2(point[0]) + turn_degrees.to_radians());
                        let shell = grid.radii().partition_point(|&r| r < radius).min(grid.n_shells() - 1);
                        let turn = (theta / std::f64::consts::TAU).rem_euclid(1.0);
                        let j = (turn * grid.n_inplanes() as f64).round() as usize % grid.n_inplanes();
                        let at = shell * grid.n_inplanes() + j;
                        values.chunks_exact(grid.n_points()).map(|image| f64::from(image[at].norm_sqr())).sum::<f64>()
                    })
                    .sum()
            };
            let on_the_rings = power_along(0.0);
            for turn in [45.0, 90.0, 135.0] {
                let beside = power_along(turn);
                eprintln!("{axis:?} {degrees} {turn}: {}", beside / on_the_rings);
                assert!(
                    beside > 2.0 * on_the_rings,
                    "{axis:?}, {degrees}°, turned by {turn}°: {on_the_rings} {beside}"
                );
            }
        }
    }
}
