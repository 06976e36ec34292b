//! Atoms to beads: which ones, how large, from which origin; and what is left out.

use std::collections::BTreeMap;

use verglas_core::findings::{counted, counted_do};
use verglas_core::hint::{Hint, Setting, Text};
use verglas_core::{Error, Findings, Result};

use crate::residues::{OTHER_RADIUS_ANGSTROM, amino_acid, is_water};
use crate::selection::Selection;
use crate::structure::{ResidueKind, Structure, is_alpha_carbon, is_hydrogen};

/// Names that a message lists before it counts the rest.
const MOST_NAMES: usize = 8;

/// Where the origin of a structure's positions is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Center {
    /// The mean of the beads' positions; of a map the middle voxel.
    #[default]
    Mean,
    /// The file's own origin; of a map that of the header's coordinates.
    None,
    /// This position in the file's coordinates, x, y, z in Å.
    Position([f64; 3]),
}

/// How atoms become beads.
#[derive(Debug, Clone)]
pub struct BeadSettings {
    /// Which atoms.
    pub selection: Selection,
    /// Whether there is one bead per residue, at CA, with the residue's radius; otherwise one per atom, with one
    /// radius for all.
    pub use_protein_residue_model: bool,
    /// The radius in Å where each atom is a bead.
    pub atom_radii_angstrom: Option<f64>,
    /// The origin.
    pub center: Center,
    /// The images' box N·p in Å: beads that are further than half of it from the origin are reported.
    pub box_angstrom: Option<f64>,
}

/// A structure as beads.
#[derive(Debug, Clone, PartialEq)]
pub struct Beads {
    /// x, y, z of each bead in Å, from the origin.
    pub positions_angstrom: Vec<[f64; 3]>,
    /// The radius of each bead in Å, above 0.
    pub radii_angstrom: Vec<f64>,
    /// The origin in the file's coordinates, x, y, z in Å.
    pub center_angstrom: [f64; 3],
}

impl BeadSettings {
    /// Errors of the settings that don't depend on the structure, and warnings.
    pub fn check(&self, findings: &mut Findings) {
        let is_radius = |radius: f64| radius.is_finite() && radius > 0.0;
        match (self.use_protein_residue_model, self.atom_radii_angstrom) {
            (true, Some(radius)) => findings.warn(
                "atom-radii-not-used",
                format!(
                    "the radius of {radius} Å is not used: with the protein residue model each residue has its own"
                ),
            ),
            (false, None) => findings.error(
                Error::value(
                    "no radius given: without the protein residue model each selected atom is a bead and needs one",
                )
                .with_hint(give_radius()),
            ),
            (false, Some(radius)) if !is_radius(radius) => findings.error(
                Error::value(format!("the radius of atoms is {radius} Å, expected a number above 0"))
                    .with_hint(give_radius()),
            ),
            _ => {}
        }
    }

    /// Makes beads of a structure; `file` is how messages name it.
    ///
    /// # Errors
    /// No atom selected, or none that the residue model takes; more than a tenth of the atoms left out by the default
    /// selection; no radius.
    pub fn beads(&self, structure: &Structure, file: &str, findings: &mut Findings) -> Result<Beads> {
        let selected = self.selection.select(structure);
        let text = self.selection.text();
        if selected.is_empty() {
            return Err(Error::value(format!("`{file}`: the selection `{text}` selects no atom"))
                .with_detail(format_args!("residues there: {}", residue_names(structure)))
                .with_hint("choose atoms with " + Hint::Give(Setting::AtomSelection)));
        }
        if self.selection.is_default() {
            report_left_out(structure, text, file, findings)?;
        }
        let (atoms, radii_angstrom) = match self.use_protein_residue_model {
            true => residue_beads(structure, &selected, text, file, findings)?,
            false => {
                let radius = self.atom_radii_angstrom.filter(|radius| radius.is_finite() && *radius > 0.0);
                let radius =
                    radius.ok_or_else(|| Error::value("no radius for the selected atoms").with_hint(give_radius()))?;
                let radii = vec![radius; selected.len()];
                (selected, radii)
            }
        };
        let stored: Vec<[f64; 3]> = atoms.iter().map(|atom| structure.atoms()[*atom].position_angstrom).collect();
        let center_angstrom = match self.center {
            Center::Mean => mean(&stored),
            Center::None => [0.0; 3],
            Center::Position(position) => position,
        };
        let from_center = |position: &[f64; 3]| std::array::from_fn(|axis| position[axis] - center_angstrom[axis]);
        let beads =
            Beads { positions_angstrom: stored.iter().map(from_center).collect(), radii_angstrom, center_angstrom };
        self.warn_beyond_the_box(&beads, file, findings);
        Ok(beads)
    }

