//! The last steps for a slice once its values are there: the mean, and the norm.

use std::f64::consts::PI;

use num_complex::Complex;

use crate::grid::PolarGrid;
use crate::polar::Real;

/// The transform of a constant image that is 1 at the origin of Fourier space: sinc(2x)·sinc(2y) at x = r_n cos θ_j,
/// y = r_n sin θ_j, with sinc t = sin(πt)/(πt).
///
/// Returns `[n_shells, n_inplanes]`, row-major.
pub fn constant_image(grid: &PolarGrid) -> Vec<f64> {
    let mut values = Vec::with_capacity(grid.n_points());
    for &radius in grid.radii() {
        for j in 0..grid.n_inplanes() {
            let (cos, sin) = grid.direction(j);
            values.push(sinc(2.0 * radius * cos) * sinc(2.0 * radius * sin));
        }
    }
    values
}

/// sin(πt)/(πt)
fn sinc(t: f64) -> f64 {
    if t == 0.0 {
        return 1.0;
    }
    // Whole turns are removed before the multiplication with π.
    let rest = t - 2.0 * (t / 2.0).round();
    (PI * rest).sin() / (PI * t)
}

/// Takes the mean out of a slice: T −= F(0)·sinc(2x)·sinc(2y).
///
/// * `slice`: `[n_shells, n_inplanes]`, row-major.
/// * `total`: F(0), the sum of the structure.
/// * `constant`: [`constant_image`] of the same grid.
///
/// # Panics
/// When `slice` and `constant` differ in length.
pub fn remove_mean<T: Real>(slice: &mut [Complex<T>], total: f64, constant: &[f64]) {
    assert_eq!(slice.len(), constant.len(), "a constant image on the slice's grid");
    for (value, constant) in slice.iter_mut().zip(constant) {
        value.re = T::rounded(value.re.widened() - total * constant);
    }
}

/// Divides a slice by its norm, sqrt(Σ W_n|T|²), summed in double precision, and returns it.
///
/// When the norm is 0, NaN or infinite the slice is left as it is, and the caller decides.
///
/// * `slice`: `[n_shells, n_inplanes]`, row-major.
/// * `point_weights`: W_n of each shell, [`PolarGrid::point_weight`].
///
/// # Panics
/// When `slice` is not as many equal rows as there are weights.
pub fn normalise<T: Real>(slice: &mut [Complex<T>], point_weights: &[f64]) -> f64 {
    let n_inplanes = slice.len() / point_weights.len();
    assert_eq!(slice.len(), n_inplanes * point_weights.len(), "as many shells as weights");
    let mut square = 0.0;
    for (shell, weight) in slice.chunks_exact(n_inplanes).zip(point_weights) {
        let (mut re, mut im) = ([0.0; 4], [0.0; 4]);
        for four in shell.chunks(4) {
            for (lane, value) in four.iter().enumerate() {
                re[lane] += value.re.widened() * value.re.widened();
                im[lane] += value.im.widened() * value.im.widened();
            }
        }
        square += weight * (re.iter().sum::<f64>() + im.iter().sum::<f64>());
    }
    let norm = square.sqrt();
    if norm.is_finite() && norm > 0.0 {
        let factor = 1.0 / norm;
        for value in slice {
            *value = Complex::new(T::rounded(value.re.widened() * factor), T::rounded(value.im.widened() * factor));
        }
    }
    norm
}

/// The same of a slice whose points on the second half of each shell are to be the conjugates of those on the first: sets them, too.
pub(super) fn normalise_half<T: Real>(slice: &mut [Complex<T>], point_weights: &[f64]) -> f64 {
    let half = slice.len() / point_weights.len() / 2;
    let mut square = 0.0;
    for (shell, weight) in slice.chunks_exact(2 * half).zip(point_weights) {
        let mut sums = [0.0; 8];
        for eight in shell[..half].chunks(8) {
            for (sum, value) in sums.iter_mut().zip(eight) {
                let (re, im) = (value.re.widened(), value.im.widened());
                *sum += re * re + im * im;
            }
        }
        square += 2.0 * weight * sums.iter().sum::<f64>();
    }
    let norm = square.sqrt();
    let factor = T::rounded(if norm.is_finite() && norm > 0.0 { 1.0 / norm } else { 1.0 });
    for shell in slice.chunks_exact_mut(2 * half) {
        let (computed, opposite) = shell.split_at_mut(half);
        for (value, opposite) in computed.iter_mut().zip(opposite) {
            *value = Complex::new(value.re * factor, value.im * factor);
            *opposite = value.conj();
        }
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sinc_by_hand() {
        assert_eq!(sinc(0.0), 1.0);
        assert!((sinc(0.5) - 2.0 / PI).abs() < 1e-16);
        assert!((sinc(-1.5) + 2.0 / (3.0 * PI)).abs() < 1e-16);
        assert!(sinc(1.0).abs() < 1e-16 && sinc(1e6).abs() < 1e-16);
    }

    #[test]
    fn a_constant_image_without_its_mean_is_nothing() {
        let grid = PolarGrid::new(3.0, 0.5, 7).unwrap();
        let constant = constant_image(&grid);
        let mut slice: Vec<Complex<f64>> = constant.iter().map(|value| Complex::new(3.0 * value, 0.0)).collect();
        remove_mean(&mut slice, 3.0, &constant);
        assert!(slice.iter().all(|value| value.norm() < 1e-15));
        let weights: Vec<f64> = (0..grid.n_shells()).map(|n| grid.point_weight(n)).collect();
        slice.fill(Complex::default());
        assert_eq!(normalise(&mut slice, &weights), 0.0);
    }

    #[test]
    fn the_norm_of_a_flat_slice_is_the_disc() {
        let grid = PolarGrid::new(3.0, 0.5, 7).unwrap();
        let weights: Vec<f64> = (0..grid.n_shells()).map(|n| grid.point_weight(n)).collect();
        let mut slice = vec![Complex::new(0.0_f32, 2.0); grid.n_points()];
        let norm = normalise(&mut slice, &weights);
        assert!((norm - 2.0 * (9.0 * PI).sqrt()).abs() < 1e-13);
        assert!((slice[0].im - 1.0 / (9.0 * PI).sqrt() as f32).abs() < 1e-7);
        slice[1].re = f32::NAN;
        assert!(normalise(&mut slice, &weights).is_nan());
    }
}
