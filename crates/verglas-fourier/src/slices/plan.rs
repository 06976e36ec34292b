//! Planned slices: a structure on a grid of Fourier space, from which views are taken in any number.

use std::sync::{Arc, Mutex, PoisonError};

use num_complex::Complex;
use thiserror::Error;

use super::axis::{Axis, AxisTransform};
use super::direct::{direction, wave};
use super::finish::{constant_image, normalise, remove_mean};
use super::interpolate::Interpolate;
use super::layout::{Slabs, direct_is_faster, map_axes, map_shift};
use super::parallel::in_parallel;
use super::spread::{BeadGrid, Drawing};
use super::structure::{Beads, Density, StructureError};
use super::volume::{Layout, Samples, Slab};
use super::weights::{SliceReal, WeightTable};
use crate::grid::PolarGrid;
use crate::polar::simd::InstructionSet;
use crate::polar::{PlanError, fastest};
use crate::pose::Matrix3;

/// Frequencies, in 1/Å, that shells must stay below.
pub const MAX_Q: f64 = 1e4;

/// What slices are taken of.
#[derive(Debug, Clone)]
pub enum Structure {
    /// Beads.
    Beads(Arc<Beads>),
    /// A density map.
    Map(Arc<Density>),
}

/// How slices are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceSettings {
    /// Bytes that a plan may take in all, next to the structure itself and the slices.
    pub memory_bytes: usize,
    /// Threads that work on it.
    pub n_threads: usize,
    /// How many views are to be taken in all; few of few beads are not worth a grid.
    pub n_views: usize,
    /// Whether the mean is taken out of every slice: T −= F(0)·sinc(2x)·sinc(2y).
    pub remove_mean: bool,
}

impl Default for SliceSettings {
    /// 1 GiB, one thread, many views, the mean left in.
    fn default() -> Self {
        Self { memory_bytes: 1 << 30, n_threads: 1, n_views: 2370, remove_mean: false }
    }
}

/// How a plan goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SliceMethod {
    /// Every value is a sum over all beads.
    Direct,
    /// Values are interpolated on a grid, which is made in so many slabs: once for all if it is one, and otherwise for every
    /// batch anew, so that batches should be large.
    Grid {
        /// Number of slabs.
        n_slabs: usize,
    },
}

/// What a plan does, and what it takes in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceEstimate {
    /// How.
    pub method: SliceMethod,
    /// Bytes at most, while the grid is made; next to the structure and the slices.
    pub peak_bytes: usize,
}

/// Why slices cannot be taken.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SliceError {
    /// A structure that is none.
    #[error(transparent)]
    Structure(#[from] StructureError),
    /// A box that is none, or so small that the grid reaches past [`MAX_Q`].
    #[error("box is {0} Å, expected a finite number above 0 and shells below {MAX_Q} per Å")]
    Box(f64),
    /// A grid so large beside the structure, or so far out, that nothing can be planned.
    #[error("templates of this structure take {needed} bytes of memory, {allowed} are allowed")]
    Memory {
        /// The least that would do, in bytes.
        needed: usize,
        /// What is allowed.
        allowed: usize,
    },
    /// An instruction set that this processor does not have.
    #[error(transparent)]
    InstructionSet(#[from] PlanError),
    /// A slice that cannot be normalised.
    #[error("template of view {view} has norm {norm}, expected a finite number above 0")]
    Norm {
        /// Which view of the batch, from 0.
        view: usize,
        /// Its norm: 0, NaN or infinite.
        norm: f64,
    },
}

/// A structure prepared for slicing, shared by all threads.
///
/// `T` is `f32` (relative L2 error of a slice below 1e-6) or `f64` (1e-12 for beads, 1e-11 for maps).
///
/// ```
/// use std::sync::Arc;
/// use num_complex::Complex;
/// use verglas_fourier::grid::PolarGrid;
/// use verglas_fourier::slices::{Beads, SlicePlan, SliceSettings, Structure};
/// use verglas_fourier::sphere::Views;
///
/// let beads = Beads {
///     positions_angstrom: vec![[3.0, 0.0, 0.0], [-3.0, 1.0, 2.0]],
///     radii_angstrom: vec![2.5, 3.0],
///     ..Beads::default()
/// };
/// // A box of 32 Å: 16 pixels of 2 Å.
/// let grid = PolarGrid::new(4.0, 0.25, 32)?;
/// let plan = SlicePlan::<f32>::new(Structure::Beads(Arc::new(beads)), &grid, 32.0, &SliceSettings::default())?;
/// let views = Views::new(1.8)?;
/// let rotations: Vec<_> = (0..views.len()).map(|t| views.rotation(t)).collect();
/// let mut templates = vec![Complex::default(); views.len() * grid.n_points()];
/// let mut norms = vec![0.0; views.len()];
/// plan.compute(&rotations, &mut templates, &mut norms)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SlicePlan<T: SliceReal> {
    set: InstructionSet,
    settings: SliceSettings,
    n_shells: usize,
    n_inplanes: usize,
    /// (cos θ_j, sin θ_j) of the angles that are computed: half of them when the others lie opposite.
    angles: Vec<(f64, f64)>,
    /// q_n as far as slices are not 0 beyond.
    q: Vec<f64>,
    point_weights: Vec<f64>,
    /// F(0), and the image that it is taken out with.
    mean: Option<(f64, Vec<f64>)>,
    method: Method<T>,
}

