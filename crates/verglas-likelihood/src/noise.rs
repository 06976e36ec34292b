//! The noise's spectrum, from what is left of images once their particles are taken out.
//!
//! ```text
//! W_n → W_n/σ²(n) in every sum,   Σ_n g_n ln σ²(n) = 0,   g_n = 4·P·W_n
//! ```
//!
//! g_n is how many independent values of an image a shell has. σ² is the mean of |I − âCT − b̂s|² over angles and images, each
//! image in units of its own E/(I_ss·M), over adjacent shells together until they have [`VALUES_OF_A_POOL`] values, and linear
//! in the radius between their middles and beyond the last. Shells inside radius 1 take the value there: the offset b̂ fits what they hold.

use num_complex::Complex;
use verglas_fourier::waves::sin_cos_turns;

use crate::error::LikelihoodError;
use crate::formula::Formula;
use crate::geometry::Geometry;
use crate::real::Real;
use crate::sets::ImageSet;
use crate::sums::{ImageSums, displace};

/// Independent values that shells have together before their mean counts: it is then good to 3 %.
pub const VALUES_OF_A_POOL: f64 = 2000.0;
/// Images at least.
pub const LEAST_IMAGES: usize = 10;
/// A spectrum is settled when no shell of enough values changes by more.
pub const SETTLED: f64 = 0.01;

/// σ² of each shell.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseSpectrum {
    sigma2: Vec<f64>,
    independent_values: Vec<f64>,
    measured: Vec<f64>,
}

impl NoiseSpectrum {
    /// White noise: 1 everywhere.
    pub fn white(geometry: &Geometry) -> Self {
        let n = geometry.n_shells();
        Self { sigma2: vec![1.0; n], independent_values: vec![0.0; n], measured: Vec::new() }
    }

    /// Given values, one for each shell; they are scaled so that Σ g_n ln σ² is 0.
    ///
    /// # Errors
    /// When there are not as many as shells, or one is not a finite number above 0.
    pub fn of(geometry: &Geometry, sigma2: &[f64]) -> Result<Self, LikelihoodError> {
        LikelihoodError::check_length("noise spectrum", geometry.n_shells(), sigma2.len())?;
        for (shell, value) in sigma2.iter().enumerate() {
            LikelihoodError::check_positive(format!("noise of shell {shell}"), *value)?;
        }
        let shares = shares(geometry);
        let total: f64 = shares.iter().sum();
        let mean: f64 = shares.iter().zip(sigma2).map(|(g, value)| g * value.ln()).sum::<f64>() / total;
        let scale = (-mean).exp();
        let sigma2 = sigma2.iter().map(|value| value * scale).collect();
        Ok(Self { sigma2, independent_values: vec![0.0; geometry.n_shells()], measured: Vec::new() })
    }

    /// σ² of each shell.
    pub fn sigma2(&self) -> &[f64] {
        &self.sigma2
    }

    /// How many independent values each shell's own mean is of; 0 where it was given.
    pub fn independent_values(&self) -> &[f64] {
        &self.independent_values
    }

    /// What was measured on each shell by itself, in the units of σ²; empty where it was given.
    pub fn measured(&self) -> &[f64] {
        &self.measured
    }

    /// The same for others than it was measured of.
    #[must_use]
    pub fn unmeasured(self) -> Self {
        Self { measured: Vec::new(), ..self }
    }

    /// The largest σ² over the smallest.
    pub fn range(&self) -> f64 {
        let largest = self.sigma2.iter().copied().fold(0.0, f64::max);
        largest / self.sigma2.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The geometry whose sums are weighted by W_n/σ²(n); `geometry` has the grid's own weights.
    ///
    /// # Errors
    /// When there are not as many values as shells.
    pub fn weigh(&self, geometry: &Geometry) -> Result<Geometry, LikelihoodError> {
        let weights = geometry.point_weights().iter().zip(&self.sigma2).map(|(weight, sigma2)| weight / sigma2);
        geometry.clone().with_point_weights(weights.collect())
    }

    /// Whether this one, of more rounds, says the same as `before`: where shells have enough values.
    pub fn is_settled(&self, before: &Self) -> bool {
        let pairs = self.sigma2.iter().zip(&before.sigma2).zip(&self.independent_values);
        pairs.filter(|(_, n)| **n >= VALUES_OF_A_POOL).all(|((a, b), _)| (a / b - 1.0).abs() <= SETTLED)
    }
}

/// g_n of each shell.
fn shares(geometry: &Geometry) -> Vec<f64> {
    let grid = geometry.grid();
    (0..grid.n_shells()).map(|shell| 4.0 * grid.n_inplanes() as f64 * grid.point_weight(shell)).collect()
}

/// The power of images or of what is left of them, shell by shell, summed.
#[derive(Debug, Clone, PartialEq)]
pub struct PowerSums {
    power: Vec<f64>,
    n_images: usize,
}

impl PowerSums {
    /// Of no images.
    pub fn new(geometry: &Geometry) -> Self {
        Self { power: vec![0.0; geometry.n_shells()], n_images: 0 }
    }

