//! The density that is projected: a sum of Gaussians, so that every projection is known exactly.

use std::f64::consts::{PI, TAU};

use verglas_fourier::pose::Matrix3;

/// Where a Gaussian is cut off, in standard deviations: exp(−18) = 1.5e-8 of its peak, below single precision.
const SUPPORT_SIGMAS: f64 = 6.0;

/// One round Gaussian: `weight` · exp(−|r − centre|²/2σ²) / (2πσ²)^(3/2).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gaussian {
    /// Centre in the particle's frame, x, y, z in Å.
    pub centre_angstrom: [f64; 3],
    /// Standard deviation in Å.
    pub sigma_angstrom: f64,
    /// Integral over space.
    pub weight: f64,
}

/// A density made of Gaussians, in the particle's own frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Density {
    gaussians: Vec<Gaussian>,
}

/// How a projection lies on the pixels of an image.
#[derive(Debug, Clone, Copy)]
pub struct ProjectionGeometry {
    /// Takes the particle's frame to the image's (see [`verglas_fourier::pose`]).
    pub rotation: Matrix3,
    /// RELION's origin, x (columns) and y (rows), in Å: the particle's centre lies at minus this from the image's.
    pub origin_angstrom: [f64; 2],
    /// Pixel size in Å.
    pub pixel_size_angstrom: f64,
    /// Side of the image in pixels; its centre is pixel ⌊N/2⌋ in both axes.
    pub n_pixels: usize,
}

impl Density {
    /// A density of these Gaussians.
    pub fn new(gaussians: Vec<Gaussian>) -> Self {
        Self { gaussians }
    }

    /// The known particle: a widening right-handed helix of 72 Gaussians and an arm of 24 that leaves it sideways.
    ///
    /// It has a hand and no symmetry, so that no wrong pose, mirrored or turned, gives the same image. It scales with
    /// the box: centres lie within 0.35 of its side from the middle, standard deviations are 0.010 to 0.022 of it but
    /// never below one pixel, so that pixels sample them (to 1e-2 of the amplitude at Nyquist).
    pub fn of_known_particle(box_angstrom: f64, pixel_size_angstrom: f64) -> Self {
        const N_HELIX: usize = 72;
        const N_ARM: usize = 24;
        let helix = (0..N_HELIX).map(|index| {
            let t = index as f64 / (N_HELIX - 1) as f64;
            let (sin, cos) = (TAU * 3.25 * t).sin_cos();
            let radius = 0.08 + 0.15 * t;
            [radius * cos, radius * sin, 0.5 * t - 0.25]
        });
        let arm = (0..N_ARM).map(|index| {
            let t = index as f64 / (N_ARM - 1) as f64;
            [0.05 + 0.26 * t, -0.04 - 0.10 * t + 0.04 * (TAU * t).sin(), -0.12 + 0.06 * t * t]
        });
        let gaussians = helix.chain(arm).enumerate().map(|(index, centre)| {
            // Multiples of an irrational number, modulo 1, spread evenly: sizes and weights vary without a pattern.
            let size = (index as f64 * 0.618_033_988_749_895).fract();
            let weight = (index as f64 * std::f64::consts::SQRT_2).fract();
            Gaussian {
                centre_angstrom: centre.map(|value| value * box_angstrom),
                sigma_angstrom: ((0.010 + 0.012 * size) * box_angstrom).max(pixel_size_angstrom),
                weight: 0.6 + 0.8 * weight,
            }
        });
        Self { gaussians: gaussians.collect() }
    }

    /// The Gaussians it is made of.
    pub fn gaussians(&self) -> &[Gaussian] {
        &self.gaussians
    }

    /// The density at a point of the particle's frame, in 1/Å³.
    pub fn value(&self, point_angstrom: [f64; 3]) -> f64 {
        let terms = self.gaussians.iter().map(|gaussian| {
            let distance2: f64 = gaussian
                .centre_angstrom
                .iter()
                .zip(point_angstrom)
                .map(|(centre, value)| (value - centre).powi(2))
                .sum();
            let variance = gaussian.sigma_angstrom * gaussian.sigma_angstrom;
            gaussian.weight * (-0.5 * distance2 / variance).exp() / (TAU * variance).powf(1.5)
        });
        terms.sum()
    }

