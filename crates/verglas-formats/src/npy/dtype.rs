//! NumPy's data types, as array headers write them.

use std::collections::HashSet;
use std::fmt;

use super::literal::{Literal, quote};
use crate::error::{FormatError, Place, Result};

/// Axes that an array, or a field of a record, may have: NumPy's own limit (`NPY_MAXDIMS` since version 2.0).
pub const MAX_AXES: usize = 64;

/// How deeply records may hold records.
const MAX_DEPTH: usize = 16;

/// The type of an array's items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dtype {
    /// One value.
    Scalar(Scalar),
    /// Named fields, as in a CryoSPARC `.cs`.
    Record(Record),
}

/// The type of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The meaning of the bytes.
    pub kind: Kind,
    /// The order of the bytes; without meaning for single bytes, byte strings and objects.
    pub order: ByteOrder,
    /// How many there are.
    pub item_bytes: usize,
    /// The unit of a time, such as `[ns]`; empty for other kinds.
    pub unit: String,
}

/// The meaning of a value's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `b`: false or true in one byte.
    Bool,
    /// `i`: signed integer.
    Int,
    /// `u`: unsigned integer.
    Uint,
    /// `f`: floating point.
    Float,
    /// `c`: real and imaginary part.
    Complex,
    /// `S`: bytes, filled up with NUL.
    Bytes,
    /// `U`: UCS-4 code points, filled up with NUL.
    Unicode,
    /// `O`: a pickled Python object.
    Object,
    /// `V`: bytes without meaning.
    Void,
    /// `m`: a difference of times.
    Timedelta,
    /// `M`: a time.
    Datetime,
}

/// The order of a value's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// Named fields, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    fields: Vec<Field>,
    item_bytes: usize,
}

/// One field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name; empty for padding between fields.
    pub name: String,
    /// A second name that NumPy allows.
    pub title: Option<String>,
    /// The type of its values.
    pub dtype: Dtype,
    /// Its shape within one record, empty for a single value.
    pub shape: Vec<usize>,
    /// Where it begins in the record, in bytes.
    pub offset: usize,
}

impl Dtype {
    /// Bytes that one item takes.
    pub fn item_bytes(&self) -> usize {
        match self {
            Self::Scalar(scalar) => scalar.item_bytes,
            Self::Record(record) => record.item_bytes,
        }
    }

    /// The type as a header writes it: `'<f8'`, `[('uid', '<u8'), ('pose', '<f4', (3,))]`.
    pub(crate) fn to_literal(&self) -> String {
        match self {
            Self::Scalar(scalar) => quote(&scalar.to_string()),
            Self::Record(record) => {
                let fields: Vec<String> = record.fields.iter().map(Field::to_literal).collect();
                format!("[{}]", fields.join(", "))
            }
        }
    }

    /// The type that a header's `descr` describes.
    pub(crate) fn from_literal(descr: &Literal) -> Result<Self> {
        Self::from_nested(descr, 0)
    }

    fn from_nested(descr: &Literal, depth: usize) -> Result<Self> {
        if depth > MAX_DEPTH {
            return Err(malformed(format!("records are nested more than {MAX_DEPTH} deep")));
        }
        match descr {
            Literal::Text(code) => Scalar::parse(code).map(Self::Scalar),
            Literal::List(fields) => {
                let fields = fields.iter().map(|field| Field::from_literal(field, depth)).collect::<Result<_>>()?;
                Record::new(fields).map(Self::Record)
            }
            other => {
                let found = other.shown();
                Err(malformed(format!("expected a type such as '<f8' or a list of fields, found {found}")))
            }
        }
    }
}

impl From<Scalar> for Dtype {
    fn from(scalar: Scalar) -> Self {
        Self::Scalar(scalar)
    }
}

impl Scalar {
    /// A little-endian type of `item_bytes` bytes.
    pub(crate) const fn little(kind: Kind, item_bytes: usize) -> Self {
        Self { kind, order: ByteOrder::Little, item_bytes, unit: String::new() }
    }

