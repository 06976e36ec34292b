//! Threads that compare a block of images with templates.

use std::f64::consts::LN_2;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use num_complex::Complex;

use super::basis::Extent;
use super::batches::Batches;
use super::candidates::Candidates;
use super::fft::{LaneSynthesis, Pair};
use super::images::ImageBlock;
use super::plan::Plan;
use super::positive::sum_positive;
use super::product::GROUP;
use super::products::{GROUPS, Products, STRIPS, Wanted, WantedGroup};
use super::reduce::{correlate, sum_likelihoods};
use super::simd::{Dispatch, Kernel, MOST_LANES, Simd};
use super::tables::Tables;
use crate::error::LikelihoodError;
use crate::formula::{ContrastSign, LogSum};
use crate::geometry::Geometry;
use crate::pose::{BestOfView, Candidate, Pose};
use crate::real::Real;
use crate::results::PairResult;
use crate::sets::ImageSet;
use crate::sums::{ImageSums, sum_constant};

/// More than rounding makes of a gain.
const ROUNDING: f64 = 1e-6;

/// Bytes of one thread's buffers; `n_angles` are read of each shell.
pub(crate) fn bytes_of_thread<T: Real>(geometry: &Geometry, basis: Extent, n_angles: usize, lanes: usize) -> u64 {
    let (p, n_frequencies) = (geometry.n_inplanes(), basis.n_frequencies);
    let vectors = (STRIPS + 1) * basis.total
        + n_frequencies * basis.n_inputs
        + STRIPS * GROUPS * GROUP * n_frequencies
        + 3 * n_angles
        + 2 * p;
    let lanes = 2 * lanes * size_of::<T>();
    (vectors * lanes + 3 * 16 * geometry.n_points() + 16 * geometry.n_points()) as u64
}

/// What a block's comparison gives.
pub(crate) struct Outcome {
    /// `[images, views]`, where likelihoods are integrated.
    pub log_likelihoods: Vec<f64>,
    /// `[images, views]`, where the best pose of each view is kept.
    pub of_views: Vec<BestOfView>,
    pub candidates: Vec<Candidates>,
    pub smallest: Vec<f64>,
}

/// The poses that are looked at, if not all: strips of displacements of each view.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Selection<'a> {
    /// `[images, views, strips]`
    pub ranks: &'a [u32],
    /// What the ranks of each image must be less than.
    pub below: &'a [u32],
    /// Which of these images each of the block is.
    pub rows: &'a [usize],
    pub n_views: usize,
    pub n_strips: usize,
}

impl Selection<'_> {
    /// Whether an image is compared with the template of a view, displaced by any of the strips.
    #[inline(always)]
    fn has(&self, image: usize, view: usize, strips: Range<usize>) -> bool {
        let row = self.rows[image];
        let first = (row * self.n_views + view) * self.n_strips;
        self.ranks[first + strips.start..first + strips.end].iter().any(|rank| *rank < self.below[row])
    }
}

/// A block of images against all templates.
pub struct Job<'a, T: Real> {
    search: &'a Plan<'a, T>,
    block: &'a ImageBlock<T>,
    images: &'a ImageSet<'a, T>,
    selection: Option<Selection<'a>>,
    batches: Batches,
    has_failed: AtomicBool,
    is_stopped: AtomicBool,
    error: Mutex<Option<(usize, usize, LikelihoodError)>>,
    outcome: Mutex<Outcome>,
    pairs: Mutex<&'a mut [PairResult]>,
    /// All correlations, one slice for each image and view.
    full: Vec<Mutex<&'a mut [T]>>,
    /// Is told of pairs that are done, and says whether to go on.
    go_on: &'a (dyn Fn(u64) -> bool + Sync),
}

