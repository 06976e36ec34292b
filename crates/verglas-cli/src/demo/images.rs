//! The demo's stacks against what was simulated: images are known without their noise, at their poses and with their CTFs.

use std::f64::consts::PI;
use std::path::Path;

use verglas::polar::PolarTransform;
use verglas::simulate::{ImageSimulator, SimulationSettings};
use verglas::stack::FourierStack;
use verglas::{Error, Result};

/// How well converted images go with the truth, over all images.
#[derive(Debug, Clone, Copy)]
pub struct Agreement {
    /// Mean correlation of an image with itself without noise, on the polar grid.
    pub correlation: f64,
    /// What the noise leaves of 1, as the simulation's signal to noise lets expect.
    pub expected: f64,
}

impl Agreement {
    /// Whether both are the same, but for the chance of so many images.
    pub fn is_as_expected(self) -> bool {
        (self.correlation - self.expected).abs() < 0.01
    }
}

/// Compares the stacks below `folder` with what `simulation` makes.
///
/// # Errors
/// When a stack can't be read, or holds other images.
pub fn compare(folder: &Path, simulation: &SimulationSettings) -> Result<Agreement> {
    let simulator = ImageSimulator::new(simulation)?;
    let noise = simulation.signal_to_noise.map_or(0.0, |ratio| 1.0 / ratio);
    let n_pixels = simulation.n_pixels;
    let mut stack = FourierStack::open_in(folder, 0)?;
    let grid = stack.descriptor().polar_grid.clone();
    let other = |error: &dyn std::fmt::Display| Error::value(format!("`{}`: {error}", folder.display()));
    let transform = PolarTransform::<f32>::plan(n_pixels, &grid).map_err(|error| other(&error))?;
    let n_inplanes = grid.n_inplanes();
    let area: f64 = (0..grid.n_shells()).map(|shell| n_inplanes as f64 * grid.point_weight(shell)).sum();
    // The power of white noise of variance 1 on the grid: |F|² is (4π/N)² · N² at each point.
    let noise_power = 16.0 * PI * PI * area;

    let (mut scratch, mut transform_scratch) = (simulator.scratch(), transform.scratch());
    let (mut pixels, mut converted) = (vec![0.0_f32; n_pixels * n_pixels], Vec::new());
    let mut truth = vec![Default::default(); transform.output_len()];
    let mut sum = Agreement { correlation: 0.0, expected: 0.0 };
    let (mut number, mut image) = (0, 0);
    for index in 0..simulation.n_particles {
        if image == stack.n_images() {
            (number, image) = (number + 1, 0);
            stack = FourierStack::open_in(folder, number)?;
        }
        stack.read_images::<f32>(image, 1, &mut converted)?;
        image += 1;
        if converted.len() != truth.len() {
            return Err(other(&"it holds images on other grids"));
        }
        simulator.write_noiseless(&simulator.particle(index), &mut scratch, &mut pixels);
        let n = pixels.len() as f64;
        let mean = pixels.iter().map(|&pixel| f64::from(pixel)).sum::<f64>() / n;
        let variance = pixels.iter().map(|&pixel| (f64::from(pixel) - mean).powi(2)).sum::<f64>() / n;
        pixels.iter_mut().for_each(|pixel| *pixel -= mean as f32);
        transform.apply(&pixels, &mut truth, &mut transform_scratch);
        let (mut product, mut of_truth, mut of_image) = (0.0, 0.0, 0.0);
        for (shell, (truth, converted)) in truth.chunks(n_inplanes).zip(converted.chunks(n_inplanes)).enumerate() {
            let weight = grid.point_weight(shell);
            for (a, b) in truth.iter().zip(converted) {
                product += weight * f64::from(a.re * b.re + a.im * b.im);
                of_truth += weight * f64::from(a.norm_sqr());
                of_image += weight * f64::from(b.norm_sqr());
            }
        }
        sum.correlation += product / (of_truth * of_image).sqrt();
        sum.expected += (of_truth / (of_truth + noise * variance * noise_power)).sqrt();
    }
    let n_images = simulation.n_particles as f64;
    Ok(Agreement { correlation: sum.correlation / n_images, expected: sum.expected / n_images })
}
