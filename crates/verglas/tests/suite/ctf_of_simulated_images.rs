//! Promise: simulated images carry the contrast transfer function that their metadata say, along the right axis.

use crate::correlation::correlation;
use num_complex::Complex32;
use std::f64::consts::{FRAC_PI_2, PI};
use verglas::simulate::{ImageSimulator, SimulationSettings};

const N_PIXELS: usize = 64;
const PIXEL_SIZE_ANGSTROM: f64 = 1.5;
const N_PARTICLES: usize = 24;

/// Adds the power of each frequency, `[N, N]`, rows (k_y) first, to `sum`.
fn add_power(image: &[f32], sum: &mut [f64]) {
    let n = N_PIXELS;
    let fft = verglas_fft::plan_complex_forward_f32(n);
    let mut values: Vec<Complex32> = image.iter().map(|&value| Complex32::new(value, 0.0)).collect();
    for _ in 0..2 {
        fft.process(&mut values);
        values = (0..n * n).map(|index| values[index % n * n + index / n]).collect();
    }
    sum.iter_mut().zip(&values).for_each(|(sum, value)| *sum += f64::from(value.norm_sqr()));
}

/// The square of the function, from the defoci along and across the axis instead of their mean and difference.
fn squared_ctf(u: f64, v: f64, angle: f64, kx: f64, ky: f64) -> f64 {
    let wavelength = 0.019_687_49;
    let along = kx * angle.cos() + ky * angle.sin();
    let across = -kx * angle.sin() + ky * angle.cos();
    let k2 = kx * kx + ky * ky;
    let phase = PI * wavelength * (u * along * along + v * across * across)
        - FRAC_PI_2 * 2.7e7 * f64::powi(wavelength, 3) * k2 * k2
        + f64::asin(0.1);
    phase.sin().powi(2)
}

#[test]
fn power_follows_the_squared_ctf_along_its_axis() {
    let n = N_PIXELS;
    for astigmatism in [4_000.0, -4_000.0] {
        for angle_deg in [20.0_f64, 110.0, -20.0, -110.0, 45.0, 170.0] {
            let angle = angle_deg.to_radians();
            let settings = SimulationSettings {
                pixel_size_angstrom: PIXEL_SIZE_ANGSTROM,
                defocus_angstrom: 12_000.0..=12_000.0,
                astigmatism_angstrom: astigmatism..=astigmatism,
                defocus_angle_rad: angle..=angle,
                signal_to_noise: None,
                ..SimulationSettings::new(N_PARTICLES, n)
            };
            let simulator = ImageSimulator::new(&settings).unwrap();
            let mut scratch = simulator.scratch();
            let mut image = vec![0.0; n * n];
            let (mut with, mut without) = (vec![0.0; n * n], vec![0.0; n * n]);
            for index in 0..N_PARTICLES {
                simulator.write_image(index, &mut scratch, &mut image);
                add_power(&image, &mut with);
                simulator.write_projection(&simulator.particle(index), &mut scratch, &mut image);
                add_power(&image, &mut without);
            }
            let (u, v) = (12_000.0 + 0.5 * astigmatism, 12_000.0 - 0.5 * astigmatism);
            let (mut power, mut right, mut turned, mut mirrored) = (vec![], vec![], vec![], vec![]);
            for index in 0..n * n {
                let frequency = |index: usize| {
                    let signed = if index < n / 2 { index as f64 } else { index as f64 - n as f64 };
                    signed / (n as f64 * PIXEL_SIZE_ANGSTROM)
                };
                let (kx, ky) = (frequency(index % n), frequency(index / n));
                let resolution = 1.0 / kx.hypot(ky);
                if !(4.0..50.0).contains(&resolution) {
                    continue;
                }
                power.push(with[index] / without[index]);
                right.push(squared_ctf(u, v, angle, kx, ky));
                turned.push(squared_ctf(u, v, angle + FRAC_PI_2, kx, ky));
                mirrored.push(squared_ctf(u, v, -angle, kx, ky));
            }
            let found = correlation(&power, &right);
            // All that differs is single precision, on terms that are down to 1e-4 of the largest.
            assert!(found > 0.999, "{angle_deg}°, U − V = {astigmatism} Å: {found}");
            let wrong = correlation(&power, &turned);
            assert!(wrong < 0.6, "turned by 90° from {angle_deg}°: {wrong}");
            if (2.0 * angle).sin().abs() > 0.5 {
                let wrong = correlation(&power, &mirrored);
                assert!(wrong < 0.8, "mirrored, {angle_deg}°: {wrong}");
            }
        }
    }
}

#[test]
fn one_view_lights_up_where_the_particle_is() {
    // Underfocus and a light particle: the centre of the image is lighter than its rim, as in a real stack.
    let n = N_PIXELS;
    let settings = SimulationSettings { signal_to_noise: None, ..SimulationSettings::new(N_PARTICLES, n) };
    let simulator = ImageSimulator::new(&settings).unwrap();
    let mut scratch = simulator.scratch();
    let mut image = vec![0.0; n * n];
    for index in 0..N_PARTICLES {
        simulator.write_image(index, &mut scratch, &mut image);
        let (mut inside, mut outside) = ((0.0, 0), (0.0, 0));
        for (index, &value) in image.iter().enumerate() {
            let offset = |index: usize| index as f64 - (n / 2) as f64;
            let radius = offset(index / n).hypot(offset(index % n)) / n as f64;
            let sum = if radius < 0.3 { &mut inside } else { &mut outside };
            sum.0 += f64::from(value);
            sum.1 += 1;
        }
        assert!(inside.0 / f64::from(inside.1) > outside.0 / f64::from(outside.1), "particle {index}");
    }
}
