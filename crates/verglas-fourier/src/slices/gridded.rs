//! Values interpolated on a grid, which is made in one slab or, where memory is short, in several.

use std::sync::{Mutex, PoisonError};

use num_complex::Complex;

use super::axis::{Axis, AxisTransform};
use super::direct::direction;
use super::interpolate::Interpolate;
use super::layout::Slabs;
use super::parallel::in_parallel;
use super::points::SlicePoints;
use super::volume::{Layout, Samples, Slab};
use super::weights::{SliceReal, WeightTable};
use crate::polar::simd::InstructionSet;
use crate::pose::Matrix3;

/// A grid to interpolate on.
#[derive(Debug)]
pub(super) struct Grid<T> {
    axes: [Axis; 3],
    /// Which of x, y, z each axis is.
    directions: [usize; 3],
    /// The grid's middle from the origin, Å, unless it is the origin.
    shift: Option<[f64; 3]>,
    layout: Layout,
    table: WeightTable<T>,
    transforms: [AxisTransform; 3],
    slabs: Slabs,
    /// Samples to make slabs of, where there are several.
    samples: Option<Samples>,
    /// The grid if it is one slab, and otherwise the last one made, if any.
    whole: Option<Slab>,
    last: Mutex<Option<(usize, Slab)>>,
}

/// What one thread needs for a slice.
#[derive(Debug)]
struct Scratch {
    directions: Vec<[f64; 3]>,
    shifts: Vec<f64>,
}

impl Scratch {
    fn new(n_angles: usize) -> Self {
        Self { directions: Vec::with_capacity(n_angles), shifts: Vec::with_capacity(n_angles) }
    }
}

/// Points q · direction, for every q and every direction.
struct Directions<'a> {
    q: &'a [f64],
    /// In the grid's coordinates per q.
    directions: &'a [[f64; 3]],
    /// For each direction, the turns per q that are to be added to the phase, negative.
    shifts: Option<&'a [f64]>,
    /// Places from one q to the next.
    n_inplanes: usize,
}

impl<T: SliceReal> Grid<T> {
    pub(super) fn new(
        axes: [Axis; 3],
        directions: [usize; 3],
        shift: [f64; 3],
        smoothing: f64,
        samples: Samples,
        slabs: Slabs,
        (n_threads, coarse): (usize, bool),
    ) -> Self {
        let mut grid = Self {
            axes,
            directions,
            shift: (shift != [0.0; 3]).then_some(shift),
            layout: Layout::new(&axes),
            table: WeightTable::new(coarse),
            transforms: axes.map(|axis| AxisTransform::new::<T>(axis, smoothing, coarse)),
            slabs,
            samples: Some(samples),
            whole: None,
            last: Mutex::new(None),
        };
        if grid.slabs.cores.len() == 1 {
            let mut slab = Slab::new::<T>(&grid.layout, grid.slabs.n_planes);
            grid.fill(&mut slab, 0, n_threads);
            grid.whole = Some(slab);
            grid.samples = None;
        }
        grid
    }

    fn fill(&self, slab: &mut Slab, number: usize, n_threads: usize) {
        let samples = self.samples.as_ref().expect("samples are kept while slabs are to be made");
        let planes = self.slabs.planes::<T>(&self.axes, number);
        slab.fill::<T>(&self.transforms, samples, planes, self.slabs.chunk, n_threads);
    }

    /// Does `work` with every slab in turn and its number; makes them where they are not kept.
    fn with_each_slab(&self, n_threads: usize, mut work: impl FnMut(&Slab, usize)) {
        if let Some(slab) = &self.whole {
            return work(slab, 0);
        }
        let n_slabs = self.slabs.cores.len();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (made, mut slab) = match last.take() {
            Some((number, slab)) => (Some(number), slab),
            None => (None, Slab::new::<T>(&self.layout, self.slabs.n_planes)),
        };
        // From the end that the last batch left behind.
        let order: Vec<usize> =
            if made == Some(n_slabs - 1) { (0..n_slabs).rev().collect() } else { (0..n_slabs).collect() };
        let mut held = made;
        for number in order {
            if held != Some(number) {
                self.fill(&mut slab, number, n_threads);
                held = Some(number);
            }
            work(&slab, number);
        }
        *last = held.map(|number| (number, slab));
    }