impl<'a, T: Dispatch> Job<'a, T> {
    pub(crate) fn new(
        search: &'a Plan<'a, T>,
        block: &'a ImageBlock<T>,
        images: &'a ImageSet<'a, T>,
        selection: Option<Selection<'a>>,
        pairs: &'a mut [PairResult],
        full: &'a mut [T],
        go_on: &'a (dyn Fn(u64) -> bool + Sync),
    ) -> Self {
        let n_views = search.templates.n_views();
        let n_log_likelihoods = if search.settings.integrated { block.n_images * n_views } else { 0 };
        let n_poses = search.displacements.len() * search.geometry.n_inplanes();
        Self {
            search,
            block,
            images,
            selection,
            batches: Batches::new(n_views, search.lanes, block.n_images, search.settings.n_threads),
            has_failed: AtomicBool::new(false),
            is_stopped: AtomicBool::new(false),
            error: Mutex::new(None),
            outcome: Mutex::new(Outcome {
                log_likelihoods: vec![f64::NAN; n_log_likelihoods],
                of_views: match search.keeps_views {
                    true => {
                        vec![BestOfView { score: f64::NAN, displacement: 0, rotation: 0 }; block.n_images * n_views]
                    }
                    false => Vec::new(),
                },
                candidates: vec![Candidates::new(search.window()); block.n_images],
                smallest: vec![f64::INFINITY; block.n_images],
            }),
            pairs: Mutex::new(pairs),
            full: full.chunks_exact_mut(n_poses).map(Mutex::new).collect(),
            go_on,
        }
    }

    /// The work of one thread: until no templates are left.
    pub(crate) fn worker<'j>(&'j self) -> Worker<'j, 'a, T> {
        Worker { job: self }
    }

    /// Whether an image is compared with the template of a view, displaced by any of the strips.
    #[inline(always)]
    fn has(&self, image: usize, view: usize, strips: Range<usize>) -> bool {
        self.selection.is_none_or(|selection| selection.has(image, view, strips))
    }

    /// A group of images with those of the strips that they are compared with.
    #[inline(always)]
    fn wanted(&self, group: usize, images: &Range<usize>, view: usize, strips: Range<usize>) -> WantedGroup {
        if self.selection.is_none() {
            return WantedGroup::all(group, strips.len());
        }
        let mut wanted = WantedGroup { group, strips: [0; STRIPS] };
        for (wanted, strip) in wanted.strips.iter_mut().zip(strips) {
            for (place, index) in images_of(group, images.end).enumerate() {
                *wanted |= Wanted::from(self.has(index, view, strip..strip + 1)) << place;
            }
        }
        wanted
    }

    /// What all threads found.
    pub(crate) fn finish(self) -> Result<Outcome, LikelihoodError> {
        match self.error.into_inner().expect("all threads are done") {
            Some((_, _, error)) => Err(error),
            None if self.is_stopped.into_inner() => Err(LikelihoodError::Stopped),
            None => Ok(self.outcome.into_inner().expect("all threads are done")),
        }
    }

    /// Lets all threads end; an error that was found counts more.
    fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        self.has_failed.store(true, Ordering::Relaxed);
    }

    /// Keeps the error of the first image, of that of the first view, among those that were found.
    fn fail(&self, image: usize, view: usize, found: LikelihoodError) {
        let mut error = self.error.lock().expect("no thread panics while it holds this");
        if error.as_ref().is_none_or(|(i, t, _)| (image, view) < (*i, *t)) {
            *error = Some((image, view, found));
        }
        self.has_failed.store(true, Ordering::Relaxed);
    }
}

pub(crate) struct Worker<'j, 'a, T: Real> {
    job: &'j Job<'a, T>,
}

/// What is known of an image with the template at work.
#[derive(Clone, Copy)]
struct PairState<T> {
    /// The largest score.
    best: f64,
    cross_correlation: T,
    displacement: u32,
    rotation: u32,
    integral: LogSum,
}

/// The buffers of one thread beside those of products.
struct Buffers<T: Real, V> {
    x: Vec<Pair<V>>,
    y: Vec<Pair<V>>,
    states: Vec<PairState<T>>,
    candidates: Vec<Candidates>,
    smallest: Vec<T>,
    tables: Tables<T>,
}

/// The images of a group.
fn images_of(group: usize, n_images: usize) -> Range<usize> {
    group * GROUP..n_images.min((group + 1) * GROUP)
}