    fn warn_beyond_the_box(&self, beads: &Beads, file: &str, findings: &mut Findings) {
        let Some(half) = self.box_angstrom.map(|side| side / 2.0) else { return };
        let distances = beads.positions_angstrom.iter().map(|[x, y, z]| (x * x + y * y + z * z).sqrt());
        let beyond: Vec<f64> = distances.filter(|distance| *distance > half).collect();
        if !beyond.is_empty() {
            let furthest = beyond.iter().copied().fold(0.0, f64::max);
            findings.warn(
                "beyond-box",
                format!(
                    "`{file}`: {} further than half a box ({half:.1} Å) from the origin, up to {furthest:.1} Å: images \
                     of them overlap themselves",
                    counted_do(beyond.len(), "bead", "is", "are")
                ),
            );
        }
    }
}

/// The mean of positions; they are finite and not none.
fn mean(positions: &[[f64; 3]]) -> [f64; 3] {
    std::array::from_fn(|axis| positions.iter().map(|position| position[axis]).sum::<f64>() / positions.len() as f64)
}

/// The atoms of the residue model among those selected, and their radii.
fn residue_beads(
    structure: &Structure,
    selected: &[usize],
    text: &str,
    file: &str,
    findings: &mut Findings,
) -> Result<(Vec<usize>, Vec<f64>)> {
    let is_bead = |atom: &&usize| is_alpha_carbon(&structure.atoms()[**atom]);
    let atoms: Vec<usize> = selected.iter().filter(is_bead).copied().collect();
    if atoms.is_empty() {
        return Err(Error::value(format!(
            "`{file}`: the selection `{text}` selects {}, none of them a CA of carbon, which is what the protein residue \
             model makes beads of",
            counted(selected.len(), "atom")
        ))
        .with_detail(format_args!("residues there: {}", residue_names(structure)))
        .with_hint(
            Hint::Give(Setting::NoProteinResidueModel)
                + " with "
                + Hint::Give(Setting::AtomRadii)
                + " makes each selected atom a bead",
        ));
    }
    let n_others = selected.len() - atoms.len();
    if n_others > 0 {
        findings.note(format!(
            "`{file}`: the protein residue model takes the {} of `{text}`, not its {}",
            counted(atoms.len(), "CA"),
            counted(n_others, "other atom")
        ));
    }
    let mut others: BTreeMap<&str, usize> = BTreeMap::new();
    let radius = |atom: &usize| {
        let name = &*structure.residues()[structure.residue_of(*atom)].name;
        amino_acid(name).map_or_else(
            || {
                *others.entry(name).or_default() += 1;
                OTHER_RADIUS_ANGSTROM
            },
            |amino_acid| amino_acid.radius_angstrom,
        )
    };
    let radii = atoms.iter().map(radius).collect();
    if !others.is_empty() {
        findings.warn(
            "unknown-residues",
            format!(
                "`{file}`: residues that are missing from the table of radii get {OTHER_RADIUS_ANGSTROM:.1} Å: {}",
                names_and_counts(others)
            ),
        );
    }
    Ok((atoms, radii))
}

/// The statistics of a kind of residues without a bead.
#[derive(Default)]
struct LeftOut<'a> {
    n_residues: usize,
    n_atoms: usize,
    names: BTreeMap<&'a str, usize>,
}

