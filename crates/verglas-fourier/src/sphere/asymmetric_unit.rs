//! The views that a symmetric structure needs.

use super::symmetry::{PointGroup, dot, turned};
use super::views::{ViewError, Views};
use crate::pose::Matrix3;

impl Views {
    /// The views that a structure of the given symmetry needs, the others showing what these show.
    ///
    /// * `C1` keeps the whole grid of [`Views::new`].
    /// * `Cn`: on each circle the azimuths are made n·⌈azimuths/n⌉, and those from 0 to below 2π/n kept. What is left out is
    ///   the same grid, turned.
    /// * `Dn`: as `Cn`, and of the circles those with β ≥ π/2, on the equator the azimuths up to π/n. What is left out is
    ///   again the same grid. Sums over the kept views are exactly those over the whole of such a grid.
    /// * `T`, `O`, `I`: the views of the whole grid that lie in one asymmetric unit. The grid has no such symmetry, so
    ///   the weights of the other views go to the kept ones that show nearly the same, the nearest each. An integral of
    ///   something that varies little between neighbouring views keeps its value; `docs/math.md` says how well.
    ///
    /// # Errors
    /// Those of [`Views::new`].
    pub fn for_symmetry(viewing_distance: f64, group: PointGroup) -> Result<Self, ViewError> {
        match group {
            PointGroup::Cyclic(1) => Self::new(viewing_distance),
            PointGroup::Cyclic(fold) => Self::of_axis(viewing_distance, fold, false),
            PointGroup::Dihedral(fold) => Self::of_axis(viewing_distance, fold, true),
            PointGroup::Tetrahedral | PointGroup::Octahedral | PointGroup::Icosahedral(_) => {
                Ok(restrict(&Self::new(viewing_distance)?, &group))
            }
        }
    }
}

/// The middle of the asymmetric unit: a direction on no axis and no mirror plane of any group, so that no view of a grid
/// lies on the border of the directions that are nearest to it.
pub(super) const MIDDLE: [f64; 3] = [0.231_607_4, 0.104_729_1, 0.967_157_7];

/// The views within the asymmetric unit around [`MIDDLE`]: those that are nearer to it than any view that looks the same.
/// The weight of every view goes to the kept view that one which looks the same as it is nearest to.
fn restrict(views: &Views, group: &PointGroup) -> Views {
    let rotations = group.rotations();
    // g·d is to the middle as d is to g⁻¹·middle.
    let middles: Vec<[f64; 3]> = rotations.iter().map(|rotation| turned(rotation, MIDDLE)).collect();
    // For each view the equal one in the asymmetric unit.
    let within: Vec<(bool, [f64; 3])> = (0..views.len())
        .map(|t| {
            let direction = views.direction(t);
            let nearest = (1..middles.len())
                .fold(0, |best, g| if dot(direction, middles[g]) > dot(direction, middles[best]) { g } else { best });
            // The inverse of a rotation is its transpose.
            let rotation = &rotations[nearest];
            let inverse = std::array::from_fn(|i| std::array::from_fn(|j| rotation[j][i]));
            (nearest == 0, turned(&inverse, direction))
        })
        .collect();
    let mut kept = Views::default();
    let mut directions = Vec::new();
    for (t, &(inside, direction)) in within.iter().enumerate() {
        if inside {
            kept.push(views.azimuth[t], views.polar[t], 0.0);
            directions.push(direction);
        }
    }
    if kept.is_empty() {
        // A grid so coarse that none lies within: the middle's own nearest view, for all.
        let nearest = (1..views.len()).fold(0, |best, t| {
            if dot(views.direction(t), MIDDLE) > dot(views.direction(best), MIDDLE) { t } else { best }
        });
        kept.push(views.azimuth[nearest], views.polar[nearest], 0.0);
        directions.push(views.direction(nearest));
    }
    let neighbours = Neighbours::new(&directions, &rotations);
    for (t, &(_, direction)) in within.iter().enumerate() {
        kept.weight[neighbours.nearest(direction)] += views.weight[t];
    }
    kept
}

/// The kept views and all that look the same within reach of the asymmetric unit, sorted by height, to find the nearest.
struct Neighbours {
    /// (z, direction, which kept view), ascending in z.
    all: Vec<(f64, [f64; 3], usize)>,
}

impl Neighbours {
    fn new(directions: &[[f64; 3]], rotations: &[Matrix3]) -> Self {
        let mut all: Vec<_> = directions
            .iter()
            .enumerate()
            .flat_map(|(which, &direction)| {
                rotations.iter().map(move |rotation| {
                    let direction = turned(rotation, direction);
                    (direction[2], direction, which)
                })
            })
            .collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.2.cmp(&b.2)));
        Self { all }
    }

    /// The kept view nearest to `direction`, the first of equals.
    fn nearest(&self, direction: [f64; 3]) -> usize {
        let start = self.all.partition_point(|entry| entry.0 < direction[2]);
        let mut best = (f64::INFINITY, usize::MAX);
        // Upwards and downwards until heights alone differ by more than the best distance. Equal distances differ by
        // rounding: within a thousand times that the first counts.
        let mut look = |entry: &(f64, [f64; 3], usize)| {
            let height = entry.0 - direction[2];
            if height * height > best.0 + 1e-12 {
                return false;
            }
            let square: f64 = entry.1.iter().zip(direction).map(|(a, b)| (a - b) * (a - b)).sum();
            if square < best.0 - 1e-12 || (square < best.0 + 1e-12 && entry.2 < best.1) {
                best = (square.min(best.0), entry.2);
            }
            true
        };
        for entry in &self.all[start..] {
            if !look(entry) {
                break;
            }
        }
        for entry in self.all[..start].iter().rev() {
            if !look(entry) {
                break;
            }
        }
        best.1
    }
}
