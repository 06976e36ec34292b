//! Images and templates that tests share.

use num_complex::Complex;
use verglas_fourier::grid::PolarGrid;
use verglas_likelihood::ctf::ContrastTransfer;
use verglas_likelihood::{Geometry, Real};

/// Numbers from −½ to ½, the same each time.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15))
    }

    pub fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    }
}

/// Points in a ball, each a Gaussian: what templates and images are made of.
pub struct Blobs(Vec<([f64; 3], f64)>);

impl Blobs {
    pub fn new(n: usize, extent_angstrom: f64, seed: u64) -> Self {
        let mut noise = Noise::new(seed);
        Self((0..n).map(|_| ([0, 1, 2].map(|_| 2.0 * extent_angstrom * noise.next()), 1.0 + noise.next())).collect())
    }

    /// The transform of their projection, seen after some turn that the seed stands for.
    pub fn template(&self, geometry: &Geometry, seed: u64) -> Vec<Complex<f64>> {
        let mut noise = Noise::new(seed);
        let (a, b) = (std::f64::consts::TAU * noise.next(), std::f64::consts::TAU * noise.next());
        let ((sa, ca), (sb, cb)) = (a.sin_cos(), b.sin_cos());
        let (grid, p) = (geometry.grid(), geometry.n_inplanes());
        let mut values = vec![Complex::default(); geometry.n_points()];
        for ([x, y, z], mass) in &self.0 {
            let (x, z) = (ca * x + sa * z, ca * z - sa * x);
            let y = cb * y + sb * z;
            for (at, value) in values.iter_mut().enumerate() {
                let q = 2.0 * grid.radii()[at / p] / geometry.box_angstrom();
                let (cos, sin) = grid.direction(at % p);
                let wave = Complex::cis(-std::f64::consts::TAU * q * (x * cos + y * sin));
                *value += wave * (mass * (-20.0 * q * q).exp());
            }
        }
        values
    }
}

/// Adds noise that is real in space, of `size` times the root mean square of the values.
pub fn add_noise(values: &mut [Complex<f64>], p: usize, size: f64, seed: u64) {
    let mut noise = Noise::new(seed);
    let square = values.iter().map(|value| value.norm_sqr()).sum::<f64>() / values.len() as f64;
    let size = size * (6.0 * square).sqrt();
    for shell in values.chunks_exact_mut(p) {
        if p.is_multiple_of(2) {
            let (first, second) = shell.split_at_mut(p / 2);
            for (a, b) in first.iter_mut().zip(second) {
                let value = Complex::new(noise.next(), noise.next()) * size;
                *a += value;
                *b += value.conj();
            }
        } else {
            shell.iter_mut().for_each(|value| *value += Complex::new(noise.next(), noise.next()) * size);
        }
    }
}

/// The template of an image displaced and turned: T[n, (j + w) mod P]·phase.
pub fn move_template(
    geometry: &Geometry,
    values: &[Complex<f64>],
    displacement: [f64; 2],
    w: usize,
) -> Vec<Complex<f64>> {
    let (grid, p) = (geometry.grid(), geometry.n_inplanes());
    (0..values.len())
        .map(|at| {
            let (n, j) = (at / p, (at % p + w) % p);
            let (cos, sin) = grid.direction(j);
            let q = 2.0 * grid.radii()[n] / geometry.box_angstrom();
            let turns = q * (displacement[0] * cos + displacement[1] * sin);
            values[n * p + j] * Complex::cis(-std::f64::consts::TAU * turns)
        })
        .collect()
}

/// A contrast transfer whose astigmatism points into the quadrant `index` mod 4, U below U′ for every other.
pub fn transfer(index: usize) -> ContrastTransfer {
    ContrastTransfer {
        defocus_u_angstrom: 9_000.0 + 300.0 * index as f64,
        defocus_v_angstrom: if index.is_multiple_of(2) { 7_500.0 } else { 12_000.0 },
        defocus_angle_rad: 0.5 + std::f64::consts::FRAC_PI_2 * index as f64,
        voltage_kv: 300.0,
        spherical_aberration_mm: 2.7,
        amplitude_contrast: 0.1,
        phase_shift_rad: if index.is_multiple_of(3) { 0.4 } else { 0.0 },
        b_factor_angstrom2: 20.0 * index as f64,
    }
}

pub fn geometry(n_pixels: usize, factor: f64, p: usize) -> Geometry {
    let grid = PolarGrid::new(factor * n_pixels as f64 / 4.0, 0.25, p).unwrap();
    Geometry::new(grid, 2.0 * n_pixels as f64).unwrap()
}

pub fn round<T: Real>(values: &[Complex<f64>]) -> Vec<Complex<T>> {
    values.iter().map(|value| Complex::new(T::from_f64(value.re), T::from_f64(value.im))).collect()
}

/// Templates and images of one case, in double precision.
pub struct Case {
    pub geometry: Geometry,
    pub templates: Vec<Complex<f64>>,
    pub view_weights: Vec<f64>,
    pub images: Vec<Complex<f64>>,
    pub transfers: Vec<ContrastTransfer>,
}

impl Case {
    /// Views of blobs, and images of some of them with noise.
    pub fn new(geometry: Geometry, n_views: usize, n_images: usize, noise: f64, seed: u64) -> Self {
        let blobs = Blobs::new(30, 0.25 * geometry.box_angstrom(), seed);
        let p = geometry.n_inplanes();
        let templates: Vec<Vec<Complex<f64>>> =
            (0..n_views).map(|view| blobs.template(&geometry, seed + 17 * view as u64)).collect();
        let transfers: Vec<ContrastTransfer> = (0..n_images).map(transfer).collect();
        let mut images = Vec::new();
        for (index, transfer) in transfers.iter().enumerate() {
            let displacement = [1.5 * index as f64 - 3.0, 2.0 - index as f64];
            let mut image = move_template(&geometry, &templates[index * 5 % n_views], displacement, 3 * index % p);
            let mut contrast = vec![0.0; image.len()];
            transfer.fill(&geometry, Default::default(), index, &mut contrast).unwrap();
            for (value, contrast) in image.iter_mut().zip(&contrast) {
                *value *= contrast;
            }
            add_noise(&mut image, p, noise, seed + 1000 + index as u64);
            images.extend(image);
        }
        let mut weights = Noise::new(seed);
        let view_weights = (0..n_views).map(|_| 1.0 + weights.next()).collect();
        Self { geometry, templates: templates.concat(), view_weights, images, transfers }
    }
}
