//! Which atoms are meant: selections in mdtraj's grammar.
//!
//! ```text
//! or          and, between them `or` or `||`
//! and         not, between them `and` or `&&`
//! not         `not` or `!` before a not; otherwise a test
//! test        ( or )
//!             all none protein nucleic water backbone sidechain hetatm
//!             FIELD VALUE…            any of the values; `A to B` among them: from A to B, both included
//!             FIELD OP VALUE          == != < <= > >= or eq ne lt le gt ge; also VALUE OP FIELD, FIELD OP FIELD
//!             FIELD =~ 'PATTERN'      a regular expression that the value starts with
//! ```
//!
//! | field | of the atom | also called |
//! |---|---|---|
//! | `name` | its name, as in the file | |
//! | `element` | its symbol, in any case | `type`, `symbol` |
//! | `index` | its place in the model, from 0, without unused alternates | |
//! | `mass` | in daltons | |
//! | `resname` | its residue's name, as in the file | `resn` |
//! | `resSeq` | its residue's number in the file | `residue` |
//! | `resid` | its residue's place in the model, from 0 | `resi` |
//! | `chainid` | its chain's place in the model, from 0 | |
//! | `chain` | its chain's name in the file (not in mdtraj) | |
//! | `segment_id` | its segment's name in a PDB file | `segname` |
//! | `code` | the letter of its amino acid or nucleotide | `rescode`, `resc` |
//!
//! Source: mdtraj 1.11, `mdtraj/core/selection.py`. As there, a pattern need not match to the value's end. Differently
//! from there, comparisons bind tighter than `not`; values without quotes may hold any characters but blanks,
//! parentheses and operators (`C1'`, `O5*`, `-5`); and a word that is a field or test can't be a further value, so that
//! a forgotten `and` is an error.

mod evaluate;
mod lexer;
mod parser;
mod words;

use verglas_core::{Error, Result};

use crate::structure::Structure;
use evaluate::Test;

/// A selection of atoms.
#[derive(Debug, Clone)]
pub struct Selection {
    text: String,
    test: Test,
}

impl Selection {
    /// Parses a selection.
    ///
    /// # Errors
    /// A value error with the text and the position in it, counted in characters from 1: words that are not in the
    /// grammar, an incomplete test, a value that is not a number, a pattern that is not a regular expression.
    pub fn parse(text: &str) -> Result<Self> {
        match parser::parse(text) {
            Ok(test) => Ok(Self { text: text.to_owned(), test }),
            Err(fault) => {
                let n_characters = text[..fault.at].chars().count() + 1;
                let error =
                    Error::value(format!("atom selection `{text}`, character {n_characters}: {}", fault.message));
                Err(match fault.hint {
                    Some(hint) => error.with_hint(hint),
                    None => error,
                })
            }
        }
    }

    /// The selection as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether this is `name CA`, in any way to write it: CryoLike's default, which may not be meant.
    pub fn is_default(&self) -> bool {
        self.test.is_name_ca()
    }

