//! The comparison near known poses: views, rotations and displacements within the prior's reach, weighted by it.
//!
//! Images have been moved back by their known displacements, so that the same few displacements do for all of them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use num_complex::Complex;
use verglas_fourier::pose::Matrix3;

use super::candidates::Candidates;
use super::fft::LaneSynthesis;
use super::images::ImageBlock;
use super::plan::{CANDIDATE_NATS, Plan};
use super::product::GROUP;
use super::products::{Products, STRIPS, WantedGroup};
use super::reduce::Scales;
use super::simd::{Dispatch, Kernel, MOST_LANES, Simd};
use super::tables::Tables;
use crate::error::LikelihoodError;
use crate::formula::LogSum;
use crate::pose::{BestOfView, Candidate, Pose};
use crate::prior::{Known, angle_of_trace};
use crate::real::Real;

/// What is found of one image.
#[derive(Debug, Clone)]
pub(crate) struct NearImage {
    /// ln of Σ exp ℓ₊ times the poses' weights, of each view that was looked at, without what all poses share.
    pub of_views: Vec<(u32, f64, BestOfView)>,
    pub candidates: Candidates,
    pub smallest: f64,
}

/// A block of images against the templates near their known poses.
pub struct NearJob<'a, T: Real> {
    plan: &'a Plan<'a, T>,
    block: &'a ImageBlock<T>,
    views: &'a [Matrix3],
    /// One for each image of the block.
    known: &'a [Known<'a>],
    /// The rotations that stand for the known one of each image.
    rotations: Vec<Vec<Matrix3>>,
    /// The images that each view is near to, by their places in the block.
    near: Vec<Vec<u32>>,
    /// ln of the weight of a pose but for its view and the prior: 1/P, and the area that a displacement stands for.
    ln_weight: f64,
    /// ln of the prior's density at each displacement, in the order of strips.
    ln_displacements: Vec<f64>,
    next: AtomicUsize,
    has_failed: AtomicBool,
    is_stopped: AtomicBool,
    error: Mutex<Option<(usize, usize, LikelihoodError)>>,
    found: Mutex<Vec<NearImage>>,
    go_on: &'a (dyn Fn(u64) -> bool + Sync),
}

/// The trace of `known`ᵀ·`view`·R_z(ω) is a cos ω + b sin ω + c.
fn trace(known: &Matrix3, view: &Matrix3) -> [f64; 3] {
    let m = |i: usize, j: usize| (0..3).map(|k| known[k][i] * view[k][j]).sum::<f64>();
    [m(0, 0) + m(1, 1), m(0, 1) - m(1, 0), m(2, 2)]
}

impl<'a, T: Dispatch> NearJob<'a, T> {
    pub(crate) fn new(
        plan: &'a Plan<'a, T>,
        block: &'a ImageBlock<T>,
        views: &'a [Matrix3],
        known: &'a [Known<'a>],
        go_on: &'a (dyn Fn(u64) -> bool + Sync),
    ) -> Self {
        let mut near = vec![Vec::new(); views.len()];
        let rotations: Vec<Vec<Matrix3>> = known.iter().map(|known| known.rotations().collect()).collect();
        for (index, (known, rotations)) in known.iter().zip(&rotations).enumerate() {
            for (view, near) in views.iter().zip(&mut near) {
                let is_near = |rotation: &Matrix3| {
                    let [a, b, c] = trace(rotation, view);
                    angle_of_trace(a.hypot(b) + c) <= known.prior.view_reach_rad()
                };
                if rotations.iter().any(is_near) {
                    near.push(index as u32);
                }
            }
        }
        let ln_displacement = |&place: &usize| {
            let [x, y] = plan.displacements.angstrom()[place];
            known.first().map_or(0.0, |known| known.prior.ln_of_distance2(x * x + y * y))
        };
        let ln_cell = plan.displacements.grid().map_or(0.0, |grid| grid.ln_cell());
        let none =
            NearImage { of_views: Vec::new(), candidates: Candidates::new(CANDIDATE_NATS), smallest: f64::INFINITY };
        Self {
            plan,
            block,
            views,
            known,
            rotations,
            near,
            ln_displacements: plan.order.iter().map(ln_displacement).collect(),
            ln_weight: ln_cell - (plan.geometry.n_inplanes() as f64).ln(),
            next: AtomicUsize::new(0),
            has_failed: AtomicBool::new(false),
            is_stopped: AtomicBool::new(false),
            error: Mutex::new(None),
            found: Mutex::new(vec![none; block.n_images]),
            go_on,
        }
    }

    pub(crate) fn worker<'j>(&'j self) -> NearWorker<'j, 'a, T> {
        NearWorker { job: self }
    }

    /// What all threads found; views in their order.
    pub(crate) fn finish(self) -> Result<Vec<NearImage>, LikelihoodError> {
        match self.error.into_inner().expect("all threads are done") {
            Some((_, _, error)) => Err(error),
            None if self.is_stopped.into_inner() => Err(LikelihoodError::Stopped),
            None => {
                let mut found = self.found.into_inner().expect("all threads are done");
                found.iter_mut().for_each(|image| image.of_views.sort_unstable_by_key(|(view, ..)| *view));
                Ok(found)
            }
        }
    }

    fn fail(&self, image: usize, view: usize, found: LikelihoodError) {
        let mut error = self.error.lock().expect("no thread panics while it holds this");
        if error.as_ref().is_none_or(|(i, t, _)| (image, view) < (*i, *t)) {
            *error = Some((image, view, found));
        }
        self.has_failed.store(true, Ordering::Relaxed);
    }
}

