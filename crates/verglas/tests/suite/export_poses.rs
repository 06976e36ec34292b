//! Poses in place of the source's: where they go in a file of each kind, and what is left out.

use std::fs;

use serde_json::json;
use verglas::export::{Exported, FoundPose, export_poses};
use verglas::pose::Pose;
use verglas::{Error, Findings};
use verglas_formats::cs::{CsData, CsReader, CsSource, write_cs};

use crate::export::{Bench, texts};

/// Poses of the structures 2, 0 and so on of which every number is another.
fn poses(n: usize) -> Vec<Option<FoundPose>> {
    let pose = |image: usize| {
        let image = image as f64;
        FoundPose {
            angles_deg: [10.5 + image, 20.25 + image, -30.125 - image],
            origin_angstrom: [1.5 + image, -4.5 - image],
            structure: if image == 0.0 { 2 } else { 0 },
            log_likelihood: -1000.0 - image,
        }
    };
    (0..n).map(|image| Some(pose(image))).collect()
}

fn export(bench: &Bench, output: &str, poses: &[Option<FoundPose>]) -> (Result<Exported, Error>, Findings) {
    let mut findings = Findings::new();
    let exported = export_poses(&bench.request(output), poses, &mut findings);
    (exported, findings)
}

/// A bench whose only stack has the images of these rows of `text`, section k of `a.mrcs` in row k.
fn star(text: &str, rows: &[i64], settings: &[(&str, serde_json::Value)]) -> Bench {
    let bench = Bench::new();
    fs::write(bench.path("run.star"), text).unwrap();
    bench.write_stack(0, &rows.iter().map(|&row| (row, "a.mrcs", row)).collect(), &[]);
    let mut manifest = bench.manifest(json!({"kind": "indexed-star"}), &["run.star"], &[rows.len()]);
    manifest["settings"]["pixel_size"] = json!([1.5, 1.5]);
    for (name, value) in settings {
        manifest["settings"][*name] = value.clone();
    }
    bench.write_manifest(&manifest);
    bench
}

#[test]
fn poses_replace_values_in_their_places_and_come_behind_where_there_is_none() {
    let text = "data_optics\nloop_\n_rlnOpticsGroup\n1\n\ndata_particles\nloop_\n_rlnAnglePsi #1\n_rlnImageName #2\n\
        _rlnNote #3\n"
        .to_owned()
        + "_OriginXAngst #4\n_rlnOriginX #5\n7.0 1@a.mrcs 'it is 7.0' \"0\" 99\n  8.0\t2@a.mrcs  plain '-1' 98 # kept\n\
           9.0 3@a.mrcs x 0 97\n\n# the end\n";
    let bench = star(&text, &[1, 0, 2], &[]);
    let (exported, findings) = export(&bench, "o.star", &poses(3));
    let exported = exported.unwrap();
    assert_eq!((exported.n_rows, exported.n_source_rows, exported.n_left_out), (3, 3, 0));
    assert!(findings.warnings.is_empty());
    let (head, _) = text.split_once("7.0 1@a").unwrap();
    // 1.5 Å a pixel; the second row of the source comes first.
    let expected = format!(
        "{head}_rlnAngleRot #6\n_rlnAngleTilt #7\n_rlnOriginYAngst #8\n_rlnClassNumber #9\n_rlnLogLikeliContribution #10\n\
         \x20 -30.125\t2@a.mrcs  plain 1.5 1.0 10.5 20.25 -4.5 3 -1000.0 # kept\n\
         -31.125 1@a.mrcs 'it is 7.0' 2.5 {} 11.5 21.25 -5.5 1 -1001.0\n\
         -32.125 3@a.mrcs x 3.5 {} 12.5 22.25 -6.5 1 -1002.0\n\n# the end\n",
        2.5 / 1.5,
        3.5 / 1.5
    );
    assert_eq!(fs::read_to_string(bench.path("o.star")).unwrap(), expected);
    // What was exported goes the same way again.
    let again = star(&expected, &[0, 1, 2], &[]);
    fs::write(again.path("run.star"), &expected).unwrap();
    again.write_stack(0, &vec![(0, "a.mrcs", 1), (1, "a.mrcs", 0), (2, "a.mrcs", 2)], &[]);
    export(&again, "o.star", &poses(3)).0.unwrap();
    assert_eq!(fs::read_to_string(again.path("o.star")).unwrap(), expected);
}

