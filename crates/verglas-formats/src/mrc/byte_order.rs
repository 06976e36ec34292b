//! Which byte order a header is in, when stamps may be missing or wrong.

use super::mode::{ByteOrder, MODE_OFFSET, Mode};
use super::warning::MrcWarning;

/// The position of the machine stamp, in bytes.
pub(super) const MACHINE_STAMP_OFFSET: usize = 212;
/// More pixels than this along a row or column are taken as a sign that the bytes are in the other order.
const PLAUSIBLE_SIDE: i32 = 1 << 20;
/// The same for sections. A count below 256 has its only byte in the highest place of the other order.
const PLAUSIBLE_SECTIONS: i32 = 1 << 24;

/// The 1024 bytes of a header, whose words can be read in either order.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub(super) bytes: &'a [u8; 1024],
    pub(super) order: ByteOrder,
}

impl Words<'_> {
    fn word(self, offset: usize) -> [u8; 4] {
        let mut word = [0; 4];
        // Offsets are this module's constants, all below 1021.
        word.copy_from_slice(&self.bytes[offset..offset + 4]);
        word
    }

    pub(super) fn int(self, offset: usize) -> i32 {
        match self.order {
            ByteOrder::Little => i32::from_le_bytes(self.word(offset)),
            ByteOrder::Big => i32::from_be_bytes(self.word(offset)),
        }
    }

    pub(super) fn float(self, offset: usize) -> f32 {
        f32::from_bits(self.int(offset).cast_unsigned())
    }
}

/// How much sense mode and dimensions make in one byte order; later is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sense {
    UnknownMode,
    ImpossibleDimensions,
    Possible,
    Plausible,
}

fn judge(words: Words<'_>) -> Sense {
    let [n_columns, n_rows, n_sections] = [0, 4, 8].map(|offset| words.int(offset));
    if !Mode::is_known_code(words.int(MODE_OFFSET)) {
        Sense::UnknownMode
    } else if n_columns < 1 || n_rows < 1 || n_sections < 0 {
        Sense::ImpossibleDimensions
    } else if n_columns > PLAUSIBLE_SIDE || n_rows > PLAUSIBLE_SIDE || n_sections >= PLAUSIBLE_SECTIONS {
        Sense::Possible
    } else {
        Sense::Plausible
    }
}

/// The order that a machine stamp means: `44 44` (MRC2014) and `44 41` (CCP4) little, `11 11` big.
fn order_of_stamp(stamp: [u8; 4]) -> Option<ByteOrder> {
    match stamp {
        [0x44, 0x44 | 0x41, ..] => Some(ByteOrder::Little),
        [0x11, 0x11, ..] => Some(ByteOrder::Big),
        _ => None,
    }
}

/// Decides in which byte order a header is meant.
///
/// The machine stamp is followed unless mode and dimensions make more sense in the other order. Without a meaningful
/// stamp, the order in which they make more sense is used; then the one with fewer pixels; then little-endian. A
/// mode other than 0 has a known number in one order only, so all but 8-bit files are decided by the mode.
pub(super) fn decide(bytes: &[u8; 1024], has_map_stamp: bool) -> (ByteOrder, Vec<MrcWarning>) {
    let little = Words { bytes, order: ByteOrder::Little };
    let big = Words { bytes, order: ByteOrder::Big };
    let stamp = little.word(MACHINE_STAMP_OFFSET);
    let by_sense = || match judge(little).cmp(&judge(big)) {
        std::cmp::Ordering::Greater => ByteOrder::Little,
        std::cmp::Ordering::Less => ByteOrder::Big,
        std::cmp::Ordering::Equal => by_size(little, big),
    };

    let mut warnings = Vec::new();
    let order = match order_of_stamp(stamp) {
        Some(stamped) => {
            let other = stamped.other();
            if judge(Words { bytes, order: other }) > judge(Words { bytes, order: stamped }) {
                warnings.push(MrcWarning::WrongMachineStamp { found: stamp, used: other });
                other
            } else {
                stamped
            }
        }
        None => {
            let order = by_sense();
            // Before the `MAP ` stamp, other fields stood where the machine stamp is now.
            if has_map_stamp {
                warnings.push(MrcWarning::UnknownMachineStamp { found: stamp, used: order });
            }
            order
        }
    };
    if !has_map_stamp {
        warnings.push(MrcWarning::NoMapStamp { used: order });
    }
    (order, warnings)
}

