//! The oversampled grid of Fourier space, or a slab of it.
//!
//! From the samples ρ[i₀, i₁, i₂] along axis 0 first, a few planes of frequencies at a time, and then plane by plane: so that
//! no more than the slab itself and those few planes are ever in memory. Since ρ is real only half of axis 0 is kept.

use std::sync::Arc;

use num_complex::Complex;

use super::axis::{Axis, AxisTransform};
use super::parallel::in_parallel;
use super::spread::Drawing;
use super::structure::Density;
use super::weights::SliceReal;
use crate::polar::aligned::Aligned;

/// Lines that are gathered together, so that cache lines are read whole.
const BLOCK: usize = 8;
/// Numbers that may be read past the last value of a row.
const PAST_THE_END: usize = 64;

/// Samples of a structure.
#[derive(Debug, Clone)]
pub(super) enum Samples {
    /// The voxels of a map.
    Map(Arc<Density>),
    /// Beads on a grid, row-major.
    Beads(Arc<Vec<f64>>),
    /// Beads that are drawn each time they are needed, where all samples of them would take too much memory.
    Drawn(Arc<Drawing>),
}

/// The samples at one place of the second axis, as they are drawn: of others there is nothing here.
struct Drawn {
    samples: Vec<f64>,
    rows: [Vec<f64>; 2],
}

impl Drawn {
    fn new(samples: &Samples, [n0, n2]: [usize; 2]) -> Self {
        match samples {
            Samples::Drawn(drawing) => Self { samples: vec![0.0; n0 * n2], rows: drawing.scratch() },
            Samples::Map(_) | Samples::Beads(_) => Self { samples: Vec::new(), rows: [Vec::new(), Vec::new()] },
        }
    }
}

/// How the values of a slab are laid out: `[planes, rows, columns]` of the stored frequencies along axes 0, 1, 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// The stored frequencies of each axis begin here.
    pub low: [i64; 3],
    /// Values from one plane to the next, and from one row to the next.
    pub plane: usize,
    pub row: usize,
}

impl Layout {
    pub(super) fn new(axes: &[Axis; 3]) -> Self {
        let row = axes[2].len();
        Self { low: axes.map(|axis| axis.low), plane: row * axes[1].len(), row }
    }

    pub(super) fn bytes<T: SliceReal>(&self, n_planes: usize) -> usize {
        Aligned::bytes::<Complex<T>>(n_planes * self.plane + PAST_THE_END)
    }
}

/// Bytes that a chunk of one plane takes between the two passes.
pub(super) fn chunk_bytes(axes: &[Axis; 3]) -> usize {
    axes[1].n * axes[2].n * size_of::<Complex<f64>>()
}

/// Bytes that one thread needs while it makes a slab.
pub(super) fn scratch_bytes(axes: &[Axis; 3]) -> usize {
    let longest = axes.iter().map(|axis| axis.n_grid).max().unwrap_or(0);
    (axes[1].len() * axes[2].n + (BLOCK + 3) * longest) * size_of::<Complex<f64>>()
}

/// Some planes of the grid.
#[derive(Debug)]
pub(super) struct Slab {
    /// Number of the first plane: of the frequency `low[0] + first`.
    pub first: usize,
    pub n_planes: usize,
    values: Aligned,
}

impl Slab {
    /// Room for this many planes.
    pub(super) fn new<T: SliceReal>(layout: &Layout, n_planes: usize) -> Self {
        Self { first: 0, n_planes: 0, values: Aligned::new::<Complex<T>>(n_planes * layout.plane + PAST_THE_END) }
    }

    /// The values as numbers: real and imaginary part in turns.
    #[inline(always)]
    pub(super) fn numbers<T: SliceReal>(&self) -> &[T] {
        self.values.get::<T>()
    }

    /// Fills the slab with the planes `first` to `first + n_planes`, `chunk` of them at a time.
    pub(super) fn fill<T: SliceReal>(
        &mut self,
        transforms: &[AxisTransform; 3],
        samples: &Samples,
        (first, n_planes): (usize, usize),
        chunk: usize,
        n_threads: usize,
    ) {
        let layout = Layout::new(&[0, 1, 2].map(|axis| transforms[axis].axis));
        (self.first, self.n_planes) = (first, n_planes);
        let values = &mut self.values.get_mut::<Complex<T>>()[..n_planes * layout.plane];
        let row = transforms[1].axis.n * transforms[2].axis.n;
        let mut between = vec![Complex::new(0.0, 0.0); row * chunk.min(n_planes)];
        for (start, planes) in (0..n_planes).step_by(chunk).zip(values.chunks_mut(chunk * layout.plane)) {
            let n = planes.len() / layout.plane;
            let between = &mut between[..row * n];
            along_axis_0(transforms, samples, first + start, n, between, n_threads);
            in_planes(transforms, between, n, planes, &layout, n_threads);
        }
    }
}

/// Lines to transform, with what that needs.
struct Lines {
    lines: Vec<Complex<f64>>,
    fft: Vec<Complex<f64>>,
    filtered: Vec<Complex<f64>>,
}

impl Lines {
    fn new(n: usize, transform: &AxisTransform) -> Self {
        let zeros = |len| vec![Complex::new(0.0, 0.0); len];
        Self {
            lines: zeros(n * transform.axis.n_grid),
            fft: zeros(transform.scratch_len()),
            filtered: zeros(transform.filter_len()),
        }
    }
}

