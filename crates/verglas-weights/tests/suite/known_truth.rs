//! Data sets with known weights.

use verglas_core::{Silent, StopFlag};
use verglas_weights::mixture::{Bootstrap, Interval, assignments, bootstrap, fit};

use crate::line::{Line, line};

/// How many of the weights lie within their 95 % intervals of 40 resamples, over some data sets of 12 structures and 1,500 images.
fn n_covered(n_data_sets: u64, distance: f64) -> usize {
    let stop = StopFlag::new(false);
    let settings = Bootstrap { n_resamples: 40, seed: 0, tolerance: 1e-6 };
    let of_one = |seed: u64| {
        let Line { truth, likelihoods } = line(12, 1500, distance, seed);
        let best = fit(&likelihoods, 1e-6, 1, &stop).unwrap();
        let resamples = bootstrap(&likelihoods, &best.weights, settings, 2, &Silent, &stop).unwrap();
        let is_covered = |structure: usize| {
            let mut column: Vec<f64> = resamples.iter().skip(structure).step_by(12).copied().collect();
            let interval = Interval::of(&mut column).unwrap();
            (interval.lo95..=interval.hi95).contains(&truth[structure])
        };
        (0..12).filter(|&structure| is_covered(structure)).count()
    };
    (0..n_data_sets).map(of_one).sum()
}

#[test]
fn intervals_hold_the_truth_about_as_often_as_they_say() {
    // Long runs (examples/calibration.rs) give 92, 92 and 85 %; of 120 weights, some of them dependent, within 8 %.
    for (distance, expected) in [(0.5, 0.92), (1.0, 0.92), (2.5, 0.87)] {
        let share = n_covered(10, distance) as f64 / 120.0;
        assert!((share - expected).abs() < 0.08, "{distance}: {share}");
    }
}

#[test]
fn weights_come_near_the_truth() {
    // 2.5 standard deviations apart: 10 % of the images lie nearer to a neighbour, which adds less than half to the spread of counts.
    let Line { truth, likelihoods } = line(12, 40_000, 2.5, 1);
    let best = fit(&likelihoods, 1e-6, 2, &StopFlag::new(false)).unwrap();
    for (found, truth) in best.weights.iter().zip(&truth) {
        let spread = 1.5 * (truth * (1.0 - truth) / 40_000.0).sqrt();
        assert!((found - truth).abs() < 4.0 * spread, "{found} {truth}");
    }
    let assigned = assignments(&likelihoods, &best.weights);
    assert_eq!(assigned.n_best.iter().sum::<usize>(), 40_000);
}

#[test]
fn a_hard_case_is_solved_in_few_passes() {
    // 40 structures one standard deviation apart: plain updates take tens of thousands of passes.
    for seed in 0..3 {
        let Line { likelihoods, .. } = line(40, 5000, 1.0, seed);
        let best = fit(&likelihoods, 1e-6, 1, &StopFlag::new(false)).unwrap();
        assert!(best.gap <= 1e-6 && best.n_passes < 100, "{} {}", best.gap, best.n_passes);
        assert!((best.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12 && best.weights.iter().all(|w| *w >= 0.0));
    }
}

#[test]
fn many_structures_of_few_images_are_solved() {
    // More structures than get a weight, and many similar ones.
    for (n_structures, n_images, distance) in [(150, 400, 0.05), (200, 2000, 0.3), (80, 50, 1.0)] {
        let Line { likelihoods, .. } = line(n_structures, n_images, distance, 7);
        let best = fit(&likelihoods, 1e-6, 2, &StopFlag::new(false)).unwrap();
        assert!(best.gap <= 1e-6 && best.n_passes < 300, "{n_structures}: {} {}", best.gap, best.n_passes);
    }
}
