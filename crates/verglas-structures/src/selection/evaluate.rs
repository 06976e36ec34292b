//! Whether a test holds for an atom.

use std::borrow::Cow;
use std::cmp::Ordering;

use regex_lite::Regex;

use super::words::{Comparison, Field, Flag};
use crate::elements::mass_dalton;
use crate::residues::{amino_acid, nucleotide_code};
use crate::structure::{ResidueKind, Structure};

/// A test of one atom.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Any(Vec<Test>),
    All(Vec<Test>),
    Not(Box<Test>),
    Flag(Flag),
    Among(Field, Vec<Values>),
    Compare(Operand, Comparison, Operand),
    Matches(Field, Regex),
}

/// The possible types of a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Values {
    One(Value),
    /// Both ends included.
    Range(Value, Value),
}

/// A value that a selection names; of a field's own type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Text(String),
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Field(Field),
    Value(Value),
}

/// The value of an atom's field, or in a selection.
enum Content<'a> {
    /// NaN for what is not known.
    Number(f64),
    Text(Cow<'a, str>),
    /// Elements are the same in any case of letters.
    Element(&'a str),
}

impl Content<'_> {
    fn order(&self, other: &Content<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(one), Content::Number(other)) => one.partial_cmp(other),
            (Self::Text(one), Content::Text(other)) => Some(one.cmp(other)),
            (Self::Element(one), Content::Element(other)) => {
                Some(one.to_ascii_uppercase().cmp(&other.to_ascii_uppercase()))
            }
            (Self::Element(one), Content::Text(other)) => {
                Some(one.to_ascii_uppercase().cmp(&other.to_ascii_uppercase()))
            }
            (Self::Text(one), Content::Element(other)) => {
                Some(one.to_ascii_uppercase().cmp(&other.to_ascii_uppercase()))
            }
            // The parser has made both of one type.
            (Self::Number(_), _) | (_, Content::Number(_)) => None,
        }
    }
}

impl Value {
    fn content(&self) -> Content<'_> {
        match self {
            Self::Number(number) => Content::Number(*number),
            Self::Text(text) => Content::Text(Cow::Borrowed(text)),
        }
    }
}

impl Operand {
    fn content<'a>(&'a self, structure: &'a Structure, atom: usize) -> Content<'a> {
        match self {
            Self::Field(field) => content(*field, structure, atom),
            Self::Value(value) => value.content(),
        }
    }
}

impl Test {
    pub(super) fn holds(&self, structure: &Structure, atom: usize) -> bool {
        match self {
            Self::Any(tests) => tests.iter().any(|test| test.holds(structure, atom)),
            Self::All(tests) => tests.iter().all(|test| test.holds(structure, atom)),
            Self::Not(test) => !test.holds(structure, atom),
            Self::Flag(flag) => flag_holds(*flag, structure, atom),
            Self::Among(field, values) => {
                let found = content(*field, structure, atom);
                values.iter().any(|values| match values {
                    Values::One(value) => Comparison::Equal.holds(found.order(&value.content())),
                    Values::Range(first, last) => {
                        Comparison::GreaterOrEqual.holds(found.order(&first.content()))
                            && Comparison::LessOrEqual.holds(found.order(&last.content()))
                    }
                })
            }
            Self::Compare(left, comparison, right) => {
                let (left, right) = (left.content(structure, atom), right.content(structure, atom));
                comparison.holds(left.order(&right))
            }
            Self::Matches(field, regex) => match content(*field, structure, atom) {
                Content::Number(number) => regex.is_match(&number.to_string()),
                Content::Text(text) => regex.is_match(&text),
                Content::Element(element) => regex.is_match(element),
            },
        }
    }

    /// Whether it is `name CA`.
    pub(super) fn is_name_ca(&self) -> bool {
        let is_ca = |value: &Value| *value == Value::Text("CA".into());
        match self {
            Self::Among(Field::Name, values) => matches!(&values[..], [Values::One(value)] if is_ca(value)),
            Self::Compare(Operand::Field(Field::Name), Comparison::Equal, Operand::Value(value))
            | Self::Compare(Operand::Value(value), Comparison::Equal, Operand::Field(Field::Name)) => is_ca(value),
            _ => false,
        }
    }
}

fn flag_holds(flag: Flag, structure: &Structure, atom: usize) -> bool {
    let kind = structure.residues()[structure.residue_of(atom)].kind;
    let name = &*structure.atoms()[atom].name;
    let is_backbone = matches!(name, "N" | "CA" | "C" | "O");
    match flag {
        Flag::All => true,
        Flag::None => false,
        Flag::Protein => kind == ResidueKind::Protein,
        Flag::Nucleic => kind == ResidueKind::Nucleic,
        Flag::Water => kind == ResidueKind::Water,
        Flag::Backbone => kind == ResidueKind::Protein && is_backbone,
        Flag::Sidechain => kind == ResidueKind::Protein && !is_backbone && !matches!(name, "H" | "HA"),
        Flag::Hetatm => structure.atoms()[atom].is_hetatm,
    }
}

fn content(field: Field, structure: &Structure, place: usize) -> Content<'_> {
    let atom = &structure.atoms()[place];
    let residue_place = structure.residue_of(place);
    let residue = &structure.residues()[residue_place];
    match field {
        Field::Name => text(&atom.name),
        Field::Element => Content::Element(&atom.element),
        Field::Index => Content::Number(place as f64),
        Field::Mass => Content::Number(mass_dalton(&atom.element)),
        Field::ResidueName => text(&atom.residue_name),
        Field::ResidueNumber => Content::Number(atom.residue_number.map_or(f64::NAN, f64::from)),
        Field::ResidueIndex => Content::Number(residue_place as f64),
        Field::ChainIndex => Content::Number(residue.chain as f64),
        Field::Chain => text(&atom.chain),
        Field::Segment => text(&atom.segment_id),
        Field::Code => {
            let amino_acid = amino_acid(&residue.name).map(|amino_acid| amino_acid.code);
            let code = amino_acid.or_else(|| nucleotide_code(&residue.name));
            Content::Text(code.map(String::from).unwrap_or_default().into())
        }
    }
}

fn text(text: &str) -> Content<'_> {
    Content::Text(Cow::Borrowed(text))
}
