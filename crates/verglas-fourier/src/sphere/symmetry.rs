//! Point groups: the rotations that leave a structure as it is, with RELION's axes.
//!
//! | group | axes |
//! |---|---|
//! | `Cn` | n-fold along z |
//! | `Dn` | n-fold along z, two-fold along x |
//! | `T` | three-fold along z, two-fold along (0, √(2/3), √(1/3)) |
//! | `O` | four-fold along x, y and z, three-fold along (1, 1, 1) |
//! | `I`, `I2` | two-fold along x, y and z, five-fold along (1, 0, φ), three-fold along (0, 1/φ, φ), φ = (1 + √5)/2 |
//! | `I1` | `I2` turned by a quarter about y: five-fold along (φ, 0, −1) |
//! | `I3` | five-fold along z, two-fold along (−1, 0, φ) |
//! | `I4` | two-fold along (1, 0, φ), five-fold along (2, 0, 1) |
//!
//! Source: `SymList::fill_symmetry_class` in RELION's `src/symmetries.cpp`.

use std::f64::consts::{PI, TAU};
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::pose::Matrix3;

/// Highest order of a main axis that is accepted.
pub const MAX_FOLD: usize = 1000;

/// The rotations that leave a structure as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PointGroup {
    /// `Cn`: n turns about z.
    Cyclic(usize),
    /// `Dn`: those, and half turns about axes across z, one of them x.
    Dihedral(usize),
    /// `T`: the 12 rotations of a tetrahedron.
    Tetrahedral,
    /// `O`: the 24 rotations of a cube.
    Octahedral,
    /// `I1` to `I4`: the 60 rotations of an icosahedron, in RELION's settings 1 to 4.
    Icosahedral(u8),
}

/// A word that is not a point group.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("symmetry is `{0}`, expected C1 to C{MAX_FOLD}, D1 to D{MAX_FOLD}, T, O, I or I1 to I4")]
pub struct PointGroupError(String);

impl FromStr for PointGroup {
    type Err = PointGroupError;

    fn from_str(text: &str) -> Result<Self, PointGroupError> {
        let error = || PointGroupError(text.to_owned());
        let mut characters = text.chars();
        let letter = characters.next().ok_or_else(error)?.to_ascii_uppercase();
        let number = characters.as_str();
        let fold = || {
            let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            let fold = digits.then(|| number.parse().ok()).flatten();
            fold.filter(|fold| (1..=MAX_FOLD).contains(fold)).ok_or_else(error)
        };
        match (letter, number) {
            ('C', _) => Ok(Self::Cyclic(fold()?)),
            ('D', _) => Ok(Self::Dihedral(fold()?)),
            ('T', "") => Ok(Self::Tetrahedral),
            ('O', "") => Ok(Self::Octahedral),
            ('I', "" | "2") => Ok(Self::Icosahedral(2)),
            ('I', "1") => Ok(Self::Icosahedral(1)),
            ('I', "3") => Ok(Self::Icosahedral(3)),
            ('I', "4") => Ok(Self::Icosahedral(4)),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for PointGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cyclic(fold) => write!(f, "C{fold}"),
            Self::Dihedral(fold) => write!(f, "D{fold}"),
            Self::Tetrahedral => f.write_str("T"),
            Self::Octahedral => f.write_str("O"),
            Self::Icosahedral(setting) => write!(f, "I{setting}"),
        }
    }
}

impl PointGroup {
    /// Number of rotations |G|.
    pub fn order(&self) -> usize {
        match self {
            Self::Cyclic(fold) => *fold,
            Self::Dihedral(fold) => 2 * fold,
            Self::Tetrahedral => 12,
            Self::Octahedral => 24,
            Self::Icosahedral(_) => 60,
        }
    }

    /// All rotations, the identity first; each takes points of the structure to points that look the same.
    pub fn rotations(&self) -> Vec<Matrix3> {
        let golden = (1.0 + 5.0_f64.sqrt()) / 2.0;
        let z = [0.0, 0.0, 1.0];
        let generators = match self {
            // By their angles, exact to rounding however many.
            Self::Cyclic(fold) => return (0..*fold).map(|k| about(z, TAU * k as f64 / *fold as f64)).collect(),
            Self::Dihedral(fold) => {
                let turns = Self::Cyclic(*fold).rotations();
                let flip = about([1.0, 0.0, 0.0], PI);
                let flipped: Vec<Matrix3> = turns.iter().map(|turn| product(turn, &flip)).collect();
                return [turns, flipped].concat();
            }
            Self::Tetrahedral => [about(z, TAU / 3.0), about([0.0, 2.0_f64.sqrt(), 1.0], PI)],
            Self::Octahedral => [about([1.0, 1.0, 1.0], TAU / 3.0), about(z, TAU / 4.0)],
            Self::Icosahedral(1) => [about([1.0, 0.0, 0.0], PI), about([golden, 0.0, -1.0], TAU / 5.0)],
            Self::Icosahedral(3) => [about([-1.0, 0.0, golden], PI), about(z, TAU / 5.0)],
            Self::Icosahedral(4) => [about([1.0, 0.0, golden], PI), about([2.0, 0.0, 1.0], TAU / 5.0)],
            Self::Icosahedral(_) => [about(z, PI), about([1.0, 0.0, golden], TAU / 5.0)],
        };
        let mut rotations = vec![about(z, 0.0)];
        // Every product of generators, until there is nothing new; 60 at most.
        let mut next = 0;
        while next < rotations.len() {
            for generator in &generators {
                let candidate = product(generator, &rotations[next]);
                if rotations.iter().all(|known| distance(known, &candidate) > 1e-6) {
                    rotations.push(candidate);
                }
            }
            next += 1;
        }
        rotations
    }
}

