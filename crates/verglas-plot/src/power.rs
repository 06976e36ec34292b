//! Mean power on each shell, over the images and angles of a stack.

use bytemuck::Pod;
use num_complex::Complex;
use verglas_fourier::grid::PolarGrid;
use verglas_fourier::polar::Real;

/// Turns values on the grid into power per shell.
#[derive(Debug, Clone)]
pub struct PowerPlan {
    n_inplanes: usize,
    /// How many angles of a shell are used.
    n_distinct: usize,
    /// (2π)² · shell weight: what mean power on a shell contributes to an image's norm, which is 1.
    shell_weights: Vec<f64>,
}

/// Power added up over images.
///
/// Each image adds its shells' shares of its norm, as integers: the sum is the same in whatever order images come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerSum {
    /// Shares of the norm, in units of [`UNIT`], by shell.
    shares: Vec<u128>,
    n_images: u64,
}

/// One in the integers that are added: 2⁶⁴. A share is at most 1, so 2⁶³ images fit.
const UNIT: f64 = 18_446_744_073_709_551_616.0;

impl PowerPlan {
    /// Plans the sums of images on `grid`.
    pub fn new(grid: &PolarGrid) -> Self {
        let n_inplanes = grid.n_inplanes();
        Self {
            n_inplanes,
            // Images are real, so F at the opposite angle is the complex conjugate: of the same power.
            n_distinct: if n_inplanes.is_multiple_of(2) { n_inplanes / 2 } else { n_inplanes },
            shell_weights: (0..grid.n_shells()).map(|s| grid.point_weight(s) * n_inplanes as f64).collect(),
        }
    }

    /// Nothing added up yet.
    pub fn start(&self) -> PowerSum {
        PowerSum { shares: vec![0; self.shell_weights.len()], n_images: 0 }
    }

    /// Adds one normalised image, `[n_shells, n_inplanes]`.
    pub fn add<T: Real>(&self, fourier: &[Complex<T>], sum: &mut PowerSum)
    where
        Complex<T>: Pod,
    {
        let shells = fourier.chunks_exact(self.n_inplanes);
        for ((values, weight), share) in shells.zip(&self.shell_weights).zip(&mut sum.shares) {
            *share += (self.of_shell(values) * weight * UNIT) as u128;
        }
        sum.n_images += 1;
    }

    /// Mean power of one image on each shell.
    pub fn profile<T: Real>(&self, fourier: &[Complex<T>]) -> Vec<f64>
    where
        Complex<T>: Pod,
    {
        fourier.chunks_exact(self.n_inplanes).map(|values| self.of_shell(values)).collect()
    }

    /// Mean power over the images that were added, on each shell; zeros when there were none.
    pub fn mean(&self, sum: &PowerSum) -> Vec<f64> {
        let n_images = sum.n_images.max(1) as f64;
        sum.shares
            .iter()
            .zip(&self.shell_weights)
            .map(|(&share, weight)| share as f64 / UNIT / weight / n_images)
            .collect()
    }

    fn of_shell<T: Real>(&self, values: &[Complex<T>]) -> f64
    where
        Complex<T>: Pod,
    {
        sum_of_squares(&values[..self.n_distinct.min(values.len())]) / self.n_distinct as f64
    }
}

impl PowerSum {
    /// Adds what another sum holds.
    pub fn merge(&mut self, other: &Self) {
        for (share, more) in self.shares.iter_mut().zip(&other.shares) {
            *share += more;
        }
        self.n_images += other.n_images;
    }

    /// Forgets what was added.
    pub fn clear(&mut self) {
        self.shares.fill(0);
        self.n_images = 0;
    }
}

/// Σ |value|², in a fixed order that the compiler turns into vector code.
fn sum_of_squares<T: Real>(values: &[Complex<T>]) -> f64
where
    Complex<T>: Pod,
{
    const LANES: usize = 16;
    let parts: &[T] = bytemuck::cast_slice(values);
    let mut lanes = [T::default(); LANES];
    let chunks = parts.chunks_exact(LANES);
    let rest: f64 = chunks.remainder().iter().map(|part| part.widened().powi(2)).sum();
    for chunk in chunks {
        for (lane, &part) in lanes.iter_mut().zip(chunk) {
            *lane = *lane + part * part;
        }
    }
    lanes.iter().map(|lane| lane.widened()).sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(grid: &PolarGrid, seed: usize) -> Vec<Complex<f32>> {
        let value = |index: usize| Complex::new((index * seed % 97) as f32 - 48.0, (index * seed % 89) as f32 - 44.0);
        let mut values: Vec<_> = (0..grid.n_points()).map(value).collect();
        // As the transform of a real image: conjugate at the opposite angle.
        let n = grid.n_inplanes();
        for shell in values.chunks_exact_mut(n).filter(|_| n.is_multiple_of(2)) {
            for j in 0..n / 2 {
                shell[j + n / 2] = shell[j].conj();
            }
        }
        let weight = |index: usize| grid.point_weight(index / n);
        let norm: f64 = values.iter().enumerate().map(|(i, v)| f64::from(v.norm_sqr()) * weight(i)).sum();
        values.iter_mut().for_each(|value| *value = value.unscale(norm.sqrt() as f32));
        values
    }

    #[test]
    fn it_is_the_mean_over_images_and_angles_in_any_order() {
        for n_inplanes in [36, 35] {
            let grid = PolarGrid::new(8.0, 0.25, n_inplanes).unwrap();
            let plan = PowerPlan::new(&grid);
            let images: Vec<_> = (1..6).map(|seed| image(&grid, seed * 31)).collect();
            let (mut forwards, mut backwards) = (plan.start(), plan.start());
            images.iter().for_each(|image| plan.add(image, &mut forwards));
            for image in images.iter().rev() {
                let mut one = plan.start();
                plan.add(image, &mut one);
                backwards.merge(&one);
            }
            assert_eq!(forwards, backwards);
            for (shell, found) in plan.mean(&forwards).into_iter().enumerate() {
                let ring = shell * n_inplanes..(shell + 1) * n_inplanes;
                let sum: f64 =
                    images.iter().flat_map(|image| &image[ring.clone()]).map(|v| f64::from(v.norm_sqr())).sum();
                let expected = sum / (n_inplanes * images.len()) as f64;
                // Sums of at most 5 squares a lane, in single precision.
                assert!((found / expected - 1.0).abs() < 1e-6, "{n_inplanes} angles, shell {shell}");
            }
        }
    }

    #[test]
    fn as_many_images_as_a_stack_may_have_fit() {
        let grid = PolarGrid::new(2.0, 0.25, 8).unwrap();
        let plan = PowerPlan::new(&grid);
        let mut sum = plan.start();
        plan.add(&image(&grid, 3), &mut sum);
        let expected = plan.mean(&sum);
        for _ in 0..24 {
            let other = sum.clone();
            sum.merge(&other);
        }
        assert_eq!(plan.mean(&sum), expected);
    }
}
