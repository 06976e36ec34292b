//! Entries of the Protein Data Bank, and trajectories.

use std::path::PathBuf;

use verglas_core::Findings;
use verglas_structures::inspect::inspect_structure;
use verglas_structures::*;

use crate::shared::{all_atoms, beads, error, plan, settings, shared};

fn entry(name: &str) -> Option<PathBuf> {
    shared(&format!("data/structures/{name}"))
}

#[test]
fn pdb_and_mmcif_of_an_entry_give_the_same() {
    let all_models = |mut settings: LoadSettings| {
        settings.models = Models::All;
        settings
    };
    let mut n_compared = 0;
    for name in ["1l2y", "3o5r", "5ugo", "1bna"] {
        let (Some(pdb), Some(mmcif)) = (entry(&format!("{name}.pdb")), entry(&format!("{name}.cif"))) else { return };
        let selections = [
            all_atoms("all"),
            all_atoms("not water and not element H"),
            all_atoms("chain A and resSeq 5 to 40"),
            all_atoms("nucleic or hetatm or index < 3"),
            all_atoms("chainid 0"),
            all_atoms("code A G or backbone"),
            all_atoms("index 10 to 200"),
            all_atoms("resid 2 to 9"),
            settings("protein and name CA"),
        ];
        for settings in selections.map(all_models) {
            let has_protein = name != "1bna";
            if settings.beads.use_protein_residue_model && !has_protein {
                continue;
            }
            let (one, other) = (beads(&pdb, &settings), beads(&mmcif, &settings));
            assert!(one == other, "{name}: {}", settings.beads.selection.text());
            n_compared += one.len();
        }
        let (one, other) = (inspect_structure(&pdb).unwrap(), inspect_structure(&mmcif).unwrap());
        assert_eq!(one, other, "{name}");
    }
    assert!(n_compared >= 38 * 9);
}

/// Counts from the entries themselves, by hand and by other programs.
#[test]
fn what_is_in_the_entries() {
    let Some(path) = entry("3o5r.pdb") else { return };
    let summary = inspect_structure(&path).unwrap();
    assert_eq!((summary.models.len(), summary.n_beads, summary.chains.len()), (1, 128, 1));
    assert_eq!(summary.residues.get("waters"), Some(&287));
    assert_eq!(summary.other_residues.get("FK5"), Some(&1));
    assert!(summary.n_residues_with_alternates > 0 && summary.n_atoms < summary.n_stored_atoms);

    let summary = inspect_structure(&entry("1l2y.pdb").unwrap()).unwrap();
    assert_eq!(summary.models, (1..=38).collect::<Vec<i64>>());
    assert_eq!((summary.n_atoms, summary.n_beads), (304, 20));

    let summary = inspect_structure(&entry("5ugo.cif").unwrap()).unwrap();
    let names: Vec<&str> = summary.chains.iter().map(|chain| &*chain.name).collect();
    assert_eq!((names, summary.n_beads), (vec!["T", "P", "D", "A"], 326));

    let summary = inspect_structure(&entry("apoferritin_ca_apo_sym.pdb").unwrap()).unwrap();
    assert_eq!((summary.n_beads, summary.chains.len()), (4080, 24));
}

#[test]
fn the_default_selection_tells_what_it_leaves_out_or_stops() {
    let Some(path) = entry("3o5r.pdb") else { return };
    let (structures, findings) = plan(&[&path], &settings("name CA"));
    assert!(findings.errors.is_empty());
    assert_eq!(structures.planned()[0].name, "3o5r");
    let told: Vec<&str> = findings.warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(told, ["left-out"]);
    let message = findings.warnings[0].message.to_string();
    assert!(message.contains("287 waters") && message.contains("1 ligand (57 atoms: 1 FK5)"), "{message}");

    let (text, hint) = error(&entry("5ugo.pdb").unwrap(), &settings("name CA"));
    assert!(text.contains("would leave out") && text.contains("32 nucleotides"), "{text}");
    assert!(hint.contains("'protein and name CA'"), "{hint}");
    assert_eq!(beads(&entry("5ugo.pdb").unwrap(), &settings("protein and name CA"))[0].radii_angstrom.len(), 326);

    let (text, _) = error(&entry("1bna.cif").unwrap(), &settings("name CA"));
    assert!(text.contains("the selection `name CA` selects no atom") && text.contains("80 HOH, 8 DC, 8 DG"), "{text}");
}