/// The planes `first` to `first + n` of the transform along axis 0, to `[n₁, planes, n₂]`.
fn along_axis_0(
    transforms: &[AxisTransform; 3],
    samples: &Samples,
    first: usize,
    n: usize,
    between: &mut [Complex<f64>],
    n_threads: usize,
) {
    let [along, n1, n2] = [&transforms[0], &transforms[1], &transforms[2]];
    let (n1, n2, n_grid) = (n1.axis.n, n2.axis.n, along.axis.n_grid);
    let n0 = along.axis.n;
    let rows = between.chunks_mut(n * n2).enumerate();
    in_parallel(
        n_threads,
        rows,
        || (Lines::new(BLOCK, along), Drawn::new(samples, [n0, n2])),
        |(Lines { lines, fft, filtered }, drawn), (i1, row)| {
            if let Samples::Drawn(drawing) = samples {
                drawing.at_y(i1, &mut drawn.samples, &mut drawn.rows);
            }
            let sample = |i0: usize, i2: usize| match samples {
                Samples::Map(map) => map.values.get((i0 * n1 + i1) * n2 + i2),
                Samples::Beads(values) => values[(i0 * n1 + i1) * n2 + i2],
                Samples::Drawn(_) => drawn.samples[i0 * n2 + i2],
            };
            // Two real columns travel as one complex line: Z = X₁ + iX₂.
            for start in (0..n2).step_by(2 * BLOCK) {
                let n_columns = (n2 - start).min(2 * BLOCK);
                let lines = &mut lines[..n_columns.div_ceil(2) * n_grid];
                lines.fill(Complex::new(0.0, 0.0));
                for (i0, &(place, factor)) in along.samples().iter().enumerate() {
                    for column in 0..n_columns {
                        let value = sample(i0, start + column) * factor;
                        let target = &mut lines[column / 2 * n_grid + place];
                        if column % 2 == 0 {
                            target.re = value;
                        } else {
                            target.im = value;
                        }
                    }
                }
                along.transform(lines, fft);
                for (pair, line) in lines.chunks_exact(n_grid).enumerate() {
                    let column = start + 2 * pair;
                    let with_mirror = |place: usize| (line[place], line[if place == 0 { 0 } else { n_grid - place }]);
                    // 2X₁[k] = Z[k] + conj Z[−k]
                    let even = |place| {
                        let (z, mirror) = with_mirror(place);
                        (z + mirror.conj()) * 0.5
                    };
                    along.collect(first, n, filtered, even, |k, value| row[k * n2 + column] = value);
                    if column + 1 < n2 {
                        // 2X₂[k] = −i(Z[k] − conj Z[−k])
                        let odd = |place| {
                            let (z, mirror) = with_mirror(place);
                            let difference = z - mirror.conj();
                            Complex::new(difference.im, -difference.re) * 0.5
                        };
                        along.collect(first, n, filtered, odd, |k, value| row[k * n2 + column + 1] = value);
                    }
                }
            }
        },
    );
}

/// The transform of each of `n` planes along axes 1 and 2.
fn in_planes<T: SliceReal>(
    transforms: &[AxisTransform; 3],
    between: &[Complex<f64>],
    n: usize,
    planes: &mut [Complex<T>],
    layout: &Layout,
    n_threads: usize,
) {
    let (along_1, along_2) = (&transforms[1], &transforms[2]);
    let n2 = along_2.axis.n;
    let n_grid = along_1.axis.n_grid;
    in_parallel(
        n_threads,
        planes.chunks_mut(layout.plane).enumerate(),
        || {
            let turned = vec![Complex::new(0.0, 0.0); along_1.axis.len() * n2];
            (Lines::new(BLOCK, along_1), Lines::new(1, along_2), turned)
        },
        |(first, second, turned), (c, plane)| {
            for start in (0..n2).step_by(BLOCK) {
                let n_columns = (n2 - start).min(BLOCK);
                let lines = &mut first.lines[..n_columns * n_grid];
                lines.fill(Complex::new(0.0, 0.0));
                for (i1, &(place, factor)) in along_1.samples().iter().enumerate() {
                    let source = &between[(i1 * n + c) * n2 + start..][..n_columns];
                    for (column, value) in source.iter().enumerate() {
                        lines[column * n_grid + place] = value * factor;
                    }
                }
                along_1.transform(lines, &mut first.fft);
                for (column, line) in lines.chunks_exact(n_grid).enumerate() {
                    let column = start + column;
                    let spectrum = |place: usize| line[place];
                    along_1.collect(0, along_1.axis.len(), &mut first.filtered, spectrum, |k, value| {
                        turned[k * n2 + column] = value;
                    });
                }
            }
            for (source, row) in turned.chunks_exact(n2).zip(plane.chunks_exact_mut(layout.row)) {
                let line = &mut second.lines[..];
                line.fill(Complex::new(0.0, 0.0));
                for (value, &(place, factor)) in source.iter().zip(along_2.samples()) {
                    line[place] = value * factor;
                }
                along_2.transform(line, &mut second.fft);
                let spectrum = |place: usize| line[place];
                along_2.collect(0, layout.row, &mut second.filtered, spectrum, |k, value| {
                    row[k] = Complex::new(T::rounded(value.re), T::rounded(value.im));
                });
            }
        },
    );
}
