//! The grid that images and templates live on, with the weights of the sums.

use std::f64::consts::PI;

use verglas_fourier::grid::PolarGrid;
use verglas_fourier::slices::constant_image;

use crate::error::LikelihoodError;

/// A polar grid, the box it belongs to, and the weight W_n of a point of each shell.
#[derive(Debug, Clone, PartialEq)]
pub struct Geometry {
    grid: PolarGrid,
    box_angstrom: f64,
    point_weights: Vec<f64>,
    constant: Vec<f64>,
    i_ss: f64,
}

impl Geometry {
    /// The grid of images in a box of `box_angstrom`, N·p, with its own integration weights.
    ///
    /// # Errors
    /// When the box is not a finite length above 0.
    pub fn new(grid: PolarGrid, box_angstrom: f64) -> Result<Self, LikelihoodError> {
        LikelihoodError::check_positive("the box in Å", box_angstrom)?;
        let point_weights = (0..grid.n_shells()).map(|shell| grid.point_weight(shell)).collect();
        // s = 4 sinc(2x) sinc(2y), a constant image.
        let constant = constant_image(&grid).into_iter().map(|value| 4.0 * value).collect();
        let mut geometry = Self { grid, box_angstrom, point_weights, constant, i_ss: 0.0 };
        geometry.sum_constant();
        Ok(geometry)
    }

    /// The same with other weights: `point_weights[n]` for every point of shell n, such as W_n/σ²(n).
    ///
    /// # Errors
    /// When there are not as many as shells, or one is not a finite number above 0.
    pub fn with_point_weights(mut self, point_weights: Vec<f64>) -> Result<Self, LikelihoodError> {
        LikelihoodError::check_length("weights of shells", self.grid.n_shells(), point_weights.len())?;
        for (shell, &weight) in point_weights.iter().enumerate() {
            LikelihoodError::check_positive(format!("weight of shell {shell}"), weight)?;
        }
        self.point_weights = point_weights;
        self.sum_constant();
        Ok(self)
    }

    /// The innermost `n_shells` shells, with one of `every` angles.
    ///
    /// # Panics
    /// If there are not so many shells, or `every` does not divide the number of angles.
    pub(crate) fn inner(&self, n_shells: usize, every: usize) -> Self {
        let grid = self.grid.inner(n_shells, every);
        let point_weights = self.point_weights[..n_shells].iter().map(|weight| weight * every as f64).collect();
        let mut constant = vec![0.0; grid.n_points()];
        self.take_inner(n_shells, every, &self.constant, &mut constant);
        let mut geometry = Self { grid, box_angstrom: self.box_angstrom, point_weights, constant, i_ss: 0.0 };
        geometry.sum_constant();
        geometry
    }

    /// The values at the points of [`Geometry::inner`] of an image, template or contrast transfer.
    pub(crate) fn take_inner<V: Copy>(&self, n_shells: usize, every: usize, values: &[V], inner: &mut [V]) {
        let shells = values.chunks_exact(self.n_inplanes()).take(n_shells);
        for (inner, value) in inner.iter_mut().zip(shells.flat_map(|shell| shell.iter().step_by(every))) {
            *inner = *value;
        }
    }

    fn sum_constant(&mut self) {
        let weights = &self.point_weights;
        self.i_ss = self
            .constant
            .chunks_exact(self.grid.n_inplanes())
            .zip(weights)
            .map(|(shell, weight)| weight * shell.iter().map(|s| s * s).sum::<f64>())
            .sum();
    }

    /// The polar grid.
    pub fn grid(&self) -> &PolarGrid {
        &self.grid
    }

    /// The box in Å, L = N·p.
    pub fn box_angstrom(&self) -> f64 {
        self.box_angstrom
    }

    /// W_n.
    pub fn point_weights(&self) -> &[f64] {
        &self.point_weights
    }

    /// s = 4 sinc(2x) sinc(2y), a constant image: `[n_shells, n_inplanes]`.
    pub fn constant(&self) -> &[f64] {
        &self.constant
    }

    /// I_ss = ΣW s².
    pub fn i_ss(&self) -> f64 {
        self.i_ss
    }

    /// Number of shells.
    pub fn n_shells(&self) -> usize {
        self.grid.n_shells()
    }

    /// P, number of angles on each shell, and of rotations.
    pub fn n_inplanes(&self) -> usize {
        self.grid.n_inplanes()
    }

    /// Points of one image.
    pub fn n_points(&self) -> usize {
        self.grid.n_points()
    }

    /// 4πr_max², how many independent values the disc holds.
    pub fn degrees_of_freedom(&self) -> f64 {
        4.0 * PI * self.grid.radius_max().powi(2)
    }

    /// The phase in turns by which a displacement (d_0, d_1), in Å, turns the point of shell n and angle j:
    /// (2/L)·(d_0 x + d_1 y).
    pub(crate) fn turns(&self, shell: usize, inplane: usize, displacement: [f64; 2]) -> f64 {
        let (cos, sin) = self.grid.direction(inplane);
        let radius = self.grid.radii()[shell] * (2.0 / self.box_angstrom);
        radius * (displacement[0] * cos + displacement[1] * sin)
    }
}
