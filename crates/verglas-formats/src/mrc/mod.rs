//! MRC image stacks: `.mrc`, `.mrcs`, `.map`, `.st`, also packed with gzip or bzip2.
//!
//! An MRC file is a header of 1024 bytes, an extended header that is skipped here, and sections of equal size, each
//! `n_rows` rows of `n_columns` pixels. Every section is read as one particle image, whatever the header says about
//! volumes, and one 2-D image is a stack of one. Source: the MRC2014 standard (Cheng et al., J. Struct. Biol. 192
//! (2015) 146–150) with its later modes 6, 12 and 101; IMOD's `mrc_format.txt` for mode 101 and for IMOD's flags.
//!
//! | mode | pixels |
//! |---|---|
//! | 0 | 8-bit integers, signed, or unsigned on request ([`Mode0`]) |
//! | 1, 6 | 16-bit integers, signed, unsigned |
//! | 2, 12 | 32-bit and 16-bit floats |
//! | 101 | 4-bit unsigned integers, the left pixel of a pair in the low bits, rows padded to a whole byte |
//! | 3, 4, others | refused, by name or number |
//!
//! What files do in practice, and how they are treated:
//!
//! | found | done |
//! |---|---|
//! | no `MAP ` stamp; unknown or wrong machine stamp | byte order by mode and dimensions, [`MrcWarning`] |
//! | nz = 0 | one image, warning; an error if there is not enough data for one |
//! | other dimensions below 1, negative NSYMBT, more than 2⁶⁴ bytes, NSYMBT beyond the file | error |
//! | no `MAP ` stamp, and the first bytes of a PNG, TIFF, JPEG, HDF5, SPIDER or IMAGIC file, of a page or a Git LFS pointer | refused by name |
//! | a file longer than claimed | warning |
//! | a file that fits another number of bytes per pixel exactly | [`PixelMisfit`]; an error unless a [`PixelType`] is given |
//! | a file shorter than claimed | [`MrcStack::truncation`]; the whole sections can be read |
//! | packed data followed by something that is not packed data | error |
//! | voxel size zero, negative or not finite | unknown: `None` |

mod byte_order;
mod compressed;
mod decode;
mod encode;
pub(crate) mod foreign;
mod header;
mod map;
mod misfit;
mod mode;
mod pixel_type;
mod stack;
mod warning;
mod writer;

pub(crate) use compressed::unpack_all;
pub use compressed::{CannotUnpack, Compression};
pub use header::{HEADER_BYTES, MapGeometry, MrcHeader};
pub use map::{MrcMap, read_map, read_map_header};
pub use misfit::PixelMisfit;
pub use mode::{ByteOrder, Mode, Mode0};
pub use pixel_type::PixelType;
pub use stack::{MrcOptions, MrcStack, MrcSummary, Truncation, read_header, read_header_as};
pub use warning::MrcWarning;
pub use writer::{MrcLayout, MrcWriter};
