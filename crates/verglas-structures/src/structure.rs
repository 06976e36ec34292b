//! One model's atoms with their residues and chains, each atom in one place.

use std::collections::HashMap;

use verglas_formats::AtomRecord;

use crate::residues::{amino_acid, is_water, nucleotide_code};

/// Occupancies have two or three digits: sums that differ by less are equal.
const SAME_OCCUPANCY: f64 = 1e-6;

/// The kind of a residue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResidueKind {
    /// An amino acid by its name, or a residue with N, CA and C.
    Protein,
    /// One with C1′ and C4′.
    Nucleic,
    /// Water by its name.
    Water,
    /// A single atom that is not water.
    Ion,
    /// Anything else: ligands, sugars, lipids.
    Ligand,
}

impl ResidueKind {
    /// The noun for several of them.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Protein => "amino acids",
            Self::Nucleic => "nucleotides",
            Self::Water => "waters",
            Self::Ion => "ions",
            Self::Ligand => "ligands",
        }
    }

    /// The noun for one of them.
    pub fn singular(self) -> &'static str {
        match self {
            Self::Protein => "amino acid",
            Self::Nucleic => "nucleotide",
            Self::Water => "water",
            Self::Ion => "ion",
            Self::Ligand => "ligand",
        }
    }
}

/// A residue: the atoms of one chain, number and insertion code, wherever they are in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Residue {
    /// The name, after alternates are chosen between.
    pub name: Box<str>,
    /// The place of its chain in [`Structure::chains`].
    pub chain: usize,
    /// Its number, if the file has one.
    pub number: Option<i32>,
    /// Its insertion code; mostly empty.
    pub insertion_code: Box<str>,
    /// Its kind.
    pub kind: ResidueKind,
    /// Whether it has an atom CA of carbon.
    pub has_ca: bool,
    /// Atoms in it.
    pub n_atoms: usize,
}

/// One model of a file, alternates chosen between.
///
/// Of a residue's alternates the one counts whose occupancies sum up to most, the first of equals, together with all
/// atoms that have none.
#[derive(Debug, Clone, PartialEq)]
pub struct Structure {
    atoms: Vec<AtomRecord>,
    residue_of: Vec<usize>,
    residues: Vec<Residue>,
    chains: Vec<Box<str>>,
    /// The places of the atoms among all of the file's model.
    places: Vec<usize>,
    n_stored_atoms: usize,
    n_residues_with_alternates: usize,
}

impl Structure {
    /// Takes the atoms of one model.
    pub fn new(atoms: Vec<AtomRecord>) -> Self {
        let n_stored_atoms = atoms.len();
        let mut identities = Identities::default();
        let stored_residue_of: Vec<usize> = atoms.iter().map(|atom| identities.residue(atom)).collect();
        let chosen = choose_alternates(&atoms, &stored_residue_of, identities.residues.len());
        let n_residues_with_alternates = chosen.iter().flatten().count();

        let mut kept = Vec::with_capacity(n_stored_atoms);
        let mut residue_of = Vec::with_capacity(n_stored_atoms);
        let mut places = Vec::with_capacity(n_stored_atoms);
        for (place, atom) in atoms.into_iter().enumerate() {
            let residue = stored_residue_of[place];
            let is_kept =
                atom.alternate.is_empty() || chosen[residue].as_ref().is_none_or(|chosen| *chosen == atom.alternate);
            if is_kept {
                kept.push(atom);
                residue_of.push(residue);
                places.push(place);
            }
        }
        let residues = describe(&kept, &residue_of, identities.residues);
        Self {
            atoms: kept,
            residue_of,
            residues,
            chains: identities.chains,
            places,
            n_stored_atoms,
            n_residues_with_alternates,
        }
    }

    /// The atoms, in the order of the file.
    pub fn atoms(&self) -> &[AtomRecord] {
        &self.atoms
    }

    /// The residues, in the order in which the file comes to them.
    pub fn residues(&self) -> &[Residue] {
        &self.residues
    }

    /// The names of the chains, in the order of their first atoms.
    ///
    /// Everything with the same name is one chain, except polymers separated by a `TER`.
    pub fn chains(&self) -> &[Box<str>] {
        &self.chains
    }

