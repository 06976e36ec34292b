//! The structures that templates are made of: beads, or a density map.

use std::f64::consts::PI;

use thiserror::Error;

use crate::grid::MAX_PIXELS;

/// The form of a bead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AtomShape {
    /// exp(−2π²R²q²): R is the standard deviation.
    #[default]
    Gaussian,
    /// 3(sin u − u cos u)/u³ with u = 2πqR: a ball of radius R.
    HardSphere,
}

impl AtomShape {
    /// The form factor f(q) of a bead of this radius in Å, at q in 1/Å; 1 at 0.
    pub fn form_factor(self, radius_angstrom: f64, q: f64) -> f64 {
        let u = 2.0 * PI * q * radius_angstrom;
        match self {
            Self::Gaussian => (-0.5 * u * u).exp(),
            Self::HardSphere => {
                if u < 1.0 {
                    // The quotient loses u⁻³ of its digits, the series nothing: terms fall below rounding by u¹⁸.
                    let x = u * u;
                    let mut term = 1.0;
                    let mut sum = 1.0;
                    for k in 1..10 {
                        let k = f64::from(k);
                        term *= -x / ((2.0 * k) * (2.0 * k + 3.0));
                        sum += term;
                    }
                    sum
                } else {
                    3.0 * (u.sin() - u * u.cos()) / (u * u * u)
                }
            }
        }
    }
}

/// The weight of a bead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AtomMass {
    /// R³, its volume but for a factor.
    #[default]
    Volume,
    /// 1.
    Equal,
    /// R⁻³, as CryoLike has it for Gaussians.
    InverseVolume,
}

impl AtomMass {
    /// The mass m of a bead of this radius in Å.
    pub fn of(self, radius_angstrom: f64) -> f64 {
        match self {
            Self::Volume => radius_angstrom.powi(3),
            Self::Equal => 1.0,
            Self::InverseVolume => radius_angstrom.powi(-3),
        }
    }
}

/// Beads at some positions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Beads {
    /// x, y, z of each bead from the origin, Å.
    pub positions_angstrom: Vec<[f64; 3]>,
    /// Its radius, Å.
    pub radii_angstrom: Vec<f64>,
    /// The form of all of them.
    pub shape: AtomShape,
    /// Their weights.
    pub mass: AtomMass,
}

/// Which directions a map's axes in memory are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AxisOrder {
    /// ρ[z, y, x]: the fastest axis is x, as in MRC files.
    #[default]
    Zyx,
    /// ρ[x, y, z]: the slowest axis is x, as CryoLike takes maps.
    Xyz,
}

impl AxisOrder {
    /// For each axis in memory, slowest first, the direction it is: 0 for x, 1 for y, 2 for z.
    pub(crate) fn directions(self) -> [usize; 3] {
        match self {
            Self::Zyx => [2, 1, 0],
            Self::Xyz => [0, 1, 2],
        }
    }
}

/// The values of a map, as precise as the file has them.
#[derive(Debug, Clone, PartialEq)]
pub enum Voxels {
    /// float32: all modes of MRC files, and arrays of single or half precision and of short integers.
    Single(Vec<f32>),
    /// float64: other arrays.
    Double(Vec<f64>),
}

