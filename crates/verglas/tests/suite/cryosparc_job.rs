//! Promise: in a CryoSPARC job directory an index decides which row describes which image, and only where there is none
//! the order does; what is left out is reported.

use std::fs;
use std::path::Path;

use crate::cryosparc_common::{Converted, Cs, convert, job, read, read_with, settings, told, write_stack};
use verglas::metadata::ReadSettings;
use verglas::settings::ConvertSettings;
use verglas::{Error, ErrorKind, Warning};

/// The folder of a project with two image files in `J15/restack`: means 10, 11, 12 and 20, 21.
fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_stack(dir.path().join("J15/restack/batch_0_restacked.mrc"), 3, 10.0);
    write_stack(dir.path().join("J15/restack/batch_1_restacked.mrc"), 2, 20.0);
    dir
}

fn write_passthrough(root: &Path, cs: &Cs) {
    cs.write(root.join("J15/J15_passthrough_particles.cs"));
}

fn convert_job(root: &Path) -> (Result<Converted, Error>, Vec<Warning>) {
    convert(job(root, 15), settings())
}

/// The codes of warnings that are not about defaults, astigmatism and small boxes, which all these data sets have.
fn unexpected(warnings: &[Warning]) -> Vec<&str> {
    let codes = warnings.iter().map(|warning| warning.code);
    codes.filter(|code| !["default-used", "defocus-angle-axis", "box-against-defocus"].contains(code)).collect()
}

const BATCH: [&str; 2] = ["J15/restack/batch_0_restacked.mrc", "J15/restack/batch_1_restacked.mrc"];
/// Every image of the project, last first.
const REVERSED: [(&str, u32); 5] = [(BATCH[1], 1), (BATCH[1], 0), (BATCH[0], 2), (BATCH[0], 1), (BATCH[0], 0)];

#[test]
fn without_an_index_rows_describe_the_images_in_sequence_across_files() {
    let dir = project();
    write_passthrough(dir.path(), &Cs::with_ctf(5).with_uids(&[1, 2, 3, 4, 5]));
    let (converted, warnings) = convert_job(dir.path());
    let converted = converted.unwrap();
    assert_eq!(converted.means, [10.0, 11.0, 12.0, 20.0, 21.0]);
    assert_eq!(converted.defocus_u, [10_000.0, 10_010.0, 10_020.0, 10_030.0, 10_040.0]);
    assert_eq!(converted.files, [BATCH[0], BATCH[0], BATCH[0], BATCH[1], BATCH[1]]);
    assert_eq!(converted.sections, [0, 1, 2, 0, 1]);
    assert_eq!((converted.rows, converted.uids), (vec![0, 1, 2, 3, 4], vec![1, 2, 3, 4, 5]));
    assert_eq!(unexpected(&warnings), [""; 0]);
}

#[test]
fn an_index_in_the_passthrough_file_decides() {
    let dir = project();
    write_passthrough(dir.path(), &Cs::with_ctf(5).with_images(&REVERSED));
    let (converted, warnings) = convert_job(dir.path());
    let converted = converted.unwrap();
    assert_eq!(converted.means, [21.0, 20.0, 12.0, 11.0, 10.0]);
    assert_eq!(converted.rows, [0, 1, 2, 3, 4]);
    assert_eq!(converted.files[0], BATCH[1]);
    assert_eq!(unexpected(&warnings), [""; 0]);
}

#[test]
fn an_index_in_another_file_of_the_job_decides_whatever_its_name_and_order() {
    for name in ["J15_particles.cs", "restacked_particles.cs", "cryosparc_P1_J15_restacked_particles.cs"] {
        let dir = project();
        // What the passthrough file still says about the images before they were restacked is not used.
        let before = [("J3/extract/mic.mrc", 7); 5];
        write_passthrough(
            dir.path(),
            &Cs::with_ctf(5).with_uids(&[1, 2, 3, 4, 5]).with_images(&before).f32("blob/psize_A", &[9.0; 5]),
        );
        let marked: Vec<(String, u32)> = REVERSED.iter().map(|(path, at)| (format!(">{path}"), *at)).collect();
        let marked: Vec<(&str, u32)> = marked.iter().map(|(path, at)| (path.as_str(), *at)).collect();
        let index = Cs::default().with_uids(&[5, 4, 3, 1, 2]).with_images(&marked).f32("blob/psize_A", &[1.5; 5]);
        index.write(dir.path().join("J15").join(name));
        // Neither the images before restacking nor another job's file are these very images.
        Cs::default().with_uids(&[9]).with_images(&before[..1]).write(dir.path().join("J15/a_particles.cs"));
        let converted = convert_job(dir.path()).0.unwrap();
        assert_eq!(converted.means, [11.0, 10.0, 12.0, 20.0, 21.0], "{name}");
        assert_eq!(converted.uids, [1, 2, 3, 4, 5]);
        assert_eq!(converted.files[4], BATCH[1]);
        let table = read(&job(dir.path(), 15)).0.unwrap();
        assert_eq!(table.pixel_size_angstrom, Some(1.5));
    }
}