#[test]
fn models_are_the_first_unless_asked_for() {
    let Some(path) = entry("1l2y.cif") else { return };
    let mut settings = settings("name CA");
    let (structures, findings) = plan(&[&path], &settings);
    assert_eq!(structures.planned().len(), 1);
    assert!(findings.warnings[0].message.to_string().contains("has 38 models, of which the first (model 1) is taken"));
    settings.models = "5,7-8".parse().unwrap();
    let (structures, findings) = plan(&[&path, &path], &settings);
    assert!(findings.warnings.is_empty() && findings.errors.is_empty());
    let names: Vec<&str> = structures.planned().iter().map(|planned| &*planned.name).collect();
    let expected = ["1l2y_model5", "1l2y_model7", "1l2y_model8", "1l2y_model5_1", "1l2y_model7_1", "1l2y_model8_1"];
    assert_eq!(names, expected);
    settings.models = "37-40".parse().unwrap();
    let (text, _) = error(&path, &settings);
    assert!(text.contains("there is no model 39; its models are 1 to 38"), "{text}");
}

/// The frames of both trajectories are the models of the entry.
#[test]
fn frames_are_the_models_that_they_were_made_of() {
    let Some(pdb) = entry("1l2y.pdb") else { return };
    let mut settings = all_atoms("all");
    settings.beads.center = Center::None;
    settings.models = Models::All;
    let models = beads(&pdb, &settings);
    settings.topology = Some(pdb);
    for (name, tolerance) in [("1l2y.xtc", 1e-9), ("1l2y.dcd", 2e-6)] {
        // XTC has whole numbers of 1/precision nm, of three decimals in Å; DCD has single precision.
        let frames = beads(&entry(name).unwrap(), &settings);
        assert_eq!(frames.len(), models.len());
        for (frame, model) in frames.iter().zip(&models) {
            let pairs = frame.positions_angstrom.as_flattened().iter().zip(model.positions_angstrom.as_flattened());
            let worst = pairs.map(|(one, other)| (one - other).abs()).fold(0.0, f64::max);
            assert!(worst < tolerance, "{name}: {worst}");
        }
    }
    settings.frames = "2:1000:18".parse().unwrap();
    let (structures, findings) = plan(&[&entry("1l2y.xtc").unwrap()], &settings);
    let names: Vec<&str> = structures.planned().iter().map(|planned| &*planned.name).collect();
    assert_eq!(names, ["1l2y_frame2", "1l2y_frame20"]);
    assert!(findings.warnings[0].message.to_string().contains("38 frames, fewer than requested"));
    let Content::Beads(loaded) = structures.load(&structures.planned()[1], &mut Findings::new()).unwrap() else {
        panic!("beads")
    };
    assert!((loaded.positions_angstrom[0][0] - models[20].positions_angstrom[0][0]).abs() < 1e-9);
}

#[test]
fn a_real_map_has_its_place() {
    let Some(path) = shared("data/mrc/EMD-3197.map") else { return };
    let (density, findings) = crate::shared::density(&path, &settings("name CA"));
    assert!(findings.warnings.is_empty(), "{:?}", findings.warnings);
    assert_eq!((density.shape, density.center_voxel), ([20; 3], [10.0; 3]));
    // NSTART is -2, 0, 0 and the voxel 11.4 Å.
    let expected = [(10.0 - 2.0) * 11.4, 10.0 * 11.4, 10.0 * 11.4];
    for (found, expected) in density.center_angstrom.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-4, "{:?}", density.center_angstrom);
    }
    let packed = crate::shared::density(&shared("data/mrc/EMD-3197.map.bz2").unwrap(), &settings("name CA")).0;
    assert_eq!(packed, density);
}
