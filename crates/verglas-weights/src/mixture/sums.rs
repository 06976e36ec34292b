//! Sums over images. They are made of the sums of fixed blocks of images, added in order: so their bits depend neither
//! on the number of threads nor on which one finishes first.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use verglas_core::threads::share_work;

use super::likelihoods::Likelihoods;

/// Blocks that images are divided into, and the fewest images of one.
const N_BLOCKS: usize = 16;
const MIN_BLOCK: usize = 512;
/// Images whose second derivatives are summed at a time: what fits the cache.
const PIECE: usize = 64;

/// Images with the number of times that each counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample<'a> {
    likelihoods: &'a Likelihoods,
    /// One for each image; 1 where there are none.
    counts: Option<&'a [u32]>,
    /// Their sum.
    total: f64,
    n_threads: usize,
}

/// The result of one pass over the images at some weights.
#[derive(Debug, Clone)]
pub(super) struct Slope {
    /// f, of the scaled likelihoods.
    pub(super) mean_log: f64,
    /// g.
    pub(super) gradient: Vec<f64>,
}

impl<'a> Sample<'a> {
    pub(super) fn new(likelihoods: &'a Likelihoods, counts: Option<&'a [u32]>, n_threads: usize) -> Self {
        let total = match counts {
            Some(counts) => counts.iter().map(|&n| f64::from(n)).sum(),
            None => likelihoods.n_images() as f64,
        };
        Self { likelihoods, counts, total, n_threads }
    }

    pub(super) fn n_images(&self) -> usize {
        self.likelihoods.n_images()
    }

    pub(super) fn n_structures(&self) -> usize {
        self.likelihoods.n_structures()
    }

    /// How many images it counts.
    pub(super) fn total(&self) -> f64 {
        self.total
    }

    fn count(&self, image: usize) -> f64 {
        self.counts.map_or(1.0, |counts| f64::from(counts[image]))
    }

    fn block(&self) -> usize {
        self.n_images().div_ceil(N_BLOCKS).max(MIN_BLOCK)
    }

    /// f and g at `weights`; and each image's density Σ w_k L_ik into `densities`.
    pub(super) fn slope(&self, weights: &[f64], densities: &mut [f64]) -> Slope {
        let sums = self.fill_blocks(densities, |images, densities| {
            let (mut log, mut gradient) = (0.0, vec![0.0; self.n_structures()]);
            for (image, density) in images.zip(densities) {
                let row = self.likelihoods.row(image);
                *density = row.iter().zip(weights).map(|(value, weight)| value * weight).sum();
                let count = self.count(image);
                if count > 0.0 {
                    log += count * density.ln();
                    let share = count / *density;
                    gradient.iter_mut().zip(row).for_each(|(sum, value)| *sum += share * value);
                }
            }
            gradient.push(log);
            gradient
        });
        let mut gradient = added(sums);
        gradient.iter_mut().for_each(|sum| *sum /= self.total);
        let mean_log = gradient.pop().unwrap_or(0.0);
        Slope { mean_log, gradient }
    }

    /// How much the densities change along `direction`, which is of the structures `chosen`.
    pub(super) fn changes(&self, chosen: &[usize], direction: &[f64], changes: &mut [f64]) {
        self.fill_blocks(changes, |images, changes| {
            for (image, change) in images.zip(changes) {
                let row = self.likelihoods.row(image);
                *change = chosen.iter().zip(direction).map(|(&structure, part)| row[structure] * part).sum();
            }
        });
    }

    /// How much f of the scaled likelihoods grows by a step of this length: mean ln(1 + length·change/density).
    pub(super) fn growth(&self, densities: &[f64], changes: &[f64], length: f64) -> f64 {
        let of_image = |image: usize| match self.count(image) {
            0.0 => 0.0,
            count => count * (length * changes[image] / densities[image]).ln_1p(),
        };
        let sums = self.of_blocks(|images| images.map(of_image).sum::<f64>());
        sums.into_iter().sum::<f64>() / self.total
    }

