//! A structure of random beads, its templates, and images of them with noise and a contrast transfer each.

use std::f64::consts::{PI, TAU};
use std::sync::Arc;

use num_complex::Complex;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;
use verglas_core::error::{Error, Result};
use verglas_fourier::grid::PolarGrid;
use verglas_fourier::pose::Matrix3;
use verglas_fourier::slices::{
    AtomMass, AtomShape, AxisOrder, Beads, Density, SlicePlan, SliceReal, SliceSettings, Structure, Voxels,
};
use verglas_fourier::sphere::Views;
use verglas_likelihood::compare::SearchReal;
use verglas_likelihood::ctf::{ContrastFormula, ContrastTransfer};
use verglas_likelihood::{Geometry, Real};

/// Side of a pixel and of a voxel.
pub(super) const PIXEL_ANGSTROM: f64 = 1.5;
/// Gaussian beads of the structure: this many at 128 pixels, the same number per volume at others, but no fewer than
/// the minimum.
const N_BEADS: f64 = 600.0;
const LEAST_BEADS: usize = 24;
/// Their standard deviation.
const BEAD_ANGSTROM: f64 = 3.0;
/// They fill a ball of this radius, as a share of the box.
const EXTENT: f64 = 0.3;
/// Matched-filter SNR², of an image: the right pose is worth half as many nats.
const SIGNAL: f64 = 150.0;
const SEED: u64 = 1;

/// The structure and the grid of one box side.
pub(super) struct Data {
    n_pixels: usize,
    geometry: Geometry,
    beads: Arc<Beads>,
    views: Views,
}

/// Images of the structure's templates, each of the next one but six.
pub(super) struct Images<T> {
    /// `[images, n_shells, n_inplanes]`
    pub(super) values: Vec<Complex<T>>,
    pub(super) transfers: Vec<ContrastTransfer>,
}

impl<T> Default for Images<T> {
    fn default() -> Self {
        Self { values: Vec::new(), transfers: Vec::new() }
    }
}

impl<T> Images<T> {
    pub(super) fn len(&self) -> usize {
        self.transfers.len()
    }

    /// Which of `n` templates an image is of.
    pub(super) fn template_of(&self, image: usize, n: usize) -> usize {
        7 * image % n
    }
}