    /// The place of an atom's residue in [`Structure::residues`].
    pub fn residue_of(&self, atom: usize) -> usize {
        self.residue_of[atom]
    }

    /// Atoms that the file has, all alternates among them.
    pub fn n_stored_atoms(&self) -> usize {
        self.n_stored_atoms
    }

    /// Residues of which the file has several alternates.
    pub fn n_residues_with_alternates(&self) -> usize {
        self.n_residues_with_alternates
    }

    /// Replaces the positions by those of a trajectory's frame, which has either the atoms of [`Structure::atoms`] or
    /// all that the file has; false if it has another number.
    pub fn set_positions(&mut self, positions_angstrom: &[[f64; 3]]) -> bool {
        if positions_angstrom.len() == self.n_stored_atoms {
            for (atom, place) in self.atoms.iter_mut().zip(&self.places) {
                atom.position_angstrom = positions_angstrom[*place];
            }
        } else if positions_angstrom.len() == self.atoms.len() {
            for (atom, position) in self.atoms.iter_mut().zip(positions_angstrom) {
                atom.position_angstrom = *position;
            }
        } else {
            return false;
        }
        true
    }
}

/// The key of a residue: chain, number, insertion code; if there is no number, the name instead.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Identity {
    chain: usize,
    number: Option<i32>,
    insertion_code: Box<str>,
    name_without_number: Option<Box<str>>,
}

impl Identity {
    fn is_of(&self, chain: usize, atom: &AtomRecord) -> bool {
        self.chain == chain
            && self.number == atom.residue_number
            && self.insertion_code == atom.insertion_code
            && self.name_without_number.as_ref().is_none_or(|name| *name == atom.residue_name)
    }
}

/// Residues and chains by what makes them.
#[derive(Default)]
struct Identities {
    residues: Vec<Identity>,
    places: HashMap<Identity, usize>,
    chains: Vec<Box<str>>,
    /// For each name, the chain that it means now, and the `TER` records before its last polymer atom.
    chains_now: HashMap<Box<str>, (usize, Option<u32>)>,
    /// The residue of the atom before.
    last: Option<usize>,
}

impl Identities {
    fn residue(&mut self, atom: &AtomRecord) -> usize {
        let chain = self.chain(atom);
        if let Some(last) = self.last
            && self.residues[last].is_of(chain, atom)
        {
            return last;
        }
        let identity = Identity {
            chain,
            number: atom.residue_number,
            insertion_code: atom.insertion_code.clone(),
            name_without_number: atom.residue_number.is_none().then(|| atom.residue_name.clone()),
        };
        let residues = &mut self.residues;
        let place = *self.places.entry(identity).or_insert_with_key(|identity| {
            residues.push(identity.clone());
            residues.len() - 1
        });
        self.last = Some(place);
        place
    }

    fn chain(&mut self, atom: &AtomRecord) -> usize {
        let is_polymer = !atom.is_hetatm && !is_water(&atom.residue_name);
        let chains = &mut self.chains;
        let mut start = || {
            chains.push(atom.chain.clone());
            chains.len() - 1
        };
        if !self.chains_now.contains_key(&atom.chain) {
            self.chains_now.insert(atom.chain.clone(), (start(), None));
        }
        let Some((now, n_ter_before)) = self.chains_now.get_mut(&atom.chain) else { unreachable!("just put there") };
        if is_polymer {
            // Waters and ligands come back to a chain's name behind its TER; a polymer there is another one, as where
            // names are used up or left empty.
            if n_ter_before.is_some_and(|before| before < atom.n_ter_before) {
                *now = start();
            }
            *n_ter_before = Some(atom.n_ter_before);
        }
        *now
    }
}

/// For each residue that has alternates, the one that counts.
fn choose_alternates(atoms: &[AtomRecord], residue_of: &[usize], n_residues: usize) -> Vec<Option<Box<str>>> {
    // Few residues have any, and those few.
    let mut sums: HashMap<usize, Vec<(&str, f64)>> = HashMap::new();
    for (atom, residue) in atoms.iter().zip(residue_of).filter(|(atom, _)| !atom.alternate.is_empty()) {
        let sums = sums.entry(*residue).or_default();
        match sums.iter_mut().find(|(alternate, _)| *alternate == &*atom.alternate) {
            Some((_, sum)) => *sum += atom.occupancy,
            None => sums.push((&atom.alternate, atom.occupancy)),
        }
    }
    let mut chosen = vec![None; n_residues];
    for (residue, sums) in sums {
        let mut best = sums[0];
        for candidate in &sums[1..] {
            if candidate.1 > best.1 + SAME_OCCUPANCY {
                best = *candidate;
            }
        }
        chosen[residue] = Some(best.0.into());
    }
    chosen
}