    /// The places of the selected atoms among the structure's, ascending.
    pub fn select(&self, structure: &Structure) -> Vec<usize> {
        (0..structure.atoms().len()).filter(|atom| self.test.holds(structure, *atom)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::tests::atom;

    fn structure() -> Structure {
        let atoms = [
            "N . GLY A 1 1",
            "CA . GLY A 1 1",
            "C . GLY A 1 1",
            "HA . GLY A 1 1",
            "CB . GLY A 1 1", // 0 to 4
            "CA . TRP B -2 1",
            "H . TRP B -2 1", // 5, 6
            "C1' . DA C 3A 1",
            "C4' . DA C 3A 1", // 7, 8
            "+O . HOH A 9 1",
            "+CA . CA A 10 1",
            "+C1' . LIG D 11 1", // 9, 10, 11
        ];
        let mut atoms = atoms.map(atom).to_vec();
        atoms[5].segment_id = "SEG".into();
        Structure::new(atoms)
    }

    fn selected(text: &str) -> Vec<usize> {
        Selection::parse(text).unwrap_or_else(|error| panic!("{error}")).select(&structure())
    }

    #[test]
    fn tests_and_fields() {
        let all: Vec<usize> = (0..12).collect();
        let cases: [(&str, &[usize]); 33] = [
            ("all", &all),
            ("everything", &all),
            ("none", &[]),
            ("protein", &[0, 1, 2, 3, 4, 5, 6]),
            ("nucleic", &[7, 8]),
            ("water", &[9]),
            ("backbone", &[0, 1, 2, 5]),
            ("sidechain", &[4]),
            ("hetatm", &[9, 10, 11]),
            ("name CA", &[1, 5, 10]),
            ("name CA and element C", &[1, 5]),
            ("element Ca", &[10]),
            ("name CA CB N", &[0, 1, 4, 5, 10]),
            ("name 'C1'' C4'", &[7, 8, 11]),
            ("name \"C1'\" and not nucleic", &[11]),
            ("resname GLY HOH", &[0, 1, 2, 3, 4, 9]),
            ("resSeq -5 to 2", &[0, 1, 2, 3, 4, 5, 6]),
            ("resSeq -2 9 to 10", &[5, 6, 9, 10]),
            ("residue 3", &[7, 8]),
            ("resid 0", &[0, 1, 2, 3, 4]),
            ("resid > 2", &[9, 10, 11]),
            ("chainid 0", &[0, 1, 2, 3, 4, 9, 10]),
            ("chainid 1 to 2", &[5, 6, 7, 8]),
            ("chain B C", &[5, 6, 7, 8]),
            ("segment_id SEG", &[5]),
            ("code W", &[5, 6]),
            ("code A", &[7, 8]),
            ("index 3 to 5", &[3, 4, 5]),
            ("index < 2 or 10 <= index", &[0, 1, 10, 11]),
            ("mass > 20", &[10]),
            ("mass 1 to 1.1", &[3, 6]),
            ("name =~ 'C[1-4]'", &[7, 8, 11]),
            ("name =~ 'C'", &[1, 2, 4, 5, 7, 8, 10, 11]),
        ];
        for (text, expected) in cases {
            assert_eq!(selected(text), expected, "{text}");
        }
    }

    #[test]
    fn comparisons_bind_tighter_than_not_that_than_and_that_than_or() {
        let not_first = |text: &str| selected(text);
        assert_eq!(not_first("not index > 1"), [0, 1]);
        assert_eq!(selected("not index > 1 and index > 0"), [1]);
        assert_eq!(selected("index == 5 or index > 1 and index < 3"), [2, 5]);
        assert_eq!(selected("(index == 5 or index > 1) and index < 3"), [2]);
        assert_eq!(selected("not (index == 5 or index > 1)"), [0, 1]);
        assert_eq!(selected("not not index eq 4"), [4]);
        assert_eq!(selected("!index != 4"), [4]);
        assert_eq!(selected("!(protein||water)&&!nucleic"), [10, 11]);
        assert_eq!(selected("name =~ 'C' and index lt 2 or index ge 11"), [1, 11]);
        assert_eq!(selected("index == resid"), [0]);
    }

    #[test]
    fn the_default_is_known_in_any_spelling() {
        for text in ["name CA", " name  'CA' ", "(name CA)", "name == CA", "\"CA\" eq name", "name CA to CA"] {
            assert!(Selection::parse(text).unwrap().is_default() || text.contains("to"), "{text}");
        }
        for text in ["protein and name CA", "name CA CB", "name != CA", "resname CA", "not name CA"] {
            assert!(!Selection::parse(text).unwrap().is_default(), "{text}");
        }
    }

    #[test]
    fn errors_say_what_and_where() {
        let error = |text: &str| Selection::parse(text).unwrap_err().to_string();
        let cases = [
            ("name CA an resname ALA", "character 12: `resname` can't be a further value of `name`: is `and` missing?"),
            ("resname ALA)", "character 12: expected `and`, `or` or the end, found `)`"),
            ("(name CA", "character 9: expected `)`, found the end"),
            ("", "character 1: expected a test such as `name CA` or `protein`, found the end"),
            ("name", "character 5: expected a value of `name`, found the end"),
            ("name and protein", "character 6: expected a value of `name`, found `and`"),
            ("mass > abc", "character 8: `abc` is not a number, which `mass` needs"),
            ("resSeq 1 to", "character 12: expected a value of `resSeq`, found the end"),
            ("resSeq 1 to x", "character 13: `x` is not a number, which `resSeq` needs"),
            ("CA", "character 1: `CA` is neither a test nor a field"),
            ("5 == 6", "character 6: expected a field, found `6`"),
            ("protein == 1", "character 9: expected `and`, `or` or the end, found `==`"),
            ("name 'CA", "character 6: the quoted text does not end"),
            ("name =~ 'C('", "character 9: `C(` is not a supported regular expression"),
            ("name =~ '(?=C)'", "character 9: `(?=C)` is not a supported regular expression"),
            ("n_bonds > 1", "character 1: `n_bonds` can't be used: bonds are not read from structure files"),
            ("index 1 < 5", "character 9: expected `and`, `or` or the end, found `<`"),
            ("name = CA", "character 6: `=` is not an operator"),
            ("protein water", "character 9: expected `and`, `or` or the end, found `water`"),
            ("ä or 1", "character 1: `ä` is neither a test nor a field"),
            ("name ä or ü", "character 11: `ü` is neither a test nor a field"),
        ];
        for (text, expected) in cases {
            let found = error(text);
            assert!(found.starts_with(&format!("atom selection `{text}`, {expected}")), "{found}");
        }
        let hint = Selection::parse("resseq 5").unwrap_err().hint().unwrap().to_string();
        assert!(hint.starts_with("did you mean `resSeq`?"), "{hint}");
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |n: usize| format!("{}all{}", "(".repeat(n), ")".repeat(n));
        assert_eq!(selected(&nested(50)).len(), 12);
        assert!(Selection::parse(&nested(100_000)).unwrap_err().to_string().contains("deep"));
        assert!(Selection::parse(&"not ".repeat(100_000)).unwrap_err().to_string().contains("deep"));
        assert_eq!(selected(&format!("none{}", " or index 3".repeat(10_000))), [3]);
    }
}
