//! Promise: of a CryoSPARC job of any type, the folder is enough: its particles are found among its files as CryoSPARC lays
//! them out, and joined.

use std::path::Path;

use crate::cryosparc_common::{Cs, convert, job, read, settings, two, write_stack};
use verglas::Error;
use verglas::metadata::Input;

const UIDS: [u64; 4] = [11, 12, 13, 14];
/// The images of an extraction job, two micrographs of it.
const IMAGES: [(&str, u32); 4] = [
    (">J12/extract/000123_mic_particles.mrc", 1),
    (">J12/extract/000123_mic_particles.mrc", 0),
    (">J12/extract/000456_mic_particles.mrc", 0),
    (">J12/extract/000456_mic_particles.mrc", 1),
];
/// Their means.
const MEANS: [f64; 4] = [11.0, 10.0, 20.0, 21.0];

/// A project with an extraction job.
fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_stack(dir.path().join("J12/extract/000123_mic_particles.mrc"), 2, 10.0);
    write_stack(dir.path().join("J12/extract/000456_mic_particles.mrc"), 2, 20.0);
    dir
}

fn images() -> Cs {
    Cs::default().with_uids(&UIDS).with_images(&IMAGES).f32("blob/psize_A", &[1.5; 4])
}

fn ctf() -> Cs {
    Cs::with_ctf(4).with_uids(&UIDS)
}

fn both() -> Cs {
    ctf().with_images(&IMAGES).f32("blob/psize_A", &[1.5; 4])
}

fn poses(n: usize) -> Cs {
    Cs::default().with_uids(&UIDS[..n]).f32s("alignments3D/pose", &vec![[0.1, 0.2, 0.3]; n])
}

/// Exposures have a CTF, too, and uids of their own.
fn exposures() -> Cs {
    Cs::with_ctf(2).with_uids(&[1, 2]).text("micrograph_blob/path", &["J2/a.mrc", "J2/b.mrc"])
}

/// A job's particles: those of all rows, whose images and CTF are right.
fn assert_found(root: &Path, job_number: u64) {
    let (converted, _) = convert(job(root, job_number), settings());
    let converted = converted.unwrap_or_else(|error| panic!("J{job_number}: {error}"));
    assert_eq!(converted.means, MEANS, "J{job_number}");
    assert_eq!(converted.defocus_u, [10_000.0, 10_010.0, 10_020.0, 10_030.0], "J{job_number}");
    assert_eq!(converted.uids, UIDS, "J{job_number}");
    assert_eq!(converted.files[0], "J12/extract/000123_mic_particles.mrc");
}

fn chosen(root: &Path, job_number: u64) -> Result<Vec<String>, Error> {
    let files = job(root, job_number).resolved()?.metadata_files();
    Ok(files.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect())
}

#[test]
fn extraction_and_import() {
    let dir = project();
    let path = |name: &str| dir.path().join(name);
    images().write(path("J12/extracted_particles.cs"));
    ctf().write(path("J12/J12_passthrough_particles.cs"));
    exposures().write(path("J12/J12_passthrough_micrographs.cs"));
    exposures().write(path("J12/incomplete_micrographs.cs"));
    assert_found(dir.path(), 12);
    assert_eq!(chosen(dir.path(), 12).unwrap(), ["extracted_particles.cs", "J12_passthrough_particles.cs"]);

    both().write(path("J5/imported_particles.cs"));
    assert_found(dir.path(), 5);
    assert_eq!(chosen(dir.path(), 5).unwrap(), ["imported_particles.cs"]);
}

#[test]
fn selection_and_classification_in_2d() {
    let dir = project();
    let path = |name: &str| dir.path().join(name);
    let in_plane = || Cs::default().with_uids(&UIDS).f32("alignments2D/pose", &[0.5; 4]);
    for iteration in ["000", "019", "020"] {
        in_plane().write(path(&format!("J18/J18_{iteration}_particles.cs")));
        let averages = Cs::default().with_uids(&UIDS).with_images(&IMAGES).f32("blob/res_A", &[8.0; 4]);
        averages.write(path(&format!("J18/J18_{iteration}_class_averages.cs")));
    }
    both().write(path("J18/J18_passthrough_particles.cs"));
    assert_found(dir.path(), 18);
    assert_eq!(chosen(dir.path(), 18).unwrap(), ["J18_020_particles.cs", "J18_passthrough_particles.cs"]);

    in_plane().write(path("J20/particles_selected.cs"));
    both().write(path("J20/J20_passthrough_particles_selected.cs"));
    let excluded = || Cs::default().with_uids(&[91]).f32("alignments2D/pose", &[0.5]);
    excluded().write(path("J20/particles_excluded.cs"));
    Cs::with_ctf(1).with_uids(&[91]).with_images(&IMAGES[..1]).write(path("J20/J20_passthrough_particles_excluded.cs"));
    images().write(path("J20/templates_selected.cs"));
    assert_found(dir.path(), 20);
    let expected = ["particles_selected.cs", "J20_passthrough_particles_selected.cs"];
    assert_eq!(chosen(dir.path(), 20).unwrap(), expected);
}

