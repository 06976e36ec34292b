//! How much poses may gain in full, by what they gain at half of the resolution.
//!
//! ```text
//! t² = 2·ln Σ exp g_low      t′ = t + r·(ρ_low − t)      u = ½t′² + ½ρ_high² + z·√(ρ_high² + r·t′²)
//! ```
//!
//! of all rotations of a view and displacement: ρ² is what the right pose would gain twice, on the inner and the other shells. Between
//! the displacements that are compared t is what those about it let expect, and r the share of its variance that they
//! don't know (`nodes.rs`).

use std::f32::consts::LOG2_E;

use super::super::images::ImageBlock;
use super::super::plan::{Plan, Pruning};
use super::super::simd::{Dispatch, MOST_LANES, Simd};
use super::nodes::{About, Between};
use super::templates::CoarseTemplates;
use crate::real::Real;

/// Steps of stored gains in nats.
const STEP: f32 = 1.0 / 32.0;
/// Bounds are told apart in so many steps, the last of which holds all that is below.
const N_RANKS: usize = 1024;
/// Their width in nats.
const RANK: f32 = 0.125;
/// The largest cc² that a bound may have.
const MOST_SHARED: f32 = 0.9999;
/// What fills up strips that are shorter than a vector, in nats.
const FAR_BELOW: f64 = -1e4;
/// Images of whose poses a larger share would have to be looked at are looked at in full.
const MOST_SHARE: f64 = 0.25;

/// From what nodes gain to what strips of displacements do.
pub(super) struct Gains<'a> {
    strips: &'a [Vec<About>],
    /// t of each node.
    of_nodes: Vec<f32>,
}

impl<'a> Gains<'a> {
    pub fn new(strips: &'a [Vec<About>], n_nodes: usize) -> Self {
        Self { strips, of_nodes: vec![0.0; n_nodes] }
    }

    /// ln of the mean of exp of the displacements of each strip in the upper half of a number, the largest in the lower; in steps,
    /// rounded up.
    #[inline(always)]
    pub fn put<T: Real, S: Simd<T>>(&mut self, simd: S, gains: &[f32], between: &Between, of_strips: &mut [u32]) {
        for (t, gain) in self.of_nodes.iter_mut().zip(gains) {
            *t = (2.0 * gain.max(0.0)).sqrt();
        }
        let in_steps = |gain: f32| (gain / STEP).ceil().clamp(0.0, f32::from(u16::MAX)) as u32;
        let scale = simd.splat(T::from_f64(f64::from(LOG2_E)));
        for (found, strip) in of_strips.iter_mut().zip(self.strips) {
            let mut numbers = [T::from_f64(FAR_BELOW); MOST_LANES];
            let mut largest = 0.0_f32;
            for (number, about) in numbers.iter_mut().zip(strip) {
                let sum: f32 = about.nodes.iter().map(|&node| self.of_nodes[node as usize]).sum();
                let t = between.weights[about.side as usize] * sum;
                let gain = 0.5 * t * t;
                largest = largest.max(gain);
                *number = T::from_f64(f64::from(gain));
            }
            let below = simd.sub(simd.load(&numbers), simd.splat(T::from_f64(f64::from(largest))));
            simd.store(simd.power_of_two(simd.mul(below, scale)), &mut numbers);
            let sum: f64 = numbers[..strip.len()].iter().map(|number| number.to_f64()).sum();
            let mean = largest + (sum / strip.len().max(1) as f64).ln() as f32;
            *found = in_steps(mean) << 16 | in_steps(largest);
        }
    }
}

/// What is known of a block's images at half of the resolution.
pub(in super::super) struct Bounds<'a, T: Real> {
    pub plan: &'a Plan<'a, T>,
    pub coarse: &'a CoarseTemplates<T>,
    pub pruning: Pruning,
    /// The displacements that weigh of each strip.
    pub strips: &'a [Vec<About>],
}

/// Which poses of an image are looked at.
#[derive(Debug, Clone)]
pub(in super::super) struct Decision {
    /// exp u of all poses of each rank, by that of the highest.
    sums: Vec<f64>,
    /// Poses of each rank, of one rotation.
    counts: Vec<usize>,
    /// u of the highest.
    top: f64,
    /// Poses whose rank is below this are looked at first.
    pub first: u32,
    /// The view of the best pose at half of the resolution.
    pub view: usize,
}

