//! Likelihoods of images under structures, scaled so that none overflows.

/// Likelihoods `[images, structures]`, each row divided by its largest value: that changes f by a constant, and neither g
/// nor the weights.
#[derive(Debug, Clone)]
pub struct Likelihoods {
    n_images: usize,
    n_structures: usize,
    values: Vec<f64>,
    /// Mean over images of the logarithm of what rows were divided by.
    mean_offset: f64,
}

impl Likelihoods {
    /// From log-likelihoods `[images, structures]`, finite, last axis fastest; in their place in memory.
    ///
    /// A likelihood less than e⁻⁷⁴⁵ of the image's largest becomes 0.
    ///
    /// # Panics
    /// If there are no images or structures, or not one value for each of both.
    pub fn from_logarithms(mut values: Vec<f64>, n_structures: usize) -> Self {
        assert!(n_structures > 0 && !values.is_empty() && values.len().is_multiple_of(n_structures));
        let n_images = values.len() / n_structures;
        let mut mean_offset = 0.0;
        for (image, row) in values.chunks_exact_mut(n_structures).enumerate() {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter_mut().for_each(|value| *value = (*value - largest).exp());
            // A running mean: sums of a million large numbers lose digits.
            mean_offset += (largest - mean_offset) / (image + 1) as f64;
        }
        Self { n_images, n_structures, values, mean_offset }
    }

    /// How many images there are.
    pub fn n_images(&self) -> usize {
        self.n_images
    }

    /// How many structures there are.
    pub fn n_structures(&self) -> usize {
        self.n_structures
    }

    /// The likelihoods of one image.
    pub(super) fn row(&self, image: usize) -> &[f64] {
        &self.values[image * self.n_structures..(image + 1) * self.n_structures]
    }

    /// The number to add to the f of the scaled likelihoods.
    pub(super) fn mean_offset(&self) -> f64 {
        self.mean_offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_scaled_by_their_largest_value() {
        let likelihoods = Likelihoods::from_logarithms(vec![-1e6, -1e6 - 2.0_f64.ln(), 700.0, -700.0], 2);
        let close = |a: &[f64], b: [f64; 2]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(close(likelihoods.row(0), [1.0, 0.5]) && close(likelihoods.row(1), [1.0, 0.0]));
        assert_eq!((likelihoods.n_images(), likelihoods.mean_offset()), (2, (-1e6 + 700.0) / 2.0));
    }
}