impl<T: Dispatch> Kernel<T> for Worker<'_, '_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let Job { search, block, .. } = self.job;
        let geometry = search.geometry;
        let synthesis = LaneSynthesis::new(geometry.n_inplanes());
        let zero = [simd.splat(T::default()); 2];
        let mut products = Products::new(simd, search, block);
        let mut buffers = Buffers {
            x: vec![zero; synthesis.buffer_len()],
            y: vec![zero; synthesis.buffer_len()],
            states: Vec::new(),
            candidates: vec![Candidates::new(search.window()); block.n_images],
            smallest: vec![T::from_f64(4.0); block.n_images],
            tables: Tables::new(
                geometry,
                search.settings.formula,
                search.settings.sign,
                search.settings.integrated,
                block.n_images,
            ),
        };
        // Re ΣW s·C·T of each image with each template of a batch; with CryoLike's formula all of it.
        let mut i_sx = vec![[0.0; MOST_LANES]; block.n_images];
        let mut complex_i_sx = Vec::new();
        while !self.job.has_failed.load(Ordering::Relaxed) {
            let Some((views, images)) = self.job.batches.take() else { break };
            let first_view = views.start;
            let n_strips = search.displacements.len().div_ceil(S::LANES);
            if search.settings.formula.is_cryolike() {
                complex_i_sx.resize(block.n_images * S::LANES, Complex::default());
                self.sum_constants(&mut complex_i_sx, S::LANES, views.clone(), images.clone());
            } else {
                let is_needed = |group: &usize| {
                    images_of(*group, block.n_images)
                        .any(|index| views.clone().any(|view| self.job.has(index, view, 0..n_strips)))
                };
                let mut groups = (images.start / GROUP..images.end.div_ceil(GROUP)).filter(is_needed).peekable();
                if groups.peek().is_some() {
                    products.constants(simd, first_view, groups, &mut i_sx);
                }
            }
            for view in views {
                let lane = view - first_view;
                let is_wanted = |index: usize| self.job.has(index, view, 0..n_strips);
                if !images.clone().any(is_wanted) {
                    self.skip(view, images.clone());
                    continue;
                }
                let template = search.templates.template(view);
                buffers.tables.take(template);
                for index in images.clone().filter(|&index| is_wanted(index)) {
                    let place = (index, block.order[index], view);
                    let i_sx = match complex_i_sx.get(index * S::LANES + lane) {
                        Some(i_sx) => *i_sx,
                        None => Complex::from(i_sx[index][lane]),
                    };
                    let facts = &block.facts[index];
                    if let Err(error) = buffers.tables.fill(geometry, search.settings.formula, facts, i_sx, place) {
                        self.job.fail(place.1, view, error);
                        break;
                    }
                }
                let state = PairState {
                    best: f64::NEG_INFINITY,
                    cross_correlation: T::default(),
                    displacement: 0,
                    rotation: 0,
                    integral: LogSum::new(),
                };
                buffers.states.clear();
                buffers.states.resize(block.n_images, state);
                for first_strip in (0..n_strips).step_by(STRIPS) {
                    let strips = first_strip..n_strips.min(first_strip + STRIPS);
                    if !images.clone().any(|index| self.job.has(index, view, strips.clone())) {
                        continue;
                    }
                    products.displace(simd, template, strips.clone());
                    let mut groups = images.start / GROUP..images.end.div_ceil(GROUP);
                    loop {
                        let (mut wanted, mut n) = ([WantedGroup::default(); GROUPS], 0);
                        while n < GROUPS {
                            let Some(group) = groups.next() else { break };
                            wanted[n] = self.job.wanted(group, &images, view, strips.clone());
                            n += usize::from(wanted[n].strips != [0; STRIPS]);
                        }
                        if n == 0 {
                            break;
                        }
                        products.multiply(simd, &wanted[..n]);
                        for (place, group) in wanted[..n].iter().enumerate() {
                            for (within, index) in images_of(group.group, images.end).enumerate() {
                                for strip in strips.clone() {
                                    if self.job.has(index, view, strip..strip + 1) {
                                        let spectrum = products.of(place * GROUP + within, strip - first_strip);
                                        self.reduce(simd, &synthesis, &mut buffers, spectrum, (index, view, strip));
                                    }
                                }
                            }
                        }
                    }
                }
                self.keep(&buffers, view, images.clone());
                if !(self.job.go_on)(images.len() as u64) {
                    self.job.stop();
                }
                if self.job.is_stopped.load(Ordering::Relaxed) {
                    break;
                }
            }
        }
        let mut outcome = self.job.outcome.lock().expect("no thread panics while it holds this");
        for (index, candidates) in buffers.candidates.iter_mut().enumerate() {
            outcome.candidates[index].join(candidates);
            outcome.smallest[index] = outcome.smallest[index].min(buffers.smallest[index].to_f64());
        }
    }
}

