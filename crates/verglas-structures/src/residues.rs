//! Properties of residues by name: amino acids with the radii of their beads, nucleotides, waters.

/// An amino acid of the residue model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AminoAcid {
    /// Its name in three letters.
    pub name: &'static str,
    /// Its letter.
    pub code: char,
    /// The radius of its bead in Å, as CryoLike has it.
    pub radius_angstrom: f64,
}

const fn amino_acid_of(name: &'static str, code: char, radius_angstrom: f64) -> AminoAcid {
    AminoAcid { name, code, radius_angstrom }
}

/// The twenty amino acids.
pub const AMINO_ACIDS: [AminoAcid; 20] = [
    amino_acid_of("CYS", 'C', 2.75),
    amino_acid_of("PHE", 'F', 3.20),
    amino_acid_of("LEU", 'L', 3.10),
    amino_acid_of("TRP", 'W', 3.40),
    amino_acid_of("VAL", 'V', 2.95),
    amino_acid_of("ILE", 'I', 3.10),
    amino_acid_of("MET", 'M', 3.10),
    amino_acid_of("HIS", 'H', 3.05),
    amino_acid_of("TYR", 'Y', 3.25),
    amino_acid_of("ALA", 'A', 2.50),
    amino_acid_of("GLY", 'G', 2.25),
    amino_acid_of("PRO", 'P', 2.80),
    amino_acid_of("ASN", 'N', 2.85),
    amino_acid_of("THR", 'T', 2.80),
    amino_acid_of("SER", 'S', 2.60),
    amino_acid_of("ARG", 'R', 3.30),
    amino_acid_of("GLN", 'Q', 3.00),
    amino_acid_of("ASP", 'D', 2.80),
    amino_acid_of("LYS", 'K', 3.20),
    amino_acid_of("GLU", 'E', 2.95),
];

/// The radius of a bead in Å whose residue is none of [`AMINO_ACIDS`], nor another name of one.
pub const OTHER_RADIUS_ANGSTROM: f64 = 3.0;

/// Other names of the same amino acids: protonation states and bridges of force fields, selenomethionine.
const OTHER_NAMES: [(&str, &str); 12] = [
    ("MSE", "MET"),
    ("HID", "HIS"),
    ("HIE", "HIS"),
    ("HIP", "HIS"),
    ("HSD", "HIS"),
    ("HSE", "HIS"),
    ("HSP", "HIS"),
    ("CYX", "CYS"),
    ("CYM", "CYS"),
    ("ASH", "ASP"),
    ("GLH", "GLU"),
    ("LYN", "LYS"),
];

/// The amino acid that a residue's name means; `None` for any other residue.
pub fn amino_acid(name: &str) -> Option<&'static AminoAcid> {
    let name = OTHER_NAMES.iter().find(|(other, _)| *other == name).map_or(name, |(_, usual)| usual);
    AMINO_ACIDS.iter().find(|amino_acid| amino_acid.name == name)
}

/// Whether a residue of this name is water: HOH and its names in other programs (VMD's list), heavy water, `TIP…`.
pub fn is_water(name: &str) -> bool {
    matches!(name, "HOH" | "H2O" | "WAT" | "DOD" | "SOL" | "HHO" | "OHH" | "OH2") || name.starts_with("TIP")
}

/// The letter of a nucleotide's name, those of Amber's and CHARMM's ends included; `None` for any other residue.
pub fn nucleotide_code(name: &str) -> Option<char> {
    let base = match name {
        "ADE" => "A",
        "CYT" => "C",
        "GUA" => "G",
        "THY" => "T",
        "URA" => "U",
        _ => {
            let base = name.strip_prefix(['D', 'R']).filter(|rest| !rest.is_empty()).unwrap_or(name);
            base.strip_suffix(['3', '5', 'N']).filter(|rest| !rest.is_empty()).unwrap_or(base)
        }
    };
    matches!(base, "A" | "C" | "G" | "T" | "U" | "I").then(|| base.chars().next()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_names_mean_the_same_amino_acid() {
        let radius = |name| amino_acid(name).map(|amino_acid| amino_acid.radius_angstrom);
        assert_eq!(
            [radius("GLY"), radius("TRP"), radius("MSE"), radius("HSP")].map(Option::unwrap),
            [2.25, 3.4, 3.1, 3.05]
        );
        assert_eq!([radius("UNK"), radius("CA"), radius("gly"), radius("")], [None; 4]);
        for (_, usual) in OTHER_NAMES {
            assert!(AMINO_ACIDS.iter().any(|amino_acid| amino_acid.name == usual));
        }
    }

    #[test]
    fn nucleotides_and_waters_are_known_by_name() {
        let codes = ["A", "DA", "DT5", "RU3", "GUA", "DI", "U"].map(nucleotide_code);
        assert_eq!(codes.map(Option::unwrap), ['A', 'A', 'T', 'U', 'G', 'I', 'U']);
        assert_eq!(["ALA", "D", "R", "5", "N", "", "DN", "FK5"].map(nucleotide_code), [None; 8]);
        assert!(["HOH", "TIP3", "TIP4P", "SOL", "DOD"].into_iter().all(is_water));
        assert!(!["HO", "TI", "ALA", "OH"].into_iter().any(is_water));
    }
}
