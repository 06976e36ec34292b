//! All poses at half of the resolution: threads that compare a block of images with the coarse templates.

use std::f64::consts::LN_2;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use num_complex::Complex;

use super::super::batches::Batches;
use super::super::fft::LaneSynthesis;
use super::super::images::ImageBlock;
use super::super::plan::Plan;
use super::super::product::GROUP;
use super::super::products::{GROUPS, Products, STRIPS, WantedGroup};
use super::super::reduce::{correlate, sum_squares};
use super::super::simd::{Dispatch, Kernel, MOST_LANES, Simd};
use super::super::tables::Tables;
use super::bounds::Gains;
use super::nodes::About;
use super::templates::CoarseTemplates;
use crate::formula::ContrastSign;
use crate::real::Real;

/// A block of images against all coarse templates.
pub struct CoarseJob<'a, T: Real> {
    plan: &'a Plan<'a, T>,
    block: &'a ImageBlock<T>,
    coarse: &'a CoarseTemplates<T>,
    /// The displacements of each strip with the nodes about them.
    strips: &'a [Vec<About>],
    /// κ² of each image: a correlation gains ½κ²cc².
    scales: &'a [f64],
    batches: Batches,
    has_failed: AtomicBool,
    /// One for each image: what its poses gain, `[views, strips]`, and its most negative correlation.
    found: Vec<Mutex<(&'a mut [u32], f64)>>,
    go_on: &'a (dyn Fn(u64) -> bool + Sync),
}

impl<'a, T: Dispatch> CoarseJob<'a, T> {
    pub(in super::super) fn new(
        (plan, coarse): (&'a Plan<'a, T>, &'a CoarseTemplates<T>),
        block: &'a ImageBlock<T>,
        strips: &'a [Vec<About>],
        scales: &'a [f64],
        gains: &'a mut [u32],
        go_on: &'a (dyn Fn(u64) -> bool + Sync),
    ) -> Self {
        let n_views = plan.templates.n_views();
        let batches = Batches::new(n_views, plan.lanes, block.n_images, plan.settings.n_threads);
        let found = gains.chunks_exact_mut(n_views * strips.len()).map(|gains| Mutex::new((gains, 4.0))).collect();
        Self { plan, block, coarse, strips, scales, batches, has_failed: AtomicBool::new(false), found, go_on }
    }

    pub(in super::super) fn worker<'j>(&'j self) -> CoarseWorker<'j, 'a, T> {
        CoarseWorker { job: self }
    }

    /// The most negative correlation of each image; `None` where one of them can't be compared at half of the resolution, or it
    /// was stopped.
    pub(in super::super) fn finish(self) -> Option<Vec<f64>> {
        if self.has_failed.into_inner() {
            return None;
        }
        let smallest = |found: Mutex<(&mut [u32], f64)>| found.into_inner().expect("all threads are done").1;
        Some(self.found.into_iter().map(smallest).collect())
    }
}

pub(in super::super) struct CoarseWorker<'j, 'a, T: Real> {
    job: &'j CoarseJob<'a, T>,
}