impl<T: Dispatch> Worker<'_, '_, T> {
    /// I_sx as it stands, for CryoLike's formula.
    fn sum_constants(&self, i_sx: &mut [Complex<f64>], lanes: usize, views: Range<usize>, images: Range<usize>) {
        let Job { search, block, .. } = self.job;
        let mut sums = ImageSums::new(search.geometry);
        for index in images {
            let image = block.order[index];
            if let Err(error) = self.job.images.fill(search.geometry, image, &mut sums.values, &mut sums.contrast) {
                self.job.fail(image, 0, error);
                return;
            }
            for view in views.clone() {
                i_sx[index * lanes + view - views.start] =
                    sum_constant(search.geometry, &sums.contrast, search.templates.template(view));
            }
        }
    }

    /// All rotations of one image with one strip: the best ones, and the likelihoods.
    #[inline(always)]
    fn reduce<S: Simd<T>>(
        &self,
        simd: S,
        synthesis: &LaneSynthesis<T>,
        buffers: &mut Buffers<T, S::V>,
        spectrum: &[Pair<S::V>],
        (index, view, strip): (usize, usize, usize),
    ) {
        let search = self.job.search;
        let (p, settings) = (search.geometry.n_inplanes(), &search.settings);
        synthesis.run(simd, spectrum, &mut buffers.x, &mut buffers.y);
        let first = strip * S::LANES;
        let n_lanes = S::LANES.min(search.displacements.len() - first);
        let mu = search.likelihood.mu() / LN_2;
        let mut other = None;
        if let Some(scales) = buffers.tables.likelihood_scales(index) {
            // CryoLike's likelihoods have correlations of their own.
            let values = &mut buffers.y.as_flattened_mut()[..p];
            values.copy_from_slice(&buffers.x.as_flattened()[..p]);
            let bounds = correlate(simd, values, scales);
            other = Some(sum_likelihoods(simd, values, bounds, mu, buffers.tables.half_log2_a(index)));
        }
        let values = &mut buffers.x.as_flattened_mut()[..p];
        let bounds = correlate(simd, values, buffers.tables.scales(index));
        let (mut largest, mut smallest) = ([T::default(); MOST_LANES], [T::default(); MOST_LANES]);
        simd.store(bounds.0, &mut largest);
        simd.store(bounds.1, &mut smallest);
        let mut numbers = [T::default(); MOST_LANES];
        let wants_best = settings.pairs || search.keeps_views;
        let (least_half_ln_a, most_half_ln_a) = buffers.tables.half_ln_a_between(index);
        // The best pose of these displacements gains at least as much.
        let certain = match settings.sign {
            ContrastSign::Positive => {
                let largest = largest[..n_lanes].iter().map(|value| value.to_f64()).fold(-1.0, f64::max);
                search.likelihood.gain_at_least(largest) - most_half_ln_a - ROUNDING
            }
            ContrastSign::Any => f64::NEG_INFINITY,
        };
        for lane in 0..n_lanes {
            let (candidates, state) = (&mut buffers.candidates[index], &mut buffers.states[index]);
            buffers.smallest[index] = buffers.smallest[index].smaller(smallest[lane]);
            let displacement = search.order[first + lane];
            if settings.sign == ContrastSign::Positive {
                let reached = |candidates: &mut Candidates, best: f64| {
                    let least = candidates.least(f64::NEG_INFINITY);
                    if wants_best { least.min(best) } else { least }
                };
                let mut needed = reached(candidates, state.best.max(certain));
                let mut least_cc = search.likelihood.least_correlation(needed + least_half_ln_a);
                if largest[lane].to_f64() < least_cc {
                    continue;
                }
                let (half_log2_a, reference) = (buffers.tables.half_log2_a(index), buffers.tables.reference(index));
                for (rotation, (value, half_log2_a)) in values.iter().zip(half_log2_a).enumerate() {
                    simd.store(*value, &mut numbers);
                    let cc = numbers[lane].to_f64();
                    if cc < least_cc {
                        continue;
                    }
                    let score = search.likelihood.gain(cc) - (reference + half_log2_a.to_f64() * LN_2);
                    if score < needed {
                        continue;
                    }
                    if score > state.best {
                        (state.best, state.cross_correlation) = (score, numbers[lane]);
                        (state.displacement, state.rotation) = (displacement as u32, rotation as u32);
                    }
                    if score >= candidates.least(score) {
                        candidates.push(Candidate { score, pose: Pose { template: view, displacement, rotation } });
                    }
                    let now = reached(candidates, state.best.max(certain));
                    if now > needed {
                        needed = now;
                        least_cc = search.likelihood.least_correlation(needed + least_half_ln_a);
                    }
                }
                continue;
            }
            let highest = largest[lane].to_f64();
            let is_best = wants_best && highest > state.best;
            let least = candidates.least(highest);
            if is_best {
                (state.best, state.cross_correlation) = (highest, largest[lane]);
                state.displacement = displacement as u32;
            }
            if is_best || highest >= least {
                let mut is_found = false;
                for (rotation, value) in values.iter().enumerate() {
                    simd.store(*value, &mut numbers);
                    if is_best && !is_found && numbers[lane] == largest[lane] {
                        is_found = true;
                        state.rotation = rotation as u32;
                    }
                    let score = numbers[lane].to_f64();
                    if score >= least {
                        candidates.push(Candidate { score, pose: Pose { template: view, displacement, rotation } });
                    }
                }
            }
        }
        if settings.full {
            let n_views = search.templates.n_views();
            let mut row = self.job.full[index * n_views + view].lock().expect("no thread panics while it holds this");
            for (rotation, value) in values.iter().enumerate() {
                simd.store(*value, &mut numbers);
                for lane in 0..n_lanes {
                    row[search.order[first + lane] * p + rotation] = numbers[lane];
                }
            }
        }
        if settings.integrated {
            let sums = match (other, &search.negative) {
                (Some(sums), _) => sums,
                (None, Some(negative)) => {
                    sum_positive(simd, values, bounds, mu, negative, buffers.tables.inverse_root_a(index))
                }
                (None, None) => sum_likelihoods(simd, values, bounds, mu, buffers.tables.half_log2_a(index)),
            };
            for lane in 0..n_lanes.min(search.n_weighted().saturating_sub(first)) {
                buffers.states[index].integral.add(sums.exponent[lane] * LN_2, sums.sum[lane]);
            }
        }
    }

