//! Whole numbers of any number of bits, as XTC packs them.

/// Bits from the highest of each byte on.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The number of bits that were read.
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// A number of up to 32 bits, the highest first; `None` past the end.
    pub(super) fn number(&mut self, n_bits: u32) -> Option<u32> {
        let end = self.at.checked_add(n_bits as usize).filter(|end| *end <= self.bytes.len() * 8)?;
        let mut value = 0u64;
        let mut n_left = n_bits;
        while n_left > 0 {
            let n_in_byte = 8 - (self.at % 8) as u32;
            let n = n_left.min(n_in_byte);
            let byte = u64::from(self.bytes[self.at / 8]);
            let taken = byte >> (n_in_byte - n) & ((1 << n) - 1);
            value = value << n | taken;
            self.at += n as usize;
            n_left -= n;
        }
        debug_assert_eq!(self.at, end);
        Some(value as u32)
    }

    /// Three numbers below `sizes`, packed into one of `n_bits` bits: ((a·s₁) + b)·s₂ + c, lowest byte first.
    ///
    /// `sizes` must not be 0, and `n_bits` at most 96.
    pub(super) fn triple(&mut self, n_bits: u32, sizes: [u32; 3]) -> Option<[u32; 3]> {
        let mut packed = 0u128;
        let mut shift = 0;
        while shift < n_bits {
            let n = (n_bits - shift).min(8);
            packed |= u128::from(self.number(n)?) << shift;
            shift += n;
        }
        let (rest, third) = (packed / u128::from(sizes[2]), packed % u128::from(sizes[2]));
        let (first, second) = (rest / u128::from(sizes[1]), rest % u128::from(sizes[1]));
        // Damaged data may give a first number that is not below its size; callers wrap.
        Some([first as u32, second as u32, third as u32])
    }
}

/// The bits that numbers below `size` take; 0 for none.
pub(super) fn bits_of(size: u32) -> u32 {
    32 - size.leading_zeros()
}

/// The bits that three numbers below `sizes` take when packed into one.
pub(super) fn bits_of_triple(sizes: [u32; 3]) -> u32 {
    128 - sizes.iter().map(|size| u128::from(*size)).product::<u128>().leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_start_at_the_highest_bit() {
        let mut bits = Bits::new(&[0b1010_0110, 0b1111_0000, 0xff]);
        assert_eq!(bits.number(3), Some(0b101));
        assert_eq!(bits.number(0), Some(0));
        assert_eq!(bits.number(7), Some(0b0011011));
        assert_eq!(bits.number(14), Some(0b11_0000_1111_1111));
        assert_eq!(bits.number(1), None);
    }

    #[test]
    fn triples_are_mixed_radix() {
        // (2·5 + 3)·7 + 4 = 95 below 4·5·7 = 140, which takes eight bits.
        assert_eq!(bits_of_triple([4, 5, 7]), 8);
        assert_eq!(Bits::new(&[95]).triple(8, [4, 5, 7]), Some([2, 3, 4]));
        // Lowest byte first: 0x5f + 256·1 = 351 = (1·13 + 2)·23 + 6, nine bits, the last one alone.
        assert_eq!(Bits::new(&[0x5f, 0x80]).triple(9, [2, 13, 23]), Some([1, 2, 6]));
        assert_eq!([bits_of(0), bits_of(1), bits_of(255), bits_of(256)], [0, 1, 8, 9]);
    }
}
