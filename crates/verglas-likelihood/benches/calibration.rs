//! How right likelihoods between the grid's points are: against poses drawn from all of the grid's cells, and in differences
//! between structures.
//!
//! ```sh
//! cargo bench -p verglas-likelihood --bench calibration -- 24    # images of each kind
//! ```

#[allow(dead_code)]
#[path = "../tests/suite/common.rs"]
mod common;
#[allow(dead_code)]
#[path = "../tests/suite/simulated.rs"]
mod simulated;

use std::time::Instant;

use simulated::{Compared, Model, Plain, World, drawn, image};
use verglas_likelihood::ContrastSign;

fn main() {
    let n_images = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(24);
    println!(
        "{:>4} {:>4} {:>6} {:>7} | {:>22} | {:>22} | {:>22} | {:>7} {:>7} {:>6}",
        "N",
        "F",
        "rho2",
        "images",
        "refined: median, worst",
        "grid: median, worst",
        "reference: error, worst",
        "slope",
        "grid",
        "s"
    );
    for (n_pixels, factor) in [(32, 0.5), (24, 1.0)] {
        let world = World::new(n_pixels, 72.0 / n_pixels as f64, factor, 3.0, 7);
        let (model, other) = (Model::new(&world, 5, 0.0), Model::new(&world, 5, 2.0));
        let structures = [Compared::new(&world, &model), Compared::new(&world, &other)];
        for rho2 in [10.0, 30.0, 100.0, 200.0, 300.0] {
            let (mut refined, mut grid, mut errors, mut took) = (Vec::new(), Vec::new(), Vec::new(), 0.0);
            // Differences between the structures: expected, refined, grid.
            let mut differences: Vec<[f64; 3]> = Vec::new();
            for seed in 0..n_images {
                let image = image(&world, &model, rho2, 1.5, 1000 * rho2 as u64 + seed);
                let plain = Plain::new(&world, &image, ContrastSign::Positive);
                let mut of_structures = [[0.0; 3]; 2];
                for (place, (compared, model)) in structures.iter().zip([&model, &other]).enumerate() {
                    let before = Instant::now();
                    let (found, correlations) = compared.image(&image);
                    took += before.elapsed().as_secs_f64();
                    let (expected, error) = drawn(&world, model, &plain, &correlations, 8000, seed);
                    let found = [found.refined.expect("refined").log_likelihood, found.log_likelihood_integrated];
                    refined.push((found[0] - expected).abs());
                    grid.push((found[1] - expected).abs());
                    errors.push(error);
                    of_structures[place] = [expected, found[0], found[1]];
                }
                differences.push(std::array::from_fn(|i| of_structures[0][i] - of_structures[1][i]));
            }
            let slope = |i: usize| {
                let product: f64 = differences.iter().map(|d| d[0] * d[i]).sum();
                product / differences.iter().map(|d| d[0] * d[0]).sum::<f64>()
            };
            let shown = |mut values: Vec<f64>| {
                values.sort_by(f64::total_cmp);
                format!("{:.3}, {:.3}", values[values.len() / 2], values[values.len() - 1])
            };
            println!(
                "{n_pixels:>4} {factor:>4} {rho2:>6} {n_images:>7} | {:>22} | {:>22} | {:>22} | {:>7.3} {:>7.3} {:>6.2}",
                shown(refined),
                shown(grid),
                shown(errors),
                slope(1),
                slope(2),
                took / (2 * n_images) as f64
            );
        }
    }
}