/// Reports what `name CA` leaves out; an error where that is more than a tenth of the atoms, waters and hydrogens apart.
fn report_left_out(structure: &Structure, text: &str, file: &str, findings: &mut Findings) -> Result<()> {
    let mut n_counted = 0;
    let mut n_left_out = 0;
    let mut atoms_of: Vec<usize> = vec![0; structure.residues().len()];
    for (place, atom) in structure.atoms().iter().enumerate() {
        let residue = structure.residue_of(place);
        atoms_of[residue] += 1;
        if !is_water(&atom.residue_name) && !is_hydrogen(atom) {
            n_counted += 1;
            n_left_out += usize::from(!structure.residues()[residue].has_ca);
        }
    }
    let mut kinds: BTreeMap<ResidueKind, LeftOut<'_>> = BTreeMap::new();
    for (residue, n_atoms) in structure.residues().iter().zip(atoms_of).filter(|(residue, _)| !residue.has_ca) {
        let left_out = kinds.entry(residue.kind).or_default();
        left_out.n_residues += 1;
        left_out.n_atoms += n_atoms;
        *left_out.names.entry(&residue.name).or_default() += 1;
    }
    if kinds.is_empty() {
        return Ok(());
    }
    let of_kind = |(kind, left_out): (&ResidueKind, LeftOut<'_>)| {
        let noun = if left_out.n_residues == 1 { kind.singular() } else { kind.plural() };
        let without = if *kind == ResidueKind::Protein { " without CA" } else { "" };
        let names = if *kind == ResidueKind::Water { None } else { Some(names_and_counts(left_out.names)) };
        let names = names.map(|names| format!(": {names}")).unwrap_or_default();
        format!("{} {noun}{without} ({}{names})", left_out.n_residues, counted(left_out.n_atoms, "atom"))
    };
    let kinds: Vec<String> = kinds.into_iter().map(|(kind, left_out)| of_kind((&kind, left_out))).collect();
    if 10 * n_left_out > n_counted {
        let share = 100.0 * n_left_out as f64 / n_counted as f64;
        let mut error = Error::value(format!(
            "`{file}`: the default selection `{text}` would leave out {n_left_out} of {n_counted} atoms ({share:.0} %; \
             waters and hydrogens apart), which belong to residues without a CA"
        ));
        for kind in kinds {
            error = error.with_detail(kind);
        }
        return Err(error.with_hint(
            Hint::Give(Setting::AtomSelection)
                + " 'protein and name CA' says that this is intended; "
                + Hint::Give(Setting::NoProteinResidueModel)
                + " with "
                + Hint::Give(Setting::AtomRadii)
                + " and a selection such as 'not water' makes beads of all atoms",
        ));
    }
    findings.warn("left-out", format!("`{file}`: the default selection `{text}` leaves out {}", kinds.join(", ")));
    Ok(())
}

/// What to do if there is no radius.
fn give_radius() -> Text {
    "give it in Å with " + Hint::Give(Setting::AtomRadii) + ", or use " + Hint::Give(Setting::ProteinResidueModel)
}

/// `12 DC, 3 HOH`: the names of a structure's residues, the most frequent first.
fn residue_names(structure: &Structure) -> String {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    structure.residues().iter().for_each(|residue| *names.entry(&residue.name).or_default() += 1);
    names_and_counts(names)
}