pub(crate) struct NearWorker<'j, 'a, T: Real> {
    job: &'j NearJob<'a, T>,
}

/// An image with the view at work.
struct State {
    /// Its place in the block.
    index: usize,
    /// The rotations that are near, each with ln of the prior's density.
    rotations: Vec<(usize, f64)>,
    sum: LogSum,
    best: BestOfView,
}

impl<T: Dispatch> Kernel<T> for NearWorker<'_, '_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let NearJob { plan, block, .. } = self.job;
        let (geometry, p) = (plan.geometry, plan.geometry.n_inplanes());
        let synthesis = LaneSynthesis::new(p);
        let zero = [simd.splat(T::default()); 2];
        let mut products = Products::new(simd, plan, block);
        let mut x = vec![zero; synthesis.buffer_len()];
        let mut y = vec![zero; synthesis.buffer_len()];
        let mut tables = Tables::new(geometry, plan.settings.formula, plan.settings.sign, true, block.n_images);
        let mut i_sx = vec![[0.0; MOST_LANES]; block.n_images];
        let mut found: Vec<NearImage> = {
            let none = NearImage {
                of_views: Vec::new(),
                candidates: Candidates::new(CANDIDATE_NATS),
                smallest: f64::INFINITY,
            };
            vec![none; block.n_images]
        };
        let n_views = plan.templates.n_views();
        while !self.job.has_failed.load(Ordering::Relaxed) && !self.job.is_stopped.load(Ordering::Relaxed) {
            let first_view = self.job.next.fetch_add(1, Ordering::Relaxed) * S::LANES;
            if first_view >= n_views {
                break;
            }
            let views = first_view..n_views.min(first_view + S::LANES);
            if views.clone().all(|view| self.job.near[view].is_empty()) {
                continue;
            }
            let mut groups: Vec<usize> = views
                .clone()
                .flat_map(|view| self.job.near[view].iter().map(|&index| index as usize / GROUP))
                .collect();
            groups.sort_unstable();
            groups.dedup();
            products.constants(simd, first_view, groups.into_iter(), &mut i_sx);
            for view in views {
                let near = &self.job.near[view];
                if near.is_empty() {
                    continue;
                }
                let lane = view - first_view;
                let template = plan.templates.template(view);
                tables.take(template);
                let mut states = Vec::with_capacity(near.len());
                for &index in near {
                    let index = index as usize;
                    let place = (index, block.order[index], view);
                    let constant = Complex::from(i_sx[index][lane]);
                    let formula = plan.settings.formula;
                    if let Err(error) = tables.fill(geometry, formula, &block.facts[index], constant, place) {
                        self.job.fail(place.1, view, error);
                        break;
                    }
                    states.push(self.state(index, view));
                }
                let n_strips = plan.displacements.len().div_ceil(S::LANES);
                for first_strip in (0..n_strips).step_by(STRIPS) {
                    let strips = first_strip..n_strips.min(first_strip + STRIPS);
                    products.displace(simd, template, strips.clone());
                    // Images of one group stand beside each other.
                    for of_group in states.chunk_by_mut(|a, b| a.index / GROUP == b.index / GROUP) {
                        let group = of_group[0].index / GROUP;
                        products.multiply(simd, &[WantedGroup::all(group, strips.len())]);
                        for state in of_group {
                            let index = state.index;
                            let scales = tables.scales(index);
                            let half_ln_a =
                                HalfLnA { log2: tables.half_log2_a(index), reference: tables.reference(index) };
                            for strip in strips.clone() {
                                synthesis.run(simd, products.of(index % GROUP, strip - first_strip), &mut x, &mut y);
                                let (values, place) = (&x.as_flattened()[..p], (view, strip * S::LANES));
                                self.reduce(simd, values, scales, &half_ln_a, place, state, &mut found[index]);
                            }
                        }
                    }
                }
                for state in states {
                    found[state.index].of_views.push((view as u32, state.sum.ln(), state.best));
                }
                if !(self.job.go_on)(near.len() as u64) {
                    self.job.is_stopped.store(true, Ordering::Relaxed);
                    break;
                }
            }
        }
        let mut all = self.job.found.lock().expect("no thread panics while it holds this");
        for (all, found) in all.iter_mut().zip(&mut found) {
            all.of_views.append(&mut found.of_views);
            all.candidates.join(&mut found.candidates);
            all.smallest = all.smallest.min(found.smallest);
        }
    }
}