#[derive(Debug)]
enum Method<T: SliceReal> {
    Direct(Direct),
    Grid(Box<Grid<T>>),
}

/// Beads to sum over.
#[derive(Debug)]
struct Direct {
    beads: Arc<Beads>,
    /// `[n_shells, beads]`: mass times form factor.
    weights: Vec<f64>,
}

/// A grid to interpolate on.
#[derive(Debug)]
struct Grid<T> {
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

/// What is decided before anything is allocated.
// There is one of them for each structure.
#[allow(clippy::large_enum_variant)]
enum Decision {
    Direct,
    Grid { axes: [Axis; 3], beads: Option<(BeadGrid, Keep)>, slabs: Slabs },
}

/// Whether all samples of beads are kept while their grid is made, or drawn anew for every few planes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    All,
    Nothing,
}

impl<T: SliceReal> SlicePlan<T> {
    /// Prepares slices of `structure` at the points of `grid`, for images of a box of `box_angstrom` Å.
    ///
    /// # Errors
    /// A structure that is none, a box that is none, too little memory allowed.
    pub fn new(
        structure: Structure,
        grid: &PolarGrid,
        box_angstrom: f64,
        settings: &SliceSettings,
    ) -> Result<Self, SliceError> {
        Self::plan_with(fastest(), structure, grid, box_angstrom, settings)
    }

    /// The same on one of [`crate::polar::instruction_sets`], for tests and measurements.
    ///
    /// # Errors
    /// Those of [`new`](Self::new), and when this processor lacks the set.
    pub fn new_on(
        instruction_set: &str,
        structure: Structure,
        grid: &PolarGrid,
        box_angstrom: f64,
        settings: &SliceSettings,
    ) -> Result<Self, SliceError> {
        let set = InstructionSet::available().into_iter().find(|set| set.name() == instruction_set);
        let set = set.ok_or_else(|| PlanError::InstructionSet(instruction_set.to_owned()))?;
        Self::plan_with(set, structure, grid, box_angstrom, settings)
    }

    fn plan_with(
        set: InstructionSet,
        structure: Structure,
        grid: &PolarGrid,
        box_angstrom: f64,
        settings: &SliceSettings,
    ) -> Result<Self, SliceError> {
        let (decision, _) = decide::<T>(&structure, grid, box_angstrom, settings)?;
        let (total, q_limit) = match &structure {
            Structure::Beads(beads) => (beads.total(), f64::INFINITY),
            Structure::Map(map) => (map.total(), map.q_limit()),
        };
        let n_threads = settings.n_threads.max(1);
        let q: Vec<f64> =
            grid.radii().iter().map(|radius| 2.0 * radius / box_angstrom).take_while(|&q| q <= q_limit).collect();
        let method = match (decision, structure) {
            (Decision::Direct, Structure::Beads(beads)) => Method::Direct(Direct::new(beads, &q)),
            (Decision::Grid { axes, beads: bead_grid, slabs }, structure) => {
                let (samples, directions, shift, smoothing) = match (&structure, bead_grid) {
                    (Structure::Beads(beads), Some((bead_grid, keep))) => {
                        let (shift, smoothing) = (bead_grid.shift, bead_grid.smoothing);
                        let drawing = Drawing::new(bead_grid, beads.clone());
                        let samples = match keep {
                            Keep::All => Samples::Beads(Arc::new(drawing.all(n_threads))),
                            Keep::Nothing => Samples::Drawn(Arc::new(drawing)),
                        };
                        (samples, [0, 1, 2], shift, smoothing)
                    }
                    (Structure::Map(map), _) => {
                        (Samples::Map(map.clone()), map.axis_order.directions(), map_shift(map), 0.0)
                    }
                    _ => unreachable!("beads have a grid of their own"),
                };
                Method::Grid(Box::new(Grid::new(axes, directions, shift, smoothing, samples, slabs, n_threads)))
            }
            _ => unreachable!("maps are always put on a grid"),
        };
        let n_inplanes = grid.n_inplanes();
        let n_angles = if n_inplanes.is_multiple_of(2) { n_inplanes / 2 } else { n_inplanes };
        Ok(Self {
            set,
            settings: SliceSettings { n_threads, ..*settings },
            n_shells: grid.n_shells(),
            n_inplanes,
            angles: (0..n_angles).map(|j| grid.direction(j)).collect(),
            q,
            point_weights: (0..grid.n_shells()).map(|n| grid.point_weight(n)).collect(),
            mean: settings.remove_mean.then(|| (total, constant_image(grid))),
            method,
        })
    }

