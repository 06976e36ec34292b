//! Images of bead models under white noise, and the integral of their likelihood by a way of its own.

use std::f64::consts::{PI, TAU};
use std::sync::Arc;

use num_complex::Complex;
use verglas_fourier::grid::PolarGrid;
use verglas_fourier::pose::Matrix3;
use verglas_fourier::slices::{Beads, SlicePlan, SliceSettings, SomeShells, Structure};
use verglas_fourier::sphere::{PointGroup, Views, rotation};
use verglas_likelihood::compare::{ComparisonSettings, Search};
use verglas_likelihood::ctf::{ContrastFormula, ContrastTransfer};
use verglas_likelihood::displacements::Displacements;
use verglas_likelihood::refine::{ContinuousPose, DEFAULT_MODES, Refinement, Slices};
use verglas_likelihood::{
    Contrast, ContrastSign, DegreesOfFreedom, Formula, Geometry, ImageResult, ImageSet, LikelihoodError, LogLikelihood,
    PosePrior, TemplateSet,
};

use crate::common::{Noise, round};

impl Noise {
    /// From a normal distribution.
    pub fn normal(&mut self) -> f64 {
        let u = (self.next() + 0.5).max(1e-300);
        (-2.0 * u.ln()).sqrt() * (TAU * self.next()).cos()
    }

    /// Any rotation.
    pub fn rotation(&mut self) -> Matrix3 {
        rotation(TAU * (self.next() + 0.5), (2.0 * self.next()).acos(), TAU * (self.next() + 0.5))
    }
}

/// A model and the images' grids.
pub struct World {
    pub geometry: Geometry,
    pub views: Views,
    pub rotations: Vec<Matrix3>,
    /// The rotations that models look the same after.
    pub mates: Vec<Matrix3>,
    pub displacements: Displacements,
    pub n_pixels: usize,
    pub pixel_angstrom: f64,
    /// σ² of the noise by the grid's radius.
    pub sigma2: fn(f64) -> f64,
}

impl World {
    pub fn new(n_pixels: usize, pixel_angstrom: f64, factor: f64, max_pixels: f64, n_displacements: usize) -> Self {
        let radius = factor * n_pixels as f64 / 4.0;
        // Beads reach to 30 Å: as many angles as the outermost shell's waves ask for.
        let waves = TAU * 2.0 * radius / (n_pixels as f64 * pixel_angstrom) * 34.0;
        let p = (2.0 * waves / 4.0).ceil() as usize * 4 + 8;
        let geometry =
            Geometry::new(PolarGrid::new(radius, 0.25, p).unwrap(), n_pixels as f64 * pixel_angstrom).unwrap();
        let views = Views::new(1.0 / (4.0 * PI * factor)).unwrap();
        let rotations = views.rotations();
        let displacements = Displacements::new(max_pixels, pixel_angstrom, n_displacements, n_displacements).unwrap();
        let mates = PointGroup::Cyclic(1).rotations();
        Self { geometry, views, rotations, mates, displacements, n_pixels, pixel_angstrom, sigma2: |_| 1.0 }
    }

    /// The same with the views of one asymmetric unit.
    pub fn of_symmetry(mut self, viewing_distance: f64, group: PointGroup) -> Self {
        self.views = Views::for_symmetry(viewing_distance, group).unwrap();
        self.rotations = self.views.rotations();
        self.mates = group.rotations();
        self
    }
}

/// 24 beads of RMS radius 14 Å, and another that is `change` of it different.
pub struct Model {
    plan: SlicePlan<f64>,
    /// Whether templates can be had on some shells alone.
    pub on_some_shells: bool,
}

impl Model {
    /// 12 beads, and their mates.
    pub fn symmetric(world: &World, seed: u64, group: PointGroup) -> Self {
        let mut noise = Noise::new(seed);
        let own: Vec<[f64; 3]> = (0..12)
            .map(|_| [noise.normal(), noise.normal(), noise.normal()].map(|x| (8.1 * x).clamp(-16.0, 16.0)))
            .collect();
        let turned = |rotation: &Matrix3, point: &[f64; 3]| -> [f64; 3] {
            std::array::from_fn(|i| (0..3).map(|k| rotation[i][k] * point[k]).sum())
        };
        let positions: Vec<[f64; 3]> =
            group.rotations().iter().flat_map(|rotation| own.iter().map(|point| turned(rotation, point))).collect();
        let radii_angstrom = vec![2.8; positions.len()];
        let beads = Beads { positions_angstrom: positions, radii_angstrom, ..Beads::default() };
        let settings = SliceSettings { n_views: 1, ..SliceSettings::default() };
        let structure = Structure::Beads(Arc::new(beads));
        let plan = SlicePlan::new(structure, world.geometry.grid(), world.geometry.box_angstrom(), &settings).unwrap();
        Self { plan, on_some_shells: true }
    }

