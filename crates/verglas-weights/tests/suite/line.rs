//! Images of structures whose weights are known: structures stand on a line, an image is a number, normally distributed about its
//! structure's place with standard deviation 1.

use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp1, StandardNormal};
use rand_xoshiro::Xoshiro256PlusPlus;
use verglas_weights::mixture::Likelihoods;

/// Images on a line.
pub struct Line {
    /// The weights that images were drawn with.
    pub truth: Vec<f64>,
    /// Of the images under the structures.
    pub likelihoods: Likelihoods,
}

/// Draws weights, evenly among all possible ones (Dirichlet(1)), then images of structures that are `distance` standard
/// deviations apart.
pub fn line(n_structures: usize, n_images: usize, distance: f64, seed: u64) -> Line {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut truth: Vec<f64> = (0..n_structures).map(|_| Exp1.sample(&mut random)).collect();
    let sum: f64 = truth.iter().sum();
    truth.iter_mut().for_each(|weight| *weight /= sum);
    let mut logs = Vec::with_capacity(n_images * n_structures);
    for _ in 0..n_images {
        let mut left: f64 = random.random();
        let shown = truth.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        let noise: f64 = StandardNormal.sample(&mut random);
        let at = distance * shown.unwrap_or(n_structures - 1) as f64 + noise;
        logs.extend((0..n_structures).map(|structure| -0.5 * (at - distance * structure as f64).powi(2)));
    }
    Line { truth, likelihoods: Likelihoods::from_logarithms(logs, n_structures) }
}
