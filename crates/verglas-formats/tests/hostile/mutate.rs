//! Damages files, the same way each time.

/// A stream of numbers: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
pub struct Numbers(u64);

impl Numbers {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    /// A number below `n`; 0 if that is 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// One of `items`.
    pub fn one_of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// Numbers that readers of binary data trip over: signs, carries, products that overflow.
const BINARY: [u64; 16] = [
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    0x7FFF_FFFF_FFFF_FFFF,
    0x8000_0000_0000_0000,
    0xFFFF_FFFF_FFFF_FFFF,
];

/// The same in text, and words that stand in for missing numbers in tables.
const TEXT: [&str; 20] = [
    "0",
    "-1",
    "1",
    "00000000000000000001",
    "255",
    "65536",
    "2147483647",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "99999999999999999999999",
    "1e308",
    "1e400",
    "-1e-400",
    "nan",
    "-inf",
    "",
    "0x10",
    ".",
    "1_000",
];

/// Pieces of the formats themselves, which chance would take long to make.
const PIECES: [&[u8]; 30] = [
    b"\n",
    b"\r\n",
    b"\0",
    b" ",
    b"'",
    b"\"",
    b"#",
    b"data_",
    b"data_particles\n",
    b"loop_\n",
    b"_rlnA #1\n",
    b"_k v\n",
    b"@",
    b"(",
    b"[",
    b"{",
    b",)",
    b"'<f8'",
    b"'|O'",
    b"PK\x01\x02",
    b"\xff\xff\xff\xff",
    b"\xef\xbb\xbf",
    b"\n;",
    b"save_",
    b"_atom_site.Cartn_x\n",
    b"MODEL 1\n",
    b"ENDMDL\n",
    b"TER\n",
    b"ATOM  ",
    b"CORD",
];

/// One of `seeds` with one to six faults.
pub fn mutated(numbers: &mut Numbers, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = numbers.one_of(seeds).clone();
    for _ in 0..1 + numbers.below(6).min(numbers.below(6)) {
        damage(numbers, &mut bytes, seeds);
    }
    bytes
}

fn damage(numbers: &mut Numbers, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let at = numbers.below(bytes.len() + 1);
    let n = numbers.below(8).pow(numbers.below(4) as u32).min(bytes.len() - at);
    match numbers.below(12) {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << numbers.below(8);
            }
        }
        2 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = numbers.next() as u8;
            }
        }
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(at..at + n)),
        5 => {
            let copy = bytes[at..at + n].to_vec();
            let to = numbers.below(bytes.len() + 1);
            bytes.splice(to..to, copy);
        }
        6 => {
            let other = numbers.one_of(seeds);
            let from = numbers.below(other.len() + 1);
            let length = numbers.below(200).min(other.len() - from);
            bytes.splice(at..at + n, other[from..from + length].iter().copied());
        }
        7 => {
            let piece = *numbers.one_of(&PIECES);
            bytes.splice(at..at, piece.iter().copied());
        }
        8 | 9 => tamper_with_binary_number(numbers, bytes, at),
        _ => tamper_with_text_number(numbers, bytes, at),
    }
}

/// Overwrites a number of 2, 4 or 8 bytes, in either order, mostly where such a one would be aligned.
fn tamper_with_binary_number(numbers: &mut Numbers, bytes: &mut [u8], at: usize) {
    let width = *numbers.one_of(&[2, 4, 4, 8]);
    let at = if numbers.below(4) == 0 { at } else { at / width * width };
    let length = bytes.len() as u64;
    let near_length = length.wrapping_add(numbers.below(5) as u64).wrapping_sub(2);
    let value = if numbers.below(4) == 0 { near_length } else { *numbers.one_of(&BINARY) };
    let Some(target) = bytes.get_mut(at..at + width) else { return };
    let little = value.to_le_bytes();
    target.copy_from_slice(&little[..width]);
    if numbers.below(4) == 0 {
        target.reverse();
    }
}

/// Replaces the first run of digits from `at` on.
fn tamper_with_text_number(numbers: &mut Numbers, bytes: &mut Vec<u8>, at: usize) {
    let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|offset| at + offset) else { return };
    let n_digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value = *numbers.one_of(&TEXT);
    bytes.splice(start..start + n_digits, value.bytes());
}