/// The kinds of the residues, by their atoms.
fn describe(atoms: &[AtomRecord], residue_of: &[usize], identities: Vec<Identity>) -> Vec<Residue> {
    #[derive(Default, Clone)]
    struct Seen {
        name: Option<Box<str>>,
        n_atoms: usize,
        has_n: bool,
        has_ca: bool,
        has_c: bool,
        has_c1: bool,
        has_c4: bool,
    }
    let mut seen = vec![Seen::default(); identities.len()];
    for (atom, residue) in atoms.iter().zip(residue_of) {
        let seen = &mut seen[*residue];
        seen.n_atoms += 1;
        seen.name.get_or_insert_with(|| atom.residue_name.clone());
        match &*atom.name {
            "N" => seen.has_n = true,
            "CA" => seen.has_ca |= is_alpha_carbon(atom),
            "C" => seen.has_c = true,
            "C1'" | "C1*" => seen.has_c1 = true,
            "C4'" | "C4*" => seen.has_c4 = true,
            _ => {}
        }
    }
    let residue = |(identity, seen): (Identity, Seen)| {
        let name = seen.name.unwrap_or_default();
        let kind = if is_water(&name) {
            ResidueKind::Water
        } else if amino_acid(&name).is_some() || (seen.has_n && seen.has_ca && seen.has_c) {
            ResidueKind::Protein
        } else if seen.has_c1 && seen.has_c4 {
            ResidueKind::Nucleic
        } else if seen.n_atoms == 1 && nucleotide_code(&name).is_none() {
            ResidueKind::Ion
        } else {
            ResidueKind::Ligand
        };
        Residue {
            name,
            chain: identity.chain,
            number: identity.number,
            insertion_code: identity.insertion_code,
            kind,
            has_ca: seen.has_ca,
            n_atoms: seen.n_atoms,
        }
    };
    identities.into_iter().zip(seen).map(residue).collect()
}

/// Whether an atom is a residue's alpha carbon, and no calcium.
pub(crate) fn is_alpha_carbon(atom: &AtomRecord) -> bool {
    &*atom.name == "CA" && &*atom.element == "C"
}

