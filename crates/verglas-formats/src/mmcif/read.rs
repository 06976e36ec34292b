//! A whole file: the first block that has atoms.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::site::{self, Row};
use super::tokens::{Kind, Tokens};
use crate::atoms::{AtomFile, AtomModel};
use crate::error::{FormatError, Place, Result};
use crate::lines::shown;
use crate::unpack::{MAX_UNPACKED_BYTES, open_unpacked};

const SITE: &[u8] = b"_atom_site.";
const ASSEMBLY: &[u8] = b"_pdbx_struct_assembly_gen.";

/// Reads the mmCIF file at `path`, which may be packed.
///
/// # Errors
/// As [`read_mmcif_from`] and [`open_unpacked`].
pub fn read_mmcif(path: impl AsRef<Path>) -> Result<AtomFile> {
    let (file, _) = open_unpacked(path, MAX_UNPACKED_BYTES)?;
    read_mmcif_from(BufReader::new(file))
}

/// Reads an mmCIF file.
///
/// # Errors
/// [`FormatError::Malformed`], with the line: what breaks the syntax up to the end of the block with the atoms; an atom
/// without a name, or with a coordinate that is not a number; no `_atom_site` in any block.
pub fn read_mmcif_from<R: BufRead>(reader: R) -> Result<AtomFile> {
    let mut tokens = Tokens::new(reader);
    let mut block = Block::default();
    let mut is_in_save_frame = false;
    let mut ahead = tokens.next()?;
    while let Some(kind) = ahead {
        ahead = match kind {
            Kind::Block => {
                if block.has_atoms() {
                    break;
                }
                block = Block::default();
                is_in_save_frame = false;
                tokens.next()?
            }
            Kind::Save => {
                is_in_save_frame = tokens.text.len() > b"save_".len();
                tokens.next()?
            }
            Kind::Loop => read_loop(&mut tokens, &mut block, is_in_save_frame)?,
            Kind::Name => {
                let column = if is_in_save_frame { Column::Skipped } else { Column::named(&tokens.text) };
                let place = tokens.place();
                let name = tokens.text.clone();
                match tokens.next()? {
                    Some(Kind::Value { is_quoted }) => block.set_pair(column, &tokens.text, is_quoted, &place),
                    _ => return Err(FormatError::malformed(place, format!("{} has no value", shown(&name)))),
                }
                tokens.next()?
            }
            Kind::Value { .. } => {
                let message = format!("expected a name or `loop_`, found {}", shown(&tokens.text));
                return Err(FormatError::malformed(tokens.place(), message));
            }
        };
    }
    block.finish()
}

/// The subject of a column or pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Skipped,
    /// An item of `_atom_site` that is not read.
    OtherOfSite,
    /// One that is read.
    Site(usize),
    AssemblyId,
    AssemblyOperators,
}

impl Column {
    fn named(name: &[u8]) -> Self {
        let rest = |category: &[u8]| {
            let (start, rest) = name.split_at_checked(category.len())?;
            start.eq_ignore_ascii_case(category).then_some(rest)
        };
        if let Some(item) = rest(SITE) {
            return site::item(item).map_or(Self::OtherOfSite, Self::Site);
        }
        match rest(ASSEMBLY) {
            Some(item) if item.eq_ignore_ascii_case(b"assembly_id") => Self::AssemblyId,
            Some(item) if item.eq_ignore_ascii_case(b"oper_expression") => Self::AssemblyOperators,
            _ => Self::Skipped,
        }
    }
}

/// Reads a loop from its names on; returns the word after it.
fn read_loop<R: BufRead>(tokens: &mut Tokens<R>, block: &mut Block, is_skipped: bool) -> Result<Option<Kind>> {
    let start = tokens.place();
    let mut columns = Vec::new();
    let mut ahead = tokens.next()?;
    while ahead == Some(Kind::Name) {
        let column = if is_skipped { Column::Skipped } else { Column::named(&tokens.text) };
        if let Column::Site(_) = column
            && columns.contains(&column)
        {
            let message = format!("the loop has {} twice", shown(&tokens.text));
            return Err(FormatError::malformed(tokens.place(), message));
        }
        columns.push(column);
        ahead = tokens.next()?;
    }
    if columns.is_empty() {
        return Err(FormatError::malformed(start, "`loop_` without names"));
    }
    if columns.iter().any(|column| matches!(column, Column::Site(_) | Column::OtherOfSite)) {
        if block.has_atoms() {
            let message = "a second loop of atoms in one block";
            return Err(FormatError::malformed(start, message));
        }
        block.row.clear();
    }
    let mut n_values = 0;
    let mut row_place = Place::Line(1);
    while let Some(Kind::Value { is_quoted }) = ahead {
        if n_values == 0 {
            row_place = tokens.place();
        }
        block.set(columns[n_values], &tokens.text, is_quoted);
        n_values += 1;
        if n_values == columns.len() {
            n_values = 0;
            block.end_row(&columns, &row_place)?;
        }
        ahead = tokens.next()?;
    }
    if n_values > 0 {
        let message = format!("the last row of the loop has only {n_values} of {} values", columns.len());
        return Err(FormatError::malformed(row_place, message));
    }
    Ok(ahead)
}

