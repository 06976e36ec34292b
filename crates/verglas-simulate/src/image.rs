//! One particle's image: projection, contrast transfer, noise.

use std::sync::Arc;

use num_complex::Complex32;
use rand::RngExt;
use rand_distr::StandardNormal;
use verglas_core::Result;
use verglas_fft::{ComplexToReal, Fft, RealToComplex};
use verglas_fourier::ctf::Ctf;

use super::SimulationSettings;
use super::density::{Density, ProjectionGeometry};
use super::particle::{Purpose, SimulatedParticle};
use super::structure::ProjectedStructure;

/// Makes the images of a data set, in any order and on any number of threads: an image depends on the settings and its
/// index alone.
pub struct ImageSimulator {
    settings: SimulationSettings,
    density: Density,
    /// What is projected instead of the density, if anything.
    structures: Vec<ProjectedStructure>,
    rows_forward: Arc<dyn RealToComplex<f32>>,
    rows_inverse: Arc<dyn ComplexToReal<f32>>,
    columns_forward: Arc<dyn Fft<f32>>,
    columns_inverse: Arc<dyn Fft<f32>>,
    /// Frequencies of a column's transform in its order, in 1/Å; at Nyquist, for even N, the positive one.
    column_frequencies: Vec<f64>,
}

/// What [`ImageSimulator`] needs in addition to the image, made once per thread.
pub struct ImageScratch {
    /// Spectrum of the rows, `[N, N/2 + 1]`.
    rows: Vec<Complex32>,
    /// The same, columns first: `[N/2 + 1, N]`.
    columns: Vec<Complex32>,
    fft: Vec<Complex32>,
    /// One column of the contrast transfer function, or one row of a Gaussian.
    line: Vec<f32>,
    mirrored: Vec<f32>,
}

impl ImageSimulator {
    /// Plans the transforms and places the density for these settings.
    ///
    /// # Errors
    /// See [`SimulationSettings::check`]; a structure that can't be projected.
    pub fn new(settings: &SimulationSettings) -> Result<Self> {
        settings.check()?;
        let n = settings.n_pixels;
        let box_angstrom = n as f64 * settings.pixel_size_angstrom;
        let column_frequencies = (0..n)
            .map(|index| if index <= n / 2 { index as f64 } else { index as f64 - n as f64 })
            .map(|index| index / box_angstrom)
            .collect();
        let structures = settings
            .structures
            .iter()
            .map(|structure| ProjectedStructure::new(structure, n, settings.pixel_size_angstrom, settings.n_particles));
        Ok(Self {
            structures: structures.collect::<Result<_>>()?,
            settings: settings.clone(),
            density: Density::of_known_particle(box_angstrom, settings.pixel_size_angstrom),
            rows_forward: verglas_fft::plan_real_forward_f32(n),
            rows_inverse: verglas_fft::plan_real_inverse_f32(n),
            columns_forward: verglas_fft::plan_complex_forward_f32(n),
            columns_inverse: verglas_fft::plan_complex_inverse_f32(n),
            column_frequencies,
        })
    }

    /// The settings it was made for.
    pub fn settings(&self) -> &SimulationSettings {
        &self.settings
    }

    /// The density that is projected where no structures are given.
    pub fn density(&self) -> &Density {
        &self.density
    }

    /// The truth about the particle `index`, from 0.
    pub fn particle(&self, index: usize) -> SimulatedParticle {
        SimulatedParticle::draw(&self.settings, index)
    }

    /// Scratch for one thread.
    pub fn scratch(&self) -> ImageScratch {
        let n = self.settings.n_pixels;
        let n_half = n / 2 + 1;
        let zero = Complex32::default();
        let fft = [
            self.rows_forward.get_scratch_len(),
            self.rows_inverse.get_scratch_len(),
            self.columns_forward.get_inplace_scratch_len(),
            self.columns_inverse.get_inplace_scratch_len(),
        ];
        ImageScratch {
            rows: vec![zero; n * n_half],
            columns: vec![zero; n * n_half],
            fft: vec![zero; fft.into_iter().max().unwrap_or(0)],
            line: vec![0.0; n],
            mirrored: vec![0.0; n],
        }
    }