    /// Parses NumPy's code: byte order `<`, `>`, `|` or `=`, a letter, a size: `<f8`, `|S12`, `<U5`, `<M8[ns]`.
    ///
    /// `=`, `|` and no byte order are read as little-endian, which every machine that writes these files is.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] for a code that NumPy doesn't have.
    pub fn parse(code: &str) -> Result<Self> {
        let unknown = || {
            malformed({
                let found = Literal::Text(code.to_owned()).shown();
                format!("expected a type such as '<f8', found {found}")
            })
        };
        let (order, rest) = match code.as_bytes().first() {
            Some(b'<' | b'=' | b'|') => (ByteOrder::Little, &code[1..]),
            Some(b'>') => (ByteOrder::Big, &code[1..]),
            _ => (ByteOrder::Little, code),
        };
        let mut chars = rest.chars();
        let kind = match chars.next() {
            Some('b') => Kind::Bool,
            Some('i') => Kind::Int,
            Some('u') => Kind::Uint,
            Some('f') => Kind::Float,
            Some('c') => Kind::Complex,
            Some('S' | 'a') => Kind::Bytes,
            Some('U') => Kind::Unicode,
            Some('O') => Kind::Object,
            Some('V') => Kind::Void,
            Some('m') => Kind::Timedelta,
            Some('M') => Kind::Datetime,
            _ => return Err(unknown()),
        };
        let (size, unit) = match chars.as_str().split_once('[') {
            Some((size, unit)) => (size, format!("[{unit}")),
            None => (chars.as_str(), String::new()),
        };
        let is_time = matches!(kind, Kind::Timedelta | Kind::Datetime);
        let has_valid_unit = unit.is_empty() || (is_time && unit.ends_with(']'));
        if !has_valid_unit || !size.bytes().all(|b| b.is_ascii_digit()) {
            return Err(unknown());
        }
        let size = match size {
            // An object's size is that of a pointer and says nothing about the file.
            "" if kind == Kind::Object => 8,
            "" => return Err(unknown()),
            digits => digits.parse().map_err(|_| unknown())?,
        };
        let item_bytes = match (kind, size) {
            (Kind::Bool, 1) | (Kind::Int | Kind::Uint, 1 | 2 | 4 | 8) | (Kind::Float, 2 | 4 | 8 | 12 | 16) => size,
            (Kind::Complex, 8 | 16 | 24 | 32) | (Kind::Timedelta | Kind::Datetime, 8) => size,
            (Kind::Object, 4 | 8) | (Kind::Bytes | Kind::Void, _) => size,
            (Kind::Unicode, n_chars) => 4usize.checked_mul(n_chars).ok_or_else(unknown)?,
            _ => return Err(unknown()),
        };
        Ok(Self { kind, order, item_bytes, unit })
    }

    pub(crate) fn is_big_endian(&self) -> bool {
        self.order == ByteOrder::Big
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (letter, size, has_order) = match self.kind {
            Kind::Bool => ('b', self.item_bytes, false),
            Kind::Int => ('i', self.item_bytes, self.item_bytes > 1),
            Kind::Uint => ('u', self.item_bytes, self.item_bytes > 1),
            Kind::Float => ('f', self.item_bytes, true),
            Kind::Complex => ('c', self.item_bytes, true),
            Kind::Bytes => ('S', self.item_bytes, false),
            Kind::Unicode => ('U', self.item_bytes / 4, true),
            Kind::Void => ('V', self.item_bytes, false),
            Kind::Timedelta => ('m', self.item_bytes, true),
            Kind::Datetime => ('M', self.item_bytes, true),
            Kind::Object => return f.write_str("|O"),
        };
        let order = match (has_order, self.order) {
            (false, _) => '|',
            (true, ByteOrder::Little) => '<',
            (true, ByteOrder::Big) => '>',
        };
        write!(f, "{order}{letter}{size}{}", self.unit)
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => scalar.fmt(f),
            Self::Record(record) => write!(f, "a record of {} fields", record.fields.len()),
        }
    }
}