    /// Writes the projection into `image`, `[N, N]`, rows (y) first.
    ///
    /// A pixel holds the density's integral along the viewing direction through the pixel's centre, times the pixel's
    /// area: the sum over a box that holds the whole particle is the sum of the weights. Exact but for the cut at 6 σ
    /// and the rounding of single precision. `profile` is scratch of N values.
    ///
    /// # Panics
    /// When `image` or `profile` is shorter than that.
    pub fn write_projection(&self, geometry: &ProjectionGeometry, profile: &mut [f32], image: &mut [f32]) {
        let n = geometry.n_pixels;
        let profile = &mut profile[..n];
        let image = &mut image[..n * n];
        image.fill(0.0);
        let middle = (n / 2) as f64;
        for gaussian in &self.gaussians {
            let [x, y] = [0, 1].map(|axis| {
                let row = geometry.rotation[axis];
                let position: f64 = row.iter().zip(gaussian.centre_angstrom).map(|(a, centre)| a * centre).sum();
                (position - geometry.origin_angstrom[axis]) / geometry.pixel_size_angstrom + middle
            });
            let sigma = gaussian.sigma_angstrom / geometry.pixel_size_angstrom;
            let columns = support(x, sigma, n);
            if columns.is_empty() {
                continue;
            }
            let exponent = -0.5 / (sigma * sigma);
            let profile = &mut profile[columns.clone()];
            for (value, column) in profile.iter_mut().zip(columns.clone()) {
                *value = (exponent * (column as f64 - x).powi(2)).exp() as f32;
            }
            let peak = gaussian.weight / (2.0 * PI * sigma * sigma);
            for row in support(y, sigma, n) {
                let height = (peak * (exponent * (row as f64 - y).powi(2)).exp()) as f32;
                let pixels = &mut image[row * n..][columns.clone()];
                for (pixel, value) in pixels.iter_mut().zip(profile.iter()) {
                    *pixel += height * value;
                }
            }
        }
    }
}

/// The pixels of 0..`n` within the support of a Gaussian around `centre`, both in pixels.
fn support(centre: f64, sigma: f64, n: usize) -> std::ops::Range<usize> {
    // Casts to integers saturate: what lies beyond the image on either side gives an empty range.
    let first = (centre - SUPPORT_SIGMAS * sigma).ceil().max(0.0) as usize;
    let end = ((centre + SUPPORT_SIGMAS * sigma).floor() + 1.0).clamp(0.0, n as f64) as usize;
    first.min(end)..end
}

#[cfg(test)]
mod tests {
    use super::*;
    use verglas_fourier::pose::Pose;

    const IDENTITY: Matrix3 = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

    fn project(density: &Density, geometry: &ProjectionGeometry) -> Vec<f32> {
        let n = geometry.n_pixels;
        let (mut profile, mut image) = (vec![0.0; n], vec![f32::NAN; n * n]);
        density.write_projection(geometry, &mut profile, &mut image);
        image
    }

    fn one(centre_angstrom: [f64; 3], sigma_angstrom: f64) -> Density {
        Density::new(vec![Gaussian { centre_angstrom, sigma_angstrom, weight: 1.0 }])
    }

    fn brightest(image: &[f32], n: usize) -> (usize, usize) {
        let (index, _) = image.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
        (index / n, index % n)
    }

    #[test]
    fn x_is_the_column_y_the_row_and_the_origin_is_subtracted() {
        for n in [16, 17] {
            let geometry = ProjectionGeometry {
                rotation: IDENTITY,
                origin_angstrom: [0.0, 0.0],
                pixel_size_angstrom: 2.0,
                n_pixels: n,
            };
            assert_eq!(brightest(&project(&one([6.0, -4.0, 9.0], 2.0), &geometry), n), (8 - 2, 8 + 3));
            let moved = ProjectionGeometry { origin_angstrom: [4.0, -2.0], ..geometry };
            assert_eq!(brightest(&project(&one([6.0, -4.0, 9.0], 2.0), &moved), n), (8 - 2 + 1, 8 + 3 - 2));
        }
    }