#[test]
fn an_index_of_other_images_is_reported_and_not_used() {
    let dir = project();
    let other: Vec<(&str, u32)> = (0..5).map(|at| ("J14/restack/batch_0_restacked.mrc", 4 - at)).collect();
    write_passthrough(dir.path(), &Cs::with_ctf(5).with_images(&other));
    let (converted, warnings) = convert_job(dir.path());
    assert_eq!(converted.unwrap().means, [10.0, 11.0, 12.0, 20.0, 21.0]);
    assert_eq!(told(&warnings, "rows-in-sequence").len(), 1);
}

#[test]
fn a_file_that_might_hold_the_index_and_can_not_be_read_stops_the_run() {
    let dir = project();
    write_passthrough(dir.path(), &Cs::with_ctf(5));
    fs::write(dir.path().join("J15/restacked_particles.cs"), b"\x95CSDAT\x01").unwrap();
    assert!(convert_job(dir.path()).0.unwrap_err().to_string().contains("CSDAT"));
}

#[test]
fn an_index_that_can_not_be_joined_stops_the_run() {
    let dir = project();
    write_passthrough(dir.path(), &Cs::with_ctf(5));
    Cs::default()
        .with_uids(&[5, 4, 3, 1, 2])
        .with_images(&REVERSED)
        .write(dir.path().join("J15/restacked_particles.cs"));
    let error = convert_job(dir.path()).0.unwrap_err().to_string();
    assert!(error.contains("J15_passthrough_particles.cs`, by which they are joined"), "{error}");
}

#[test]
fn fewer_rows_than_images_is_an_error_and_more_are_reported() {
    let dir = project();
    write_passthrough(dir.path(), &Cs::with_ctf(4));
    let error = convert_job(dir.path()).0.unwrap_err();
    assert!(error.to_string().contains("has 4 rows and the 2 image files in"), "{error}");
    assert!(error.to_string().contains("hold 5 images"), "{error}");

    write_passthrough(dir.path(), &Cs::with_ctf(7).with_uids(&[1, 2, 3, 4, 5, 6, 7]));
    let (converted, warnings) = convert_job(dir.path());
    let converted = converted.unwrap();
    assert_eq!((converted.rows, converted.uids), (vec![0, 1, 2, 3, 4], vec![1, 2, 3, 4, 5]));
    let told = told(&warnings, "rows-without-image");
    assert!(told[0].contains("has 7 rows") && told[0].contains("hold 5 images"), "{told:?}");
}

#[test]
fn groups_are_chosen_after_rows_and_images_were_paired() {
    let dir = project();
    write_passthrough(dir.path(), &Cs::with_ctf(5).u32("ctf/exp_group_id", &[1, 2, 1, 2, 2]));
    let chosen = ReadSettings { optics_groups: vec!["2".to_owned()], ..ReadSettings::default() };
    let table = read_with(&job(dir.path(), 15), &chosen).0.unwrap();
    assert_eq!(table.row, [1, 3, 4]);
    assert_eq!(table.image, [0, 1, 1]);
    assert_eq!(table.section.iter().map(|section| section.0).collect::<Vec<_>>(), [1, 0, 1]);
}

#[test]
fn both_folders_and_both_ways_of_writing_numbers_are_known() {
    for (folder, word, padded) in [
        ("restack", "restacked", false),
        ("restack", "restacked", true),
        ("downsample", "downsample", false),
        ("downsample", "downsample", true),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let name = |i: u32| if padded { format!("batch_{i:06}_{word}.mrc") } else { format!("batch_{i}_{word}.mrc") };
        // Eleven files: read as text, 10 would come before 2.
        for i in 0..11 {
            write_stack(dir.path().join("J15").join(folder).join(name(i)), 1, 10.0 + i as f32);
        }
        write_passthrough(dir.path(), &Cs::with_ctf(11));
        let converted = convert_job(dir.path()).0.unwrap();
        assert_eq!(converted.means, (0..11).map(|i| 10.0 + f64::from(i)).collect::<Vec<_>>());
        assert_eq!(converted.files[10], format!("J15/{folder}/{}", name(10)));
    }
}

