//! Arrays of text as a file of their own.

use super::{Dtype, Kind, NpyHeader, Scalar, push_ucs4, ucs4_width};
use crate::error::{FormatError, Place, Result};

/// The bytes of an `.npy` file with text as `<U`, as wide as its longest item, at least 1; what is not UTF-8 is kept as in
/// [`crate::npz::NpzWriter::add_text`].
///
/// # Errors
/// A shape that holds another number of texts; texts too long for an array.
pub fn text_npy<'a, I>(shape: &[usize], texts: I) -> Result<Vec<u8>>
where
    I: IntoIterator<Item = &'a [u8]>,
    I::IntoIter: Clone,
{
    let texts = texts.into_iter();
    let (n_texts, width) = texts.clone().fold((0_u64, 1), |(n, width), text| (n + 1, ucs4_width(text).max(width)));
    let sides: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
    let header = NpyHeader::new(Dtype::Scalar(Scalar::little(Kind::Unicode, 4 * width)), &sides)?;
    if header.n_items() != n_texts {
        let message = format!("the shape {shape:?} holds {} texts, {n_texts} are given", header.n_items());
        return Err(FormatError::malformed(Place::File, message));
    }
    let mut bytes = header.to_bytes();
    texts.for_each(|text| push_ucs4(text, width, &mut bytes));
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npy::read_npy_from;

    #[test]
    fn texts_come_back() {
        let texts = [&b"a/b.pt"[..], "µ".as_bytes(), b"", b"caf\xe9"];
        let bytes = text_npy(&[4], texts.iter().copied()).unwrap();
        assert_eq!(&bytes[..6], b"\x93NUMPY");
        let array = read_npy_from(std::io::Cursor::new(bytes)).unwrap();
        assert_eq!((array.shape(), array.to_text().unwrap()), (&[4][..], texts.map(<[u8]>::to_vec).to_vec()));
        assert!(text_npy(&[3], texts.iter().copied()).is_err());
    }
}