#[test]
fn a_single_particle_as_keys_and_values() {
    let text = "data_particles\n\n_rlnImageName 1@a.mrcs\n_rlnAngleRot '9000' # before\n_rlnDefocusU 9000\n\n\
        data_optics\n_rlnOpticsGroup 1\n_rlnAngleTilt 3\n";
    let bench = star(text, &[0], &[]);
    let (exported, _) = export(&bench, "o.star", &poses(1));
    // The optics block is nobody's pose.
    let error = exported.unwrap_err().to_string();
    assert!(error.contains("`rlnAngleTilt` can't be added"), "{error}");
    let text = text.replace("_rlnAngleTilt 3\n", "");
    let bench = star(&text, &[0], &[]);
    export(&bench, "o.star", &poses(1)).0.unwrap();
    let expected = text.replace("'9000' # before", "10.5 # before").replace(
        "_rlnDefocusU 9000\n",
        "_rlnDefocusU 9000\n_rlnAngleTilt 20.25\n_rlnAnglePsi -30.125\n_rlnOriginXAngst 1.5\n_rlnOriginYAngst -4.5\n\
         _rlnClassNumber 3\n_rlnLogLikeliContribution -1000.0\n",
    );
    assert_eq!(fs::read_to_string(bench.path("o.star")).unwrap(), expected);
}

const FOUR: &str = "data_\nloop_\n_rlnImageName\n1@a.mrcs\n2@a.mrcs\n3@a.mrcs\n4@a.mrcs\n";

#[test]
fn rows_without_a_pose_are_left_out_and_reported() {
    // Row 2 was not converted, the last image not compared, and the first without a result.
    let bench = star(FOUR, &[0, 1, 3], &[]);
    let mut poses = poses(2);
    poses[0] = None;
    let (exported, findings) = export(&bench, "o.star", &poses);
    let exported = exported.unwrap();
    assert_eq!((exported.n_rows, exported.n_source_rows, exported.n_left_out), (1, 4, 3));
    assert_eq!(texts(&bench.particles_of("o.star", ""), "ImageName"), ["2@a.mrcs"]);
    let [warning] = findings.warnings.as_slice() else { panic!("{:?}", findings.warnings) };
    assert_eq!(warning.code, "rows-left-out");
    let message = warning.message.to_string();
    assert!(message.starts_with("3 rows of `"), "{message}");
    assert!(
        message.ends_with("1 not converted, 1 not compared: of later stacks, 1 compared without a result"),
        "{message}"
    );
    // Of rows that were chosen, only those that were meant to be there count.
    let mut request = bench.request("p.star");
    request.rows = Some(bench.mask("mask.npy", &[true, true]));
    let mut findings = Findings::new();
    assert_eq!(export_poses(&request, &poses, &mut findings).unwrap().n_left_out, 1);
    request.rows = Some(bench.mask("mask.npy", &[true, false]));
    request.output = bench.path("q.star");
    let error = export_poses(&request, &poses, &mut findings).unwrap_err().to_string();
    assert!(error.contains("nothing was found for any of 1 chosen image"), "{error}");
    request.rows = Some(bench.mask("mask.npy", &[true, true, true]));
    let error = export_poses(&request, &poses, &mut findings).unwrap_err().to_string();
    assert!(error.contains("holds 3 values, the folder 2 images"), "{error}");
    let error = export(&bench, "q.star", &self::poses(4)).0.unwrap_err().to_string();
    assert!(error.contains("holds 3 images, and 4 were compared"), "{error}");
    assert!(!bench.path("q.star").exists());
}

#[test]
fn origins_are_those_of_the_source_where_blocks_of_pixels_were_averaged() {
    for (method, expected) in [("mean", ["1.0", "-5.0"]), ("fourier", ["1.5", "-4.5"])] {
        // Pixels of 1 Å in twos: the middle of the small image is half a pixel past that of the source.
        let settings = [
            ("pixel_size", json!([1.0, 1.0])),
            ("n_input_pixels", json!(8)),
            ("n_pixels", json!(4)),
            ("downsample", json!(2)),
            ("downsample_method", json!(method)),
        ];
        let bench = star(FOUR, &[0], &settings);
        export(&bench, "o.star", &poses(1)).0.unwrap();
        let particles = bench.particles_of("o.star", "");
        assert_eq!(texts(&particles, "OriginXAngst"), [expected[0]], "{method}");
        assert_eq!(texts(&particles, "OriginYAngst"), [expected[1]], "{method}");
    }
}

