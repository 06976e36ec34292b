//! How often intervals of weights hold the truth, over many data sets on a line: takes some minutes.
//!
//! `cargo bench -p verglas-weights --bench calibration -- [DATA_SETS [RESAMPLES]]`

#[path = "../tests/suite/line.rs"]
mod line;

use std::time::Instant;

use line::{Line, line};
use verglas_core::threads::default_threads;
use verglas_core::{Silent, StopFlag};
use verglas_weights::mixture::{Bootstrap, Interval, bootstrap, effective_number, fit};

fn main() {
    // `cargo bench` adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter_map(|word| word.parse().ok());
    let n_data_sets: u64 = arguments.next().unwrap_or(200);
    let n_resamples = arguments.next().unwrap_or(40) as usize;
    println!("structures images distance  95 % held  68 % held  effective (true)  passes  s/data set");
    for (n_structures, n_images, distance) in
        [(12, 1500, 0.5), (12, 1500, 1.0), (12, 1500, 2.5), (40, 5000, 0.3), (40, 5000, 1.0)]
    {
        let (mut n_held, mut effective, mut n_passes) = ([0; 2], [0.0; 2], 0);
        let start = Instant::now();
        for seed in 0..n_data_sets {
            let stop = StopFlag::new(false);
            let Line { truth, likelihoods } = line(n_structures, n_images, distance, seed);
            let best = fit(&likelihoods, 1e-6, default_threads(), &stop).expect("weights");
            let settings = Bootstrap { n_resamples, seed, tolerance: 1e-6 };
            let resamples =
                bootstrap(&likelihoods, &best.weights, settings, default_threads(), &Silent, &stop).expect("resamples");
            for (structure, weight) in truth.iter().enumerate() {
                let mut column: Vec<f64> = resamples.iter().skip(structure).step_by(n_structures).copied().collect();
                let interval = Interval::of(&mut column).expect("resamples");
                n_held[0] += usize::from((interval.lo95..=interval.hi95).contains(weight));
                n_held[1] += usize::from((interval.lo68..=interval.hi68).contains(weight));
            }
            effective[0] += effective_number(&best.weights);
            effective[1] += effective_number(&truth);
            n_passes += best.n_passes;
        }
        let all = (n_data_sets as usize * n_structures) as f64;
        let [held_95, held_68] = n_held.map(|n| 100.0 * n as f64 / all);
        let [found, truth] = effective.map(|sum| sum / n_data_sets as f64);
        println!(
            "{n_structures:10} {n_images:6} {distance:8}  {held_95:7.1} %  {held_68:7.1} %  {found:9.1} ({truth:4.1})  {:6.1}  {:10.2}",
            n_passes as f64 / n_data_sets as f64,
            start.elapsed().as_secs_f64() / n_data_sets as f64
        );
    }
}
