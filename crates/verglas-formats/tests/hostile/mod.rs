//! What "no input can do harm" means, reader by reader; used by `tests/mutations.rs` and by the fuzzers in `fuzz/`.

pub mod memory;
pub mod mutate;
pub mod read;
pub mod seeds;

/// A reader, and the memory that a file of a given size justifies for it.
pub struct Reader {
    /// Its name: that of the fuzz target and of the folder of its former crashes.
    pub name: &'static str,
    /// Does with the bytes everything that a caller of the library can do with them. Returns the bytes that the input
    /// justifies beyond its own length: what its compressed entries hold.
    pub read: fn(&[u8]) -> u64,
    /// Memory for any input, in bytes: buffers of fixed size.
    pub base_bytes: u64,
    /// Memory for each byte of the input, in bytes.
    pub factor: u64,
}

/// Bytes of one inflation's state, and of everything else that does not depend on the input.
const INFLATION_BYTES: u64 = 128 << 10;

/// Buffers for files that are packed, and for reading lines.
const UNPACKING_BYTES: u64 = 768 << 10;

/// All readers. The factors are those of the most wasteful input that one can think of, as the comments say.
pub const READERS: [Reader; 12] = [
    // Nothing but `data_` lines: a table of some 170 bytes for each six bytes, in a vector that is just doubling.
    Reader { name: "star", read: read::star, base_bytes: 4 << 10, factor: 96 },
    // A header of nothing but short fields: as parsed and as laid out, in vectors that are just doubling.
    Reader { name: "cs", read: read::cs, base_bytes: 16 << 10, factor: 128 },
    // Texts of one byte, each in a vector of its own.
    Reader { name: "npy", read: read::npy, base_bytes: 4 << 10, factor: 96 },
    Reader { name: "npz", read: read::npz, base_bytes: INFLATION_BYTES, factor: 96 },
    // Empty entries of short names.
    Reader { name: "zip", read: read::zip, base_bytes: INFLATION_BYTES, factor: 32 },
    // Pixels of four bits become 32; what is converted or unpacked goes through buffers of 256 KiB.
    Reader { name: "mrc", read: read::mrc, base_bytes: 768 << 10, factor: 32 },
    // A description of nothing but short instructions, each of which makes a value, on a stack that is just doubling.
    Reader { name: "pt", read: read::pt, base_bytes: INFLATION_BYTES, factor: 160 },
    Reader { name: "pt_pickle", read: read::pt_pickle, base_bytes: INFLATION_BYTES, factor: 160 },
    // Lines that are packed are unpacked to a file first; an atom of some 200 bytes with its texts stands in a line of at
    // least 54, in a vector that is just doubling.
    Reader { name: "pdb", read: read::pdb, base_bytes: UNPACKING_BYTES, factor: 32 },
    // Rows of nothing but the four items that an atom must have: eight bytes; each atom a model.
    Reader { name: "mmcif", read: read::mmcif, base_bytes: UNPACKING_BYTES, factor: 320 },
    // Four atoms of 24 bytes in each packed byte.
    Reader { name: "trajectory", read: read::trajectory, base_bytes: UNPACKING_BYTES, factor: 128 },
    // As `mrc`, and one section more where axes are exchanged.
    Reader { name: "mrc_map", read: read::mrc_map, base_bytes: 768 << 10, factor: 32 },
];

impl Reader {
    /// The reader of this name.
    pub fn named(name: &str) -> &'static Self {
        READERS.iter().find(|reader| reader.name == name).expect("a reader of this name")
    }

    /// Reads `input` and returns the most memory that this took, in bytes.
    ///
    /// # Panics
    /// If the reader does, or if it took more memory than `input` justifies.
    pub fn check(&self, input: &[u8]) -> u64 {
        let (justified_bytes, peak_bytes) = memory::peak_of(|| (self.read)(input));
        let n_bytes = input.len() as u64 + justified_bytes;
        let limit_bytes = self.base_bytes + self.factor * n_bytes;
        assert!(
            peak_bytes <= limit_bytes,
            "{}: took {peak_bytes} bytes of memory for {n_bytes} bytes of input, the limit is {limit_bytes}",
            self.name
        );
        peak_bytes
    }
}
