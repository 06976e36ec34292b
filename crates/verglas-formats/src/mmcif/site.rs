//! `_atom_site`: which item is which, and a row of it as an atom.

use crate::atoms::{AtomRecord, element};
use crate::error::{FormatError, Place, Result};
use crate::lines::{kept, parse_finite, shown};
use crate::pdb::first_letter;

/// The items that are read, in the order of [`Row::values`].
const ITEMS: [&str; 18] = [
    "cartn_x",
    "cartn_y",
    "cartn_z",
    "label_atom_id",
    "auth_atom_id",
    "label_comp_id",
    "auth_comp_id",
    "auth_asym_id",
    "label_asym_id",
    "auth_seq_id",
    "label_seq_id",
    "pdbx_pdb_ins_code",
    "label_alt_id",
    "occupancy",
    "type_symbol",
    "group_pdb",
    "pdbx_pdb_model_num",
    "pdbx_auth_alt_id",
];
const X: usize = 0;
const ATOM: [usize; 2] = [3, 4];
const RESIDUE: [usize; 2] = [5, 6];
const CHAIN: [usize; 2] = [7, 8];
const NUMBER: [usize; 2] = [9, 10];
const INSERTION_CODE: usize = 11;
const ALTERNATE: [usize; 2] = [12, 17];
const OCCUPANCY: usize = 13;
const ELEMENT: usize = 14;
const GROUP: usize = 15;
const MODEL: usize = 16;

/// The place of an item of `_atom_site` among those that are read; `name` without `_atom_site.`.
pub(super) fn item(name: &[u8]) -> Option<usize> {
    ITEMS.iter().position(|item| name.eq_ignore_ascii_case(item.as_bytes()))
}

/// The values of one atom that are read.
#[derive(Default)]
pub(super) struct Row {
    values: [Vec<u8>; ITEMS.len()],
    /// Those that the file has for this atom, and that are not `.` or `?`.
    is_given: [bool; ITEMS.len()],
}

impl Row {
    /// Forgets the values, not their memory.
    pub(super) fn clear(&mut self) {
        self.is_given = [false; ITEMS.len()];
    }

    /// Takes a value for an item.
    pub(super) fn set(&mut self, item: usize, text: &[u8], is_quoted: bool) {
        self.is_given[item] = is_quoted || !matches!(text, b"." | b"?");
        self.values[item].clear();
        self.values[item].extend_from_slice(text);
    }

    fn get(&self, item: usize) -> Option<&[u8]> {
        self.is_given[item].then(|| self.values[item].trim_ascii())
    }

    /// The first of two items that is given, or nothing.
    fn first_of(&self, items: [usize; 2]) -> &[u8] {
        items.into_iter().find_map(|item| self.get(item)).unwrap_or_default()
    }

    /// The atom and the number of its model; `place` is that of the row.
    pub(super) fn to_atom(&self, place: &Place) -> Result<(AtomRecord, i64)> {
        let malformed = |message: String| FormatError::malformed(place.clone(), message);
        let coordinate = |axis: usize| {
            let name = ["Cartn_x", "Cartn_y", "Cartn_z"][axis];
            let text = self.get(X + axis).ok_or_else(|| malformed(format!("{name} is missing, expected a number")))?;
            parse_with_uncertainty(text)
                .ok_or_else(|| malformed(format!("{name} is {}, expected a number", shown(text))))
        };
        let position_angstrom = [coordinate(0)?, coordinate(1)?, coordinate(2)?];
        let name = self.first_of(ATOM);
        if name.is_empty() {
            return Err(malformed("the atom has no name: neither label_atom_id nor auth_atom_id".into()));
        }
        let residue_name = self.first_of(RESIDUE);
        let alternate = self.first_of(ALTERNATE);
        let occupancy = match self.get(OCCUPANCY) {
            None => 1.0,
            Some(text) => match parse_with_uncertainty(text) {
                Some(occupancy) => occupancy,
                None if alternate.is_empty() => 1.0,
                None => {
                    let (alternate, text) = (shown(alternate), shown(text));
                    return Err(malformed(format!(
                        "the occupancy of alternate {alternate} is {text}, expected a number"
                    )));
                }
            },
        };
        let integer = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<i64>().ok();
        let model = match self.get(MODEL) {
            None => 1,
            Some(text) => integer(text)
                .ok_or_else(|| malformed(format!("pdbx_PDB_model_num is {}, expected an integer", shown(text))))?,
        };
        let atom = AtomRecord {
            element: element_of(self.get(ELEMENT), name, residue_name).into(),
            name: kept(name),
            alternate: kept(alternate),
            residue_name: kept(residue_name),
            chain: kept(self.first_of(CHAIN)),
            residue_number: integer(self.first_of(NUMBER)).and_then(|number| i32::try_from(number).ok()),
            insertion_code: kept(self.get(INSERTION_CODE).unwrap_or_default()),
            segment_id: "".into(),
            position_angstrom,
            occupancy,
            is_hetatm: self.get(GROUP).is_some_and(|group| group.eq_ignore_ascii_case(b"HETATM")),
            n_ter_before: 0,
        };
        Ok((atom, model))
    }
}

