//! CryoSPARC `.cs` files: every field.

use std::path::Path;

use serde::Serialize;
use verglas_core::error::{Error, Result};
use verglas_formats::cs::{CsBlock, CsReader, CsTextBuilder};
use verglas_formats::npy::{Dtype, Field, Kind};

use super::found::Found;
use super::values::{DistinctCounter, First, Item, Number, RangeBuilder, Values};

/// Values of the first row that are shown of a field that holds several.
const MOST_FIRST: usize = 16;

/// The contents of a `.cs` file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CsContents {
    /// Rows, one per particle.
    pub n_rows: u64,
    /// Bytes of one row.
    pub row_bytes: usize,
    /// The fields in the order of the file.
    pub fields: Vec<CsField>,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CsField {
    /// Its name, such as `ctf/df1_A`.
    pub name: String,
    /// NumPy's type, such as `<f4`.
    pub dtype: String,
    /// Its shape in one row, empty for a single value.
    pub shape: Vec<usize>,
    /// A summary of its values, over all values of fields that hold several; `None` for types other than numbers,
    /// truth values and text.
    #[serde(flatten)]
    pub values: Option<Values>,
}

pub(super) fn inspect_cs(path: &Path) -> Result<Found<CsContents>> {
    let in_file = |error| Error::from_format(path, error);
    let mut cs = CsReader::open(path).map_err(in_file)?;
    let mut fields: Vec<FieldBuilder> = cs.fields().cloned().map(FieldBuilder::new).collect();
    cs.for_each_block(|block| fields.iter_mut().try_for_each(|field| field.add(block))).map_err(in_file)?;
    let contents = CsContents {
        n_rows: cs.n_rows(),
        row_bytes: cs.row_bytes(),
        fields: fields.into_iter().map(FieldBuilder::finish).collect(),
    };
    let mut found = Found::plain(contents);
    if cs.trailing_bytes() > 0 {
        found.warnings.push(format!("{} bytes follow the last row; they are ignored", cs.trailing_bytes()));
    }
    Ok(found)
}

/// How the values of a field are decoded.
#[derive(Debug, Clone, Copy)]
enum Decoding {
    Float,
    Int,
    Uint,
    Bool,
    Text,
    None,
}

/// Collects what the values of one field amount to.
struct FieldBuilder {
    field: Field,
    decoding: Decoding,
    first: Vec<Item>,
    distinct: DistinctCounter,
    range: RangeBuilder,
    floats: Vec<f64>,
    ints: Vec<i64>,
    uints: Vec<u64>,
}

impl FieldBuilder {
    fn new(field: Field) -> Self {
        let decoding = match &field.dtype {
            Dtype::Scalar(scalar) => match (scalar.kind, scalar.item_bytes) {
                (Kind::Float, ..=8) => Decoding::Float,
                (Kind::Int, _) => Decoding::Int,
                (Kind::Uint, _) => Decoding::Uint,
                (Kind::Bool, _) => Decoding::Bool,
                (Kind::Bytes | Kind::Unicode, _) => Decoding::Text,
                _ => Decoding::None,
            },
            Dtype::Record(_) => Decoding::None,
        };
        Self {
            field,
            decoding,
            first: Vec::new(),
            distinct: DistinctCounter::default(),
            range: RangeBuilder::default(),
            floats: Vec::new(),
            ints: Vec::new(),
            uints: Vec::new(),
        }
    }

    fn add(&mut self, block: &CsBlock) -> verglas_formats::Result<()> {
        if self.distinct.count().is_some() {
            block.rows().filter_map(|row| row.get(&self.field)).for_each(|bytes| self.distinct.add(bytes));
        }
        let n_first = if block.first_row() == 0 { self.field.n_values().min(MOST_FIRST) } else { 0 };
        let number = |number| Item::Number(number);
        match self.decoding {
            Decoding::Float => {
                self.floats.clear();
                block.push_f64(&self.field, &mut self.floats)?;
                self.floats.iter().for_each(|&value| self.range.add_float(value));
                self.first.extend(self.floats.iter().take(n_first).map(|&value| number(Number::Float(value))));
            }
            Decoding::Int => {
                self.ints.clear();
                block.push_i64(&self.field, &mut self.ints)?;
                self.ints.iter().for_each(|&value| self.range.add_int(value));
                self.first.extend(self.ints.iter().take(n_first).map(|&value| number(Number::Int(value))));
            }
            Decoding::Uint => {
                self.uints.clear();
                block.push_u64(&self.field, &mut self.uints)?;
                self.uints.iter().for_each(|&value| self.range.add_uint(value));
                self.first.extend(self.uints.iter().take(n_first).map(|&value| number(Number::Uint(value))));
            }
            Decoding::Bool if n_first > 0 => {
                let mut flags = Vec::new();
                block.push_bool(&self.field, &mut flags)?;
                self.first.extend(flags.into_iter().take(n_first).map(Item::Bool));
            }
            Decoding::Text => {
                // All of it, so that text that is not Unicode is found.
                let mut texts = CsTextBuilder::default();
                block.push_text(&self.field, &mut texts)?;
                let texts = texts.finish();
                self.first.extend((0..n_first).filter_map(|index| texts.get(index)).map(Item::text));
            }
            Decoding::Bool | Decoding::None => {}
        }
        Ok(())
    }

    fn finish(self) -> CsField {
        let is_number = matches!(self.decoding, Decoding::Float | Decoding::Int | Decoding::Uint);
        let is_single = self.field.shape.is_empty();
        let first = match (is_single, self.first) {
            (_, first) if first.is_empty() => None,
            (true, mut first) => Some(First::One(first.swap_remove(0))),
            (false, first) => Some(First::Several(first)),
        };
        let values = Values { n_distinct: self.distinct.count(), first, range: is_number.then(|| self.range.finish()) };
        CsField {
            name: self.field.name,
            dtype: self.field.dtype.to_string(),
            shape: self.field.shape,
            values: (!matches!(self.decoding, Decoding::None)).then_some(values),
        }
    }
}