    pub fn new(world: &World, seed: u64, change_angstrom: f64) -> Self {
        let mut noise = Noise::new(seed);
        let mut positions: Vec<[f64; 3]> =
            (0..24).map(|_| [noise.normal(), noise.normal(), noise.normal()].map(|x| 8.1 * x)).collect();
        for position in &mut positions {
            position.iter_mut().for_each(|x| *x = x.clamp(-16.0, 16.0));
        }
        let mut other = Noise::new(seed + 999);
        for position in &mut positions {
            position.iter_mut().for_each(|x| *x += change_angstrom * other.normal());
        }
        for axis in 0..3 {
            let mean = positions.iter().map(|position| position[axis]).sum::<f64>() / 24.0;
            positions.iter_mut().for_each(|position| position[axis] -= mean);
        }
        let beads = Beads { positions_angstrom: positions, radii_angstrom: vec![2.8; 24], ..Beads::default() };
        let settings = SliceSettings { n_views: 1, ..SliceSettings::default() };
        let structure = Structure::Beads(Arc::new(beads));
        let plan = SlicePlan::new(structure, world.geometry.grid(), world.geometry.box_angstrom(), &settings).unwrap();
        Self { plan, on_some_shells: true }
    }

    pub fn templates(&self, world: &World) -> Vec<Complex<f64>> {
        let mut out = vec![Complex::default(); world.rotations.len() * world.geometry.n_points()];
        self.take(&world.rotations, &mut out).unwrap();
        out
    }
}

impl Slices for Model {
    fn take(&self, rotations: &[Matrix3], out: &mut [Complex<f64>]) -> Result<(), LikelihoodError> {
        let mut norms = vec![0.0; rotations.len()];
        self.plan.compute(rotations, out, &mut norms).map_err(|error| LikelihoodError::Slices(error.to_string()))
    }

    fn take_on(
        &self,
        shells: &SomeShells,
        rotations: &[Matrix3],
        out: &mut [Complex<f32>],
    ) -> Result<bool, LikelihoodError> {
        if !self.on_some_shells {
            return Ok(false);
        }
        let (mut values, mut norms) = (vec![Complex::default(); out.len()], vec![0.0; rotations.len()]);
        let taken = self.plan.compute_on(shells, rotations, &mut values, &mut norms);
        taken.map_err(|error| LikelihoodError::Slices(error.to_string()))?;
        out.copy_from_slice(&round(&values));
        Ok(true)
    }
}

/// An image, with its truth.
pub struct Image {
    pub values: Vec<Complex<f64>>,
    pub contrast: Vec<f64>,
    pub transfer: ContrastTransfer,
    pub rotation: Matrix3,
    pub shift_angstrom: [f64; 2],
}

/// C·T, moved.
pub fn seen(world: &World, model: &Model, contrast: &[f64], rotation: &Matrix3, shift: [f64; 2]) -> Vec<Complex<f64>> {
    let (geometry, p) = (&world.geometry, world.geometry.n_inplanes());
    let mut values = vec![Complex::default(); geometry.n_points()];
    model.take(std::slice::from_ref(rotation), &mut values).unwrap();
    for (at, (value, contrast)) in values.iter_mut().zip(contrast).enumerate() {
        let (cos, sin) = geometry.grid().direction(at % p);
        let q = 2.0 * geometry.grid().radii()[at / p] / geometry.box_angstrom();
        *value *= Complex::cis(-TAU * q * (shift[0] * cos + shift[1] * sin)) * *contrast;
    }
    values
}