/// A number, with or without its standard uncertainty: `1.234(5)`.
fn parse_with_uncertainty(text: &[u8]) -> Option<f64> {
    let number = match text.strip_suffix(b")") {
        Some(text) => {
            let open = text.iter().position(|byte| *byte == b'(')?;
            let (number, digits) = (&text[..open], &text[open + 1..]);
            (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then_some(number)?
        }
        None => text,
    };
    parse_finite(number)
}

/// The element: the file's; otherwise the one that an ion is named after; otherwise that of the name's first letter.
fn element_of(own: Option<&[u8]>, name: &[u8], residue_name: &[u8]) -> &'static str {
    let text = |bytes| std::str::from_utf8(bytes).unwrap_or("");
    let from_ion = || if name == residue_name { element(text(name)) } else { None };
    own.and_then(|own| element(text(own))).or_else(from_ion).or_else(|| first_letter(text(name))).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[(&str, &str)]) -> Row {
        let mut row = Row::default();
        let place = [("Cartn_x", "1.5(2)"), ("Cartn_y", "-2e0"), ("Cartn_z", "3")];
        for (name, value) in place.iter().chain(values) {
            row.set(item(name.as_bytes()).unwrap(), value.as_bytes(), false);
        }
        row
    }

    #[test]
    fn names_are_the_label_s_numbers_the_author_s() {
        let (atom, model) = row(&[
            ("label_atom_id", "CA"),
            ("auth_atom_id", "XX"),
            ("label_comp_id", "GLY"),
            ("auth_comp_id", "YY"),
            ("label_asym_id", "Z"),
            ("auth_asym_id", "A"),
            ("label_seq_id", "101"),
            ("auth_seq_id", "-1"),
            ("pdbx_PDB_ins_code", "?"),
            ("label_alt_id", "."),
            ("type_symbol", "c"),
            ("group_PDB", "HETATM"),
            ("pdbx_PDB_model_num", "4"),
            ("occupancy", "0.25"),
        ])
        .to_atom(&Place::Line(3))
        .unwrap();
        assert_eq!((&*atom.name, &*atom.residue_name, &*atom.chain, atom.residue_number), ("CA", "GLY", "A", Some(-1)));
        assert_eq!((&*atom.insertion_code, &*atom.alternate, &*atom.element), ("", "", "C"));
        assert_eq!((atom.position_angstrom, atom.occupancy), ([1.5, -2.0, 3.0], 0.25));
        assert_eq!((atom.is_hetatm, model), (true, 4));
    }

    #[test]
    fn what_is_missing_is_taken_from_the_other() {
        let (atom, _) = row(&[
            ("auth_atom_id", "CA"),
            ("auth_comp_id", "CA"),
            ("label_asym_id", "Z"),
            ("label_seq_id", "7"),
            ("auth_seq_id", "?"),
        ])
        .to_atom(&Place::Line(3))
        .unwrap();
        assert_eq!((&*atom.name, &*atom.chain, atom.residue_number), ("CA", "Z", Some(7)));
        assert_eq!(&*atom.element, "CA", "an ion");
    }

    #[test]
    fn errors_name_the_item() {
        let error = |values: &[(&str, &str)]| row(values).to_atom(&Place::Line(3)).unwrap_err().to_string();
        let name = ("label_atom_id", "N");
        assert_eq!(error(&[name, ("Cartn_y", "1.2.3")]), "line 3: Cartn_y is `1.2.3`, expected a number");
        assert_eq!(error(&[name, ("Cartn_z", "?")]), "line 3: Cartn_z is missing, expected a number");
        assert!(error(&[]).contains("no name"));
        assert!(error(&[name, ("pdbx_PDB_model_num", "a")]).contains("expected an integer"));
    }
}
