//! Planned slices: a structure on a grid of Fourier space, from which views are taken in any number.

use std::sync::Arc;

use num_complex::Complex;

use super::decide::{Decision, Keep, SliceError, SliceEstimate, SliceMethod, SliceSettings, Structure, decide};
use super::finish::{constant_image, normalise, normalise_half, remove_mean};
use super::gridded::Grid;
use super::layout::map_shift;
use super::parallel::in_parallel;
use super::points::SlicePoints;
use super::spread::Drawing;
use super::summed::Direct;
use super::volume::Samples;
use super::weights::SliceReal;
use crate::grid::PolarGrid;
use crate::polar::simd::InstructionSet;
use crate::polar::{PlanError, fastest};
use crate::pose::Matrix3;

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
/// let rotations = views.rotations();
/// let mut templates = vec![Complex::default(); views.len() * grid.n_points()];
/// let mut norms = vec![0.0; views.len()];
/// plan.compute(&rotations, &mut templates, &mut norms)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SlicePlan<T: SliceReal> {
    set: InstructionSet,
    settings: SliceSettings,
    points: SlicePoints,
    /// Nothing is known of the structure beyond, in 1/Å.
    q_limit: f64,
    point_weights: Vec<f64>,
    /// F(0), and the image that it is taken out with.
    mean: Option<(f64, Vec<f64>)>,
    method: Method<T>,
}

/// Some of a grid's shells.
#[derive(Debug, Clone, PartialEq)]
pub struct SomeShells {
    /// Which, rising.
    pub places: Vec<usize>,
    /// What |T|² at each point of a shell weighs in a slice's norm.
    pub weights: Vec<f64>,
}