fn names_and_counts(names: BTreeMap<&str, usize>) -> String {
    let mut names: Vec<(&str, usize)> = names.into_iter().collect();
    names.sort_by(|(name, n), (other, other_n)| other_n.cmp(n).then(name.cmp(other)));
    let shown: Vec<String> = names.iter().take(MOST_NAMES).map(|(name, n)| format!("{n} {name}")).collect();
    match names.len().saturating_sub(MOST_NAMES) {
        0 => shown.join(", "),
        n_more => format!("{} and {n_more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::tests::atom;

    fn settings(selection: &str) -> BeadSettings {
        BeadSettings {
            selection: Selection::parse(selection).unwrap(),
            use_protein_residue_model: true,
            atom_radii_angstrom: None,
            center: Center::Mean,
            box_angstrom: None,
        }
    }

    fn all_atoms(selection: &str, radius: Option<f64>) -> BeadSettings {
        BeadSettings { use_protein_residue_model: false, atom_radii_angstrom: radius, ..settings(selection) }
    }

    /// Three residues with CA on a line at 0, 3 and 6 Å, of 7 atoms each, a calcium, a water and a ligand atom.
    fn structure() -> Structure {
        let mut atoms = Vec::new();
        for (n, name) in ["GLY", "TRP", "UNK"].iter().enumerate() {
            for letter in ["N", "CA", "C", "O", "CB", "CG", "HA"] {
                let mut atom = atom(&format!("{letter} . {name} A {n} 1"));
                atom.position_angstrom[0] = 3.0 * n as f64;
                atoms.push(atom);
            }
        }
        atoms.extend(["+CA . CA A 10 1", "+O . HOH A 11 1"].map(atom));
        Structure::new(atoms)
    }

    #[test]
    fn one_bead_a_residue_from_their_mean() {
        let mut findings = Findings::new();
        let beads = settings("name CA").beads(&structure(), "a.pdb", &mut findings).unwrap();
        assert_eq!(beads.radii_angstrom, [2.25, 3.4, 3.0]);
        assert_eq!(beads.positions_angstrom, [[-3.0, 0.0, 0.0], [0.0; 3], [3.0, 0.0, 0.0]]);
        assert_eq!(beads.center_angstrom, [3.0, 0.0, 0.0]);
        let told: Vec<String> = findings.warnings.iter().map(|warning| warning.message.to_string()).collect();
        assert_eq!(
            told,
            [
                "`a.pdb`: the default selection `name CA` leaves out 1 water (1 atom), 1 ion (1 atom: 1 CA)",
                "`a.pdb`: residues that are missing from the table of radii get 3.0 Å: 1 UNK",
            ]
        );
    }

    #[test]
    fn every_selected_atom_with_one_radius() {
        let mut findings = Findings::new();
        let beads = all_atoms("name CA CB or water", Some(1.5)).beads(&structure(), "a.pdb", &mut findings).unwrap();
        assert_eq!(beads.radii_angstrom, [1.5; 8]);
        assert!(findings.warnings.is_empty());
    }

    #[test]
    fn the_origin_may_be_chosen() {
        let mut findings = Findings::new();
        let with = |center| BeadSettings { center, ..settings("protein and name CA") };
        let mut beads = |center| with(center).beads(&structure(), "a.pdb", &mut findings).unwrap();
        assert_eq!(beads(Center::None).positions_angstrom[1], [3.0, 0.0, 0.0]);
        let elsewhere = beads(Center::Position([1.0, 2.0, 3.0]));
        assert_eq!((elsewhere.positions_angstrom[1], elsewhere.center_angstrom), ([2.0, -2.0, -3.0], [1.0, 2.0, 3.0]));
    }

    #[test]
    fn beads_beyond_half_a_box_are_reported() {
        let mut findings = Findings::new();
        let narrow = BeadSettings { box_angstrom: Some(5.0), ..settings("resname GLY TRP UNK") };
        narrow.beads(&structure(), "a.pdb", &mut findings).unwrap();
        assert_eq!(
            findings.warnings[1].message,
            "`a.pdb`: 2 beads are further than half a box (2.5 Å) from the origin, up to 3.0 Å: images of them overlap \
             themselves"
        );
        assert!(
            findings.notes[0].to_string().contains("3 CAs of `resname GLY TRP UNK`, not its 18 other atoms"),
            "{findings:?}"
        );
    }

    #[test]
    fn nothing_selected_is_an_error_with_what_there_is() {
        let mut findings = Findings::new();
        let error = settings("resname XYZ").beads(&structure(), "a.pdb", &mut findings).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`a.pdb`: the selection `resname XYZ` selects no atom\n  residues there: 1 CA, 1 GLY, 1 HOH, 1 TRP, 1 UNK"
        );
        let error = settings("hetatm and name CA").beads(&structure(), "a.pdb", &mut findings).unwrap_err();
        assert!(error.to_string().contains("selects 1 atom, none of them a CA of carbon"), "{error}");
    }

    #[test]
    fn more_than_a_tenth_left_out_is_an_error() {
        // 18 atoms of protein that are not hydrogens, 1 calcium: 2 more atoms are 3 of 21, above a tenth; 1 more is 2
        // of 20.
        let with = |n: usize| {
            let mut atoms = structure().atoms().to_vec();
            atoms.extend((0..n).map(|_| atom("+C1 . NAG A 20 1")));
            atoms.extend((0..50).map(|n| atom(&format!("+O . HOH A {} 1", 100 + n))));
            atoms.extend((0..50).map(|n| atom(&format!("+H . LIG A {} 1", 200 + n))));
            Structure::new(atoms)
        };
        let mut findings = Findings::new();
        assert!(settings("name CA").beads(&with(1), "a.pdb", &mut findings).is_ok());
        let error = settings("name CA").beads(&with(2), "a.pdb", &mut findings).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with(
                "`a.pdb`: the default selection `name CA` would leave out 3 of 21 atoms (14 %; waters and hydrogens apart), \
                 which belong to residues without a CA\n  51 waters (51 atoms)\n"
            ),
            "{text}"
        );
        assert!(text.contains("1 ligand (2 atoms: 1 NAG)"), "{text}");
        assert!(error.hint().unwrap().to_string().contains("'protein and name CA'"));
        assert!(settings("protein and name CA").beads(&with(2), "a.pdb", &mut findings).is_ok());
    }

    #[test]
    fn radii_must_be_given_where_they_are_needed() {
        let check = |settings: BeadSettings| {
            let mut findings = Findings::new();
            settings.check(&mut findings);
            findings
        };
        assert!(check(all_atoms("all", None)).errors[0].to_string().starts_with("no radius"));
        for radius in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let findings = check(all_atoms("all", Some(radius)));
            assert!(findings.errors[0].hint().unwrap().hints().any(|hint| hint == Hint::Give(Setting::AtomRadii)));
            assert!(all_atoms("all", Some(radius)).beads(&structure(), "a.pdb", &mut Findings::new()).is_err());
        }
        assert!(check(all_atoms("all", Some(1.0))).errors.is_empty());
        let both = BeadSettings { atom_radii_angstrom: Some(2.0), ..settings("name CA") };
        assert_eq!(check(both).warnings[0].code, "atom-radii-not-used");
    }
}