#[test]
fn refinement_with_poses_and_with_ctf_in_either_file() {
    let dir = project();
    let path = |name: &str| dir.path().join(name);
    for iteration in 0..12 {
        let turned = poses(4).f32s("alignments3D/pose", &[[0.0, 0.0, iteration as f32 * 0.01]; 4]);
        turned.write(path(&format!("J24/cryosparc_P1_J24_{iteration:03}_particles.cs")));
    }
    both().write(path("J24/J24_passthrough_particles.cs"));
    exposures().write(path("J24/J24_passthrough_exposures.cs"));
    assert_found(dir.path(), 24);
    let table = read(&job(dir.path(), 24)).0.unwrap();
    // A turn about z by 0.11: the last iteration's.
    let pose = table.pose.get(0).unwrap();
    assert!(((pose.rot + pose.psi).abs() - 0.11).abs() < 1e-6, "{pose:?}");

    // Later versions write the CTF with the poses, which is refined there and counts.
    let refined = both().without("blob/path").without("blob/idx").f32s("alignments3D/pose", &[[0.1, 0.2, 0.3]; 4]);
    refined.write(path("J25/J25_007_particles.cs"));
    both().f32("ctf/df1_A", &[5_000.0; 4]).write(path("J25/J25_passthrough_particles.cs"));
    assert_found(dir.path(), 25);
    let (same, _) =
        convert(two(path("J25/J25_007_particles.cs"), path("J25/J25_passthrough_particles.cs")), settings());
    assert_eq!(convert(job(dir.path(), 25), settings()).0.unwrap(), same.unwrap());
}

#[test]
fn classes_in_3d_are_whole_or_told_one_by_one() {
    let dir = project();
    let path = |name: &str| dir.path().join(name);
    both().write(path("J14/J14_passthrough_particles_all_classes.cs"));
    poses(3).write(path("J14/J14_class_00_00062_particles.cs"));
    Cs::default()
        .with_uids(&UIDS[3..])
        .f32s("alignments3D/pose", &[[0.0; 3]])
        .write(path("J14/J14_class_01_00062_particles.cs"));
    let error = convert(job(dir.path(), 14), settings()).0.unwrap_err();
    assert!(error.to_string().contains("J14` holds 2 sets of particles, expected one"), "{error}");
    let hint = error.hint().unwrap().to_string();
    let command = ["J14_class_00_00062_particles.cs\"", "J14_passthrough_particles_all_classes.cs\""];
    assert!(command.iter().all(|file| hint.contains(file)), "{hint}");
    poses(4).write(path("J14/J14_00062_particles.cs"));
    assert_found(dir.path(), 14);
}

#[test]
fn poses_that_are_passed_on_are_not_lost_and_a_file_of_others_is_left_alone() {
    let dir = project();
    let path = |name: &str| dir.path().join(name);
    both().write(path("J30/J30_particles.cs"));
    poses(4).write(path("J30/J30_passthrough_particles.cs"));
    assert!(read(&job(dir.path(), 30)).0.unwrap().pose.get(3).is_some());
    // Of other particles: nothing is joined, and nothing is wrong.
    poses(3).write(path("J30/J30_passthrough_particles.cs"));
    assert_found(dir.path(), 30);
    assert_eq!(chosen(dir.path(), 30).unwrap(), ["J30_particles.cs"]);
}

#[test]
fn what_can_not_be_found_is_told() {
    let dir = project();
    let path = |name: &str| dir.path().join(name);
    Cs::default().with_uids(&UIDS).f32("location/center_x_frac", &[0.5; 4]).write(path("J9/picked_particles.cs"));
    let error = convert(job(dir.path(), 9), settings()).0.unwrap_err();
    assert!(error.to_string().contains("`picked_particles.cs` lacks blob/path, blob/idx, ctf/df1_A"), "{error}");
    assert!(error.hint().unwrap().to_string().contains("extraction job"));
    std::fs::write(path("J9/J9_004_particles.cs"), b"\x93NUMPY cut").unwrap();
    let error = convert(job(dir.path(), 9), settings()).0.unwrap_err().to_string();
    assert!(error.contains("J9_004_particles.cs"), "{error}");
}

#[test]
fn a_lone_file_names_the_one_that_holds_the_rest() {
    let dir = project();
    let path = |name: &str| dir.path().join(name);
    poses(4).write(path("J24/J24_004_particles.cs"));
    poses(4).write(path("J24/J24_010_particles.cs"));
    both().write(path("J24/J24_passthrough_particles.cs"));
    ctf().write(path("J12/J12_passthrough_particles.cs"));
    images().write(path("J12/extracted_particles.cs"));
    exposures().write(path("J12/J12_passthrough_micrographs.cs"));
    for (given, together) in [
        ("J24/J24_004_particles.cs", ["J24/J24_004_particles.cs", "J24/J24_passthrough_particles.cs"]),
        ("J12/extracted_particles.cs", ["J12/extracted_particles.cs", "J12/J12_passthrough_particles.cs"]),
        ("J12/J12_passthrough_particles.cs", ["J12/J12_passthrough_particles.cs", "J12/extracted_particles.cs"]),
        ("J12/J12_passthrough_micrographs.cs", ["J12/extracted_particles.cs", "J12/J12_passthrough_particles.cs"]),
    ] {
        let input = Input::IndexedCs { particles: path(given), passthrough: None };
        let (result, _) = convert(input, settings());
        let hint = result.unwrap_err().hint().map(ToString::to_string).unwrap_or_default();
        let expected = format!("`Input::from_paths({:?})`", together.map(path));
        assert!(hint.contains(&expected), "{given}: {hint}");
    }
}
