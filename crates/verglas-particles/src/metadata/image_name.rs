//! RELION's `000012@path/stack.mrcs`: the one place where 1-based section numbers become 0-based.

use crate::particle::SectionIndex;

/// Splits an image name at its first `@` into the 0-based section and the path.
///
/// # Errors
/// What was expected instead, to be appended to the row and the name.
pub(super) fn parse_image_name(name: &[u8]) -> Result<(SectionIndex, &[u8]), &'static str> {
    let at = name.iter().position(|&byte| byte == b'@').ok_or("expected `INDEX@PATH`: there is no `@`")?;
    let (index, path) = (&name[..at], &name[at + 1..]);
    if path.is_empty() {
        return Err("expected `INDEX@PATH`: the path after `@` is missing");
    }
    if index.is_empty() || !index.iter().all(u8::is_ascii_digit) {
        return Err("expected `INDEX@PATH` with a whole number before `@`");
    }
    let mut number: u32 = 0;
    for digit in index {
        number = number
            .checked_mul(10)
            .and_then(|number| number.checked_add(u32::from(digit - b'0')))
            .ok_or("the section number before `@` is larger than any stack can hold")?;
    }
    let section = number.checked_sub(1).ok_or("sections count from 1 in RELION's image names")?;
    Ok((SectionIndex(section), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_at_sign_splits_and_one_becomes_zero() {
        assert_eq!(parse_image_name(b"000001@a.mrcs"), Ok((SectionIndex(0), b"a.mrcs".as_slice())));
        assert_eq!(parse_image_name(b"12@dir@home/a b.mrcs"), Ok((SectionIndex(11), b"dir@home/a b.mrcs".as_slice())));
    }

    #[test]
    fn zero_missing_and_strange_indices_are_refused() {
        for bad in ["0@a.mrcs", "000@a", "a.mrcs", "@a.mrcs", "3@", "-1@a", "1.0@a", "99999999999@a", ""] {
            assert!(parse_image_name(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