impl<T: Dispatch> Kernel<T> for CoarseWorker<'_, '_, T> {
    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let CoarseJob { plan, block, coarse, .. } = self.job;
        let (geometry, formula, sign) = (plan.geometry, plan.settings.formula, plan.settings.sign);
        let p = geometry.n_inplanes();
        let synthesis = LaneSynthesis::new(p);
        let zero = [simd.splat(T::default()); 2];
        let (mut x, mut y) = (vec![zero; synthesis.buffer_len()], vec![zero; synthesis.buffer_len()]);
        let mut products = Products::new(simd, plan, block);
        // What turns products into correlations is needed here, and nothing else.
        let mut tables = Tables::new(geometry, formula, ContrastSign::Any, false, block.n_images);
        let mut i_sx = vec![[0.0; MOST_LANES]; block.n_images];
        let n_nodes = plan.displacements.len();
        let n_strips = n_nodes.div_ceil(S::LANES);
        // What the poses of a node gain together, `[images, nodes]`.
        let mut of_nodes = vec![0.0_f32; block.n_images * n_nodes];
        let mut smallest = vec![4.0_f64; block.n_images];
        let zeros = vec![T::default(); p];
        let floor = match sign {
            // An inverted particle gains nothing.
            ContrastSign::Positive => simd.splat(T::default()),
            ContrastSign::Any => simd.splat(T::from_f64(-4.0)),
        };
        let ln_every = (coarse.every() as f64).ln();
        let mut gains = Gains::new(self.job.strips, n_nodes);
        while !self.job.has_failed.load(Ordering::Relaxed) {
            let Some((views, images)) = self.job.batches.take() else { break };
            let first_view = views.start;
            let groups = images.start / GROUP..images.end.div_ceil(GROUP);
            products.constants(simd, first_view, groups.clone(), &mut i_sx);
            for view in views {
                let template = plan.templates.template(view);
                tables.take(template);
                for index in images.clone() {
                    let constant = Complex::from(i_sx[index][view - first_view]);
                    if tables.fill(geometry, formula, &block.facts[index], constant, (index, index, view)).is_err() {
                        self.job.has_failed.store(true, Ordering::Relaxed);
                        break;
                    }
                }
                for first_strip in (0..n_strips).step_by(STRIPS) {
                    let strips = first_strip..n_strips.min(first_strip + STRIPS);
                    products.displace(simd, template, strips.clone());
                    for first_group in groups.clone().step_by(GROUPS) {
                        let groups = first_group..groups.end.min(first_group + GROUPS);
                        let wanted: [WantedGroup; GROUPS] =
                            std::array::from_fn(|place| WantedGroup::all(groups.start + place, strips.len()));
                        products.multiply(simd, &wanted[..groups.len()]);
                        for index in groups.start * GROUP..images.end.min(groups.end * GROUP) {
                            for strip in strips.clone() {
                                let spectrum = products.of(index - groups.start * GROUP, strip - first_strip);
                                synthesis.run(simd, spectrum, &mut x, &mut y);
                                let values = &mut x.as_flattened_mut()[..p];
                                let (largest, least) = correlate(simd, values, tables.scales(index));
                                values.iter_mut().for_each(|value| *value = simd.max(*value, floor));
                                let (highest, lowest) = (simd.max(largest, floor), simd.max(least, floor));
                                let top = simd.max(simd.mul(highest, highest), simd.mul(lowest, lowest));
                                let mu = 0.5 * self.job.scales[index] / LN_2;
                                let sums = sum_squares(simd, values, top, mu, &zeros);
                                let mut numbers = [T::default(); MOST_LANES];
                                simd.store(least, &mut numbers);
                                let first = strip * S::LANES;
                                for lane in 0..S::LANES.min(n_nodes - first) {
                                    smallest[index] = smallest[index].min(numbers[lane].to_f64());
                                    let gain = sums.exponent[lane] * LN_2 + sums.sum[lane].ln() + ln_every;
                                    of_nodes[index * n_nodes + first + lane] = gain as f32;
                                }
                            }
                        }
                    }
                }
                for index in images.clone() {
                    let of_nodes = &of_nodes[index * n_nodes..(index + 1) * n_nodes];
                    let mut found = self.job.found[index].lock().expect("no thread panics while it holds this");
                    let n_strips = self.job.strips.len();
                    let transfer = block.facts[index].power.iter().map(|power| power.re as f32);
                    let power = transfer.zip(coarse.power(view)).map(|(transfer, template)| transfer * template);
                    let between = coarse.nodes().between(power.take(geometry.n_shells()));
                    gains.put(simd, of_nodes, &between, &mut found.0[view * n_strips..(view + 1) * n_strips]);
                }
                if !(self.job.go_on)(0) {
                    self.job.has_failed.store(true, Ordering::Relaxed);
                }
                if self.job.has_failed.load(Ordering::Relaxed) {
                    break;
                }
            }
        }
        for (found, smallest) in self.job.found.iter().zip(smallest) {
            let mut found = found.lock().expect("no thread panics while it holds this");
            found.1 = found.1.min(smallest);
        }
    }
}