impl Record {
    /// Lays out `fields` one after the other, in their order; offsets that they hold are replaced.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] for two fields of one name (or title), and for a record whose size overflows.
    pub fn new(mut fields: Vec<Field>) -> Result<Self> {
        let mut offset = 0usize;
        for field in &mut fields {
            field.offset = offset;
            let bytes = field.shape.iter().try_fold(field.dtype.item_bytes(), |bytes, &n| bytes.checked_mul(n));
            let end = bytes.and_then(|bytes| offset.checked_add(bytes)).filter(|&end| isize::try_from(end).is_ok());
            let too_large = || malformed(format!("field {} is larger than memory can be", quote(&field.name)));
            offset = end.ok_or_else(too_large)?;
        }
        let mut seen = HashSet::new();
        for field in fields.iter().filter(|field| !field.is_padding()) {
            for name in [Some(&field.name), field.title.as_ref()].into_iter().flatten() {
                if !seen.insert(name.as_str()) {
                    return Err(malformed(format!("two fields are called {}", quote(name))));
                }
            }
        }
        Ok(Self { fields, item_bytes: offset })
    }

    /// The fields in their order, padding included.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
}

impl Field {
    /// A field without title; its offset is given by [`Record::new`].
    pub fn new(name: impl Into<String>, dtype: impl Into<Dtype>, shape: &[usize]) -> Self {
        Self { name: name.into(), title: None, dtype: dtype.into(), shape: shape.to_vec(), offset: 0 }
    }

    /// Whether this is padding: NumPy writes the gaps of an aligned record as unnamed `V` fields.
    pub fn is_padding(&self) -> bool {
        self.name.is_empty() && matches!(&self.dtype, Dtype::Scalar(scalar) if scalar.kind == Kind::Void)
    }

    /// Values in one record: the product of the shape.
    pub fn n_values(&self) -> usize {
        self.shape.iter().fold(1, |product, &n| product.saturating_mul(n))
    }

    /// Reads `(name, type)` or `(name, type, shape)`, where the name may be `(title, name)`.
    fn from_literal(field: &Literal, depth: usize) -> Result<Self> {
        let unknown = || malformed(format!("expected a field such as ('uid', '<u8'), found {}", field.shown()));
        let Literal::Tuple(parts) = field else { return Err(unknown()) };
        let (name, dtype, shape) = match parts.as_slice() {
            [name, dtype] => (name, dtype, None),
            [name, dtype, shape] => (name, dtype, Some(shape)),
            _ => return Err(unknown()),
        };
        let (title, name) = match name {
            Literal::Text(name) => (None, name.clone()),
            Literal::Tuple(names) => match names.as_slice() {
                [Literal::Text(title), Literal::Text(name)] => (Some(title.clone()), name.clone()),
                _ => return Err(unknown()),
            },
            _ => return Err(unknown()),
        };
        let shape = match shape {
            None => Vec::new(),
            Some(Literal::Int(n)) => vec![to_extent(*n).ok_or_else(unknown)?],
            Some(Literal::Tuple(extents)) => extents
                .iter()
                .map(|extent| match extent {
                    Literal::Int(n) => to_extent(*n).ok_or_else(unknown),
                    _ => Err(unknown()),
                })
                .collect::<Result<_>>()?,
            Some(_) => return Err(unknown()),
        };
        if shape.len() > MAX_AXES {
            return Err(malformed(format!("field {} has {} axes, the limit is {MAX_AXES}", quote(&name), shape.len())));
        }
        // A product that overflows is an error of the record, found when it is laid out; zero extents must not hide it.
        if shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n.max(1))).is_none() {
            return Err(malformed(format!("field {} is larger than memory can be", quote(&name))));
        }
        let dtype = Dtype::from_nested(dtype, depth + 1)?;
        // Each item would take memory but no room in the file.
        if dtype.item_bytes() == 0 && shape.iter().product::<usize>() > 1 {
            return Err(malformed(format!("field {} holds several items of 0 bytes each", quote(&name))));
        }
        Ok(Self { name, title, dtype, shape, offset: 0 })
    }

    fn to_literal(&self) -> String {
        let name = match &self.title {
            None => quote(&self.name),
            Some(title) => format!("({}, {})", quote(title), quote(&self.name)),
        };
        let dtype = self.dtype.to_literal();
        if self.shape.is_empty() {
            return format!("({name}, {dtype})");
        }
        let shape: Vec<u64> = self.shape.iter().map(|&n| n as u64).collect();
        format!("({name}, {dtype}, {})", tuple_literal(&shape))
    }
}