#[derive(Debug)]
enum Method<T: SliceReal> {
    Direct(Direct),
    Grid(Box<Grid<T>>),
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
        let points = SlicePoints::new(grid, box_angstrom, q_limit);
        let method = match (decision, structure) {
            (Decision::Direct, Structure::Beads(beads)) => Method::Direct(Direct::new(beads, &points.q)),
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
                Method::Grid(Box::new(Grid::new(
                    axes,
                    directions,
                    shift,
                    smoothing,
                    samples,
                    slabs,
                    (n_threads, settings.coarse),
                )))
            }
            _ => unreachable!("maps are always put on a grid"),
        };
        Ok(Self {
            set,
            settings: SliceSettings { n_threads, ..*settings },
            q_limit: points.q.last().map_or(0.0, |&q| q),
            points,
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
            Method::Grid(grid) => SliceMethod::Grid { n_slabs: grid.n_slabs() },
        }
    }

    /// Number of values in a slice: n_shells · n_inplanes.
    pub fn slice_len(&self) -> usize {
        self.points.n_shells * self.points.n_inplanes
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
    /// A norm that is 0, NaN or infinite; the first one is reported.
    ///
    /// # Panics
    /// When `out` or `norms` have another length.
    pub fn compute(&self, rotations: &[Matrix3], out: &mut [Complex<T>], norms: &mut [f64]) -> Result<(), SliceError> {
        self.compute_at(&self.points, |slice| self.finish(slice), rotations, out, norms)
    }

    /// The same on some shells alone, `[rotations, shells, n_inplanes]`; a slice's norm is what these make of it.
    ///
    /// # Errors
    /// As [`compute`](Self::compute).
    ///
    /// # Panics
    /// When `out` or `norms` have another length, or shells are none of the grid's, or not rising; when the mean is to be taken out.
    pub fn compute_on(
        &self,
        shells: &SomeShells,
        rotations: &[Matrix3],
        out: &mut [Complex<T>],
        norms: &mut [f64],
    ) -> Result<(), SliceError> {
        assert!(self.mean.is_none(), "the mean is one over all shells");
        assert!(shells.places.is_sorted() && !shells.places.is_empty(), "shells, rising");
        assert!(shells.places.iter().all(|&shell| shell < self.points.n_shells), "shells of the grid");
        assert_eq!(shells.places.len(), shells.weights.len(), "a weight for each shell");
        let points = self.points.on(&shells.places);
        let finish = |slice: &mut [Complex<T>]| {
            let (reached, beyond) = slice.split_at_mut(points.q.len() * points.n_inplanes);
            beyond.fill(Complex::new(T::zero(), T::zero()));
            if reached.is_empty() {
                return 0.0;
            }
            match points.angles.len() < points.n_inplanes {
                true => normalise_half(reached, &shells.weights[..points.q.len()]),
                false => normalise(reached, &shells.weights[..points.q.len()]),
            }
        };
        self.compute_at(&points, finish, rotations, out, norms)
    }

    fn compute_at(
        &self,
        points: &SlicePoints,
        finish: impl Fn(&mut [Complex<T>]) -> f64 + Sync,
        rotations: &[Matrix3],
        out: &mut [Complex<T>],
        norms: &mut [f64],
    ) -> Result<(), SliceError> {
        let slice_len = points.n_shells * points.n_inplanes;
        assert_eq!(out.len(), rotations.len() * slice_len, "room for {} slices", rotations.len());
        assert_eq!(norms.len(), rotations.len(), "room for {} norms", rotations.len());
        let n_threads = self.settings.n_threads;
        match &self.method {
            Method::Direct(direct) => {
                let items = rotations.iter().zip(out.chunks_mut(slice_len)).zip(&mut *norms);
                in_parallel(
                    n_threads,
                    items,
                    || (),
                    |(), ((rotation, slice), norm)| {
                        direct.slice(points, rotation, slice);
                        *norm = finish(slice);
                    },
                );
            }
            Method::Grid(grid) => {
                grid.slices((self.set, points), rotations, (out, &mut *norms), n_threads, finish);
            }
        }
        match norms.iter().position(|norm| !(norm.is_finite() && *norm > 0.0)) {
            Some(view) => Err(SliceError::Norm { view, norm: norms[view] }),
            None => Ok(()),
        }
    }

    /// F at any points, in 1/Å in the structure's frame: no mean is taken out, nothing is divided. It is 0 at points
    /// further out than the outermost shell, or than the map's Nyquist frequency unless the map is continued.
    ///
    /// Works on the calling thread; a plan of one slab serves several threads at once.
    ///
    /// # Panics
    /// When the length of `out` differs from that of `points`.
    pub fn values_at(&self, points: &[[f64; 3]], out: &mut [Complex<T>]) {
        assert_eq!(out.len(), points.len(), "room for {} values", points.len());
        out.fill(Complex::new(T::zero(), T::zero()));
        let is_reached = |point: &[f64; 3]| point.iter().map(|k| k * k).sum::<f64>().sqrt() <= self.q_limit;
        let reached: Vec<[f64; 3]> = points.iter().copied().filter(is_reached).collect();
        let mut values = vec![Complex::new(T::zero(), T::zero()); reached.len()];
        match &self.method {
            Method::Direct(direct) => direct.values_at(&reached, &mut values),
            Method::Grid(grid) => grid.values_at(self.set, &reached, &mut values, 1),
        }
        let places = out.iter_mut().zip(points).filter(|(_, point)| is_reached(point));
        places.zip(values).for_each(|((out, _), value)| *out = value);
    }

    /// The rest, when all computed points are there: the points opposite to them, those beyond the structure's reach,
    /// the mean, the norm, which is returned.
    fn finish(&self, slice: &mut [Complex<T>]) -> f64 {
        let SlicePoints { n_inplanes, ref angles, ref q, .. } = self.points;
        let n_angles = angles.len();
        let (reached, beyond) = slice.split_at_mut(q.len() * n_inplanes);
        if n_angles < n_inplanes {
            for shell in reached.chunks_exact_mut(n_inplanes) {
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
