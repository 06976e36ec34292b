//! Images and comparisons that the tests of the transform share.
#![allow(dead_code)]

use num_complex::Complex;
use verglas_fourier::grid::PolarGrid;
use verglas_fourier::polar::{Pixel, PolarTransform, Real};

/// White noise, uniform in −0.5 … 0.5, rounded to single precision so that both precisions see one image.
pub fn noise(n_pixels: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15);
    (0..n_pixels * n_pixels)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            f64::from(((state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5) as f32)
        })
        .collect()
}

/// A few broad blobs off the centre: nearly all of it lies at low frequencies.
pub fn smooth(n_pixels: usize) -> Vec<f64> {
    let n = n_pixels as f64;
    let blobs = [(0.1, -0.15, 0.12, 1.0), (-0.2, 0.05, 0.08, -0.7), (0.02, 0.22, 0.15, 0.5)];
    let mut image = Vec::new();
    for a in 0..n_pixels {
        for b in 0..n_pixels {
            let (x, y) = ((a as f64 + 0.5) / n - 0.5, (b as f64 + 0.5) / n - 0.5);
            let value: f64 = blobs
                .iter()
                .map(|(cx, cy, width, height)| {
                    height * (-((x - cx).powi(2) + (y - cy).powi(2)) / (2.0 * width * width)).exp()
                })
                .sum();
            image.push(f64::from(value as f32));
        }
    }
    image
}

/// Noise on a background a thousand times as strong.
pub fn offset(n_pixels: usize) -> Vec<f64> {
    noise(n_pixels, 11).into_iter().map(|value| f64::from((value + 500.0) as f32)).collect()
}

/// The default grid of a box: resolution factor F, shells 0.25 apart.
pub fn grid(n_pixels: usize, factor: f64, n_inplanes: usize) -> PolarGrid {
    PolarGrid::new(factor * n_pixels as f64 / 4.0, 0.25, n_inplanes).unwrap()
}

pub fn transform<T: Real, P: Pixel>(image: &[P], n_pixels: usize, grid: &PolarGrid) -> Vec<Complex<T>> {
    let plan = PolarTransform::<T>::plan(n_pixels, grid).unwrap();
    let mut out = vec![Complex::new(T::rounded(f64::NAN), T::rounded(f64::NAN)); plan.output_len()];
    plan.apply(image, &mut out, &mut plan.scratch());
    out
}

pub fn widen<T: Real>(values: &[Complex<T>]) -> Vec<Complex<f64>> {
    values.iter().map(|value| Complex::new(value.re.widened(), value.im.widened())).collect()
}

/// ‖values − expected‖ / ‖expected‖
pub fn relative_error<T: Real>(values: &[Complex<T>], expected: &[Complex<f64>]) -> f64 {
    assert_eq!(values.len(), expected.len());
    let (mut error, mut norm) = (0.0, 0.0);
    for (value, expected) in widen(values).iter().zip(expected) {
        error += (value - expected).norm_sqr();
        norm += expected.norm_sqr();
    }
    (error / norm).sqrt()
}
