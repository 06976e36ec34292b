//! The atoms of a coordinate file, in the same form for PDB and mmCIF.

/// One atom as its file writes it.
#[derive(Debug, Clone, PartialEq)]
pub struct AtomRecord {
    /// The atom's name without blanks, such as `CA`.
    pub name: Box<str>,
    /// Which of several places this is; empty for an atom that has only one.
    pub alternate: Box<str>,
    /// The residue's name, such as `GLY`.
    pub residue_name: Box<str>,
    /// The chain's name; may be empty.
    pub chain: Box<str>,
    /// The residue's number, which may be negative; `None` if there is none that can be read.
    pub residue_number: Option<i32>,
    /// Distinguishes residues with the same number; mostly empty.
    pub insertion_code: Box<str>,
    /// The segment's name of PDB files; mostly empty.
    pub segment_id: Box<str>,
    /// The element's symbol in capitals; empty if it is not known.
    pub element: Box<str>,
    /// x, y, z in Å.
    pub position_angstrom: [f64; 3],
    /// The share of the molecules that have the atom here; 1 where the file does not say.
    pub occupancy: f64,
    /// Whether the record is HETATM, not ATOM.
    pub is_hetatm: bool,
    /// How many `TER` records came before it in its model; 0 in mmCIF, which has none.
    pub n_ter_before: u32,
}

/// One model of a coordinate file; none is empty.
#[derive(Debug, Clone, PartialEq)]
pub struct AtomModel {
    /// The number that the file gives it; 1 where a single model has none.
    pub number: i64,
    /// Its atoms in the order of the file.
    pub atoms: Vec<AtomRecord>,
}

/// All that a coordinate file says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AtomFile {
    /// Its models in the order of the file; at least one.
    pub models: Vec<AtomModel>,
    /// How many copies of the atoms the first biological assembly in the file consists of; `None` if the file lists
    /// none.
    pub n_assembly_copies: Option<u64>,
    /// How many atoms have no residue number that can be read.
    pub n_without_residue_number: u64,
}

impl AtomFile {
    /// Atoms of all models.
    pub fn n_atoms(&self) -> usize {
        self.models.iter().map(|model| model.atoms.len()).sum()
    }
}

/// The symbols of the elements in capitals, in the order of their numbers, and deuterium.
pub const ELEMENTS: [&str; 119] = [
    "H", "HE", "LI", "BE", "B", "C", "N", "O", "F", "NE", "NA", "MG", "AL", "SI", "P", "S", "CL", "AR", "K", "CA",
    "SC", "TI", "V", "CR", "MN", "FE", "CO", "NI", "CU", "ZN", "GA", "GE", "AS", "SE", "BR", "KR", "RB", "SR", "Y",
    "ZR", "NB", "MO", "TC", "RU", "RH", "PD", "AG", "CD", "IN", "SN", "SB", "TE", "I", "XE", "CS", "BA", "LA", "CE",
    "PR", "ND", "PM", "SM", "EU", "GD", "TB", "DY", "HO", "ER", "TM", "YB", "LU", "HF", "TA", "W", "RE", "OS", "IR",
    "PT", "AU", "HG", "TL", "PB", "BI", "PO", "AT", "RN", "FR", "RA", "AC", "TH", "PA", "U", "NP", "PU", "AM", "CM",
    "BK", "CF", "ES", "FM", "MD", "NO", "LR", "RF", "DB", "SG", "BH", "HS", "MT", "DS", "RG", "CN", "NH", "FL", "MC",
    "LV", "TS", "OG", "D",
];

/// The symbol in capitals, if it is that of an element.
pub(crate) fn element(text: &str) -> Option<&'static str> {
    ELEMENTS.iter().find(|symbol| symbol.eq_ignore_ascii_case(text)).copied()
}