    /// How [`new`](Self::new) would go about it and how much memory it would take, known before anything is allocated.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn estimate(
        structure: &Structure,
        grid: &PolarGrid,
        box_angstrom: f64,
        settings: &SliceSettings,
    ) -> Result<SliceEstimate, SliceError> {
        decide::<T>(structure, grid, box_angstrom, settings).map(|(_, estimate)| estimate)
    }

    /// How this plan goes about it.
    pub fn method(&self) -> SliceMethod {
        match &self.method {
            Method::Direct(_) => SliceMethod::Direct,
            Method::Grid(grid) => SliceMethod::Grid { n_slabs: grid.slabs.cores.len() },
        }
    }

    /// Number of values in a slice: n_shells · n_inplanes.
    pub fn slice_len(&self) -> usize {
        self.n_shells * self.n_inplanes
    }

    /// Takes the slice of each rotation ([`crate::sphere::rotation`]), takes the mean out if the plan is to, and divides it
    /// by its norm sqrt(Σ W_n|T|²).
    ///
    /// * `out`: `[rotations, n_shells, n_inplanes]`, row-major; all of it is overwritten.
    /// * `norms`: `[rotations]`, what each slice has been divided by.
    ///
    /// Works on as many threads as the plan was made for. The bits of a slice depend neither on them nor on what other
    /// slices are taken with it, nor on the memory allowed.
    ///
    /// # Errors
    /// A norm that is 0, NaN or infinite; the first one is told.
    ///
    /// # Panics
    /// When `out` or `norms` have another length.
    pub fn compute(&self, rotations: &[Matrix3], out: &mut [Complex<T>], norms: &mut [f64]) -> Result<(), SliceError> {
        assert_eq!(out.len(), rotations.len() * self.slice_len(), "room for {} slices", rotations.len());
        assert_eq!(norms.len(), rotations.len(), "room for {} norms", rotations.len());
        match &self.method {
            Method::Direct(direct) => {
                let items = rotations.iter().zip(out.chunks_mut(self.slice_len())).zip(&mut *norms);
                in_parallel(
                    self.settings.n_threads,
                    items,
                    || (),
                    |(), ((rotation, slice), norm)| {
                        direct.slice(self, rotation, slice);
                        *norm = self.finish(slice);
                    },
                );
            }
            Method::Grid(grid) => {
                if let Some(slab) = &grid.whole {
                    let items = rotations.iter().zip(out.chunks_mut(self.slice_len())).zip(&mut *norms);
                    in_parallel(
                        self.settings.n_threads,
                        items,
                        || self.scratch(),
                        |scratch, ((rotation, slice), norm)| {
                            grid.slice(self, slab, 0, rotation, slice, scratch);
                            *norm = self.finish(slice);
                        },
                    );
                } else {
                    self.compute_in_slabs(grid, rotations, out);
                    let items = out.chunks_mut(self.slice_len()).zip(&mut *norms);
                    in_parallel(self.settings.n_threads, items, || (), |(), (slice, norm)| *norm = self.finish(slice));
                }
            }
        }
        match norms.iter().position(|norm| !(norm.is_finite() && *norm > 0.0)) {
            Some(view) => Err(SliceError::Norm { view, norm: norms[view] }),
            None => Ok(()),
        }
    }

    fn compute_in_slabs(&self, grid: &Grid<T>, rotations: &[Matrix3], out: &mut [Complex<T>]) {
        let n_slabs = grid.slabs.cores.len();
        let mut last = grid.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (made, mut slab) = match last.take() {
            Some((number, slab)) => (Some(number), slab),
            None => (None, Slab::new::<T>(&grid.layout, grid.slabs.n_planes)),
        };
        // From the end that the last batch left behind.
        let order: Vec<usize> =
            if made == Some(n_slabs - 1) { (0..n_slabs).rev().collect() } else { (0..n_slabs).collect() };
        let mut held = made;
        for number in order {
            if held != Some(number) {
                grid.fill(&mut slab, number, self.settings.n_threads);
                held = Some(number);
            }
            let items = rotations.iter().zip(out.chunks_mut(self.slice_len()));
            in_parallel(
                self.settings.n_threads,
                items,
                || self.scratch(),
                |scratch, (rotation, slice)| {
                    grid.slice(self, &slab, number, rotation, slice, scratch);
                },
            );
        }
        *last = held.map(|number| (number, slab));
    }

    fn scratch(&self) -> Scratch {
        Scratch { directions: Vec::with_capacity(self.angles.len()), shifts: Vec::with_capacity(self.angles.len()) }
    }

    /// What is left when all computed points are there: those opposite to them, those beyond the structure's reach, the
    /// mean, the norm, which is returned.
    fn finish(&self, slice: &mut [Complex<T>]) -> f64 {
        let n_angles = self.angles.len();
        let (reached, beyond) = slice.split_at_mut(self.q.len() * self.n_inplanes);
        if n_angles < self.n_inplanes {
            for shell in reached.chunks_exact_mut(self.n_inplanes) {
                let (computed, opposite) = shell.split_at_mut(n_angles);
                for (opposite, value) in opposite.iter_mut().zip(computed) {
                    *opposite = value.conj();
                }
            }
        }
        beyond.fill(Complex::new(T::zero(), T::zero()));
        if let Some((total, constant)) = &self.mean {
            remove_mean(slice, *total, constant);
        }
        normalise(slice, &self.point_weights)
    }
}

