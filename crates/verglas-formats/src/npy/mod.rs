//! NumPy arrays: single `.npy` files, and what the entries of an `.npz` hold.
//!
//! The format is that of NumPy's `numpy.lib.format`, versions 1.0 to 3.0: a magic string, a Python dict with type, order
//! and shape, the items. Pickled objects are never unpickled; one that holds `None` is recognised by its bytes.

mod absent;
mod array;
mod dtype;
mod header;
mod literal;
mod text;
mod values;

pub(crate) use array::read_vec;
pub use array::{NpyArray, read_npy, read_npy_from};
pub use dtype::{ByteOrder, Dtype, Field, Kind, MAX_AXES, Record, Scalar};
pub use header::{MAX_HEADER_BYTES, NPY_MAGIC, NpyHeader};
pub use text::text_npy;
pub(crate) use values::{push_bool, push_f64, push_i64, push_u64, push_ucs4, text_of, ucs4_width};