impl<T: Dispatch> Bounds<'_, T> {
    /// Puts ranks, 0 for the poses that may gain most, in place of what strips gain, `[views, strips]`. `block` has the images in
    /// full; `None` where nothing can be said.
    pub fn decide(&self, block: &ImageBlock<T>, index: usize, gains: &mut [u32]) -> Option<Decision> {
        let n_strips = self.strips.len();
        let n_views = gains.len() / n_strips;
        let geometry = self.plan.geometry;
        let (n_shells, n_inner) = (geometry.n_shells(), self.coarse.geometry().n_shells());
        let p = geometry.n_inplanes() as f64;
        // W·ΣC² of each shell.
        let transfer: Vec<f32> = block.facts[index].power[..n_shells].iter().map(|power| power.re as f32).collect();
        let mut power = vec![0.0_f32; n_shells];
        let mut of_view = |view: usize| {
            for ((power, transfer), template) in power.iter_mut().zip(&transfer).zip(self.coarse.power(view)) {
                *power = transfer * template;
            }
            let (inner, outer) = power.split_at(n_inner);
            (
                inner.iter().sum::<f32>(),
                outer.iter().sum::<f32>(),
                self.coarse.nodes().between(inner.iter().copied()).rest,
            )
        };
        let (place, best) = gains
            .iter()
            .map(|gain| gain & 0xffff)
            .enumerate()
            .max_by_key(|&(place, gain)| (gain, usize::MAX - place))?;
        // The scale that the best pose has, which the right one, between the grid's, may exceed.
        let scale2 = 2.0 * best as f32 * STEP / of_view(place / n_strips).0 / self.coarse.correlation2();
        let weights = self.plan.templates.view_weights();
        let total: f64 = weights.iter().sum();
        let n_poses = self.plan.n_weighted() as f64 * p;
        let values = geometry.degrees_of_freedom() as f32;
        let z = self.pruning.z as f32;
        let ln_lens: Vec<f32> = self.strips.iter().map(|strip| (strip.len() as f32).ln()).collect();
        let mut bounds = vec![0.0_f32; gains.len()];
        for (view, (gains, bounds)) in gains.chunks_exact(n_strips).zip(bounds.chunks_exact_mut(n_strips)).enumerate() {
            let (inner, outer, rest) = of_view(view);
            let (low2, high2) = (scale2 * inner, scale2 * outer);
            let low = low2.sqrt();
            let a = f64::from(inner + outer) * geometry.i_ss();
            let ln_view = ((weights[view] / total).ln() - n_poses.ln() - 0.5 * a.ln()) as f32;
            for ((gain, ln_len), bound) in gains.iter().zip(&ln_lens).zip(bounds) {
                let (mean, largest) = ((gain >> 16) as f32 * STEP, (gain & 0xffff) as f32 * STEP);
                let t = (2.0 * largest).sqrt();
                // What nodes don't say, the right pose may have as well as any.
                let moved2 = (t + rest * (low - t).max(0.0)).powi(2);
                let more = 0.5 * (moved2 - t * t) + 0.5 * high2 + z * (high2 + rest * moved2).sqrt();
                let gain = mean + more;
                // 2·gain/M is cc², which gains −½M ln(1 − cc²).
                let share = (2.0 * gain / values).clamp(0.0, MOST_SHARED);
                *bound = -0.5 * values * (-share).ln_1p() + ln_len + ln_view;
            }
        }
        let top = bounds.iter().copied().filter(|bound| bound.is_finite()).fold(f32::NEG_INFINITY, f32::max);
        if !top.is_finite() || bounds.iter().any(|bound| bound.is_nan()) {
            return None;
        }
        let (mut sums, mut counts) = (vec![0.0; N_RANKS], vec![0; N_RANKS]);
        for (place, (gain, bound)) in gains.iter_mut().zip(&bounds).enumerate() {
            let rank = (((top - bound) / RANK) as usize).min(N_RANKS - 1);
            sums[rank] += f64::from(bound - top).exp();
            counts[rank] += self.strips[place % n_strips].len();
            *gain = rank as u32;
        }
        // Some of the highest, whose sum says how much matters.
        let wanted = (n_views * n_strips / 2000).clamp(4, 32) * self.strips[0].len();
        let mut found = 0;
        let first = counts.iter().take_while(|&&count| {
            let is_wanted = found < wanted;
            found += count;
            is_wanted
        });
        let first = first.count() as u32;
        Some(Decision { sums, counts, top: f64::from(top), first, view: place / n_strips })
    }
}

impl Decision {
    /// The rank below which poses must be looked at, for those at and beyond it to add no more than `loss` to the ln of a sum; `None`
    /// where these are too many. `ln_sum` is ln of the sum of exp ℓ₊ over those that were looked at first.
    pub fn below(&self, ln_sum: f64, loss: f64) -> Option<u32> {
        let most = loss * (ln_sum - self.top).exp();
        let mut rest = 0.0;
        let mut below = N_RANKS;
        while below > 0 && rest + self.sums[below - 1] <= most {
            below -= 1;
            rest += self.sums[below];
        }
        let below = below.max(self.first as usize);
        (self.share(below as u32) <= MOST_SHARE).then_some(below as u32)
    }

    /// The share of the poses below a rank.
    pub fn share(&self, below: u32) -> f64 {
        let n: usize = self.counts[..below as usize].iter().sum();
        n as f64 / self.counts.iter().sum::<usize>() as f64
    }

    /// What the poses at and beyond a rank may add to ln of the sum over the others, in nats.
    pub fn pruned_mass(&self, below: u32, ln_sum: f64) -> f64 {
        let rest: f64 = self.sums[below as usize..].iter().sum();
        (rest * (self.top - ln_sum).exp()).ln_1p()
    }
}