    /// The longest step along the changes that leaves every density positive; infinite where none falls.
    pub(super) fn longest_step(&self, densities: &[f64], changes: &[f64]) -> f64 {
        let counted = (0..self.n_images()).filter(|&image| self.count(image) > 0.0 && changes[image] < 0.0);
        counted.map(|image| -densities[image] / changes[image]).fold(f64::INFINITY, f64::min)
    }

    /// −∂²f/∂w_k∂w_l of the structures `chosen`: mean_i L_ik L_il / density², a full symmetric matrix.
    pub(super) fn curvature(&self, chosen: &[usize], densities: &[f64]) -> Vec<f64> {
        let n = chosen.len();
        let sums = self.of_blocks(|images| {
            let mut sum = vec![0.0; n * n];
            let mut piece = vec![0.0; n * PIECE];
            let mut n_held = 0;
            for image in images {
                let count = self.count(image);
                if count == 0.0 {
                    continue;
                }
                let (row, factor) = (self.likelihoods.row(image), count.sqrt() / densities[image]);
                for (place, &structure) in chosen.iter().enumerate() {
                    piece[place * PIECE + n_held] = factor * row[structure];
                }
                n_held += 1;
                if n_held == PIECE {
                    add_products(&piece, &mut sum, n);
                    n_held = 0;
                }
            }
            if n_held > 0 {
                piece.chunks_exact_mut(PIECE).for_each(|values| values[n_held..].fill(0.0));
                add_products(&piece, &mut sum, n);
            }
            sum
        });
        let mut sum = added(sums);
        for row in 0..n {
            for column in row..n {
                let value = sum[row * n + column] / self.total;
                (sum[row * n + column], sum[column * n + row]) = (value, value);
            }
        }
        sum
    }

    /// The result of `work` for each block of images, in order.
    fn of_blocks<R: Send>(&self, work: impl Fn(Range<usize>) -> R + Sync) -> Vec<R> {
        let (n, block) = (self.n_images(), self.block());
        in_order((0..n).step_by(block).map(|start| start..n.min(start + block)), self.n_threads, work)
    }

    /// The same with each block's part of `values`, one for each image.
    fn fill_blocks<R: Send>(&self, values: &mut [f64], work: impl Fn(Range<usize>, &mut [f64]) -> R + Sync) -> Vec<R> {
        let block = self.block();
        in_order(values.chunks_mut(block).enumerate(), self.n_threads, |(number, values)| {
            let start = number * block;
            work(start..start + values.len(), values)
        })
    }
}