/// An image of squared matched-filter signal-to-noise ρ² (0: noise alone), at any pose, up to `reach` pixels off centre.
pub fn image(world: &World, model: &Model, rho2: f64, reach: f64, seed: u64) -> Image {
    let (geometry, p, n) = (&world.geometry, world.geometry.n_inplanes(), world.n_pixels);
    let mut noise = Noise::new(seed);
    for _ in 0..20 {
        noise.next();
    }
    let defocus = 9_000.0 + 6_000.0 * (noise.next() + 0.5);
    let transfer = ContrastTransfer {
        defocus_u_angstrom: defocus,
        defocus_v_angstrom: defocus - 800.0,
        defocus_angle_rad: PI * noise.next(),
        voltage_kv: 300.0,
        spherical_aberration_mm: 2.7,
        amplitude_contrast: 0.1,
        phase_shift_rad: 0.0,
        b_factor_angstrom2: 0.0,
    };
    let mut contrast = vec![0.0; geometry.n_points()];
    transfer.fill(geometry, Default::default(), 0, &mut contrast).unwrap();
    let rotation = noise.rotation();
    let shift_angstrom = [0, 1].map(|_| 2.0 * reach * world.pixel_angstrom * noise.next());
    let mut values = seen(world, model, &contrast, &rotation, shift_angstrom);
    let weights = geometry.point_weights();
    let power: f64 = values.iter().enumerate().map(|(at, value)| weights[at / p] * value.norm_sqr()).sum();
    // White noise of variance 1 in each pixel has N² in each Fourier pixel, four of which are a unit of the grid's area.
    let area: f64 = weights.iter().map(|weight| weight * p as f64).sum();
    let unit = area / (PI * geometry.grid().radius_max().powi(2));
    let scale = (rho2 * (n * n) as f64 * unit / 4.0 / power).sqrt();
    values.iter_mut().for_each(|value| *value *= scale);
    // The noise's transform, axis after axis.
    let pixels: Vec<f64> = (0..n * n).map(|_| noise.normal()).collect();
    for (at, value) in values.iter_mut().enumerate() {
        let (cos, sin) = geometry.grid().direction(at % p);
        let q = 2.0 * geometry.grid().radii()[at / p] / n as f64;
        let waves = |turns: f64| -> Vec<Complex<f64>> {
            (0..n).map(|i| Complex::cis(-TAU * turns * (i as f64 - (n / 2) as f64))).collect()
        };
        let (rows, columns) = (waves(q * cos), waves(q * sin));
        for (row, wave) in pixels.chunks_exact(n).zip(rows) {
            let sum: Complex<f64> = row.iter().zip(&columns).map(|(pixel, wave)| wave * pixel).sum();
            *value += sum * wave * (world.sigma2)(geometry.grid().radii()[at / p]).sqrt();
        }
    }
    Image { values, contrast, transfer, rotation, shift_angstrom }
}

/// A model's templates, with which images are compared.
pub struct Compared<'a> {
    world: &'a World,
    model: &'a Model,
    templates: Vec<Complex<f32>>,
}

impl<'a> Compared<'a> {
    pub fn new(world: &'a World, model: &'a Model) -> Self {
        Self { world, model, templates: round(&model.templates(world)) }
    }

    /// What is found of an image, and the correlation of each pose of the grid.
    pub fn image(&self, image: &Image) -> (ImageResult, Vec<f64>) {
        self.with(image, &self.world.displacements, true, |search, images| {
            let found = search.compare(images).unwrap();
            (found.images[0], found.cross_correlations.iter().map(|cc| f64::from(*cc)).collect())
        })
    }

    /// On how many shells templates between the views are taken.
    pub fn n_shells_between(&self, image: &Image) -> usize {
        self.with(image, &self.world.displacements, false, |search, _| search.n_shells_between())
    }

    /// What is found of an image near a pose.
    pub fn image_near(&self, image: &Image, pose: ContinuousPose, prior: PosePrior) -> ImageResult {
        let displacements = Displacements::near(self.world.displacements.grid().unwrap(), &prior);
        self.with(image, &displacements, false, |search, images| {
            search
                .compare_near(images, (&[pose], prior), (&self.world.rotations, &self.world.mates), &|_| true)
                .unwrap()
                .images[0]
        })
    }