    #[test]
    fn the_peak_is_that_of_a_plane_gaussian() {
        let geometry = ProjectionGeometry {
            rotation: IDENTITY,
            origin_angstrom: [0.0, 0.0],
            pixel_size_angstrom: 1.0,
            n_pixels: 16,
        };
        let image = project(&one([0.0; 3], 1.5), &geometry);
        assert!((image[8 * 16 + 8] - 1.0 / (TAU as f32 * 2.25)).abs() < 1e-8);
        assert!((image.iter().sum::<f32>() - 1.0).abs() < 1e-4);
    }

    #[test]
    fn what_lies_outside_the_image_is_cut_off() {
        let geometry = ProjectionGeometry {
            rotation: IDENTITY,
            origin_angstrom: [0.0, 0.0],
            pixel_size_angstrom: 1.0,
            n_pixels: 8,
        };
        for centre in [[40.0, 0.0, 0.0], [-40.0, 0.0, 0.0], [0.0, 40.0, 0.0], [0.0, -40.0, 0.0]] {
            assert!(project(&one(centre, 1.0), &geometry).iter().all(|&value| value == 0.0));
        }
        assert!(project(&one([-4.5, 4.5, 0.0], 1.0), &geometry).iter().any(|&value| value > 0.04));
    }

    /// Against a sum over a fine 3-D grid in the image's frame, each point turned back into the particle's frame: the
    /// other direction of the same rotation, and no formula of projections.
    #[test]
    fn projections_are_the_integral_along_the_view() {
        let (n, pixel_size) = (24, 4.0);
        let density = Density::of_known_particle(n as f64 * pixel_size, pixel_size);
        let pose = Pose { rot: 0.9, tilt: 2.0, psi: -1.3 };
        let geometry = ProjectionGeometry {
            rotation: pose.matrix(),
            origin_angstrom: [5.0, -3.0],
            pixel_size_angstrom: pixel_size,
            n_pixels: n,
        };
        let image = project(&density, &geometry);
        let a = pose.matrix();
        // Steps of a quarter of the smallest σ: the trapezoidal rule is exact to rounding there.
        let step = 1.0;
        for (row, column) in [(12, 12), (7, 14), (15, 9), (10, 18), (18, 12), (3, 3)] {
            let x = (column as f64 - 12.0) * pixel_size + geometry.origin_angstrom[0];
            let y = (row as f64 - 12.0) * pixel_size + geometry.origin_angstrom[1];
            let mut sum = 0.0;
            for index in -60..=60 {
                let z = f64::from(index) * step;
                let point = [0, 1, 2].map(|axis| a[0][axis] * x + a[1][axis] * y + a[2][axis] * z);
                sum += density.value(point) * step;
            }
            let expected = sum * pixel_size * pixel_size;
            let found = f64::from(image[row * n + column]);
            assert!((found - expected).abs() < 1e-6, "{row} {column}: {found}, expected {expected}");
        }
    }

    #[test]
    fn the_known_particle_fits_the_box_and_has_no_symmetry() {
        let density = Density::of_known_particle(128.0, 1.0);
        assert_eq!(density.gaussians().len(), 96);
        for gaussian in density.gaussians() {
            let distance = gaussian.centre_angstrom.iter().map(|value| value * value).sum::<f64>().sqrt();
            assert!(distance < 0.35 * 128.0, "{gaussian:?}");
            assert!(gaussian.sigma_angstrom >= 1.0);
        }
        // A symmetric, flat or mirror-symmetric particle would look alike from some of these 24 views along the axes.
        let quarter = std::f64::consts::FRAC_PI_2;
        let mut views = Vec::new();
        for (rot, tilt) in [(0.0, 0.0), (0.0, 2.0), (0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (3.0, 1.0)] {
            for psi in [0.0, 1.0, 2.0, 3.0] {
                let pose = Pose { rot: rot * quarter, tilt: tilt * quarter, psi: psi * quarter };
                views.push(project(
                    &density,
                    &ProjectionGeometry {
                        rotation: pose.matrix(),
                        origin_angstrom: [0.0, 0.0],
                        pixel_size_angstrom: 1.0,
                        n_pixels: 128,
                    },
                ));
            }
        }
        for (index, view) in views.iter().enumerate() {
            for other in &views[..index] {
                let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
                let cosine = dot(view, other) / (dot(view, view) * dot(other, other)).sqrt();
                assert!(cosine < 0.8, "{cosine}");
            }
        }
    }
}