#[test]
fn the_source_can_be_elsewhere_and_must_be_the_same() {
    let bench = star(FOUR, &[0, 1, 2, 3], &[]);
    fs::rename(bench.path("run.star"), bench.path("moved.star")).unwrap();
    let error = export(&bench, "o.star", &poses(4)).0.unwrap_err().to_string();
    assert!(error.contains("run.star`, from which the images were converted"), "{error}");
    let mut request = bench.request("o.star");
    request.source = Some(bench.path("moved.star"));
    assert_eq!(export_poses(&request, &poses(4), &mut Findings::new()).unwrap().n_rows, 4);
    fs::write(bench.path("other.star"), format!("{FOUR}5@a.mrcs\n")).unwrap();
    request.source = Some(bench.path("other.star"));
    request.output = bench.path("p.star");
    let error = export_poses(&request, &poses(4), &mut Findings::new()).unwrap_err().to_string();
    assert!(error.contains("other.star` is not the file that `"), "{error}");
    // Of the same size, with rows in another order.
    fs::write(bench.path("other.star"), FOUR.replace("1@a", "5@a")).unwrap();
    let error = export_poses(&request, &poses(4), &mut Findings::new()).unwrap_err().to_string();
    assert!(error.contains("row 0 (counted from 0) does not name image 0 any more"), "{error}");
}

/// A bench of a `.cs` file with these columns besides `uid`, whose rows were converted in turn.
fn cs(columns: &[CsSource]) -> Bench {
    let bench = Bench::new();
    let all: Vec<CsSource> =
        [CsSource::new("uid", CsData::U64(&[70, 71]))].into_iter().chain(columns.iter().copied()).collect();
    fs::write(bench.path("run.cs"), write_cs(Vec::new(), &all).unwrap()).unwrap();
    bench.write_stack(0, &vec![(0, "a.mrc", 0), (1, "a.mrc", 1)], &[70, 71]);
    let mut manifest = bench.manifest(json!({"kind": "indexed-cs"}), &["run.cs"], &[2]);
    manifest["settings"]["pixel_size"] = json!([1.5, 1.5]);
    bench.write_manifest(&manifest);
    bench
}

#[test]
fn fields_of_a_cs_file_are_replaced_in_their_types_and_appended_where_there_are_none() {
    let old = [0.25_f32; 6];
    let bench = cs(&[
        CsSource { name: "alignments3D/pose", shape: &[3], values: CsData::F32(&old) },
        CsSource::new("alignments3D/class", CsData::I64(&[7, 7])),
        CsSource::new("alignments3D/error", CsData::F32(&[3.0, 4.0])),
    ]);
    let poses = poses(2);
    export(&bench, "o.cs", &poses).0.unwrap();
    let mut cs = CsReader::open(bench.path("o.cs")).unwrap();
    let types: Vec<String> =
        cs.fields().map(|field| format!("{} {} {:?}", field.name, field.dtype, field.shape)).collect();
    assert_eq!(
        types,
        [
            "uid <u8 []",
            "alignments3D/pose <f4 [3]",
            "alignments3D/class <i8 []",
            "alignments3D/error <f4 []",
            "alignments3D/shift <f4 [2]",
            "alignments3D/psize_A <f4 []",
            "verglas/log_likelihood <f8 []"
        ]
    );
    let mut read = |name: &str| cs.read_columns(&[name]).unwrap().remove(0).into_f64().unwrap();
    assert_eq!(read("uid"), [70.0, 71.0]);
    assert_eq!(read("alignments3D/error"), [3.0, 4.0]);
    assert_eq!(read("alignments3D/class"), [2.0, 0.0]);
    assert_eq!(read("alignments3D/psize_A"), [1.5, 1.5]);
    assert_eq!(read("alignments3D/shift"), [1.0, -3.0, f64::from(2.5_f32 / 1.5), f64::from(-5.5_f32 / 1.5)]);
    assert_eq!(read("verglas/log_likelihood"), [-1000.0, -1001.0]);
    let vectors = read("alignments3D/pose");
    for (pose, vector) in poses.iter().flatten().zip(vectors.as_chunks::<3>().0) {
        let [rot, tilt, psi] = pose.angles_deg;
        let expected = Pose::from_degrees(rot, tilt, psi).matrix();
        let found = Pose::from_rotation_vector(*vector).matrix();
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            assert!((found - expected).abs() < 1e-6, "{vector:?}");
        }
    }
}

#[test]
fn fields_that_can_not_hold_a_pose_are_reported() {
    let bench = cs(&[CsSource { name: "alignments3D/pose", shape: &[2], values: CsData::F32(&[0.0; 4]) }]);
    let error = export(&bench, "o.cs", &poses(2)).0.unwrap_err().to_string();
    assert!(
        error.contains("`alignments3D/pose` is <f4 of shape [2], which can't hold numbers of shape [3]"),
        "{error}"
    );
    let bench = cs(&[CsSource::new("alignments3D/psize_A", CsData::I32(&[1, 1]))]);
    let error = export(&bench, "o.cs", &poses(2)).0.unwrap_err().to_string();
    assert!(error.contains("`alignments3D/psize_A` is <i4"), "{error}");
    assert!(!bench.path("o.cs").exists());
}