    fn with<R>(
        &self,
        image: &Image,
        displacements: &Displacements,
        full: bool,
        run: impl FnOnce(&Search<f32>, &ImageSet<f32>) -> R,
    ) -> R {
        let World { geometry, views, .. } = self.world;
        let set = TemplateSet::new(geometry, &self.templates, &views.weight).unwrap();
        let settings = ComparisonSettings {
            sign: ContrastSign::Positive,
            weighs_appended: false,
            full,
            n_threads: 2,
            ..ComparisonSettings::default()
        };
        let refinement = Refinement {
            slices: self.model,
            views: &self.world.rotations,
            mates: &self.world.mates,
            n_modes: DEFAULT_MODES,
            pixel_angstrom: self.world.pixel_angstrom,
        };
        let search = Search::new(geometry, set, displacements, settings).unwrap();
        let search = search.with_refinement(refinement, &|| true).unwrap();
        let values = round::<f32>(&image.values);
        let transfers = [image.transfer];
        let contrast = Contrast::Parameters(&transfers, ContrastFormula::Right);
        run(&search, &ImageSet::new(geometry, &values, contrast).unwrap())
    }
}

/// ℓ₊ of an image at any pose, by plain sums.
pub struct Plain<'a> {
    world: &'a World,
    image: &'a Image,
    pub likelihood: LogLikelihood,
    i_yy: f64,
    i_sy: f64,
}

impl<'a> Plain<'a> {
    pub fn new(world: &'a World, image: &'a Image, sign: ContrastSign) -> Self {
        let (geometry, p) = (&world.geometry, world.geometry.n_inplanes());
        let likelihood = LogLikelihood::of::<f64>(geometry, Formula::Right, DegreesOfFreedom::Band, sign).unwrap();
        let (mut i_yy, mut i_sy) = (0.0, 0.0);
        for (at, value) in image.values.iter().enumerate() {
            let weight = geometry.point_weights()[at / p];
            i_yy += weight * value.norm_sqr();
            i_sy += weight * geometry.constant()[at] * value.re;
        }
        Self { world, image, likelihood, i_yy, i_sy }
    }

    /// ℓ₊ at one rotation and some displacements in the image's frame.
    pub fn values(&self, model: &Model, rotation: &Matrix3, shifts: &[[f64; 2]]) -> Vec<f64> {
        let (geometry, p) = (&self.world.geometry, self.world.geometry.n_inplanes());
        let still = seen(self.world, model, &self.image.contrast, rotation, [0.0; 2]);
        let (mut i_xx, mut i_sx) = (0.0, 0.0);
        let mut products = still.clone();
        for (at, value) in still.iter().enumerate() {
            let weight = geometry.point_weights()[at / p];
            i_xx += weight * value.norm_sqr();
            // The mean is that of the template where it stands.
            i_sx += weight * geometry.constant()[at] * value.re;
            products[at] = value * self.image.values[at].conj() * weight;
        }
        let i_ss = geometry.i_ss();
        let a = i_xx * i_ss - i_sx * i_sx;
        let v = self.i_yy * i_ss - self.i_sy * self.i_sy;
        let value = |shift: &[f64; 2]| {
            let mut i_xy = 0.0;
            for (at, product) in products.iter().enumerate() {
                let (cos, sin) = geometry.grid().direction(at % p);
                let q = 2.0 * geometry.grid().radii()[at / p] / geometry.box_angstrom();
                let (sin, cos) = (TAU * q * (shift[0] * cos + shift[1] * sin)).sin_cos();
                i_xy += product.re * cos + product.im * sin;
            }
            self.likelihood.value((i_xy * i_ss - i_sx * self.i_sy) / (a * v).sqrt(), a, v)
        };
        shifts.iter().map(value).collect()
    }
}

fn product(a: &Matrix3, b: &Matrix3) -> Matrix3 {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
}

fn transposed(a: &Matrix3) -> Matrix3 {
    std::array::from_fn(|i| std::array::from_fn(|j| a[j][i]))
}