    /// Writes the projection of the particle's structure, or of the known density, alone into `image`, `[N, N]`, rows first.
    ///
    /// # Panics
    /// When `image` does not hold N² values, as do the other methods that write one.
    pub fn write_projection(&self, particle: &SimulatedParticle, scratch: &mut ImageScratch, image: &mut [f32]) {
        let geometry = ProjectionGeometry {
            rotation: particle.pose.matrix(),
            origin_angstrom: particle.origin_angstrom,
            pixel_size_angstrom: self.settings.pixel_size_angstrom,
            n_pixels: self.settings.n_pixels,
        };
        match self.structures.get(particle.structure) {
            None => self.density.write_projection(&geometry, &mut scratch.line, image),
            Some(structure) => {
                structure.write_transform(&geometry, &self.column_frequencies, &mut scratch.columns);
                self.transform_back(scratch, image);
            }
        }
    }

    /// Writes the projection with the particle's contrast transfer function applied, without noise, into `image`.
    pub fn write_noiseless(&self, particle: &SimulatedParticle, scratch: &mut ImageScratch, image: &mut [f32]) {
        self.write_projection(particle, scratch, image);
        self.apply_ctf(&particle.ctf, scratch, image);
    }

    /// Writes the image of the particle `index`, as it is in the data set, into `image`.
    pub fn write_image(&self, index: usize, scratch: &mut ImageScratch, image: &mut [f32]) {
        self.write_noiseless(&self.particle(index), scratch, image);
        if let Some(ratio) = self.settings.signal_to_noise {
            let sigma = (variance(image) / ratio).sqrt() as f32;
            let mut stream = Purpose::Noise.stream(self.settings.seed, index);
            for pixel in image {
                *pixel += sigma * stream.sample::<f32, _>(StandardNormal);
            }
        }
    }

    /// Multiplies the image's spectrum by the function, on the box itself (what leaves the box on one side comes in on
    /// the other).
    ///
    /// Where N is even, a Nyquist term stands for both signs of its frequency and gets the mean of the two values, so
    /// that the image stays real.
    pub fn apply_ctf(&self, ctf: &Ctf, scratch: &mut ImageScratch, image: &mut [f32]) {
        let n = self.settings.n_pixels;
        let n_half = n / 2 + 1;
        let ImageScratch { rows, columns, fft, line, mirrored } = scratch;
        for (pixels, spectrum) in image.chunks_exact_mut(n).zip(rows.chunks_exact_mut(n_half)) {
            // The lengths are those of the plan, which is all that can be wrong.
            self.rows_forward.process_with_scratch(pixels, spectrum, fft).expect("lengths as planned");
        }
        transpose(rows, columns, n, n_half);
        self.columns_forward.process_with_scratch(columns, fft);

        let coefficients = ctf.coefficients();
        // Two transforms of N points there and back, unnormalised.
        let factor = 1.0 / (n * n) as f32;
        let nyquist = n / 2;
        let is_even = n.is_multiple_of(2);
        for (index, column) in columns.chunks_exact_mut(n).enumerate() {
            let kx = self.column_frequencies[index];
            coefficients.fill_line(kx, &self.column_frequencies, line);
            if is_even && index == nyquist {
                coefficients.fill_line(-kx, &self.column_frequencies, mirrored);
                line.iter_mut().zip(mirrored.iter()).for_each(|(value, other)| *value = 0.5 * (*value + other));
            } else if is_even {
                let other = coefficients.value(-kx, self.column_frequencies[nyquist]);
                line[nyquist] = 0.5 * (line[nyquist] + other as f32);
            }
            for (value, ctf) in column.iter_mut().zip(line.iter()) {
                *value *= ctf * factor;
            }
        }

        self.transform_back(scratch, image);
    }

    /// The image of the transform in `scratch.columns`, which is used up.
    fn transform_back(&self, scratch: &mut ImageScratch, image: &mut [f32]) {
        let n = self.settings.n_pixels;
        let (n_half, nyquist, is_even) = (n / 2 + 1, n / 2, n.is_multiple_of(2));
        let ImageScratch { rows, columns, fft, .. } = scratch;
        self.columns_inverse.process_with_scratch(columns, fft);
        transpose(columns, rows, n_half, n);
        for (pixels, spectrum) in image.chunks_exact_mut(n).zip(rows.chunks_exact_mut(n_half)) {
            // Real but for rounding, which the transform insists on.
            spectrum[0].im = 0.0;
            if is_even {
                spectrum[nyquist].im = 0.0;
            }
            self.rows_inverse.process_with_scratch(spectrum, pixels, fft).expect("lengths as planned, real ends");
        }
    }
}