/// ½ ln A of each rotation.
struct HalfLnA<'a, T> {
    log2: &'a [T],
    reference: f64,
}

impl<T: Dispatch> NearWorker<'_, '_, T> {
    fn state(&self, index: usize, view: usize) -> State {
        let known = &self.job.known[index];
        let p = self.job.plan.geometry.n_inplanes();
        let of_mates = self.job.rotations[index].iter();
        let traces: Vec<[f64; 3]> = of_mates.map(|rotation| trace(rotation, &self.job.views[view])).collect();
        let mut rotations = Vec::new();
        for w in 0..p {
            let (sin, cos) = (std::f64::consts::TAU * w as f64 / p as f64).sin_cos();
            let angles = traces.iter().map(|[a, b, c]| angle_of_trace(a * cos + b * sin + c));
            if angles.clone().any(|angle| angle <= known.prior.view_reach_rad()) {
                rotations.push((w, known.ln_of_angles(angles)));
            }
        }
        let best = BestOfView { score: f64::NEG_INFINITY, displacement: 0, rotation: 0 };
        State { index, rotations, sum: LogSum::new(), best }
    }

    /// The near rotations of one image with the lanes' displacements.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn reduce<S: Simd<T>>(
        &self,
        simd: S,
        values: &[S::V],
        scales: Scales<'_, T>,
        half_ln_a: &HalfLnA<'_, T>,
        (view, first): (usize, usize),
        state: &mut State,
        found: &mut NearImage,
    ) {
        let plan = self.job.plan;
        let n_lanes = S::LANES.min(plan.order.len() - first);
        let of_lanes = first..first + n_lanes;
        let lanes = plan.order[of_lanes.clone()].iter().zip(&self.job.ln_displacements[of_lanes]);
        let mut numbers = [T::default(); MOST_LANES];
        for &(w, ln_rotation) in &state.rotations {
            simd.store(values[w], &mut numbers);
            let (factor, offset) = (scales.factor[w].to_f64(), scales.offset[w].to_f64());
            let half_ln_a = half_ln_a.reference + half_ln_a.log2[w].to_f64() * std::f64::consts::LN_2;
            for (number, (&displacement, ln_displacement)) in numbers.iter().zip(lanes.clone()) {
                let cc = number.to_f64() * factor - offset;
                found.smallest = found.smallest.min(cc);
                let score = plan.likelihood.gain(cc) - half_ln_a + ln_rotation + ln_displacement;
                state.sum.add(score + self.job.ln_weight, 1.0);
                if score > state.best.score {
                    let rotation = w as u32;
                    state.best = BestOfView { score, displacement: displacement as u32, rotation };
                }
                if score >= found.candidates.least(score) {
                    let pose = Pose { template: view, displacement, rotation: w };
                    found.candidates.push(Candidate { score, pose });
                }
            }
        }
    }
}
