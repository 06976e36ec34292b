//! What is in a structure file or a map, for people.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use verglas_core::Result;
use verglas_formats::mrc::MrcHeader;

use crate::load::read_atoms;
use crate::structure::{Structure, is_alpha_carbon, is_hydrogen};

/// The contents of a PDB or mmCIF file. All but `models` and the file's `n_atoms` describe its first model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StructureSummary {
    /// The numbers of the models, as in the file.
    pub models: Vec<i64>,
    /// Atoms of the first model, alternates that don't count among them.
    pub n_stored_atoms: usize,
    /// Atoms that count.
    pub n_atoms: usize,
    /// Hydrogens among them.
    pub n_hydrogens: usize,
    /// The chains, in the order of the file.
    pub chains: Vec<ChainSummary>,
    /// Residues by kind: `amino acids`, `nucleotides`, `waters`, `ions`, `ligands`.
    pub residues: BTreeMap<&'static str, usize>,
    /// Residues that are neither amino acids nor water, by name.
    pub other_residues: BTreeMap<String, usize>,
    /// Residues with alternates.
    pub n_residues_with_alternates: usize,
    /// Beads of the protein residue model: alpha carbons.
    pub n_beads: usize,
    /// The lowest and the highest x, y, z of the atoms in Å.
    pub extent_angstrom: [[f64; 3]; 2],
    /// The mean of the beads in Å, if there are any.
    pub bead_center_angstrom: Option<[f64; 3]>,
    /// The copies in the first biological assembly, if the file lists one.
    pub n_assembly_copies: Option<u64>,
}

/// One chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChainSummary {
    /// Its name; may be empty.
    pub name: String,
    /// Its residues, waters among them.
    pub n_residues: usize,
    /// Its atoms.
    pub n_atoms: usize,
}

/// Describes a PDB or mmCIF file.
///
/// # Errors
/// As [`read_atoms`].
pub fn inspect_structure(path: &Path) -> Result<StructureSummary> {
    let mut file = read_atoms(path)?;
    let models: Vec<i64> = file.models.iter().map(|model| model.number).collect();
    let structure = Structure::new(file.models.swap_remove(0).atoms);

    let name = |name: &str| ChainSummary { name: name.to_owned(), n_residues: 0, n_atoms: 0 };
    let mut chains: Vec<ChainSummary> = structure.chains().iter().map(|chain| name(chain)).collect();
    let mut residues: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut other_residues: BTreeMap<String, usize> = BTreeMap::new();
    for residue in structure.residues() {
        chains[residue.chain].n_residues += 1;
        chains[residue.chain].n_atoms += residue.n_atoms;
        *residues.entry(residue.kind.plural()).or_default() += 1;
        use crate::structure::ResidueKind::{Protein, Water};
        if !matches!(residue.kind, Protein | Water) {
            *other_residues.entry(residue.name.to_string()).or_default() += 1;
        }
    }
    let positions = structure.atoms().iter().map(|atom| atom.position_angstrom);
    let beads: Vec<[f64; 3]> =
        structure.atoms().iter().filter(|atom| is_alpha_carbon(atom)).map(|atom| atom.position_angstrom).collect();
    let extreme = |start: f64, choose: fn(f64, f64) -> f64| {
        positions
            .clone()
            .fold([start; 3], |all, position| std::array::from_fn(|axis| choose(all[axis], position[axis])))
    };
    let n_beads = beads.len();
    let mean = || std::array::from_fn(|axis| beads.iter().map(|bead| bead[axis]).sum::<f64>() / n_beads as f64);
    Ok(StructureSummary {
        models,
        n_stored_atoms: structure.n_stored_atoms(),
        n_atoms: structure.atoms().len(),
        n_hydrogens: structure.atoms().iter().filter(|atom| is_hydrogen(atom)).count(),
        chains,
        residues,
        other_residues,
        n_residues_with_alternates: structure.n_residues_with_alternates(),
        n_beads,
        extent_angstrom: [extreme(f64::INFINITY, f64::min), extreme(f64::NEG_INFINITY, f64::max)],
        bead_center_angstrom: (n_beads > 0).then(mean),
        n_assembly_copies: file.n_assembly_copies,
    })
}

/// An MRC file's header, read as that of a map. Nothing is refused: values that make no sense are shown as they are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MapSummary {
    /// The axes that columns, rows and sections run along: `x`, `y`, `z`; `?` for anything else.
    pub axes: [char; 3],
    /// Voxels along x, y, z; `None` if the axes are not a permutation.
    pub n_voxels: Option<[u64; 3]>,
    /// The distance between voxels along x, y, z in Å, where the header has one.
    pub voxel_angstrom: [Option<f64>; 3],
    /// ORIGIN along x, y, z in Å.
    pub origin_angstrom: [f64; 3],
    /// NXSTART, NYSTART, NZSTART in the order of the file's axes.
    pub start: [i32; 3],
    /// The cell's angles in degrees.
    pub cell_angles_deg: [f64; 3],
    /// The resolution at the map's Nyquist frequency: twice the largest voxel side, in Å.
    pub nyquist_angstrom: Option<f64>,
}

impl MapSummary {
    /// From a header.
    pub fn new(header: &MrcHeader) -> Self {
        let geometry = &header.geometry;
        let axes = if geometry.axes == [0; 3] { [1, 2, 3] } else { geometry.axes };
        let mut n_voxels = [None; 3];
        for (axis, n) in axes.iter().zip([header.n_columns, header.n_rows, header.n_sections]) {
            if let Some(place) = usize::try_from(*axis).ok().and_then(|axis| n_voxels.get_mut(axis.wrapping_sub(1))) {
                *place = Some(n);
            }
        }
        let voxel_angstrom = geometry.voxel_angstrom();
        let sides: Option<Vec<f64>> = voxel_angstrom.iter().copied().collect();
        Self {
            axes: axes.map(|axis| match axis {
                1 => 'x',
                2 => 'y',
                3 => 'z',
                _ => '?',
            }),
            n_voxels: match n_voxels {
                [Some(x), Some(y), Some(z)] => Some([x, y, z]),
                _ => None,
            },
            voxel_angstrom,
            origin_angstrom: geometry.origin_angstrom.map(f64::from),
            start: geometry.start,
            cell_angles_deg: geometry.cell_angles_deg.map(f64::from),
            nyquist_angstrom: sides.map(|sides| 2.0 * sides.into_iter().fold(0.0, f64::max)),
        }
    }
}