    /// Adds one image's.
    pub fn add(&mut self, power: &[f64]) {
        self.power.iter_mut().zip(power).for_each(|(sum, power)| *sum += power);
        self.n_images += 1;
    }

    /// Adds those of others.
    pub fn join(&mut self, other: &Self) {
        self.power.iter_mut().zip(&other.power).for_each(|(sum, power)| *sum += power);
        self.n_images += other.n_images;
    }

    /// How many images there were.
    pub fn n_images(&self) -> usize {
        self.n_images
    }

    /// σ² of each shell; `None` where there are too few images or values. `geometry` is of the grid's own weights.
    pub fn spectrum(&self, geometry: &Geometry) -> Option<NoiseSpectrum> {
        let (shares, radii) = (shares(geometry), geometry.grid().radii());
        let values: Vec<f64> = shares.iter().map(|g| g * self.n_images as f64).collect();
        if self.n_images < LEAST_IMAGES || values.iter().sum::<f64>() < VALUES_OF_A_POOL {
            return None;
        }
        // Pools from the outside in, where values are many; what is left in the middle joins the last.
        struct Pool {
            values: f64,
            power: f64,
            radius: f64,
        }
        let mut pools: Vec<Pool> = Vec::new();
        let mut open = Pool { values: 0.0, power: 0.0, radius: 0.0 };
        for shell in (0..radii.len()).rev() {
            let weight = values[shell];
            // The offset fits the innermost.
            if radii[shell] < 1.0 && !pools.is_empty() {
                break;
            }
            open.values += weight;
            open.power += weight * self.power[shell];
            open.radius += weight * radii[shell];
            if open.values >= VALUES_OF_A_POOL {
                pools.push(std::mem::replace(&mut open, Pool { values: 0.0, power: 0.0, radius: 0.0 }));
            }
        }
        if open.values > 0.0 {
            match pools.last_mut() {
                Some(last) => {
                    last.values += open.values;
                    last.power += open.power;
                    last.radius += open.radius;
                }
                None => pools.push(open),
            }
        }
        pools.reverse();
        let middles: Vec<(f64, f64)> =
            pools.iter().map(|pool| (pool.radius / pool.values, pool.power / pool.values)).collect();
        let sigma2: Vec<f64> = radii.iter().map(|radius| interpolated(&middles, radius.max(1.0))).collect();
        let mut found = NoiseSpectrum::of(geometry, &sigma2).ok()?;
        found.independent_values = values;
        let scale = found.sigma2[0] / sigma2[0];
        found.measured = self.power.iter().map(|power| power * scale).collect();
        Some(found)
    }
}

/// Linear between points that rise, and beyond the last on the same line, but no less than half of it; constant before the
/// first.
fn interpolated(points: &[(f64, f64)], x: f64) -> f64 {
    let after = points.partition_point(|point| point.0 < x);
    if let (true, [.., (x0, y0), (x1, y1)]) = (after == points.len(), points) {
        return (y1 + (y1 - y0) * (x - x1) / (x1 - x0)).max(0.5 * y1);
    }
    match (after.checked_sub(1).map(|before| points[before]), points.get(after)) {
        (Some((x0, y0)), Some(&(x1, y1))) => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
        (Some((_, y)), None) | (None, Some(&(_, y))) => y,
        (None, None) => 1.0,
    }
}

/// The mean power of an image on each shell, in units of its mean over all.
///
/// # Errors
/// Values that are not finite; an image that is 0 or constant.
pub fn image_power<T: Real>(
    geometry: &Geometry,
    images: &ImageSet<T>,
    image: usize,
) -> Result<Vec<f64>, LikelihoodError> {
    let mut sums = ImageSums::new(geometry);
    images.fill(geometry, image, &mut sums.values, &mut sums.contrast)?;
    sums.sum(geometry, Formula::Right, image)?;
    let unit = sums.v / geometry.i_ss() / geometry.degrees_of_freedom();
    Ok(mean_power(geometry, &sums.values, unit))
}

/// What is left of an image once a particle and a constant are taken out.
#[derive(Debug, Clone, PartialEq)]
pub struct Residual {
    /// |I − âCT − b̂s|² on each shell, in units of `unit`.
    pub power: Vec<f64>,
    /// E/(I_ss·M): the image's own scale.
    pub unit: f64,
}

/// What is left of an image, by the geometry's weights. `template` is of the pose: turned, and moved by [`move_slice`].
///
/// # Errors
/// As [`image_power`]; a template that is 0 or constant.
pub fn residual_power<T: Real>(
    geometry: &Geometry,
    images: &ImageSet<T>,
    image: usize,
    template: &[Complex<f64>],
) -> Result<Residual, LikelihoodError> {
    LikelihoodError::check_length("template", geometry.n_points(), template.len())?;
    let mut sums = ImageSums::new(geometry);
    images.fill(geometry, image, &mut sums.values, &mut sums.contrast)?;
    sums.sum(geometry, Formula::Right, image)?;
    let (p, i_ss) = (geometry.n_inplanes(), geometry.i_ss());
    let (mut i_xx, mut i_xy, mut i_sx) = (0.0, 0.0, 0.0);
    for (at, value) in template.iter().enumerate() {
        let (weight, contrast) = (geometry.point_weights()[at / p], sums.contrast[at]);
        i_xx += weight * contrast * contrast * value.norm_sqr();
        i_xy += (sums.weighted[at] * value).re;
        i_sx += weight * geometry.constant()[at] * contrast * value.re;
    }
    let (a, b) = (i_xx * i_ss - i_sx * i_sx, i_xy * i_ss - i_sx * sums.i_sy.re);
    // NaN is an error, too.
    if a.is_nan() || a <= 0.0 {
        return Err(LikelihoodError::PairNorm { image, view: 0 });
    }
    let scale = b / a;
    let offset = (sums.i_sy.re - scale * i_sx) / i_ss;
    let unit = (sums.v - b * b / a) / i_ss / geometry.degrees_of_freedom();
    for (at, value) in sums.values.iter_mut().enumerate() {
        *value -= template[at] * (scale * sums.contrast[at]) + offset * geometry.constant()[at];
    }
    Ok(Residual { power: mean_power(geometry, &sums.values, unit), unit })
}

/// A template of a view, moved by `displacement_angstrom` in its own frame and turned by `rotation` steps of the grid.
pub fn template_at<T: Real>(
    geometry: &Geometry,
    template: &[Complex<T>],
    displacement_angstrom: [f64; 2],
    rotation: usize,
) -> Vec<Complex<f64>> {
    let p = geometry.n_inplanes();
    let mut moved = vec![Complex::default(); geometry.n_points()];
    displace(geometry, template, displacement_angstrom, &mut moved);
    moved.chunks_exact_mut(p).for_each(|shell| shell.rotate_left(rotation % p));
    moved
}

fn mean_power(geometry: &Geometry, values: &[Complex<f64>], unit: f64) -> Vec<f64> {
    let p = geometry.n_inplanes();
    let of_shell = |shell: &[Complex<f64>]| shell.iter().map(|value| value.norm_sqr()).sum::<f64>() / p as f64 / unit;
    values.chunks_exact(p).map(of_shell).collect()
}

/// Moves a template by `shift_angstrom` along image axes 0 and 1.
pub fn move_slice(geometry: &Geometry, template: &mut [Complex<f64>], shift_angstrom: [f64; 2]) {
    let p = geometry.n_inplanes();
    for (at, value) in template.iter_mut().enumerate() {
        let (sin, cos) = sin_cos_turns(geometry.turns(at / p, at % p, shift_angstrom));
        *value *= Complex::new(cos, -sin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use verglas_fourier::grid::PolarGrid;

    fn geometry() -> Geometry {
        Geometry::new(PolarGrid::new(8.0, 0.25, 64).unwrap(), 64.0).unwrap()
    }

    #[test]
    fn independent_values_are_those_of_the_disc() {
        let geometry = geometry();
        let sum: f64 = shares(&geometry).iter().sum();
        assert!((sum / geometry.degrees_of_freedom() - 1.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn a_smooth_spectrum_is_found_again_but_for_the_middle() {
        let geometry = geometry();
        let truth = |radius: f64| 4.0 - 0.4 * radius;
        let mut sums = PowerSums::new(&geometry);
        for _ in 0..60 {
            // The offset has fitted what lies inside radius 1.
            let power: Vec<f64> =
                geometry.grid().radii().iter().map(|&r| if r < 1.0 { 0.02 } else { truth(r) }).collect();
            sums.add(&power);
        }
        let found = sums.spectrum(&geometry).unwrap();
        let expected: Vec<f64> = geometry.grid().radii().iter().map(|&r| truth(r.max(1.0))).collect();
        let expected = NoiseSpectrum::of(&geometry, &expected).unwrap();
        for ((found, expected), r) in found.sigma2().iter().zip(expected.sigma2()).zip(geometry.grid().radii()) {
            // Before the middle of the first pool it is constant.
            let bound = if *r < 2.2 { 0.08 } else { 0.01 };
            assert!((found / expected - 1.0).abs() < bound, "radius {r}: {found} {expected}");
        }
        for (shell, (measured, r)) in found.measured().iter().zip(geometry.grid().radii()).enumerate() {
            let of_fit = if *r < 1.0 { 0.02 / truth(1.0) } else { truth(*r) / truth(r.max(1.0)) };
            let off = measured / (of_fit * expected.sigma2()[shell]) - 1.0;
            assert!(off.abs() < 0.02, "radius {r}: {measured} is off by {off}");
        }
        let mean: f64 = shares(&geometry).iter().zip(found.sigma2()).map(|(g, s)| g * s.ln()).sum();
        assert!(mean.abs() < 1e-9);
        assert!(found.is_settled(&found) && !found.is_settled(&NoiseSpectrum::white(&geometry)));
    }

    #[test]
    fn few_images_say_nothing() {
        let geometry = geometry();
        let mut sums = PowerSums::new(&geometry);
        for _ in 0..9 {
            sums.add(&vec![1.0; geometry.n_shells()]);
        }
        assert!(sums.spectrum(&geometry).is_none());
    }
}
