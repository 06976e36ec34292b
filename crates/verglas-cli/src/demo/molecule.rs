//! A made-up protein in two conformations: two bundles of helices, the second of which turns about a hinge.
//!
//! One bead per residue, at its Cα, in a PDB file: helices of 1.5 Å and 100° per residue, 2.3 Å from their axes, joined by loops
//! whose Cα are about 3.8 Å apart. No two helices are alike, so that no view looks like another.

use std::f64::consts::PI;
use std::io::Write;
use std::path::Path;

use verglas::{Error, ErrorKind, Result};
use verglas_core::atomic::write_atomically;

/// A conformation: the name of its file, its title, and how far the second bundle is turned about the hinge, degrees.
pub struct Conformation {
    pub file: &'static str,
    title: &'static str,
    angle_deg: f64,
}

/// Both of them, in the order that the demo names them.
pub const CONFORMATIONS: [Conformation; 2] = [
    Conformation { file: "open.pdb", title: "MADE-UP PROTEIN OF TWO HELIX BUNDLES, OPEN", angle_deg: 50.0 },
    Conformation { file: "closed.pdb", title: "MADE-UP PROTEIN OF TWO HELIX BUNDLES, CLOSED", angle_deg: 165.0 },
];

/// A helix along z.
struct Helix {
    /// Where its axis is, Å.
    axis: [f64; 2],
    n_residues: usize,
    /// Whether the chain goes towards larger z.
    up: bool,
    /// Its middle, Å.
    middle: f64,
}

const fn helix(x: f64, y: f64, n_residues: usize, up: bool, middle: f64) -> Helix {
    Helix { axis: [x, y], n_residues, up, middle }
}

const BODY: [Helix; 6] = [
    helix(-8.0, 4.0, 16, false, 4.0),
    helix(0.0, 0.0, 26, true, 0.0),
    helix(10.0, 0.0, 28, false, 1.0),
    helix(10.0, 9.5, 24, true, -1.0),
    helix(0.0, 9.5, 29, false, 0.0),
    helix(4.5, 18.0, 20, true, 4.0),
];
/// In the frame of the hinge.
const ARM: [Helix; 4] = [
    helix(0.0, 0.0, 18, true, 17.0),
    helix(-10.0, 0.0, 20, false, 17.0),
    helix(-10.0, 9.5, 17, true, 16.0),
    helix(0.0, 9.5, 15, false, 15.0),
];
/// The hinge turns about y.
const HINGE: [f64; 3] = [19.0, 6.0, 23.0];
const N_LINKER: usize = 6;

const RISE: f64 = 1.5;
const TURN_DEG: f64 = 100.0;
const RADIUS: f64 = 2.3;
/// From one Cα to the next, Å.
const STEP: f64 = 3.8;

/// Residues that like to be in helices, and some others.
const RESIDUES: [&str; 16] =
    ["ALA", "LEU", "GLU", "LYS", "GLN", "ILE", "ARG", "VAL", "ASP", "MET", "SER", "PHE", "THR", "TYR", "ASN", "TRP"];

impl Conformation {
    /// The name that templates and tables have it by.
    pub fn name(&self) -> &'static str {
        self.file.trim_end_matches(".pdb")
    }
}

impl Helix {
    fn residues(&self) -> impl Iterator<Item = [f64; 3]> + '_ {
        let sign = if self.up { 1.0 } else { -1.0 };
        (0..self.n_residues).map(move |residue| {
            let residue = residue as f64;
            let along = (residue - 0.5 * (self.n_residues - 1) as f64) * RISE;
            // The chain's direction turns with it, so every helix is right-handed.
            let (sin, cos) = (sign * residue * TURN_DEG.to_radians()).sin_cos();
            [self.axis[0] + RADIUS * cos, self.axis[1] + RADIUS * sin, self.middle + sign * along]
        })
    }
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// The residues between two ends, evenly along half an ellipse that stands out towards `side` as far as steps of the right length
/// need.
fn loop_between(from: [f64; 3], to: [f64; 3], side: f64, n_residues: usize) -> Vec<[f64; 3]> {
    const N_PIECES: usize = 400;
    let curve = |height: f64| -> Vec<[f64; 3]> {
        let at = |piece: usize| {
            let angle = PI * piece as f64 / N_PIECES as f64;
            let share = 0.5 - 0.5 * angle.cos();
            let mut point: [f64; 3] = std::array::from_fn(|axis| from[axis] + share * (to[axis] - from[axis]));
            point[2] += side * height * angle.sin();
            point
        };
        (0..=N_PIECES).map(at).collect()
    };
    let length = |curve: &[[f64; 3]]| curve.windows(2).map(|pair| distance(pair[0], pair[1])).sum::<f64>();
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if length(&curve(middle)) < STEP * (n_residues + 1) as f64 { low = middle } else { high = middle }
    }
    let curve = curve(low);
    let step = length(&curve) / (n_residues + 1) as f64;
    let mut residues = Vec::with_capacity(n_residues);
    let mut gone = 0.0;
    for pair in curve.windows(2) {
        gone += distance(pair[0], pair[1]);
        if residues.len() < n_residues && gone >= step * (residues.len() + 1) as f64 {
            residues.push(pair[1]);
        }
    }
    residues
}

