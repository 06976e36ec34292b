//! Structures and comparisons that the tests of the templates share.
#![allow(dead_code)]

use num_complex::Complex;
use verglas_fourier::grid::PolarGrid;
use verglas_fourier::polar::Real;
use verglas_fourier::slices::{AtomMass, AtomShape, AxisOrder, Beads, Density, Voxels};

/// Numbers from 0 to 1, the same each time.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15))
    }

    pub fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Beads in a ball of `extent_angstrom`, as dense towards its rim as in its middle, with radii of amino acids.
pub fn beads(n: usize, extent_angstrom: f64, shape: AtomShape, seed: u64) -> Beads {
    const RADII: [f64; 5] = [2.25, 2.5, 2.8, 3.1, 3.4];
    let mut noise = Noise::new(seed);
    let mut positions = Vec::new();
    while positions.len() < n {
        let position = [0, 1, 2].map(|_| (2.0 * noise.next() - 1.0) * extent_angstrom);
        if position.iter().map(|x| x * x).sum::<f64>() < extent_angstrom * extent_angstrom {
            positions.push(position);
        }
    }
    let radii = (0..n).map(|_| RADII[(noise.next() * 5.0) as usize]).collect();
    Beads { positions_angstrom: positions, radii_angstrom: radii, shape, mass: AtomMass::Volume }
}

/// A map of noise.
pub fn noise_map(shape: [usize; 3], voxel_angstrom: [f64; 3], seed: u64) -> Density {
    let mut noise = Noise::new(seed);
    let values = (0..shape.iter().product()).map(|_| (noise.next() - 0.5) as f32).collect();
    map(Voxels::Single(values), shape, voxel_angstrom)
}

/// A map of these values around the middle voxel.
pub fn map(values: Voxels, shape: [usize; 3], voxel_angstrom: [f64; 3]) -> Density {
    Density {
        values,
        shape,
        voxel_angstrom,
        centre_voxel: Density::middle(shape, AxisOrder::Zyx),
        axis_order: AxisOrder::Zyx,
        beyond_nyquist: false,
    }
}

pub fn point_weights(grid: &PolarGrid) -> Vec<f64> {
    (0..grid.n_shells()).map(|n| grid.point_weight(n)).collect()
}

pub fn widen<T: Real>(values: &[Complex<T>]) -> Vec<Complex<f64>> {
    values.iter().map(|value| Complex::new(value.re.widened(), value.im.widened())).collect()
}

/// ‖values − expected‖ / ‖expected‖, weighted as the norm of a template is.
pub fn weighted_error<T: Real>(values: &[Complex<T>], expected: &[Complex<f64>], grid: &PolarGrid) -> f64 {
    assert_eq!(values.len(), expected.len());
    let (mut error, mut norm) = (0.0, 0.0);
    for (place, (value, expected)) in widen(values).iter().zip(expected).enumerate() {
        let weight = grid.point_weight(place / grid.n_inplanes());
        error += weight * (value - expected).norm_sqr();
        norm += weight * expected.norm_sqr();
    }
    (error / norm).sqrt()
}