/// Writes `from`, `[n_rows, n_columns]`, into `to`, `[n_columns, n_rows]`, in blocks that stay in the cache.
fn transpose(from: &[Complex32], to: &mut [Complex32], n_rows: usize, n_columns: usize) {
    const BLOCK: usize = 16;
    for first_row in (0..n_rows).step_by(BLOCK) {
        let end_row = (first_row + BLOCK).min(n_rows);
        for first_column in (0..n_columns).step_by(BLOCK) {
            let end_column = (first_column + BLOCK).min(n_columns);
            for column in first_column..end_column {
                for row in first_row..end_row {
                    to[column * n_rows + row] = from[row * n_columns + column];
                }
            }
        }
    }
}

/// Mean squared deviation from the mean.
fn variance(image: &[f32]) -> f64 {
    let n = image.len() as f64;
    let mean = image.iter().map(|&value| f64::from(value)).sum::<f64>() / n;
    image.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / n
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn simulator(n_pixels: usize) -> ImageSimulator {
        let mut settings = SimulationSettings::new(8, n_pixels);
        settings.astigmatism_angstrom = -4_000.0..=4_000.0;
        ImageSimulator::new(&settings).unwrap()
    }

    /// Against the definition: the discrete Fourier transform summed pixel by pixel in double precision, multiplied,
    /// and summed back.
    #[test]
    fn the_ctf_is_a_product_in_fourier_space() {
        for n in [10, 11] {
            let simulator = simulator(n);
            let mut scratch = simulator.scratch();
            let particle = simulator.particle(3);
            let mut image: Vec<f32> = (0..n * n).map(|index| ((index * 37 % 101) as f32 / 50.0) - 1.0).collect();
            let before = image.clone();
            simulator.apply_ctf(&particle.ctf, &mut scratch, &mut image);

            let side = n as f64 * simulator.settings().pixel_size_angstrom;
            let signed = |index: usize| if index <= n / 2 { index as f64 } else { index as f64 - n as f64 };
            let is_nyquist = |index: usize| n % 2 == 0 && index == n / 2;
            let mut expected = vec![0.0; n * n];
            for q in 0..n {
                for p in 0..n {
                    let (kx, ky) = (signed(p) / side, signed(q) / side);
                    let mut ctf = particle.ctf.value(kx, ky);
                    if is_nyquist(p) || is_nyquist(q) {
                        ctf = 0.5 * (ctf + particle.ctf.value(-kx, ky));
                    }
                    let angle = |x: usize, y: usize| TAU * ((p * x + q * y) % n) as f64 / n as f64;
                    let (mut re, mut im) = (0.0, 0.0);
                    for y in 0..n {
                        for x in 0..n {
                            re += f64::from(before[y * n + x]) * angle(x, y).cos();
                            im -= f64::from(before[y * n + x]) * angle(x, y).sin();
                        }
                    }
                    for y in 0..n {
                        for x in 0..n {
                            let (sin, cos) = angle(x, y).sin_cos();
                            expected[y * n + x] += ctf * (re * cos - im * sin) / (n * n) as f64;
                        }
                    }
                }
            }
            for (value, expected) in image.iter().zip(&expected) {
                // Values of size 1 through two single-precision transforms.
                assert!((f64::from(*value) - expected).abs() < 1e-6, "{n}: {value}, expected {expected}");
            }
        }
    }

    /// Beads are Gaussians, which the known density's way projects as well: in real space, pixel by pixel.
    #[test]
    fn a_structure_of_beads_is_projected_as_gaussians_are() {
        use crate::density::{Density, Gaussian};
        use verglas_fourier::slices::{AtomMass, Beads, Structure};

        for (n, n_beads) in [(48, 7), (47, 7), (48, 900)] {
            let pixel_size_angstrom = 2.0;
            let positions_angstrom: Vec<[f64; 3]> = (0..n_beads)
                .map(|bead| [0.618, 0.414, 0.732].map(|step| 36.0 * ((f64::from(bead) * step).fract() - 0.5)))
                .collect();
            // Wide enough that pixels sample them: what lies beyond Nyquist is below 1e-6 of them.
            let radii_angstrom = vec![4.0; positions_angstrom.len()];
            let gaussians = positions_angstrom.iter().map(|&centre_angstrom| Gaussian {
                centre_angstrom,
                sigma_angstrom: 4.0,
                weight: 1.0,
            });
            let density = Density::new(gaussians.collect());
            let beads = Beads { positions_angstrom, radii_angstrom, mass: AtomMass::Equal, ..Beads::default() };
            let settings = SimulationSettings {
                structures: vec![Structure::Beads(Arc::new(beads))],
                pixel_size_angstrom,
                ..SimulationSettings::new(40, n)
            };
            let simulator = ImageSimulator::new(&settings).unwrap();
            let mut scratch = simulator.scratch();
            let particle = simulator.particle(3);
            let (mut image, mut expected) = (vec![0.0; n * n], vec![0.0; n * n]);
            simulator.write_projection(&particle, &mut scratch, &mut image);
            let geometry = ProjectionGeometry {
                rotation: particle.pose.matrix(),
                origin_angstrom: particle.origin_angstrom,
                pixel_size_angstrom,
                n_pixels: n,
            };
            density.write_projection(&geometry, &mut vec![0.0; n], &mut expected);
            let difference: f64 =
                image.iter().zip(&expected).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
            let size: f64 = expected.iter().map(|&a| f64::from(a).powi(2)).sum::<f64>().sqrt();
            assert!(difference < 2e-6 * size, "{n}, {n_beads}: {}", difference / size);
        }
    }

    #[test]
    fn noise_has_the_asked_for_variance_and_no_mean() {
        let n = 128;
        for ratio in [0.05, 2.0] {
            let settings = SimulationSettings { signal_to_noise: Some(ratio), ..SimulationSettings::new(4, n) };
            let simulator = ImageSimulator::new(&settings).unwrap();
            let mut scratch = simulator.scratch();
            let (mut clean, mut noisy) = (vec![0.0; n * n], vec![0.0; n * n]);
            for index in 0..4 {
                simulator.write_noiseless(&simulator.particle(index), &mut scratch, &mut clean);
                simulator.write_image(index, &mut scratch, &mut noisy);
                let noise: Vec<f32> = noisy.iter().zip(&clean).map(|(a, b)| a - b).collect();
                let found = variance(&clean) / variance(&noise);
                // The variance of 16,384 normal values is known to √(2/16384) = 1.1 %: four times that.
                assert!((found / ratio - 1.0).abs() < 0.045, "{found}, expected {ratio}");
                let mean = noise.iter().sum::<f32>() / noise.len() as f32;
                assert!(f64::from(mean).abs() < 4.0 * variance(&noise).sqrt() / n as f64);
            }
        }
    }

    #[test]
    fn each_image_has_noise_of_its_own() {
        let n = 64;
        let settings = SimulationSettings { signal_to_noise: Some(1e-6), ..SimulationSettings::new(3, n) };
        let simulator = ImageSimulator::new(&settings).unwrap();
        let mut scratch = simulator.scratch();
        let images: Vec<Vec<f32>> = (0..3)
            .map(|index| {
                let mut image = vec![0.0; n * n];
                simulator.write_image(index, &mut scratch, &mut image);
                image
            })
            .collect();
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let product: f64 = images[a].iter().zip(&images[b]).map(|(x, y)| f64::from(x * y)).sum();
            let correlation = product / (n * n) as f64 / (variance(&images[a]) * variance(&images[b])).sqrt();
            // Four standard deviations of the correlation of 4,096 independent values.
            assert!(correlation.abs() < 4.0 / n as f64, "{a} and {b}: {correlation}");
        }
    }

    #[test]
    fn an_image_depends_on_its_index_alone() {
        let simulator = simulator(32);
        let (mut first, mut second) = (vec![0.0; 1024], vec![0.0; 1024]);
        simulator.write_image(5, &mut simulator.scratch(), &mut first);
        let mut scratch = simulator.scratch();
        simulator.write_image(2, &mut scratch, &mut second);
        assert_ne!(first, second);
        simulator.write_image(5, &mut scratch, &mut second);
        assert_eq!(first, second);
    }
}
