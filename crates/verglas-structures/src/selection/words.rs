//! The grammar's own words.

/// A test that needs no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag {
    All,
    None,
    Protein,
    Nucleic,
    Water,
    Backbone,
    Sidechain,
    Hetatm,
}

/// The property of an atom that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Name,
    Element,
    Index,
    Mass,
    ResidueName,
    ResidueNumber,
    ResidueIndex,
    ChainIndex,
    Chain,
    Segment,
    Code,
}

impl Field {
    /// Whether it is a number, not text.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Index | Self::Mass | Self::ResidueNumber | Self::ResidueIndex | Self::ChainIndex)
    }
}

/// How two things are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A word or sign of the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Flag(Flag),
    Field(Field),
    Comparison(Comparison),
    Matches,
    And,
    Or,
    Not,
    To,
    Bonds,
}

use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};

const WORDS: [(&str, Word); 56] = [
    ("all", Word::Flag(Flag::All)),
    ("everything", Word::Flag(Flag::All)),
    ("none", Word::Flag(Flag::None)),
    ("nothing", Word::Flag(Flag::None)),
    ("protein", Word::Flag(Flag::Protein)),
    ("is_protein", Word::Flag(Flag::Protein)),
    ("nucleic", Word::Flag(Flag::Nucleic)),
    ("is_nucleic", Word::Flag(Flag::Nucleic)),
    ("water", Word::Flag(Flag::Water)),
    ("waters", Word::Flag(Flag::Water)),
    ("is_water", Word::Flag(Flag::Water)),
    ("backbone", Word::Flag(Flag::Backbone)),
    ("is_backbone", Word::Flag(Flag::Backbone)),
    ("sidechain", Word::Flag(Flag::Sidechain)),
    ("is_sidechain", Word::Flag(Flag::Sidechain)),
    ("hetatm", Word::Flag(Flag::Hetatm)),
    ("name", Word::Field(Field::Name)),
    ("element", Word::Field(Field::Element)),
    ("type", Word::Field(Field::Element)),
    ("symbol", Word::Field(Field::Element)),
    ("index", Word::Field(Field::Index)),
    ("mass", Word::Field(Field::Mass)),
    ("resname", Word::Field(Field::ResidueName)),
    ("resn", Word::Field(Field::ResidueName)),
    ("resSeq", Word::Field(Field::ResidueNumber)),
    ("residue", Word::Field(Field::ResidueNumber)),
    ("resid", Word::Field(Field::ResidueIndex)),
    ("resi", Word::Field(Field::ResidueIndex)),
    ("chainid", Word::Field(Field::ChainIndex)),
    ("chain", Word::Field(Field::Chain)),
    ("segment_id", Word::Field(Field::Segment)),
    ("segname", Word::Field(Field::Segment)),
    ("code", Word::Field(Field::Code)),
    ("rescode", Word::Field(Field::Code)),
    ("resc", Word::Field(Field::Code)),
    ("n_bonds", Word::Bonds),
    ("==", Word::Comparison(Equal)),
    ("eq", Word::Comparison(Equal)),
    ("!=", Word::Comparison(NotEqual)),
    ("ne", Word::Comparison(NotEqual)),
    ("<", Word::Comparison(Less)),
    ("lt", Word::Comparison(Less)),
    ("<=", Word::Comparison(LessOrEqual)),
    ("le", Word::Comparison(LessOrEqual)),
    (">", Word::Comparison(Greater)),
    ("gt", Word::Comparison(Greater)),
    (">=", Word::Comparison(GreaterOrEqual)),
    ("ge", Word::Comparison(GreaterOrEqual)),
    ("=~", Word::Matches),
    ("and", Word::And),
    ("&&", Word::And),
    ("or", Word::Or),
    ("||", Word::Or),
    ("not", Word::Not),
    ("!", Word::Not),
    ("to", Word::To),
];

/// The word that a text is, if it is one of the grammar's.
pub(super) fn word(text: &str) -> Option<Word> {
    WORDS.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning)
}

/// The word that differs from a text only in the case of its letters.
pub(super) fn in_other_case(text: &str) -> Option<&'static str> {
    WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(word, _)| *word)
}
