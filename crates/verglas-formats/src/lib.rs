//! Readers and writers of the files that hold cryo-EM particles.
//!
//! Bytes to records and back, nothing else: no threads, no transforms, no decisions about what a data set means.
//! Every reader checks a file's claims against its real size before it allocates, says where it found something wrong,
//! and never panics on input.
//!
//! | module | format |
//! |---|---|
//! | [`star`] | STAR text files, as RELION writes them |
//! | [`mrc`] | MRC2014 image stacks and maps, their predecessors, and their compressed forms |
//! | [`pdb`], [`mmcif`] | atoms and where they are |
//! | [`trajectory`] | XTC and DCD: the same atoms in many places |
//! | [`npy`], [`npz`] | NumPy arrays and archives of arrays |
//! | [`cs`] | CryoSPARC's `.cs`: NumPy structured arrays |
//! | [`pt`] | one PyTorch tensor, as `torch.save` writes it |
//! | [`zip`] | the archive below `.npz` and `.pt` |

mod atoms;
pub mod cs;
mod error;
mod lines;
pub mod mmcif;
pub mod mrc;
pub mod npy;
pub mod npz;
mod open;
pub mod pdb;
pub mod pt;
pub mod star;
pub mod trajectory;
mod unpack;
pub mod zip;

pub use atoms::{AtomFile, AtomModel, AtomRecord, ELEMENTS};
pub use error::{Fault, FormatError, Place, Result};
pub use open::{NoFile, look, open_regular, read_regular};
pub use unpack::{MAX_UNPACKED_BYTES, open_unpacked};