#[test]
fn restack_comes_before_downsample() {
    let dir = project();
    write_stack(dir.path().join("J15/downsample/batch_000000_downsample.mrc"), 5, 50.0);
    write_passthrough(dir.path(), &Cs::with_ctf(5));
    assert_eq!(convert_job(dir.path()).0.unwrap().means[0], 10.0);
}

#[test]
fn files_past_a_gap_are_reported_and_not_converted() {
    let dir = project();
    write_stack(dir.path().join("J15/restack/batch_3_restacked.mrc"), 4, 30.0);
    write_passthrough(dir.path(), &Cs::with_ctf(9));
    let (converted, warnings) = convert_job(dir.path());
    assert_eq!(converted.unwrap().means.len(), 5);
    let gap = told(&warnings, "batch-missing");
    assert!(gap[0].contains("batch 2 is missing; 1 image file past it is") && gap[0].contains("`batch_3_"), "{gap:?}");
    assert!(told(&warnings, "rows-without-image")[0].contains("has 9 rows"), "{warnings:?}");

    // With an index, the rows of the images past the gap are left out, wherever they are.
    let past = "J15/restack/batch_3_restacked.mrc";
    let images = [(past, 0), (BATCH[0], 1), ("J15/restack/batch_2_restacked.mrc", 0), (BATCH[1], 0)];
    write_passthrough(dir.path(), &Cs::with_ctf(4).with_images(&images));
    let (converted, warnings) = convert_job(dir.path());
    let converted = converted.unwrap();
    assert_eq!((converted.means, converted.rows), (vec![11.0, 20.0], vec![1, 3]));
    let left_out = told(&warnings, "rows-without-image");
    assert!(left_out[0].starts_with("2 of 4 rows of") && left_out[0].contains(past), "{left_out:?}");
    assert!(told(&warnings, "images-without-row")[0].starts_with("3 of 5 images in"), "{warnings:?}");
}

#[test]
fn a_number_written_otherwise_in_the_metadata_still_leads_to_its_file() {
    let dir = project();
    let images: Vec<(&str, u32)> = (0..3).map(|at| ("J15/restack/batch_000000_restacked.mrc", 2 - at)).collect();
    write_passthrough(dir.path(), &Cs::with_ctf(3).with_images(&images));
    let converted = convert_job(dir.path()).0.unwrap();
    assert_eq!(converted.means, [12.0, 11.0, 10.0]);
    assert_eq!(converted.files[0], BATCH[0]);
}

#[test]
fn what_is_missing_is_named() {
    let kind_and_text = |root: &Path| {
        let error = convert_job(root).0.unwrap_err();
        (error.kind(), error.to_string())
    };
    let dir = tempfile::tempdir().unwrap();
    let (kind, text) = kind_and_text(dir.path());
    assert!(kind == ErrorKind::NotFound && text.contains("J15` does not exist"), "{text}");
    write_passthrough(dir.path(), &Cs::with_ctf(2));
    let (kind, text) = kind_and_text(dir.path());
    assert!(kind == ErrorKind::NotFound && text.contains("J15` holds no .cs file of particles"), "{text}");
    write_stack(dir.path().join("J15/restack/batch_1_restacked.mrc"), 1, 1.0);
    let (kind, text) = kind_and_text(dir.path());
    assert!(
        kind == ErrorKind::NotFound && text.contains("neither `batch_0_restacked.mrc` nor `batch_000000_"),
        "{text}"
    );
    write_stack(dir.path().join("J15/restack/batch_000001_restacked.mrc"), 1, 1.0);
    let (_, text) = kind_and_text(dir.path());
    assert!(text.contains("batch 1 is there twice"), "{text}");

    let dir = project();
    let (kind, text) = kind_and_text(dir.path());
    assert!(kind == ErrorKind::NotFound && text.contains("J15_passthrough_particles.cs"), "{text}");
    write_passthrough(dir.path(), &Cs::with_ctf(5).without("ctf/cs_mm"));
    assert!(kind_and_text(dir.path()).1.contains("missing ctf/cs_mm\n  columns there: ctf/df1_A"));
    write_passthrough(dir.path(), &Cs::with_ctf(5));
    fs::write(dir.path().join("J15/restack/batch_1_restacked.mrc"), b"short").unwrap();
    assert!(kind_and_text(dir.path()).1.contains("batch_1_restacked.mrc"));
}

#[test]
fn an_image_directory_contradicts_a_job() {
    let dir = project();
    write_passthrough(dir.path(), &Cs::with_ctf(5));
    let settings = ConvertSettings { image_dir: Some(dir.path().to_owned()), ..settings() };
    assert_eq!(convert(job(dir.path(), 15), settings).0.unwrap_err().kind(), ErrorKind::Value);
}
