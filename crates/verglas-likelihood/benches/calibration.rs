//! How right likelihoods between the grid's points are: against poses drawn from all of the grid's cells, and in differences
//! between structures.
//!
//! ```sh
//! cargo bench -p verglas-likelihood --bench calibration -- 10        # images of each kind; some minutes a line
//! cargo bench -p verglas-likelihood --bench calibration -- 40 100    # of ρ² = 100 only
//! cargo bench -p verglas-likelihood --bench calibration -- 40 100 24 # and of 24 pixels only
//! ```

#[allow(dead_code)]
#[path = "../tests/suite/common.rs"]
mod common;
#[allow(dead_code)]
#[path = "../tests/suite/simulated.rs"]
mod simulated;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use simulated::{Compared, Model, Plain, World, drawn, image};
use verglas_likelihood::ContrastSign;

/// Poses that are drawn for one reference: its standard error is some 0.05 then.
const N_DRAWS: usize = 2500;
/// Where that leaves open whether an image is off by more than this,
const OFF: f64 = 0.1;
/// so many more are drawn in their place.
const N_DRAWS_AGAIN: usize = 16 * N_DRAWS;

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let n_images = numbers.first().copied().unwrap_or(10);
    let only = numbers.get(1).map(|&rho2| rho2 as f64);
    let only_pixels = numbers.get(2).copied();
    println!(
        "{:>4} {:>4} {:>6} {:>7} | {:>22} {:>11} | {:>22} | {:>22} | {:>7} {:>7} {:>6}",
        "N",
        "F",
        "rho2",
        "images",
        "refined: median, worst",
        "0.1, 0.15 %",
        "grid: median, worst",
        "reference: error, worst",
        "slope",
        "grid",
        "s"
    );
    for (n_pixels, factor) in [(32, 0.5), (24, 1.0)] {
        if only_pixels.is_some_and(|only| only != n_pixels as u64) {
            continue;
        }
        let world = World::new(n_pixels, 72.0 / n_pixels as f64, factor, 3.0, 7);
        let (model, other) = (Model::new(&world, 5, 0.0), Model::new(&world, 5, 2.0));
        let structures = [Compared::new(&world, &model), Compared::new(&world, &other)];
        for rho2 in [10.0, 30.0, 100.0, 200.0, 300.0].into_iter().filter(|rho2| only.is_none_or(|only| only == *rho2)) {
            let (mut refined, mut grid, mut errors, mut took) = (Vec::new(), Vec::new(), Vec::new(), 0.0);
            // Differences between the structures: expected, refined, grid.
            let mut differences: Vec<[f64; 3]> = Vec::new();
            let next = AtomicU64::new(0);
            let found = Mutex::new(Vec::new());
            let of_image = |seed: u64| {
                let image = image(&world, &model, rho2, 1.5, 1000 * rho2 as u64 + seed);
                let plain = Plain::new(&world, &image, ContrastSign::Positive);
                let of_structure = |(compared, model): (&Compared, &Model)| {
                    let before = Instant::now();
                    let (found, correlations) = compared.image(&image);
                    let took = before.elapsed().as_secs_f64();
                    let refined = found.refined.expect("refined");
                    let found = [refined.log_likelihood, found.log_likelihood_integrated];
                    let draw = |n, seed| drawn(&world, model, &plain, &correlations, n, seed);
                    let (mut expected, mut error) = draw(N_DRAWS, seed);
                    if (found[0] - expected).abs() > OFF {
                        (expected, error) = draw(N_DRAWS_AGAIN, seed + 1_000_000);
                        if (found[0] - expected).abs() > OFF {
                            println!(
                                "    image {seed} of rho2 {rho2} is off by {:.3} ± {error:.3}: {} modes, {:.2} of the sum the grid's",
                                found[0] - expected,
                                refined.n_modes,
                                refined.grid_share
                            );
                        }
                    }
                    ([expected, found[0], found[1]], error, took)
                };
                [(&structures[0], &model), (&structures[1], &other)].map(of_structure)
            };
            std::thread::scope(|scope| {
                for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                    scope.spawn(|| {
                        loop {
                            let seed = next.fetch_add(1, Ordering::Relaxed);
                            if seed >= n_images {
                                break;
                            }
                            let one = of_image(seed);
                            found.lock().unwrap().push((seed, one));
                        }
                    });
                }
            });
            let mut found = found.into_inner().unwrap();
            found.sort_by_key(|(seed, _)| *seed);
            for (_, of_structures) in &found {
                for ([expected, of_modes, of_grid], error, seconds) in of_structures {
                    refined.push((of_modes - expected).abs());
                    grid.push((of_grid - expected).abs());
                    errors.push(*error);
                    took += seconds;
                }
                let [(first, ..), (second, ..)] = of_structures;
                differences.push(std::array::from_fn(|i| first[i] - second[i]));
            }
            let slope = |i: usize| {
                let product: f64 = differences.iter().map(|d| d[0] * d[i]).sum();
                product / differences.iter().map(|d| d[0] * d[0]).sum::<f64>()
            };
            // Of the images, as far as the reference can tell: beyond twice its standard error counts as off.
            let within = |limit: f64| {
                let n = refined.iter().zip(&errors).filter(|(off, error)| **off <= limit + 2.0 * **error).count();
                100 * n / refined.len()
            };
            let within = format!("{}, {}", within(0.1), within(0.15));
            let shown = |mut values: Vec<f64>| {
                values.sort_by(f64::total_cmp);
                format!("{:.3}, {:.3}", values[values.len() / 2], values[values.len() - 1])
            };
            println!(
                "{n_pixels:>4} {factor:>4} {rho2:>6} {n_images:>7} | {:>22} {:>11} | {:>22} | {:>22} | {:>7.3} {:>7.3} {:>6.2}",
                shown(refined),
                within,
                shown(grid),
                shown(errors),
                slope(1),
                slope(2),
                took / (2 * n_images) as f64
            );
        }
    }
}
