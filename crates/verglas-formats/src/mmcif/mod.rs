//! mmCIF (PDBx) coordinate files: `.cif`, `.mmcif`, also packed with gzip or bzip2.
//!
//! The syntax is CIF 1.1 (Hall, Allen & Brown, Acta Cryst. A47 (1991) 655–685; iucr.org/resources/cif/spec/version1.1):
//! blocks, pairs of name and value, loops, quotes of both kinds, text fields between semicolons at the start of a line,
//! comments; save frames are skipped. What is read is `_atom_site` of the first block that has it, as a loop or as
//! pairs, its items in any order:
//!
//! | item | what | if it is not there, or `.` or `?` |
//! |---|---|---|
//! | `Cartn_x`, `Cartn_y`, `Cartn_z` | Å, an uncertainty in parentheses apart | an error |
//! | `label_atom_id`, `label_comp_id` | names of atom and residue | `auth_…`; an error without an atom's name |
//! | `auth_asym_id`, `auth_seq_id` | chain and residue number | `label_…`; without a number `None`, counted |
//! | `pdbx_PDB_ins_code`, `label_alt_id` | insertion code, alternate | none |
//! | `occupancy` | | 1 |
//! | `type_symbol` | element | from the names: an atom with the name of its residue is an ion |
//! | `group_PDB` | `HETATM` or `ATOM` | `ATOM` |
//! | `pdbx_PDB_model_num` | model | 1 |
//!
//! and, of the same block, `_pdbx_struct_assembly_gen`.

mod read;
mod site;
mod tokens;

pub use read::{read_mmcif, read_mmcif_from};
