//! One PyTorch tensor in a file, as `torch.save` writes it and `torch.load(..., weights_only=True)` reads it.
//!
//! Such a file is a ZIP archive of stored entries: a pickle that describes the tensor, and the raw values. Writing needs
//! no pickle library, as the description is always the same few instructions; reading interprets these instructions and
//! refuses any other, so no file can make it run anything.
//!
//! ```
//! use verglas_formats::pt::{PtFile, write_pt};
//!
//! let mut bytes = Vec::new();
//! write_pt(&mut bytes, &[2, 3], &[0.0f32, 1.0, 2.0, 3.0, 4.0, 5.0])?;
//! let mut file = PtFile::new(std::io::Cursor::new(bytes))?;
//! assert_eq!(file.tensor().shape(), [2, 3]);
//! assert_eq!(file.read_f32(1..2)?, [3.0, 4.0, 5.0]);
//! # Ok::<(), verglas_formats::FormatError>(())
//! ```

mod layout;
mod pickle;
mod read;
mod tensor;

pub use layout::{PtDtype, PtElement, PtLayout, write_pt};
pub use read::PtFile;
pub use tensor::{ElementType, MAX_AXES, PtTensor};