/// The items of a block that are read here.
#[derive(Default)]
struct Block {
    file: AtomFile,
    /// The models' places by their numbers.
    places: HashMap<i64, usize>,
    row: Row,
    /// The position of the first pair of `_atom_site`, if there are pairs.
    first_pair: Option<Place>,
    /// The assembly that is listed first.
    assembly: Option<Vec<u8>>,
    this_assembly: Vec<u8>,
    n_operators: u64,
}

impl Block {
    fn has_atoms(&self) -> bool {
        !self.file.models.is_empty() || self.first_pair.is_some()
    }

    fn set(&mut self, column: Column, text: &[u8], is_quoted: bool) {
        match column {
            Column::Site(item) => self.row.set(item, text, is_quoted),
            Column::AssemblyId => self.this_assembly = text.to_vec(),
            Column::AssemblyOperators => self.n_operators = n_operators(text),
            Column::Skipped | Column::OtherOfSite => {}
        }
    }

    fn end_row(&mut self, columns: &[Column], place: &Place) -> Result<()> {
        match columns[0] {
            // All names of a loop are of one category.
            Column::Site(_) | Column::OtherOfSite => self.push_atom(place)?,
            _ if columns.contains(&Column::AssemblyOperators) => self.end_assembly(),
            _ => {}
        }
        Ok(())
    }

    fn set_pair(&mut self, column: Column, text: &[u8], is_quoted: bool, place: &Place) {
        self.set(column, text, is_quoted);
        match column {
            Column::Site(_) if self.first_pair.is_none() => self.first_pair = Some(place.clone()),
            Column::AssemblyOperators => self.end_assembly(),
            _ => {}
        }
    }

    fn push_atom(&mut self, place: &Place) -> Result<()> {
        let (atom, number) = self.row.to_atom(place)?;
        let models = &mut self.file.models;
        let at = *self.places.entry(number).or_insert_with(|| {
            models.push(AtomModel { number, atoms: Vec::new() });
            models.len() - 1
        });
        self.file.n_without_residue_number += u64::from(atom.residue_number.is_none());
        models[at].atoms.push(atom);
        Ok(())
    }

    /// Counts the copies in the assembly listed first; its rows are for different chains.
    fn end_assembly(&mut self) {
        let this = &self.this_assembly;
        if self.assembly.get_or_insert_with(|| this.clone()) == this {
            let n_copies = &mut self.file.n_assembly_copies;
            *n_copies = Some(n_copies.unwrap_or(0).max(self.n_operators));
        }
    }

    fn finish(mut self) -> Result<AtomFile> {
        if let Some(place) = self.first_pair.take()
            && self.file.models.is_empty()
        {
            self.push_atom(&place)?;
        }
        if self.file.models.is_empty() {
            return Err(FormatError::malformed(Place::File, "no atom record (`_atom_site`) in any block")
                .with_hint("a CIF of a small molecule or of reflections has none"));
        }
        self.file.models.iter_mut().for_each(|model| model.atoms.shrink_to_fit());
        Ok(self.file)
    }
}