/// The result of `work` for each item, in order, on several threads.
fn in_order<T: Send, R: Send>(
    items: impl Iterator<Item = T> + Send,
    n_threads: usize,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    if n_threads <= 1 {
        return items.map(work).collect();
    }
    let items = Mutex::new(items.enumerate());
    let done = Mutex::new(Vec::new());
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    share_work(n_threads.min(N_BLOCKS), || {
        while let Some((number, item)) = next() {
            let result = work(item);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|&(number, _)| number);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The sum of some vectors, from the first to the last.
fn added(vectors: Vec<Vec<f64>>) -> Vec<f64> {
    let add = |mut sum: Vec<f64>, vector: Vec<f64>| {
        sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
        sum
    };
    vectors.into_iter().reduce(add).unwrap_or_default()
}

/// Numbers that are multiplied at a time: enough for any processor's vectors.
const LANES: usize = 8;

/// Adds the products of all pairs of the `n` rows of `piece`, of [`PIECE`] values each, to the upper half of `sum`.
fn add_products(piece: &[f64], sum: &mut [f64], n: usize) {
    let rows: Vec<&[f64]> = piece.chunks_exact(PIECE).collect();
    for first in (0..n).step_by(2) {
        let a = [rows[first], rows[(first + 1).min(n - 1)]];
        for second in (first..n).step_by(2) {
            let b = [rows[second], rows[(second + 1).min(n - 1)]];
            let products = dot_four(a, b);
            for (i, products) in products.iter().enumerate() {
                for (j, product) in products.iter().enumerate() {
                    let (row, column) = (first + i, second + j);
                    // With an odd number, the last row was included twice.
                    if row < n && column < n {
                        sum[row * n + column] += product;
                    }
                }
            }
        }
    }
}

/// Scalar products of each of two vectors with each of two others.
fn dot_four(a: [&[f64]; 2], b: [&[f64]; 2]) -> [[f64; 2]; 2] {
    let mut sums = [[[0.0; LANES]; 2]; 2];
    let chunks = a[0].as_chunks::<LANES>().0.iter().zip(a[1].as_chunks::<LANES>().0);
    let others = b[0].as_chunks::<LANES>().0.iter().zip(b[1].as_chunks::<LANES>().0);
    for ((a_0, a_1), (b_0, b_1)) in chunks.zip(others) {
        for (sums, a) in sums.iter_mut().zip([a_0, a_1]) {
            for (sums, b) in sums.iter_mut().zip([b_0, b_1]) {
                sums.iter_mut().zip(a).zip(b).for_each(|((sum, a), b)| *sum += a * b);
            }
        }
    }
    sums.map(|pair| pair.map(|lanes| lanes.iter().sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some positive numbers that look like any.
    fn likelihoods(n_images: usize, n_structures: usize) -> Likelihoods {
        let value = |index: usize| -(((index * 7919 + 13) % 101) as f64) / 25.0;
        Likelihoods::from_logarithms((0..n_images * n_structures).map(value).collect(), n_structures)
    }

    #[test]
    fn sums_are_those_of_their_definitions() {
        // An odd number of structures; several blocks, the last one short and no whole number of pieces.
        let (n, k) = (1200, 5);
        let likelihoods = likelihoods(n, k);
        let counts: Vec<u32> = (0..n as u32).map(|image| image % 3).collect();
        let total: f64 = counts.iter().map(|&n| f64::from(n)).sum();
        let weights = [0.3, 0.1, 0.25, 0.15, 0.2];
        for n_threads in [1, 3] {
            let sample = Sample::new(&likelihoods, Some(&counts), n_threads);
            let mut densities = vec![0.0; n];
            let slope = sample.slope(&weights, &mut densities);
            let density = |image: usize| (0..k).map(|s| weights[s] * likelihoods.row(image)[s]).sum::<f64>();
            let mean = |of: &dyn Fn(usize) -> f64| (0..n).map(|i| f64::from(counts[i]) * of(i)).sum::<f64>() / total;
            assert!((slope.mean_log - mean(&|i| density(i).ln())).abs() < 1e-12);
            let chosen = [0, 2, 4];
            let curvature = sample.curvature(&chosen, &densities);
            for (row, &a) in chosen.iter().enumerate() {
                let expected = mean(&|i| likelihoods.row(i)[a] / density(i));
                assert!((slope.gradient[a] - expected).abs() < 1e-12);
                for (column, &b) in chosen.iter().enumerate() {
                    let expected = mean(&|i| likelihoods.row(i)[a] * likelihoods.row(i)[b] / density(i).powi(2));
                    assert!((curvature[row * 3 + column] - expected).abs() < 1e-12 * expected.abs());
                }
            }
            let mut changes = vec![0.0; n];
            sample.changes(&chosen, &[0.1, -0.2, 0.1], &mut changes);
            let moved = [0.35, 0.1, 0.15, 0.15, 0.25];
            let there = sample.slope(&moved, &mut vec![0.0; n]).mean_log;
            assert!((sample.growth(&densities, &changes, 0.5) - (there - slope.mean_log)).abs() < 1e-12);
            let step = sample.longest_step(&densities, &changes);
            assert!(step > 1.0 && step.is_finite(), "{step}");
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        let likelihoods = likelihoods(5000, 4);
        let weights = [0.4, 0.3, 0.2, 0.1];
        let bits = |n_threads| {
            let sample = Sample::new(&likelihoods, None, n_threads);
            let mut densities = vec![0.0; 5000];
            let slope = sample.slope(&weights, &mut densities);
            let mut all = sample.curvature(&[0, 1, 2, 3], &densities);
            all.extend(slope.gradient);
            all.push(slope.mean_log);
            all.into_iter().map(f64::to_bits).collect::<Vec<_>>()
        };
        assert_eq!(bits(1), bits(2));
        assert_eq!(bits(1), bits(7));
    }
}
