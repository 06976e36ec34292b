//! How much the weights would differ with other images: resamples of the images, with replacement.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use verglas_core::threads::share_work;
use verglas_core::{Observer, StopFlag};

use super::fit::{NoFit, maximise};
use super::likelihoods::Likelihoods;
use super::sums::Sample;

/// What is resampled.
#[derive(Debug, Clone, Copy)]
pub struct Bootstrap {
    /// How often.
    pub n_resamples: usize,
    /// By which the draws are known again.
    pub seed: u64,
    /// The gap that the weights of each have at most.
    pub tolerance: f64,
}

/// Part of equal weights that is mixed to those that a resample starts from, so that every structure can come back.
const MIXED: f64 = 1e-4;

/// The weights of `n_resamples` data sets, each of as many images as there are, drawn from them with replacement:
/// `[resamples, structures]`, last axis fastest.
///
/// `weights` are those of all images, from which each starts. Each resample has its own random numbers, so the results
/// do not depend on the number of threads. `observer` counts each resample as an image.
///
/// # Errors
/// As [`super::fit()`]; of several, the first resample's.
pub fn bootstrap(
    likelihoods: &Likelihoods,
    weights: &[f64],
    settings: Bootstrap,
    n_threads: usize,
    observer: &dyn Observer,
    stop: &StopFlag,
) -> Result<Vec<f64>, NoFit> {
    let n = likelihoods.n_structures();
    let start: Vec<f64> = weights.iter().map(|weight| (1.0 - MIXED) * weight + MIXED / n as f64).collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(settings.n_resamples));
    share_work(n_threads.min(settings.n_resamples).max(1), || {
        let mut counts = vec![0; likelihoods.n_images()];
        loop {
            let resample = next.fetch_add(1, Ordering::Relaxed);
            if resample >= settings.n_resamples {
                return;
            }
            draw(settings.seed, resample, &mut counts);
            let sample = Sample::new(likelihoods, Some(&counts), 1);
            let fit = maximise(&sample, start.clone(), settings.tolerance, 0, stop);
            let has_failed = fit.is_err();
            done.lock().unwrap_or_else(PoisonError::into_inner).push((resample, fit));
            if has_failed {
                // Those that are taken end; no more are.
                next.store(settings.n_resamples, Ordering::Relaxed);
                return;
            }
            observer.images_done(1);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|&(resample, _)| resample);
    let mut all = Vec::with_capacity(settings.n_resamples * n);
    for (_, fit) in done {
        all.extend(fit?.weights);
    }
    Ok(all)
}

/// Draws as many images as there are, with replacement: how often each was drawn.
fn draw(seed: u64, resample: usize, counts: &mut [u32]) {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(scramble(scramble(seed).wrapping_add(resample as u64)));
    counts.fill(0);
    for _ in 0..counts.len() {
        counts[random.random_range(0..counts.len())] += 1;
    }
}

/// The output function of SplitMix64 (Steele, Lea and Flood 2014): one to one on 64 bits, every bit depends on every other.
fn scramble(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mixture::{effective_number, fit, quantile};
    use verglas_core::Silent;

    /// Images that show one of two structures without doubt: `n` of each hundred the first.
    fn told_apart(n: usize, n_images: usize) -> Likelihoods {
        let value = |at: usize| if (at / 2 % 100 < n) == at.is_multiple_of(2) { 0.0 } else { -1e3 };
        Likelihoods::from_logarithms((0..2 * n_images).map(value).collect(), 2)
    }

    fn resampled(likelihoods: &Likelihoods, n_resamples: usize, seed: u64, n_threads: usize) -> Vec<f64> {
        let stop = StopFlag::new(false);
        let weights = fit(likelihoods, 1e-6, 1, &stop).unwrap().weights;
        let settings = Bootstrap { n_resamples, seed, tolerance: 1e-6 };
        bootstrap(likelihoods, &weights, settings, n_threads, &Silent, &stop).unwrap()
    }

    #[test]
    fn counts_spread_as_those_of_a_binomial_distribution() {
        // 30 % of 1,000 images: standard deviation √(0.3 · 0.7/1000) = 0.0145; that of 2,000 resamples is known to 1.6 %.
        let weights = resampled(&told_apart(30, 1000), 2000, 5, 2);
        let first: Vec<f64> = weights.iter().step_by(2).copied().collect();
        let mean = first.iter().sum::<f64>() / 2000.0;
        let variance = first.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / 1999.0;
        assert!((mean - 0.3).abs() < 0.0015, "{mean}");
        assert!((variance.sqrt() / (0.3_f64 * 0.7 / 1000.0).sqrt() - 1.0).abs() < 0.06, "{variance}");
        let mut sorted = first;
        let [low, high] = [0.025, 0.975].map(|share| quantile(&mut sorted, share));
        assert!((low - 0.2716).abs() < 0.004 && (high - 0.3284).abs() < 0.004, "{low} {high}");
        assert!(effective_number(&[0.3, 0.7]) > 1.8);
    }

    #[test]
    fn the_seed_alone_decides() {
        let likelihoods = told_apart(40, 300);
        let once = resampled(&likelihoods, 9, 1, 1);
        assert_eq!(once, resampled(&likelihoods, 9, 1, 4));
        assert_ne!(once, resampled(&likelihoods, 9, 2, 1));
        assert_eq!(once[..8], resampled(&likelihoods, 4, 1, 2));
        assert_ne!(once[..2], once[2..4]);
    }

    #[test]
    fn every_draw_is_of_as_many_images() {
        let mut counts = vec![9; 1000];
        draw(3, 0, &mut counts);
        assert_eq!(counts.iter().sum::<u32>(), 1000);
        // About 1/e are never drawn.
        let n_never = counts.iter().filter(|n| **n == 0).count();
        assert!((330..410).contains(&n_never), "{n_never}");
    }
}
