//! Converts items of bytes to numbers and text.
//!
//! All functions take the items as slices of the type's length, wherever they are: consecutive, or strided through the
//! records of a `.cs`.

use half::f16;

use super::dtype::{Kind, Scalar};
use crate::error::{FormatError, Place, Result};

/// Reads every item as `$t` in the type's byte order and runs `$body` on it.
macro_rules! each {
    ($t:ty, $scalar:expr, $items:expr, |$value:ident| $body:expr) => {{
        const BYTES: usize = size_of::<$t>();
        if $scalar.is_big_endian() {
            for item in $items {
                let $value = <$t>::from_be_bytes(array::<BYTES>(item));
                $body
            }
        } else {
            for item in $items {
                let $value = <$t>::from_le_bytes(array::<BYTES>(item));
                $body
            }
        }
    }};
}

/// Appends real numbers of any kind as float64; 64-bit integers beyond 2^53 are rounded.
pub(crate) fn push_f64<'a>(
    scalar: &Scalar,
    items: impl Iterator<Item = &'a [u8]>,
    values: &mut Vec<f64>,
) -> Result<()> {
    match (scalar.kind, scalar.item_bytes) {
        (Kind::Float, 2) => each!(f16, scalar, items, |x| values.push(x.to_f64())),
        (Kind::Float, 4) => each!(f32, scalar, items, |x| values.push(f64::from(x))),
        (Kind::Float, 8) => each!(f64, scalar, items, |x| values.push(x)),
        (Kind::Int, 1) => each!(i8, scalar, items, |x| values.push(f64::from(x))),
        (Kind::Int, 2) => each!(i16, scalar, items, |x| values.push(f64::from(x))),
        (Kind::Int, 4) => each!(i32, scalar, items, |x| values.push(f64::from(x))),
        (Kind::Int, 8) => each!(i64, scalar, items, |x| values.push(x as f64)),
        (Kind::Uint, 1) => each!(u8, scalar, items, |x| values.push(f64::from(x))),
        (Kind::Uint, 2) => each!(u16, scalar, items, |x| values.push(f64::from(x))),
        (Kind::Uint, 4) => each!(u32, scalar, items, |x| values.push(f64::from(x))),
        (Kind::Uint, 8) => each!(u64, scalar, items, |x| values.push(x as f64)),
        (Kind::Bool, 1) => each!(u8, scalar, items, |x| values.push(f64::from(u8::from(x != 0)))),
        _ => return Err(wrong_type(scalar, "real numbers")),
    }
    Ok(())
}

/// Appends integers of any kind as int64.
pub(crate) fn push_i64<'a>(
    scalar: &Scalar,
    items: impl Iterator<Item = &'a [u8]>,
    values: &mut Vec<i64>,
) -> Result<()> {
    match (scalar.kind, scalar.item_bytes) {
        (Kind::Int, 1) => each!(i8, scalar, items, |x| values.push(i64::from(x))),
        (Kind::Int, 2) => each!(i16, scalar, items, |x| values.push(i64::from(x))),
        (Kind::Int, 4) => each!(i32, scalar, items, |x| values.push(i64::from(x))),
        (Kind::Int, 8) => each!(i64, scalar, items, |x| values.push(x)),
        (Kind::Uint, 1) => each!(u8, scalar, items, |x| values.push(i64::from(x))),
        (Kind::Uint, 2) => each!(u16, scalar, items, |x| values.push(i64::from(x))),
        (Kind::Uint, 4) => each!(u32, scalar, items, |x| values.push(i64::from(x))),
        (Kind::Uint, 8) => {
            each!(u64, scalar, items, |x| values.push(i64::try_from(x).map_err(|_| too_large(x, "int64"))?));
        }
        _ => return Err(wrong_type(scalar, "integers")),
    }
    Ok(())
}

