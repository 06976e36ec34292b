//! Real files from elsewhere, if available: below `VERGLAS_SHARED`, or in `../shared` next to the project; and
//! what all tests set.

use std::path::{Path, PathBuf};

use verglas_core::Findings;
use verglas_structures::*;

/// The file or folder `name` among them, if it is there.
pub fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("VERGLAS_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    Some(root.join(name)).filter(|path| path.exists())
}

/// The defaults, with another selection.
pub fn settings(selection: &str) -> LoadSettings {
    LoadSettings {
        beads: BeadSettings {
            selection: Selection::parse(selection).expect("a selection"),
            use_protein_residue_model: true,
            atom_radii_angstrom: None,
            center: Center::Mean,
            box_angstrom: None,
        },
        maps: MapSettings { array_voxel_angstrom: Some(2.0), ..MapSettings::default() },
        models: Models::First,
        frames: Frames::default(),
        topology: None,
    }
}

/// Every selected atom with a radius of 1.5 Å, hydrogens and waters too.
pub fn all_atoms(selection: &str) -> LoadSettings {
    let mut settings = settings(selection);
    settings.beads.use_protein_residue_model = false;
    settings.beads.atom_radii_angstrom = Some(1.5);
    settings
}

/// Plans files.
pub fn plan(paths: &[&Path], settings: &LoadSettings) -> (Structures, Findings) {
    let mut findings = Findings::new();
    let inputs = paths.iter().map(|path| Input::File(path.to_path_buf())).collect();
    (Structures::plan(inputs, settings.clone(), &mut findings), findings)
}

/// The beads of all structures of one file, which has no errors.
pub fn beads(path: &Path, settings: &LoadSettings) -> Vec<Beads> {
    let (structures, findings) = plan(&[path], settings);
    assert!(findings.errors.is_empty(), "{:?}", findings.errors);
    let load = |planned| match structures.load(planned, &mut Findings::new()).expect("a structure") {
        Content::Beads(beads) => beads,
        Content::Density(_) => panic!("a density"),
    };
    structures.planned().iter().map(load).collect()
}

/// The density of a file, and its warnings.
pub fn density(path: &Path, settings: &LoadSettings) -> (Density, Findings) {
    let (structures, findings) = plan(&[path], settings);
    assert!(findings.errors.is_empty(), "{:?}", findings.errors);
    match structures.load(&structures.planned()[0], &mut Findings::new()).expect("a structure") {
        Content::Density(density) => (density, findings),
        Content::Beads(_) => panic!("beads"),
    }
}

/// The first error of a plan for one file, with its hint.
pub fn error(path: &Path, settings: &LoadSettings) -> (String, String) {
    let (_, findings) = plan(&[path], settings);
    let error = findings.errors.first().expect("an error");
    (error.to_string(), error.hint().map(ToString::to_string).unwrap_or_default())
}