    /// Keeps that nothing is known of the images with a template.
    fn skip(&self, view: usize, images: Range<usize>) {
        let n_views = self.job.search.templates.n_views();
        let mut outcome = self.job.outcome.lock().expect("no thread panics while it holds this");
        for index in images.clone() {
            outcome.log_likelihoods[index * n_views + view] = f64::NEG_INFINITY;
            if self.job.search.keeps_views {
                outcome.of_views[index * n_views + view].score = f64::NEG_INFINITY;
            }
        }
    }

    /// Keeps what is known of the images with a template.
    fn keep<V>(&self, buffers: &Buffers<T, V>, view: usize, images: Range<usize>) {
        let Job { search, block, .. } = self.job;
        let n_views = search.templates.n_views();
        let ln_poses = ((search.n_weighted() * search.geometry.n_inplanes()) as f64).ln();
        let log_likelihood = |index: usize| {
            let shared = search.likelihood.shared(block.facts[index].v) - buffers.tables.reference(index);
            buffers.states[index].integral.ln() + shared - ln_poses
        };
        if search.settings.integrated {
            let mut outcome = self.job.outcome.lock().expect("no thread panics while it holds this");
            for index in images.clone() {
                outcome.log_likelihoods[index * n_views + view] = log_likelihood(index);
            }
        }
        if search.keeps_views {
            let mut outcome = self.job.outcome.lock().expect("no thread panics while it holds this");
            for index in images.clone() {
                let PairState { best: score, displacement, rotation, .. } = buffers.states[index];
                outcome.of_views[index * n_views + view] = BestOfView { score, displacement, rotation };
            }
        }
        if search.settings.pairs {
            let mut pairs = self.job.pairs.lock().expect("no thread panics while it holds this");
            for index in images {
                let state = &buffers.states[index];
                pairs[index * n_views + view] = PairResult {
                    cross_correlation: state.cross_correlation.to_f64(),
                    displacement: state.displacement,
                    rotation: state.rotation,
                    log_likelihood: if search.settings.integrated { log_likelihood(index) } else { f64::NAN },
                };
            }
        }
    }
}