/// A shape as Python writes it: `()`, `(3,)`, `(2, 3)`.
pub(super) fn tuple_literal(shape: &[u64]) -> String {
    let extents: Vec<String> = shape.iter().map(u64::to_string).collect();
    match extents.as_slice() {
        [only] => format!("({only},)"),
        _ => format!("({})", extents.join(", ")),
    }
}

fn to_extent(n: u64) -> Option<usize> {
    usize::try_from(n).ok()
}

/// Errors about a header's contents are about the file as a whole: they show the text in question.
fn malformed(message: String) -> FormatError {
    FormatError::malformed(Place::File, message)
}

#[cfg(test)]
mod tests {
    use super::super::literal::parse_literal;
    use super::*;

    fn dtype(text: &str) -> Result<Dtype> {
        Dtype::from_literal(&parse_literal(text, 0)?)
    }

    #[test]
    fn scalars_have_numpys_sizes_and_orders() {
        let parse = |code| Scalar::parse(code).unwrap();
        assert_eq!((parse("<f8").kind, parse("<f8").item_bytes), (Kind::Float, 8));
        assert_eq!(
            (parse(">u4").order, parse("|u1").order, parse("=i2").order),
            (ByteOrder::Big, ByteOrder::Little, ByteOrder::Little)
        );
        assert_eq!((parse("<U5").item_bytes, parse("|S12").item_bytes, parse("|V3").item_bytes), (20, 12, 3));
        assert_eq!(parse("<M8[ns]").unit, "[ns]");
        for code in ["<f8", ">u4", "|u1", "<U5", "|S12", "|V3", "<M8[ns]", "<m8", "|b1", "|O", ">c16", "<f2"] {
            assert_eq!(parse(code).to_string(), code);
        }
    }

    #[test]
    fn refuses_codes_that_numpy_does_not_have() {
        for code in
            ["", "<", "f", "<f3", "<x4", "<i16", "<b2", "<f8[ns]", "<M8[ns", "<f+8", "<U99999999999999999999", "<Å4"]
        {
            assert!(Scalar::parse(code).is_err(), "{code}");
        }
    }

    #[test]
    fn records_are_laid_out_field_after_field() {
        let text = "[('uid', '<u8'), (('Title', 'pose'), '<f4', (3,)), ('', '|V4'), ('n', [('a', '|u1'), ('b', '>f8')], (2, 2)), ('s', '|S3', 2)]";
        let Dtype::Record(record) = dtype(text).unwrap() else { panic!("not a record") };
        let offsets: Vec<usize> = record.fields().iter().map(|field| field.offset).collect();
        assert_eq!(offsets, [0, 8, 20, 24, 60]);
        assert_eq!(record.item_bytes, 66);
        assert!(record.fields()[2].is_padding());
        let again = Dtype::Record(record.clone()).to_literal();
        assert_eq!(dtype(&again).unwrap(), Dtype::Record(record));
    }

    #[test]
    fn refuses_records_that_cannot_be() {
        for text in [
            "[('a', '<f4'), ('a', '<f4')]",
            "[(('a', 'b'), '<f4'), ('a', '<f4')]",
            "[('a', '<f4', (9223372036854775807, 4))]",
            "[('a', '|V9223372036854775807'), ('b', '|V9223372036854775807')]",
            "[('a', '<f4', (0, 9223372036854775807, 9223372036854775807))]",
            "[('a', '<f4', 'x')]",
            "[('a',)]",
            "['a']",
            "[(1, '<f4')]",
            "[('a', '|S0', (1000000000000,))]",
            "{}",
            "('<f4', (3,))",
        ] {
            assert!(dtype(text).is_err(), "{text}");
        }
        let many_axes = |n: usize| dtype(&format!("[('a', '<f4', ({}))]", "1,".repeat(n)));
        assert!(many_axes(MAX_AXES).is_ok() && many_axes(MAX_AXES + 1).is_err());
        let mut nested = "'<f4'".to_owned();
        for _ in 0..20 {
            nested = format!("[('a', {nested})]");
        }
        assert!(dtype(&nested).is_err());
    }
}
