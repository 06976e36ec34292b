//! The sum of an image's squares.

use super::scalar::Pixel;

/// Σ I², in double precision.
pub(super) fn sum_of_squares<P: Pixel>(image: &[P]) -> f64 {
    // Sums of their own, so that none waits for another.
    const N_SUMS: usize = 16;
    let (groups, rest) = image.as_chunks::<N_SUMS>();
    let mut sums = [0.0; N_SUMS];
    for group in groups {
        for (sum, pixel) in sums.iter_mut().zip(group) {
            let pixel: f64 = pixel.to_real();
            *sum += pixel * pixel;
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|pixel| pixel.to_real::<f64>().powi(2)).sum::<f64>()
}
