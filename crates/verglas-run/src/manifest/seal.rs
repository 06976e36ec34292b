//! The checksum of a manifest, in its last line: a flipped bit in the record is noticed before anyone relies on it.
//!
//! The file stays JSON. Its last member is `"crc32"`, the CRC-32 of all bytes before the comma in front of it.

/// What a manifest's checksum shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seal {
    /// The bytes are what was written.
    Right,
    /// They are not.
    Wrong,
    /// There is none.
    None,
}

const BEFORE: &[u8] = b",\n  \"crc32\": \"";
const AFTER: &[u8] = b"\"\n}\n";
const N_DIGITS: usize = 8;

/// Adds the checksum to `text`, an object in the layout of `serde_json::to_vec_pretty`.
pub(super) fn add(text: &mut Vec<u8>) {
    debug_assert!(text.ends_with(b"\n}"));
    text.truncate(text.len() - 2);
    let crc32 = crc32fast::hash(text);
    text.extend_from_slice(BEFORE);
    text.extend_from_slice(format!("{crc32:08x}").as_bytes());
    text.extend_from_slice(AFTER);
}

/// Compares the bytes of a manifest with its checksum.
pub(super) fn check(text: &[u8]) -> Seal {
    let n_end = BEFORE.len() + N_DIGITS + AFTER.len();
    let Some((body, end)) = text.len().checked_sub(n_end).and_then(|at| text.split_at_checked(at)) else {
        return Seal::None;
    };
    if !(end.starts_with(BEFORE) && end.ends_with(AFTER)) {
        return Seal::None;
    }
    let expected = format!("{:08x}", crc32fast::hash(body));
    if &end[BEFORE.len()..][..N_DIGITS] == expected.as_bytes() { Seal::Right } else { Seal::Wrong }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_seen() {
        let mut text = serde_json::to_vec_pretty(&serde_json::json!({"a": 1, "b": [2, 3]})).unwrap();
        assert_eq!(check(&text), Seal::None);
        add(&mut text);
        assert_eq!(check(&text), Seal::Right);
        let read: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(read["b"][1], 3);
        for bit in 0..text.len() * 8 {
            let mut bad = text.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(check(&bad), Seal::Right, "bit {bit}");
        }
    }
}
