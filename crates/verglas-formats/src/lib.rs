//! Readers and writers of the files that cryo-EM particles travel in.
//!
//! Bytes to records and back, nothing else: no threads, no transforms, no decisions about what a data set means.
//! Every reader checks a file's claims against its real size before it allocates, says where it found something wrong,
//! and never panics on input.
//!
//! | module | format |
//! |---|---|
//! | [`star`] | STAR text files, as RELION writes them |
//! | [`mrc`] | MRC2014 image stacks, their predecessors, and their compressed forms |
//! | [`npy`], [`npz`] | NumPy arrays and archives of arrays |
//! | [`cs`] | CryoSPARC's `.cs`: NumPy structured arrays |
//! | [`pt`] | one PyTorch tensor, as `torch.save` writes it |
//! | [`zip`] | the archive below `.npz` and `.pt` |

pub mod cs;
mod error;
pub mod mrc;
pub mod npy;
pub mod npz;
mod open;
pub mod pt;
pub mod star;
pub mod zip;

pub use error::{Fault, FormatError, Place, Result};
pub use open::{NoFile, look, open_regular, read_regular};
