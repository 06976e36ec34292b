//! Projections of given structures, made from their Fourier transforms.

use std::f64::consts::{SQRT_2, TAU};

use num_complex::Complex32;
use verglas_core::error::{Error, ErrorKind, Result};
use verglas_fourier::grid::PolarGrid;
use verglas_fourier::slices::{SlicePlan, SliceSettings, Structure};

use super::density::ProjectionGeometry;

/// A structure that is projected by its central slices on the frequencies of an image: exact for what the image's pixels
/// hold, whatever the structure consists of.
#[derive(Debug)]
pub(super) struct ProjectedStructure {
    plan: SlicePlan<f32>,
}

impl ProjectedStructure {
    /// For images of `n_pixels` pixels of `pixel_size_angstrom`; about `n_images` will be asked for.
    ///
    /// # Errors
    /// A structure that is none.
    pub(super) fn new(
        structure: &Structure,
        n_pixels: usize,
        pixel_size_angstrom: f64,
        n_images: usize,
    ) -> Result<Self> {
        // Only the outermost shell matters: the corners of the transform must lie within.
        let radius = n_pixels as f64 / 4.0 * SQRT_2;
        let grid = PolarGrid::new(1.02 * radius, 0.01 * radius, 2 * n_pixels)
            .map_err(|error| Error::caused_by(ErrorKind::Value, error))?;
        // In one slab, so that threads share it.
        let settings = SliceSettings { memory_bytes: usize::MAX, n_views: n_images, ..SliceSettings::default() };
        let plan = SlicePlan::new(structure.clone(), &grid, n_pixels as f64 * pixel_size_angstrom, &settings);
        Ok(Self { plan: plan.map_err(|error| Error::caused_by(ErrorKind::Value, error))? })
    }

    /// Writes the transform of the projection, columns first: `[N/2 + 1, N]`, frequencies in the transform's order, scaled so
    /// that its unnormalised inverse is the image. `frequencies` are those of a column, in 1/Å.
    ///
    /// What would lie on the Nyquist frequency of an even box is left out: its sign has no place there.
    pub(super) fn write_transform(
        &self,
        geometry: &ProjectionGeometry,
        frequencies: &[f64],
        columns: &mut [Complex32],
    ) {
        let n = geometry.n_pixels;
        let [right, down, _] = geometry.rotation;
        let place = |index: usize| (index / n, index % n);
        let points: Vec<[f64; 3]> = (0..columns.len())
            .map(|index| {
                let (x, y) = place(index);
                let (kx, ky) = (frequencies[x], frequencies[y]);
                [0, 1, 2].map(|axis| kx * right[axis] + ky * down[axis])
            })
            .collect();
        self.plan.values_at(&points, columns);
        let middle = (n / 2) as f64 * geometry.pixel_size_angstrom;
        let is_nyquist = |index: usize| n.is_multiple_of(2) && index == n / 2;
        for (index, value) in columns.iter_mut().enumerate() {
            let (x, y) = place(index);
            if is_nyquist(x) || is_nyquist(y) {
                *value = Complex32::default();
                continue;
            }
            // The particle lies at minus its origin from pixel ⌊N/2⌋.
            let [to_x, to_y] = geometry.origin_angstrom.map(|origin| middle - origin);
            let turns = frequencies[x] * to_x + frequencies[y] * to_y;
            let (sin, cos) = (TAU * (turns - turns.round())).sin_cos();
            *value *= Complex32::new(cos as f32, -sin as f32) / (n * n) as f32;
        }
    }
}