/// ln L by drawing poses: cells of the grid as often as the power 0.4 of what the grid's points say, and any pose of a cell,
/// each weighed by how often all cells together draw it; with its standard error. Neither modes nor lattices are in it.
///
/// A view's cell is a cap that reaches into its neighbours', so that caps leave nothing of the sphere out.
pub fn drawn(
    world: &World,
    model: &Model,
    plain: &Plain,
    cross_correlations: &[f64],
    n_draws: usize,
    seed: u64,
) -> (f64, f64) {
    let (p, n_views, d) = (world.geometry.n_inplanes(), world.rotations.len(), world.displacements.len());
    let mut noise = Noise::new(seed);
    let height = 1.0 - (4.0 * PI / n_views as f64).sqrt().cos();
    // A cell's probability: tempered, so that maxima between the points are found.
    let gains: Vec<f64> = cross_correlations.iter().map(|cc| plain.likelihood.gain(*cc)).collect();
    let top = gains.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let tempered: Vec<f64> = gains.iter().map(|gain| (0.4 * (gain - top)).exp()).collect();
    let sum: f64 = tempered.iter().sum();
    let cumulative: Vec<f64> = tempered
        .iter()
        .scan(0.0, |so_far, one| {
            *so_far += one;
            Some(*so_far)
        })
        .collect();
    let grid = world.displacements.grid().unwrap();
    let (step, half) = (grid.steps_angstrom[0], grid.reach_angstrom(0));
    let along = (2.0 * half / step).round() as usize;
    assert_eq!(along * along, d);
    let of_place = |d0: f64, d1: f64| {
        let place = |x: f64| Some(((x + half) / step).floor()).filter(|k| (0.0..along as f64).contains(k));
        Some(place(d1)? as usize * along + place(d0)? as usize)
    };
    let mut terms = Vec::with_capacity(n_draws);
    for _ in 0..n_draws {
        let mark = (noise.next() + 0.5) * sum;
        let at = cumulative.partition_point(|c| *c < mark).min(gains.len() - 1);
        let (view, displacement, w) = (at / (d * p), at / p % d, at % p);
        let (phi, polar) = (TAU * noise.next(), (1.0 - height * (noise.next() + 0.5)).acos());
        let own = TAU * (w as f64 + noise.next()) / p as f64;
        let turned = product(&world.rotations[view], &rotation(phi, polar, own - phi));
        // Of each view whose cap the pose lies in: its cell of rotations, the angle, and the angle of the pose itself.
        let near: Vec<(usize, usize, f64)> = (0..n_views)
            .filter_map(|view| {
                let local = product(&transposed(&world.rotations[view]), &turned);
                (1.0 - local[2][2] <= height).then(|| {
                    let angle = local[2][1].atan2(-local[2][0]) + local[1][2].atan2(local[0][2]);
                    (view, (angle / TAU * p as f64).round().rem_euclid(p as f64) as usize, angle)
                })
            })
            .collect();
        let omega = turned[2][1].atan2(-turned[2][0]);
        // Displacements all over the cell, from the template's frame to the image's.
        const ALONG: usize = 5;
        let [d0, d1] = world.displacements.angstrom()[displacement];
        let shifts: Vec<[f64; 2]> = (0..ALONG * ALONG)
            .map(|i| {
                let place = |i: usize, jitter: f64| step * ((i as f64 + 0.5 + jitter) / ALONG as f64 - 0.5);
                let (d0, d1) = (d0 + place(i % ALONG, noise.next()), d1 + place(i / ALONG, noise.next()));
                [own.cos() * d0 + own.sin() * d1, own.cos() * d1 - own.sin() * d0]
            })
            .collect();
        let into = |shift: &[f64; 2], angle: f64| {
            let (sin, cos) = angle.sin_cos();
            of_place(cos * shift[0] - sin * shift[1], sin * shift[0] + cos * shift[1])
        };
        let ln_terms: Vec<f64> = plain
            .values(model, &turned, &shifts)
            .into_iter()
            .zip(&shifts)
            .filter(|(_, shift)| into(shift, omega).is_some())
            .map(|(value, shift)| {
                let often: f64 = near
                    .iter()
                    .filter_map(|&(view, w, angle)| Some(tempered[(view * d + into(shift, angle)?) * p + w]))
                    .sum();
                // The cap's share of the sphere is half its height.
                value - (often / sum * (d * p) as f64 * 2.0 / height).ln()
            })
            .collect();
        let top = ln_terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if top.is_finite() {
            let mean = ln_terms.iter().map(|term| (term - top).exp()).sum::<f64>() / (ALONG * ALONG) as f64;
            terms.push(top + mean.ln());
        }
    }
    let top = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mean = terms.iter().map(|term| (term - top).exp()).sum::<f64>() / n_draws as f64;
    let square = terms.iter().map(|term| (2.0 * (term - top)).exp()).sum::<f64>() / n_draws as f64;
    (top + mean.ln(), ((square / (mean * mean) - 1.0) / n_draws as f64).sqrt())
}