/// The number of operators in an expression such as `1`, `1,2,5-9` or `(1-60)(61,62)`: for parentheses, the product.
fn n_operators(expression: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(expression);
    let in_list = |list: &str| {
        let n_in = |item: &str| match item.split_once('-') {
            Some((first, last)) => match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
                (Ok(first), Ok(last)) => last.saturating_sub(first).saturating_add(1),
                // Names with a hyphen.
                _ => 1,
            },
            None => 1,
        };
        list.split(',').filter(|item| !item.trim().is_empty()).map(n_in).fold(0, u64::saturating_add)
    };
    let lists = text.split(['(', ')']).filter(|list| !list.trim().is_empty());
    lists.map(in_list).fold(1, u64::saturating_mul)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<AtomFile> {
        read_mmcif_from(text.as_bytes())
    }

    const LOOP: &str = "loop_\n_atom_site.Cartn_z\n_atom_site.id\n_atom_site.label_atom_id\n_atom_site.CARTN_X\n\
                        _atom_site.Cartn_y\n_atom_site.pdbx_PDB_model_num\n";

    #[test]
    fn items_stand_in_any_order_and_rows_over_lines() {
        let file = read(&format!(
            "# comment\ndata_A\n_cell.length_a 10\nloop_\n_x.a\n_x.b\n1 2 ;3 4\n\
             data_B\n_t.t\n;data_C\nloop_\n;\n{LOOP}3 1 'C1'' 1 2 1\n6 2 \"CA\"\n4 5\n7\n9 3\n;N\n;\n7 8 1\n#\n\
             data_D\n{LOOP}0 0 X 0 0 0\n"
        ))
        .unwrap();
        let models: Vec<(i64, usize)> = file.models.iter().map(|model| (model.number, model.atoms.len())).collect();
        assert_eq!(models, [(1, 2), (7, 1)]);
        assert_eq!(file.models[0].atoms[1].position_angstrom, [7.0, 8.0, 9.0]);
        let names: Vec<&str> = file.models.iter().flat_map(|model| &model.atoms).map(|atom| &*atom.name).collect();
        assert_eq!(names, ["C1'", "N", "CA"]);
    }

    #[test]
    fn one_atom_may_stand_as_pairs() {
        let file = read(
            "data_x\n_atom_site.Cartn_x 1\n_atom_site.Cartn_y 2\n_atom_site.Cartn_z 3\n_atom_site.label_atom_id ZN\n",
        )
        .unwrap();
        assert_eq!(file.models[0].atoms[0].position_angstrom, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn save_frames_hold_no_atoms() {
        assert!(read(&format!("data_x\nsave_a\n{LOOP}3 1 C 1 2 1\nsave_\n")).is_err());
        assert!(read(&format!("data_x\nsave_a\nsave_\n{LOOP}3 1 C 1 2 1\n")).is_ok());
    }

    #[test]
    fn copies_of_the_first_assembly_are_counted() {
        let copies = |assemblies: &str| {
            let text = format!("data_x\n{assemblies}\n{LOOP}3 1 C 1 2 1\n");
            read(&text).unwrap().n_assembly_copies
        };
        let names = "loop_\n_pdbx_struct_assembly_gen.assembly_id\n_pdbx_struct_assembly_gen.oper_expression\n";
        assert_eq!(copies(&format!("{names}1 1,2\n1 3\n2 1-9\n")), Some(2));
        assert_eq!(copies(&format!("{names}1 '(1-60)(61,62)'\n")), Some(120));
        assert_eq!(copies("_pdbx_struct_assembly_gen.oper_expression (X0)(1-24)\n"), Some(24));
        assert_eq!(copies(""), None);
    }

    #[test]
    fn errors_name_the_line() {
        let error = |text: &str| read(text).unwrap_err().describe("a.cif");
        assert_eq!(
            error(&format!("data_x\n{LOOP}3 1 C 1 2 1\n3 1 C 1 b 1\n")),
            "line 10 of `a.cif`: Cartn_y is `b`, expected a number"
        );
        assert_eq!(
            error(&format!("data_x\n{LOOP}3 1 C 1 2 1\n3 1\nC")),
            "line 10 of `a.cif`: the last row of the loop has only 3 of 6 values"
        );
        assert_eq!(error("data_x\n_a b\n"), "`a.cif`: no atom record (`_atom_site`) in any block");
        assert_eq!(error("data_x\n_a\n_b c\n"), "line 2 of `a.cif`: `_a` has no value");
        assert_eq!(error("data_x\n_a b c\n"), "line 2 of `a.cif`: expected a name or `loop_`, found `c`");
        assert!(error("data_x\nloop_\n_b.c\n_b.c 1\n").contains("has only 1 of 2 values"));
        assert_eq!(error("data_x\nloop_\n1\n"), "line 2 of `a.cif`: `loop_` without names");
        assert!(error(&format!("data_x\n{}_atom_site.Cartn_x\n1", LOOP)).contains("twice"));
    }
}
