//! PDB coordinate files: `.pdb`, `.ent`, also packed with gzip or bzip2.
//!
//! Records are read by columns, as "Atomic Coordinate Entry Format Version 3.3" (wwPDB, 2008) numbers them from 1:
//!
//! | columns | what | if it is not there |
//! |---|---|---|
//! | 1–6 | `ATOM`, `HETATM` | other records than those named here are skipped |
//! | 7–12 | serial number | not read |
//! | 13–16 | atom name | an error |
//! | 17 | alternate | the atom has one place |
//! | 18–20, 21 | residue name, of four letters where 18–20 are full (`TIP3`) | empty |
//! | 21–22 | chain, of two letters where the residue name has no fourth | empty |
//! | 23–26 | residue number, also hybrid-36; five digits where column 27 has one | `None`, counted |
//! | 27 | insertion code | none |
//! | 31–54 | x, y, z in Å | an error |
//! | 55–60 | occupancy | 1; an error if that of an alternate is not a number |
//! | 73–76 | segment | empty |
//! | 77–78 | element | from the alignment of the name: ` CA ` is carbon, `CA  ` calcium |
//!
//! `MODEL` starts a model, `ENDMDL` and `END` end it; atoms after an `END` are another model, as trajectory
//! programs write them. `REMARK 350` describes biological assemblies. Temperature factors and charges are not read.

mod read;
mod record;

pub use read::{read_pdb, read_pdb_from};
pub(crate) use record::first_letter;