/// Appends integers of any kind as uint64.
pub(crate) fn push_u64<'a>(
    scalar: &Scalar,
    items: impl Iterator<Item = &'a [u8]>,
    values: &mut Vec<u64>,
) -> Result<()> {
    match (scalar.kind, scalar.item_bytes) {
        (Kind::Uint, 1) => each!(u8, scalar, items, |x| values.push(u64::from(x))),
        (Kind::Uint, 2) => each!(u16, scalar, items, |x| values.push(u64::from(x))),
        (Kind::Uint, 4) => each!(u32, scalar, items, |x| values.push(u64::from(x))),
        (Kind::Uint, 8) => each!(u64, scalar, items, |x| values.push(x)),
        (Kind::Int, 1) => {
            each!(i8, scalar, items, |x| values.push(u64::try_from(x).map_err(|_| too_large(x, "uint64"))?))
        }
        (Kind::Int, 2) => {
            each!(i16, scalar, items, |x| values.push(u64::try_from(x).map_err(|_| too_large(x, "uint64"))?))
        }
        (Kind::Int, 4) => {
            each!(i32, scalar, items, |x| values.push(u64::try_from(x).map_err(|_| too_large(x, "uint64"))?))
        }
        (Kind::Int, 8) => {
            each!(i64, scalar, items, |x| values.push(u64::try_from(x).map_err(|_| too_large(x, "uint64"))?))
        }
        _ => return Err(wrong_type(scalar, "integers")),
    }
    Ok(())
}

/// Appends truth values; any byte but 0 is true, as in NumPy.
pub(crate) fn push_bool<'a>(
    scalar: &Scalar,
    items: impl Iterator<Item = &'a [u8]>,
    values: &mut Vec<bool>,
) -> Result<()> {
    match scalar.kind {
        Kind::Bool => values.extend(items.map(|item| item.iter().any(|&byte| byte != 0))),
        _ => return Err(wrong_type(scalar, "truth values")),
    }
    Ok(())
}

/// The text of one item as bytes, without the NULs that fill it up; `buffer` is used where it must be recoded.
///
/// `S` items are taken as they are, `U` items become UTF-8. Python keeps bytes that are not UTF-8 as the lone
/// surrogates U+DC80 to U+DCFF (PEP 383); they become those bytes again.
pub(crate) fn text_of<'a>(scalar: &Scalar, item: &'a [u8], buffer: &'a mut Vec<u8>) -> Result<&'a [u8]> {
    match scalar.kind {
        Kind::Bytes => Ok(trim_nul(item)),
        Kind::Unicode => {
            buffer.clear();
            each!(u32, scalar, item.chunks_exact(4), |code| match (char::from_u32(code), code) {
                (Some(c), _) => buffer.extend(c.encode_utf8(&mut [0; 4]).bytes()),
                (None, 0xDC80..=0xDCFF) => buffer.push((code - 0xDC00) as u8),
                (None, _) => {
                    let message = format!("U+{code:04X} in a text is not a character");
                    return Err(FormatError::malformed(Place::File, message));
                }
            });
            Ok(trim_nul(buffer))
        }
        _ => Err(wrong_type(scalar, "text")),
    }
}

/// Writes `text` as one `<U` item of `width` code points, the inverse of [`text_of`].
pub(crate) fn push_ucs4(text: &[u8], width: usize, item: &mut Vec<u8>) {
    let start = item.len();
    for chunk in text.utf8_chunks() {
        item.extend(chunk.valid().chars().flat_map(|c| u32::from(c).to_le_bytes()));
        item.extend(chunk.invalid().iter().flat_map(|&byte| (0xDC00 + u32::from(byte)).to_le_bytes()));
    }
    item.resize(start + 4 * width, 0);
}

/// Code points that [`push_ucs4`] writes for `text`.
pub(crate) fn ucs4_width(text: &[u8]) -> usize {
    text.utf8_chunks().map(|chunk| chunk.valid().chars().count() + chunk.invalid().len()).sum()
}

/// That `scalar` is not what was asked for.
pub(crate) fn wrong_type(scalar: &Scalar, wanted: &str) -> FormatError {
    let message = format!("holds values of NumPy's type {scalar}, expected {wanted}");
    match (scalar.kind, scalar.item_bytes) {
        // Long doubles: their layout is the writing machine's affair.
        (Kind::Float, 12 | 16) => FormatError::unsupported(Place::File, message),
        _ => FormatError::malformed(Place::File, message),
    }
}

fn too_large(value: impl std::fmt::Display, wanted: &str) -> FormatError {
    FormatError::malformed(Place::File, format!("the value {value} does not fit {wanted}"))
}

fn trim_nul(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &text[..end]
}

/// An item as an array; callers hand out items of the type's length only.
fn array<const N: usize>(item: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(item);
    bytes
}
