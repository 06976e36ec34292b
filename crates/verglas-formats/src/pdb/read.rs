//! A whole file: models, and what remarks say about assemblies.

use std::io::{BufRead, BufReader};
use std::path::Path;

use super::record::parse_atom;
use crate::atoms::{AtomFile, AtomModel};
use crate::error::{FormatError, Place, Result};
use crate::lines::{Lines, shown};
use crate::unpack::{MAX_UNPACKED_BYTES, open_unpacked};

/// Reads the PDB file at `path`, which may be packed.
///
/// # Errors
/// As [`read_pdb_from`] and [`open_unpacked`].
pub fn read_pdb(path: impl AsRef<Path>) -> Result<AtomFile> {
    let (file, _) = open_unpacked(path, MAX_UNPACKED_BYTES)?;
    read_pdb_from(BufReader::new(file))
}

/// Reads a PDB file.
///
/// # Errors
/// [`FormatError::Malformed`], with the line: an atom record that ends before its coordinates or has one that is not a
/// number; no atom record at all.
pub fn read_pdb_from<R: BufRead>(reader: R) -> Result<AtomFile> {
    let mut lines = Lines::new(reader);
    let mut file = AtomFile::default();
    let mut current = Current::default();
    let mut assembly = Assembly::default();
    while let Some(line) = lines.next()? {
        if line.starts_with(b"ATOM") || line.starts_with(b"HETATM") {
            let parsed = parse_atom(line);
            match parsed {
                Ok(None) => {}
                Ok(Some(mut atom)) => {
                    atom.n_ter_before = current.n_ter;
                    file.n_without_residue_number += u64::from(atom.residue_number.is_none());
                    current.model.get_or_insert_with(|| AtomModel { number: 0, atoms: Vec::new() }).atoms.push(atom);
                }
                Err(message) => return Err(FormatError::malformed(lines.place(), message)),
            }
        } else if is_record(line, b"TER") {
            current.n_ter = current.n_ter.saturating_add(1);
        } else if is_record(line, b"MODEL") {
            current.end(&mut file);
            let number = line.get(5..).unwrap_or_default().trim_ascii();
            let parsed = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
            if parsed.is_none() && !number.is_empty() {
                let message = format!("the model's number is {}, expected an integer", shown(number));
                return Err(FormatError::malformed(lines.place(), message));
            }
            current.number = parsed;
        } else if is_record(line, b"ENDMDL") || is_record(line, b"END") {
            current.end(&mut file);
        } else if line.starts_with(b"REMARK 350") {
            assembly.read(&line[10..]);
        }
    }
    current.end(&mut file);
    if file.models.is_empty() {
        return Err(FormatError::malformed(Place::File, "no atom record (ATOM or HETATM)"));
    }
    file.n_assembly_copies = assembly.n_copies();
    Ok(file)
}

/// Whether a line is this record: its name, then nothing or a blank.
fn is_record(line: &[u8], name: &[u8]) -> bool {
    line.strip_prefix(name).is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
}

/// The model that is being read.
#[derive(Default)]
struct Current {
    model: Option<AtomModel>,
    /// The number in its `MODEL` record.
    number: Option<i64>,
    n_ter: u32,
}

impl Current {
    /// Puts the model to the others, if it has atoms. Without a number of its own it gets the next one.
    fn end(&mut self, file: &mut AtomFile) {
        if let Some(mut model) = self.model.take() {
            let next = file.models.last().map_or(1, |last| last.number.saturating_add(1));
            model.number = self.number.unwrap_or(next);
            model.atoms.shrink_to_fit();
            file.models.push(model);
        }
        *self = Self::default();
    }
}

/// The first biological assembly: how many operators make it.
#[derive(Default)]
struct Assembly {
    n_assemblies: u64,
    /// Of the chains that were named last; others may have their own.
    n_operators: u64,
    most_operators: u64,
}

impl Assembly {
    /// Reads what follows `REMARK 350`.
    fn read(&mut self, text: &[u8]) {
        let text = text.trim_ascii_start();
        if text.starts_with(b"BIOMOLECULE:") {
            self.n_assemblies += 1;
        } else if text.starts_with(b"APPLY THE FOLLOWING") {
            self.n_operators = 0;
        } else if text.starts_with(b"BIOMT1") && self.n_assemblies <= 1 {
            self.n_operators += 1;
            self.most_operators = self.most_operators.max(self.n_operators);
        }
    }

    fn n_copies(&self) -> Option<u64> {
        (self.most_operators > 0).then_some(self.most_operators)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATOM: &str = "ATOM      1  CA  GLY A   1       1.000   2.000   3.000  1.00  0.00           C\n";

    fn read(text: &str) -> Result<AtomFile> {
        read_pdb_from(text.as_bytes())
    }

    fn numbers(text: &str) -> Vec<(i64, usize)> {
        read(text).unwrap().models.iter().map(|model| (model.number, model.atoms.len())).collect()
    }

    #[test]
    fn models_have_their_numbers() {
        let many = format!("HEADER\r\nMODEL        3\r\n{ATOM}{ATOM}ENDMDL\r\nMODEL        7\n{ATOM}ENDMDL\nEND\n");
        assert_eq!(numbers(&many), [(3, 2), (7, 1)]);
        assert_eq!(numbers(ATOM.trim_end()), [(1, 1)]);
        // Trajectory programs write only END between frames.
        assert_eq!(numbers(&format!("{ATOM}END\n{ATOM}{ATOM}END\nEND\n")), [(1, 1), (2, 2)]);
        assert_eq!(numbers(&format!("MODEL 1\nENDMDL\nMODEL 2\n{ATOM}")), [(2, 1)]);
        let error = read(&format!("MODEL x\n{ATOM}")).unwrap_err();
        assert_eq!(error.describe("a.pdb"), "line 1 of `a.pdb`: the model's number is `x`, expected an integer");
    }

    #[test]
    fn chains_that_end_are_counted() {
        let file = read(&format!("{ATOM}TER\n{ATOM}TER       2      GLY A   1\n{ATOM}")).unwrap();
        let n_ter: Vec<u32> = file.models[0].atoms.iter().map(|atom| atom.n_ter_before).collect();
        assert_eq!(n_ter, [0, 1, 2]);
    }

    #[test]
    fn the_first_assembly_is_counted_by_chains() {
        let remark = |text: &str| format!("REMARK 350 {text}\n");
        let operator = remark("  BIOMT1   1  1.000000  0.000000  0.000000        0.00000");
        let chains = remark("APPLY THE FOLLOWING TO CHAINS: A");
        let [first, second] = ["BIOMOLECULE: 1", "BIOMOLECULE: 2"].map(remark);
        let three = format!("{first}{chains}{operator}{operator}{operator}{second}{chains}{operator}{ATOM}");
        assert_eq!(read(&three).unwrap().n_assembly_copies, Some(3));
        let one_each = format!("{first}{chains}{operator}{chains}{operator}{ATOM}");
        assert_eq!(read(&one_each).unwrap().n_assembly_copies, Some(1));
        assert_eq!(read(ATOM).unwrap().n_assembly_copies, None);
    }

    #[test]
    fn errors_name_the_line() {
        let error = read(&format!("{ATOM}{}", ATOM.replace("2.000", "2.0.0"))).unwrap_err();
        assert_eq!(
            error.describe("a.pdb"),
            "line 2 of `a.pdb`: y in columns 39 to 46 is `   2.0.0`, expected a number"
        );
        assert_eq!(read("HEADER\n").unwrap_err().describe("a.pdb"), "`a.pdb`: no atom record (ATOM or HETATM)");
    }
}
