//! Slices by their definition: slow, and exact to rounding.

use std::f64::consts::TAU;

use num_complex::Complex;

use super::structure::{Beads, Density};
use crate::grid::PolarGrid;
use crate::pose::Matrix3;

/// Samples the Fourier transform of beads on one central slice, by direct summation.
///
/// Slow, O(beads · shells · in-planes), exact to rounding: the reference for the fast ways.
///
/// ```text
/// F(k) = Σ_a m_a · f_a(|k|) · exp(−2πi k·x_a),   k = q_n · R · (cos θ_j, sin θ_j, 0),   q_n = 2 r_n / L
/// ```
///
/// * `grid`: radii in cycles per half box; angles in radians from image axis 0.
/// * `box_angstrom`: L, the images' box in Å.
/// * `rotation`: R, whose columns are image axis 0, image axis 1 and the view in the structure's frame.
/// * Returns `[n_shells, n_inplanes]`, row-major, in the unit of the masses.
pub fn slice_beads_directly(
    beads: &Beads,
    grid: &PolarGrid,
    box_angstrom: f64,
    rotation: &Matrix3,
) -> Vec<Complex<f64>> {
    let mut result = Vec::with_capacity(grid.n_points());
    for &radius in grid.radii() {
        let q = 2.0 * radius / box_angstrom;
        let weights: Vec<f64> = beads
            .radii_angstrom
            .iter()
            .map(|&radius| beads.mass.of(radius) * beads.shape.form_factor(radius, q))
            .collect();
        for j in 0..grid.n_inplanes() {
            let k = direction(rotation, grid.direction(j)).map(|component| component * q);
            let mut sum = Complex::new(0.0, 0.0);
            for (position, weight) in beads.positions_angstrom.iter().zip(&weights) {
                let turns: f64 = k.iter().zip(position).map(|(k, x)| k * x).sum();
                sum += wave(turns) * weight;
            }
            result.push(sum);
        }
    }
    result
}

/// Samples the Fourier transform of a map on one central slice, by direct summation.
///
/// Slow, O(voxels · shells · in-planes), exact to rounding: the reference for the fast ways.
///
/// ```text
/// F(k) = Σ ρ[z, y, x] · exp(−2πi (k_x X + k_y Y + k_z Z)),   X = (x − centre_x) · voxel_x, …
/// ```
///
/// Beyond the map's Nyquist frequency 0, unless the map says otherwise. Arguments and result are those of
/// [`slice_beads_directly`], in the unit of the voxels.
pub fn slice_map_directly(map: &Density, grid: &PolarGrid, box_angstrom: f64, rotation: &Matrix3) -> Vec<Complex<f64>> {
    let [n_slow, n_middle, n_fast] = map.shape;
    let directions = map.axis_order.directions();
    let mut result = Vec::with_capacity(grid.n_points());
    for &radius in grid.radii() {
        let q = 2.0 * radius / box_angstrom;
        for j in 0..grid.n_inplanes() {
            if q > map.q_limit() {
                result.push(Complex::new(0.0, 0.0));
                continue;
            }
            let k = direction(rotation, grid.direction(j)).map(|component| component * q);
            // The exponential is a product of one factor for each axis.
            let [slow, middle, fast] = [0, 1, 2].map(|axis| {
                let along = directions[axis];
                let turns_per_voxel = k[along] * map.voxel_angstrom[along];
                let place = |i: usize| i as f64 - map.centre_voxel[along];
                (0..map.shape[axis]).map(|i| wave(turns_per_voxel * place(i))).collect::<Vec<_>>()
            });
            let mut sum = Complex::new(0.0, 0.0);
            for a in 0..n_slow {
                let mut plane = Complex::new(0.0, 0.0);
                for b in 0..n_middle {
                    let mut row = Complex::new(0.0, 0.0);
                    for c in 0..n_fast {
                        row += fast[c] * map.values.get((a * n_middle + b) * n_fast + c);
                    }
                    plane += row * middle[b];
                }
                sum += plane * slow[a];
            }
            result.push(sum);
        }
    }
    result
}

/// R · (cos θ, sin θ, 0)
pub(super) fn direction(rotation: &Matrix3, (cos, sin): (f64, f64)) -> [f64; 3] {
    rotation.map(|row| row[0] * cos + row[1] * sin)
}