/// Helices one after the other, with the loops between them.
fn bundle(helices: &[Helix]) -> Vec<[f64; 3]> {
    let mut chain: Vec<[f64; 3]> = Vec::new();
    for helix in helices {
        let residues: Vec<[f64; 3]> = helix.residues().collect();
        if let (Some(&from), Some(&to)) = (chain.last(), residues.first()) {
            let side = if from[2] > helix.middle { 1.0 } else { -1.0 };
            let n_residues = ((1.25 * distance(from, to) / STEP).ceil() as usize).max(3);
            chain.extend(loop_between(from, to, side, n_residues));
        }
        chain.extend(residues);
    }
    chain
}

/// Positions of all Cα, Å, their middle at the origin.
fn positions(conformation: &Conformation) -> Vec<[f64; 3]> {
    let mut chain = bundle(&BODY);
    let (sin, cos) = conformation.angle_deg.to_radians().sin_cos();
    let turned = |[x, y, z]: [f64; 3]| [HINGE[0] + cos * x + sin * z, HINGE[1] + y, HINGE[2] - sin * x + cos * z];
    let arm: Vec<[f64; 3]> = bundle(&ARM).into_iter().map(turned).collect();
    if let (Some(&from), Some(&to)) = (chain.last(), arm.first()) {
        chain.extend(loop_between(from, to, 1.0, N_LINKER));
    }
    chain.extend(arm);
    let n = chain.len() as f64;
    let middle: [f64; 3] = std::array::from_fn(|axis| chain.iter().map(|position| position[axis]).sum::<f64>() / n);
    chain.iter_mut().for_each(|position| position.iter_mut().zip(middle).for_each(|(x, middle)| *x -= middle));
    chain
}

/// The conformation as a PDB file.
fn pdb(conformation: &Conformation) -> String {
    let mut text = format!("TITLE     {:<70}\n", conformation.title);
    let positions = positions(conformation);
    let residue = |index: usize| RESIDUES[(7 * index + index * index / 5) % RESIDUES.len()];
    for (index, [x, y, z]) in positions.iter().enumerate() {
        let number = index + 1;
        let name = residue(index);
        text.push_str(&format!(
            "ATOM  {number:>5}  CA  {name} A{number:>4}    {x:>8.3}{y:>8.3}{z:>8.3}  1.00 20.00           C  \n"
        ));
    }
    let n = positions.len();
    let last = residue(n.saturating_sub(1));
    text.push_str(&format!("TER   {:>5}      {last} A{n:>4}{:54}\nEND{:77}\n", n + 1, "", ""));
    text
}

/// Writes a conformation into the folder, unless it is there.
///
/// # Errors
/// When another file of that name is there, or it can't be written.
pub fn write(conformation: &Conformation, folder: &Path) -> Result<()> {
    let path = folder.join(conformation.file);
    if is_there(conformation, folder)? {
        return Ok(());
    }
    write_atomically(&path, |file| Ok(file.write_all(pdb(conformation).as_bytes())?))
}

/// Whether a conformation is in the folder already.
///
/// # Errors
/// When another file of that name is.
pub fn is_there(conformation: &Conformation, folder: &Path) -> Result<bool> {
    let path = folder.join(conformation.file);
    match std::fs::read(&path) {
        Ok(text) if text == pdb(conformation).as_bytes() => Ok(true),
        Ok(_) => Err(Error::new(ErrorKind::Exists, format!("`{}` was not made by this demo", path.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io(format_args!("cannot read `{}`", path.display()), &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_could_be_proteins() {
        for conformation in &CONFORMATIONS {
            let positions = positions(conformation);
            for (place, pair) in positions.windows(2).enumerate() {
                let step = distance(pair[0], pair[1]);
                assert!((3.0..4.0).contains(&step), "{}: {step} Å from {place} to the next", conformation.file);
            }
            for (first, a) in positions.iter().enumerate() {
                for (second, b) in positions.iter().enumerate().skip(first + 3) {
                    let apart = distance(*a, *b);
                    assert!(apart > 3.5, "{}: {first} and {second} are {apart} Å apart", conformation.file);
                }
            }
        }
        let [open, closed] = [0, 1].map(|which| positions(&CONFORMATIONS[which]));
        assert_eq!(open.len(), closed.len());
    }

    #[test]
    fn files_have_columns_where_pdb_has_them() {
        let text = pdb(&CONFORMATIONS[0]);
        assert!(text.lines().all(|line| line.len() == 80), "{text}");
        let first = text.lines().nth(1).unwrap();
        let [x, y, z] = positions(&CONFORMATIONS[0])[0];
        assert_eq!((&first[..6], &first[12..16], &first[17..20], &first[76..78]), ("ATOM  ", " CA ", "ALA", " C"));
        for (columns, value) in [(30..38, x), (38..46, y), (46..54, z)] {
            assert!((first[columns].trim().parse::<f64>().unwrap() - value).abs() <= 5e-4);
        }
    }
}