/// What one thread needs for a slice.
#[derive(Debug)]
struct Scratch {
    directions: Vec<[f64; 3]>,
    shifts: Vec<f64>,
}

impl Direct {
    fn new(beads: Arc<Beads>, q: &[f64]) -> Self {
        let weights = q
            .iter()
            .flat_map(|&q| {
                let beads = &beads;
                beads
                    .radii_angstrom
                    .iter()
                    .map(move |&radius| beads.mass.of(radius) * beads.shape.form_factor(radius, q))
            })
            .collect();
        Self { beads, weights }
    }

    fn slice<T: SliceReal>(&self, plan: &SlicePlan<T>, rotation: &Matrix3, slice: &mut [Complex<T>]) {
        let n_beads = self.beads.radii_angstrom.len();
        let mut along = Vec::with_capacity(n_beads);
        for (j, &angle) in plan.angles.iter().enumerate() {
            let towards = direction(rotation, angle);
            along.clear();
            along.extend(
                self.beads.positions_angstrom.iter().map(|x| x[0] * towards[0] + x[1] * towards[1] + x[2] * towards[2]),
            );
            for (n, (&q, weights)) in plan.q.iter().zip(self.weights.chunks_exact(n_beads)).enumerate() {
                let mut sum = Complex::new(0.0, 0.0);
                for (along, weight) in along.iter().zip(weights) {
                    sum += wave(q * along) * weight;
                }
                slice[n * plan.n_inplanes + j] = Complex::new(T::rounded(sum.re), T::rounded(sum.im));
            }
        }
    }
}