/// exp(−2πi · turns), whole turns taken off first.
pub(super) fn wave(turns: f64) -> Complex<f64> {
    let (sin, cos) = (TAU * (turns - turns.round())).sin_cos();
    Complex::new(cos, -sin)
}

#[cfg(test)]
mod tests {
    use super::super::structure::{AtomMass, AtomShape, AxisOrder, Voxels};
    use super::*;
    use crate::sphere::rotation;

    fn bead_at(position: [f64; 3]) -> Beads {
        Beads {
            positions_angstrom: vec![position],
            radii_angstrom: vec![2.0],
            shape: AtomShape::Gaussian,
            mass: AtomMass::Volume,
        }
    }

    #[test]
    fn a_bead_at_the_origin_is_its_form_factor() {
        let grid = PolarGrid::new(4.0, 1.0, 6).unwrap();
        let slice = slice_beads_directly(&bead_at([0.0; 3]), &grid, 16.0, &rotation(0.4, 1.0, 0.0));
        for (n, shell) in slice.chunks_exact(6).enumerate() {
            let q = grid.radii()[n] / 8.0;
            let expected = 8.0 * (-8.0 * std::f64::consts::PI.powi(2) * q * q).exp();
            assert!(shell.iter().all(|value| (value - expected).norm() < 1e-15));
        }
    }

    #[test]
    fn a_bead_along_an_image_axis_is_a_wave_along_it() {
        // Looked at along z, image axis 0 is x and image axis 1 is y: at θ = 0 the phase is −2πqx.
        let grid = PolarGrid::new(4.0, 1.0, 4).unwrap();
        let along_x = slice_beads_directly(&bead_at([3.0, 0.0, 0.0]), &grid, 16.0, &rotation(0.0, 0.0, 0.0));
        let along_y = slice_beads_directly(&bead_at([0.0, 3.0, 0.0]), &grid, 16.0, &rotation(0.0, 0.0, 0.0));
        for n in 0..grid.n_shells() {
            let q = grid.radii()[n] / 8.0;
            let size = 8.0 * AtomShape::Gaussian.form_factor(2.0, q);
            let expected = Complex::from_polar(size, -TAU * q * 3.0);
            assert!((along_x[4 * n] - expected).norm() < 1e-14 && (along_x[4 * n + 1] - size).norm() < 1e-14);
            assert!((along_y[4 * n + 1] - expected).norm() < 1e-14 && (along_y[4 * n] - size).norm() < 1e-14);
        }
    }

    #[test]
    fn a_voxel_is_a_bead_without_extent() {
        // ρ[z, y, x] at z = 1, y = 2, x = 0 of 2 × 3 × 4 voxels; the middle is [1, 1, 2].
        let mut values = vec![0.0; 24];
        values[(3 + 2) * 4] = 2.0;
        let map = Density {
            values: Voxels::Double(values),
            shape: [2, 3, 4],
            voxel_angstrom: [1.5, 2.0, 3.0],
            centre_voxel: Density::middle([2, 3, 4], AxisOrder::Zyx),
            axis_order: AxisOrder::Zyx,
            beyond_nyquist: false,
        };
        let grid = PolarGrid::new(4.0, 0.5, 5).unwrap();
        let view = rotation(0.3, 0.8, 0.1);
        let slice = slice_map_directly(&map, &grid, 24.0, &view);
        for n in 0..grid.n_shells() {
            let q = grid.radii()[n] / 12.0;
            for j in 0..5 {
                let k = direction(&view, grid.direction(j));
                // x is two voxels of 1.5 Å before the middle, y one of 2 Å after it. Nyquist is 1/6 per Å.
                let expected =
                    if q > 1.0 / 6.0 { Complex::default() } else { wave(q * (-3.0 * k[0] + 2.0 * k[1])) * 2.0 };
                assert!((slice[5 * n + j] - expected).norm() < 1e-14);
            }
        }
        // In the other order the same place is x = 1, y = 2, z = 0.
        let shape = [2, 3, 4];
        let other = Density { axis_order: AxisOrder::Xyz, centre_voxel: Density::middle(shape, AxisOrder::Xyz), ..map };
        let slice = slice_map_directly(&other, &grid, 24.0, &view);
        let k = direction(&view, grid.direction(1));
        let q = grid.radii()[0] / 12.0;
        assert!((slice[1] - wave(q * (2.0 * k[1] - 6.0 * k[2])) * 2.0).norm() < 1e-14);
    }
}
