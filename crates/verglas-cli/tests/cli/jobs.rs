//! Promise: the folder of a job, RELION's or CryoSPARC's, is an input, however it is named.

use std::fs;

use crate::conversion::{all_files, assert_converted, metadata};
use crate::data_set::{DataSet, Ran, USUAL_NAMES, run_in, star};

/// A project of CryoSPARC with a refinement J24, whose poses and images are in one file and repeated in the other.
fn project() -> DataSet {
    let set = DataSet::empty();
    let ran = set.run(&["simulate", "-o", "project", "--particles", "12", "--n-pixels", "16", "--layout", "cs", "-q"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    fs::create_dir(set.path("project/J24")).unwrap();
    fs::rename(set.path("project/particles.cs"), set.path("project/J24/J24_004_particles.cs")).unwrap();
    fs::copy(set.path("project/J24/J24_004_particles.cs"), set.path("project/J24/J24_003_particles.cs")).unwrap();
    set
}

fn convert(set: &DataSet, working_dir: &str, arguments: &[&str], output: &str) -> Ran {
    let output = set.path(output);
    run_in(&set.path(working_dir), &[&["convert"], arguments, &["-o", output.to_str().unwrap()]].concat())
}

#[test]
fn a_job_of_cryosparc_by_its_folder_or_its_number() {
    let set = project();
    let ways: [(&str, &[&str]); 7] = [
        ("", &["project/J24"]),
        ("", &["project/J24/"]),
        ("", &["project", "--job", "24"]),
        ("", &["project", "--job", "J24"]),
        ("", &["project/J24", "--job", "24"]),
        ("project", &["--job", "24"]),
        ("project/J24", &["."]),
    ];
    let mut first = None;
    for (nth, (working_dir, arguments)) in ways.into_iter().enumerate() {
        let output = format!("out-{nth}");
        let ran = convert(&set, working_dir, arguments, &output);
        assert_converted(&ran);
        assert!(
            ran.stdout.contains("metadata of the job: ") && ran.stdout.contains("J24_004_particles.cs"),
            "{}",
            ran.stdout
        );
        let files = all_files(&set.path(&output).join("fft"));
        assert!(first.get_or_insert_with(|| files.clone()) == &files, "{working_dir}: {arguments:?}");
    }
    let checked = set.run(&["check", "project/J24"]);
    assert!(checked.code == 0 && checked.stdout.contains("J24_004_particles.cs\n"), "{}", checked.stdout);
    let unknown = set.run(&["check", "project", "--job", "25"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("J25` does not exist"), "{}", unknown.stderr);
}

#[test]
fn likelihoods_take_a_job_as_conversions_do() {
    let set = project();
    let pdb = "ATOM      1  CA  ALA A   1       1.000   2.000   3.000  1.00  0.00           C\n\
               ATOM      2  CA  ALA A   2       4.800   2.000   3.000  1.00  0.00           C\n";
    fs::write(set.path("a.pdb"), pdb).unwrap();
    let grids = ["descriptor", "--n-pixels", "16", "--pixel-size", "1.3", "-o", "grids.npz", "--viewing-distance", "1"];
    assert_eq!(set.run(&grids).code, 0);
    let templates = set.run(&["templates", "a.pdb", "-d", "grids.npz", "-o", "templates", "-q"]);
    assert_eq!(templates.code, 0, "{}", templates.stderr);
    for arguments in [&["project/J24"][..], &["project", "--job", "J24"]] {
        let ran = set.run(&[&["likelihood"], arguments, &["-t", "templates", "--check"]].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(
            ran.stdout.contains("12 images in 1 stack") && ran.stdout.contains("J24_004_particles.cs"),
            "{}",
            ran.stdout
        );
    }
    // And what conversions are asked of rows and boxes: these grids are of 16 px.
    let indices: Vec<u8> = [7_i64, 2, 4].iter().flat_map(|row| row.to_le_bytes()).collect();
    let header = format!("{:<117}\n", "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }");
    fs::write(set.path("rows.npy"), [b"\x93NUMPY\x01\0\x76\0", header.as_bytes(), &indices].concat()).unwrap();
    let chosen = ["likelihood", "project/J24", "-t", "templates", "--check", "--rows", "rows.npy"];
    let ran = set.run(&chosen);
    assert!(ran.code == 0 && ran.stdout.contains("3 images in 1 stack"), "{}", ran.stderr);
    let ran = set.run(&[&chosen[..], &["--downsample-to", "8"]].concat());
    let told = "images are 16 px wide, 8 px after downsampling to 8 px, the descriptor says 16 px";
    assert!(ran.code == 1 && ran.stderr.contains(told), "{}", ran.stderr);
}

#[test]
fn a_job_of_relion_stands_for_its_newest_particles() {
    let set = DataSet::usual();
    fs::create_dir_all(set.path("Refine3D/job019")).unwrap();
    let write = |name: &str, names: &[&str]| set.write_star(&format!("Refine3D/job019/{name}"), &star(names));
    write("run_it009_data.star", &USUAL_NAMES[..2]);
    write("run_it010_data.star", &USUAL_NAMES[..3]);
    set.write_star("Refine3D/job019/run_it010_model.star", "data_model_general\n_rlnReferenceDimensionality 3\n");
    let ran = set.run(&["convert", "Refine3D/job019", "-o", "out"]);
    assert_converted(&ran);
    assert_eq!(metadata(&set, 0).numbers("row").len(), 3);
    assert!(ran.stdout.ends_with("metadata of the job: Refine3D/job019/run_it010_data.star\n"), "{}", ran.stdout);
    write("run_data.star", &USUAL_NAMES[..4]);
    let ran = set.run(&["convert", "Refine3D/job019", "-o", "out", "--overwrite"]);
    assert_converted(&ran);
    assert_eq!(metadata(&set, 0).numbers("row").len(), 4);
    fs::create_dir_all(set.path("Extract/job007")).unwrap();
    fs::rename(set.path("particles.star"), set.path("Extract/job007/particles.star")).unwrap();
    let ran = set.run(&["check", "Extract/job007"]);
    assert!(ran.code == 0 && ran.stdout.contains("6 particles"), "{}", ran.stderr);
    // A model names the particles beside it.
    let ran = set.run(&["check", "Refine3D/job019/run_it010_model.star"]);
    assert!(ran.stderr.contains("hint: the particles are in another file of this folder: `verglas convert Refine3D/job019/run_data.star -o FOLDER`"), "{}", ran.stderr);
    let ran = set.run(&["check", "Refine3D"]);
    assert!(ran.code == 2 && ran.stderr.contains("RELION's hold run_data.star or particles.star"), "{}", ran.stderr);
}
