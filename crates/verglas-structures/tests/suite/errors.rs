//! Each error about structures that a user can meet: where, what was expected, what was found.

use std::fs;
use std::path::PathBuf;

use verglas_structures::*;

use crate::shared::{all_atoms, error, plan, settings};

const CA: &str = "ATOM      1  CA  GLY A   1       1.000   2.000   3.000  1.00  0.00           C\n";

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn everything_that_is_wrong_is_reported_together() {
    let folder = tempfile::tempdir().unwrap();
    let [missing, also_missing] = ["no.pdb", "nor.cif"].map(|name| folder.path().join(name));
    let strange = file(&folder, "a.txt", CA);
    let empty = file(&folder, "empty.pdb", "HEADER\nEND\n");
    let damaged = file(&folder, "damaged.pdb", &format!("{CA}{}", CA.replace("2.000", "2.00x")));
    let sound = file(&folder, "sound.pdb", CA);
    let (structures, findings) =
        plan(&[&missing, &strange, &empty, &damaged, &sound, &also_missing], &all_atoms("name CA"));
    let told: Vec<String> = findings.errors.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 4, "{told:#?}");
    assert!(told[0].starts_with("2 of 6 files do not exist\n  ") && told[0].contains("nor.cif"), "{}", told[0]);
    assert!(told[1].contains("a.txt`: its ending is none of .pdb .ent .cif"), "{}", told[1]);
    assert!(told[2].ends_with("empty.pdb`: no atom record (ATOM or HETATM)"), "{}", told[2]);
    assert!(
        told[3].starts_with("line 2 of `")
            && told[3].ends_with("y in columns 39 to 46 is `   2.00x`, expected a number")
    );
    assert_eq!(structures.planned().len(), 1);
}

#[test]
fn an_mmcif_without_atoms_or_with_a_coordinate_that_is_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let (text, hint) = error(&file(&folder, "a.cif", "data_x\n_a 1\n"), &settings("name CA"));
    assert!(text.ends_with("a.cif`: no atom record (`_atom_site`) in any block"), "{text}");
    assert!(hint.contains("small molecule"));
    let site = "data_x\nloop_\n_atom_site.label_atom_id\n_atom_site.Cartn_x\n_atom_site.Cartn_y\n_atom_site.Cartn_z\n";
    let (text, _) = error(&file(&folder, "a.cif", &format!("{site}CA 1 2 ?\n")), &settings("name CA"));
    assert!(text.starts_with("line 7 of `") && text.ends_with("Cartn_z is missing, expected a number"), "{text}");
}

#[test]
fn no_radius() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "a.pdb", CA);
    let mut settings = all_atoms("all");
    settings.beads.atom_radii_angstrom = None;
    let (text, hint) = error(&path, &settings);
    assert!(text.starts_with("no radius"), "{text}");
    assert!(hint.contains("`atom_radii_angstrom`") && hint.contains("`use_protein_residue_model`"), "{hint}");
}

#[test]
fn nothing_selected_and_models_that_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "a.pdb", &format!("MODEL 2\n{CA}ENDMDL\nMODEL 4\n{CA}ENDMDL\n"));
    let (text, _) = error(&path, &settings("name CB"));
    assert!(text.contains("a.pdb`: the selection `name CB` selects no atom\n  residues there: 1 GLY"), "{text}");
    assert!(text.ends_with("in its model 2"), "{text}");
    let mut third = settings("name CA");
    third.models = "3".parse().unwrap();
    assert!(error(&path, &third).0.ends_with("there is no model 3; its models are 2, 4"));
}

#[test]
fn trajectories_need_a_topology_of_as_many_atoms() {
    let folder = tempfile::tempdir().unwrap();
    // One frame of one atom, which is not packed.
    let words = [1995, 1, 0].iter().flat_map(|n: &i32| n.to_be_bytes());
    let mut xtc: Vec<u8> = words.chain([0; 40]).chain(1i32.to_be_bytes()).collect();
    xtc.extend([0.1f32, 0.2, 0.3].iter().flat_map(|x| x.to_be_bytes()));
    let path = folder.path().join("a.xtc");
    fs::write(&path, &xtc).unwrap();
    let mut settings = settings("name CA");
    let (text, hint) = error(&path, &settings);
    assert!(text.contains("a trajectory says where its atoms are") && hint.contains("`topology`"), "{text}");
    settings.topology = Some(file(&folder, "two.pdb", &format!("{CA}{}", CA.replace("CA ", "CB "))));
    let (text, _) = error(&path, &settings);
    assert!(text.contains("a.xtc`: frames of 1 atom, the topology `") && text.ends_with("two.pdb` has 2"), "{text}");
    settings.topology = Some(file(&folder, "one.pdb", CA));
    settings.beads.center = Center::None;
    let position = crate::shared::beads(&path, &settings)[0].positions_angstrom[0];
    assert!((position[2] - 3.0).abs() < 1e-6 && (position[0] - 1.0).abs() < 1e-6);
    settings.frames = "3:".parse().unwrap();
    assert!(error(&path, &settings).0.contains("no frame from 3 on; the trajectory has 1 frame, counted from 0"));
    settings.topology = Some(folder.path().join("gone.pdb"));
    assert!(error(&path, &settings).0.contains("gone.pdb` does not exist"));
    fs::write(&path, b"neither of both").unwrap();
    settings.topology = Some(file(&folder, "one.pdb", CA));
    assert!(error(&path, &settings).0.contains("neither an XTC nor a DCD trajectory"));
}

#[test]
fn copies_of_an_assembly_and_numbers_that_are_none_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let operator = "REMARK 350   BIOMT1   1  1.000000  0.000000  0.000000        0.00000\n";
    let path = file(&folder, "a.pdb", &format!("{operator}{operator}{}{CA}", CA.replace("A   1 ", "A**** ")));
    let (_, findings) = plan(&[&path], &settings("name CA"));
    let told: Vec<String> = findings.warnings.iter().map(|warning| warning.message.to_string()).collect();
    assert!(told[0].contains("lists a biological assembly of 2 copies of its atoms: it is not built"), "{told:?}");
    assert!(told[1].contains("1 atom has no residue number that can be read"), "{told:?}");
}