impl Data {
    /// On the default grid: N + 1 shells of 2N angles.
    pub(super) fn new(n_pixels: usize) -> Result<Self> {
        let as_error = |error: &dyn std::fmt::Display| Error::value(error.to_string());
        let radius_max = n_pixels as f64 / 4.0;
        let grid = PolarGrid::new(radius_max, 0.25, 2 * n_pixels).map_err(|error| as_error(&error))?;
        let box_angstrom = n_pixels as f64 * PIXEL_ANGSTROM;
        let geometry = Geometry::new(grid, box_angstrom).map_err(|error| as_error(&error))?;
        let views = Views::new(1.0 / (4.0 * PI)).map_err(|error| as_error(&error))?;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED);
        let extent = EXTENT * box_angstrom;
        let mut positions_angstrom = Vec::new();
        let n_beads = (N_BEADS * (n_pixels as f64 / 128.0).powi(3)) as usize;
        while positions_angstrom.len() < n_beads.max(LEAST_BEADS) {
            let position = [0, 1, 2].map(|_| extent * (2.0 * random.random::<f64>() - 1.0));
            if position.iter().map(|x| x * x).sum::<f64>() < extent * extent {
                positions_angstrom.push(position);
            }
        }
        let beads = Beads {
            radii_angstrom: vec![BEAD_ANGSTROM; positions_angstrom.len()],
            positions_angstrom,
            shape: AtomShape::Gaussian,
            mass: AtomMass::Volume,
        };
        Ok(Self { n_pixels, geometry, beads: Arc::new(beads), views })
    }

    pub(super) fn n_beads(&self) -> usize {
        self.beads.positions_angstrom.len()
    }

    pub(super) fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    pub(super) fn box_angstrom(&self) -> f64 {
        self.n_pixels as f64 * PIXEL_ANGSTROM
    }

    /// The beads themselves.
    pub(super) fn beads(&self) -> Structure {
        Structure::Beads(self.beads.clone())
    }

    /// The same beads as a map of as many voxels along each axis as the box has pixels.
    pub(super) fn map(&self) -> Structure {
        let n = self.n_pixels;
        let middle = (n / 2) as f64;
        // Beyond four standard deviations nothing is seen in single precision.
        let reach = (4.0 * BEAD_ANGSTROM / PIXEL_ANGSTROM).ceil() as isize;
        let mut values = vec![0.0_f32; n * n * n];
        for position in &self.beads.positions_angstrom {
            let along = position.map(|x| {
                let centre = x / PIXEL_ANGSTROM + middle;
                let voxels = centre.round() as isize - reach..=centre.round() as isize + reach;
                let voxels = voxels.filter(|&voxel| (0..n as isize).contains(&voxel));
                let weight = |voxel: isize| {
                    let distance = (voxel as f64 - centre) * PIXEL_ANGSTROM / BEAD_ANGSTROM;
                    (-0.5 * distance * distance).exp() as f32
                };
                voxels.map(|voxel| (voxel as usize, weight(voxel))).collect::<Vec<_>>()
            });
            for &(z, of_z) in &along[2] {
                for &(y, of_y) in &along[1] {
                    for &(x, of_x) in &along[0] {
                        values[(z * n + y) * n + x] += of_z * of_y * of_x;
                    }
                }
            }
        }
        let density = Density {
            values: Voxels::Single(values),
            shape: [n; 3],
            voxel_angstrom: [PIXEL_ANGSTROM; 3],
            centre_voxel: [middle; 3],
            axis_order: AxisOrder::Zyx,
            beyond_nyquist: false,
        };
        Structure::Map(Arc::new(density))
    }

    /// `n` views, evenly spread among those of the default distance.
    pub(super) fn rotations(&self, n: usize) -> Vec<Matrix3> {
        self.chosen(n).map(|view| self.views.rotation(view)).collect()
    }

    fn chosen(&self, n: usize) -> impl Iterator<Item = usize> {
        let n_views = self.views.len();
        (0..n).map(move |place| place * n_views / n)
    }

    /// The templates of these views, `[n, n_shells, n_inplanes]`, and the views' weights.
    pub(super) fn templates<T: SearchReal + SliceReal>(
        &self,
        n: usize,
        n_threads: usize,
    ) -> Result<(Vec<Complex<T>>, Vec<f64>)> {
        let as_error = |error: verglas_fourier::slices::SliceError| Error::value(error.to_string());
        let settings = SliceSettings { n_threads, ..SliceSettings::default() };
        let plan =
            SlicePlan::new(self.beads(), self.geometry.grid(), self.box_angstrom(), &settings).map_err(as_error)?;
        let mut values = vec![Complex::default(); n * plan.slice_len()];
        plan.compute(&self.rotations(n), &mut values, &mut vec![0.0; n]).map_err(as_error)?;
        Ok((values, self.chosen(n).map(|view| self.views.weight[view]).collect()))
    }

    /// Adds images of the templates until there are `n`.
    ///
    /// Every value of the noise has the same power; Σ W|C·T|²/σ² of an image is [`SIGNAL`], W|noise|² being σ² for each of the
    /// 4πr_max² independent values.
    pub(super) fn add_images<T: SearchReal>(
        &self,
        templates: &[Complex<T>],
        n: usize,
        images: &mut Images<T>,
    ) -> Result<()> {
        let geometry = &self.geometry;
        let (n_points, p) = (geometry.n_points(), geometry.n_inplanes());
        let n_templates = templates.len() / n_points;
        let weights = geometry.point_weights();
        let weight_of_all = weights.iter().sum::<f64>() * p as f64;
        let mut contrast = vec![0.0; n_points];
        while images.len() < n {
            let image = images.len();
            let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED + 1 + image as u64);
            let transfer = ContrastTransfer {
                defocus_u_angstrom: 11_000.0 + 8_000.0 * random.random::<f64>(),
                defocus_v_angstrom: 11_000.0 + 8_000.0 * random.random::<f64>(),
                defocus_angle_rad: TAU * random.random::<f64>(),
                voltage_kv: 300.0,
                spherical_aberration_mm: 2.7,
                amplitude_contrast: 0.1,
                phase_shift_rad: 0.0,
                b_factor_angstrom2: 0.0,
            };
            let filled = transfer.fill(geometry, ContrastFormula::Right, image, &mut contrast);
            filled.map_err(|error| Error::value(error.to_string()))?;
            let template = &templates[images.template_of(image, n_templates) * n_points..][..n_points];
            let widened = |value: &Complex<T>| Complex::new(Real::to_f64(value.re), Real::to_f64(value.im));
            let power = template
                .iter()
                .zip(&contrast)
                .enumerate()
                .map(|(at, (value, contrast))| weights[at / p] * widened(value).norm_sqr() * contrast * contrast);
            let variance = power.sum::<f64>() / SIGNAL * geometry.degrees_of_freedom() / weight_of_all;
            let deviation = (0.5 * variance).sqrt();
            let mut normal = || -> f64 { StandardNormal.sample(&mut random) };
            for (template, contrast) in template.chunks_exact(p).zip(contrast.chunks_exact(p)) {
                // An image is real: opposite angles are conjugate.
                let half: Vec<Complex<f64>> =
                    (0..p / 2).map(|_| Complex::new(normal(), normal()) * deviation).collect();
                let noise = half.iter().copied().chain(half.iter().map(Complex::conj));
                for ((value, contrast), noise) in template.iter().zip(contrast).zip(noise) {
                    let value = widened(value) * contrast + noise;
                    images.values.push(Complex::new(<T as Real>::from_f64(value.re), <T as Real>::from_f64(value.im)));
                }
            }
            images.transfers.push(transfer);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beads_and_their_map_make_the_same_templates() {
        let data = Data::new(32).unwrap();
        let settings = SliceSettings::default();
        let of = |structure: Structure| {
            let plan = SlicePlan::<f64>::new(structure, data.geometry.grid(), data.box_angstrom(), &settings).unwrap();
            let mut values = vec![Complex::default(); 4 * plan.slice_len()];
            plan.compute(&data.rotations(4), &mut values, &mut [0.0; 4]).unwrap();
            values
        };
        let (beads, map) = (of(data.beads()), of(data.map()));
        let square = |values: &mut dyn Iterator<Item = Complex<f64>>| values.map(|v| v.norm_sqr()).sum::<f64>();
        let differing = square(&mut beads.iter().zip(&map).map(|(a, b)| a - b)) / square(&mut beads.iter().copied());
        // Gaussians of two voxels are sampled to e⁻⁸ at Nyquist, and cut at four standard deviations.
        assert!(differing.sqrt() < 2e-3, "{differing}");
    }
}