/// Whether an atom is hydrogen or deuterium.
pub(crate) fn is_hydrogen(atom: &AtomRecord) -> bool {
    matches!(&*atom.element, "H" | "D")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An atom in words: name, alternate or `.`, residue, chain, number, occupancy; HETATM where the name starts with `+`.
    pub(crate) fn atom(words: &str) -> AtomRecord {
        let words: Vec<&str> = words.split_whitespace().collect();
        let [name, alternate, residue_name, chain, number, occupancy] = words[..] else { panic!("six words") };
        let is_hetatm = name.starts_with('+');
        let name = name.trim_start_matches('+');
        let element = if name == residue_name { name.to_owned() } else { name[..1].to_owned() };
        AtomRecord {
            name: name.into(),
            alternate: alternate.trim_matches('.').into(),
            residue_name: residue_name.into(),
            chain: chain.into(),
            residue_number: number.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse().ok(),
            insertion_code: number.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).into(),
            segment_id: "".into(),
            element: element.into(),
            position_angstrom: [0.0; 3],
            occupancy: occupancy.parse().unwrap(),
            is_hetatm,
            n_ter_before: 0,
        }
    }

    fn names(structure: &Structure) -> Vec<String> {
        structure.atoms().iter().map(|atom| format!("{}{}", atom.name, atom.alternate)).collect()
    }

    #[test]
    fn the_alternate_of_the_largest_sum_counts() {
        let structure = Structure::new(
            [
                "N . SER A 1 1",
                "CA A SER A 1 0.35",
                "CA B SER A 1 0.65",
                "CB A SER A 1 0.35",
                "CB B SER A 1 0.65",
                // Equal: the first. Two amino acids in one place.
                "CA A SER A 2 0.5",
                "CB A SER A 2 0.5",
                "CA B TRP A 2 0.5",
                "CB B TRP A 2 0.5",
                // More atoms with less each.
                "CA A GLY A 3 0.6",
                "CA B GLY A 3 0.4",
                "CB B GLY A 3 0.4",
            ]
            .map(atom)
            .to_vec(),
        );
        assert_eq!(names(&structure), ["N", "CAB", "CBB", "CAA", "CBA", "CAB", "CBB"]);
        assert_eq!(&*structure.residues()[1].name, "SER");
        assert_eq!((structure.n_stored_atoms(), structure.n_residues_with_alternates()), (12, 3));
    }

    #[test]
    fn sums_are_equal_in_any_order() {
        // 0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1 in binary.
        let occupancies = [("A", ["0.3", "0.2", "0.1"]), ("B", ["0.1", "0.2", "0.3"])];
        let atoms = occupancies.iter().flat_map(|(alternate, each)| {
            each.iter().enumerate().map(move |(n, occupancy)| atom(&format!("C{n} {alternate} LIG A 1 {occupancy}")))
        });
        assert_eq!(names(&Structure::new(atoms.collect())), ["C0A", "C1A", "C2A"]);
    }

    #[test]
    fn a_residue_is_chain_number_and_insertion_code() {
        let structure = Structure::new(
            ["CA . GLY A 1 1", "CA . GLY A 1A 1", "CA . GLY B 1 1", "CB . GLY A 1 1", "+O . HOH A 5 1"]
                .map(atom)
                .to_vec(),
        );
        let residues: Vec<usize> = (0..5).map(|atom| structure.residue_of(atom)).collect();
        assert_eq!(residues, [0, 1, 2, 0, 3]);
        assert_eq!(structure.chains(), [Box::from("A"), Box::from("B")]);
    }

    #[test]
    fn polymers_of_one_name_are_apart_where_one_ends() {
        let mut atoms = ["CA . GLY A 1 1", "CA . GLY A 1 1", "+C . LIG A 7 1", "O . HOH A 8 1"].map(atom);
        atoms[1..].iter_mut().for_each(|atom| atom.n_ter_before = 1);
        let structure = Structure::new(atoms.to_vec());
        assert_eq!(structure.chains().len(), 2);
        let chains: Vec<usize> = (0..4).map(|atom| structure.residues()[structure.residue_of(atom)].chain).collect();
        assert_eq!(chains, [0, 1, 1, 1]);
        let mut behind = ["CA . GLY A 1 1", "+C . LIG A 7 1"].map(atom);
        behind[1].n_ter_before = 1;
        assert_eq!(Structure::new(behind.to_vec()).chains().len(), 1);
    }

    #[test]
    fn kinds_are_recognised_by_name_and_atoms() {
        let structure = Structure::new(
            [
                "N . UNK A 1 1",
                "CA . UNK A 1 1",
                "C . UNK A 1 1",
                "C1' . PSU A 2 1",
                "C4' . PSU A 2 1",
                "+CA . CA A 3 1",
                "+O . HOH A 4 1",
                "+C1 . NAG A 5 1",
                "+O5 . NAG A 5 1",
                "N . ALA A 6 1",
            ]
            .map(atom)
            .to_vec(),
        );
        use ResidueKind::{Ion, Ligand, Nucleic, Protein, Water};
        let found: Vec<_> = structure.residues().iter().map(|residue| (residue.kind, residue.has_ca)).collect();
        let expected =
            [(Protein, true), (Nucleic, false), (Ion, false), (Water, false), (Ligand, false), (Protein, false)];
        assert_eq!(found, expected);
    }

    #[test]
    fn frames_fit_with_and_without_alternates() {
        let mut structure =
            Structure::new(["CA A GLY A 1 0.2", "CA B GLY A 1 0.8", "C . GLY A 1 1"].map(atom).to_vec());
        assert!(structure.set_positions(&[[1.0; 3], [2.0; 3], [3.0; 3]]));
        assert_eq!(structure.atoms()[0].position_angstrom, [2.0; 3]);
        assert!(structure.set_positions(&[[4.0; 3], [5.0; 3]]));
        assert_eq!(structure.atoms()[1].position_angstrom, [5.0; 3]);
        assert!(!structure.set_positions(&[[4.0; 3]]));
    }
}