/// The rotation by `angle` counterclockwise about `axis`, which need not be of length 1.
fn about(axis: [f64; 3], angle: f64) -> Matrix3 {
    let length = axis.iter().map(|value| value * value).sum::<f64>().sqrt();
    let [x, y, z] = axis.map(|value| value / length);
    let (sin, cos) = angle.sin_cos();
    let versine = 1.0 - cos;
    [
        [cos + versine * x * x, versine * x * y - sin * z, versine * x * z + sin * y],
        [versine * x * y + sin * z, cos + versine * y * y, versine * y * z - sin * x],
        [versine * x * z - sin * y, versine * y * z + sin * x, cos + versine * z * z],
    ]
}

fn product(a: &Matrix3, b: &Matrix3) -> Matrix3 {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
}

/// The largest difference of two elements.
fn distance(a: &Matrix3, b: &Matrix3) -> f64 {
    a.iter().flatten().zip(b.iter().flatten()).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
}

pub(super) fn turned(rotation: &Matrix3, [x, y, z]: [f64; 3]) -> [f64; 3] {
    rotation.map(|row| row[0] * x + row[1] * y + row[2] * z)
}

pub(super) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[cfg(test)]
mod tests {
    use super::super::asymmetric_unit::MIDDLE;
    use super::*;

    fn groups() -> Vec<PointGroup> {
        ["C1", "C2", "C7", "D1", "D2", "D5", "D8", "T", "O", "I1", "I2", "I3", "I4"]
            .map(|name| name.parse().unwrap())
            .to_vec()
    }

    #[test]
    fn names_are_read_and_written() {
        for group in groups() {
            assert_eq!(group.to_string().parse(), Ok(group));
        }
        assert_eq!("i".parse(), Ok(PointGroup::Icosahedral(2)));
        assert_eq!("c4".parse(), Ok(PointGroup::Cyclic(4)));
        for bad in ["", "C", "C0", "D0", "C1001", "D-1", "C+2", "T2", "O1", "I5", "X", "ⅭⅠ", "C99999999999999999999"]
        {
            assert_eq!(bad.parse::<PointGroup>(), Err(PointGroupError(bad.to_owned())));
        }
    }

    #[test]
    fn groups_are_closed_and_of_their_order() {
        for group in groups() {
            let rotations = group.rotations();
            assert_eq!(rotations.len(), group.order(), "{group}");
            for a in &rotations {
                for b in &rotations {
                    let c = product(a, b);
                    let nearest = rotations.iter().map(|known| distance(known, &c)).fold(f64::INFINITY, f64::min);
                    assert!(nearest < 1e-13, "{group}: {nearest}");
                }
            }
        }
    }

    /// The axes that RELION lists, each turned into itself by the right part of a turn.
    #[test]
    fn the_axes_are_where_relion_has_them() {
        let known: [(&str, usize, [f64; 3]); 14] = [
            ("C3", 3, [0.0, 0.0, 1.0]),
            ("D3", 2, [1.0, 0.0, 0.0]),
            ("T", 3, [0.0, 0.0, 1.0]),
            ("T", 2, [0.0, 0.816496, 0.577350]),
            ("O", 3, [0.5773502, 0.5773502, 0.5773502]),
            ("O", 4, [0.0, 0.0, 1.0]),
            ("I2", 5, [0.525731114, 0.0, 0.850650807]),
            ("I2", 3, [0.0, 0.356822076, 0.934172364]),
            ("I1", 5, [0.85065080702670, 0.0, -0.5257311142635]),
            ("I1", 3, [0.9341723640, 0.3568220765, 0.0]),
            ("I3", 2, [-0.5257311143, 0.0, 0.8506508070]),
            ("I3", 3, [-0.4911234778630044, 0.3568220764705179, 0.7946544753759428]),
            ("I4", 5, [0.8944271932547096, 0.0, 0.4472135909903704]),
            ("I4", 3, [0.4911234778630044, 0.3568220764705179, 0.7946544753759428]),
        ];
        for (name, fold, axis) in known {
            let wanted = about(axis, TAU / fold as f64);
            let rotations = name.parse::<PointGroup>().unwrap().rotations();
            let nearest = rotations.iter().map(|known| distance(known, &wanted)).fold(f64::INFINITY, f64::min);
            // RELION writes six to ten digits.
            assert!(nearest < 2e-6, "{name}: {fold}-fold along {axis:?}: {nearest}");
        }
    }

    #[test]
    fn the_middle_is_on_no_axis() {
        for group in groups() {
            for rotation in &group.rotations()[1..] {
                assert!(dot(turned(rotation, MIDDLE), MIDDLE) < 0.999, "{group}");
            }
        }
    }
}
