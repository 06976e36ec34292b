//! A planned transform, whatever its method; what it finds of faint images is up to the caller.

use std::marker::PhantomData;

use num_complex::Complex;

use super::bytes::TransformBytes;
use super::folded::{Folded, FoldedScratch};
use super::gridding::{Gridding, GriddingScratch};
use super::scalar::{Pixel, Scalar};
use super::simd::InstructionSet;
use crate::grid::PolarGrid;

/// A planned transform.
#[derive(Debug)]
pub struct Plan<T: Scalar> {
    pub(super) set: InstructionSet,
    pub(super) n_pixels: usize,
    pub(super) n_shells: usize,
    pub(super) n_inplanes: usize,
    /// Integration weight of a point, by shell.
    point_weights: Vec<f64>,
    method: Method<T>,
}

/// How the points are reached.
#[derive(Debug)]
enum Method<T: Scalar> {
    /// Any polar grid.
    General(Gridding<T>),
    /// Polar grids whose number of angles 4 divides.
    Folded(Folded<T>),
}

/// The buffers of one thread, for its own plan.
#[derive(Debug)]
pub struct PlanScratch<T: Scalar> {
    method: MethodScratch,
    /// Box side, shells and angles of its plan, and the instruction set: other plans rely on zeros elsewhere.
    shape: ([usize; 3], InstructionSet),
    precision: PhantomData<T>,
}

#[derive(Debug)]
enum MethodScratch {
    General(GriddingScratch),
    Folded(FoldedScratch),
}

impl<T: Scalar> Plan<T> {
    /// Plans the transform; the caller has checked that the grid fits to the box.
    pub(super) fn new(set: InstructionSet, n_pixels: usize, grid: &PolarGrid) -> Self {
        let method = if grid.n_inplanes().is_multiple_of(4) {
            Method::Folded(Folded::plan(set, n_pixels, grid))
        } else {
            Method::General(Gridding::plan(set, n_pixels, grid))
        };
        Self {
            set,
            n_pixels,
            n_shells: grid.n_shells(),
            n_inplanes: grid.n_inplanes(),
            point_weights: (0..grid.n_shells()).map(|s| grid.point_weight(s)).collect(),
            method,
        }
    }

    /// New buffers.
    pub(super) fn scratch(&self) -> PlanScratch<T> {
        PlanScratch {
            method: match &self.method {
                Method::General(gridding) => MethodScratch::General(gridding.scratch()),
                Method::Folded(folded) => MethodScratch::Folded(folded.scratch()),
            },
            shape: self.shape(),
            precision: PhantomData,
        }
    }

    /// Number of values in a result.
    pub(super) fn output_len(&self) -> usize {
        self.n_shells * self.n_inplanes
    }

    fn shape(&self) -> ([usize; 3], InstructionSet) {
        ([self.n_pixels, self.n_shells, self.n_inplanes], self.set)
    }

    /// Transforms one image, divided by its norm if asked; returns the norm.
    pub(super) fn run<P: Pixel>(
        &self,
        image: &[P],
        out: &mut [Complex<T>],
        normalize: bool,
        scratch: &mut PlanScratch<T>,
    ) -> f64 {
        assert_eq!(image.len(), self.n_pixels * self.n_pixels, "an image of {0} × {0} pixels", self.n_pixels);
        assert_eq!(out.len(), self.output_len(), "a result of {} × {} values", self.n_shells, self.n_inplanes);
        assert_eq!(scratch.shape, self.shape(), "a scratch of this plan");
        match (&self.method, &mut scratch.method) {
            (Method::General(gridding), MethodScratch::General(scratch)) => {
                gridding.apply(image, out, &self.point_weights, normalize, scratch)
            }
            (Method::Folded(folded), MethodScratch::Folded(scratch)) => {
                folded.apply(image, out, &self.point_weights, normalize, scratch)
            }
            _ => unreachable!("the number of angles decides the method"),
        }
    }

    /// The memory that plan and scratch take.
    pub(super) fn bytes(set: InstructionSet, n_pixels: usize, n_shells: usize, n_inplanes: usize) -> TransformBytes {
        let mut bytes = if n_inplanes.is_multiple_of(4) {
            Folded::<T>::estimate_bytes(set, n_pixels, n_shells, n_inplanes)
        } else {
            Gridding::<T>::estimate_bytes(set, n_pixels, n_shells, n_inplanes)
        };
        bytes.plan += size_of::<Self>() + n_shells * size_of::<f64>();
        bytes.scratch += size_of::<PlanScratch<T>>();
        bytes
    }
}