impl Voxels {
    /// Number of voxels.
    pub fn len(&self) -> usize {
        match self {
            Self::Single(values) => values.len(),
            Self::Double(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All values in double precision.
    pub fn to_f64(&self) -> Vec<f64> {
        match self {
            Self::Single(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Self::Double(values) => values.clone(),
        }
    }

    /// The value at one place.
    pub fn get(&self, place: usize) -> f64 {
        match self {
            Self::Single(values) => f64::from(values[place]),
            Self::Double(values) => values[place],
        }
    }
}

/// A density map.
#[derive(Debug, Clone, PartialEq)]
pub struct Density {
    /// The values, row-major.
    pub values: Voxels,
    /// Voxels along each axis in memory, slowest first: [z, y, x] for [`AxisOrder::Zyx`].
    pub shape: [usize; 3],
    /// Å per voxel along x, y, z.
    pub voxel_angstrom: [f64; 3],
    /// Where the origin lies, in voxels along x, y, z: ⌊n/2⌋ is the middle of that voxel. See [`Density::middle`].
    pub centre_voxel: [f64; 3],
    /// Which directions the axes are.
    pub axis_order: AxisOrder,
    /// Beyond 1/(2 · largest voxel side), whether the map is continued periodically; otherwise templates are 0 there.
    pub beyond_nyquist: bool,
}

impl Density {
    /// The middle of voxel ⌊n/2⌋ along x, y, z, where RELION and CryoLike have the origin.
    pub fn middle(shape: [usize; 3], axis_order: AxisOrder) -> [f64; 3] {
        let mut middle = [0.0; 3];
        for (axis, direction) in axis_order.directions().into_iter().enumerate() {
            middle[direction] = (shape[axis] / 2) as f64;
        }
        middle
    }

    /// A map of these values as CryoLike takes it: axis 0 for x, axis 2 for z, and the images' box of `box_angstrom` Å for
    /// its own, along every axis, whatever its voxels.
    pub fn as_cryolike(values: Voxels, shape: [usize; 3], box_angstrom: f64) -> Self {
        Self {
            values,
            shape,
            voxel_angstrom: shape.map(|n| box_angstrom / n as f64),
            centre_voxel: Self::middle(shape, AxisOrder::Xyz),
            axis_order: AxisOrder::Xyz,
            beyond_nyquist: true,
        }
    }

    /// The map's Nyquist frequency, 1/(2 · largest voxel side), in 1/Å.
    pub fn nyquist(&self) -> f64 {
        0.5 / self.voxel_angstrom.iter().fold(0.0, |largest: f64, &side| largest.max(side))
    }

    /// The largest |k| at which templates are not set to 0.
    pub(crate) fn q_limit(&self) -> f64 {
        // 1/(2v) and 2r/L may be the same number but for rounding.
        if self.beyond_nyquist { f64::INFINITY } else { self.nyquist() * (1.0 + 1e-12) }
    }
}

/// Why no templates can be made from a structure.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum StructureError {
    /// No beads.
    #[error("no beads, expected at least one")]
    Empty,
    /// Positions and radii that don't go together.
    #[error("{positions} positions and {radii} radii, expected equal numbers")]
    Radii {
        /// Number of positions.
        positions: usize,
        /// Number of radii.
        radii: usize,
    },
    /// A position that is none.
    #[error("position of bead {bead} is {position:?} Å, expected finite numbers below 1e6")]
    Position {
        /// Which bead, from 0.
        bead: usize,
        /// Its position.
        position: [f64; 3],
    },
    /// A radius that is none.
    #[error("radius of bead {bead} is {radius} Å, expected a number from 1e-3 to 1e6")]
    Radius {
        /// Which bead, from 0.
        bead: usize,
        /// Its radius.
        radius: f64,
    },
    /// A map without voxels or with too many.
    #[error("map of {0:?} voxels, expected 1 to {MAX_PIXELS} along each axis")]
    Shape([usize; 3]),
    /// Values that don't fill the map.
    #[error("{values} values for a map of {shape:?} voxels")]
    Values {
        /// Number of values.
        values: usize,
        /// The map's shape.
        shape: [usize; 3],
    },
    /// A voxel that is not a box.
    #[error("voxel size is {0:?} Å (x, y, z), expected three finite numbers above 0")]
    VoxelSize([f64; 3]),
    /// An origin that is nowhere.
    #[error("origin is at voxel {0:?} (x, y, z), expected finite numbers")]
    Centre([f64; 3]),
    /// A voxel that is not a number.
    #[error("voxel {place:?} of the map is {value}, expected a finite number")]
    Voxel {
        /// Its place along the axes in memory, slowest first, from 0.
        place: [usize; 3],
        /// Its value.
        value: f64,
    },
    /// A map of nothing.
    #[error("the map is {0} everywhere, expected a structure")]
    Constant(f64),
}

/// Largest position and radius, Å; farther out phases are not known to 1e-12 of a turn any more.
const MAX_ANGSTROM: f64 = 1e6;
/// Smallest radius, Å: its mass still has a cube.
const MIN_RADIUS_ANGSTROM: f64 = 1e-3;

impl Beads {
    /// Checks that templates can be made from these beads.
    ///
    /// # Errors
    /// No beads, numbers of positions and radii that differ, positions or radii that are not lengths.
    pub fn check(&self) -> Result<(), StructureError> {
        let (positions, radii) = (self.positions_angstrom.len(), self.radii_angstrom.len());
        if positions == 0 {
            return Err(StructureError::Empty);
        }
        if positions != radii {
            return Err(StructureError::Radii { positions, radii });
        }
        for (bead, (&position, &radius)) in self.positions_angstrom.iter().zip(&self.radii_angstrom).enumerate() {
            if !position.iter().all(|value| value.abs() < MAX_ANGSTROM) {
                return Err(StructureError::Position { bead, position });
            }
            if !(MIN_RADIUS_ANGSTROM..=MAX_ANGSTROM).contains(&radius) {
                return Err(StructureError::Radius { bead, radius });
            }
        }
        Ok(())
    }

    /// F(0), the sum of the masses.
    pub fn total(&self) -> f64 {
        self.radii_angstrom.iter().map(|&radius| self.mass.of(radius)).sum()
    }
}

impl Density {
    /// Checks that templates can be made from this map.
    ///
    /// # Errors
    /// A box side out of range, values that don't fill it, an invalid voxel size or origin, a voxel that is not a
    /// number, a map that is the same everywhere.
    pub fn check(&self) -> Result<(), StructureError> {
        let shape = self.shape;
        if !shape.iter().all(|&n| (1..=MAX_PIXELS).contains(&n)) {
            return Err(StructureError::Shape(shape));
        }
        let values = self.values.len();
        // At most 2^42.
        if values != shape.iter().product::<usize>() {
            return Err(StructureError::Values { values, shape });
        }
        if !self.voxel_angstrom.iter().all(|side| side.is_finite() && *side > 0.0) {
            return Err(StructureError::VoxelSize(self.voxel_angstrom));
        }
        if !self.centre_voxel.iter().all(|place| place.abs() < MAX_ANGSTROM) {
            return Err(StructureError::Centre(self.centre_voxel));
        }
        let first = self.values.get(0);
        let mut constant = true;
        for place in 0..values {
            let value = self.values.get(place);
            if !value.is_finite() {
                let [_, ny, nx] = shape;
                return Err(StructureError::Voxel { place: [place / (ny * nx), place / nx % ny, place % nx], value });
            }
            constant &= value == first;
        }
        if constant { Err(StructureError::Constant(first)) } else { Ok(()) }
    }

    /// F(0), the sum of the voxels.
    pub fn total(&self) -> f64 {
        (0..self.values.len()).map(|place| self.values.get(place)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_factors_by_hand() {
        // u = 1: exp(−1/2); 3(sin 1 − cos 1).
        let (radius, q) = (2.0, 0.25 / PI);
        assert!((AtomShape::Gaussian.form_factor(radius, q) - (-0.5_f64).exp()).abs() < 1e-15);
        let ball = 3.0 * (1.0_f64.sin() - 1.0_f64.cos());
        assert!((AtomShape::HardSphere.form_factor(radius, q) - ball).abs() < 1e-15);
        // Both sides of the place where the series ends; the slope there is −0.18, the step 2e-9.
        let below = AtomShape::HardSphere.form_factor(radius, q * (1.0 - 1e-9));
        let above = AtomShape::HardSphere.form_factor(radius, q * (1.0 + 1e-9));
        assert!((below - above).abs() < 1e-9 && (below - ball).abs() < 1e-9);
        // 1 − u²/10 + …
        let u = 2.0 * PI * 1e-4 * radius;
        assert!((AtomShape::HardSphere.form_factor(radius, 1e-4) - (1.0 - u * u / 10.0)).abs() < 1e-14);
        assert_eq!(AtomShape::HardSphere.form_factor(radius, 0.0), 1.0);
    }

    #[test]
    fn masses_by_hand() {
        assert_eq!(
            [AtomMass::Volume, AtomMass::Equal, AtomMass::InverseVolume].map(|mass| mass.of(2.0)),
            [8.0, 1.0, 0.125]
        );
    }

    #[test]
    fn what_is_wrong_is_reported() {
        let mut beads =
            Beads { positions_angstrom: vec![[0.0; 3]; 2], radii_angstrom: vec![1.0; 2], ..Beads::default() };
        assert_eq!(beads.check(), Ok(()));
        beads.radii_angstrom[1] = 0.0;
        assert_eq!(beads.check(), Err(StructureError::Radius { bead: 1, radius: 0.0 }));
        beads.positions_angstrom[0][2] = f64::NAN;
        assert!(matches!(beads.check(), Err(StructureError::Position { bead: 0, .. })));
        beads.radii_angstrom.pop();
        assert_eq!(beads.check(), Err(StructureError::Radii { positions: 2, radii: 1 }));
        assert_eq!(Beads::default().check(), Err(StructureError::Empty));

        let shape = [2, 1, 3];
        let map = Density {
            values: Voxels::Single(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
            shape,
            voxel_angstrom: [1.0; 3],
            centre_voxel: Density::middle(shape, AxisOrder::Zyx),
            axis_order: AxisOrder::Zyx,
            beyond_nyquist: false,
        };
        assert_eq!(map.centre_voxel, [1.0, 0.0, 1.0]);
        assert_eq!((map.check(), map.total(), map.nyquist()), (Ok(()), 15.0, 0.5));
        let values = Voxels::Double(vec![0.0, 1.0, 2.0, 3.0, f64::INFINITY, 5.0]);
        assert!(matches!(
            Density { values, ..map.clone() }.check(),
            Err(StructureError::Voxel { place: [1, 0, 1], value: f64::INFINITY })
        ));
        let flat = Voxels::Single(vec![2.0; 6]);
        assert_eq!(Density { values: flat, ..map.clone() }.check(), Err(StructureError::Constant(2.0)));
        assert_eq!(Density { shape: [2, 0, 3], ..map.clone() }.check(), Err(StructureError::Shape([2, 0, 3])));
        assert_eq!(
            Density { shape: [2, 2, 3], ..map.clone() }.check(),
            Err(StructureError::Values { values: 6, shape: [2, 2, 3] })
        );
        assert!(matches!(
            Density { voxel_angstrom: [1.0, 0.0, 1.0], ..map.clone() }.check(),
            Err(StructureError::VoxelSize(_))
        ));
        let nowhere = [f64::NAN, 0.0, 0.0];
        assert!(matches!(Density { centre_voxel: nowhere, ..map }.check(), Err(StructureError::Centre(_))));
    }
}