/// Where both orders make equally much sense: the one with the smaller mode number, then with fewer pixels.
fn by_size(little: Words<'_>, big: Words<'_>) -> ByteOrder {
    let size = |words: Words<'_>| {
        let [mode, n_columns, n_rows, n_sections] =
            [MODE_OFFSET, 0, 4, 8].map(|offset| u128::from(words.int(offset).cast_unsigned()));
        (mode, n_columns * n_rows * n_sections)
    };
    if size(big) < size(little) { ByteOrder::Big } else { ByteOrder::Little }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(order: ByteOrder, words: [i32; 4], stamp: [u8; 4]) -> [u8; 1024] {
        let mut bytes = [0; 1024];
        for (chunk, word) in bytes.chunks_exact_mut(4).zip(words) {
            chunk.copy_from_slice(&match order {
                ByteOrder::Little => word.to_le_bytes(),
                ByteOrder::Big => word.to_be_bytes(),
            });
        }
        bytes[212..216].copy_from_slice(&stamp);
        bytes
    }

    const LITTLE_STAMPS: [[u8; 4]; 2] = [[0x44, 0x44, 0, 0], [0x44, 0x41, 0, 0]];
    const BIG_STAMP: [u8; 4] = [0x11, 0x11, 0, 0];
    const JUNK_STAMPS: [[u8; 4]; 4] = [[0; 4], [0x44, 0, 0, 0], [0xff; 4], [0x11, 0x44, 0x11, 0x44]];

    #[test]
    fn good_stamps_are_followed_without_a_word() {
        for stamp in LITTLE_STAMPS {
            let bytes = header(ByteOrder::Little, [5, 4, 3, 2], stamp);
            assert_eq!(decide(&bytes, true), (ByteOrder::Little, vec![]));
        }
        let bytes = header(ByteOrder::Big, [5, 4, 3, 2], BIG_STAMP);
        assert_eq!(decide(&bytes, true), (ByteOrder::Big, vec![]));
    }

    #[test]
    fn stamps_that_contradict_the_mode_are_overruled() {
        let bytes = header(ByteOrder::Little, [5, 4, 3, 2], BIG_STAMP);
        let warning = MrcWarning::WrongMachineStamp { found: BIG_STAMP, used: ByteOrder::Little };
        assert_eq!(decide(&bytes, true), (ByteOrder::Little, vec![warning]));
        let bytes = header(ByteOrder::Big, [5, 4, 3, 12], LITTLE_STAMPS[0]);
        let warning = MrcWarning::WrongMachineStamp { found: LITTLE_STAMPS[0], used: ByteOrder::Big };
        assert_eq!(decide(&bytes, true), (ByteOrder::Big, vec![warning]));
    }

    #[test]
    fn stamps_that_contradict_the_dimensions_are_overruled() {
        // Mode 0 reads the same either way; 5 columns are 83 886 080 in the other order.
        let bytes = header(ByteOrder::Little, [5, 4, 3, 0], BIG_STAMP);
        assert_eq!(decide(&bytes, true).0, ByteOrder::Little);
        let bytes = header(ByteOrder::Big, [200, 4, 3, 0], LITTLE_STAMPS[1]);
        assert_eq!(decide(&bytes, true).0, ByteOrder::Big);
    }

    #[test]
    fn junk_stamps_leave_it_to_mode_and_dimensions() {
        for stamp in JUNK_STAMPS {
            for order in [ByteOrder::Little, ByteOrder::Big] {
                for mode in [0, 1, 2, 6, 12, 101] {
                    let bytes = header(order, [5, 4, 3, mode], stamp);
                    let warning = MrcWarning::UnknownMachineStamp { found: stamp, used: order };
                    assert_eq!(decide(&bytes, true), (order, vec![warning]), "{stamp:?} mode {mode}");
                    assert_eq!(decide(&bytes, false), (order, vec![MrcWarning::NoMapStamp { used: order }]));
                }
            }
        }
    }

    #[test]
    fn equally_plausible_orders_go_to_the_stamp_then_to_fewer_pixels() {
        // 256 columns are 65 536 in the other order, and 65 536 sections are 256: all of it is plausible both ways.
        let words = [256, 512, 256, 0];
        for order in [ByteOrder::Little, ByteOrder::Big] {
            assert_eq!(decide(&header(order, words, [0; 4]), false).0, order);
        }
        let bytes = header(ByteOrder::Little, words, BIG_STAMP);
        assert_eq!(decide(&bytes, true), (ByteOrder::Big, vec![]));
    }

    #[test]
    fn unknown_modes_go_to_the_order_with_the_smaller_number() {
        assert_eq!(decide(&header(ByteOrder::Big, [5, 4, 3, 7], [0; 4]), false).0, ByteOrder::Big);
        assert_eq!(decide(&header(ByteOrder::Little, [5, 4, 3, 7], [0; 4]), false).0, ByteOrder::Little);
    }
}
