//! Products of a block's images with displaced templates, in one thread's buffers.

use std::ops::Range;

use super::fft::Pair;
use super::images::ImageBlock;
use super::plan::Plan;
use super::product::{GROUP, multiply, multiply_one};
use super::simd::{Dispatch, MOST_LANES, Simd};
use super::templates::{Displaced, SideBySide, StripScratch};
use crate::real::Real;

/// Strips of displaced templates that are multiplied with the same images.
pub(crate) const STRIPS: usize = 2;
/// Groups of images that are multiplied with the same strips.
pub(crate) const GROUPS: usize = 2;

/// Up to so many images of a group are multiplied one by one.
const FEW: u32 = 2;

/// Which images of a group, each a bit.
pub(crate) type Wanted = u8;
const _: () = assert!(GROUP <= Wanted::BITS as usize);

/// A group of images, and which of them are multiplied with each of the strips taken last.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WantedGroup {
    pub group: usize,
    pub strips: [Wanted; STRIPS],
}

impl WantedGroup {
    /// Multiplied with all of the first `n_strips`.
    pub fn all(group: usize, n_strips: usize) -> Self {
        let wanted = |strip: usize| if strip < n_strips { Wanted::MAX } else { 0 };
        Self { group, strips: std::array::from_fn(wanted) }
    }
}

/// The buffers of one thread.
pub(crate) struct Products<'a, T: Real, V> {
    plan: &'a Plan<'a, T>,
    block: &'a ImageBlock<T>,
    /// √W of each shell.
    roots: Vec<T>,
    scratch: StripScratch<V>,
    /// `[STRIPS, total]`
    strips: Vec<Pair<V>>,
    /// `[GROUPS · GROUP images, STRIPS, frequencies]`
    products: Vec<Pair<V>>,
}

impl<'a, T: Dispatch, V: Copy> Products<'a, T, V> {
    #[inline(always)]
    pub fn new<S: Simd<T, V = V>>(simd: S, plan: &'a Plan<'a, T>, block: &'a ImageBlock<T>) -> Self {
        let zero = [simd.splat(T::default()); 2];
        Self {
            plan,
            block,
            roots: plan.geometry.point_weights().iter().map(|weight| T::from_f64(weight.sqrt())).collect(),
            scratch: plan.transform.scratch(simd, &plan.basis),
            strips: vec![zero; STRIPS * plan.basis.total],
            products: vec![zero; GROUPS * GROUP * STRIPS * plan.basis.frequencies.len()],
        }
    }

    /// Re ΣW s·C·T of the images of some groups with the unmoved templates from `first_view` on, one a lane, into the images'
    /// places. By its spectrum: the sum over all frequencies is that at rotation 0.
    #[inline(always)]
    pub fn constants<S: Simd<T, V = V>>(
        &mut self,
        simd: S,
        first_view: usize,
        groups: impl Iterator<Item = usize>,
        i_sx: &mut [[f64; MOST_LANES]],
    ) {
        let Plan { geometry, basis, transform, templates, .. } = self.plan;
        let (p, group_len) = (geometry.n_inplanes(), basis.total * GROUP * 2);
        let source = SideBySide { templates: *templates, first: first_view, p, roots: &self.roots };
        transform.run(simd, basis, &source, &mut self.scratch, &mut self.strips[..basis.total]);
        for group in groups {
            let panel = &self.block.constants[group * group_len..(group + 1) * group_len];
            let mut totals = [[0.0; MOST_LANES]; GROUP];
            for (q, functions) in basis.frequencies.iter().enumerate() {
                let factor = if q == 0 || 2 * q == p { 1.0 } else { 2.0 };
                let range = functions.first..functions.first + functions.rank;
                let panel = &panel[range.start * GROUP * 2..range.end * GROUP * 2];
                let mut numbers = [T::default(); MOST_LANES];
                for (total, sum) in totals.iter_mut().zip(&multiply(simd, panel, &self.strips[range])) {
                    simd.store(sum[0], &mut numbers);
                    total.iter_mut().zip(numbers).for_each(|(total, number)| *total += factor * number.to_f64());
                }
            }
            for (place, total) in totals.into_iter().enumerate() {
                if let Some(i_sx) = i_sx.get_mut(group * GROUP + place) {
                    *i_sx = total;
                }
            }
        }
    }

    /// Takes a template at the displacements of up to [`STRIPS`] strips.
    #[inline(always)]
    pub fn displace<S: Simd<T, V = V>>(&mut self, simd: S, template: &[num_complex::Complex<T>], strips: Range<usize>) {
        let Plan { geometry, basis, transform, phases, .. } = self.plan;
        let (n_angles, n_shells) = (transform.n_angles, basis.shells.len());
        for (place, strip) in strips.enumerate() {
            let phases = &phases[strip * n_shells * n_angles * 2 * S::LANES..];
            let source = Displaced { template, p: geometry.n_inplanes(), roots: &self.roots, phases, n_angles };
            let out = &mut self.strips[place * basis.total..(place + 1) * basis.total];
            transform.run(simd, basis, &source, &mut self.scratch, out);
        }
    }

    /// Products of up to [`GROUPS`] groups of images with those of the strips taken last that any of their images asks for; of
    /// images that ask for none there may be nothing.
    #[inline(always)]
    pub fn multiply<S: Simd<T, V = V>>(&mut self, simd: S, groups: &[WantedGroup]) {
        let basis = &self.plan.basis;
        let (n_frequencies, group_len) = (basis.frequencies.len(), basis.total * GROUP * 2);
        for (q, functions) in basis.frequencies.iter().enumerate() {
            let range = functions.first..functions.first + functions.rank;
            for (place, &WantedGroup { group, strips }) in groups.iter().enumerate() {
                let panel = &self.block.panels[group * group_len..(group + 1) * group_len];
                let panel = &panel[range.start * GROUP * 2..range.end * GROUP * 2];
                for strip in (0..STRIPS).filter(|strip| strips[*strip] != 0) {
                    let templates = &self.strips[strip * basis.total..(strip + 1) * basis.total][range.clone()];
                    let at = |i: usize| ((place * GROUP + i) * STRIPS + strip) * n_frequencies + q;
                    if strips[strip].count_ones() <= FEW {
                        for i in (0..GROUP).filter(|i| strips[strip] & 1 << i != 0) {
                            self.products[at(i)] = multiply_one(simd, panel, i, templates);
                        }
                        continue;
                    }
                    for (i, sum) in multiply(simd, panel, templates).into_iter().enumerate() {
                        self.products[at(i)] = sum;
                    }
                }
            }
        }
    }

    /// The products of all frequencies of an image, by its place in the groups, with a strip, by its place among those taken.
    #[inline(always)]
    pub fn of(&self, image: usize, strip: usize) -> &[Pair<V>] {
        let n_frequencies = self.plan.basis.frequencies.len();
        &self.products[(image * STRIPS + strip) * n_frequencies..][..n_frequencies]
    }
}