impl<T: SliceReal> Grid<T> {
    fn new(
        axes: [Axis; 3],
        directions: [usize; 3],
        shift: [f64; 3],
        smoothing: f64,
        samples: Samples,
        slabs: Slabs,
        n_threads: usize,
    ) -> Self {
        let mut grid = Self {
            axes,
            directions,
            shift: (shift != [0.0; 3]).then_some(shift),
            layout: Layout::new(&axes),
            table: WeightTable::new(),
            transforms: axes.map(|axis| AxisTransform::new::<T>(axis, smoothing)),
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

    /// Interpolates the points of one slice that are in slab `number`.
    fn slice(
        &self,
        plan: &SlicePlan<T>,
        slab: &Slab,
        number: usize,
        rotation: &Matrix3,
        slice: &mut [Complex<T>],
        scratch: &mut Scratch,
    ) {
        scratch.directions.clear();
        scratch.shifts.clear();
        for &angle in &plan.angles {
            let towards = direction(rotation, angle);
            scratch.directions.push([0, 1, 2].map(|axis| towards[self.directions[axis]] * self.axes[axis].scale));
            if let Some(shift) = self.shift {
                scratch.shifts.push(towards.iter().zip(shift).map(|(d, s)| d * s).sum());
            }
        }
        let (start, end) = self.slabs.cores[number];
        let last = number + 1 == self.slabs.cores.len();
        let points = Interpolate {
            axes: &self.axes,
            layout: &self.layout,
            table: &self.table,
            slab,
            u0: start as f64..if last { f64::INFINITY } else { end as f64 },
            q: &plan.q,
            directions: &scratch.directions,
            shifts: self.shift.map(|_| &scratch.shifts[..]),
            out: slice,
            n_inplanes: plan.n_inplanes,
        };
        T::run(plan.set, points);
    }
}

/// Chooses the method and the grid.
fn decide<T: SliceReal>(
    structure: &Structure,
    grid: &PolarGrid,
    box_angstrom: f64,
    settings: &SliceSettings,
) -> Result<(Decision, SliceEstimate), SliceError> {
    let q_max = 2.0 * grid.radii().last().copied().unwrap_or(0.0) / box_angstrom;
    if !(box_angstrom.is_finite() && box_angstrom > 0.0 && q_max < MAX_Q) {
        return Err(SliceError::Box(box_angstrom));
    }
    let n_threads = settings.n_threads.max(1);
    let constant = if settings.remove_mean { grid.n_points() * size_of::<f64>() } else { 0 };
    let allowed = settings.memory_bytes;
    match structure {
        Structure::Map(map) => {
            map.check()?;
            let axes = map_axes::<T>(map, q_max);
            let slabs = Slabs::plan::<T>(&axes, allowed.saturating_sub(constant), n_threads)
                .map_err(|least| SliceError::Memory { needed: least + constant, allowed })?;
            let estimate = SliceEstimate {
                method: SliceMethod::Grid { n_slabs: slabs.cores.len() },
                peak_bytes: slabs.bytes::<T>(&axes, n_threads) + constant,
            };
            Ok((Decision::Grid { axes, beads: None, slabs }, estimate))
        }
        Structure::Beads(beads) => {
            beads.check()?;
            let n_beads = beads.radii_angstrom.len();
            let direct = SliceEstimate {
                method: SliceMethod::Direct,
                peak_bytes: (grid.n_shells() + n_threads) * n_beads * size_of::<f64>() + constant,
            };
            let bead_grid = BeadGrid::new::<T>(beads, q_max);
            let n_angles = if grid.n_inplanes().is_multiple_of(2) { grid.n_inplanes() / 2 } else { grid.n_inplanes() };
            let n_values = settings.n_views as f64 * (n_angles * grid.n_shells()) as f64;
            // Memory has no say in this: the method decides about the last bits.
            if direct_is_faster::<T>(beads, &bead_grid, n_values) {
                let needed = direct.peak_bytes;
                return match needed <= allowed {
                    true => Ok((Decision::Direct, direct)),
                    false => Err(SliceError::Memory { needed, allowed }),
                };
            }
            let axes = bead_grid.axes;
            // Beyond what can be addressed, all is beyond what is allowed.
            let (all, at_y) = (bead_grid.bytes() as usize, n_threads.saturating_mul(bead_grid.bytes_at_y() as usize));
            let mut needed = usize::MAX;
            for (keep, samples) in [(Keep::All, all), (Keep::Nothing, at_y)] {
                let beside = samples.saturating_add(constant);
                if keep == Keep::All && samples > allowed / 4 {
                    continue;
                }
                match Slabs::plan::<T>(&axes, allowed.saturating_sub(beside), n_threads) {
                    Ok(slabs) => {
                        let estimate = SliceEstimate {
                            method: SliceMethod::Grid { n_slabs: slabs.cores.len() },
                            peak_bytes: beside + slabs.bytes::<T>(&axes, n_threads),
                        };
                        return Ok((Decision::Grid { axes, beads: Some((bead_grid, keep)), slabs }, estimate));
                    }
                    Err(least) => needed = needed.min(least.saturating_add(beside)),
                }
            }
            Err(SliceError::Memory { needed, allowed })
        }
    }
}