    /// A vector of the structure's frame in the grid's coordinates.
    fn scaled(&self, vector: [f64; 3]) -> [f64; 3] {
        [0, 1, 2].map(|axis| vector[self.directions[axis]] * self.axes[axis].scale)
    }

    /// Interpolates the points of one slice that are in slab `number`.
    fn slice(
        &self,
        (set, points): (InstructionSet, &SlicePoints),
        slab: (&Slab, usize),
        rotation: &Matrix3,
        slice: &mut [Complex<T>],
        scratch: &mut Scratch,
    ) {
        scratch.directions.clear();
        scratch.shifts.clear();
        for &angle in &points.angles {
            let towards = direction(rotation, angle);
            scratch.directions.push(self.scaled(towards));
            if let Some(shift) = self.shift {
                scratch.shifts.push(towards.iter().zip(shift).map(|(d, s)| d * s).sum());
            }
        }
        let shifts = self.shift.map(|_| &scratch.shifts[..]);
        let directions =
            Directions { q: &points.q, directions: &scratch.directions, shifts, n_inplanes: points.n_inplanes };
        self.interpolate(set, slab, &directions, slice);
    }

    /// Interpolates those points that are in slab `number`, to `[q, n_inplanes]`.
    fn interpolate(
        &self,
        set: InstructionSet,
        (slab, number): (&Slab, usize),
        points: &Directions<'_>,
        out: &mut [Complex<T>],
    ) {
        let (start, end) = self.slabs.cores[number];
        let last = number + 1 == self.slabs.cores.len();
        let interpolate = Interpolate {
            axes: &self.axes,
            layout: &self.layout,
            table: &self.table,
            slab,
            u0: start as f64..if last { f64::INFINITY } else { end as f64 },
            q: points.q,
            directions: points.directions,
            shifts: points.shifts,
            out,
            n_inplanes: points.n_inplanes,
        };
        T::run(set, interpolate);
    }

    /// F at any points, in 1/Å in the structure's frame.
    pub(super) fn values_at(&self, set: InstructionSet, points: &[[f64; 3]], out: &mut [Complex<T>], n_threads: usize) {
        let shifts: Option<Vec<f64>> = self
            .shift
            .map(|shift| points.iter().map(|point| point.iter().zip(shift).map(|(k, s)| k * s).sum()).collect());
        let scaled: Vec<[f64; 3]> = points.iter().map(|&point| self.scaled(point)).collect();
        let directions =
            Directions { q: &[1.0], directions: &scaled, shifts: shifts.as_deref(), n_inplanes: points.len() };
        self.with_each_slab(n_threads, |slab, number| self.interpolate(set, (slab, number), &directions, out));
    }

    /// The slices of some rotations, `[rotations, n_shells, n_inplanes]`, but for what [`SlicePoints`] leaves out.
    ///
    /// `finish` is called with every slice that is whole, and gives what becomes of its item of `ends`.
    pub(super) fn slices<E: Send>(
        &self,
        (set, points): (InstructionSet, &SlicePoints),
        rotations: &[Matrix3],
        (out, ends): (&mut [Complex<T>], &mut [E]),
        n_threads: usize,
        finish: impl Fn(&mut [Complex<T>]) -> E + Sync,
    ) {
        let slice_len = points.n_shells * points.n_inplanes;
        let scratch = || Scratch::new(points.angles.len());
        if let Some(slab) = &self.whole {
            let items = rotations.iter().zip(out.chunks_mut(slice_len)).zip(ends);
            in_parallel(n_threads, items, scratch, |scratch, ((rotation, slice), end)| {
                self.slice((set, points), (slab, 0), rotation, slice, scratch);
                *end = finish(slice);
            });
            return;
        }
        self.with_each_slab(n_threads, |slab, number| {
            let items = rotations.iter().zip(out.chunks_mut(slice_len));
            in_parallel(n_threads, items, scratch, |scratch, (rotation, slice)| {
                self.slice((set, points), (slab, number), rotation, slice, scratch);
            });
        });
        let items = out.chunks_mut(slice_len).zip(ends);
        in_parallel(n_threads, items, || (), |(), (slice, end)| *end = finish(slice));
    }

    /// In how many slabs it is made.
    pub(super) fn n_slabs(&self) -> usize {
        self.slabs.cores.len()
    }
}
